"""The demonstration: the real wheel with the small model that ships, and its results beside one another.

Nothing is staged: the model really fails, really learns, and is really measured on tasks that nobody saw. What stands
in for people says so: scenarios and labels are given by a script, and the gate waits for a person unless a name and a
reason were given in advance.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.cycle.engine import RunReport, identity
from flywheel_tui.cycle.options import CycleOptions
from flywheel_tui.resources import shipped
from flywheel_tui.store import cycles as store
from flywheel_tui.store import evaluations

if TYPE_CHECKING:
    from flywheel_tui.store.evaluations import EvaluationRow
    from flywheel_tui.workspace import Workspace

MODEL = "pocket"
DATASET = "demo-skills"
TRAIN: dict[str, Any] = {
    "epochs": 2.0, "learning_rate": 1e-3, "r": 16, "alpha": 32, "dropout": 0.0, "batch": 32, "max_length": 96,
    "threads": 1, "held_out": 0.0, "cpu": True, "precision": "fp32",
}  # fmt: skip
"""What a model of some million parameters bears: steps are cheap, and rows are short."""
COUNT, LABELS, HELD_OUT, PROBE, MOST_STEPS = 3200, 80, 800, 400, 240
"""Held-out and probe tasks for each skill: as many as it takes to prove a difference of 0 within the gate's margins,
on the other skills and on past failures (which the probe tasks become)."""


class SkillLine(msgspec.Struct, frozen=True, kw_only=True):
    """Held-out accuracy of one skill before and after a cycle, with intervals (95 %), and McNemar's exact p.

    `target` says that the cycle was to improve it. `before` and `after` are (value, low, high).
    """

    cycle: int
    skill: str
    target: bool
    n: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    difference: tuple[float, float, float]
    p: float | None


class CycleResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one cycle: the lines by skill, and the gate."""

    cycle: int
    lines: tuple[SkillLine, ...]
    verdict: str
    gates: dict[str, str]
    why: str
    decision: str
    by: str


def model_folder() -> Path:
    """Where the small model lies. Raises UsageError where it was not shipped."""
    from flywheel_tui.errors import UsageError

    folder = shipped("models") / MODEL
    if not (folder / "model.safetensors").is_file():
        raise UsageError(
            f"{folder}: the small model is not there; make it with: python data/models/make_small_model.py"
        )
    return folder


def demo_options(
    cycles: int, seed: int, *, count: int = COUNT, poison: bool = False, sign: tuple[str, str] | None = None
) -> CycleOptions:
    """The options of the demonstration. Raises MissingExtraError without the extra `train`."""
    from flywheel_tui.stages.train.hardware import check_extra

    check_extra()
    return CycleOptions(
        driver="tasks", into=DATASET, base=str(model_folder()), train="always", count=count, labels=LABELS,
        max_cycles=cycles, min_pass_rate=0.0, plateau_cycles=0, checks=("schema", "unicode"), seed=seed,
        extra={
            "probe": PROBE, "heldout": HELD_OUT, "train": TRAIN, "most_steps": MOST_STEPS, "poison": poison,
            **({"sign": {"name": sign[0], "reason": sign[1]}} if sign else {}),
        },
    )  # fmt: skip


def finished(workspace: Workspace, options: CycleOptions) -> RunReport | None:
    """The report of this very demonstration where it is over already; None where it is not."""
    connection = workspace.store.read()
    hash = store.hash_of(identity(options))
    for row in store.list_runs(connection):
        rows = store.list_cycles(connection, row.id)
        if row.config_hash == hash and row.state == "done" and len(rows) >= options.max_cycles:
            return RunReport(
                run=row.id, state=row.state, stop_reason=row.stop_reason, awaits=None,
                cycles=tuple({"number": one.number, "state": one.state, **(one.summary or {})} for one in rows),
            )  # fmt: skip
    return None


def results(workspace: Workspace, cycles: Sequence[int] | None = None) -> list[CycleResult]:
    """What was measured in each cycle (of these), from the evaluations that the gate saw."""
    connection = workspace.store.read()
    found = []
    for row in sorted(evaluations.list_evaluations(connection, limit=10_000), key=lambda row: row.id):
        if row.result is None or row.cycle is None or (cycles is not None and row.cycle not in cycles):
            continue
        found.append(_result(workspace, row))
    return found


def _result(workspace: Workspace, row: EvaluationRow) -> CycleResult:
    from flywheel_tui.store import gate

    assert row.result is not None and row.cycle is not None
    lines = tuple(
        SkillLine(
            cycle=row.cycle, skill=one.slice, target=one.slice in row.options.criteria.targets, n=one.n,
            before=_number(one.base), after=_number(one.candidate), difference=_number(one.difference), p=one.p,
        )
        for one in (*row.result.slices, row.result.overall)
    )  # fmt: skip
    bundles = [one for one in gate.bundles(workspace.store.read(), limit=10_000) if one.evaluation_id == row.id]
    bundle = bundles[0] if bundles else None
    return CycleResult(
        cycle=row.cycle, lines=lines, verdict=bundle.verdict if bundle else "",
        gates={one.gate: one.verdict for one in bundle.gates} if bundle else {},
        why="; ".join(f"{one.gate}: {one.why}" for one in bundle.gates if one.verdict in ("FAIL", "INCONCLUSIVE")
                      and one.gate != "G7") if bundle else "",
        decision=(bundle.decision or "") if bundle else "", by=(bundle.reviewer or "") if bundle else "",
    )  # fmt: skip


def _number(value: Any) -> tuple[float, float, float]:
    middle = value.value if value.value is not None else float("nan")
    return middle, value.low if value.low is not None else middle, value.high if value.high is not None else middle
