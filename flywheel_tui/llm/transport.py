"""HTTP over aiohttp behind httpx's transport interface.

httpx's own pool looks at every connection for every idle connection, so that its cost grows with the square of their
number; aiohttp's does not. What callers see is `httpx.AsyncBaseTransport`, so that any other transport of httpx can be
put in its place. Figures: docs/backends.md.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.http1 import CONNECT_SECONDS, KEEP_ALIVE_SECONDS

_SET_BELOW = frozenset((b"host", b"content-length", b"authorization"))


class RefusedAddress(OSError):
    """A name led to an address that may not be talked to."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends requests to one endpoint, whose key it adds; a request to any other host is refused.

    Redirects are returned, never followed; bodies are passed on as they came (still compressed); closing a response
    that was not read to its end aborts its connection.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._urls: dict[str, URL] = {}
        self._plain: dict[tuple[tuple[bytes, bytes], ...], list[tuple[str, str]]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises httpx.TransportError."""
        url = request.url
        if not self._endpoint.owns(url.scheme, url.host, url.port):
            raise httpx.UnsupportedProtocol(f"{url.host} is not the host that this back end and its key belong to")
        text = str(url)
        target = self._urls.get(text) or self._urls.setdefault(text, URL(text, encoded=True))
        failure: httpx.TransportError
        try:
            response = await self._open().request(
                request.method,
                target,
                headers=self._headers(request),
                data=await _body(request),
                allow_redirects=False,
                timeout=_timeouts(request),
                proxy=self._endpoint.proxy,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = translated(error)
        else:
            return httpx.Response(
                response.status, headers=list(response.raw_headers), stream=_Body(response), request=request
            )
        # Raised here, outside `except`: the context of an error must not lead to aiohttp's frames, whose variables
        # hold the key.
        raise failure

    def _headers(self, request: httpx.Request) -> list[tuple[str, str]]:
        raw = tuple(pair for pair in request.headers.raw if pair[0].lower() not in _SET_BELOW)
        plain = self._plain.get(raw)
        if plain is None:
            plain = self._plain[raw] = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
        return [*plain, *self._endpoint.key_headers().items()]

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop or self._session.closed:
            if self._session is not None and not self._session.closed:
                self._session.detach()
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS, resolver=_GuardedResolver(self._endpoint)
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
                trust_env=False,
            )
        return self._session

    async def aclose(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None and self._loop is asyncio.get_running_loop():
            await session.close()

    def __repr__(self) -> str:
        return f"AiohttpTransport({self._endpoint!r})"


class _GuardedResolver(AbstractResolver):
    """Resolves names by the system and refuses those that lead where the endpoint may not go."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._resolver = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if self._endpoint.proxy is not None:
            return found
        for result in found:
            if why := self._endpoint.refusal(result["host"]):
                raise RefusedAddress(f"{host} leads to a refused address: {why}")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        failure: httpx.TransportError | None = None
        try:
            async for chunk in self._response.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, OSError) as error:
            failure = translated(error)
        if failure is not None:
            raise failure

    async def aclose(self) -> None:
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


async def _body(request: httpx.Request) -> bytes | None:
    if isinstance(request.stream, httpx.SyncByteStream):
        return b"".join(request.stream) or None
    return b"".join([part async for part in request.stream]) or None


def _timeouts(request: httpx.Request) -> aiohttp.ClientTimeout:
    timeout: dict[str, Any] = request.extensions.get("timeout", {})
    return aiohttp.ClientTimeout(
        total=None, sock_connect=timeout.get("connect", CONNECT_SECONDS), sock_read=timeout.get("read")
    )


def translated(error: Exception) -> httpx.TransportError:
    """aiohttp's error in httpx's words; only the text is kept."""
    text = f"{type(error).__name__}: {error}"[:300]
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx.ConnectTimeout(text)
        case TimeoutError():
            return httpx.ReadTimeout(text)
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | RefusedAddress():
            return httpx.UnsupportedProtocol(text)
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, RefusedAddress):
            return httpx.UnsupportedProtocol(str(error.os_error))
        case aiohttp.ClientConnectorError():
            return httpx.ConnectError(text)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError() | ConnectionError():
            return httpx.ReadError(text)
        case aiohttp.ClientPayloadError() if isinstance(error.__cause__, ConnectionError):
            return httpx.ReadError(text)
        case aiohttp.InvalidURL():
            return httpx.UnsupportedProtocol(text)
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return httpx.ProxyError(text)
        case aiohttp.ClientResponseError():
            return httpx.RemoteProtocolError(f"the server's answer is not HTTP: {error.message}"[:300])
        case aiohttp.ClientPayloadError():
            return httpx.RemoteProtocolError(text)
    return httpx.ReadError(text)
