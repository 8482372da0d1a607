"""`csv`: a table for a spreadsheet, in which no cell can become a formula; `--raw` leaves the texts as they are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, BinaryIO

from flywheel_tui.stages.export.base import Exporter, Sink, exporter
from flywheel_tui.store.export_rows import ExportRow

COLUMNS = (
    "uid", "kind", "instruction", "input", "output", "status", "body", "meta", "category", "tags", "author", "source",
    "line", "version", "reviewer", "flagged", "score", "passed", "scores", "findings",
    "tier", "quality_p", "weight",
)  # fmt: skip

# OWASP's list of characters that make a spreadsheet read a cell as a formula, with their full-width forms.
_DANGEROUS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*([eE][+-]?[0-9]+)?")


def excel_safe(cell: str) -> str:
    """The cell with an apostrophe in front where a spreadsheet would take it for a formula; numbers stay numbers."""
    if cell.startswith(_DANGEROUS) and not _NUMBER.fullmatch(cell):
        return "'" + cell
    return cell


class CsvSink:
    """UTF-8, every line ended by CR LF (RFC 4180), a header first."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._write([COLUMNS])

    def write(self, records: Sequence[Any]) -> None:
        self._write(records)

    def _write(self, rows: Sequence[Any]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self._file.write(text.getvalue().encode())

    def close(self) -> None:
        return


@exporter("csv", suffix=".csv", about="a table for spreadsheets; --raw to take it in again unchanged")
class Csv(Exporter):
    """One row for each pair; `body`, `meta`, `tags` and `scores` are JSON."""

    total = True

    takes = frozenset({"raw"})

    def __init__(self, options: Any, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        self._changed = 0

    def convert(self, row: ExportRow) -> Any:
        source = self.sources.get(row.source_id) if row.source_id is not None else None
        cells = [
            row.uid, row.kind, row.instruction, row.input, row.output, row.status, row.body, row.meta, row.category,
            row.tags, row.author, source, row.line, row.version, row.reviewer, row.flagged, row.score, row.passed,
            row.scores, row.findings, row.tier, row.quality_p, row.weight,
        ]  # fmt: skip
        if not self.options.raw:
            safe = [excel_safe(cell) if type(cell) is str else cell for cell in cells]
            self._changed += safe != cells
            return safe
        return cells

    def open(self, file: BinaryIO) -> Sink:
        return CsvSink(file)

    def notes(self) -> list[str]:
        if not self._changed:
            return []
        return [
            f"{self._changed:,} rows have a cell with an apostrophe in front, so that no spreadsheet runs it as a"
            " formula; export with --raw to take the file in again unchanged"
        ]
