"""Questions over passages: RAG rows, and the annotated runs of ragas."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.fields import as_text, build, first_of, json_value, looks_like_list, required_text
from flywheel_tui.stages.layouts.notes import Notes

_QUESTIONS = ("question", "query", "user_input", "instruction", "prompt")
_CHUNKS = ("chunks", "contexts", "documents", "retrieved_contexts", "passages", "context")
_ANSWERS = ("answer", "response", "output", "answers")
_TEXTS = ("text", "content", "passage", "page_content", "contents")


@layout(
    "rag",
    kind="rag",
    columns="question chunks answer",
    example='{"question": "Who?", "chunks": [{"id": "a", "text": "Ann did."}], "answer": "Ann", "citations": ["a"]}',
    rank=38,
)
class Rag(Layout):
    """A question, the passages at hand (texts or objects) and the answer, which may be missing.

    Passages become `{id, title, text, gold}`; those without an id are numbered from 1.
    """

    @classmethod
    def fits(cls, row: Row) -> bool:
        column = first_of(row, _CHUNKS)
        if column is None or first_of(row, _QUESTIONS) is None:
            return False
        if column == "context":
            return "question" in row and first_of(row, _ANSWERS) is not None
        return looks_like_list(row[column])

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        asked, column = first_of(row, _QUESTIONS) or "question", first_of(row, _CHUNKS) or "chunks"
        answered = first_of(row, _ANSWERS)
        body: dict[str, Any] = {"chunks": _chunks(row.get(column), column, line, notes)}
        used = {asked, column}
        if row.get("citations") is not None:
            body["citations"] = json_value(row["citations"], "citations")
            used.add("citations")
        output = None
        if answered:
            used.add(answered)
            output = _answer(row, answered, line, notes)
        instruction = required_text(row, asked, line, notes)
        return [build(row, used, line, kind="rag", instruction=instruction, output=output, body=body)]


def _answer(row: Row, field: str, line: int, notes: Notes) -> str | None:
    """A text, or the first of a list of them (SQuAD keeps that list under `text`)."""
    value = row[field]
    if type(value) is dict and "text" in value:
        value = value["text"]
    if type(value) is list:
        return as_text(value[0], field, line, notes) if value else None
    return as_text(value, field, line, notes)


def _chunks(value: object, field: str, line: int, notes: Notes) -> list[dict[str, Any]]:
    listed = json_value(value, field) if looks_like_list(value) else [value]
    if type(listed) is not list:
        raise RowError(field, "it is not a list of passages", 'write [{"id": "1", "text": "…"}]')
    return [_chunk(item, f"{field}[{number - 1}]", number, line, notes) for number, item in enumerate(listed, 1)]


def _chunk(item: Any, where: str, number: int, line: int, notes: Notes) -> dict[str, Any]:
    if type(item) is not dict:
        text = as_text(item, where, line, notes)
        if text is None:
            raise RowError(where, "a passage is null", "write its text")
        return {"id": str(number), "text": text}
    column = first_of(item, _TEXTS)
    if column is None:
        raise RowError(where, "a passage has no text", 'add "text"')
    chunk = {key: value for key, value in item.items() if key not in (column, "is_gold")}
    chunk["id"] = str(item["id"]) if item.get("id") is not None else str(number)
    chunk["text"] = as_text(item[column], where, line, notes)
    if "is_gold" in item:
        chunk["gold"] = item["is_gold"]
    return chunk


@layout(
    "ragas",
    kind="sft",
    columns="metric_input metric_output",
    example='{"metric_input": {"user_input": "Hi", "response": "Hello"}, "metric_output": 1, "is_accepted": true}',
    rank=30,
)
class Ragas(Layout):
    """Annotated runs of a metric: what it was given becomes the pair, what it and the annotator said stays in meta."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return type(row.get("metric_input")) is dict and "metric_output" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        given = row.get("metric_input")
        if type(given) is not dict:
            raise RowError("metric_input", "it is not an object", 'write {"user_input": "…", "response": "…"}')
        instruction = required_text(given, "user_input", line, notes)
        output = required_text(given, "response", line, notes)
        more = {key: value for key, value in given.items() if key not in ("user_input", "response")}
        kind, body = "sft", None
        if looks_like_list(more.get("retrieved_contexts")):
            kind = "rag"
            body = {"chunks": _chunks(more.pop("retrieved_contexts"), "retrieved_contexts", line, notes)}
        if more:
            row = {**row, "metric_input": more}
        used = frozenset(() if more else ("metric_input",))
        return [build(row, used, line, kind=kind, instruction=instruction, output=output, body=body)]
