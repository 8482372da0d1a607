"""The lineage of a generated pair with real keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fixtures_workspace import StillApp, make
from textual.pilot import Pilot

from flywheel_tui.jobs import run_foreground
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.lineage_tree import LineageScreen


def shown(pilot: Pilot[None]) -> str:
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], holds: Callable[[], object], what: str) -> None:
    for _ in range(100):
        if holds():
            return
        await pilot.pause(0.05)
    raise AssertionError(f"{what}; there was:\n{shown(pilot)}")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make(tmp_path, count=6, labels=False)
    options = GenerateOptions(
        recipe="qa", into="fresh", seeds="[@click=app.quit] bread, [@click=app.quit] tides", count=4, backend="offline"
    )
    asked = announce(workspace, options)
    run_foreground(
        workspace, "generate", msgspec.to_builtins(asked.options), title="generate", dataset_id=asked.dataset_id
    )
    return workspace


async def test_a_made_row_leads_back_to_its_seed_and_enter_opens_it(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="fresh", start="browse").run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(pilot.app.screen, LineageScreen), "no tree")
        for words in (
            "lineage of",
            "made by qa",
            "seeded",
            "[@click=app.quit]",
            "offline",
            "nobody has said anything",
        ):
            await until(pilot, lambda words=words: words in shown(pilot), f"{words!r} is not shown")
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, BrowseScreen), "it does not open")
        await until(pilot, lambda: "from the lineage" in shown(pilot), "it is not that pair")
