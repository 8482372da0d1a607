"""Keys that arrive together, as over a slow line, do what they do when they arrive one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from flywheel_tui.stages.setup import fill_with_demo, make_workspace
from flywheel_tui.workspace import Workspace
from screens.app import FlywheelApp
from screens.browse import BrowseScreen
from screens.datasets import DatasetsScreen
from screens.label import LabelScreen


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = make_workspace(tmp_path / "work")
    fill_with_demo(made)
    return made


async def together(pilot: Pilot[None], *keys: str) -> None:
    """Post keys without a pause between them, as the driver does."""
    for key in keys:
        event = events.Key(key, key if len(key) == 1 else None)
        event.set_sender(pilot.app)
        pilot.app.post_message(event)
    for _ in range(20):
        await pilot.pause(0.02)


@pytest.mark.parametrize("start", ["datasets", "browse", "label"])
@pytest.mark.parametrize(("letter", "place"), [("d", DatasetsScreen), ("b", BrowseScreen), ("l", LabelScreen)])
async def test_go_to_and_its_letter(workspace: Workspace, start: str, letter: str, place: type[object]) -> None:
    app = FlywheelApp(workspace, dataset="demo-preference", reviewer="ana", start=start, worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await together(pilot, "g", letter)
        assert isinstance(app.screen, place)
        labels = workspace.store.read().execute("SELECT count(*) FROM label_event WHERE action = 'label'").fetchone()[0]
        assert labels == 0, "the second key of the two was taken for a decision"


async def test_a_decision_before_it_is_taken_too(workspace: Workspace) -> None:
    app = FlywheelApp(workspace, dataset="demo-preference", reviewer="ana", start="label", worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await together(pilot, "h", "h", "g", "d")
        assert isinstance(app.screen, DatasetsScreen)
        assert (
            workspace.store.read().execute("SELECT count(*) FROM label_event WHERE action = 'label'").fetchone()[0] == 2
        )


async def test_typing_a_g_is_typing(workspace: Workspace) -> None:
    app = FlywheelApp(workspace, dataset="demo-support", reviewer="ana", start="browse", worker=False)
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("slash", *"ginger")
        await pilot.pause(0.1)
        screen = app.screen
        assert isinstance(screen, BrowseScreen)
        assert screen.state is not None and screen.state.query.search == "ginger"
