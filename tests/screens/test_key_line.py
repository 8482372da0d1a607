"""A key waits for the one before it: what is typed quickly lands in the dialog and the field that it was meant for."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import settle, shown, until
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


@pytest.mark.parametrize("start", ["label", "datasets"])
async def test_what_is_typed_after_go_to_is_for_the_place_gone_to(workspace: Workspace, start: str) -> None:
    app = FlywheelApp(workspace, dataset="demo-code", reviewer="ana", start=start, worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        together(app, "g", "d", "home", "down", "enter", "enter", "a", "a")
        await until(pilot, lambda: len(decided(workspace)) == 2, "two pairs are decided")
        assert decided(workspace) == {("demo-knowledge", 1), ("demo-knowledge", 2)}


async def test_what_is_typed_after_a_dialog_of_label_is_opened_is_for_the_dialog(workspace: Workspace) -> None:
    app = FlywheelApp(workspace, dataset="demo-code", reviewer="ana", start="label", worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        together(app, "s", "o", "r", "a")
        await until(pilot, lambda: len(decided(workspace)) == 2, "two pairs are decided")
        assert "queue: random" in shown(pilot)
        together(app, "n", *"once", "enter", "D", "down", "enter", "a")
        await until(pilot, lambda: ("demo-knowledge", 1) in decided(workspace), "the other data set is not labelled")


def decided(workspace: Workspace) -> set[tuple[str, int]]:
    """The pairs with a label: their data set, and where they stand in it."""
    query = (
        "SELECT d.name, c.position FROM label_current l JOIN pair_current c ON c.id = l.root_id"
        " JOIN dataset d ON d.id = c.dataset_id"
    )
    return {(name, position) for name, position in workspace.store.read().execute(query)}


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
