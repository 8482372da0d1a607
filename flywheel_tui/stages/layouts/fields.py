"""Columns into fields: texts that must be texts, and what is left over, which is kept."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Row, RowError
from flywheel_tui.stages.layouts.notes import EMPTY, Notes
from flywheel_tui.stages.readers.base import DEFAULT_LIMITS
from flywheel_tui.stages.readers.faults import value_fault

_MESSAGES_TEXT = re.compile(r'\s*\[\s*\{\s*"(role|from|content|value)"')
CATEGORY_COLUMNS = ("category", "topic", "type")


def as_text(value: object, field: str, line: int, notes: Notes, noun: str = "") -> str | None:
    """The value as a text: numbers and true/false become their JSON text with a note, null is None.

    Raises RowError for a list or an object.
    """
    if value is None or type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        word = "true" if value else "false"
        notes.add(noun or f"value of {field!r}", f"the JSON value {word}, stored as the text '{word}'", line)
        return word
    if isinstance(value, int | float):
        notes.add(noun or f"value of {field!r}", "a number, stored as its text", line)
        return msgspec.json.encode(value).decode()
    what = "a list" if isinstance(value, list) else "an object"
    raise RowError(field, f"it is {what} where a text is needed", "write a text, or name another column with --map")


def required_text(row: Row, field: str, line: int, notes: Notes, noun: str = "") -> str:
    """The text of a column that must be there; an empty one is counted and kept. RowError where there is none."""
    value = as_text(row.get(field), field, line, notes, noun)
    if value is None:
        missing = "it is null" if field in row else "it is missing"
        raise RowError(field, missing, "add a text, or name another column with --map")
    if not value:
        notes.add(noun or f"value of {field!r}", EMPTY, line)
    return value


def optional_text(row: Row, field: str, line: int, notes: Notes) -> str | None:
    """The text of a column that may be missing, null or empty: then None."""
    return as_text(row.get(field), field, line, notes) or None


def json_value(value: object, field: str) -> Any:
    """A list or an object, also where a table holds it as JSON text. Raises RowError for text that is no JSON."""
    if type(value) is not str:
        return value
    try:
        decoded = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RowError(field, "it is neither a list nor the JSON text of one", "write it as JSON") from error
    # The reader saw a text: what it checks in values has not been checked in this one.
    fault = value_fault({field: decoded}, DEFAULT_LIMITS.depth, True)
    if fault is not None:
        raise RowError(field, fault.reason, fault.remedy)
    return decoded


def looks_like_list(value: object) -> bool:
    """Whether a column holds a list, or the JSON text of one (as tables do)."""
    return type(value) is list or (type(value) is str and value.lstrip()[:1] == "[" and value.rstrip()[-1:] == "]")


def looks_like_messages(value: object) -> bool:
    """Whether a column holds a list of messages, or the JSON text of one; a text with brackets alone is a text."""
    if type(value) is list:
        return True
    return type(value) is str and _MESSAGES_TEXT.match(value) is not None and value.rstrip()[-1:] == "]"


class Rest:
    """The columns that a layout did not use: category, tags and author where they are texts, the others as meta."""

    __slots__ = ("author", "category", "meta", "tags")

    def __init__(self, row: Row, used: frozenset[str] | set[str]) -> None:
        meta = {key: value for key, value in row.items() if key not in used}
        self.category: str | None = None
        for name in CATEGORY_COLUMNS:
            if type(meta.get(name)) is str and meta[name]:
                self.category = meta.pop(name)
                break
        self.author: str | None = meta.pop("author") if type(meta.get("author")) is str else None
        self.tags: list[str] | None = None
        tags = meta.get("tags")
        if type(tags) is list and tags and all(type(tag) is str for tag in tags):
            self.tags = meta.pop("tags")
        self.meta: dict[str, Any] | None = meta or None


def build(
    row: Row,
    used: frozenset[str] | set[str],
    line: int,
    *,
    kind: str = "sft",
    instruction: str,
    input: str | None = None,
    output: str | None = None,
    body: dict[str, Any] | None = None,
) -> Draft:
    """A draft of the fields given, with the columns of the row that are not in `used` kept."""
    rest = Rest(row, used)
    return Draft(
        kind=kind,
        instruction=instruction,
        input=input,
        output=output,
        body=body or None,
        meta=rest.meta,
        category=rest.category,
        tags=rest.tags,
        author=rest.author,
        line=line,
    )


def first_of(row: Row, names: tuple[str, ...]) -> str | None:
    """The first of these columns that the row has with a value."""
    return next((name for name in names if row.get(name) is not None), None)
