"""The answer in an output, for each form that answers have: a number, a word, a list of numbers, JSON."""

from __future__ import annotations

import json
import re
from typing import Any

from flywheel_tui.answers.finals import announced_final, last_number, value_of

LONGEST = 20_000
"""Characters of an output that are looked at, from its end."""
_WORD = re.compile(r"[^\W\d_]+")
_SEPARATOR = re.compile(r"(?:\s*[,;]\s*|\s+and\s+|\s*->\s*|\s*<\s*|\s+)")
_DECODER = json.JSONDecoder()
_MARKS = " \t\n*_:\"'“”`.!()[]"


def final_part(output: str) -> str:
    """What an output announces as its answer (`the answer is …`); the whole output where it announces nothing."""
    found = announced_final(output[-LONGEST:])
    return found.text if found is not None and found.text else output[-LONGEST:]


def whole_number(output: str) -> str | None:
    """The whole number that an output says, as digits; None where it says none, or one with a fraction."""
    said = final_part(output)
    value = value_of(said)
    if value is None and (last := last_number(said)) is not None:
        value = value_of(last.text)
    if value is None or value.denominator != 1:
        return None
    return str(int(value))


def word(output: str) -> str | None:
    """The last word of what an output announces, in small letters."""
    found = _WORD.findall(final_part(output))
    return found[-1].lower() if found else None


def whole_numbers(output: str) -> str | None:
    """The whole numbers of an output in their order, joined by commas; words between them do not matter."""
    found = []
    for item in _SEPARATOR.split(output[-LONGEST:]):
        value = value_of(item.strip(_MARKS)) if any(map(str.isdecimal, item)) else None
        if value is not None and value.denominator == 1:
            found.append(str(int(value)))
    return ", ".join(found) or None


def json_value(output: str) -> tuple[bool, Any]:
    """Whether there is a JSON object or list in an output, and the first one."""
    text = output[-LONGEST:]
    for match in list(re.finditer(r"[{\[]", text))[:20]:
        try:
            value, _ = _DECODER.raw_decode(text, match.start())
        except (ValueError, RecursionError):
            continue
        return True, value
    return False, None


def compact(value: Any) -> str:
    """A JSON value in one line, as the tasks write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
