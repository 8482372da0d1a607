"""`rag`: a question, the passages that were found, the answer that they support."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.store.export_rows import ExportRow


@exporter("rag", suffix=".rag.jsonl", about="question, chunks (id, title, text, gold), answer, citations")
class Rag(JsonExporter):
    """The shape that retrieval is measured with; to train on, use sft or messages: the passages go to the prompt."""

    kinds = frozenset({"rag"})

    def convert(self, row: ExportRow) -> Any:
        body: dict[str, Any] = msgspec.json.decode(row.body) if row.body else {}
        chunks = body.get("chunks")
        if not chunks:
            return LeftOut("has no passages")
        if row.output is None:
            return LeftOut("has no answer")
        record: dict[str, Any] = {"question": row.instruction, "chunks": chunks, "answer": row.output}
        if body.get("citations") is not None:
            record["citations"] = body["citations"]
        return record
