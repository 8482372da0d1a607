"""One HTTP/1.1 response out of the bytes as they come. What is not plainly HTTP is an error, never guessed at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import httpx

MAX_HEAD = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})(?: [^\r\n]*)?")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")
_BEGINS = b"HTTP/1."


class TooLarge(httpx.TransportError):
    """The body is larger than what is taken; `announced` is its size where the server said it before."""

    def __init__(self, announced: int | None = None) -> None:
        super().__init__("the answer is too large")
        self.announced = announced


class Incoming(NamedTuple):
    """A whole response. Header names are lower case; `body` is as it came (still compressed)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    reusable: bool


class ResponseReader:
    """Takes in one response: `feed` what arrives until it gives the whole, `ended` where the connection ends."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer = bytearray()
        self._body: bytearray | None = None
        self._status = 0
        self._headers: dict[str, str] = {}
        self._reusable = True
        self._left = 0
        """Bytes of the body (or of this chunk and its line end) to come; -1: until the connection ends."""
        self._chunked = self._trailing = False

    def feed(self, data: bytes) -> Incoming | None:
        """The response, once it is whole. Raises httpx.RemoteProtocolError, TooLarge."""
        if self._body is None:
            if self._buffer:
                self._buffer += data
                data = bytes(self._buffer)
                self._buffer.clear()
            rest = self._take_head(data)
            if rest is None:
                return None
            data = rest
        if self._chunked:
            return self._take_chunks(data)
        assert self._body is not None
        if self._left >= 0:
            if len(data) > self._left:
                # more than was announced: the rest belongs to nobody
                data, self._reusable = data[: self._left], False
            self._left -= len(data)
            if not self._left:
                return self._whole(data)
        self._grow(data)
        return None

    def ended(self) -> Incoming:
        """The response that the end of the connection makes whole. Raises httpx.ReadError, RemoteProtocolError."""
        if self._body is None and not self._buffer:
            raise httpx.ReadError("the server closed the connection without an answer")
        if self._body is None or self._left >= 0:
            raise httpx.RemoteProtocolError("the connection ended before the answer did")
        self._reusable = False
        return self._whole(b"")

    def _whole(self, data: bytes) -> Incoming:
        body = bytes(self._body) + data if self._body else data
        return Incoming(self._status, self._headers, body, self._reusable)

    def _grow(self, data: bytes | bytearray) -> None:
        assert self._body is not None
        if len(self._body) + len(data) > self._most:
            raise TooLarge
        self._body += data

    # -- the head

    def _take_head(self, data: bytes) -> bytes | None:
        """What follows the head; None while it is not whole."""
        while True:
            if not data.startswith(_BEGINS) and not _BEGINS.startswith(data[: len(_BEGINS)]):
                raise _wrong("it does not begin as HTTP")
            end = data.find(b"\r\n\r\n")
            if end > MAX_HEAD or (end < 0 and len(data) > MAX_HEAD):
                raise _wrong("its headers are too long")
            if end < 0:
                self._buffer += data
                return None
            self._read_head(data[:end])
            data = data[end + 4 :]
            if self._status >= 200:
                self._body = bytearray()
                return data
            # 1xx: the answer proper is still to come
            if self._status == 101:
                raise _wrong("it speaks another protocol from here on")

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        status = _STATUS.fullmatch(first)
        if status is None:
            raise _wrong("its status line cannot be read")
        self._status = int(status[2])
        found: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not _NAME.fullmatch(name) or b"\n" in value or b"\r" in value or b"\0" in value:
                raise _wrong("a header cannot be read")
            key, text = name.lower().decode("ascii"), value.strip(b" \t").decode("latin-1")
            if key in ("content-length", "transfer-encoding") and found.get(key, text) != text:
                raise _wrong(f"it gives {key} twice")
            found[key] = text
        self._headers = found
        tokens = found.get("connection", "").lower()
        self._reusable = "close" not in tokens and (status[1] == b"1" or "keep-alive" in tokens)
        self._measure(found)

    def _measure(self, headers: Mapping[str, str]) -> None:
        """How the end of the body is known."""
        self._left, self._chunked = -1, False
        coding, length = headers.get("transfer-encoding", "").lower(), headers.get("content-length")
        if self._status < 200 or self._status in (204, 304):
            self._left = 0
        elif coding and coding != "identity":
            if coding != "chunked":
                raise _wrong(f"it is sent as {coding[:40]!r}")
            self._chunked, self._left = True, 0
            self._reusable = self._reusable and length is None
        elif length is not None:
            if not (length.isascii() and length.isdigit() and len(length) < 19):
                raise _wrong("its length is no number")
            self._left = int(length)
            if self._left > self._most:
                raise TooLarge(self._left)

    # -- chunks

    def _take_chunks(self, data: bytes) -> Incoming | None:
        buffer = self._buffer
        buffer += data
        while True:
            if self._left:
                taken = buffer[: max(self._left - 2, 0)]
                self._grow(taken)
                del buffer[: len(taken)]
                self._left -= len(taken)
                if self._left > 2 or len(buffer) < 2:
                    return None
                if buffer[:2] != b"\r\n":
                    raise _wrong("a chunk does not end where it should")
                del buffer[:2]
                self._left = 0
            end = buffer.find(b"\r\n")
            if end < 0 or end > MAX_HEAD:
                if len(buffer) > MAX_HEAD:
                    raise _wrong("a chunk's head is too long")
                return None
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._trailing:
                if not line:
                    self._reusable = self._reusable and not buffer
                    return self._whole(b"")
                continue
            size = _SIZE.fullmatch(line)
            if size is None:
                raise _wrong("the size of a chunk cannot be read")
            self._left = int(size[1], 16)
            if self._left > self._most:
                raise TooLarge
            if self._left:
                self._left += 2
            else:
                self._trailing = True


def _wrong(why: str) -> httpx.RemoteProtocolError:
    return httpx.RemoteProtocolError(f"the server's answer is not HTTP: {why}")
