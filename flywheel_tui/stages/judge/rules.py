"""The `offline` judge: rules instead of a model, for a first sieve and for machines without any. It says what it is.

It sees only what rules can see: empty and cut-off answers, refusals, loops, text that speaks to a judge, secrets and
personal data, answers that repeat the question or say next to nothing. Where a rubric asks for more (are the facts
right?), it does not pretend: scores start below the top, and such questions are answered NA.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flywheel_tui.records.judgment import Judged, NoVerdict, Outcome
from flywheel_tui.records.rubric import Criterion, Question, Rubric, RubricKind, Scale
from flywheel_tui.stages.judge.prompt import NA, NO, YES, Prompt, Text, body_of
from flywheel_tui.stages.judge.read import Unfit, from_answers, from_scores, preferred
from flywheel_tui.stages.validate.base import Candidate, Found, named_checks

BACKEND = "offline"
VERSION = "rules-1"
SAYS = "Rule-based (no model)"
_CHECKS = ("refusal", "repetition", "length", "injection", "secrets", "pii")
_BEST = 0.8
"""The share of the scale that an answer without any visible fault gets: rules cannot see that it is right."""
_TINY = 3
_WORD = re.compile(r"\w+")


class Fault(NamedTuple):
    """Something wrong with an answer: what it touches, how much of the scale it costs, in words."""

    aspect: str
    cost: float
    words: str


_COSTS = {
    "refusal": ("helpful", 0.45), "repetition": ("clear", 0.5), "length": ("complete", 0.3),
    "injection": ("evaluator", 0.6), "secrets": ("private", 0.5), "pii": ("private", 0.15),
}  # fmt: skip
# words by which a criterion or a question shows what it is about
_ABOUT = {
    "helpful": re.compile(r"helpful|refusal|asked|request", re.IGNORECASE),
    "clear": re.compile(r"clar|clear|repetition|padding|read", re.IGNORECASE),
    "complete": re.compile(r"complete|breaking off|breaks off|all of it|every part", re.IGNORECASE),
    "evaluator": re.compile(r"evaluator|safe", re.IGNORECASE),
    "private": re.compile(r"personal data|secrets?|safe", re.IGNORECASE),
}
# binary questions are answered only where a rule answers exactly what is asked
_ASKED = {
    "private": re.compile(r"personal data|secret", re.IGNORECASE),
    "evaluator": re.compile(r"instruct the (?:evaluator|judge)", re.IGNORECASE),
    "helpful": re.compile(r"free of a refusal|refuse", re.IGNORECASE),
    "clear": re.compile(r"repetition", re.IGNORECASE),
    "complete": re.compile(r"breaking off|breaks off|end properly", re.IGNORECASE),
}


class RuleJudge:
    """Judges by rules under any rubric. Costs nothing and needs no network."""

    def __init__(self, prompt: Prompt, pass_at: float | None = None) -> None:
        self._prompt, self._pass_at = prompt, pass_at
        self._checks = [check() for check in named_checks(_CHECKS)]

    def judge(self, texts: Sequence[Text]) -> list[Judged]:
        """What the rules say of each pair, in order."""
        if self._prompt.pairwise:
            return [Judged(outcome=outcome) for outcome in self._compare(texts)]
        found = self._faults([Candidate(number, *text[1:]) for number, text in enumerate(texts)])
        return [Judged(outcome=self._one(faults)) for faults in found]

    def _faults(self, rows: Sequence[Candidate]) -> list[list[Fault]]:
        faults: list[list[Fault]] = [[] for _ in rows]
        for check in self._checks:
            seen: set[int] = set()
            for finding in check.look(rows):
                if finding.pair not in seen and _counts(check.name, finding):
                    seen.add(finding.pair)
                    aspect, cost = _COSTS[check.name]
                    faults[finding.pair].append(Fault(aspect, cost, f"{check.name}: {finding.message}"))
        for number, row in enumerate(rows):
            faults[number] += _plain_faults(row)
        return faults

    def _one(self, faults: list[Fault]) -> Outcome:
        rubric, rationale = self._prompt.rubric, _said(faults)
        if rubric.kind is RubricKind.BINARY:
            answers = {question.id: _answer(question, faults) for question in rubric.questions}
            try:
                return from_answers(rubric, answers, rationale, self._pass_at)
            except Unfit as error:
                detail = f"{SAYS}: no question of this rubric is one that rules can answer"
                return NoVerdict(kind=error.kind.value, detail=detail)
        scores = {part.name: _score(self._prompt.scale, _touching(part, faults)) for part in rubric.criteria}
        overall = None if scores else _score(self._prompt.scale, faults)
        return from_scores(rubric, scores, overall, rationale, self._pass_at)

    def _compare(self, texts: Sequence[Text]) -> Iterable[Outcome]:
        sides = []
        for text in texts:
            other = str(body_of(text.body).get("rejected") or "")
            sides += [(text.instruction, text.input, text.output or ""), (text.instruction, text.input, other)]
        rows = [Candidate(number, "sft", *side) for number, side in enumerate(sides)]
        found = self._faults(rows)
        for first, second in zip(found[::2], found[1::2], strict=True):
            costs = [sum(fault.cost for fault in faults) for faults in (first, second)]
            better = "tie" if abs(costs[0] - costs[1]) < 0.05 else "a" if costs[0] < costs[1] else "b"
            yield preferred(better, rationale=f"{SAYS}. a: {_listed(first)}; b: {_listed(second)}")


def _counts(check: str, finding: Found) -> bool:
    if check == "length":
        return finding.field == "output" and "characters, more than" not in finding.message
    return finding.severity != "info"


def _plain_faults(row: Candidate) -> list[Fault]:
    answer = (row.output or "").strip()
    words = _WORD.findall(answer.lower())
    if not words:
        return [Fault("everything", 1.0, "the answer is empty" if not answer else "the answer has no word in it")]
    if answer == row.instruction.strip():
        return [Fault("everything", 0.7, "the answer repeats the request")]
    asked = _WORD.findall(row.instruction)
    if len(words) < _TINY and len(asked) > 25:
        return [Fault("complete", 0.25, f"{len(words)} words answer a request of {len(asked)}")]
    return []


def _touching(part: Criterion, faults: list[Fault]) -> list[Fault]:
    """The faults that count for a criterion; all of them where its words do not say what it is about."""
    said = f"{part.name} {part.description}"
    about = {aspect for aspect, words in _ABOUT.items() if words.search(said)}
    return [fault for fault in faults if not about or fault.aspect == "everything" or fault.aspect in about]


def _score(scale: Scale, faults: list[Fault]) -> float:
    share = max(_BEST - sum(fault.cost for fault in faults), 0.0)
    return round(scale.min + share * (scale.max - scale.min), 2)


def _answer(question: Question, faults: list[Fault]) -> str:
    if any(fault.aspect == "everything" for fault in faults):
        return NA if question.gate else NO
    asked = {aspect for aspect, words in _ASKED.items() if words.search(question.text)}
    if not asked:
        return NA
    return NO if any(fault.aspect in asked for fault in faults) else YES


def _listed(faults: list[Fault]) -> str:
    return "; ".join(fault.words for fault in faults) or "no fault that rules can see"


def _said(faults: list[Fault]) -> str:
    return f"{SAYS}: {_listed(faults)}."


def can_answer(rubric: Rubric) -> bool:
    """Whether rules can say anything under a rubric."""
    if rubric.kind is not RubricKind.BINARY:
        return True
    return any(words.search(question.text) for question in rubric.questions for words in _ASKED.values())
