"""The elements of one big JSON array, block by block, so that memory stays flat.

A block is cut at the last place that looks like the border of two elements and decoded as a list of its own: where
that works, the cut was right, because a prefix of an array that is valid JSON can only end at a border. Where it does
not, the block is walked bracket by bracket and each element is decoded alone, so that a bad one is a reject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from flywheel_tui.stages.readers.base import RAW_BYTES, Batch, Limits, Reject, Row
from flywheel_tui.stages.readers.faults import json_fault, too_deep, too_long, value_fault

_decode = msgspec.json.Decoder().decode
_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# A bare quote is the beginning of a text that the block does not hold whole.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.S)
_BORDER = re.compile(rb'\s*,\s*\{\s*"(?:[^"\\]++|\\.)*+"')
_SPACE = b" \t\r\n"


class BrokenArray(Exception):
    """The brackets do not match; `offset` is the byte where that shows."""

    def __init__(self, message: str, offset: int) -> None:
        self.message, self.offset = message, offset
        super().__init__(message)


class ArraySplitter:
    """Batches of the elements in `blocks`, whose first byte is that after `[`, at byte `offset` of the text."""

    def __init__(self, blocks: Iterator[bytes], offset: int, limits: Limits) -> None:
        self._blocks, self._limits = blocks, limits
        self._buffer, self._offset = b"", offset
        self._element, self._ended, self._closed = 1, False, False
        self._border: bytes | None = None

    def batches(self) -> Iterator[Batch]:
        """Batches until the closing bracket; raises BrokenArray where the text is no array."""
        while not self._closed:
            self._fill()
            batch = self._fast()
            if batch is None:
                batch = self._slow()
            if batch.rows or batch.rejects:
                yield batch
        self._check_nothing_follows()

    def _fill(self) -> None:
        try:
            self._buffer += next(self._blocks)
        except StopIteration:
            self._ended = True

    def _fast(self) -> Batch | None:
        """The block up to its last border, decoded at once; None where that cannot be done."""
        if self._ended or self._border is None:
            return None
        cut = self._buffer.rfind(self._border)
        if cut < 0 or cut >= self._limits.row_bytes:
            # A piece longer than a row may be must show its elements one by one.
            return None
        piece = self._buffer[: cut + 1]
        try:
            values = _decode(b"[" + piece + b"]")
        except _FAILURES:
            return None
        may_hold_nul = b"\\u0000" in piece
        if any(value_fault(value, self._limits.depth, may_hold_nul) for value in values):
            return None
        batch = Batch(values, range(self._element, self._element + len(values)))
        self._element += len(values)
        self._advance(self._buffer.index(b",", cut) + 1)
        return batch

    def _advance(self, count: int) -> None:
        self._buffer, self._offset = self._buffer[count:], self._offset + count

    def _slow(self) -> Batch:
        """Walk the block bracket by bracket; takes every element that is whole."""
        rows: list[Row] = []
        lines: list[int] = []
        rejects: list[Reject] = []
        places: list[tuple[int, bytes]] = []
        depth = begin = end = 0
        for token in _TOKEN.finditer(self._buffer):
            mark = self._buffer[token.start()]
            if mark in b"{[":
                depth += 1
            elif mark in b"}]" and depth:
                depth -= 1
            elif mark in b",]" and not depth:
                closing = mark == 0x5D
                raw = self._buffer[begin : token.start()]
                if raw.strip(_SPACE) or not closing or self._element > 1:
                    self._take(raw, self._offset + begin, rows, lines, rejects, places)
                begin = end = token.end()
                if closing:
                    self._closed = True
                    break
                self._learn_border(token.start())
            elif mark == 0x7D:
                raise BrokenArray("a closing brace has no opening one", self._offset + token.start())
            elif token.group() == b'"':
                break
        self._advance(end)
        self._check_progress()

        def locate(index: int) -> tuple[int, bytes]:
            return places[index]

        return Batch(rows, lines, rejects, locate=locate)

    def _take(
        self,
        raw: bytes,
        offset: int,
        rows: list[Row],
        lines: list[int],
        rejects: list[Reject],
        places: list[tuple[int, bytes]],
    ) -> None:
        offset += len(raw) - len(raw.lstrip(_SPACE))
        raw = raw.strip(_SPACE)
        fault = too_long(self._limits.row_bytes) if len(raw) > self._limits.row_bytes else None
        if fault is None:
            try:
                value = _decode(raw)
            except RecursionError:
                fault = too_deep(self._limits.depth)
            except _FAILURES:
                fault = json_fault(raw, self._limits.depth)
            else:
                fault = value_fault(value, self._limits.depth, b"\\u0000" in raw)
        if fault is None:
            rows.append(value)
            lines.append(self._element)
            places.append((offset, raw[:RAW_BYTES]))
        else:
            rejects.append(
                Reject(
                    line=self._element,
                    byte_offset=offset,
                    reason=fault.reason,
                    remedy=fault.remedy,
                    raw=raw[:RAW_BYTES],
                )
            )
        self._element += 1

    def _learn_border(self, comma: int) -> None:
        """What stands between two elements here (`},{"instruction"`, with its white space), to cut blocks at."""
        if self._border is not None:
            return
        begin = self._buffer.rfind(b"}", 0, comma)
        found = _BORDER.match(self._buffer, begin + 1) if begin >= 0 else None
        if found:
            self._border = b"}" + found.group()

    def _check_progress(self) -> None:
        """Raise where the text ends inside the array, or where an element outgrows what is held at once."""
        if self._closed:
            return
        if self._ended:
            raise BrokenArray("the array is never closed (the file seems cut off)", self._offset + len(self._buffer))
        if len(self._buffer) > 2 * self._limits.row_bytes:
            raise BrokenArray(f"an element is longer than {2 * self._limits.row_bytes:,} bytes", self._offset)

    def _check_nothing_follows(self) -> None:
        while True:
            rest = self._buffer.lstrip(_SPACE)
            if rest:
                raise BrokenArray("something follows the array", self._offset + len(self._buffer) - len(rest))
            self._advance(len(self._buffer))
            if self._ended:
                return
            self._fill()
