"""A key waits for the one before it: what is typed quickly lands in the dialog and the field that it was meant for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import settle, until
from textual import events
from textual.app import App
from textual.widgets import Input

from flywheel_tui.stages.back_ends import NAMES
from flywheel_tui.stages.setup import fill_with_demo, make_workspace
from flywheel_tui.workspace import Workspace
from screens.app import FlywheelApp
from screens.datasets import DatasetsScreen
from screens.judge_dialog import Chooser


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "work")
    fill_with_demo(made)
    return made


def together(app: App[None], *keys: str) -> None:
    """Post keys without a pause between them, as the driver does with what arrives at once."""
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else None)
        event.set_sender(app)
        app.post_message(event)


async def test_what_is_typed_right_after_a_dialog_is_opened_lands_in_its_fields(workspace: Workspace) -> None:
    app = FlywheelApp(workspace, dataset="demo-support", reviewer="ana", start="datasets", worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        together(app, "J", *["down"] * 3, "right", "down", "down", *"watched", "down", "ctrl+u", "4")
        await until(pilot, lambda: app.screen.query("#calls"), "the dialog is not there")
        fields = {name: app.screen.query_one(f"#{name}", Input) for name in ("tag", "calls", "where")}
        await until(pilot, lambda: fields["calls"].value == "4", "the last key did not land")
        assert (fields["tag"].value, fields["where"].value) == ("watched", "")


async def test_the_key_before_a_dialog_has_been_looked_at(workspace: Workspace) -> None:
    app = FlywheelApp(workspace, reviewer="ana", start="datasets", worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, DatasetsScreen)
        second = list(screen._summaries)[1]
        together(app, "home", "down", "J", "down", "m")
        await until(pilot, lambda: app.screen.query("#model"), "the dialog is not there")
        await until(pilot, lambda: "m" in app.screen.query_one("#model", Input).value, "the letter did not land")
        assert second in str(app.screen.query_one("#judge").border_title)
        together(app, "escape", "up")
        await until(pilot, lambda: app.screen is screen and screen.table.cursor_row == 0, "not back in the list")


async def test_a_letter_does_not_go_to_the_field_before(workspace: Workspace) -> None:
    app = FlywheelApp(workspace, dataset="demo-support", reviewer="ana", start="datasets", worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("J")
        await until(pilot, lambda: app.screen.query("#backend"))
        await settle(pilot)
        chosen = app.screen.query_one("#backend", Chooser).value
        assert chosen in NAMES
        together(app, "down", *"hl")
        await until(pilot, lambda: app.screen.query_one("#model", Input).value.endswith("hl"), "the letters are lost")
        assert app.screen.query_one("#backend", Chooser).value == chosen
