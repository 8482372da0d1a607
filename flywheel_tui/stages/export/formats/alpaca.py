"""`alpaca`: instruction, input, output."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.store.export_rows import ExportRow


@exporter("alpaca", suffix=".alpaca.jsonl", about="instruction, input, output (and system)")
class Alpaca(JsonExporter):
    """Single turns. A system message goes to the column `system`, which the common trainers know."""

    kinds = frozenset({"sft", "reasoning"})

    def convert(self, row: ExportRow) -> Any:
        record = {"instruction": row.instruction, "input": row.input or "", "output": row.output}
        if row.output is None:
            return LeftOut("has no answer")
        if row.body is None:
            return record
        messages = msgspec.json.decode(row.body).get("messages") or []
        if sum(message.get("role") == "user" for message in messages) > 1:
            return LeftOut("is a conversation of several turns (chatml holds them)")
        system = [message.get("content") or "" for message in messages if message.get("role") == "system"]
        if system:
            record["system"] = "\n\n".join(system)
        return record
