"""Calls against the calls that are right, by the rules of the Berkeley function-calling leaderboard.

A call fits an expected one when it has the same name, no argument that is not expected, every argument that is, and
each value is one of those accepted. An argument whose accepted values hold "" may be left out. Texts compare without
case, spaces and `,./-_*^`, and with one sort of quotes; a whole number fits where a number is asked for, not the other
way round; true is no number; lists keep their order; members of an accepted object are lists of accepted values again.
Calls made in parallel may come in any order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flywheel_tui.stages.aids.json_rules import shown

MOST_CALLS = 200
_DROPPED = re.compile(r"[ ,./\-_*^]")


class Match(NamedTuple):
    """Whether the calls are the expected ones; `pairs` are (number expected, number made), `problems` sentences."""

    ok: bool
    problems: tuple[str, ...]
    pairs: tuple[tuple[int, int], ...]


def match_calls(
    expected: Sequence[Mapping[str, Any]],
    calls: Sequence[Mapping[str, Any]],
    schemas: Mapping[str, Mapping[str, Any]] | None = None,
) -> Match:
    """Compare calls `{name, arguments}` with expected ones `{name, accepted: {argument: [values]}}`.

    An expected call may have `arguments` instead of `accepted`: then each value must be that one. `schemas` (the
    parameters of each tool by its name) tell where 5.0 may stand for 5. No expected call: none may be made.
    """
    if len(expected) > MOST_CALLS or len(calls) > MOST_CALLS:
        return Match(False, (f"more than {MOST_CALLS} calls are not compared",), ())
    why = [[_unfit(want, call, schemas or {}) for call in calls] for want in expected]
    partner = _paired([[number for number, reason in enumerate(row) if reason is None] for row in why])
    pairs = tuple(sorted((want, made) for made, want in partner.items()))
    problems: list[str] = []
    if len(calls) != len(expected):
        problems.append(_count(len(expected), len(calls)))
    met, used = {want for want, _ in pairs}, set(partner)
    for number, row in enumerate(why):
        if number in met:
            continue
        left = [(made, reason) for made, reason in enumerate(row) if made not in used and reason is not None]
        near = [reason for made, reason in left if _same_name(expected[number], calls[made])]
        name = str(expected[number].get("name"))[:60]
        problems.append(f"{name}: {near[0]}" if near else f"no call of {name} fits")
    return Match(not problems, tuple(problems), pairs)


def _count(wanted: int, made: int) -> str:
    if not wanted:
        return f"no call is expected, {made} {'is' if made == 1 else 'are'} made"
    asked = f"{wanted} call{'s are' if wanted > 1 else ' is'} expected"
    return f"{asked}, {made or 'none'} {'is' if made < 2 else 'are'} made"


def _same_name(expected: Mapping[str, Any], call: Mapping[str, Any]) -> bool:
    return expected.get("name") == call.get("name")


def _paired(fitting: list[list[int]]) -> dict[int, int]:
    """As many pairs as can be (Kuhn's augmenting paths): the call that was made to the expected one."""
    partner: dict[int, int] = {}

    def place(want: int, tried: set[int]) -> bool:
        for made in fitting[want]:
            if made not in tried:
                tried.add(made)
                if made not in partner or place(partner[made], tried):
                    partner[made] = want
                    return True
        return False

    for want in range(len(fitting)):
        place(want, set())
    return partner


def _unfit(want: Mapping[str, Any], call: Mapping[str, Any], schemas: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Why a call is not the expected one; None where it is."""
    if not _same_name(want, call):
        return f"{str(call.get('name'))[:60]} is called instead"
    given = call.get("arguments")
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        return "its arguments are no object"
    accepted = want.get("accepted")
    if not isinstance(accepted, Mapping):
        exact = want.get("arguments")
        accepted = {name: [value] for name, value in exact.items()} if isinstance(exact, Mapping) else {}
        if unknown := next((name for name in given if name not in accepted), None):
            return f"the argument {unknown[:60]!r} is not expected"
        lost = next((name for name in accepted if name not in given), None)
    else:
        if unknown := next((name for name in given if name not in accepted), None):
            return f"the argument {unknown[:60]!r} is not expected"
        lost = next((name for name in accepted if name not in given and not _may_lack(accepted[name])), None)
    if lost is not None:
        return f"the argument {lost[:60]!r} is missing"
    properties = schemas.get(str(want.get("name")), {}).get("properties")
    for name, value in given.items():
        options = accepted[name] if type(accepted[name]) is list else [accepted[name]]
        described = properties.get(name) if isinstance(properties, Mapping) else None
        fraction = isinstance(described, Mapping) and described.get("type") in ("number", "float", "double")
        try:
            if not any(_fits(value, option, fraction) for option in options):
                return f"{name[:60]} is {shown(value)}, not {_one_of(options)}"
        except RecursionError:
            return f"{name[:60]} is nested too deeply"
    return None


def _may_lack(options: Any) -> bool:
    return type(options) is list and any(type(option) is str and not option for option in options)


def _one_of(options: list[Any]) -> str:
    some = [shown(option) for option in options if option != ""]
    return " or ".join(some[:3]) + (" or …" if len(some) > 3 else "") if some else "left out"


def plain(text: str) -> str:
    """A text as the rules compare it."""
    return _DROPPED.sub("", text).lower().replace("'", '"')


def _fits(value: Any, option: Any, fraction: bool) -> bool:
    kind, wanted = type(value), type(option)
    if kind is str:
        return wanted is str and (value == option or plain(value) == plain(option))
    if kind is int:
        return wanted in (int, float) and bool(value == option)
    if kind is float:
        return (wanted is float or (wanted is int and fraction)) and bool(value == option)
    if kind is list:
        return (
            wanted is list
            and len(value) == len(option)
            and all(_fits(one, other, fraction) for one, other in zip(value, option, strict=True))
        )
    if kind is dict:
        return wanted is dict and (_same_members(value, option, fraction) or _accepted_members(value, option, fraction))
    return kind is wanted and bool(value == option)


def _same_members(value: dict[str, Any], option: dict[str, Any], fraction: bool) -> bool:
    return value.keys() == option.keys() and all(_fits(one, option[name], fraction) for name, one in value.items())


def _accepted_members(value: dict[str, Any], option: dict[str, Any], fraction: bool) -> bool:
    for name, one in value.items():
        options = option.get(name)
        if type(options) is not list or not any(_fits(one, other, fraction) for other in options):
            return False
    return all(name in value or _may_lack(options) for name, options in option.items())
