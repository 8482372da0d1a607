"""The regression set: confirmed failures are asked again in every evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_helpers import make_adapter, options, right, tasks_file, training_pairs, use_models
from factories import make_workspace

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.evaluation import Criteria
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.evaluate.confirm import confirm, failures, regression_set
from flywheel_tui.stages.gate import make_bundle


def level(adapter: str, prompt: str) -> str:
    """The base fails the first 30 tasks; the adapter `fix` fails five of them and one that the base knows."""
    number = int(right(prompt))
    wrong = number < 5 or number == 40 if adapter else number < 30
    return "no" if wrong else str(number)


def test_fixed_still_failing_and_newly_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, level)
    workspace = make_workspace(tmp_path / "w", training_pairs())
    file = tasks_file(tmp_path / "t.jsonl", {"add": 50})
    first = evaluate(workspace, options(workspace, tasks=file))
    assert len(failures(workspace, first.id, side="base")) == 30
    added = confirm(workspace, first.id, reviewer="Ana", side="base")
    assert (added.added, added.items, added.slices) == (30, 30, {"add": 30})
    assert confirm(workspace, first.id, reviewer="Bo", side="base").added == 0
    fix = make_adapter(tmp_path / "fix")
    criteria = Criteria(leave_out=("G3", "G4"))
    row = evaluate(workspace, options(workspace, tasks=file, adapter=fix, criteria=criteria))
    assert row.result is not None
    past = row.result.regression
    assert (past.n, past.fixed, past.still, past.broken, past.kept) == (30, 25, 5, 0, 0)
    assert past.version == regression_set(workspace).version
    assert row.result.overall.n == 50, "past failures are counted by themselves"
    told = {gate.gate: gate.verdict for gate in make_bundle(workspace, row.id).gates}
    assert told["G2"] == "PASS"
    now = confirm(workspace, row.id, reviewer="Ana")
    assert now.items == 31 and now.version != past.version
    again = evaluate(workspace, options(workspace, tasks=file, adapter=fix, criteria=criteria))
    assert again.id != row.id and again.result is not None and again.result.regression.broken == 1


def test_what_cannot_be_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, level)
    workspace = make_workspace(tmp_path / "w", training_pairs())
    row = evaluate(workspace, options(workspace, tasks=tasks_file(tmp_path / "t.jsonl", {"add": 40})))
    with pytest.raises(UsageError, match="needs a name"):
        confirm(workspace, row.id, reviewer=" ", side="base")
    with pytest.raises(UsageError, match="is no failure of the base"):
        confirm(workspace, row.id, reviewer="Ana", side="base", keys=["unknown"])
    with pytest.raises(NotFoundError):
        confirm(workspace, 99, reviewer="Ana")
    one = failures(workspace, row.id, side="base")[0]
    assert confirm(workspace, row.id, reviewer="Ana", side="base", keys=[one.key]).items == 1
