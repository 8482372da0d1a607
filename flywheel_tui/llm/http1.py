"""HTTP/1.1 in the clear, straight over asyncio's sockets: for model servers of one's own, where thousands of answers
come back in a second and what one of them costs is added to all that wait behind it.

What goes over TLS or through a proxy takes `llm/transport.py`. Figures: docs/backends.md.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import httpx

from flywheel_tui.llm.addresses import real_address
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.http1_reader import Incoming, ResponseReader

CONNECT_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 15.0
_NAMES_HOLD_S = 10.0


class Connection(asyncio.Protocol):
    """One connection, with one exchange at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._reader: ResponseReader | None = None
        self._answer: asyncio.Future[Incoming] | None = None

    @property
    def open(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if (sock := transport.get_extra_info("socket")) is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def ask(self, request: bytes, most: int, loop: asyncio.AbstractEventLoop) -> asyncio.Future[Incoming]:
        """Send a request; what comes back, with a body of at most `most` bytes."""
        answer: asyncio.Future[Incoming] = loop.create_future()
        if self._transport is None or self._transport.is_closing():
            answer.set_exception(httpx.ReadError("the server closed the connection"))
            return answer
        self._reader, self._answer = ResponseReader(most), answer
        self._transport.write(request)
        return answer

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        if self._reader is None:
            self.close()  # it speaks without having been asked
            return
        try:
            found = self._reader.feed(data)
        except httpx.TransportError as error:
            self._fail(error)
            return
        if found is not None:
            self._done(found)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop."""
        if self._reader is None:
            return
        if error is not None:
            self._fail(httpx.ReadError(f"{type(error).__name__}: {error}"[:300]))
            return
        try:
            found = self._reader.ended()
        except httpx.TransportError as failure:
            self._fail(failure)
        else:
            self._done(found)

    def _done(self, found: Incoming) -> None:
        answer, self._reader, self._answer = self._answer, None, None
        if answer is not None and not answer.done():
            answer.set_result(found)
        if not found.reusable:
            self.close()

    def _fail(self, error: httpx.TransportError) -> None:
        answer, self._reader, self._answer = self._answer, None, None
        if answer is not None and not answer.done():
            answer.set_exception(error)
        self.close()

    def close(self) -> None:
        """End it at once, whatever is under way."""
        self._reader = self._answer = None
        if self._transport is not None:
            self._transport.abort()


class Http1:
    """The connections to one endpoint, whose key goes with every request."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._idle: deque[tuple[float, Connection]] = deque()
        self._known: list[str] = [endpoint.host] if real_address(endpoint.host) is not None else []
        self._known_until = float("inf") if self._known else 0.0
        self._naming = asyncio.Lock()

    @property
    def idle(self) -> int:
        """Connections that wait for the next request."""
        return len(self._idle)

    async def exchange(
        self, method: str, target: bytes, headers: Iterable[tuple[str, str]], body: bytes, *, most: int, connect: float
    ) -> Incoming:
        """Send one request and take in the whole answer. Raises httpx.TransportError, TooLarge."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._begin(loop)
        connection = self._take(loop) or await self._connect(loop, connect)
        try:
            found = await self._ask(connection, loop, most, method, target, headers, body)
        except BaseException:
            connection.close()
            raise
        if found.reusable:
            self._idle.append((loop.time(), connection))
        return found

    def _ask(
        self, connection: Connection, loop: asyncio.AbstractEventLoop, most: int, method: str, target: bytes,
        headers: Iterable[tuple[str, str]], body: bytes,
    ) -> asyncio.Future[Incoming]:  # fmt: skip
        # the bytes with the key live in this frame alone, which is over before anything is awaited or raised
        request = written(method, target, (*headers, *self._endpoint.key_headers().items()), body)
        if request is not None:
            return connection.ask(request, most, loop)
        answer: asyncio.Future[Incoming] = loop.create_future()
        answer.set_exception(httpx.UnsupportedProtocol("the key holds characters that no header can carry"))
        return answer

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connections belong to the loop they were made in: those of another one are left to it."""
        if self._loop is not None and not self._loop.is_closed():
            for _, connection in self._idle:
                self._loop.call_soon_threadsafe(connection.close)
        self._idle.clear()
        self._loop = loop

    def _take(self, loop: asyncio.AbstractEventLoop) -> Connection | None:
        """The connection that was used last, so that those which are not needed grow old, and end."""
        oldest = loop.time() - KEEP_ALIVE_SECONDS
        while self._idle and (self._idle[0][0] < oldest or not self._idle[0][1].open):
            self._idle.popleft()[1].close()
        while self._idle:
            _, connection = self._idle.pop()
            if connection.open:
                return connection
        return None

    async def _connect(self, loop: asyncio.AbstractEventLoop, seconds: float) -> Connection:
        problem = ""
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._addresses(loop)
                for address in addresses:
                    try:
                        async with asyncio.timeout(seconds / len(addresses)):
                            _, made = await loop.create_connection(Connection, address, self._endpoint.port)
                            return made
                    except OSError as error:  # a TimeoutError is one
                        problem = f"{type(error).__name__}: {error}"[:300]
        except TimeoutError:
            problem = ""
        except OSError as error:
            problem = f"{type(error).__name__}: {error}"[:300]
        if not problem or problem.startswith("TimeoutError"):
            raise httpx.ConnectTimeout(f"no connection within {seconds:g} s")
        raise httpx.ConnectError(problem)

    async def _addresses(self, loop: asyncio.AbstractEventLoop) -> list[str]:
        """Where the name leads. Raises httpx.UnsupportedProtocol where one may not go there."""
        async with self._naming:
            if loop.time() >= self._known_until:
                host, port = self._endpoint.host, self._endpoint.port
                found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
                addresses = list(dict.fromkeys(str(place[0]) for *_, place in found))
                for address in addresses:
                    if why := self._endpoint.refusal(address):
                        raise httpx.UnsupportedProtocol(f"{host} leads to a refused address: {why}")
                self._known, self._known_until = addresses, loop.time() + _NAMES_HOLD_S
            return self._known

    async def aclose(self) -> None:
        """Close all connections that wait."""
        idle, self._idle = self._idle, deque()
        if self._loop is asyncio.get_running_loop():
            for _, connection in idle:
                connection.close()
            await asyncio.sleep(0)  # the loop closes sockets in its next turn

    def __repr__(self) -> str:
        return f"Http1({self._endpoint!r})"


def written(method: str, target: bytes, headers: Iterable[tuple[str, str]], body: bytes) -> bytes | None:
    """A request as it goes over the wire; None where a header holds what would end it early."""
    lines = [f"{method} {target.decode('ascii')} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    try:
        head = "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        return None
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        return None
    return head + b"\r\n\r\n" + body
