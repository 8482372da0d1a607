"""Pairs as messages and prompts: what several formats share."""

from __future__ import annotations

from typing import Any

from flywheel_tui.store.export_rows import ExportRow

Message = dict[str, Any]


def prompt_of(row: ExportRow) -> str:
    """The instruction with its context below, as the model is asked."""
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction


def request_of(row: ExportRow, body: dict[str, Any]) -> list[Message]:
    """The conversation up to and including the request: of pairs whose messages end before the answer."""
    messages = list(body.get("messages") or ())
    return _as_edited(row, messages) if messages else [{"role": "user", "content": prompt_of(row)}]


def conversation_of(row: ExportRow, body: dict[str, Any]) -> list[Message]:
    """The whole conversation, answer included."""
    messages = list(body.get("messages") or ())
    if messages:
        return _as_edited(row, messages)
    return [{"role": "user", "content": prompt_of(row)}, {"role": "assistant", "content": row.output or ""}]


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
