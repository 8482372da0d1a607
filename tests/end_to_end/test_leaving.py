"""Leaving at once, whatever is under way, is not an error."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flywheel_tui.stages.setup import fill_with_demo, make_workspace
from screens.app import FlywheelApp
from screens.label import LabelScreen


@pytest.mark.parametrize("place", ["datasets", "browse", "label"])
async def test_leaving_at_once(place: str, tmp_path: Path) -> None:
    with make_workspace(tmp_path / "work") as workspace:
        fill_with_demo(workspace)
        for steps in range(0, 40, 3):
            app = FlywheelApp(workspace, dataset="demo-support", reviewer="ana", start=place, worker=False)
            async with app.run_test(size=(100, 30)):
                for _ in range(steps):
                    await asyncio.sleep(0.002)
            assert app.return_code in (0, None)


async def test_what_comes_back_late_finds_no_screen_to_draw_on(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "work") as workspace:
        fill_with_demo(workspace)
        app = FlywheelApp(workspace, dataset="demo-support", reviewer="ana", start="label", worker=False)
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.pause(0.3)
            screen = app.screen
            assert isinstance(screen, LabelScreen)
            screen.on_board_resized()
        assert app.return_code in (0, None)
