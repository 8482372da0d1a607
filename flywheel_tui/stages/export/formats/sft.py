"""`sft`: a prompt and its completion, the shape in which TRL trains on the completion only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, Options, exporter
from flywheel_tui.stages.export.formats.chatml import ANSWERED
from flywheel_tui.stages.export.texts import JOINED, asked, has_messages, whole_conversation
from flywheel_tui.stages.export.tool_shapes import standard_messages, standard_tool
from flywheel_tui.store.export_rows import ExportRow


@exporter("sft", suffix=".sft.jsonl", about="prompt, completion (and tools)")
class Sft(JsonExporter):
    """One file has one shape: texts, or lists of messages where any pair is a conversation (or with --messages).

    Texts are trained on as they are; to lists of messages the trainer applies the model's chat template.
    """

    kinds = ANSWERED
    surveys = True
    takes = frozenset({"messages"})

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        self._as_messages = options.messages

    def survey(self, rows: Sequence[ExportRow]) -> None:
        self._as_messages = self._as_messages or has_messages(rows)

    def convert(self, row: ExportRow) -> Any:
        if not self._as_messages:
            if row.output is None:
                return LeftOut("has no answer")
            body = msgspec.json.decode(row.body) if row.body else {}
            return {"prompt": asked(row, body), "completion": row.output}
        found = whole_conversation(row)
        if isinstance(found, LeftOut):
            return found
        if len(found.messages) < 2:
            return LeftOut("is an answer without a request")
        messages = standard_messages(found.messages)
        record: dict[str, Any] = {"prompt": messages[:-1], "completion": messages[-1:]}
        if found.tools:
            record["tools"] = [standard_tool(tool) for tool in found.tools]
        return record

    def notes(self) -> list[str]:
        if self._as_messages:
            return ["prompt and completion are lists of messages"]
        return [JOINED]
