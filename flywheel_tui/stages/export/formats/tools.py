"""`tools`: conversations with calls and the tools at hand, as chat templates of transformers and TRL take them."""

from __future__ import annotations

from typing import Any

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.stages.export.texts import whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_messages, standard_tool
from flywheel_tui.store.export_rows import ExportRow


@exporter("tools", suffix=".tools.jsonl", about="messages with tool_calls, and the column tools")
class Tools(JsonExporter):
    """Calls as `{id, type, function: {name, arguments}}` with arguments as objects; tools with JSON Schema types.

    Where the data only says which calls are expected, those are the answer.
    """

    kinds = frozenset({"tools", "trace"})

    def convert(self, row: ExportRow) -> Any:
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        if not found.tools:
            return LeftOut("has no list of tools")
        return {
            "messages": standard_messages(found.messages),
            "tools": [standard_tool(tool) for tool in found.tools],
        }
