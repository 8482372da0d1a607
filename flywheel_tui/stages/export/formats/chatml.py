"""`chatml` (also `messages`): one list of messages for each pair, as OpenAI, TRL and most trainers read it."""

from __future__ import annotations

from typing import Any

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.stages.export.texts import whole_conversation
from flywheel_tui.store.export_rows import ExportRow

ANSWERED = frozenset({"sft", "tools", "reasoning", "trace", "rag"})
"""The kinds that are a request and its answer."""


@exporter("chatml", suffix=".chatml.jsonl", about="messages with roles, as they are; tools beside them")
class ChatMl(JsonExporter):
    """Whole conversations that end with an answer. Reasoning goes to `reasoning_content` of the last message."""

    kinds = ANSWERED

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        record: dict[str, Any] = {"messages": found.messages}
        if found.tools:
            record["tools"] = found.tools
        return record


@exporter("messages", suffix=".messages.jsonl", about="the same as chatml, under the name that trainers use")
class Messages(ChatMl):
    """`chatml` by another name."""
