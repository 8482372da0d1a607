"""`sqlite`: a database with one table `pairs` and its full-text index, for Datasette and other tools."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from flywheel_tui.stages.export.base import Exporter, Sink, exporter
from flywheel_tui.store.export_rows import ExportRow
from flywheel_tui.store.table_file import TableFile

_COLUMNS: dict[str, type] = {
    "uid": str, "kind": str, "instruction": str, "input": str, "output": str, "status": str, "body": str, "meta": str,
    "category": str, "tags": str, "author": str, "source": str, "line": int, "version": int, "reviewer": str,
    "flagged": int, "score": float, "passed": int, "scores": str, "findings": int, "tier": str,
    "quality_p": float, "weight": float,
}  # fmt: skip


class SqliteSink:
    """Rows go to a database in a folder of its own; the finished file is then copied to where it belongs."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._folder = TemporaryDirectory(prefix="flywheel-export-")
        self._path = Path(self._folder.name) / "pairs.db"
        self._table = TableFile(self._path, _COLUMNS)

    def write(self, records: Sequence[dict[str, Any]]) -> None:
        self._table.write(records)

    def close(self) -> None:
        self._table.close()
        with self._path.open("rb") as made:
            shutil.copyfileobj(made, self._file)
        self._folder.cleanup()


@exporter("sqlite", suffix=".db", about="a database with one table and full-text search, for Datasette and other tools")
class Sqlite(Exporter):
    """One row for each pair; `body`, `meta`, `tags` and `scores` are JSON texts."""

    total = True

    def convert(self, row: ExportRow) -> Any:
        source = self.sources.get(row.source_id) if row.source_id is not None else None
        values = (
            row.uid, row.kind, row.instruction, row.input, row.output, row.status, row.body, row.meta, row.category,
            row.tags, row.author, source, row.line, row.version, row.reviewer, row.flagged, row.score, row.passed,
            row.scores, row.findings, row.tier, row.quality_p, row.weight,
        )  # fmt: skip
        return dict(zip(_COLUMNS, values, strict=True))

    def open(self, file: BinaryIO) -> Sink:
        return SqliteSink(file)
