"""Stops, kills and faults: what was learned is kept, nothing is left running, and going on changes no number."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from train_helpers import options

from flywheel_tui.errors import Cancelled, ConflictError, UsageError
from flywheel_tui.locks import alone, is_held
from flywheel_tui.stages import train
from flywheel_tui.stages.train.checkpoints import MANIFEST
from flywheel_tui.stages.train.engine import TrainingFailed
from flywheel_tui.stages.train.history import PARENT_LOCK
from flywheel_tui.workspace import Workspace

pytestmark = pytest.mark.train


def losses(workspace: Workspace, run: int) -> dict[int, float]:
    """The loss of each step."""
    return {row.step: row.value for row in train.metrics(workspace, run, "loss")}


def trainers_of(run: Path) -> list[int]:
    """Live trainers that were told of this run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if f"{run}/plan.json" in line and state not in "ZX":
                found.append(int(entry.name))
    return found


def wait_for(check: Callable[[], Any], seconds: float = 40.0) -> Any:
    """What `check` gives, as soon as it is something."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


@contextmanager
def at_step(workspace: Workspace, run: int, step: int, act: Callable[[], object]) -> Iterator[None]:
    """Do something from beside as soon as the run has logged a step."""

    def look() -> None:
        other = Workspace.open(workspace.root)
        wait_for(lambda: [row for row in train.runs(other) if row.id == run and row.step >= step])
        act()
        other.close()

    thread = threading.Thread(target=look)
    thread.start()
    yield
    thread.join()


def test_stop_saves_and_resume_goes_on_with_the_same_numbers(workspace: Workspace, base: Path) -> None:
    usual = {"max_steps": 40, "save_steps": 100, "dropout": 0.1}
    whole = losses(workspace, train.train(workspace, options(base, name="whole", **usual)).run)
    with at_step(workspace, 2, 5, lambda: train.stop(Workspace.open(workspace.root), 2)):
        stopped = train.train(workspace, options(base, name="parts", **usual))
    assert stopped.state == "stopped" and 5 <= stopped.steps < 40
    assert train.run_numbered(workspace, 2).checkpoint is not None
    done = train.train(workspace, options(base, resume=2))
    assert done.state == "done" and done.adapter == "parts"
    parts = losses(workspace, 2)
    assert parts.keys() == whole.keys()
    assert max(abs(parts[step] - whole[step]) for step in whole) < 1e-4
    assert done.tokens == train.run_numbered(workspace, 1).totals["tokens"]
    with pytest.raises(UsageError, match="is done"):
        train.train(workspace, options(base, resume=2))


def test_the_same_seed_gives_the_same_adapter_and_another_does_not(workspace: Workspace, base: Path) -> None:
    one, two, other = (
        train.train(workspace, options(base, name=name, seed=seed, max_steps=6))
        for name, seed in (("one", 3), ("two", 3), ("other", 4))
    )
    assert losses(workspace, one.run) == losses(workspace, two.run)
    files = [Path(found.path) / "adapter_model.safetensors" for found in (one, two, other)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() != files[2].read_bytes()


def test_a_killed_trainer_is_told_and_goes_on_from_its_checkpoint(workspace: Workspace, base: Path) -> None:
    usual = {"max_steps": 60, "save_steps": 5, "name": "killed"}
    folder = workspace.root / "training" / "run-0001"
    with (
        at_step(workspace, 1, 12, lambda: [os.kill(pid, signal.SIGKILL) for pid in trainers_of(folder)]),
        pytest.raises(TrainingFailed, match="SIGKILL") as failed,
    ):
        train.train(workspace, options(base, **usual))
    assert failed.value.kind == "killed" and "--resume 1" in str(failed.value)
    assert train.run_numbered(workspace, 1).state == "failed"
    assert not trainers_of(folder)
    # the newest checkpoint is damaged: the one before it is taken
    newest = max((folder / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    (newest / "adapter_model.safetensors").write_bytes(b"torn")
    result = train.train(workspace, options(base, resume=1))
    assert result.state == "done"
    assert sorted(losses(workspace, 1)) == list(range(1, 61))
    assert MANIFEST not in [path.name for path in Path(result.path).iterdir()]


def test_no_trainer_outlives_its_parent(workspace: Workspace, base: Path, tmp_path: Path) -> None:
    arguments = ["-w", str(workspace.root), "train", "-d", "demo", "--base", str(base), "--max-steps", "100000"]
    arguments += [
        "--threads",
        "1",
        "--cpu",
        "--yes",
        "--save-steps",
        "100000",
        "--name",
        "orphan",
        "--max-length",
        "64",
    ]
    parent = subprocess.Popen(
        [sys.executable, "-c", "from flywheel_tui.cli import main; main()", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    folder = workspace.root / "training" / "run-0001"
    try:
        wait_for(lambda: [row for row in train.runs(workspace) if row.step >= 3])
        assert len(trainers_of(folder)) == 1
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not trainers_of(folder), 15)
    run = train.runs(workspace)[0]
    assert run.state == "interrupted" and "--resume 1" in str(run.reason)
    assert list((folder / "checkpoints").glob(f"checkpoint-*/{MANIFEST}")), "it saved before it ended"
    assert not is_held(folder / "trainer.lock")


def test_a_cancelled_job_stops_and_is_kept(workspace: Workspace, base: Path) -> None:
    class Asked:
        """A task that is cancelled once the training is under way."""

        steps = 0

        def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
            self.steps = done if phase == "training" else self.steps

        def event(self, level: str, text: str) -> None:
            return

        def check(self) -> None:
            if self.steps > 3:
                raise Cancelled("cancelled by a test")

    with pytest.raises(Cancelled):
        train.train(workspace, options(base, max_steps=5000, save_steps=10_000), Asked())
    run = train.runs(workspace)[0]
    assert run.state == "stopped" and run.checkpoint is not None
    assert not trainers_of(workspace.root / run.folder)


def test_a_full_disk_is_told_with_advice(workspace: Workspace, base: Path) -> None:
    # files of more than 6 MB cannot be written: the adapter of rank 2,048 is larger, the database is not
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6_000_000, hard))
    try:
        with pytest.raises(TrainingFailed, match="disk is full") as failed:
            train.train(workspace, options(base, r=2048, save_steps=2, max_steps=4))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.value.kind == "disk_full"
    assert "--keep-checkpoints" in failed.value.advice
    # with room again, the same run is finished; what was not whole is not loaded
    result = train.train(workspace, options(base, resume=1))
    assert result.state == "done" and result.steps == 4


def test_memory_that_is_not_enough_is_told_with_advice(base: Path) -> None:
    import torch

    from flywheel_tui.stages.train.faults import fault_of

    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 50)
    for error in (refused.value, MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")):
        fault = fault_of(error)
        assert fault.kind == "oom"
        assert "--batch" in fault.advice and "--resume" in fault.advice
    assert fault_of(ValueError("odd")).kind == "error"


def test_a_loss_that_is_no_number_stops(workspace: Workspace, base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(base, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingFailed, match="no number") as failed:
        train.train(workspace, options(broken, max_steps=50, held_out=0.0))
    assert failed.value.kind == "nan" and "learning rate" in failed.value.advice
    run = train.runs(workspace)[0]
    assert run.state == "failed" and run.step < 5


def test_one_parent_at_a_time(workspace: Workspace, base: Path) -> None:
    folder = workspace.root / "training" / "run-0001"
    folder.mkdir(parents=True)
    with alone(folder / PARENT_LOCK, "never"), pytest.raises(ConflictError, match="another process"):
        train.train(workspace, options(base, max_steps=1))
