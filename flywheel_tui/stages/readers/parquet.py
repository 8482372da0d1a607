"""Parquet tables, a thousand rows at a time, within caps on rows and on decoded bytes."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flywheel_tui.errors import InputError, MissingExtraError
from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, Batch, Limits, Reject, Row, Source
from flywheel_tui.stages.readers.faults import Fault, value_fault
from flywheel_tui.stages.readers.registry import reader

BATCH_ROWS = 1000


def plain(value: Any) -> Any:
    """A value as JSON has it: times as ISO text, decimals as text, bytes as base64, not-a-number as null."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.timedelta | decimal.Decimal):
        return str(value)
    return str(value)


class ParquetSource(Source):
    """Rows of a parquet file."""

    def batches(self) -> Iterator[Batch]:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError as error:
            raise MissingExtraError("reading parquet", "pyarrow", "parquet") from error
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                self._check(file)
                yield from self._body(file)
        except (pyarrow.lib.ArrowException, OSError) as error:
            raise InputError(
                f"it is no parquet file that can be read ({str(error).splitlines()[0][:200]})",
                file=self.name,
                remedy="write it again, or name the right format with -f",
            ) from error

    def _check(self, file: Any) -> None:
        rows = file.metadata.num_rows
        if rows > self.limits.table_rows:
            raise InputError(
                f"it says it holds {rows:,} rows, more than the {self.limits.table_rows:,} that are read",
                file=self.name,
                remedy="split it into smaller files",
            )
        names = file.schema_arrow.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(
                f"it has more than one column named {', '.join(map(repr, twice))}",
                file=self.name,
                remedy="give every column its own name",
            )

    def _body(self, file: Any) -> Iterator[Batch]:
        total, size = max(file.metadata.num_rows, 1), self.size or 0
        cap = min(max(self.limits.free_bytes, self.limits.ratio * size), self.limits.decoded_bytes)
        decoded, line = 0, 1
        for piece in file.iter_batches(BATCH_ROWS):
            decoded += piece.nbytes
            if decoded > cap:
                raise InputError(
                    f"it grows to more than {cap:,} bytes when decoded ({self.limits.ratio} times its size)",
                    file=self.name,
                    remedy="split it into smaller files, or convert it to JSON Lines yourself if you trust it",
                )
            batch = self._batch(piece, line)
            line += piece.num_rows
            batch.position = size * (line - 1) // total
            yield batch

    def _batch(self, piece: Any, first: int) -> Batch:
        rows: list[Row] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        for line, found in enumerate(self._pylist(piece), first):
            fault = found if isinstance(found, Fault) else value_fault(plain(found), self.limits.depth, True)
            if fault is None:
                rows.append(plain(found))
                lines.append(line)
            else:
                raw = b"" if isinstance(found, Fault) else repr(found).encode("utf-8", "replace")[:1000]
                rejects.append(Reject(line=line, reason=fault.reason, remedy=fault.remedy, raw=raw))
        return Batch(rows, lines, rejects)

    @staticmethod
    def _pylist(piece: Any) -> list[Any]:
        """The rows of a piece; one whose texts are not UTF-8 becomes a fault."""
        try:
            listed: list[Any] = piece.to_pylist()
            return listed
        except (UnicodeDecodeError, ValueError, OverflowError):
            found: list[Any] = []
            for index in range(piece.num_rows):
                try:
                    found += piece.slice(index, 1).to_pylist()
                except (UnicodeDecodeError, ValueError, OverflowError) as error:
                    found.append(Fault(f"a value cannot be read ({error})", "write texts as UTF-8, times within range"))
            return found


@reader("parquet", suffixes=(".parquet", ".pq"))
def open_parquet(spec: str, *, limits: Limits = DEFAULT_LIMITS, **_options: Any) -> Source:
    """A parquet file (needs the extra `parquet`)."""
    path = Path(spec)
    return ParquetSource(spec, path, limits, "parquet", path.stat().st_size, "row")
