"""Tables of separated values: csv and tsv, with quoted line breaks, right line numbers and no guessing."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, RAW_BYTES, Batch, Limits, Reject, Row, Source
from flywheel_tui.stages.readers.faults import Fault, too_long
from flywheel_tui.stages.readers.registry import reader
from flywheel_tui.stages.readers.stream import ByteStream

BATCH_ROWS = 2000
_REREAD_LINES = 1000
_DELIMITERS = (",", ";", "\t")


class _RecordTooLong(Exception):
    """A record (most likely one whose closing quote is missing) outgrew the cap."""


class _Lines:
    """Physical lines for `csv.reader`, which remembers those of the record at hand and can be given some back."""

    def __init__(self, blocks: Iterator[bytes], row_bytes: int) -> None:
        self._blocks, self._row_bytes = blocks, row_bytes
        self._waiting: deque[bytes] = deque()
        self._tail = b""
        self.line, self.offset = 1, -1
        self.record: list[bytes] = []
        self._size, self.invalid = 0, False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._size > self._row_bytes:
            raise _RecordTooLong
        raw = self._next_raw()
        self.record.append(raw)
        self._size += len(raw)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self.invalid = True
            return raw.decode("utf-8", "replace")

    def _next_raw(self) -> bytes:
        while not self._waiting:
            block = next(self._blocks, None)
            if block is None:
                if not self._tail:
                    raise StopIteration
                self._waiting.append(self._tail)
                self._tail = b""
                break
            lines = (self._tail + block).split(b"\n")
            self._tail = lines.pop()
            self._waiting.extend(line + b"\n" for line in lines)
            if len(self._tail) > self._row_bytes:
                self._waiting.append(self._tail)
                self._tail = b""
        return self._waiting.popleft()

    def next_record(self) -> None:
        """The record at hand is done: the next line begins a new one."""
        self.line += len(self.record)
        self.offset += self._size
        self.record, self._size, self.invalid = [], 0, False

    def give_back_all(self) -> None:
        """The record at hand will be read again from its first line."""
        self._waiting.extendleft(reversed(self.record))
        self.record, self._size, self.invalid = [], 0, False

    def give_back(self) -> None:
        """Keep only the first line of the record at hand; the others will be read again."""
        again = self.record[1:]
        self._waiting.extendleft(reversed(again))
        self.record = self.record[:1]
        self._size = len(self.record[0])


class CsvSource(Source):
    """Rows of a table whose first line names the columns."""

    delimiter: str | None = None

    def batches(self) -> Iterator[Batch]:
        assert self.path is not None
        csv.field_size_limit(max(csv.field_size_limit(), 2 * self.limits.row_bytes))
        with ByteStream(self.path, self.limits) as stream:
            lines = _Lines(stream.blocks(), self.limits.row_bytes)
            header_text = next(lines, None)
            if header_text is None:
                return
            if "\r" in _unquoted(header_text).rstrip("\r\n"):
                raise InputError(
                    "its lines end in bare carriage returns", file=self.name, line=1, remedy="save it with LF line ends"
                )
            delimiter = self.delimiter or _sniff(header_text)
            # A header such as `name, street` says that the blank after the delimiter is no part of the cell.
            skip = bool(re.search(re.escape(delimiter) + " ", header_text)) and not re.search(
                re.escape(delimiter) + r"[^ \r\n]", header_text
            )
            lines.offset = stream.start
            lines.give_back_all()
            rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=skip)
            columns = self._columns(rows, lines)
            yield from self._body(rows, lines, columns, stream)

    def _columns(self, rows: Iterator[list[str]], lines: _Lines) -> list[str]:
        try:
            header = next(rows)
        except (csv.Error, _RecordTooLong) as error:
            raise InputError(
                f"the header cannot be read ({error})", file=self.name, line=1, remedy="correct the quotes in line 1"
            ) from error
        if lines.invalid:
            raise InputError("the header is not UTF-8", file=self.name, line=1, remedy="save the file as UTF-8")
        columns = [name.strip() for name in header]
        if not any(columns):
            raise InputError("the first line names no columns", file=self.name, line=1, remedy="add a header line")
        columns = [name or f"column_{number}" for number, name in enumerate(columns, 1)]
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise InputError(
                f"the header names {', '.join(map(repr, twice))} more than once",
                file=self.name,
                line=1,
                remedy="give every column its own name",
            )
        self._unnamed = [name for name, given in zip(columns, header, strict=True) if not given.strip()]
        lines.next_record()
        return columns

    def _body(
        self, rows: Iterator[list[str]], lines: _Lines, columns: list[str], stream: ByteStream
    ) -> Iterator[Batch]:
        batch = _Table()
        while True:
            fault: Fault | None = None
            cells: list[str] = []
            try:
                cells = next(rows)
            except StopIteration:
                break
            except csv.Error as error:
                fault = self._resume(lines, str(error))
            except _RecordTooLong:
                fault = self._resume(lines, "")
            if fault is None and cells:
                fault = self._fault(cells, columns, lines)
            if fault is not None:
                raw = b"".join(lines.record).rstrip(b"\r\n")[:RAW_BYTES]
                batch.rejects.append(Reject(line=lines.line, byte_offset=lines.offset, raw=raw, **fault._asdict()))
            elif cells:
                batch.add(self._row(columns, cells), lines)
            lines.next_record()
            if len(batch.rows) + len(batch.rejects) >= BATCH_ROWS:
                yield batch.done(stream.position)
                batch = _Table()
        if batch.rows or batch.rejects:
            yield batch.done(stream.position)

    def _row(self, columns: list[str], cells: list[str]) -> Row:
        row = dict(zip(columns, cells, strict=True))
        for name in self._unnamed:
            if not row[name]:
                del row[name]
        return row

    def _fault(self, cells: list[str], columns: list[str], lines: _Lines) -> Fault | None:
        if lines.invalid:
            return Fault("it is not UTF-8", "save the file as UTF-8")
        if len(cells) != len(columns):
            return Fault(
                f"it has {len(cells)} cells where the header names {len(columns)} columns",
                "quote the cells that hold the delimiter or a line break",
            )
        if any("\0" in cell for cell in cells):
            return Fault("it holds a NUL character, which cannot be stored as text", "take the character out")
        if len(lines.record) == 1 and len(lines.record[0]) > self.limits.row_bytes:
            return too_long(self.limits.row_bytes)
        return None

    def _resume(self, lines: _Lines, message: str) -> Fault:
        """A quote went wrong: only the record's first line is lost, the others are read again as their own."""
        spanned = len(lines.record)
        if 1 < spanned <= _REREAD_LINES or (spanned > _REREAD_LINES and self._reread_budget > 0):
            self._reread_budget -= spanned > _REREAD_LINES
            lines.give_back()
        if not message:
            return too_long(self.limits.row_bytes)
        return Fault(f"its quotes are off ({message})", 'close every quote, and write a quote in a cell as ""')

    _reread_budget = 20
    _unnamed: list[str]


