"""Checkers of answers by name, for evaluation and for judges: exact, numeric, json, regex, contains, skill:NAME.

A checker tells right from wrong without a model. What a pair says in its meta chooses one: `skill` and `params` (a task
of ours), or `checker` and `expected`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from flywheel_tui.answers.finals import find_final, plain_words, same_number, value_of
from flywheel_tui.errors import FlywheelError, NotFoundError, UsageError
from flywheel_tui.tasks.base import Checked, check, task_of
from flywheel_tui.tasks.said import compact, final_part, json_value

Checker = Callable[[str, str], Checked]
"""Takes what is expected and an output."""
CHECKERS: dict[str, Checker] = {}
SKILL = "skill:"


def checker(name: str) -> Callable[[Checker], Checker]:
    """Register a checker under a name."""

    def register(function: Checker) -> Checker:
        CHECKERS[name] = function
        return function

    return register


def checker_named(name: str) -> Checker:
    """The checker of a name; for `skill:NAME` what is expected is the parameters of the task as JSON.

    Raises NotFoundError.
    """
    if name.startswith(SKILL):
        return lambda expected, output: check(task_of(name.removeprefix(SKILL), _params(expected)), output)
    if name not in CHECKERS:
        raise NotFoundError("checker", name, [*sorted(CHECKERS), f"{SKILL}NAME"])
    return CHECKERS[name]


def checked(meta: Mapping[str, Any] | None, output: str) -> Checked | None:
    """What the checker that a pair's meta names says of an output; None where the meta names none.

    Raises FlywheelError where it names one that there is not, or parameters that do not fit.
    """
    if not meta:
        return None
    if isinstance(meta.get("skill"), str) and isinstance(meta.get("params"), Mapping):
        return check(task_of(meta["skill"], meta["params"]), output)
    if isinstance(meta.get("checker"), str) and "expected" in meta:
        expected = meta["expected"]
        return checker_named(meta["checker"])(expected if isinstance(expected, str) else compact(expected), output)
    return None


def can_check(meta: Mapping[str, Any] | None) -> bool:
    """Whether `checked` has something to say for a pair with this meta."""
    try:
        return checked(meta, "") is not None
    except FlywheelError:
        return False


@checker("exact")
def exact(expected: str, output: str) -> Checked:
    """The same words, but for case, marks and spaces; words that announce the answer do not matter."""
    wanted = plain_words(expected)
    for said in (output, final_part(output)):
        if (plain_words(said) or said.strip()) == (wanted or expected.strip()):
            return _passed(expected, said)
    return _failed("other words", expected, output)


@checker("numeric")
def numeric(expected: str, output: str) -> Checked:
    """The same number, whatever it is written like: the one that is announced, else the last one.

    Raises UsageError where what is expected is no number.
    """
    wanted = value_of(expected)
    if wanted is None:
        raise UsageError(f"{expected[:80]!r} is no number; check it with another checker, such as exact")
    found = find_final(output)
    got = value_of(found.text) if found is not None else value_of(output)
    if got is None:
        return _failed("no answer", expected, found.text if found is not None else "")
    said = found.text if found is not None else output
    return _passed(expected, said) if same_number(got, wanted) else _failed("wrong number", expected, said)


@checker("json")
def same_json(expected: str, output: str) -> Checked:
    """The same JSON value, whatever its spaces and the order of its members; text around it does not matter.

    Raises UsageError where what is expected is no JSON.
    """
    try:
        wanted = json.loads(expected)
    except (ValueError, RecursionError):
        raise UsageError(f"{expected[:80]!r} is no JSON; check it with another checker, such as exact") from None
    found, value = json_value(output)
    if not found:
        try:
            value = json.loads(final_part(output))
        except (ValueError, RecursionError):
            return _failed("no JSON", expected, "")
    same = _sorted(value) == _sorted(wanted)
    return _passed(expected, compact(value)) if same else _failed("wrong value", expected, compact(value))


@checker("regex")
def regex(expected: str, output: str) -> Checked:
    """A regular expression (RE2) is found in the output. Raises UsageError where it is none."""
    import re2

    try:
        found = re2.search(expected, output)
    except re2.error as error:
        raise UsageError(f"{expected[:80]!r} is no regular expression: {error}") from None
    return _passed(expected, str(found[0])) if found else _failed("not found", expected, output)


@checker("contains")
def contains(expected: str, output: str) -> Checked:
    """The words stand in the output one after another, whatever their case and the marks between them."""
    wanted = plain_words(expected)
    found = f" {wanted} " in f" {plain_words(output)} " if wanted else expected.strip() in output
    return _passed(expected, expected) if found else _failed("not found", expected, output)


def _params(expected: str) -> dict[str, Any]:
    try:
        params = json.loads(expected)
    except ValueError:
        params = None
    if not isinstance(params, dict):
        raise UsageError(f"{expected[:80]!r} is no JSON object with the parameters of a task")
    return params


def _sorted(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _passed(expected: str, said: str) -> Checked:
    return Checked(True, "", f"it is {expected[:80]}", said.strip()[:200])


def _failed(kind: str, expected: str, said: str) -> Checked:
    shown = said.strip()[:80]
    return Checked(False, kind, f"{kind}: it says {shown or 'nothing'}, expected {expected[:80]}", shown)
