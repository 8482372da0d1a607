"""Pairs as messages and prompts: what several formats share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.stages.export.base import LeftOut
from flywheel_tui.store.export_rows import ExportRow

Message = dict[str, Any]
NO_ANSWER = LeftOut("has no answer")
JOINED = "trainers join these texts as they are; with --messages they apply the model's chat template"
"""What to say of files whose prompts and answers are texts."""


class Conversation(NamedTuple):
    """A whole conversation that ends with an answer, and the tools at hand in it."""

    messages: list[Message]
    tools: list[dict[str, Any]]


def prompt_of(row: ExportRow) -> str:
    """The instruction with its context below, as the model is asked."""
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def request_of(row: ExportRow, body: dict[str, Any]) -> list[Message]:
    """The conversation up to and including the request: of pairs whose messages end before the answer."""
    messages = list(body.get("messages") or ())
    return _as_edited(row, messages) if messages else [{"role": "user", "content": asked(row, body)}]


def conversation_of(row: ExportRow, body: dict[str, Any]) -> list[Message]:
    """The whole conversation, answer included."""
    messages = list(body.get("messages") or ())
    if messages:
        return _as_edited(row, messages)
    return [{"role": "user", "content": asked(row, body)}, {"role": "assistant", "content": row.output or ""}]


def asked(row: ExportRow, body: dict[str, Any]) -> str:
    """The request as one text; of a question over passages, the passages first, numbered by their ids."""
    chunks = body.get("chunks") if row.kind == "rag" else None
    if not chunks:
        return prompt_of(row)
    passages = "\n\n".join(_passage(chunk) for chunk in chunks if type(chunk) is dict)
    return f"{passages}\n\n{row.instruction}"


def _passage(chunk: dict[str, Any]) -> str:
    title = f" {chunk['title']}" if chunk.get("title") else ""
    return f"[{chunk.get('id', '')}]{title}\n{chunk.get('text') or ''}"


def whole_conversation(row: ExportRow) -> Conversation | LeftOut:
    """The conversation of a pair with its answer; where only calls are expected, they are the answer."""
    body: dict[str, Any] = msgspec.json.decode(row.body) if row.body else {}
    only_asked = row.output is None and not body.get("messages")
    messages = request_of(row, body) if only_asked else conversation_of(row, body)
    if messages[-1].get("role") != "assistant":
        answer = _answer(row, body)
        if answer is None:
            return NO_ANSWER
        messages = [*messages, answer]
    if body.get("reasoning") and body["reasoning"] not in (messages[-1].get("content") or ""):
        messages[-1] = {**messages[-1], "reasoning_content": body["reasoning"]}
    return Conversation(messages, list(body.get("tools") or ()))


def _answer(row: ExportRow, body: dict[str, Any]) -> Message | None:
    """The answer that the messages lack: what was said, else the calls that are expected."""
    if row.kind != "tools":
        return None
    if row.output is not None:
        return {"role": "assistant", "content": row.output}
    calls = body.get("expected_calls")
    if not calls:
        return None
    from flywheel_tui.stages.export.tool_shapes import expected_call

    return {"role": "assistant", "content": None, "tool_calls": [expected_call(call) for call in calls]}


def has_messages(rows: Sequence[ExportRow]) -> bool:
    """Whether any of the rows is more than one request and one answer."""
    return any(row.body is not None and '"messages"' in row.body and row.body_value("messages") for row in rows)


def _as_edited(row: ExportRow, messages: list[Message]) -> list[Message]:
    """The messages with what an edit changed: an edit of the request or the answer alone leaves the messages behind."""
    if row.version == 1:
        return messages
    last = messages[-1]
    if last.get("role") == "assistant" and row.output is not None:
        messages[-1] = {**last, "content": row.output}
    if row.kind == "trace":  # its instruction is the first request, and people edit the last turn only
        return messages
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].get("role") == "user":
            messages[index] = {**messages[index], "content": prompt_of(row)}
            break
    return messages
