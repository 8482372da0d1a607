"""Our own export in full: every field of a pair, so that what was written can be read again."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import KINDS, Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.fields import as_text, json_value, optional_text
from flywheel_tui.stages.layouts.notes import Notes

_OBJECTS = ("body", "meta")
_USED = frozenset(
    ("uid", "kind", "instruction", "input", "output", "body", "meta", "category", "tags", "author", "line")
)


@layout(
    "flywheel",
    kind="sft",
    columns="kind instruction body",
    example='{"uid": "01J…", "kind": "sft", "instruction": "Hi", "output": "Hello", "body": {}, "tags": ["x"]}',
    rank=10,
)
class Flywheel(Layout):
    """The fields of a pair as they are; in tables, body, meta and tags are JSON texts.

    The uid is not kept: it follows from the content, and is the same again.
    """

    @classmethod
    def fits(cls, row: Row) -> bool:
        return row.get("kind") in KINDS and "instruction" in row and ("body" in row or "uid" in row)

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        kind = row.get("kind")
        if kind not in KINDS:
            raise RowError("kind", f"there is no kind {kind!r}", f"use one of: {', '.join(KINDS)}")
        instruction = as_text(row.get("instruction"), "instruction", line, notes)
        if instruction is None:
            raise RowError("instruction", "it is null", "write a text, which may be empty")
        body, meta = (self._object(row, field) for field in _OBJECTS)
        more = {key: value for key, value in row.items() if key not in _USED}
        return [
            Draft(
                kind=str(kind),
                instruction=instruction,
                input=as_text(row.get("input"), "input", line, notes),
                output=as_text(row.get("output"), "output", line, notes),
                body=body,
                meta={**more, **(meta or {})} or None,
                category=optional_text(row, "category", line, notes),
                tags=self._tags(row),
                author=optional_text(row, "author", line, notes),
                line=line,
            )
        ]

    @staticmethod
    def _object(row: Row, field: str) -> dict[str, Any] | None:
        value = json_value(row.get(field) or None, field)
        if value is not None and type(value) is not dict:
            raise RowError(field, "it is not an object", "write {} or leave it out")
        return value or None

    @staticmethod
    def _tags(row: Row) -> list[str] | None:
        tags = json_value(row.get("tags") or None, "tags")
        if tags is not None and (type(tags) is not list or not all(type(tag) is str for tag in tags)):
            raise RowError("tags", "it is not a list of texts", 'write ["a", "b"]')
        return tags or None
