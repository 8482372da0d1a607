"""JSON read strictly: no name twice in an object, no NaN, no number that is infinite, and a place for every fault."""

from __future__ import annotations

import json
import math
from typing import Any

from flywheel_tui.stages.aids.json_rules import shown


class JsonFault(ValueError):
    """Text that is no strict JSON: why, and at which character (None where that is not known)."""

    def __init__(self, why: str, at: int | None = None) -> None:
        super().__init__(why)
        self.why, self.at = why, at


def strict_json(text: str) -> Any:
    """The value of a JSON text. Raises JsonFault."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonFault(f"{error.msg[0].lower()}{error.msg[1:]}", min(error.pos, len(text))) from None
    except RecursionError:
        raise JsonFault("it is nested too deeply") from None
    except JsonFault:
        raise
    except ValueError:
        # int() refuses thousands of digits, since reading them takes quadratic time
        raise JsonFault("a number has too many digits") from None


def value_span(text: str, name: str) -> tuple[int, int] | None:
    """Where a member of the outermost object stands, from its name to the end of its value."""
    try:
        at = text.index("{") + 1
        while True:
            at = _past_space(text, at)
            start = at
            found, at = _DECODER.raw_decode(text, at)
            at = _past_space(text, at)
            if type(found) is not str or text[at : at + 1] != ":":
                return None
            _, end = _DECODER.raw_decode(text, _past_space(text, at + 1))
            if found == name:
                return start, end
            at = _past_space(text, end) + 1
    except (ValueError, RecursionError):
        return None


def _past_space(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise JsonFault(f"the name {shown(name)} is there twice in one object")
            seen.add(name)
    return made


def _refuse(word: str) -> Any:
    raise JsonFault(f"{word} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonFault("a number is too large")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_refuse, parse_float=_finite)
