"""Bytes of a file as UTF-8 text: gzip taken off within a cap, byte-order marks obeyed, UTF-16 and UTF-32 transcoded."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, cast

from flywheel_tui.errors import InputError
from flywheel_tui.stages.readers.base import Limits

BLOCK = 1 << 20
# What the beginning says about the whole is read off this many bytes at least.
_HEAD = 4096
_GZIP_MAGIC = b"\x1f\x8b"
# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ByteStream:
    """A file read in blocks of UTF-8 bytes.

    `start` is the offset of the first byte that `blocks` gives (3 after a UTF-8 byte-order mark), `encoding` what the
    file is written in, `position` how many bytes of the file on disk were read.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path, self.limits = path, limits
        self.start, self.encoding = 0, "utf-8"
        try:
            self._raw: BufferedReader = path.open("rb")
        except OSError as error:
            raise InputError(
                f"it cannot be opened ({error.strerror})", file=str(path), remedy="check its permissions"
            ) from error
        self._compressed = self._raw.peek(2)[:2] == _GZIP_MAGIC
        self._data: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=self._raw)) if self._compressed else self._raw
        self._decoded = 0

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._data.close()
        self._raw.close()

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._raw.tell() if not self._raw.closed else 0

    def blocks(self, size: int = BLOCK) -> Iterator[bytes]:
        """The text from the beginning, in UTF-8, about `size` bytes at a time."""
        block = self._read(max(size, _HEAD))
        if block.startswith(codecs.BOM_UTF8):
            self.start = len(codecs.BOM_UTF8)
            block = block[self.start :]
        for mark, encoding in _MARKS:
            if block.startswith(mark):
                self.encoding = encoding
                yield from self._transcoded(block, size)
                return
        self._refuse_unmarked_utf16(block)
        while len(block) > size:
            yield block[:size]
            block = block[size:]
        while block:
            yield block
            block = self._read(size)

    def _read(self, size: int) -> bytes:
        try:
            block = self._data.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"it cannot be read to its end ({error})", file=str(self.path), remedy="fetch the file again"
            ) from error
        if self._compressed:
            self._decoded += len(block)
            self._check_ratio()
        return block

    def _check_ratio(self) -> None:
        cap = max(self.limits.free_bytes, self.limits.ratio * self._raw.tell())
        if self._decoded > min(cap, self.limits.decoded_bytes):
            raise InputError(
                f"it grows to more than {self.limits.ratio} times its size when decompressed",
                file=str(self.path),
                remedy="decompress it yourself if you trust it, and read the plain file",
            )

    def _transcoded(self, block: bytes, size: int) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        while True:
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise InputError(
                    f"it is not valid {self.encoding.upper()} ({error.reason})",
                    file=str(self.path),
                    remedy="save it as UTF-8",
                ) from error
            if text:
                yield text.encode("utf-8")
            if not block:
                return
            block = self._read(size)

    def _refuse_unmarked_utf16(self, block: bytes) -> None:
        """Every other byte zero means UTF-16; without a mark its byte order would be a guess."""
        sample = block[:_HEAD]
        if len(sample) >= 8 and sample.count(0) > len(sample) * 0.4:
            raise InputError(
                "it looks like UTF-16 without a byte-order mark", file=str(self.path), remedy="save it as UTF-8"
            )
