"""One JSON document: an array of objects, an object that holds one such array, or one object; or JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, Batch, Limits, Reject, Source
from flywheel_tui.stages.readers.faults import json_fault, json_type
from flywheel_tui.stages.readers.json_elements import ArraySplitter, BrokenArray
from flywheel_tui.stages.readers.jsonl import line_batches
from flywheel_tui.stages.readers.registry import reader
from flywheel_tui.stages.readers.stream import ByteStream

_decode = msgspec.json.Decoder().decode
_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SPACE = b" \t\r\n"
_HEAD = 1 << 16
# Columns that hold a list of objects in one row: an object with one of these is a row, not a table.
ROW_LISTS = frozenset(
    ["messages", "conversations", "instances", "tools", "functions", "function", "chunks", "contexts", "documents"]
)
ROW_LISTS |= {"turns", "chosen", "rejected", "prompt", "completion", "question", "spans", "tool_calls", "signals"}


class JsonSource(Source):
    """A JSON document, read as a table."""

    def batches(self) -> Iterator[Batch]:
        assert self.path is not None
        with ByteStream(self.path, self.limits) as stream:
            blocks = stream.blocks()
            head = b""
            for block in blocks:
                head += block
                if len(head) >= _HEAD and head.lstrip(_SPACE):
                    break
            first = head.lstrip(_SPACE)[:1]
            if first == b"[":
                yield from self._array(stream, head, blocks)
            elif first == b"{":
                yield from self._object_or_lines(stream, head, blocks)
            elif first:
                self._refuse_scalar(head)

    def _array(self, stream: ByteStream, head: bytes, blocks: Iterator[bytes]) -> Iterator[Batch]:
        """The elements of an array; a small file is read whole before its first row is given."""
        self.unit = "element"
        begin = head.index(b"[") + 1
        splitter = ArraySplitter(chain([head[begin:]], blocks), stream.start + begin, self.limits)
        if (self.size or 0) <= self.limits.whole_bytes:
            try:
                batches = list(splitter.batches())
            except BrokenArray as error:
                raise self._broken(error) from error
            self._refuse_no_table(batches)
            for batch in batches:
                batch.position = stream.position
            yield from batches
            return
        try:
            for batch in splitter.batches():
                batch.position = stream.position
                yield batch
        except BrokenArray as error:
            raise self._broken(error) from error

    def _refuse_no_table(self, batches: list[Batch]) -> None:
        if batches and not any(batch.rows for batch in batches):
            reject = next(reject for batch in batches for reject in batch.rejects)
            raise InputError(
                f"no element of the array can be a row; element {reject.line}: {reject.reason}",
                file=self.name,
                line=self._place(reject.byte_offset or 0)[0],
                remedy=reject.remedy,
            )

    def _object_or_lines(self, stream: ByteStream, head: bytes, blocks: Iterator[bytes]) -> Iterator[Batch]:
        if self._is_lines(head):
            yield from line_batches(stream, chain([head], blocks), self.limits)
            return
        data = self._whole(head, blocks)
        try:
            value = _decode(data)
        except _FAILURES as error:
            raise self._not_json(data) from error
        key = _table_in(value)
        if key is None:
            splitter = ArraySplitter(iter((data + b"]",)), stream.start, self.limits)
            batches = list(splitter.batches())
        else:
            others = [name for name in value if name != key]
            left = f"; its other keys were left out: {', '.join(others[:10])}" if others else ""
            self.remarks.append(f"the rows are the array {key!r} of the object{left}")
            self.unit = "element"
            batches = list(ArraySplitter(iter((msgspec.json.encode(value[key])[1:],)), 0, self.limits).batches())
            for batch in batches:
                batch.rejects = [_without_place(reject) for reject in batch.rejects]
                batch.forget_places()
        self._refuse_no_table(batches)
        for batch in batches:
            batch.position = stream.position
            yield batch

    def _is_lines(self, head: bytes) -> bool:
        """Whether the first line (or, where that is a bad one, the second) is an object and more follows."""
        text = head.lstrip(_SPACE)
        lines = text.split(b"\n", 2)
        if len(lines) < 2 or not b"".join(lines[1:]).strip(_SPACE):
            return False
        return any(line.rstrip().endswith(b"}") and _is_object(line) for line in lines[:2])

    def _whole(self, head: bytes, blocks: Iterator[bytes]) -> bytes:
        parts, size = [head], len(head)
        for block in blocks:
            parts.append(block)
            size += len(block)
            if size > self.limits.free_bytes:
                raise InputError(
                    f"it is one object of more than {self.limits.free_bytes:,} bytes",
                    file=self.name,
                    remedy="write its rows as JSON Lines, one object a line",
                )
        return b"".join(parts)

    def _refuse_scalar(self, head: bytes) -> None:
        try:
            value = _decode(head)
        except _FAILURES as error:
            raise self._not_json(head) from error
        raise InputError(
            f"it holds {json_type(value)}, not a table of objects",
            file=self.name,
            line=1,
            remedy="write an array of objects, or one object a line",
        )

    def _not_json(self, data: bytes) -> InputError:
        fault = json_fault(data, self.limits.depth)
        return InputError(
            fault.reason,
            file=self.name,
            line=_line_at(data, fault.reason),
            remedy="correct the document, or write one object a line and read it with -f jsonl",
        )

    def _broken(self, error: BrokenArray) -> InputError:
        line, column = self._place(error.offset)
        return InputError(
            f"it is not valid JSON ({error.message} at line {line}, column {column})",
            file=self.name,
            line=line,
            remedy="correct or complete the document",
        )

    def _place(self, offset: int) -> tuple[int, int]:
        """Line and column (both from 1, in characters) of a byte of the text."""
        assert self.path is not None
        line, tail = 1, b""
        with ByteStream(self.path, self.limits) as stream:
            blocks = stream.blocks()
            block = next(blocks, b"")
            left = offset - stream.start
            while block and left > 0:
                piece = block[:left]
                left -= len(piece)
                line += piece.count(b"\n")
                cut = piece.rfind(b"\n")
                tail = piece[cut + 1 :] if cut >= 0 else (tail + piece)[-(1 << 20) :]
                block = next(blocks, b"")
        return line, len(tail.decode("utf-8", "replace")) + 1


def _without_place(reject: Reject) -> Reject:
    return msgspec.structs.replace(reject, byte_offset=None)


def _is_object(line: bytes) -> bool:
    try:
        return type(_decode(line)) is dict
    except _FAILURES:
        return False


def _table_in(value: dict[str, Any]) -> str | None:
    """The one key of an object whose value is a list of objects; None where the object is a row itself."""
    tables = [
        key
        for key, item in value.items()
        if type(item) is list and item and all(type(element) is dict for element in item)
    ]
    return tables[0] if len(tables) == 1 and tables[0] not in ROW_LISTS else None


def _line_at(data: bytes, reason: str) -> int:
    """The line that a fault's sentence names (`… at line 3, column 5)`), else the first."""
    _, found, rest = reason.rpartition("at line ")
    number = rest.split(",", 1)[0]
    return int(number) if found and number.isdigit() else 1


@reader("json", suffixes=(".json",))
def open_json(spec: str, *, limits: Limits = DEFAULT_LIMITS, **_options: Any) -> Source:
    """A JSON document (or JSON Lines in a file that ends in .json)."""
    path = Path(spec)
    return JsonSource(spec, path, limits, "json", path.stat().st_size)
