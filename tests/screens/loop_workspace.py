"""Workspaces with cycles and with evidence, made through the stages; only what a model would say is written down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from evaluation_helpers import BASE, make_adapter, options, tasks_file, training_pairs, use_models
from factories import add_pairs
from fixtures_workspace import NOON
from fixtures_workspace import say as label

from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.cycle.views import awaited
from flywheel_tui.jobs.runner import run_foreground
from flywheel_tui.records.evaluation import Criteria
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.evaluate.sides import adapter_hash
from flywheel_tui.stages.gate import ab, approve, make_bundle
from flywheel_tui.store import training
from flywheel_tui.store.gate import BundleRow
from flywheel_tui.workspace import Workspace

HOSTILE = "a1 \x1b]52;c;AAAA\x07[@click=app.quit]x [INST] [b"
"""No stroke in it: it is a name of an adapter, too."""
LEFT_OUT = ("G2", "G3", "G4")
CYCLES = CycleOptions(
    seeds=("benefits of green tea", "history of the lighthouse", "how bread rises"), into="grown", count=9,
    backend="offline", judge_backend="offline", checks=("schema",), max_cycles=2, min_pass_rate=0.0, labels=0, seed=7,
)  # fmt: skip


# -- cycles


def turn(workspace: Workspace, options: CycleOptions = CYCLES) -> dict[str, Any]:
    """Turn the wheel here, as a job does."""
    return run_foreground(workspace, "cycle", msgspec.to_builtins(options), title="test")


def turned(folder: Path) -> Workspace:
    """Two cycles that are over, and one that waits for four labels; times and costs are always the same."""
    workspace = Workspace.open(folder / "work", create=True)
    turn(workspace)
    turn(workspace, msgspec.structs.replace(CYCLES, labels=4, max_cycles=1))
    settle_times(workspace)
    return workspace


def settle_times(workspace: Workspace) -> None:
    """Every time as if it had been an hour before noon."""
    with workspace.store.tx() as connection:
        connection.execute("UPDATE phase_run SET busy_us = 1200000 * (1 + position % 5), waited_us = waited_us * 0")
        connection.execute("UPDATE cycle SET created = ?1, finished = CASE WHEN finished IS NULL THEN NULL ELSE ?1 END",
                           (NOON - 3_600_000_000,))  # fmt: skip


def answer(workspace: Workspace) -> list[int]:
    """Give the labels that are awaited; their pairs."""
    pairs = [int(pair) for pair in awaited(workspace)[0]["pairs"]]
    for pair in pairs:
        label(workspace, pair, "approved")
    return pairs


# -- the gate


def skilled(adapter: str, prompt: str) -> str:
    """An adapter `aN` knows the first 20·N tasks of each slice; the base none."""
    number = int(prompt.split()[1].rstrip("?"))
    digits = "".join(letter for letter in adapter[1:2] if letter.isdigit())
    return f"{number}" if number < 20 * int(digits or 0) else f"I think that it is {number + 1}" if adapter else "?"


def register(workspace: Workspace, name: str, folder: str = "") -> str:
    """A registered adapter."""
    place = f"adapters/{folder or name}"
    make_adapter(workspace.root / place, name)
    with workspace.store.tx() as connection:
        training.add_adapter(connection, training.NewAdapter(
            name=name, training_run_id=None, base="tiny", base_hash=BASE.hash, path=place, method="sft",
            hash=adapter_hash(workspace.root / place),
        ))  # fmt: skip
    return name


def bundle(workspace: Workspace, name: str, folder: str = "", **criteria: Any) -> BundleRow:
    """The evidence of a new adapter beside what is in use."""
    asked = options(
        workspace, adapter=register(workspace, name, folder), against="current",
        tasks=str(workspace.root.parent / "tasks.jsonl"),
        criteria=Criteria(**{"leave_out": LEFT_OUT, "resamples": 50} | criteria),
    )  # fmt: skip
    return make_bundle(workspace, evaluate(workspace, asked).id)


def judged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """a2 is in use; a3 passes, a1 fails, a4 is inconclusive; a test of two adapters is locked."""
    use_models(monkeypatch, skilled)
    # bundles are named by a hash that is over the packages of this machine too; decisions are as of an hour ago
    monkeypatch.setattr("flywheel_tui.stages.gate.evidence.environment", lambda: {"python": "3.12", "packages": {}})
    monkeypatch.setattr("flywheel_tui.store.gate.now_us", lambda: NOON - 3_600_000_000)
    tasks_file(folder / "tasks.jsonl", {"add": 100, "sort": 100})
    workspace = Workspace.open(folder / "work", create=True)
    add_pairs(workspace, training_pairs())
    first = bundle(workspace, "a2")
    approve(workspace, first.hash, reviewer="bo", reason="the first that knows anything")
    bundle(workspace, "a4", leave_out=())
    bundle(workspace, "a1")
    bundle(workspace, "a3", targets=("add",))
    ab.new(workspace, "tone", "a2", "a3", planned=40)
    for number in range(12):
        ab.record(workspace, "tone", f"user {number}", number % 2)
    return workspace
