"""Texts on their own: files of a folder, a column of texts, and texts with the spans of personal data in them."""

from __future__ import annotations

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, layout
from flywheel_tui.stages.layouts.fields import as_text, build, optional_text, required_text
from flywheel_tui.stages.layouts.notes import Notes

_TITLE_CHARS = 80
_REQUESTS = frozenset(("question", "prompt", "instruction", "query", "chosen", "rejected", "messages", "conversations"))


@layout(
    "document",
    kind="document",
    columns="text",
    example='{"title": "Opening hours", "text": "We open at nine.", "path": "help/hours.md"}',
    rank=95,
)
class Document(Layout):
    """A text with a title and a path where there are any; without a title its first line is one."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return type(row.get("text")) is str and not _REQUESTS & row.keys()

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        text = required_text(row, "text", line, notes)
        title = optional_text(row, "title", line, notes) or text.strip().partition("\n")[0][:_TITLE_CHARS]
        path = optional_text(row, "path", line, notes)
        body = {"path": path} if path else None
        used = frozenset(("title", "text", "path"))
        return [build(row, used, line, kind="document", instruction=title, input=text, body=body)]


@layout(
    "pii_spans",
    kind="document",
    columns="full_text spans",
    example='{"full_text": "I am Ann", "spans": [{"entity_type": "PERSON", "start_position": 5, "end_position": 8}]}',
    rank=40,
)
class PiiSpans(Layout):
    """Texts with gold spans of personal data, which stay in meta and count in the characters of the text."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return "full_text" in row and "spans" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        text = required_text(row, "full_text", line, notes)
        # The title repeats nothing of the text: what is found in a pair must not be found twice.
        template = row.get("template_id")
        title = f"template {as_text(template, 'template_id', line, Notes())}" if template is not None else "text"
        return [build(row, frozenset(("full_text",)), line, kind="document", instruction=title, input=text)]
