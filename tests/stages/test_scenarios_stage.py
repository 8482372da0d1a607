"""Failures come in, are grouped, get a rubric, and wait for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from factories import add_pairs, say, sft

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import scenarios as stage
from flywheel_tui.stages import scenarios_collect as collect
from flywheel_tui.stages.judge.options import JudgeOptions
from flywheel_tui.stages.judge.run import judge
from flywheel_tui.stages.rubric import named_rubric, parse_rubric
from flywheel_tui.stages.scenarios_kinds import KINDS, draft_rubric, kind_of_answer, kind_of_reasons, kind_of_scores
from flywheel_tui.store.connection import Error
from flywheel_tui.store.scenarios import NewTrace
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(tmp_path / "ws", create=True)


def trace(request: str, answer: str = "wrong", **signals: Any) -> dict[str, Any]:
    """A row of a file of traces."""
    messages = [{"role": "user", "content": request}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "signals": signals}


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def failure(request: str, kind: str = "factual", answer: str = "no") -> NewTrace:
    return NewTrace(origin="trace", request=request, answer=answer, error_kind=kind)


def test_a_file_of_traces(workspace: Workspace, tmp_path: Path) -> None:
    rows = [
        trace(f"What is {n} plus {n + 3}?", accepted=False, retries=3, error_kind="reasoning") for n in range(10, 20)
    ]
    rows += [trace("Book a table", "", reported=True), trace("Write a poem", "Roses", accepted=True, retries=0)]
    source = write(tmp_path / "traces.jsonl", rows)
    first = collect.add_file(workspace, source)
    assert (first.looked_at, first.added, first.known, first.passed_over) == (12, 11, 0, 1)
    assert len(first.made) == 2
    by_kind = {row.error_kind: row for row in stage.scenarios(workspace)}
    assert by_kind["reasoning"].traces == 10 and by_kind["incomplete"].traces == 1
    again = collect.add_file(workspace, source)
    assert again.added == 0 and again.made == ()
    assert [row.seen for row in stage.scenarios(workspace)] == [row.traces for row in stage.scenarios(workspace)]


def test_between_good_and_bad_feedback_what_is_told_decides(workspace: Workspace, tmp_path: Path) -> None:
    """Reported, a kind of error, no answer: a failure, but not where the feedback is good."""
    between = {"accepted": True, "retries": 4}
    rows = [
        trace("fine", **between), trace("reported", accepted=True, retries=0, reported=True),
        trace("told", **between, error_kind="tone"), trace("nothing came", "", **between),
        trace("told and good", accepted=True, retries=0, error_kind="tone"),
    ]  # fmt: skip
    found = collect.add_file(workspace, write(tmp_path / "traces.jsonl", rows))
    assert (found.added, found.passed_over) == (3, 2)
    asked = {trace.request for row in stage.scenarios(workspace)
             for trace in stage.scenario_view(workspace, row.id).traces}  # fmt: skip
    assert asked == {"reported", "told", "nothing came"}


def test_a_failure_seen_elsewhere_is_counted(workspace: Workspace, tmp_path: Path) -> None:
    row = trace("Where is Rome?", "In Spain", accepted=False)
    collect.add_file(workspace, write(tmp_path / "one.jsonl", [row]))
    collect.add_file(workspace, write(tmp_path / "two.jsonl", [row]), dataset="others")
    (found,) = stage.scenarios(workspace)
    assert (found.traces, found.seen) == (1, 2)


def test_grouping_is_by_kind_and_likeness(workspace: Workspace) -> None:
    taken = stage.take_failures(workspace, [
        failure("What is the capital of France?"), failure("What is the capital of Norway?"),
        failure("Write a haiku about snow"), failure("What is the capital of France?", "format"),
    ])  # fmt: skip
    assert len(taken.made) == 3
    later = stage.take_failures(workspace, [failure("What is the capital of Poland?")])
    assert later.made == (), "a new failure joins the scenario that it is like"
    assert max(row.traces for row in stage.scenarios(workspace)) == 3


def test_the_same_failures_make_the_same_scenarios(workspace: Workspace, tmp_path: Path) -> None:
    failures = [failure("What is the capital of France?"), failure("Sum up the text", "incomplete")]
    stage.take_failures(workspace, failures)
    with Workspace.open(tmp_path / "other", create=True) as other:
        for one in failures:
            stage.take_failures(other, [one])
        assert [row.uid for row in stage.scenarios(other)] != []
        assert {row.uid for row in stage.scenarios(other)} == {row.uid for row in stage.scenarios(workspace)}


def test_decisions_are_kept_with_name_and_reason(workspace: Workspace) -> None:
    (number,) = stage.take_failures(workspace, [failure("Where is Rome?")]).made
    with pytest.raises(UsageError, match="needs a reason"):
        stage.approve(workspace, number, reviewer="ana", reason=" ")
    with pytest.raises(UsageError, match="needs a name"):
        stage.approve(workspace, number, reviewer="", reason="real")
    with pytest.raises(NotFoundError):
        stage.approve(workspace, 99, reviewer="ana", reason="real")
    assert stage.approve(workspace, number, reviewer="ana", reason="a real failure").state == "approved"
    assert stage.reject(workspace, number, reviewer="bea", reason="was a typo").state == "rejected"
    told = [(one.action, one.reviewer, one.reason) for one in stage.scenario_view(workspace, number).events]
    assert told == [("approved", "ana", "a real failure"), ("rejected", "bea", "was a typo")]
    for change in ("UPDATE scenario_event SET reason = 'x'", "DELETE FROM scenario_event"):
        with pytest.raises(Error, match="append-only"), workspace.store.tx() as connection:
            connection.execute(change)


def test_only_approved_scenarios_may_seed(workspace: Workspace) -> None:
    numbers = stage.take_failures(workspace, [failure("Where is Rome?"), failure("Sum up the text", "incomplete")]).made
    assert stage.approved_traces(workspace) == []
    stage.approve(workspace, numbers[0], reviewer="ana", reason="real")
    ((row, traces),) = stage.approved_traces(workspace)
    assert row.id == numbers[0] and len(traces) == 1


def test_merging_moves_no_row_and_forms_no_ring(workspace: Workspace) -> None:
    one, two, three = stage.take_failures(
        workspace, [failure("Where is Rome?"), failure("Sum up this text", "format"), failure("Sing a song", "tone")]
    ).made
    stage.merge(workspace, two, one, reviewer="ana", reason="same cause")
    assert stage.scenario_view(workspace, one).merged == (two,)
    assert len(stage.scenario_view(workspace, one).traces) == 2
    with pytest.raises(UsageError, match="itself"):
        stage.merge(workspace, one, one, reviewer="ana", reason="x")
    with pytest.raises(UsageError, match="part of"):
        stage.merge(workspace, three, two, reviewer="ana", reason="x")
    stage.merge(workspace, three, one, reviewer="ana", reason="same cause")
    stage.approve(workspace, one, reviewer="ana", reason="real")
    ((_, traces),) = stage.approved_traces(workspace)
    assert len(traces) == 3
    stage.reject(workspace, two, reviewer="bea", reason="not the same after all")
    assert len(stage.scenario_view(workspace, one).traces) == 2


def test_one_pair_as_a_failure(workspace: Workspace) -> None:
    pairs = add_pairs(workspace, sft(2))
    say(workspace, pairs[0], "rejected", reasons=("refusal",))
    taken = collect.add_pair(workspace, str(pairs[0]))
    assert stage.scenario_view(workspace, taken.made[0]).traces[0].error_kind == "over-refusal"
    named = collect.add_pair(workspace, str(pairs[1]), error_kind="tone")
    assert stage.scenario_view(workspace, named.made[0]).scenario.error_kind == "tone"


def test_what_a_judge_failed_and_what_people_rejected(workspace: Workspace) -> None:
    good = "Green tea holds antioxidants that help the heart, and most people can drink three cups of it a day."
    pairs = add_pairs(workspace, [
        Draft(instruction="Name a benefit of green tea", output=good, line=1),
        Draft(instruction="Name a colour", output="", line=2), Draft(instruction="Name a river", output="I", line=3),
    ])  # fmt: skip
    judge(workspace, JudgeOptions(dataset="demo", tag="rules", backend="offline"))
    taken = collect.add_from_judge(workspace, "demo", "rules")
    assert taken.passed_over >= 1 and taken.added >= 1
    assert all(one.origin == "judge" for row in stage.scenarios(workspace)
               for one in stage.scenario_view(workspace, row.id).traces)  # fmt: skip
    say(workspace, pairs[2], "rejected", reasons=("wrong_facts",))
    people = collect.add_from_labels(workspace, "demo")
    assert people.added == 1
    kinds = {row.error_kind for row in stage.scenarios(workspace)}
    assert "factual" in kinds


def test_a_data_set_without_traces_is_refused(workspace: Workspace) -> None:
    add_pairs(workspace, sft(1))
    with pytest.raises(UsageError, match="not traces"):
        collect.add_dataset(workspace, "demo")


def test_a_signal_that_cannot_be_read_names_its_row(workspace: Workspace, tmp_path: Path) -> None:
    source = write(tmp_path / "traces.jsonl", [trace("Where is Rome?", retries=-3)])
    with pytest.raises(InputError, match=r"traces, pair \d+: field 'signals.retries'"):
        collect.add_file(workspace, source)


def test_the_draft_is_a_rubric_and_becomes_a_file(workspace: Workspace) -> None:
    for kind in [*KINDS, "sorting"]:
        import yaml

        text = yaml.safe_dump(draft_rubric("draft", kind, ["Sort 3, 1, 2"]))
        rubric = parse_rubric(text)
        assert any(question.gate and question.id == "fails_no_more" for question in rubric.questions), kind
    (number,) = stage.take_failures(workspace, [failure("Where is Rome?")]).made
    row = stage.approve(workspace, number, reviewer="ana", reason="real")
    assert named_rubric(workspace, row.rubric["name"]).questions[0].gate


def test_an_edited_rubric_takes_the_place_of_the_draft(workspace: Workspace) -> None:
    (number,) = stage.take_failures(workspace, [failure("Where is Rome?")]).made
    draft = stage.rubric_text(stage.scenarios(workspace)[0])
    edited = draft.replace("pass_at: 0.8", "pass_at: 0.9")
    stage.edit_rubric(workspace, number, edited, reviewer="ana")
    assert stage.scenarios(workspace)[0].rubric["pass_at"] == 0.9
    with pytest.raises(InputError, match="questions"):
        stage.edit_rubric(workspace, number, "name: x\nversion: 1\nkind: binary\n", reviewer="ana")


@pytest.mark.parametrize(
    ("answer", "signals", "kind"),
    [
        ("", None, "incomplete"),
        ("I'm sorry, I can't help with that.", None, "over-refusal"),
        ("42", {"tool_error": True}, "tool-args"),
        ("42", {"error_kind": "wrong_facts"}, "factual"),
        ("42", {"error_type": "Too_Long"}, "too-long"),
        ("42", None, "other"),
    ],
)
def test_kinds_that_can_be_seen(answer: str, signals: dict[str, Any] | None, kind: str) -> None:
    assert kind_of_answer(answer, signals) == kind


def test_kinds_that_are_told() -> None:
    assert kind_of_reasons(["style"]) == "tone"
    assert kind_of_reasons(["nothing known"]) is None
    assert kind_of_scores({"overall": 3.0, "accuracy": 2.0, "clarity": 8.0}) == "factual"
    assert kind_of_scores({"completeness": 2.0, "accuracy": 9.0}) == "incomplete"
    assert kind_of_scores({}) is None
