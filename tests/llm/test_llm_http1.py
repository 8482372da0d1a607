"""HTTP/1.1 without a library: whole responses are read whole however they arrive, and nothing else passes for one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import pairwise

import httpx
import pytest
from fault_server import RAW, Writer, as_json, faulty, good, http, serve
from hypothesis import given, settings
from hypothesis import strategies as st
from llm_helpers import CANARY, SCHEMA, made, question
from pydantic import SecretStr
from test_llm_faults import EXPECTED, SLOW

from flywheel_tui.llm import BackendFault
from flywheel_tui.llm.backends.openai import OpenAIBackend
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.http1 import KEEP_ALIVE_SECONDS, Http1, written
from flywheel_tui.llm.http1_reader import Incoming, ResponseReader, TooLarge
from flywheel_tui.llm.transport import AiohttpTransport

MOST = 10_000


def read(data: bytes, cuts: list[int]) -> Incoming | None:
    """What a reader makes of `data` that arrives in pieces."""
    reader, found = ResponseReader(MOST), None
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(places):
        if data[start:end]:
            assert found is None, "bytes are left after the whole response"
            found = reader.feed(data[start:end])
    return found


def chunked(pieces: list[bytes], trailer: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [b"%x;name=value\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece]
    return head + b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=6), st.lists(st.integers(0, 5000), max_size=12), st.booleans())
def test_a_body_is_the_same_however_it_arrives(pieces: list[bytes], cuts: list[int], in_chunks: bool) -> None:
    whole = b"".join(pieces)
    data = chunked(pieces, b"X-Sum: 1\r\n") if in_chunks else http(whole)
    found = read(data, cuts)
    assert found is not None and found.body == whole and found.status == 200 and found.reusable
    for end in range(0, len(data), 7):
        assert read(data[:end], [cut for cut in cuts if cut < end]) is None


@settings(deadline=None)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_whatever_arrives_is_a_response_or_a_known_error(data: bytes, cuts: list[int]) -> None:
    reader = ResponseReader(MOST)
    try:
        for piece in (b"HTTP/1.1 200 OK\r\n" + data, data):
            if reader.feed(piece) is not None:
                return
        reader.ended()
    except httpx.TransportError:
        pass


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        OK + b"Content-Length: -5\r\n\r\nhello",
        OK + b"Content-Length: 5, 5\r\n\r\nhello",
        OK + b"Content-Length: +5\r\n\r\nhello",
        OK + b"Content-Length : 5\r\n\r\nhello",
        OK + b" folded: x\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b": no name\r\n\r\n",
        OK + b"X: a\nY: b\r\n\r\n",
        OK + b"X: a\0b\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        OK + b"X: " + b"a" * 70_000,
    ],
)
def test_what_is_not_http_is_refused(data: bytes) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        ResponseReader(MOST).feed(data)


def test_sizes_are_watched_before_they_are_taken() -> None:
    for data in (
        http(b"", length=MOST + 1),
        chunked([b"a" * (MOST - 1), b"bb"]),
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        OK + b"\r\n" + b"a" * (MOST + 1),
    ):
        with pytest.raises(TooLarge):
            ResponseReader(MOST).feed(data)
    assert read(http(b"a" * MOST), []) is not None


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        (OK + b"Content-Length: 2\r\n\r\nok", True),
        (OK + b"Content-Length: 2\r\nConnection: Close\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", True),
        (OK + b"Content-Length: 2\r\n\r\nok and more", False),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", True),
    ],
)
def test_a_connection_is_used_again_only_where_its_answer_ended_cleanly(data: bytes, reusable: bool) -> None:
    found = ResponseReader(MOST).feed(data)
    assert found is not None and (found.body, found.reusable) == (b"ok", reusable)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    reader = ResponseReader(MOST)
    assert reader.feed(OK + b"\r\nhel") is None and reader.feed(b"lo") is None
    found = reader.ended()
    assert found.body == b"hello" and not found.reusable
    assert ResponseReader(MOST).feed(b"HTTP/1.1 204 None\r\n\r\n") is not None
    with pytest.raises(httpx.ReadError):
        ResponseReader(MOST).ended()
    for half in (OK, http(b"hello")[:-1], chunked([b"hello"])[:-2]):
        reader = ResponseReader(MOST)
        assert reader.feed(half) is None
        with pytest.raises(httpx.RemoteProtocolError):
            reader.ended()


@pytest.mark.parametrize("value", ["a\r\nX-Own: 1", "a\nb", "a\0b", "ключ"])
def test_no_header_ends_a_request_early(value: str) -> None:
    assert written("POST", b"/v1", [("Authorization", value)], b"{}") is None
    assert written("POST", b"/v1", [("A", "b")], b"{}") == b"POST /v1 HTTP/1.1\r\nA: b\r\nContent-Length: 2\r\n\r\n{}"


async def test_a_key_that_no_header_can_carry_is_told_and_not_shown() -> None:
    async with serve(lambda head, body: as_json(good("openai"))) as url:
        backend = OpenAIBackend("openai", "m", Endpoint(f"{url}/v1", key=SecretStr(f"{CANARY}\nX")))
        with pytest.raises(BackendFault, match="no header can carry") as caught:
            await backend.complete(question())
        await backend.aclose()
    assert CANARY not in str(caught.value) and not caught.value.retryable


@pytest.mark.parametrize("name", [name for name in RAW if name not in SLOW])
async def test_faults_over_the_other_carrier_are_told_by_the_same_kind(name: str) -> None:
    """What goes over TLS or a proxy takes another road; here that road leads to the server that lies."""
    async with serve(faulty(name, "openai")) as url:
        endpoint = Endpoint(f"{url}/v1", key=SecretStr(CANARY))
        backend = OpenAIBackend("openai", "m", endpoint, deadline=10.0, transport=AiohttpTransport(endpoint))
        with pytest.raises(BackendFault) as caught:
            await backend.complete(question(schema=SCHEMA))
        await backend.aclose()
    assert caught.value.kind in EXPECTED[name].split(), str(caught.value)


def test_which_requests_go_straight() -> None:
    for url, straight in (("http://127.0.0.1:1", True), ("http://192.168.1.5", True), ("https://127.0.0.1", False)):
        backend = OpenAIBackend("openai", "m", Endpoint(url))
        assert isinstance(backend.wire._transport, Http1) == straight


async def test_many_calls_take_as_many_connections_and_leave_them_for_the_next() -> None:
    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.rsplit(b"Content-Length: ", 1)[1]))
                await asyncio.sleep(0.05)
                writer.write(as_json(good("openai")))
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        backend = made("openai", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        sockets = backend.wire._transport  # type: ignore[attr-defined]
        for _ in range(2):
            await asyncio.gather(*(backend.complete(question()) for _ in range(8)))
            assert sockets.idle == 8
        call = asyncio.create_task(backend.complete(question()))
        await asyncio.sleep(0.02)
        assert sockets.idle == 7
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert sockets.idle == 7, "a connection whose answer is still to come was kept"
        loop = asyncio.get_running_loop()
        loop.time = lambda: time.monotonic() + KEEP_ALIVE_SECONDS + 1  # type: ignore[method-assign]
        await backend.complete(question())
        assert sockets.idle == 1, "connections that nobody needed grew old"
        await backend.aclose()


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    async def once(writer: Writer, dialect: str) -> None:
        writer.write(as_json(good(dialect)))
        await writer.drain()
        writer.close()

    async with serve(lambda head, body: once) as url:
        backend = made("openai", url)
        for _ in range(3):
            assert (await backend.complete(question())).text
            await asyncio.sleep(0.02)
        await backend.aclose()
