"""`chatml`: one list of messages for each pair, as OpenAI, TRL and most trainers read it."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.stages.export.texts import conversation_of
from flywheel_tui.store.export_rows import ExportRow


@exporter("chatml", suffix=".chatml.jsonl", about="messages with roles; tools beside them")
class ChatMl(JsonExporter):
    """Whole conversations that end with an answer. Reasoning goes to `reasoning_content` of the last message."""

    kinds = frozenset({"sft", "tools", "reasoning", "trace"})

    def convert(self, row: ExportRow) -> Any:
        if row.body is None:
            if row.output is None:
                return LeftOut("has no answer")
            return {"messages": conversation_of(row, {})}
        body = msgspec.json.decode(row.body)
        if row.output is None and not body.get("messages"):
            return LeftOut("has no answer")
        messages = conversation_of(row, body)
        if messages[-1].get("role") != "assistant":
            return LeftOut("has no answer")
        if body.get("reasoning"):
            messages[-1] = {**messages[-1], "reasoning_content": body["reasoning"]}
        record: dict[str, Any] = {"messages": messages}
        if body.get("tools"):
            record["tools"] = body["tools"]
        return record
