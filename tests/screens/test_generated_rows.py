"""What a generate job made, on Live and in Label, with real keys."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from fixtures_workspace import StillApp, make
from pilots import shown, until

from flywheel_tui.jobs import run_foreground
from flywheel_tui.records.live import Newest
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.stages.live import rows_of_job
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace
from screens.glyphs import Glyphs
from screens.jobs import outcome
from screens.label import LabelScreen
from screens.live_text import newest_lines


def generated(workspace: Workspace, count: int, seeds: str) -> None:
    options = GenerateOptions(recipe="qa", into="fresh", seeds=seeds, count=count, backend="offline")
    asked = announce(workspace, options)
    run_foreground(
        workspace, "generate", msgspec.to_builtins(asked.options), title="generate", dataset_id=asked.dataset_id
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two jobs have made rows in the same data set."""
    workspace = make(tmp_path, count=6, labels=False)
    generated(workspace, 3, "bread, tides")
    generated(workspace, 2, "bees, bridges")
    return workspace


async def test_the_rows_of_a_job_and_no_others_are_labelled(workspace: Workspace) -> None:
    second, first = (job.id for job in queue.list_jobs(workspace.store, limit=2))
    made = rows_of_job(workspace, second)
    assert len(made) == 2 and not set(made) & set(rows_of_job(workspace, first))
    words, well = outcome(queue.get_job(workspace.store, second))
    assert well and "Generated 2 rows -> fresh" in words and f"L labels the rows of job {second}" in words
    async with StillApp(workspace, dataset="demo", start="live").run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: "written" in shown(pilot), "the rows are not called written")
        assert "L labels its rows" in shown(pilot) and "passed" not in shown(pilot)
        await pilot.press("L")
        await until(pilot, lambda: isinstance(pilot.app.screen, LabelScreen), "Label does not open")
        screen = pilot.app.screen
        assert isinstance(screen, LabelScreen)
        await until(pilot, lambda: screen.session is not None, "no sitting begins")
        assert screen.session is not None and len(screen.session) == 2 and screen._marked == made


def test_a_rejected_row_names_its_rule_once_and_says_why() -> None:
    no = Newest(text="What is bread?", passed=False, kind="not_novel", note="ROUGE-L 0.91")
    [(_, line)] = newest_lines([no], Glyphs(), wide=True, made=True)
    assert line.plain.count("not_novel") == 1 and "rejected" in line.plain and "ROUGE-L 0.91" in line.plain
