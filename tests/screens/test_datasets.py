"""Datasets with real keys: the list, the panel, taking in, writing out, and what it says when there is nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures_workspace import NOON, StillApp, add, drafts, make, say
from pilots import sees, shown
from textual.pilot import Pilot
from textual.widgets import Input

from flywheel_tui.jobs.runner import run_claimed
from flywheel_tui.jobs.task import Task
from flywheel_tui.stages import views
from flywheel_tui.store import claims
from flywheel_tui.workspace import Workspace
from screens.datasets import DatasetsScreen
from screens.ingest_dialog import IngestDialog, entries, name_for
from screens.widgets.dataset_panel import histogram


async def settle(pilot: Pilot[None]) -> None:
    """Until nothing is read or put in the queue any more."""
    groups = ("panel", "entries", "preview", "jobs")
    for _ in range(200):
        await pilot.pause(0.01)
        if not any(each.group in groups and not each.is_finished for each in pilot.app.workers):
            break
    await pilot.pause()


def work_off(workspace: Workspace) -> None:
    """What a worker would do, here and now."""
    with Workspace.open(workspace.root) as mine:
        job = claims.claim(mine.store, "test")
        assert job is not None
        run_claimed(mine, Task(mine.store, job), lease_s=30, every_s=5)


async def test_a_row_tells_what_is_in_a_data_set(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        text = shown(pilot)
        [row] = [line for line in text.splitlines() if line.startswith(" demo ")]
        assert "240" in row
        assert "2%" in row
        assert "1 min ago" in row
        assert "lengths" in text
        assert "made.jsonl" in text
        assert "✓ approved" in text


async def test_other_places_show_the_data_set_at_the_cursor_where_none_was_chosen(tmp_path: Path) -> None:
    with make(tmp_path, labels=False) as workspace:
        async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            await pilot.press("j", "g", "v")
            await sees(pilot, "30 pairs of prefs")
            await pilot.press("g", "d", "k", "g", "b")
            await sees(pilot, "prefs 30 pairs")
        async with StillApp(workspace, start="datasets").run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            await pilot.press("g", "l")
            await sees(pilot, "demo · 1/240")


async def test_writing_out_shows_where_on_a_small_terminal(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("x")
        await sees(pilot, "only", "split", "one file; or train=0.8,val=0.2", "exports/demo", "enter writes")


async def test_enter_browses_the_data_set_at_the_cursor(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "enter")
        await pilot.pause()
        assert pilot.app.current_mode == "browse"
        assert pilot.app.dataset == "prefs"


async def test_times_are_absolute_on_demand(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.press("t")
        await settle(pilot)
        assert "2025-10-09" in shown(pilot)
        await pilot.press("t")
        await settle(pilot)
        assert "1 min ago" in shown(pilot)


async def test_how_long_ago_stays_true_when_one_comes_back(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await sees(pilot, "1 min ago")
        pilot.app.clock = lambda: NOON + 9 * 60_000_000
        pilot.app.screen.store_changed()
        await sees(pilot, "10 min ago")
        assert "1 min ago" not in shown(pilot)


async def test_figures_follow_what_others_do(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.pause()
        screen = pilot.app.screen
        assert isinstance(screen, DatasetsScreen)
        for pair in range(10, 100):
            say(workspace, pair, "approved", reviewer="bo")
        add(workspace, "third", drafts(3), "c.jsonl")
        await sees(pilot, "third", " 40%")
        assert screen.current.row.name == "demo"


async def test_nothing_yet_says_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "new", create=True)
    async with StillApp(workspace).run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "Press i" in shown(pilot)
        assert "i ingest" in shown(pilot)
        assert "x export" not in shown(pilot)


async def test_a_file_is_found_looked_into_and_taken_in(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "files"
    (folder / "inner").mkdir(parents=True)
    rows = [{"instruction": f"Why {n}?", "input": "", "output": f"Because {n}."} for n in range(20)]
    (folder / "inner" / "My Pairs.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    monkeypatch.chdir(folder)
    async with StillApp(workspace).run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("i")
        await settle(pilot)
        assert "inner/" in shown(pilot)
        await pilot.press("tab")
        await settle(pilot)
        assert pilot.app.screen.query_one("#path", Input).value == f"{folder}/inner/"
        await pilot.press("down", "enter")
        await settle(pilot)
        await settle(pilot)
        assert "jsonl, layout" in shown(pilot)
        assert "Why 0?" in shown(pilot)
        assert pilot.app.screen.query_one("#name", Input).value == "my-pairs"
        assert "makes a new data set" in shown(pilot)
        await pilot.press("enter")
        await settle(pilot)
        work_off(workspace)
        await sees(pilot, "Ingested 20 pairs -> my-pairs")
        assert views.get_dataset(workspace, "my-pairs").pairs == 20


async def test_a_file_that_cannot_be_read_is_said_in_the_dialog(workspace: Workspace, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{nope\n")
    async with StillApp(workspace).run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("i")
        await settle(pilot)
        pilot.app.screen.query_one("#path", Input).value = str(bad)
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, IngestDialog)
        assert "bad.jsonl" in shown(pilot)
        assert not pilot.app.screen.has_class("-chosen")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, DatasetsScreen)


async def test_a_data_set_is_written_out(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("x")
        await pilot.pause()
        assert "only" in shown(pilot)
        await pilot.press("tab", "ctrl+u", *"label ==")
        await pilot.press("enter")
        await pilot.pause()
        assert "column" in shown(pilot) or "value" in shown(pilot)
        await pilot.press("ctrl+u", *"label == 'approved'", "enter")
        await settle(pilot)
        work_off(workspace)
        await sees(pilot, "Wrote 3 pairs")
        target = workspace.root / "exports" / "demo.jsonl"
        assert len(target.read_text().splitlines()) == 3


async def test_a_job_that_fails_says_why(workspace: Workspace) -> None:
    async with StillApp(workspace).run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.pause()
        pilot.app.start_job("export", {"dataset": "nowhere"}, "export nowhere")
        await settle(pilot)
        assert "export queued" in shown(pilot) or "queued" in shown(pilot)
        work_off(workspace)
        await sees(pilot, "no data set named 'nowhere'")


def test_entries_are_folders_first_and_hidden_last(tmp_path: Path) -> None:
    for name in ("b.jsonl", ".hidden", "a.csv"):
        (tmp_path / name).write_text("")
    (tmp_path / "zoo").mkdir()
    assert [each.name for each in entries(f"{tmp_path}/")] == ["zoo", "a.csv", "b.jsonl", ".hidden"]
    assert [each.name for each in entries(f"{tmp_path}/b")] == ["b.jsonl"]
    assert entries(f"{tmp_path}/no/such") == []


@pytest.mark.parametrize(
    ("file", "name"),
    [("My Pairs (1).jsonl", "my-pairs-1"), ("ÄÖ.csv", "data"), ("a.b.json.gz", "a"), ("-x-.json", "x")],
)
def test_names_come_from_files(file: str, name: str) -> None:
    assert name_for(Path(file)) == name


def test_histogram_counts_everything_once() -> None:
    counts, low, high = histogram([1.0] * 10 + [5.0, 9.0, 1000.0], bins=8)
    assert sum(counts) == 13
    assert (low, high) == (1.0, 1000.0)
    assert histogram([3.0])[0][0] == 1
