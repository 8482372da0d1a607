"""Reasoning: calculations that stand in a text are done again, and the final answer is looked for in the answer.

Only plain arithmetic is read, by a parser of a few lines: text from a data set is never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import msgspec

_LARGEST = 50_000
_MOST = 200
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"
_OPERATOR = r"[-+−–*×x·/÷]"
_CALCULATION = re.compile(
    rf"(?<![\w.,^/])(?P<left>\(?{_NUMBER}%?\)?(?:\s?{_OPERATOR}\s?\(?{_NUMBER}%?\)?){{1,12}})\s?=\s?[$€£]?"
    rf"(?P<right>-?{_NUMBER})(?![\d%])"
)
_ANY_NUMBER = re.compile(rf"(?<![\w.])-?{_NUMBER}")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A calculation in the text: where it stands, and what it really gives where that is something else."""

    start: int
    end: int
    right: bool
    gives: str


class FinalVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """What can be told of a final answer: `why` is a sentence.

    `state`: `right` (the same as the reference), `holds` (no fault was found: the steps may still be the wrong ones),
    `wrong` or `unknown`.
    """

    state: str
    why: str


def calculations(text: str) -> list[Step]:
    """The calculations `a + b = c` in a text. Chains (`= … =`) are read link by link."""
    found: list[Step] = []
    for match in _CALCULATION.finditer(text[:_LARGEST]):
        value = _value(match["left"])
        if value is None:
            continue
        said = match["right"].replace(",", "")
        # correct when it rounds to what is written, with as many decimals as are written
        decimals = len(said.partition(".")[2])
        right = abs(value - Fraction(said)) <= Fraction(1, 2 * 10**decimals) + Fraction(1, 10**9)
        found.append(Step(start=match.start(), end=match.end(), right=right, gives=_shown(value)))
        if len(found) >= _MOST:
            break
    return found


def _value(expression: str) -> Fraction | None:
    """The value of plain arithmetic; None where it is not that."""
    try:
        tokens = list(_tokens(expression))
        value, at = _sum(tokens, 0)
    except (ValueError, ZeroDivisionError, IndexError):
        return None
    return value if at == len(tokens) else None


def _tokens(expression: str) -> Iterator[str]:
    for match in re.finditer(rf"{_NUMBER}%?|[()]|{_OPERATOR}", expression):
        yield match.group()


def _sum(tokens: list[str], at: int) -> tuple[Fraction, int]:
    value, at = _product(tokens, at)
    while at < len(tokens) and tokens[at] in "+-−–":
        other, after = _product(tokens, at + 1)
        value = value + other if tokens[at] == "+" else value - other
        at = after
    return value, at


def _product(tokens: list[str], at: int) -> tuple[Fraction, int]:
    value, at = _atom(tokens, at)
    while at < len(tokens) and tokens[at] in "*×x·/÷":
        other, after = _atom(tokens, at + 1)
        value = value / other if tokens[at] in "/÷" else value * other
        at = after
    return value, at


def _atom(tokens: list[str], at: int) -> tuple[Fraction, int]:
    if tokens[at] == "(":
        value, at = _sum(tokens, at + 1)
        if tokens[at] != ")":
            raise ValueError("a bracket is open")
        return value, at + 1
    number = tokens[at].replace(",", "")
    if number.endswith("%"):
        return Fraction(number[:-1]) / 100, at + 1
    return Fraction(number), at + 1


def _shown(value: Fraction) -> str:
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.6g}"


def final_verdict(output: str, body: dict[str, Any]) -> FinalVerdict:
    """What the arithmetic and the texts say about the final answer of a reasoning pair."""
    final = body.get("final")
    reasoning = body.get("reasoning")
    steps = calculations(reasoning) if isinstance(reasoning, str) else []
    wrong = [step for step in steps if not step.right]
    reference = body.get("reference")
    if isinstance(reference, str) and reference.strip() and isinstance(final, str):
        if not _same(final, reference):
            return FinalVerdict(state="wrong", why=f"the reference answer is {reference.strip()[:60]}")
        return FinalVerdict(state="right", why="the same as the reference answer")
    if isinstance(final, str) and final.strip() and output.strip() and not _mentions(output, final):
        return FinalVerdict(state="wrong", why=f"the answer does not say {final.strip()[:60]}")
    if wrong:
        many = f"{len(wrong)} of {len(steps)} calculations {'is' if len(wrong) == 1 else 'are'} wrong"
        return FinalVerdict(state="wrong", why=many)
    if steps and isinstance(final, str) and isinstance(reasoning, str):
        last = reasoning[steps[-1].start : steps[-1].end].rpartition("=")[2]
        holding = "1 calculation holds" if len(steps) == 1 else f"{len(steps)} calculations hold"
        if _same(last, final):
            return FinalVerdict(state="holds", why=f"{holding}, ending in {final.strip()[:60]}")
        return FinalVerdict(state="unknown", why=f"{holding}, but the last one is not the final answer")
    return FinalVerdict(state="unknown", why="nothing here can be computed")


def _number(text: str) -> Fraction | None:
    match = _ANY_NUMBER.search(text.replace("−", "-"))
    return Fraction(match.group().replace(",", "")) if match else None


def _same(one: str, other: str) -> bool:
    first, second = _number(one), _number(other)
    if first is not None and second is not None:
        return first == second
    return " ".join(one.lower().split()).strip(".") == " ".join(other.lower().split()).strip(".")


def _mentions(output: str, final: str) -> bool:
    wanted = _number(final)
    if wanted is None:
        return " ".join(final.lower().split()).strip(".") in " ".join(output.lower().split())
    numbers = _ANY_NUMBER.findall(output[-_LARGEST:].replace("−", "-"))
    return any(Fraction(number.replace(",", "")) == wanted for number in numbers)
