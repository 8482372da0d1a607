"""Columns into fields: texts that must be texts, and what is left over, which is kept."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.layouts.base import Row, RowError
from flywheel_tui.stages.layouts.notes import EMPTY, Notes

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
    """The text of a column that must be there; an empty one is counted and kept. Raises RowError where there is none."""
    value = as_text(row.get(field), field, line, notes, noun)
    if value is None:
        missing = "it is null" if field in row else "it is missing"
        raise RowError(field, missing, "add a text, or name another column with --map")
    if not value:
        notes.add(noun or field, EMPTY, line)
    return value


def optional_text(row: Row, field: str, line: int, notes: Notes) -> str | None:
    """The text of a column that may be missing, null or empty: then None."""
    return as_text(row.get(field), field, line, notes) or None


def json_value(value: object, field: str) -> Any:
    """A list or an object, also where a table holds it as JSON text. Raises RowError for text that is no JSON."""
    if type(value) is not str:
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RowError(field, "it is neither a list nor the JSON text of one", "write it as JSON") from error


def looks_like_list(value: object) -> bool:
    """Whether a column holds a list, or the JSON text of one (as tables do)."""
    return type(value) is list or (type(value) is str and value.lstrip()[:1] == "[" and value.rstrip()[-1:] == "]")


class Rest:
    """The columns that a layout did not use: category, tags and author where they are texts, the others as meta."""

    __slots__ = ("author", "category", "meta", "tags")

    def __init__(self, row: Row, used: frozenset[str]) -> None:
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
