"""`distill`: a prompt, the way to the answer, and the answer, for a smaller model to learn the way."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, LeftOut, exporter
from flywheel_tui.stages.export.texts import prompt_of
from flywheel_tui.store.export_rows import ExportRow


@exporter("distill", suffix=".distill.jsonl", about="prompt, reasoning, answer (final), and completion with both")
class Distill(JsonExporter):
    """`completion` has the reasoning between <think> tags and then the answer: with `prompt` it is what TRL trains on.

    Where the answer holds its reasoning already (as in GSM8K), `answer` is the final answer alone.
    """

    kinds = frozenset({"reasoning"})

    def convert(self, row: ExportRow) -> Any:
        body: dict[str, Any] = msgspec.json.decode(row.body) if row.body else {}
        reasoning, final = body.get("reasoning"), body.get("final")
        if not reasoning:
            return LeftOut("has no reasoning")
        answer = final if row.output is None or (final and reasoning in row.output) else row.output
        if not answer:
            return LeftOut("has no answer")
        record = {"prompt": prompt_of(row), "reasoning": reasoning, "answer": answer}
        if final and final != answer:
            record["final"] = final
        record["completion"] = f"<think>\n{reasoning}\n</think>\n\n{answer}"
        return record
