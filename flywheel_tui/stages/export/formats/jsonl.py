"""`jsonl`: everything that is known about a pair; taking the file in again names the same pairs."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.export.base import JsonExporter, exporter
from flywheel_tui.store.export_rows import ExportRow


class Line(msgspec.Struct, omit_defaults=True, gc=False):
    """One line of the layout `flywheel`; what holds nothing is left out, but for the first six.

    `status` to `findings` say how the pair stood when it was exported; taking the file in again does not read them
    as labels (labels travel with `flywheel label export`).
    """

    uid: str
    kind: str
    instruction: str
    input: str | None
    output: str | None
    status: str
    body: msgspec.Raw | None = None
    meta: msgspec.Raw | None = None
    category: str | None = None
    tags: msgspec.Raw | None = None
    author: str | None = None
    source: str | None = None
    line: int | None = None
    version: int = 1
    reviewer: str | None = None
    flagged: bool = False
    score: float | None = None
    passed: bool | None = None
    scores: msgspec.Raw | None = None
    findings: int = 0
    tier: str | None = None
    quality_p: float | None = None
    weight: float | None = None


def _raw(text: str) -> msgspec.Raw:
    if "\n" in text or "\r" in text:  # JSON from elsewhere may be spread over lines; ours must stay on one
        text = msgspec.json.encode(msgspec.json.decode(text)).decode()
    return msgspec.Raw(text)


@exporter("jsonl", suffix=".jsonl", about="everything about each pair; can be taken in again")
class Jsonl(JsonExporter):
    """Our own layout, with full fidelity."""

    total = True

    def convert(self, row: ExportRow) -> Any:
        return Line(
            row.uid,
            row.kind,
            row.instruction,
            row.input,
            row.output,
            row.status,
            _raw(row.body) if row.body else None,
            _raw(row.meta) if row.meta else None,
            row.category,
            None if row.tags is None or row.tags == "[]" else _raw(row.tags),
            row.author,
            self.sources.get(row.source_id) if row.source_id is not None else None,
            row.line,
            row.version,
            row.reviewer,
            row.flagged == 1,
            row.score,
            None if row.passed is None else row.passed == 1,
            _raw(row.scores) if row.scores else None,
            row.findings,
            row.tier,
            row.quality_p,
            row.weight,
        )
