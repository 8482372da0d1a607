"""The rules of JSON Schema as functions: each gives None for a value that keeps it, and problems for another.

A problem starts with an empty path; whoever looked into a member puts its name in front, so that values without
problems cost nothing for their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, TypeGuard


class Problem(NamedTuple):
    """What is wrong and where: names of members and numbers of elements from the outside in."""

    path: tuple[str | int, ...]
    message: str


Check = Callable[[Any], "list[Problem] | None"]
MOST = 10
"""Problems kept of one object or list: the rest is more of the same."""


class TooMuch(Exception):
    """Telling whether a value fits costs more than it is worth."""


class Budget:
    """The steps that one validation may take where a schema can make it branch."""

    STEPS = 100_000
    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = self.STEPS

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise TooMuch("the schema branches too much to be checked")


def anything(value: Any) -> list[Problem] | None:
    return None


def nothing(value: Any) -> list[Problem] | None:
    return [Problem((), f"{shown(value)} is allowed nowhere here")]


def is_number(value: Any) -> TypeGuard[int | float]:
    return type(value) is int or (type(value) is float and math.isfinite(value))


TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
    "object": (dict,), "array": (list,),
}  # fmt: skip
_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}
_WANTED = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "null": "null", "object": "an object", "array": "a list",
}  # fmt: skip


def kind_of(value: Any) -> str:
    return _KINDS.get(type(value), "null")


def shown(value: Any) -> str:
    """A value as a message shows it: short whatever it is."""
    if type(value) is str:
        return f'"{value[:57]}…"' if len(value) > 60 else f'"{value}"'
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value) if -(10**30) < value < 10**30 else "a number of many digits"
    if type(value) is float:
        return repr(value)
    if type(value) is list:
        return f"a list of {len(value)}"
    return "null" if value is None else "an object"


def key_of(value: Any, depth: int = 0) -> Hashable:
    """A value as JSON compares it: 1 is 1.0 and not true, objects have no order. Raises TooMuch for a deep one."""
    kind = type(value)
    if kind is str or kind is int or kind is float or value is None:
        return value  # type: ignore[no-any-return]
    if kind is bool:
        return ("true or false", value)
    if depth > 100:
        raise TooMuch("the value is nested too deeply")
    if kind is list:
        return ("list", *[key_of(one, depth + 1) for one in value])
    return ("object", frozenset((name, key_of(one, depth + 1)) for name, one in value.items()))


def under(name: str | int, problems: list[Problem]) -> list[Problem]:
    return [Problem((name, *problem.path), problem.message) for problem in problems]


def node(kinds: tuple[str, ...] | None, nullable: bool, parts: list[Check], by_type: dict[type, list[Check]]) -> Check:
    """A schema: the type of the value, then what fits every type, then what fits its type."""
    if kinds is None and not by_type and len(parts) == 1:
        return parts[0]
    allowed = None if kinds is None else frozenset(one for kind in kinds for one in TYPES[kind])
    whole = kinds is not None and "integer" in kinds and "number" not in kinds
    wanted = " or ".join(_WANTED[kind] for kind in kinds or ())
    if (rules := by_type.get(int)) is not None:
        by_type = {**by_type, float: rules}

    def check(value: Any) -> list[Problem] | None:
        kind = type(value)
        if value is None and nullable:
            return None
        if allowed is not None and kind not in allowed and not (whole and kind is float and value.is_integer()):
            what = "" if kind is dict or kind is list or value is None else f"{shown(value)} is "
            return [Problem((), f"{what}{kind_of(value) if kind is not float else 'a fraction'}, not {wanted}")]
        found: list[Problem] | None = None
        for part in parts:
            if problems := part(value):
                found = [*found, *problems] if found else problems
        for part in by_type.get(kind, ()):
            if problems := part(value):
                found = [*found, *problems] if found else problems
        return found

    return check


def one_of(values: list[Any]) -> Check:
    keys = frozenset(key_of(value) for value in values)
    listed = ", ".join(shown(value) for value in values[:8]) + (", …" if len(values) > 8 else "")

    def check(value: Any) -> list[Problem] | None:
        if key_of(value) in keys:
            return None
        say = f"{shown(value)} is not one of {listed}" if len(values) > 1 else f"{shown(value)} is not {listed}"
        return [Problem((), say)]

    return check


def required(names: tuple[str, ...]) -> Check:
    wanted = frozenset(names)

    def check(value: Any) -> list[Problem] | None:
        if wanted <= value.keys():
            return None
        return [Problem((), f'the required argument "{name[:60]}" is missing') for name in names if name not in value]

    return check


def members(known: dict[str, Check], patterns: list[tuple[Callable[[str], Any], Check]], others: Check | None) -> Check:
    """Named members, members by the pattern of their name, and all others."""

    def check(value: Any) -> list[Problem] | None:
        found: list[Problem] | None = None
        for name, part in value.items():
            rule = known.get(name)
            fitting = [rule] if rule is not None else []
            if patterns:
                fitting += [other for search, other in patterns if search(name)]
            if not fitting:
                if others is nothing:
                    problems: list[Problem] | None = [Problem((name,), "it is not in the schema")]
                else:
                    problems = under(name, more) if others is not None and (more := others(part)) else None
            else:
                problems = [problem for one in fitting for problem in under(name, one(part) or [])]
            if problems:
                found = [*found, *problems] if found else problems
                if len(found) >= MOST:
                    break
        return found

    if patterns or others not in (None, nothing):
        return check

    unknown = [Problem((), "it is not in the schema")] if others is nothing else None

    def check_named(value: Any) -> list[Problem] | None:
        found: list[Problem] | None = None
        for name, part in value.items():
            rule = known.get(name)
            problems = unknown if rule is None else rule(part)
            if problems:
                found = [*(found or ()), *under(name, problems)]
                if len(found) >= MOST:
                    break
        return found

    return check_named


def names(part: Check) -> Check:
    def check(value: Any) -> list[Problem] | None:
        for name in value:
            if problems := part(name):
                return [Problem((name,), f"its name: {problems[0].message}")]
        return None

    return check


def size(low: float | None, high: float | None, what: str) -> Check:
    def check(value: Any) -> list[Problem] | None:
        if low is not None and len(value) < low:
            return [Problem((), f"{len(value)} {what}, at least {low} are asked for")]
        if high is not None and len(value) > high:
            return [Problem((), f"{len(value)} {what}, at most {high} are allowed")]
        return None

    return check


def depends(key: str, rule: Check) -> Check:
    return lambda value: rule(value) if key in value else None


def elements(heads: list[Check], tail: Check | None) -> Check:
    def check(value: Any) -> list[Problem] | None:
        found: list[Problem] | None = None
        for index, part in enumerate(value):
            rule = heads[index] if index < len(heads) else tail
            if rule is None:
                break
            if problems := rule(part):
                found = [*(found or ()), *under(index, problems)]
                if len(found) >= MOST:
                    break
        return found

    return check


def unique(value: Any) -> list[Problem] | None:
    if len(value) < 2 or len({key_of(part) for part in value}) == len(value):
        return None
    return [Problem((), "an element is there twice")]


def contains(part: Check, low: float, high: float | None, budget: Budget) -> Check:
    def check(value: Any) -> list[Problem] | None:
        count = 0
        for one in value:
            budget.spend()
            count += not part(one)
        if count < low:
            return [Problem((), "it lacks an element that the schema asks for")]
        if high is not None and count > high:
            return [Problem((), f"{count} elements of a sort of which {high} are allowed")]
        return None

    return check


def matches(search: Callable[[str], Any], source: str) -> Check:
    def check(value: Any) -> list[Problem] | None:
        try:
            fits = search(value)
        except UnicodeEncodeError:
            return [Problem((), "the text holds half of a character")]
        return None if fits else [Problem((), f"{shown(value)} does not match {source[:80]}")]

    return check


def between(low: float | None, high: float | None, over: float | None, below: float | None) -> Check:
    def check(value: Any) -> list[Problem] | None:
        if low is not None and value < low:
            return [Problem((), f"{shown(value)} is below the minimum of {low}")]
        if high is not None and value > high:
            return [Problem((), f"{shown(value)} is above the maximum of {high}")]
        if over is not None and value <= over:
            return [Problem((), f"{shown(value)} is not above {over}")]
        if below is not None and value >= below:
            return [Problem((), f"{shown(value)} is not below {below}")]
        return None

    return check


def multiple(step: float) -> Check:
    exact = Fraction(repr(step))

    def check(value: Any) -> list[Problem] | None:
        if type(value) is float and not math.isfinite(value):
            return None
        if (Fraction(repr(value)) / exact).denominator == 1:
            return None
        return [Problem((), f"{shown(value)} is no multiple of {step}")]

    return check


def all_of(parts: Sequence[Check], budget: Budget) -> Check:
    def check(value: Any) -> list[Problem] | None:
        budget.spend()
        return [problem for part in parts for problem in part(value) or ()] or None

    return check


def any_of(parts: Sequence[Check], budget: Budget) -> Check:
    def check(value: Any) -> list[Problem] | None:
        best: list[Problem] | None = None
        for part in parts:
            budget.spend()
            problems = part(value)
            if not problems:
                return None
            if best is None or _deeper(problems, best):
                best = problems
        return best

    return check


def _deeper(one: list[Problem], other: list[Problem]) -> bool:
    """Whether the first alternative got further into the value: that is the one that was meant."""
    return (max(len(p.path) for p in one), -len(one)) > (max(len(p.path) for p in other), -len(other))


def exactly_one(parts: Sequence[Check], budget: Budget) -> Check:
    some = any_of(parts, budget)

    def check(value: Any) -> list[Problem] | None:
        fits = 0
        for part in parts:
            budget.spend()
            fits += not part(value)
        if fits > 1:
            return [Problem((), f"it fits {fits} of the alternatives, and only one is allowed")]
        return None if fits else some(value)

    return check


def none_of(part: Check, budget: Budget) -> Check:
    def check(value: Any) -> list[Problem] | None:
        budget.spend()
        return None if part(value) else [Problem((), f"{shown(value)} is what the schema rules out")]

    return check


def either(condition: Check, yes: Check, no: Check, budget: Budget) -> Check:
    def check(value: Any) -> list[Problem] | None:
        budget.spend()
        return no(value) if condition(value) else yes(value)

    return check


def refer(target: list[Check], budget: Budget) -> Check:
    """What a reference points at; it may still be in the making when the reference is compiled."""

    def check(value: Any) -> list[Problem] | None:
        budget.spend()
        return target[0](value)

    return check
