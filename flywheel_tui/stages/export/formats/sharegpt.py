"""`sharegpt`: conversations of `from` and `value`."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.stages.export.formats.chatml import ANSWERED
from flywheel_tui.stages.export.texts import Message, whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_messages
from flywheel_tui.store.export_rows import ExportRow

_FROM = {"user": "human", "assistant": "gpt", "system": "system", "developer": "system", "tool": "observation"}


def turns_of(messages: list[Message]) -> list[dict[str, str]] | LeftOut:
    """The turns of a conversation; a call is a turn `function_call` with its JSON, its answer an `observation`.

    A turn holds one call: messages with several are left out, and so is text beside a call.
    """
    turns: list[dict[str, str]] = []
    for message in standard_messages(messages):
        calls = message.get("tool_calls")
        text = message.get("content") or ""
        if calls:
            if len(calls) > 1 or text:
                return LeftOut("calls several tools at once, or says something beside a call: a turn holds one call")
            call = msgspec.json.encode(calls[0]["function"]).decode()
            turns.append({"from": "function_call", "value": call})
            continue
        turns.append({"from": _FROM.get(str(message.get("role")), "human"), "value": with_thought(message, text)})
    return turns


def with_thought(message: Message, text: str) -> str:
    """The text of an answer with its reasoning before it, between the tags that reasoning models use."""
    thought = message.get("reasoning_content")
    return f"<think>\n{thought}\n</think>\n\n{text}" if thought else text


@exporter("sharegpt", suffix=".sharegpt.jsonl", about="conversations of from (human, gpt …) and value")
class ShareGpt(JsonExporter):
    """Whole conversations; the tools at hand as JSON text in the column `tools`."""

    kinds = ANSWERED

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        turns = turns_of(found.messages)
        if isinstance(turns, LeftOut):
            return turns
        record: dict[str, Any] = {"conversations": turns}
        if found.tools:
            record["tools"] = msgspec.json.encode(found.tools).decode()
        return record
