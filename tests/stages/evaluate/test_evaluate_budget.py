"""What the judge of an evaluation may spend, what it took, and what is said about it beforehand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from evaluation_helpers import (
    PRICES,
    TOKENS_IN,
    TOKENS_OUT,
    make_adapter,
    options,
    paid_judge,
    says_who,
    tasks_file,
    training_pairs,
    use_models,
)
from factories import add_pairs, make_workspace, say

from flywheel_tui.errors import UsageError
from flywheel_tui.jobs import run_foreground
from flywheel_tui.llm.backends.scripted import ScriptedBackend
from flywheel_tui.records.evaluation import Criteria, EvaluateOptions, JudgeUse
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.evaluate import evaluate
from flywheel_tui.stages.evaluate import run as running
from flywheel_tui.stages.evaluate.confirm import confirm, regression_set
from flywheel_tui.stages.evaluate.forecast import forecast
from flywheel_tui.stages.gate import make_bundle, verify_bundle
from flywheel_tui.stages.gate.files import read_bundle
from flywheel_tui.stages.judge.engine import BudgetSpent
from flywheel_tui.store import evaluations, jobs, judge_jobs
from flywheel_tui.store.evaluations import EvaluationRow
from flywheel_tui.workspace import Workspace

EACH = TOKENS_IN + TOKENS_OUT
ITEMS = 20
CALLS = 2 * ITEMS
WHOLE = JudgeUse(
    calls=CALLS, tokens_in=CALLS * TOKENS_IN, tokens_out=CALLS * TOKENS_OUT, cost_micro=CALLS * EACH
)  # fmt: skip
CRITERIA = Criteria(leave_out=("G2", "G3", "G4"), resamples=50)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(running, "PART", 8)
    made = make_workspace(tmp_path / "w", training_pairs())
    (made.root / "prices.toml").write_text(PRICES)
    return made


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return use_models(monkeypatch, says_who)


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> ScriptedBackend:
    return paid_judge(monkeypatch)


def asked(workspace: Workspace, **fields: Any) -> EvaluateOptions:
    folder = workspace.root.parent
    given = {"judge": "scripted:m", "criteria": CRITERIA, "tasks": tasks_file(folder / "t.jsonl", {"add": ITEMS})}
    return options(workspace, adapter=make_adapter(folder / "new"), **given | fields)


def as_job(workspace: Workspace, wanted: EvaluateOptions) -> EvaluationRow:
    result = run_foreground(workspace, "evaluate", msgspec.to_builtins(wanted), title="evaluate")
    return evaluations.get_evaluation(workspace.store.read(), result["evaluation"])


def test_a_spent_budget_pauses_and_nothing_is_paid_for_twice(
    workspace: Workspace, models: list[str], judge: ScriptedBackend, tmp_path: Path
) -> None:
    with pytest.raises(BudgetSpent, match=r"the budget of the judge is spent: \$0\.00\d\d and [\d,]+ tokens; .*higher"):
        as_job(workspace, asked(workspace, budget_usd=0.003))
    (job,) = jobs.list_jobs(workspace.store)
    assert (job.state, job.cost_micro) == ("paused", len(judge.requests) * EACH)
    assert 8 < len(judge.requests) < CALLS and len(judge.requests) * EACH <= 3000
    assert judge_jobs.spent(workspace.store.read(), job.id) == (len(judge.requests) * EACH,) * 2
    (row,) = evaluations.list_evaluations(workspace.store.read())
    assert row.state == "running" and row.used is not None and row.used.cost_micro == job.cost_micro
    asked_before = len(models)
    found = as_job(workspace, asked(workspace, budget_usd=1))
    assert (found.id, found.state) == (row.id, "done") and len(models) == asked_before
    sent = [request.messages for request in judge.requests]
    assert len(sent) == CALLS == len(set(sent))
    assert found.used == WHOLE
    other = make_workspace(tmp_path / "other", training_pairs())
    (other.root / "prices.toml").write_text(PRICES)
    at_once = evaluate(other, asked(other))
    assert (at_once.result, at_once.used) == (found.result, WHOLE)
    assert found.result is not None and found.result.wins.wins == ITEMS


def test_small_budgets_add_up_to_the_whole(workspace: Workspace, models: list[str], judge: ScriptedBackend) -> None:
    """However often it paused, in the middle of a part or at its end."""
    paused = 0
    for _ in range(CALLS):
        try:
            found = as_job(workspace, asked(workspace, budget_tokens=1_600))
            break
        except BudgetSpent:
            paused += 1
    assert paused > 2 and found.used == WHOLE
    assert len(judge.requests) == CALLS == len({request.messages for request in judge.requests})


def test_a_budget_is_no_part_of_what_an_evaluation_is_known_by(
    workspace: Workspace, models: list[str], judge: ScriptedBackend
) -> None:
    first = evaluate(workspace, asked(workspace, budget_usd=1))
    again = evaluate(workspace, asked(workspace, budget_tokens=5))
    assert again == evaluate(workspace, asked(workspace)) == first and first.options.budget_usd is None
    assert len(judge.requests) == CALLS


def test_a_budget_of_tokens_needs_no_price(workspace: Workspace, models: list[str], judge: ScriptedBackend) -> None:
    (workspace.root / "prices.toml").unlink()
    with pytest.raises(BudgetSpent, match="higher --budget-usd"):
        as_job(workspace, asked(workspace, budget_tokens=3_000))
    assert 0 < len(judge.requests) * EACH <= 3_000
    found = as_job(workspace, asked(workspace))
    assert found.used is not None and (found.used.calls, found.used.unpriced, found.used.cost_micro) == (
        CALLS,
        CALLS,
        0,
    )


def test_a_budget_below_one_call_says_so(workspace: Workspace, models: list[str], judge: ScriptedBackend) -> None:
    with pytest.raises(BudgetSpent, match=r"is spent \(the budget of \$0\.0001 is used up\): \$0\.0000 and 0 tokens"):
        as_job(workspace, asked(workspace, budget_usd=0.0001))
    assert not judge.requests


def test_without_a_job_the_budget_holds_over_all_attempts(
    workspace: Workspace, models: list[str], judge: ScriptedBackend
) -> None:
    for _ in range(3):
        with pytest.raises(BudgetSpent):
            evaluate(workspace, asked(workspace, budget_usd=0.003))
    assert 0 < len(judge.requests) * EACH <= 3_000
    assert evaluate(workspace, asked(workspace, budget_usd=CALLS * EACH / 1e6 + 0.002)).used == WHOLE


def test_what_was_asked_for_another_evaluation_is_known(
    workspace: Workspace, models: list[str], judge: ScriptedBackend
) -> None:
    evaluate(workspace, asked(workspace))
    other = evaluate(workspace, asked(workspace, criteria=Criteria(min_gain=0.1, resamples=50)))
    assert len(judge.requests) == CALLS and other.used == JudgeUse(cached=CALLS)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"judge": "scripted:m", "budget_usd": 1.0}, r"no price is known for scripted:m, so --budget-usd cannot be"),
        ({"judge": "", "budget_usd": 1.0}, "name one with --judge or --judge-tag"),
        ({"judge": "", "budget_tokens": 10}, "name one with --judge or --judge-tag"),
        ({"judge": "scripted:m", "budget_usd": 0.0}, "an amount of dollars above 0"),
        ({"judge": "scripted:m", "budget_tokens": 0}, "a number from 1 up"),
    ],
)
def test_what_cannot_be_kept_is_refused_before_anything(
    workspace: Workspace, models: list[str], judge: ScriptedBackend, fields: dict[str, Any], words: str
) -> None:
    (workspace.root / "prices.toml").unlink()
    with pytest.raises(UsageError, match=words):
        evaluate(workspace, asked(workspace, **fields))
    with pytest.raises(UsageError):
        forecast(workspace, asked(workspace, **fields))
    assert not models and not judge.requests
    assert not evaluations.list_evaluations(workspace.store.read())
    assert not workspace.store.read().execute("SELECT count(*) FROM criteria").fetchone()[0]


def test_rules_cost_nothing(workspace: Workspace, models: list[str]) -> None:
    found = forecast(workspace, asked(workspace, judge="offline"))
    assert (found.by_rules, found.comparisons, found.calls, found.cost_most) == (True, ITEMS, 0, 0.0)
    row = as_job(workspace, asked(workspace, judge="offline", budget_usd=0.000001))
    assert row.state == "done" and row.used is None


# -- beforehand


def everything(workspace: Workspace) -> tuple[Any, ...]:
    """All rows of all tables and all files beside the database."""
    read = workspace.store.read().execute
    tables = [name for (name,) in read("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '%fts%'")]
    rows = {name: read(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    files = sorted(str(path) for path in workspace.root.rglob("*") if not path.name.startswith("flywheel.db"))
    return rows, files


def test_an_estimate_is_an_upper_bound_and_leaves_no_trace(
    workspace: Workspace, models: list[str], judge: ScriptedBackend
) -> None:
    before = everything(workspace)
    found = forecast(workspace, asked(workspace))
    assert everything(workspace) == before and not models and not judge.requests
    assert (found.comparisons, found.unseen, found.known, found.calls) == (ITEMS, ITEMS, 0, CALLS)
    assert (found.judge, found.evaluation, found.finished) == ("scripted:m", None, False)
    assert found.cost_usd is not None and found.cost_most is not None and found.cost_usd < found.cost_most
    assert found.cost_usd == (found.tokens_in + found.tokens_out) / 1e6
    longer = forecast(workspace, asked(workspace, max_new_tokens=264))
    assert longer.tokens_in == found.tokens_in + CALLS * 2 * 200, "both outputs count as long as they can be"
    done = evaluate(workspace, asked(workspace))
    assert done.used is not None and done.used.calls == found.calls and done.used.cost_micro / 1e6 < found.cost_most
    reserved = [sum(len(message.content) for message in request.messages) // 4 for request in judge.requests]
    assert sum(reserved) < found.tokens_in
    after = forecast(workspace, asked(workspace))
    assert (after.finished, after.evaluation, after.comparisons, after.calls) == (True, done.id, 0, 0)


def test_an_estimate_after_a_pause_is_about_the_rest(
    workspace: Workspace, models: list[str], judge: ScriptedBackend
) -> None:
    with pytest.raises(BudgetSpent):
        as_job(workspace, asked(workspace, budget_usd=0.004))
    found, spent = forecast(workspace, asked(workspace)), len(judge.requests)
    assert (found.evaluation, found.unseen) == (1, 0)
    assert found.calls == CALLS - spent and 0 < found.comparisons < ITEMS
    assert found.known + found.calls == 2 * found.comparisons
    assert found.tokens_out == found.calls * TOKENS_OUT, "answers are as long as those before"
    as_job(workspace, asked(workspace))
    assert len(judge.requests) == spent + found.calls


def test_past_failures_count_where_no_checker_decides(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, judge: ScriptedBackend
) -> None:
    use_models(monkeypatch, lambda adapter, prompt: "candidate" if adapter else "the base")
    row = evaluate(workspace, asked(workspace, judge=""))
    confirm(workspace, row.id, reviewer="Ana", keys=[evaluations.items_of(workspace.store.read(), row.id)[0].key])
    (pair,) = add_pairs(workspace, [Draft(instruction="say 3?", output="no", line=1)], "seen")
    say(workspace, pair, "rejected", reasons=("wrong",))
    assert regression_set(workspace).items == 1, "what was rejected is not in the set before somebody evaluates"
    folder = workspace.root.parent
    other = asked(workspace, tasks=tasks_file(folder / "other.jsonl", {"sort": 5}))
    found = forecast(workspace, other)
    assert (found.comparisons, regression_set(workspace).items) == (5 + 1, 1)
    done = evaluate(workspace, other)
    assert regression_set(workspace).items == 2
    assert done.used is not None and done.used.calls == found.calls == 12
    assert forecast(workspace, other).finished


def test_equal_outputs_are_left_out_once_they_are_known(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, judge: ScriptedBackend
) -> None:
    use_models(monkeypatch, lambda adapter, prompt: "4" if prompt == "add 4?" else says_who(adapter, prompt))
    with pytest.raises(BudgetSpent):
        as_job(workspace, asked(workspace, budget_usd=0.0001))
    assert forecast(workspace, asked(workspace)).comparisons == ITEMS - 1


def test_an_estimate_needs_a_judge(workspace: Workspace, models: list[str]) -> None:
    with pytest.raises(UsageError, match="--estimate is for the judge"):
        forecast(workspace, asked(workspace, judge=""))


# -- the evidence


def test_the_bundle_says_what_comparing_took(workspace: Workspace, models: list[str], judge: ScriptedBackend) -> None:
    for fields, told in (
        ({}, {"calls": CALLS, "cached": 0, "tokens_in": CALLS * TOKENS_IN, "tokens_out": CALLS * TOKENS_OUT,
              "cost_micro_usd": CALLS * EACH}),
        ({"judge": ""}, None),
    ):  # fmt: skip
        bundle = make_bundle(workspace, evaluate(workspace, asked(workspace, **fields)).id)
        files = read_bundle(workspace.root / bundle.folder)
        assert json.loads(files["costs.json"]).get("comparing") == told
        assert verify_bundle(workspace.root / bundle.folder, expected=bundle.hash).ok


def test_evidence_from_before_costs_were_kept_stays_the_same(
    workspace: Workspace, models: list[str], judge: ScriptedBackend
) -> None:
    row = evaluate(workspace, asked(workspace))
    with workspace.store.tx() as connection:
        connection.execute("UPDATE evaluation SET used = NULL")
    old = make_bundle(workspace, row.id)
    assert verify_bundle(workspace.root / old.folder, expected=old.hash).ok
    assert set(json.loads(read_bundle(workspace.root / old.folder)["costs.json"])) == {"judging", "evaluation"}
