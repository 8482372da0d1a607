"""The lineage of a generated pair with real keys."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fixtures_workspace import StillApp, make
from pilots import shown, until

from flywheel_tui.jobs import run_foreground
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.lineage_tree import LineageScreen


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
