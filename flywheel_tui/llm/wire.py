"""One HTTP exchange of JSON: bounded in time and size, and every failure is a `BackendFault` of a known kind."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import httpx
import msgspec

from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.http1 import CONNECT_SECONDS, Http1
from flywheel_tui.llm.http1_reader import TooLarge

MAX_BODY = 8 * 2**20
"""Bytes of a reply, decoded, that are taken."""

Headers = list[tuple[str, str]]
Got = tuple[int, Mapping[str, str], bytes]
_CHUNK = 256 * 1024
_ENCODER = msgspec.json.Encoder()


class Answer(NamedTuple):
    """What came back. `body` is decoded (not compressed any more); header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: float


class Wire:
    """Exchanges JSON with one endpoint. `deadline` (seconds) holds for the whole exchange, whatever trickles in.

    `silence` (seconds) ends an exchange in which nothing comes for so long; a model may think for minutes before its
    first byte, so that by default only the deadline counts.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float = 600.0,
        transport: httpx.AsyncBaseTransport | None = None,
        max_body: int = MAX_BODY,
        silence: float | None = None,
    ) -> None:
        self.endpoint, self.deadline, self.max_body, self.silence = endpoint, deadline, max_body, silence
        self._transport: httpx.AsyncBaseTransport | Http1
        if transport is not None:
            self._transport = transport
        elif endpoint.scheme == "http" and endpoint.proxy is None and silence is None:
            self._transport = Http1(endpoint)
        else:
            from flywheel_tui.llm.transport import AiohttpTransport

            self._transport = AiohttpTransport(endpoint)
        encoding = "identity" if endpoint.loopback else "gzip, deflate"
        common = {
            "Host": httpx.URL(endpoint.base_url).netloc.decode("ascii"),
            "User-Agent": "flywheel-tui",
            "Accept": "application/json",
            "Accept-Encoding": encoding,
            **(headers or {}),
        }
        self._get_headers = list(common.items())
        self._post_headers = [*common.items(), ("Content-Type", "application/json")]
        self._urls: dict[str, httpx.URL] = {}

    async def post(self, path: str, payload: Any, *, deadline: float | None = None) -> Answer:
        """Send `payload` as JSON to `base_url + path`. Raises BackendFault where no whole HTTP answer arrived."""
        try:
            body = _ENCODER.encode(payload)
            if not body.isascii():
                body.decode("utf-8")
        except (TypeError, ValueError, RecursionError):
            raise BackendFault("bad_schema", "the request cannot be written as JSON", retryable=False) from None
        return await self._exchange("POST", path, body, deadline or self.deadline)

    async def post_bytes(self, path: str, body: bytes, *, content_type: str, deadline: float | None = None) -> Answer:
        """Send bytes of another kind than JSON: the upload of a file."""
        return await self._exchange("POST", path, body, deadline or self.deadline, content_type)

    async def get(self, path: str, *, deadline: float = 5.0) -> Answer:
        """Fetch `base_url + path`."""
        return await self._exchange("GET", path, b"", deadline)

    async def _exchange(
        self, method: str, path: str, body: bytes, deadline: float, content_type: str = "application/json"
    ) -> Answer:
        outcome = await self._attempt(method, path, body, deadline, content_type)
        if isinstance(outcome, BackendFault):
            # Raised here, with no exception behind it: what libraries keep in their frames is not ours to show.
            raise outcome
        return outcome

    async def _attempt(
        self, method: str, path: str, body: bytes, deadline: float, content_type: str
    ) -> Answer | BackendFault:
        headers = self._get_headers
        if body:
            headers = self._post_headers
            if content_type != "application/json":
                headers = [*self._get_headers, ("Content-Type", content_type)]
        connect = min(CONNECT_SECONDS, deadline)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(deadline):
                if isinstance(self._transport, Http1):
                    status, found, data = await self._straight(self._transport, method, path, headers, body, connect)
                else:
                    status, found, data = await self._by_httpx(self._transport, method, path, headers, body, connect)
        except BackendFault as fault:
            fault.__context__ = None
            return fault.with_traceback(None)
        except TimeoutError:
            return self._fault("timeout", f"no whole answer within {deadline:g} s")
        except httpx.TransportError as error:
            return self._transport_fault(error)
        return Answer(status, found, self.endpoint.scrub_bytes(data), (time.perf_counter() - started) * 1000)

    async def _straight(
        self, sockets: Http1, method: str, path: str, headers: Headers, body: bytes, connect: float
    ) -> Got:
        target = self._url(path).raw_path
        got = await sockets.exchange(method, target, headers, body, most=self.max_body, connect=connect)
        if "content-encoding" not in got.headers:
            return got.status, got.headers, got.body
        intake = self._intake(got.headers)
        intake.take(got.body)
        return got.status, got.headers, intake.whole()

    async def _by_httpx(
        self, transport: httpx.AsyncBaseTransport, method: str, path: str, headers: Headers, body: bytes, connect: float
    ) -> Got:
        request = httpx.Request(
            method,
            self._url(path),
            headers=[*headers, ("Content-Length", str(len(body)))],
            stream=httpx.ByteStream(body),
            extensions={"timeout": {"connect": connect, "read": self.silence}},
        )
        response = await transport.handle_async_request(request)
        try:
            got = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers.raw}
            intake = self._intake(got)
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for chunk in response.stream:
                intake.take(chunk)
        finally:
            await response.stream.aclose()  # type: ignore[union-attr]
        return response.status_code, got, intake.whole()

    def _url(self, path: str) -> httpx.URL:
        return self._urls.get(path) or self._urls.setdefault(path, httpx.URL(self.endpoint.base_url + path))

    def _intake(self, headers: Mapping[str, str]) -> _Intake:
        announced = headers.get("content-length", "")
        if announced.isdigit() and int(announced) > self.max_body:
            raise self._too_large(int(announced))
        return _Intake(self, self._inflater(headers.get("content-encoding", "").strip().lower()))

    def _too_large(self, announced: int | None = None) -> BackendFault:
        if announced is not None:
            return self._fault("too_large", f"the answer has {announced:,} bytes")
        return self._fault("too_large", f"the answer is larger than {self.max_body / 2**20:g} MB")

    def _inflater(self, encoding: str) -> _Inflater | None:
        if encoding in ("", "identity"):
            return None
        if encoding in ("gzip", "x-gzip", "deflate"):
            return _Inflater(self)
        raise self._fault("truncated", f"the answer is packed as {encoding[:40]!r}, which was not asked for")

    def _transport_fault(self, error: httpx.TransportError) -> BackendFault:
        match error:
            case TooLarge():
                return self._too_large(error.announced)
            case httpx.ConnectTimeout():
                return self._fault("connect", "no connection in time")
            case httpx.TimeoutException():
                return self._fault("timeout", "the server fell silent")
            case httpx.UnsupportedProtocol():
                return self._fault("connect", str(error), retryable=False)
            case httpx.ConnectError() | httpx.ProxyError():
                return self._fault("connect", f"cannot connect: {error}")
            case httpx.RemoteProtocolError():
                return self._fault("truncated", f"the answer is not whole: {error}")
        return self._fault("reset", f"the connection broke: {error}")

    def _fault(self, kind: Any, message: str, *, retryable: bool | None = None) -> BackendFault:
        place = self.endpoint.base_url
        return BackendFault(kind, f"{place}: {self.endpoint.scrub(message)[:400]}", retryable=retryable)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


class _Intake:
    """The body as it comes, unpacked; its size is watched packed and unpacked."""

    def __init__(self, wire: Wire, inflate: _Inflater | None) -> None:
        self._wire, self._inflate = wire, inflate
        self._pieces: list[bytes] = []
        self._size = self._raw = 0

    def take(self, chunk: bytes) -> None:
        self._raw += len(chunk)
        for piece in self._inflate.feed(chunk) if self._inflate else (chunk,):
            self._size += len(piece)
            if max(self._size, self._raw) > self._wire.max_body:
                raise self._wire._too_large()
            self._pieces.append(piece)

    def whole(self) -> bytes:
        if self._inflate and not self._inflate.finished:
            raise self._wire._fault("truncated", "the compressed answer is not whole")
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)


class _Inflater:
    """gzip and deflate in pieces of bounded size, so that a small bomb stays small."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._started = False

    @property
    def finished(self) -> bool:
        return self._inflate.eof or not self._started

    def feed(self, data: bytes) -> Any:
        while data:
            try:
                piece = self._inflate.decompress(data, _CHUNK)
            except zlib.error as error:
                if self._started:
                    raise self._wire._fault("truncated", f"the compressed answer is damaged: {error}") from None
                # "deflate" without its zlib header is sent by some servers
                self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
                self._started = True
                continue
            self._started = True
            if piece:
                yield piece
            if self._inflate.eof:
                return
            data = self._inflate.unconsumed_tail
