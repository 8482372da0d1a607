"""`unsloth`: the column `conversations` with roles and contents, as its notebooks hand it to the chat template."""

from __future__ import annotations

from typing import Any

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.stages.export.formats.chatml import ANSWERED
from flywheel_tui.stages.export.texts import whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_messages, standard_tool
from flywheel_tui.store.export_rows import ExportRow


@exporter("unsloth", suffix=".unsloth.jsonl", about="conversations of role and content (and tools)")
class Unsloth(JsonExporter):
    """The shape after `standardize_sharegpt`, so that it need not be called: `apply_chat_template(conversations)`."""

    kinds = ANSWERED

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        record: dict[str, Any] = {"conversations": standard_messages(found.messages)}
        if found.tools:
            record["tools"] = [standard_tool(tool) for tool in found.tools]
        return record
