"""Training left to the workers, with the small model that ships: paused, gone on with by another worker, cancelled."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner, Result
from factories import add_pairs, pair_ids, say
from test_train_stops import losses, trainers_of, wait_for

from flywheel_tui.cli import cli
from flywheel_tui.jobs.pool import ensure_workers, stop_workers
from flywheel_tui.records.pair import Draft
from flywheel_tui.resources import shipped
from flywheel_tui.stages import train
from flywheel_tui.store import jobs
from flywheel_tui.store import training as store
from flywheel_tui.tasks import make
from flywheel_tui.workspace import Workspace

pytestmark = pytest.mark.train
USUAL = ("--max-steps", "60", "--batch", "8", "--lr", "1e-3", "--max-length", "64", "--threads", "1", "--cpu", "--yes",
         "--dropout", "0.1", "--seed", "5", "--save-steps", "50")  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """40 tasks with their answers, accepted."""
    for package in ("torch", "transformers", "peft", "trl"):
        pytest.importorskip(package)
    made = Workspace.open(tmp_path / "ws", create=True)
    rng = Random(1)
    tasks = [make("sort", rng) for _ in range(40)]
    add_pairs(made, [Draft(instruction=one.prompt, output=one.answer, line=at) for at, one in enumerate(tasks, 1)])
    for pair in pair_ids(made):
        say(made, pair, "approved")
    yield made
    stop_workers(made.root)
    made.close()


def flywheel(workspace: Workspace, *words: str) -> Result:
    told = CliRunner().invoke(cli, ["-w", str(workspace.root), *words])
    assert told.exception is None, (told.output, told.exception)
    return told


def background(workspace: Workspace, name: str, base: str) -> Path:
    """Leave a training to the workers; the folder of its run, once it has gone some steps."""
    told = flywheel(workspace, "train", "-d", "demo", "--base", base, "--name", name, *USUAL, "--background")
    assert "Job " in told.stdout
    run = wait_for(lambda: [row for row in train.runs(workspace) if row.name == name and row.step >= 4])[0].id
    return workspace.root / "training" / f"run-{run:04d}"


def ended(workspace: Workspace, job: int, state: str) -> bool:
    return jobs.get_job(workspace.store, job).state == state


def test_paused_and_gone_on_with_by_another_worker(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The losses and the adapter are those of a run that nobody paused; the model was named by a relative path."""
    shutil.copytree(shipped("models") / "pocket", tmp_path / "here" / "pocket")
    monkeypatch.chdir(tmp_path / "here")
    folder = background(workspace, "parts", "pocket")
    flywheel(workspace, "jobs", "pause", "1")
    wait_for(lambda: ended(workspace, 1, "paused"))
    assert not trainers_of(folder) and 4 <= train.runs(workspace)[0].step < 60
    assert stop_workers(workspace.root)
    monkeypatch.chdir(tmp_path)
    flywheel(workspace, "jobs", "resume", "1")
    ensure_workers(workspace, 1)
    wait_for(lambda: ended(workspace, 1, "done"), 90)
    job = jobs.get_job(workspace.store, 1)
    assert (job.done, job.total, job.attempt) == (60, 60, 2)
    flywheel(workspace, "train", "-d", "demo", "--base", "here/pocket", "--name", "whole", *USUAL)
    parts, whole = (losses(workspace, run) for run in (1, 2))
    assert sorted(parts) == list(range(1, 61)) and parts == whole
    one, two = (store.adapter_named(workspace.store.read(), name) for name in ("parts", "whole"))
    assert one.hash == two.hash


def test_cancelled_it_is_kept_and_can_be_taken_up_again(workspace: Workspace) -> None:
    folder = background(workspace, "ended", str(shipped("models") / "pocket"))
    flywheel(workspace, "jobs", "cancel", "1")
    wait_for(lambda: ended(workspace, 1, "cancelled"))
    assert not trainers_of(folder)
    (run,) = train.runs(workspace)
    assert run.state == "stopped" and run.checkpoint is not None and 4 <= run.step < 60
    assert not store.adapters(workspace.store.read()), "an adapter that is not trained to its end is none"
    flywheel(workspace, "jobs", "retry", "1")
    ensure_workers(workspace, 1)
    wait_for(lambda: ended(workspace, 1, "done"), 90)
    assert sorted(losses(workspace, run.id)) == list(range(1, 61))
    assert [row.name for row in store.adapters(workspace.store.read())] == ["ended"]
