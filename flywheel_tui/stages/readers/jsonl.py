"""JSON Lines: one object a line. Memory stays flat; a line that cannot be read is a reject and the rest goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.stages.readers.base import DEFAULT_LIMITS, RAW_BYTES, Batch, Limits, Reject, Row, Source
from flywheel_tui.stages.readers.faults import json_fault, too_deep, too_long, value_fault
from flywheel_tui.stages.readers.registry import reader
from flywheel_tui.stages.readers.stream import ByteStream

_HEAD = 1 << 16
_decode = msgspec.json.Decoder().decode
_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class JsonlSource(Source):
    """Lines of a file, each an object."""

    def batches(self) -> Iterator[Batch]:
        assert self.path is not None
        with ByteStream(self.path, self.limits) as stream:
            blocks = stream.blocks()
            head = b""
            for block in blocks:
                head += block
                if len(head) >= _HEAD:
                    break
            if _is_array(head):
                # A JSON array under the suffix of JSON Lines; the reader of arrays builds on this one.
                from flywheel_tui.stages.readers.json_file import JsonSource

                array = JsonSource(self.name, self.path, self.limits, self.format, self.size)
                yield from array.batches()
                self.unit = array.unit
                self.remarks.append("it is one JSON array, not one object a line")
                return
            yield from line_batches(stream, chain([head], blocks), self.limits)


def _is_array(head: bytes) -> bool:
    """Whether the text begins with a list that its first line does not close (or that is all there is)."""
    text = head.lstrip()
    if not text.startswith(b"["):
        return False
    first, _, rest = text.partition(b"\n")
    try:
        return type(_decode(first)) is list and not rest.strip()
    except _FAILURES:
        return True


def line_batches(stream: ByteStream, blocks: Iterator[bytes], limits: Limits) -> Iterator[Batch]:
    """Batches of the lines in `blocks`. Lines end in LF or CR LF; blank lines are skipped and counted."""
    parts: list[bytes] = []
    held, line, offset = 0, 1, -1
    skipped: bytes | None = None
    for block in blocks:
        if offset < 0:
            offset = stream.start
        cut = block.rfind(b"\n")
        if cut < 0:
            held += len(block)
            if skipped is None:
                parts.append(block)
                if held > limits.row_bytes:
                    skipped, parts = b"".join(parts)[:RAW_BYTES], []
            continue
        rejects = []
        if skipped is not None:
            end = block.index(b"\n")
            rejects.append(_long_line(line, offset, skipped, limits))
            offset += held + end + 1
            line, block, cut, skipped = line + 1, block[end + 1 :], cut - end - 1, None
        parts.append(block[: max(cut, 0)])
        chunk = b"".join(parts)
        parts = [block[cut + 1 :]]
        held = len(parts[0])
        if cut >= 0:
            lines = chunk.split(b"\n")
            yield _batch(lines, line, offset, stream.position, limits, rejects)
            line, offset = line + len(lines), offset + len(chunk) + 1
        elif rejects:
            yield Batch([], [], rejects, stream.position)
    if skipped is not None:
        yield Batch([], [], [_long_line(line, offset, skipped, limits)], stream.position)
    elif held:
        yield _batch([b"".join(parts)], line, offset, stream.position, limits, [])


def _long_line(line: int, offset: int, raw: bytes, limits: Limits) -> Reject:
    return Reject(line=line, byte_offset=offset, raw=raw, **too_long(limits.row_bytes)._asdict())


def _batch(lines: list[bytes], first: int, offset: int, position: int, limits: Limits, rejects: list[Reject]) -> Batch:
    rows = _decoded(lines, limits)
    if rows is not None:
        numbers: Sequence[int] = range(first, first + len(rows))
    else:
        rows, numbers = _one_by_one(lines, first, offset, limits, rejects)

    # It must not close over the batch: a cycle would keep every block until the next full collection.
    def locate(index: int) -> tuple[int, bytes]:
        number = numbers[index] - first
        return offset + sum(map(len, lines[:number])) + number, lines[number].rstrip(b"\r")

    return Batch(rows, numbers, rejects, position, locate)


def _decoded(lines: list[bytes], limits: Limits) -> list[Row] | None:
    """All the lines at once: the way nearly every batch goes. None where any of them needs a closer look."""
    try:
        rows = list(map(_decode, lines))
    except _FAILURES:
        return None
    for row in rows:
        if type(row) is not dict:
            return None
        for value in row.values():
            if type(value) is str:
                if "\0" in value:
                    return None
            elif (type(value) is dict or type(value) is list) and value_fault({"": value}, limits.depth, True):
                return None
    return rows if max(map(len, lines)) <= limits.row_bytes else None


def _one_by_one(
    lines: list[bytes], first: int, offset: int, limits: Limits, rejects: list[Reject]
) -> tuple[list[Row], list[int]]:
    """Each line by itself: its row, or a reject; blank ones are skipped."""
    rows: list[Row] = []
    numbers: list[int] = []
    for number, raw in enumerate(lines, first):
        if not raw or raw.isspace():
            offset += len(raw) + 1
            continue
        fault = too_long(limits.row_bytes) if len(raw) > limits.row_bytes else None
        if fault is None:
            try:
                row = _decode(raw)
            except RecursionError:
                fault = too_deep(limits.depth)
            except _FAILURES:
                fault = json_fault(raw.rstrip(b"\r"), limits.depth)
            else:
                fault = value_fault(row, limits.depth, b"\\u0000" in raw)
                if fault is None:
                    rows.append(row)
                    numbers.append(number)
        if fault is not None:
            kept = raw.rstrip(b"\r")[:RAW_BYTES]
            rejects.append(Reject(line=number, byte_offset=offset, reason=fault.reason, remedy=fault.remedy, raw=kept))
        offset += len(raw) + 1
    return rows, numbers


@reader("jsonl", suffixes=(".jsonl", ".ndjson", ".jsonlines"))
def open_jsonl(spec: str, *, limits: Limits = DEFAULT_LIMITS, **_options: Any) -> Source:
    """A JSON Lines file."""
    path = Path(spec)
    return JsonlSource(spec, path, limits, "jsonl", path.stat().st_size)
