"""Typed faults for answers that are subtly wrong: what each is, whether it is there, how to make one by rule."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import NamedTuple

from flywheel_tui.answers.finals import numbers_in

_NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
_NEGATION = re.compile(r"(?i)\b(not|never|no|none|without|cannot|n't|neither|nobody|nothing)\b|n't\b")
_CITATION = re.compile(
    r"\[[^\[\]\n]{1,40}\]|\(([A-Z][\w .&-]*,? \d{4})\)|https?://\S+|\"[^\"\n]{3,200}\"|“[^”\n]{3,200}”"
)
_UNITS = (
    "kilometres", "kilometre", "metres", "metre", "centimetres", "centimetre", "millimetres", "miles", "grams", "gram",
    "kilograms", "kilogram", "litres", "litre", "millilitres", "seconds", "second", "minutes", "minute", "hours",
    "hour", "days", "day", "weeks", "week", "months", "month", "years", "year", "euros", "dollars", "pounds", "cents",
    "percent", "degrees", "km", "cm", "mm", "kg", "mg", "ml", "°c", "°f", "%", "€", "$", "£",
)  # fmt: skip
_UNIT = re.compile(r"(?i)(?<![^\W\d_])(" + "|".join(map(re.escape, _UNITS)) + r")(?![^\W\d_])")
_SCOPE = re.compile(
    r"(?i)\b(all|every|each|always|any|most|many|some|several|few|only|often|usually|sometimes|rarely|at least|at most"
    r"|exactly|mainly|both|either|a|an|the|first|last)\b"
)
_SWAPS = {
    "unit": (("minutes", "hours"), ("hours", "minutes"), ("days", "weeks"), ("weeks", "days"), ("metres", "kilometres"),
             ("grams", "kilograms"), ("euros", "cents"), ("years", "months"), ("smallest version", "smallest hour")),
    "scope": (("one", "every"), ("some", "all"), ("every", "one"), ("all", "some"), ("most", "least"),
              ("usual", "only"), ("first", "last")),
    "negation": ((" is ", " is not "), (" are ", " are not "), ("is not", "is"), ("not", "")),
}  # fmt: skip


class Flaw(NamedTuple):
    """A sort of fault: what it is, in a sentence for the one who makes it."""

    name: str
    description: str


FLAWS = {
    flaw.name: flaw
    for flaw in (
        Flaw("number", "Change one figure, date or amount to another that looks just as likely."),
        Flaw("negation", "Turn one statement into its opposite by adding or taking away a negation."),
        Flaw("citation", "Attribute something to the wrong source, person or quotation."),
        Flaw("step", "Leave out one step, or swap two, so that the whole no longer works."),
        Flaw("unit", "Give one quantity in the wrong unit, without changing its figure."),
        Flaw("scope", "Claim something for all that holds for some, or the other way round."),
    )
}


def is_there(flaw: str, good: str, bad: str) -> bool:
    """Whether a text differs from the good one in what the sort of fault is about."""
    return good != bad and _TESTS[flaw](good, bad)


def _bag(pattern: re.Pattern[str], text: str) -> list[str]:
    return sorted(match[0].lower() for match in pattern.finditer(text))


def _sentences(text: str) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"(?<=[.!?;])\s+|\n+", text) if part.strip()]


def _other_steps(good: str, bad: str) -> bool:
    """One sentence or line less, or the same ones in another order."""
    one = [re.sub(r"^\s*(?:\d+[.)]|[-*•])\s*", "", part) for part in _sentences(good)]
    two = [re.sub(r"^\s*(?:\d+[.)]|[-*•])\s*", "", part) for part in _sentences(bad)]
    return len(two) < len(one) or (one != two and sorted(one) == sorted(two))


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "number": lambda good, bad: sorted(map(str, numbers_in(good))) != sorted(map(str, numbers_in(bad))),
    "negation": lambda good, bad: _bag(_NEGATION, good) != _bag(_NEGATION, bad),
    "citation": lambda good, bad: _bag(_CITATION, good) != _bag(_CITATION, bad),
    "step": _other_steps,
    "unit": lambda good, bad: _bag(_UNIT, good) != _bag(_UNIT, bad),
    "scope": lambda good, bad: _bag(_SCOPE, good) != _bag(_SCOPE, bad),
}


def by_rule(flaw: str, good: str, chance: random.Random) -> str | None:
    """The text with such a fault, made without a model; None where it has nothing to touch."""
    if flaw == "number":
        found = list(_NUMBER.finditer(good))
        if not found:
            return None
        hit = chance.choice(found)
        digits = hit[0].replace(",", "").split(".")[0]
        return f"{good[: hit.start()]}{int(digits) + chance.randrange(1, 9)}{good[hit.end() :]}"
    if flaw == "step":
        lines = good.split("\n")
        if len(lines) < 3:
            return None
        lines.pop(chance.randrange(1, len(lines)))
        return "\n".join(lines)
    if flaw == "citation":
        found = list(_CITATION.finditer(good))
        return f"{good[: found[0].start()]}[other source]{good[found[0].end() :]}" if found else None
    for old, new in _SWAPS[flaw]:
        pattern = rf"(?<!\w){re.escape(old)}(?!\w)" if old.strip() == old else re.escape(old)
        changed = re.sub(pattern, new, good, count=1, flags=re.IGNORECASE)
        if changed != good and is_there(flaw, good, changed):
            return changed
    return None