class _Table:
    """Rows gathered for one batch, with where each began."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.numbers: list[int] = []
        self.rejects: list[Reject] = []
        self._places: list[tuple[int, list[bytes]]] = []

    def add(self, row: Row, lines: _Lines) -> None:
        self.rows.append(row)
        self.numbers.append(lines.line)
        self._places.append((lines.offset, lines.record))

    def done(self, position: int) -> Batch:
        places = self._places

        def locate(index: int) -> tuple[int, bytes]:
            offset, record = places[index]
            return offset, b"".join(record).rstrip(b"\r\n")

        return Batch(self.rows, self.numbers, self.rejects, position, locate)


def _unquoted(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)


def _sniff(header: str) -> str:
    """The delimiter that the header shows; a comma where it shows none or more than one."""
    bare = _unquoted(header)
    seen = [delimiter for delimiter in _DELIMITERS if delimiter in bare]
    return seen[0] if len(seen) == 1 else ","


def _open(spec: str, format: str, delimiter: str | None, limits: Limits) -> Source:
    if delimiter is not None and len(delimiter) != 1:
        raise UsageError(f"the delimiter must be one character, not {delimiter!r}")
    path = Path(spec)
    source = CsvSource(spec, path, limits, format, path.stat().st_size)
    source.delimiter = delimiter
    return source


@reader("csv", suffixes=(".csv",))
def open_csv(spec: str, *, delimiter: str | None = None, limits: Limits = DEFAULT_LIMITS, **_options: Any) -> Source:
    """Comma-separated values; `;` and tab are recognised where the header shows only them."""
    return _open(spec, "csv", delimiter, limits)


@reader("tsv", suffixes=(".tsv", ".tab"))
def open_tsv(spec: str, *, delimiter: str | None = "\t", limits: Limits = DEFAULT_LIMITS, **_options: Any) -> Source:
    """Tab-separated values."""
    return _open(spec, "tsv", delimiter, limits)
