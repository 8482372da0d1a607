"""What people confirm as a failure anywhere is asked in every evaluation from then on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import pytest
from evaluation_helpers import make_adapter, options, right, tasks_file, training_pairs, use_models
from factories import add_pairs, make_workspace, pair_ids, say

from flywheel_tui.records.evaluation import Criteria, Item, Measured
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.evaluate import evaluate, measure
from flywheel_tui.stages.evaluate.confirm import regression_set
from flywheel_tui.stages.evaluate.gathered import gather
from flywheel_tui.stages.gate import blind, make_bundle, verify_bundle
from flywheel_tui.stages.gate.bundle import bundle_path
from flywheel_tui.stages.gate.verdicts import judge_gates
from flywheel_tui.stages.label import Bulk, apply_bulk
from flywheel_tui.stages.scenarios import approve, scenarios, take_failures
from flywheel_tui.stages.scenarios_collect import add_file
from flywheel_tui.store import evaluations
from flywheel_tui.store.gate import BundleRow
from flywheel_tui.store.scenarios import NewTrace
from flywheel_tui.tasks import make
from flywheel_tui.workspace import Workspace


def traces(count: int, kind: str = "add", expected: bool = True) -> list[NewTrace]:
    """Failures that belong together: `add N?` was answered with nothing of use."""
    return [
        NewTrace(origin="trace", request=f"add {number}?", answer="no idea", error_kind=kind,
                 expected=str(number) if expected else None)
        for number in range(count)
    ]  # fmt: skip


def approve_all(workspace: Workspace) -> None:
    for row in scenarios(workspace, state="proposed"):
        approve(workspace, row.id, reviewer="Ana", reason="customers saw it")


def learned(adapter: str, prompt: str) -> str:
    """The base has no idea; the adapter knows the numbers from 5 on."""
    return right(prompt) if adapter and int(right(prompt)) >= 5 else "no idea"


def evaluated(workspace: Workspace, tmp_path: Path, count: int = 40, **fields: object) -> tuple[Measured, BundleRow]:
    asked = options(
        workspace, adapter=make_adapter(tmp_path / "new"), tasks=tasks_file(tmp_path / "t.jsonl", {"sort": count}),
        **{"criteria": Criteria(leave_out=("G3", "G4"), resamples=50)} | fields,
    )  # fmt: skip
    row = evaluate(workspace, asked)
    assert row.result is not None
    return row.result, make_bundle(workspace, row.id)


def g2(bundle: BundleRow) -> tuple[str, str, str]:
    line = next(line for line in bundle.gates if line.gate == "G2")
    return line.verdict, line.why, line.missing


def test_an_approved_scenario_is_asked_from_then_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_models(monkeypatch, learned)
    workspace = make_workspace(tmp_path / "w", training_pairs())
    take_failures(workspace, traces(25))
    found, made = evaluated(workspace, tmp_path)
    assert found.regression.n == 0 and g2(made)[0] == "INCONCLUSIVE", "nobody has approved it yet"
    approve_all(workspace)
    assert regression_set(workspace).slices == {"add": 25}, "it is there at once"
    found, made = evaluated(workspace, tmp_path)
    past = found.regression
    assert (past.n, past.fixed, past.still, past.broken, past.scripted) == (25, 20, 5, 0, 0)
    assert g2(made)[0] == "PASS" and "25 past failures 20 fixed" in g2(made)[1]
    assert verify_bundle(bundle_path(workspace, made.hash)).ok


def test_a_task_is_in_it_once_however_it_came_there(tmp_path: Path) -> None:
    """Named by what is asked: as a trace of a pair, as a rejected pair, and in an evaluation."""
    workspace = make_workspace(tmp_path / "w", training_pairs())
    task = make("sort", Random(1))
    draft = Draft(kind="trace", instruction=task.prompt, output="1", meta=task.meta())
    (pair,) = add_pairs(workspace, [draft], "seen")
    take_failures(workspace, [NewTrace(origin="pair", request=task.prompt, answer="1", error_kind="x", pair_id=pair)])
    approve_all(workspace)
    say(workspace, pair, "rejected")
    assert (gather(workspace).items, gather(workspace).added) == (1, 0)
    (kept,) = evaluations.confirmed(workspace.store.read())
    assert (kept.slice, kept.checker, kept.expected, kept.answer) == ("sort", "skill:sort", task.answer, "1")


def test_pairs_that_people_reject_and_no_others(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", training_pairs())
    checked = {"checker": "numeric", "expected": "4"}
    drafts = [Draft(instruction=f"2 + 2? ({number})", output="5", meta=checked, line=number) for number in range(7)]
    wrong, by_script, twice, undone, fine, disputed, many = add_pairs(workspace, drafts, "sums")
    say(workspace, wrong, "rejected", reasons=("wrong_facts",))
    say(workspace, by_script, "rejected", "planted", source="script")
    say(workspace, twice, "rejected", reasons=("duplicate",))
    say(workspace, undone, "rejected")
    say(workspace, undone, "approved")
    say(workspace, fine, "approved")
    say(workspace, disputed, "rejected")
    say(workspace, disputed, "approved", "bo")
    apply_bulk(workspace, Bulk(pairs=[many], status="rejected", reviewer="ana", expression="length < 100"))
    assert gather(workspace).added == 1
    (kept,) = evaluations.confirmed(workspace.store.read())
    assert (kept.expected, kept.checker, kept.answer, kept.reviewer) == ("4", "numeric", "5", "ana")
    assert kept.messages == [{"role": "user", "content": "2 + 2? (0)"}]


def test_what_nothing_can_decide_on_is_no_pass_until_a_judge_or_a_person_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = use_models(monkeypatch, lambda adapter, prompt: f"An answer to {prompt}" if adapter else "")
    workspace = make_workspace(tmp_path / "w", training_pairs())
    take_failures(workspace, traces(24, expected=False))
    approve_all(workspace)
    found, made = evaluated(workspace, tmp_path)
    assert (found.regression.n, found.regression.undecided) == (0, 24)
    verdict, why, missing = g2(made)
    assert verdict == "INCONCLUSIVE" and "nothing can decide" in why and "--judge" in missing
    assert not any(call.endswith(" 24") for call in calls), "they are not asked for nothing"
    found, made = evaluated(workspace, tmp_path, judge="offline")
    assert (found.regression.n, found.regression.compared, found.regression.fixed) == (24, 24, 24)
    assert g2(made)[0] == "PASS" and found.wins.judged == 40, "past failures are no part of the win rate"
    test = blind.begin(workspace, made.evaluation_id, reviewer="Ana", count=64)
    while (now := blind.shown(workspace, test.id)) is not None:
        blind.choose(workspace, test.id, now.key, "first" if now.first == "" else "second")
    again = make_bundle(workspace, made.evaluation_id)
    assert g2(again)[0] == "FAIL", "people prefer what was there, and a person counts before a judge"


def item(number: int, base: bool, own: bool, failed: str) -> Item:
    return Item(
        key=f"past-{number:03d}", group="regression", slice="add", family=f"{number}", messages=[], expected="",
        checker="numeric", base_output="right" if base else "as before", candidate_output="", base_passed=base,
        candidate_passed=own, failed=failed, confirmed="script",
    )  # fmt: skip


def judged_g2(items: Sequence[Item]) -> tuple[str, str]:
    measured = measure(items, Criteria(resamples=50), 5)
    line = next(line for line in judge_gates(measured, Criteria(), ()).gates if line.gate == "G2")
    return line.verdict, line.why


def test_new_failures_cannot_hide_what_broke(tmp_path: Path) -> None:
    """The base can lose nothing on the failures it was just found by: those mended before are judged by themselves."""
    new = [item(number, False, True, "as before") for number in range(60)]
    broken = [item(100 + number, True, number >= 8, "something else") for number in range(40)]
    kept = [item(100 + number, True, True, "something else") for number in range(60)]
    verdict, why = judged_g2([*new, *broken])
    assert verdict == "FAIL" and "failures mended before" in why and "0 fixed, 8 broken" in why
    verdict, why = judged_g2([*new, *kept])
    assert verdict == "PASS" and "(confirmed by a script)" in why
    assert judged_g2(new)[0] == "PASS", "in the first cycle there is nothing else"


def sliced(name: str, start: int, outcomes: list[tuple[bool, bool]]) -> list[Item]:
    """Past failures of one slice: whether the base and the adapter get each right, all mended once before."""
    return [
        msgspec.structs.replace(item(start + number, base, own, "something else"), slice=name)
        for number, (base, own) in enumerate(outcomes)
    ]


@pytest.mark.parametrize(("count", "verdict"), [(20, "PASS"), (51, "PASS"), (52, "INCONCLUSIVE"), (60, "INCONCLUSIVE")])
def test_a_slice_counts_by_itself_from_where_no_change_would_prove_something(count: int, verdict: str) -> None:
    """52 pairs without a difference prove 5 points at 95 %; one newly broken among them leaves it open."""
    many = sliced("sort", 0, [(True, True)] * 800)
    few = sliced("add", 1000, [(True, False), (False, True), *[(True, True)] * (count - 2)])
    assert judged_g2([*many, *few])[0] == verdict


def test_a_small_slice_that_is_proven_worse_shuts_the_gate_all_the_same() -> None:
    many = sliced("sort", 0, [(True, True)] * 800)
    few = sliced("add", 1000, [(True, False)] * 8 + [(True, True)] * 16)
    verdict, why = judged_g2([*many, *few])
    assert verdict == "FAIL" and "add" in why


def test_the_labels_of_others_data_sets_count(tmp_path: Path) -> None:
    """The set is of the workspace: a failure in any data set."""
    workspace = make_workspace(tmp_path / "w", training_pairs())
    say(workspace, pair_ids(workspace)[0], "rejected")
    assert gather(workspace).items == 1


def test_a_trace_says_how_its_answer_is_checked(tmp_path: Path) -> None:
    """Beside the messages, or in a column `meta`; a checker without an answer to compare with checks nothing."""
    told = {"checker": "numeric", "expected": "4"}
    file = tmp_path / "traces.jsonl"
    rows = [{"messages": [{"role": "user", "content": f"2 + 2? ({number})"}, {"role": "assistant", "content": "5"}],
             "signals": {"error_kind": "factual"}, **more}
            for number, more in enumerate((told, {"meta": told}, {"checker": "numeric"}, {}))]  # fmt: skip
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    workspace = make_workspace(tmp_path / "w", training_pairs())
    add_file(workspace, str(file))
    approve_all(workspace)
    found = sorted(evaluations.confirmed(workspace.store.read()), key=lambda one: one.messages[0]["content"])
    assert [(one.checker, one.expected) for one in found] == [("numeric", "4"), ("numeric", "4"), ("", ""), ("", "")]
    assert {one.slice for one in found} == {"factual"}
