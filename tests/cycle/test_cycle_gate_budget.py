"""The judge at the gate of a cycle spends no more than what is left to it, and the cycle knows what that was."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_helpers import PRICES, make_adapter, paid_judge, says_who, tasks_file, training_pairs, use_models
from factories import make_workspace

from flywheel_tui.cycle.driver import driver_named
from flywheel_tui.cycle.drivers.adapters import gate_adapter
from flywheel_tui.cycle.options import Budget, CycleOptions
from flywheel_tui.cycle.phase import Awaiting, BudgetSpent, Context, Done, PhaseTask
from flywheel_tui.stages.evaluate.sides import adapter_hash
from flywheel_tui.store.cycles import ArtefactRow, add_cycle, add_run
from flywheel_tui.workspace import Workspace

ASKED = {
    "judge": "scripted:m", "train": ("demo",), "criteria": {"leave_out": ("G2", "G3", "G4"), "resamples": 50},
}  # fmt: skip
SIGNED = {"name": "a script", "reason": "a test"}


def at_the_gate(workspace: Workspace, adapter: str, left: Budget) -> Context:
    with workspace.store.tx() as connection:
        run = add_run(connection, {}, {})
        cycle = add_cycle(connection, run.id, {})
    bodies = {
        "training": {"adapter": adapter_hash(Path(adapter)), "name": adapter},
        "signals": {"rates": {}, "scenarios": []}, "export": {}, "calibration": {},
    }  # fmt: skip
    artefacts = {
        name: ArtefactRow(hash=name, phase=name, parents=(), body=body) for name, body in bodies.items()
    }  # fmt: skip
    return Context(
        workspace, CycleOptions(base="tiny"), run, cycle, None, artefacts, driver_named("text")(),
        PhaseTask(None, "gate", None), lambda line: None, left,
    )  # fmt: skip


def test_what_is_left_to_the_gate_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, says_who)
    judge = paid_judge(monkeypatch)
    workspace = make_workspace(tmp_path / "w", training_pairs())
    (workspace.root / "prices.toml").write_text(PRICES)
    more = ASKED | {"tasks": tasks_file(tmp_path / "t.jsonl", {"add": 20})}
    context = at_the_gate(workspace, make_adapter(tmp_path / "new"), Budget(usd=0.003))
    for _ in range(2):
        with pytest.raises(BudgetSpent, match="the budget of the judge is spent"):
            gate_adapter(context, more, SIGNED)
        assert 0 < len(judge.requests) * 110 <= 3_000, "over both attempts"
    own = more | {"budget_tokens": 1}
    with pytest.raises(BudgetSpent):
        gate_adapter(context._replace(left=Budget(usd=1.0)), own, SIGNED)
    done = gate_adapter(context._replace(left=Budget(usd=1.0, tokens=100_000)), more, SIGNED)
    assert isinstance(done, Done) and (done.cost_micro, done.tokens) == (40 * 110, 40 * 110)
    assert len(judge.requests) == 40


def test_without_a_judge_no_budget_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, says_who)
    workspace = make_workspace(tmp_path / "w", training_pairs())
    more = ASKED | {"judge": "", "tasks": tasks_file(tmp_path / "t.jsonl", {"add": 20})}
    context = at_the_gate(workspace, make_adapter(tmp_path / "new"), Budget(usd=0.003))
    found = gate_adapter(context, more)
    if isinstance(found, Awaiting):
        found = gate_adapter(context, more, SIGNED)
    assert isinstance(found, Done) and found.cost_micro == 0
