"""Why a piece of JSON, or the value in it, cannot be taken: one sentence and its remedy."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

_NAMES = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a true or false",
    type(None): "null",
}


class Fault(NamedTuple):
    """What is off, and what would be right."""

    reason: str
    remedy: str


def json_type(value: object) -> str:
    """The type of a decoded value in words: `a list`, `null` …"""
    return _NAMES.get(type(value), type(value).__name__)


def deeper_than(value: Any, limit: int) -> bool:
    """Whether lists and objects are nested in each other more than `limit` deep (a plain object is 1 deep)."""
    level = [value]
    for _ in range(limit):
        children: list[Any] = []
        for item in level:
            if type(item) is dict:
                children.extend(child for child in item.values() if type(child) in (dict, list))
            elif type(item) is list:
                children.extend(child for child in item if type(child) in (dict, list))
        if not children:
            return False
        level = children
    return True


def holds_nul(value: Any) -> bool:
    """Whether any text in the value holds U+0000."""
    if type(value) is str:
        return "\0" in value
    if type(value) is dict:
        return any("\0" in key or holds_nul(item) for key, item in value.items())
    return type(value) is list and any(holds_nul(item) for item in value)


def value_fault(value: Any, depth: int, may_hold_nul: bool) -> Fault | None:
    """What is off with a decoded value as a row; None where nothing is."""
    if type(value) is not dict:
        return Fault(f"it is {json_type(value)}, not an object with named columns", 'write it as {"column": value}')
    for item in value.values():
        if type(item) in (dict, list) and deeper_than(item, depth - 1):
            return too_deep(depth)
    if may_hold_nul and holds_nul(value):
        return Fault("it holds the character U+0000, which cannot be stored as text", "take the character out")
    return None


def too_deep(depth: int) -> Fault:
    """The fault of a value nested deeper than allowed."""
    return Fault(f"it is nested deeper than {depth} levels", "flatten it")


def too_long(limit: int) -> Fault:
    """The fault of a row with more bytes than allowed."""
    return Fault(f"it is longer than {limit:,} bytes", "split it into smaller rows")


def json_fault(raw: bytes, depth: int) -> Fault:
    """Why `raw`, which msgspec refused, is no JSON that can be stored."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Fault(f"byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8", "save the file as UTF-8")
    if "\0" in text:
        return Fault(f"it holds a NUL byte at column {text.index(chr(0)) + 1}", "take the byte out")
    constants: list[str] = []
    try:
        value = json.loads(text, parse_constant=constants.append)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        what = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
        return Fault(f"it is not valid JSON ({what} at {where})", "correct the row")
    except RecursionError:
        return too_deep(depth)
    except ValueError:
        return Fault("it holds a number with too many digits", "write the number as a text")
    if constants:
        return Fault(f"it holds {constants[0]}, which is not a JSON value", "write null or a number")
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return Fault("it holds half of a surrogate pair (\\ud800 to \\udfff)", "write the whole character")
    except RecursionError:
        return too_deep(depth)
    return Fault("it holds a number that is too large", "write the number as a text")
