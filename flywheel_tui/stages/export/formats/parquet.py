"""`parquet`: the columns of `jsonl` in typed, compressed form (needs the extra `parquet`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import msgspec

from flywheel_tui.errors import MissingExtraError
from flywheel_tui.stages.export.base import Exporter, Options, Sink, exporter
from flywheel_tui.store.export_rows import ExportRow

GROUP_ROWS = 20_000
GROUP_CHARACTERS = 32_000_000
_TEXTS = ("uid", "kind", "instruction", "input", "output", "status", "body", "meta", "category")


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingExtraError("the format parquet", "pyarrow", "parquet") from error
    return pyarrow


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    fields = [(name, text) for name in _TEXTS]
    fields += [("tags", arrow.list_(text)), ("author", text), ("source", text), ("line", arrow.int64())]
    fields += [("version", arrow.int32()), ("reviewer", text), ("flagged", arrow.bool_()), ("score", arrow.float64())]
    fields += [("passed", arrow.bool_()), ("scores", text), ("findings", arrow.int32())]
    fields += [("tier", text), ("quality_p", arrow.float64()), ("weight", arrow.float64())]
    return arrow.schema(fields)


class ParquetSink:
    """Row groups of 20,000 rows, or of 32 million characters where rows are long."""

    def __init__(self, file: BinaryIO) -> None:
        arrow = _pyarrow()
        self._arrow, self._schema = arrow, _schema(arrow)
        self._writer = arrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[tuple[Any, ...]] = []
        self._characters = 0

    def write(self, records: Sequence[tuple[Any, ...]]) -> None:
        self._held += records
        self._characters += sum(len(cell) for record in records for cell in record if type(cell) is str)
        if len(self._held) >= GROUP_ROWS or self._characters >= GROUP_CHARACTERS:
            self._flush()

    def _flush(self) -> None:
        columns = list(zip(*self._held, strict=True))
        arrays = [self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        self._held, self._characters = [], 0

    def close(self) -> None:
        if self._held:
            self._flush()
        self._writer.close()


@exporter("parquet", suffix=".parquet", about="the columns of jsonl, typed and compressed")
class Parquet(Exporter):
    """One row for each pair; `body`, `meta` and `scores` are JSON texts."""

    total = True

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        super().__init__(options, sources)
        _pyarrow()  # a missing package is told before any work is done

    def convert(self, row: ExportRow) -> Any:
        return (
            row.uid, row.kind, row.instruction, row.input, row.output, row.status, row.body, row.meta, row.category,
            msgspec.json.decode(row.tags) if row.tags else None, row.author,
            self.sources.get(row.source_id) if row.source_id is not None else None, row.line, row.version,
            row.reviewer, row.flagged == 1, row.score, None if row.passed is None else row.passed == 1, row.scores,
            row.findings, row.tier, row.quality_p, row.weight,
        )  # fmt: skip

    def open(self, file: BinaryIO) -> Sink:
        return ParquetSink(file)
