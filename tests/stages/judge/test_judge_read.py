"""Replies of judges: a verdict is whole or there is none."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from judge_helpers import CRITERIA, verdict_text

from flywheel_tui.records.judgment import A_FIRST, B_FIRST, MISSING, NoVerdict, Verdict
from flywheel_tui.records.rubric import Criterion, Question, Rubric, RubricKind, Scale
from flywheel_tui.resources import shipped
from flywheel_tui.stages.judge.alone import default_rubric
from flywheel_tui.stages.judge.prompt import Prompt
from flywheel_tui.stages.judge.read import both_orders, read_cached, read_reply
from flywheel_tui.stages.rubric import load_rubric

SECRET = b"s" * 32
SCORED = Prompt(default_rubric(), SECRET)
BINARY = Prompt(load_rubric(shipped("rubrics") / "yes_no.yaml"), SECRET)
PAIRWISE = Prompt(load_rubric(shipped("rubrics") / "preference.yaml"), SECRET)
GOOD = verdict_text(8)


def binary(**changes: str) -> str:
    answers = {question.id: "YES" for question in BINARY.rubric.questions} | changes
    return json.dumps({"rationale": "r", "answers": {id: {"evidence": "", "answer": a} for id, a in answers.items()}})


def choice(word: Any) -> str:
    return json.dumps({"rationale": "r", "choice": word})


def changed(**scores: Any) -> str:
    return json.dumps({"rationale": "r", "scores": dict.fromkeys(CRITERIA, 8) | scores})


# (prompt, reply, finish reason, what comes of it): a kind of missing verdict, or the score
CORPUS: list[tuple[Prompt, str, str, str | float]] = [
    (SCORED, GOOD, "stop", 8.0),
    (SCORED, GOOD, "unknown", 8.0),
    (SCORED, f"  {GOOD}\n\n", "stop", 8.0),
    (SCORED, f"```json\n{GOOD}\n```", "stop", 8.0),
    (SCORED, f"```\n{GOOD}\n```", "stop", 8.0),
    (SCORED, f"Here is my verdict:\n{GOOD}", "stop", 8.0),
    (SCORED, f"{GOOD}\nI hope this helps.", "stop", 8.0),
    (SCORED, f"<think>8 or 9?</think>{GOOD}", "stop", 8.0),
    (SCORED, changed(accuracy=8.5), "stop", 8.15),
    (SCORED, changed(accuracy=1, helpfulness=1), "stop", 4.15),
    (SCORED, json.dumps({**json.loads(GOOD), "overall": 1, "note": {"a": [1]}}), "stop", 8.0),
    (SCORED, changed(accuracy=1), "stop", 5.9),
    (SCORED, changed(accuracy=10, helpfulness=10, clarity=10, completeness=10, safety=10), "stop", 10.0),
    (SCORED, GOOD, "length", "length"),
    (SCORED, GOOD, "content_filter", "content_filter"),
    (SCORED, "", "stop", "empty"),
    (SCORED, " \n\t ", "stop", "empty"),
    (SCORED, "", "length", "length"),
    (SCORED, ":", "stop", "bad_json"),
    (SCORED, "Solution", "stop", "bad_json"),
    (SCORED, "10", "stop", "bad_json"),
    (SCORED, "8/10, passed", "stop", "bad_json"),
    (SCORED, "null", "stop", "bad_json"),
    (SCORED, "[]", "stop", "bad_json"),
    (SCORED, '"good"', "stop", "bad_json"),
    (SCORED, GOOD[:-1], "stop", "bad_json"),
    (SCORED, GOOD[:-20], "stop", "bad_json"),
    (SCORED, GOOD[:15], "stop", "bad_json"),
    (SCORED, GOOD + GOOD, "stop", "bad_json"),
    (SCORED, f"I think {GOOD} but actually {changed(accuracy=1)}", "stop", "bad_json"),
    (SCORED, '{"rationale": "r", "rationale": "s", "scores": {}}', "stop", "bad_json"),
    (SCORED, GOOD.replace('"accuracy": 8', '"accuracy": 8, "accuracy": 10'), "stop", "bad_json"),
    (SCORED, changed(accuracy=math.nan), "stop", "bad_json"),
    (SCORED, changed(accuracy=math.inf), "stop", "bad_json"),
    (SCORED, GOOD.replace('"accuracy": 8', '"accuracy": 1e999'), "stop", "bad_json"),
    (SCORED, GOOD.replace('"accuracy": 8', '"accuracy": ' + "9" * 5000), "stop", "bad_json"),
    (SCORED, "{" * 100_000, "stop", "bad_json"),
    (SCORED, '{"a":' * 30 + "1" + "}" * 30, "stop", "bad_json"),
    (SCORED, GOOD + " " * 70_000, "stop", "bad_json"),
    (SCORED, "I'm sorry, but I can't help with that.", "stop", "refusal"),
    (SCORED, "I cannot evaluate this content.", "stop", "refusal"),
    (SCORED, "As an AI, I do not judge.", "stop", "refusal"),
    (SCORED, "{}", "stop", "bad_schema"),
    (SCORED, json.dumps({"scores": dict.fromkeys(CRITERIA, 8)}), "stop", "bad_schema"),
    (SCORED, json.dumps({"rationale": 1, "scores": dict.fromkeys(CRITERIA, 8)}), "stop", "bad_schema"),
    (SCORED, json.dumps({"rationale": "r", "scores": [8] * 5}), "stop", "bad_schema"),
    (SCORED, json.dumps({"rationale": "r", "score": 8}), "stop", "bad_schema"),
    (SCORED, json.dumps({"rationale": "r", "scores": {"accuracy": 8}}), "stop", "bad_schema"),
    (SCORED, changed(accuracy="8"), "stop", "bad_schema"),
    (SCORED, changed(accuracy=True), "stop", "bad_schema"),
    (SCORED, changed(accuracy=None), "stop", "bad_schema"),
    (SCORED, changed(accuracy=[8]), "stop", "bad_schema"),
    (SCORED, changed(accuracy=0), "stop", "out_of_range"),
    (SCORED, changed(accuracy=10.001), "stop", "out_of_range"),
    (SCORED, changed(accuracy=-3), "stop", "out_of_range"),
    (SCORED, changed(accuracy=100), "stop", "out_of_range"),
    (BINARY, binary(), "stop", 1.0),
    (BINARY, binary(A1="yes"), "stop", "bad_schema"),
    (BINARY, binary(A1="MAYBE"), "stop", "bad_schema"),
    (BINARY, json.dumps({"rationale": "r", "answers": {"S1": "YES"}}), "stop", "bad_schema"),
    (BINARY, binary(**{question.id: "NA" for question in BINARY.rubric.questions}), "stop", "not_applicable"),
    (PAIRWISE, choice("first"), "stop", 1.0),
    (PAIRWISE, choice("second"), "stop", 0.0),
    (PAIRWISE, choice("tie"), "stop", 0.5),
    (PAIRWISE, choice("neither"), "stop", 0.0),
    (PAIRWISE, choice("First"), "stop", "bad_schema"),
    (PAIRWISE, choice("a"), "stop", "bad_schema"),
    (PAIRWISE, choice(1), "stop", "bad_schema"),
]


@pytest.mark.parametrize(("prompt", "reply", "reason", "expected"), CORPUS)
def test_corpus(prompt: Prompt, reply: str, reason: str, expected: str | float) -> None:
    found = read_reply(prompt, reply, reason, A_FIRST, None)
    if isinstance(expected, str):
        assert isinstance(found, NoVerdict)
        assert found.kind == expected
    else:
        assert isinstance(found, Verdict)
        assert found.score == pytest.approx(expected)


@pytest.mark.parametrize(
    "text", [reply for prompt, reply, reason, score in CORPUS if score == 8.0 and prompt is SCORED]
)
def test_an_answer_from_the_cache_reads_as_it_did(text: str) -> None:
    assert read_cached(SCORED, text, 0, None) == read_reply(SCORED, text, "stop", 0, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-20, 20) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["rationale", "scores", "answers", "choice", *CRITERIA]), inner, max_size=7)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(
    text=st.text(max_size=200)
    | JSON.map(json.dumps)
    | st.dictionaries(st.sampled_from(CRITERIA), st.floats() | st.integers(-5, 20), min_size=5).map(
        lambda scores: json.dumps({"rationale": "r", "scores": scores})
    ),
    cut=st.integers(0, 400),
    prompt=st.sampled_from([SCORED, BINARY, PAIRWISE]),
)
@example(text=GOOD, cut=400, prompt=SCORED)
def test_any_text_is_a_whole_verdict_or_none(text: str, cut: int, prompt: Prompt) -> None:
    found = read_reply(prompt, text[:cut], "stop", B_FIRST, None)
    if isinstance(found, NoVerdict):
        assert found.kind in MISSING
        return
    assert found.score is not None
    if prompt is SCORED:
        assert set(found.scores) == set(CRITERIA)
        assert all(1 <= score <= 10 for score in found.scores.values() if score is not None)
        assert found.passed == (found.score >= 7.0)


@settings(deadline=None, max_examples=100)
@given(cut=st.integers(0, len(GOOD) - 1))
def test_what_was_cut_off_is_never_a_verdict(cut: int) -> None:
    assert isinstance(read_reply(SCORED, GOOD[:cut], "stop", 0, None), NoVerdict)


def test_a_gate_answered_no_fails_the_pair_whatever_the_score() -> None:
    found = read_reply(BINARY, binary(S2="NO"), "stop", 0, None)
    assert isinstance(found, Verdict)
    assert found.score is not None and found.score > 0.9
    assert (found.passed, found.gates) == (False, ("S2",))
    fine = read_reply(BINARY, binary(), "stop", 0, None)
    assert isinstance(fine, Verdict) and fine.passed and not fine.gates


def test_na_leaves_the_denominator_and_no_does_not() -> None:
    def score(**answers: str) -> float | None:
        found = read_reply(BINARY, binary(**answers), "stop", 0, None)
        assert isinstance(found, Verdict)
        return found.score

    total = sum(question.weight for question in BINARY.rubric.questions)
    assert score(A2="NA") == 1.0
    assert score(A1="NO") == pytest.approx((total - 3) / total)
    assert score(A1="NO", A2="NA") == pytest.approx((total - 5) / (total - 2))


def test_negative_weights_subtract_and_the_share_ends_at_nothing() -> None:
    rubric = Rubric(
        name="health", version=1, kind=RubricKind.BINARY, hash="h", pass_at=0.5,
        questions=(Question(id="good", text="?", weight=2), Question(id="bad", text="?", weight=-5)),
    )  # fmt: skip
    prompt = Prompt(rubric, SECRET)

    def score(good: str, bad: str) -> float | None:
        answers = {"good": {"answer": good}, "bad": {"answer": bad}}
        found = read_reply(prompt, json.dumps({"rationale": "", "answers": answers}), "stop", 0, None)
        assert isinstance(found, Verdict)
        return found.score

    assert (score("YES", "NO"), score("YES", "YES"), score("NO", "NO")) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("seen_first", ["first", "second", "tie", "neither"])
@pytest.mark.parametrize("seen_second", ["first", "second", "tie", "neither"])
def test_a_win_counts_only_in_both_orders(seen_first: str, seen_second: str) -> None:
    a_first = read_reply(PAIRWISE, choice(seen_first), "stop", A_FIRST, None)
    b_first = read_reply(PAIRWISE, choice(seen_second), "stop", B_FIRST, None)
    assert isinstance(a_first, Verdict) and isinstance(b_first, Verdict)
    found = both_orders(a_first, b_first)
    same = {
        ("first", "second"): "a",
        ("second", "first"): "b",
        ("tie", "tie"): "tie",
        ("neither", "neither"): "neither",
    }
    assert found.preference == same.get((seen_first, seen_second), "tie")
    assert found.consistent == ((seen_first, seen_second) in same)


def test_the_overall_score_is_computed_and_equal_scores_keep_their_value() -> None:
    rubric = Rubric(
        name="r", version=1, kind=RubricKind.SCORED, hash="h", scale=Scale(min=0, max=1), pass_at=0.7,
        criteria=tuple(Criterion(name=f"c{i}", description="", weight=w) for i, w in enumerate((0.1, 0.2, 0.7))),
    )  # fmt: skip
    text = json.dumps({"rationale": "", "scores": {"c0": 0.7, "c1": 0.7, "c2": 0.7}})
    found = read_reply(Prompt(rubric, SECRET), text, "stop", 0, None)
    assert isinstance(found, Verdict)
    assert (found.score, found.passed) == (0.7, True)


def test_a_verdict_cannot_be_made_of_what_is_none() -> None:
    with pytest.raises(TypeError):
        Verdict(passed=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite"):
        Verdict(passed=True, score=math.nan)
    with pytest.raises(ValueError, match="preference"):
        Verdict(passed=True, preference="left")
    with pytest.raises(ValueError, match="kind"):
        NoVerdict(kind="nothing", detail="")
