"""Train with real keys over runs as the trainer writes them: the curve, stopping, going on, the log, the plan first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_workspace import NOON, StillApp, make
from pilots import shown, until
from textual.pilot import Pilot

from flywheel_tui.stages.train.history import STOP_FILE
from flywheel_tui.store import jobs as queue
from flywheel_tui.store import training
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.training import MetricRow, NewAdapter, NewRun
from flywheel_tui.workspace import Workspace

Compare = Callable[..., bool]
LOG = "step 40\n\x1b]52;c;AAAA\x07 [@click=app.quit]quit[/] [/b\n"


def filled(folder: Path) -> Workspace:
    """A run that is done, one that failed, one that was stopped; none of them a real process."""
    workspace = make(folder, count=6)
    with workspace.store.tx() as connection:
        dataset = get_dataset(connection, "demo").id
        for name, state, steps in (("first", "done", 60), ("second", "failed", 20), ("third", "stopped", 40)):
            run = training.add_run(connection, NewRun(
                name=name, dataset_id=dataset, job_id=None, parent_id=None, method="sft", base="models/pocket",
                base_hash="b" * 64, seed=0, plan={},
            ))  # fmt: skip
            rows = [MetricRow(step, "loss", 3.0 * math.exp(-step / 20) + 0.1, NOON) for step in range(1, steps + 1)]
            rows += [
                MetricRow(step, "eval_loss", 3.1 * math.exp(-step / 22) + 0.2, NOON) for step in range(10, steps, 10)
            ]
            rows += [MetricRow(steps, "tokens_per_s", 5120.0, NOON), MetricRow(steps, "learning_rate", 2e-4, NOON)]
            training.add_metrics(connection, run.id, rows)
            training.set_run(
                connection, run.id, state=state, step=steps, steps=60, checkpoint="checkpoint-40",
                reason="out of memory: try --batch 4 [/b" if state == "failed" else None,
                totals={"seconds": 93.0, "peak_bytes": 3 * 2**30, "device": "cpu", "notes": []},
            )  # fmt: skip
            (workspace.root / run.folder).mkdir(parents=True)
            (workspace.root / run.folder / "log.txt").write_text(LOG, "utf-8")
        training.add_adapter(connection, NewAdapter(
            name="first", training_run_id=1, base="models/pocket", base_hash="b" * 64, path="adapters/first",
            method="sft", hash="a" * 64, parent_id=None,
        ))  # fmt: skip
        connection.execute("UPDATE training_run SET created = ?", (NOON - 3_600_000_000,))
    return workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    yield filled(tmp_path)


async def test_figures_reason_and_log_of_the_run_at_the_cursor(workspace: Workspace) -> None:
    async with StillApp(workspace, start="train").run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "5,120" in shown(pilot) and "nothing trains" in shown(pilot), "not read")
        await pilot.press("down")
        await until(pilot, lambda: "out of memory: try --batch 4 [/b" in shown(pilot), "the reason is not said")
        await pilot.press("L")
        await until(pilot, lambda: "log of run 2" in shown(pilot) and "[@click=app.quit]" in shown(pilot), "no log")
        await pilot.press("escape", "down")
        await until(pilot, lambda: "adapter first: candidate" in shown(pilot), "the adapter is not shown")


async def test_going_on_puts_the_run_in_the_queue(workspace: Workspace) -> None:
    async with StillApp(workspace, start="train").run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "stopped" in shown(pilot), "not read")
        await pilot.press("s")
        await pilot.pause(0.2)
        await pilot.press("r")
        await until(pilot, lambda: queue.list_jobs(workspace.store), "nothing was queued")
    [job] = queue.list_jobs(workspace.store)
    assert (job.kind, job.args["resume"], job.args["dataset"]) == ("train", 3, "demo")
    assert not (workspace.root / "training" / "run-0003" / STOP_FILE).exists(), "a run that is stopped cannot be"


async def test_evaluating_names_the_adapter_and_the_data(workspace: Workspace) -> None:
    async with StillApp(workspace, start="train").run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "stopped" in shown(pilot), "not read")
        await pilot.press("end")
        await until(pilot, lambda: "adapter first" in shown(pilot) or pilot.app.screen.current.run.id == 1, "no run 1")
        await pilot.press("e")
        await until(pilot, lambda: "held-out data set" in shown(pilot), "no question")
        await pilot.press("enter")
        await until(pilot, lambda: queue.list_jobs(workspace.store), "nothing was queued")
    [job] = queue.list_jobs(workspace.store)
    assert (job.kind, job.args["adapter"], job.args["base"]) == ("evaluate", "first", "models/pocket")


async def test_a_run_that_cannot_be_says_why_before_it_begins(workspace: Workspace) -> None:
    async with StillApp(workspace, start="train").run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: "stopped" in shown(pilot), "not read")
        await pilot.press("n")
        await until(pilot, lambda: "train on" in shown(pilot), "no list")
        await pilot.press("enter")
        await until(pilot, lambda: "base model" in shown(pilot), "no base is asked for")
        await pilot.press("enter")
        await until(pilot, lambda: "learn the answers" in shown(pilot), "no method is asked for")
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app._notifications or "train?" in shown(pilot), "nothing is said")
    assert not queue.list_jobs(workspace.store)


async def test_without_runs_it_says_what_to_do(tmp_path: Path) -> None:
    async with StillApp(make(tmp_path, count=2), start="train").run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "the plan first" in shown(pilot), "nothing is said")


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("theme", ["flywheel-dark", "flywheel-mono"])
def test_how_it_looks(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    async def read(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: "tokens/s" in shown(pilot) or "third" in shown(pilot), "not read")
        await pilot.pause(0.3)

    assert snap_compare(StillApp(filled(tmp_path), theme=theme, start="train"), terminal_size=size, run_before=read)
