"""What every reader gives: batches of rows with their line numbers, and the rows that could not be read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.errors import InputError

RAW_BYTES = 64 * 1024
"""A rejects file keeps at most this many bytes of a row."""

Row = dict[str, Any]
Locate = Callable[[int], tuple[int | None, bytes]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader accepts, so that a small hostile file cannot fill the memory.

    `ratio` is decoded bytes per byte on disk, for compressed files; it counts only beyond `free_bytes`.
    """

    row_bytes: int = 16 << 20
    depth: int = 40
    ratio: int = 200
    free_bytes: int = 256 << 20
    decoded_bytes: int = 64 << 30
    table_rows: int = 50_000_000
    whole_bytes: int = 32 << 20


DEFAULT_LIMITS = Limits()


class Reject(msgspec.Struct, frozen=True, kw_only=True):
    """One row that could not be taken: where it is, why, what would be right, and the row itself (cut at 64 KB).

    `line` counts in the unit of the source; `byte_offset` is where the row begins in the decompressed UTF-8 text
    (None where the format has no such place).
    """

    line: int
    reason: str
    remedy: str
    byte_offset: int | None = None
    field: str = ""
    raw: bytes = b""


class Batch:
    """Some consecutive rows. `lines[i]` is the line of `rows[i]`; `position` is how far into the file this reaches."""

    __slots__ = ("_locate", "lines", "position", "rejects", "rows")

    def __init__(
        self,
        rows: list[Row],
        lines: Sequence[int],
        rejects: list[Reject] | None = None,
        position: int = 0,
        locate: Locate | None = None,
    ) -> None:
        self.rows, self.lines, self.rejects, self.position = rows, lines, rejects or [], position
        self._locate = locate

    def forget_places(self) -> None:
        """The places known are not those of the file; rejects will carry the row alone."""
        self._locate = None

    def reject(self, index: int, reason: str, remedy: str, field: str = "") -> Reject:
        """The reject for `rows[index]`, found off later (by a layout, say), with its place and its text."""
        offset, raw = self._locate(index) if self._locate else (None, _encoded(self.rows[index]))
        return Reject(
            line=self.lines[index], reason=reason, remedy=remedy, byte_offset=offset, field=field, raw=raw[:RAW_BYTES]
        )


def _encoded(row: Row) -> bytes:
    try:
        return msgspec.json.encode(row)
    except (TypeError, ValueError, RecursionError):
        return repr(row).encode("utf-8", "replace")


@dataclass
class Source(ABC):
    """Something that rows can be read from, as often as one likes.

    `name` is what messages call it, `size` its bytes on disk (None where that is not known), `unit` what `line`
    counts, `remarks` what a person should know about how it was read (filled while reading).
    """

    name: str
    path: Path | None = None
    limits: Limits = DEFAULT_LIMITS
    format: str = ""
    size: int | None = None
    unit: str = "line"
    remarks: list[str] = field(default_factory=list)

    @abstractmethod
    def batches(self) -> Iterator[Batch]:
        """Read from the beginning."""

    def rows(self) -> Iterator[Batch]:
        """Batches from the beginning; raises InputError where the whole cannot be read or holds no row at all."""
        self.remarks.clear()
        first: Reject | None = None
        found = False
        for batch in self.batches():
            found = found or bool(batch.rows)
            if first is None and batch.rejects:
                first = batch.rejects[0]
            yield batch
        if not found and first is None:
            raise InputError("there are no rows in it", file=self.name, remedy="check that it is the file you meant")
