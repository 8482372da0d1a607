"""Reading a judge's reply: a verdict is whole, or it is none. Nothing is guessed, filled in, clamped or repaired."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.strict_json import read_object
from flywheel_tui.records.judgment import A_FIRST, WIN_SHARE, Missing, NoVerdict, Outcome, Verdict
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.stages.judge.prompt import NA, NO, YES, Prompt

DEFAULT_PASS = {RubricKind.SCORED: 7.0, RubricKind.BINARY: 0.8, RubricKind.PAIRWISE: 1.0}
_RATIONALE_CHARACTERS = 20_000
_REFUSAL = re.compile(
    r"^\W*(?:i['’]?m (?:really |very )?sorry|sorry[,. ]|i (?:can(?:no|['’])t|am (?:not able|unable)|will not|won['’]t)"
    r"|i(?:['’]m| am) (?:not able|unable) to|as an ai\b|i must (?:decline|refuse))",
    re.IGNORECASE,
)


class Unfit(Exception):
    """The reply is no verdict; `kind` says why."""

    def __init__(self, kind: Missing, detail: str) -> None:
        self.kind = kind
        super().__init__(detail)


def read_reply(prompt: Prompt, text: str, finish_reason: str, order: int, pass_at: float | None) -> Outcome:
    """The outcome of one reply to a prompt; `order` says which answer it was shown first."""
    try:
        if finish_reason == "length":
            raise Unfit(Missing.LENGTH, "the reply was cut at the token limit")
        if finish_reason == "content_filter":
            raise Unfit(Missing.CONTENT_FILTER, "the service withheld the reply")
        if not text.strip():
            raise Unfit(Missing.EMPTY, "the reply is empty")
        return _verdict(prompt, _object(text), order, pass_at)
    except Unfit as error:
        return NoVerdict(kind=error.kind.value, detail=str(error), raw=text or None)


def read_cached(prompt: Prompt, text: str, order: int, pass_at: float | None) -> Outcome:
    """The outcome of an answer from the cache, where only answers are that `read_reply` made a verdict of.

    What was strictly read once needs no second search for repeated keys and second objects.
    """
    try:
        value = msgspec.json.decode(text)
        if type(value) is dict:
            return _verdict(prompt, value, order, pass_at)
    except (msgspec.DecodeError, ValueError, RecursionError, Unfit):
        pass
    return read_reply(prompt, text, "stop", order, pass_at)


def _object(text: str) -> dict[str, Any]:
    try:
        return read_object(text).value
    except BackendFault as error:
        if "{" not in text and _REFUSAL.match(text):
            raise Unfit(Missing.REFUSAL, "the model refused") from None
        raise Unfit(Missing(error.kind), error.message) from None


def _verdict(prompt: Prompt, value: Mapping[str, Any], order: int, pass_at: float | None) -> Verdict:
    rationale = value.get("rationale")
    if not isinstance(rationale, str):
        raise Unfit(Missing.BAD_SCHEMA, "rationale is missing or no text")
    rationale = rationale[:_RATIONALE_CHARACTERS]
    if prompt.pairwise:
        return _preferred(prompt, value, order, rationale)
    if prompt.rubric.kind is RubricKind.BINARY:
        given = _mapping(value, "answers")
        answers = {question.id: _answer(prompt.rubric, given, question.id) for question in prompt.rubric.questions}
        return from_answers(prompt.rubric, answers, rationale, pass_at)
    low, high = prompt.scale.min, prompt.scale.max
    if not prompt.rubric.criteria:
        return from_scores(prompt.rubric, {}, _number(value, "score", low, high), rationale, pass_at)
    given = _mapping(value, "scores")
    scores = {part.name: _number(given, part.name, low, high) for part in prompt.rubric.criteria}
    return from_scores(prompt.rubric, scores, None, rationale, pass_at)


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    if not isinstance(found, dict):
        raise Unfit(Missing.BAD_SCHEMA, f"{name} is missing or no object")
    return found


def _number(value: Mapping[str, Any], name: str, low: float, high: float) -> float:
    found = value.get(name)
    if type(found) not in (int, float):
        raise Unfit(Missing.BAD_SCHEMA, f"the score of {name!r} is missing or no number")
    if not low <= found <= high:  # type: ignore[operator]
        raise Unfit(Missing.OUT_OF_RANGE, f"the score of {name!r} is {found!r:.40}, outside {low:g} to {high:g}")
    return float(found)  # type: ignore[arg-type]


def _answer(rubric: Rubric, given: Mapping[str, Any], id: str) -> str:
    one = given.get(id)
    answer = one.get("answer") if isinstance(one, dict) else None
    allowed = [answer.value for answer in rubric.answers]
    if not isinstance(answer, str) or answer not in allowed:
        raise Unfit(Missing.BAD_SCHEMA, f"the answer to {id!r} is missing or none of {', '.join(allowed)}")
    return answer


def _preferred(prompt: Prompt, value: Mapping[str, Any], order: int, rationale: str) -> Verdict:
    choice = value.get("choice")
    if not isinstance(choice, str) or choice not in prompt.choices:
        raise Unfit(Missing.BAD_SCHEMA, f"choice is missing or none of {', '.join(prompt.choices)}")
    if choice in ("first", "second"):
        choice = "a" if (choice == "first") == (order == A_FIRST) else "b"
    return preferred(choice, rationale=rationale)


# -- what follows from answers: the same for a model, a rule and a recorded judgment


def from_scores(
    rubric: Rubric, scores: Mapping[str, float], overall: float | None, rationale: str, pass_at: float | None
) -> Verdict:
    """A verdict by criterion scores: the overall score is their weighted mean, computed here and never asked for."""
    if overall is None:
        weights = [part.weight for part in rubric.criteria]
        total = sum(weights)
        overall = sum(scores[part.name] * part.weight for part in rubric.criteria) / total
        # a mean of equal scores must not end a hair below them
        overall = min(max(round(overall, 9), min(scores.values())), max(scores.values()))
    return Verdict(
        passed=bool(overall >= threshold(rubric, pass_at)), score=overall, scores=dict(scores), rationale=rationale
    )


def from_answers(rubric: Rubric, answers: Mapping[str, str], rationale: str, pass_at: float | None) -> Verdict:
    """A verdict by YES, NO and NA: weight of the YES over the positive weight of all that are not NA.

    Negative weights subtract where the answer is YES, and the share ends at 0 and 1 (HealthBench). A gate that is
    answered NO fails the pair whatever the score. Raises Unfit where every question is NA.
    """
    categories: dict[str, list[tuple[float, bool]]] = {}
    everything: list[tuple[float, bool]] = []
    for question in rubric.questions:
        if answers[question.id] != NA:
            one = (question.weight, answers[question.id] == YES)
            everything.append(one)
            categories.setdefault(question.category, []).append(one)
    score = _share(everything)
    if score is None:
        raise Unfit(Missing.NOT_APPLICABLE, "every question that counts was answered NA")
    gates = tuple(question.id for question in rubric.questions if question.gate and answers[question.id] == NO)
    scores: dict[str, float | None] = {name: _share(some) for name, some in categories.items() if name}
    scores |= {id: None if answer == NA else float(answer == YES) for id, answer in answers.items()}
    return Verdict(
        passed=bool(not gates and score >= threshold(rubric, pass_at)), score=score, scores=scores,
        answers=dict(answers), gates=gates, rationale=rationale,
    )  # fmt: skip


def _share(answered: list[tuple[float, bool]]) -> float | None:
    possible = sum(weight for weight, _ in answered if weight > 0)
    if not possible:
        return None
    return round(min(max(sum(weight for weight, yes in answered if yes) / possible, 0.0), 1.0), 9)


def preferred(preference: str, *, rationale: str = "", consistent: bool | None = None) -> Verdict:
    """A pairwise verdict: it passes where answer a (the pair's `output`) is the better one; the score is its share."""
    return Verdict(
        passed=preference == "a", score=WIN_SHARE[preference], preference=preference, consistent=consistent,
        rationale=rationale,
    )  # fmt: skip


def both_orders(a_first: Verdict, b_first: Verdict) -> Verdict:
    """One verdict of two orders: a win counts only where both orders say it, anything else is a tie."""
    same = a_first.preference == b_first.preference
    preference = a_first.preference if same and a_first.preference is not None else "tie"
    rationale = f"[a shown first] {a_first.rationale}\n[b shown first] {b_first.rationale}"
    return preferred(preference, rationale=rationale, consistent=same)


def threshold(rubric: Rubric, pass_at: float | None = None) -> float:
    """The overall score from which a pair passes: the rubric's own, else the one given, else that of its kind."""
    if rubric.pass_at is not None:
        return rubric.pass_at
    return pass_at if pass_at is not None else DEFAULT_PASS[rubric.kind]
