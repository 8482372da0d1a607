"""Two answers compared by a teacher in both orders, and marks for one; for the recipes that make pairs of answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Rejected, Teacher
from flywheel_tui.stages.generate.writing import MAYBE, closed
from flywheel_tui.stages.validate.base import Candidate, Found, named_checks

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.asking import Ask

BETTER = closed(
    better={"type": "string", "enum": ["a", "b", "tie"]},
    margin={"type": "integer", "minimum": 0, "maximum": 3},
    reason=MAYBE,
)
MARK = closed(mark={"type": "integer", "minimum": 1, "maximum": 10})
COMPARE, SCORE = "compare.better", "compare.score"
"""The templates; a recipe that compares names them among its own."""
LARGEST_RATIO = 1.5
"""Of the lengths in words of two answers: beyond it a model learns length instead of quality."""
LARGEST_LEAN = 0.2
"""Of the correlation between being chosen and being the longer one, over the rows of a recipe."""
_ENOUGH = 20


class Compared(NamedTuple):
    """What both orders said: the better one (0 or 1) and the smaller of the two margins."""

    better: int
    margin: int


async def better_of(
    ask: Ask, teacher: Teacher, task: str, answers: tuple[str, str], *, criteria: str = "everything that makes it good",
    least_margin: int = 1,
) -> Compared:  # fmt: skip
    """Which of two answers is better, asked in both orders.

    Raises Rejected: `orders_disagree` where the order decides, `tie`, `small_margin`.
    """
    said = []
    for first, second in ((0, 1), (1, 0)):
        values = {"task": task, "a": answers[first], "b": answers[second], "criteria": criteria}
        found = await ask.object("compare", COMPARE, values, BETTER, teacher=teacher, temperature=0.0)
        place = {"a": first, "b": second}.get(found["better"])
        said.append((place, found["margin"]))
    (one, margin), (other, second_margin) = said
    if one is None or other is None:
        raise Rejected("tie", "the judge finds both answers equally good")
    if one != other:
        raise Rejected("orders_disagree", "the judge prefers another answer when their order changes")
    if min(margin, second_margin) < least_margin:
        raise Rejected("small_margin", f"a margin of {min(margin, second_margin)} where {least_margin} is needed")
    return Compared(one, min(margin, second_margin))


async def mark_of(ask: Ask, teacher: Teacher, task: str, answer: str) -> int:
    """A mark from 1 to 10."""
    found = await ask.object("mark", SCORE, {"task": task, "answer": answer}, MARK, teacher=teacher, temperature=0.0)
    return int(found["mark"])


def offline_better(values: Mapping[str, Any], good: str) -> dict[str, Any]:
    """The answer of the offline writer to `compare`: the text that it knows to be the good one, else the longer one."""
    a, b = str(values["a"]), str(values["b"])
    if a == b:
        return {"better": "tie", "margin": 0, "reason": "the same text twice"}
    key_a, key_b = (a == good, words(a), a), (b == good, words(b), b)
    return {"better": "a" if key_a > key_b else "b", "margin": 2, "reason": "by a fixed rule"}


def words(text: str) -> int:
    """How many words a text has."""
    return len(re.findall(r"\S+", text))


def check_lengths(chosen: str, rejected: str, largest: float = LARGEST_RATIO) -> float:
    """The ratio of the longer to the shorter one, in words. Raises Rejected (`length_ratio`) above `largest`."""
    low, high = sorted((max(words(chosen), 1), max(words(rejected), 1)))
    if high / low > largest:
        raise Rejected("length_ratio", f"{high} words against {low}: more than {largest:g} times as long", rejected)
    return high / low


def check_lean(chosen: str, rejected: str, made: list[tuple[str, str]]) -> None:
    """Raise Rejected (`length_lean`) for a pair whose chosen answer is the longer (or shorter) one once more, where
    that is so in so many of the pairs made that being chosen and being longer correlate above 0.2 (of either sign)."""
    longer = [words(one) > words(other) for one, other in made if words(one) != words(other)]
    if len(longer) < _ENOUGH or words(chosen) == words(rejected):
        return
    lean = 2 * sum(longer) / len(longer) - 1  # the phi coefficient of a balanced table: chosen × longer
    this = 1 if words(chosen) > words(rejected) else -1
    if lean * this > LARGEST_LEAN:
        what = "longer" if this > 0 else "shorter"
        raise Rejected("length_lean", f"the chosen answer is the {what} one in too many pairs ({lean:+.2f})", chosen)


def found_by_checks(draft: Draft, *names: str) -> list[Found]:
    """What checks of `flywheel validate` have against a draft."""
    body = msgspec.json.encode(draft.body).decode() if draft.body else None
    row = Candidate(0, draft.kind, draft.instruction, draft.input, draft.output, body)
    return [found for check in named_checks(names) for found in check().look([row])]
