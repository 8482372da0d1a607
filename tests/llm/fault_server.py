"""A raw TCP server on loopback that answers wrongly in every way a model's server has been seen to."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

DIALECTS = ("openai", "openrouter", "anthropic", "ollama")
TEXT = '{"score": 7}'


def good(dialect: str, text: Any = TEXT, finish: str = "", **more: Any) -> dict[str, Any]:
    """A whole reply in a dialect."""
    if dialect == "anthropic":
        content = [] if text is None else [{"type": "text", "text": text}]
        usage = {"input_tokens": 11, "output_tokens": 5}
        return {
            "type": "message",
            "id": "m",
            "model": "m",
            "content": content,
            "stop_reason": finish or "end_turn",
            "usage": usage,
        } | more
    if dialect == "ollama":
        message = {"role": "assistant", "content": text}
        counts = {"prompt_eval_count": 11, "eval_count": 5}
        return {"model": "m", "message": message, "done": True, "done_reason": finish or "stop"} | counts | more
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish or "stop"}
    usage = {"prompt_tokens": 11, "completion_tokens": 5}
    return {"id": "c", "model": "m", "choices": [choice], "usage": usage} | more


def http(body: bytes, status: int = 200, *headers: str, length: int | None = None) -> bytes:
    """A reply of HTTP; `length` lies about the body where given."""
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def as_json(document: Any, status: int = 200, *headers: str) -> bytes:
    """The same for a document."""
    return http(json.dumps(document).encode(), status, *headers)


@lru_cache(maxsize=2)
def bomb(megabytes: int) -> bytes:
    """So many MB of zeros in gzip: about a thousandth of that."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    block = bytes(2**20)
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


def error(message: str, **more: Any) -> dict[str, Any]:
    """An error document as all but Ollama write it."""
    return {"type": "error", "error": {"message": message, **more}}


Writer = asyncio.StreamWriter
Act = Callable[[Writer, str], Awaitable[None]]


def reset(writer: Writer) -> None:
    """End a connection with RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _rst_before(writer: Writer, dialect: str) -> None:
    reset(writer)


async def _rst_mid(writer: Writer, dialect: str) -> None:
    body = json.dumps(good(dialect)).encode()
    writer.write(http(body[:20], length=len(body)))
    await writer.drain()
    await asyncio.sleep(0.02)
    reset(writer)


async def _hang(writer: Writer, dialect: str) -> None:
    await asyncio.sleep(30)


async def _slow_loris(writer: Writer, dialect: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(300):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _slow_headers(writer: Writer, dialect: str) -> None:
    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 300:
        writer.write(bytes([letter]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def _endless(writer: Writer, dialect: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        for _ in range(64):
            writer.write(b"40000\r\n" + b" " * 0x40000 + b"\r\n")
            await writer.drain()


def _cut(dialect: str) -> bytes:
    return json.dumps(good(dialect)).encode()[:40]


RAW: dict[str, Act | Callable[[str], bytes]] = {
    "rst_before": _rst_before,
    "rst_mid": _rst_mid,
    "hang": _hang,
    "slow_loris": _slow_loris,
    "slow_headers": _slow_headers,
    "endless_body": _endless,
    "close_before": lambda d: b"",
    "short_length": lambda d: http(_cut(d), length=7777),
    "short_chunked": lambda d: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n" + _cut(d) + b"\r\n",
    "bad_chunk": lambda d: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + _cut(d),
    "cut_at_close": lambda d: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + _cut(d),
    "cut_to_valid_json": lambda d: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n123",
    "only_null": lambda d: http(b"null"),
    "empty_object": lambda d: http(b"{}"),
    "a_list": lambda d: http(b"[]"),
    "html_200": lambda d: http(b"<html>502 gateway</html>"),
    "empty_200": lambda d: http(b""),
    "no_content_204": lambda d: b"HTTP/1.1 204 No Content\r\n\r\n",
    "not_gzip": lambda d: http(b"not gzip", 200, "Content-Encoding: gzip"),
    "gzip_cut": lambda d: http(gzip.compress(json.dumps(good(d)).encode())[:-12], 200, "Content-Encoding: gzip"),
    "gzip_bomb": lambda d: http(bomb(64), 200, "Content-Encoding: gzip"),
    "unknown_packing": lambda d: http(b"??", 200, "Content-Encoding: br"),
    "huge_announced": lambda d: http(b"{", length=2**33),
    "bad_status_line": lambda d: b"HTTP/1.1 2x0 OK\r\n\r\n",
    "not_http": lambda d: b"SSH-2.0-OpenSSH_9.9\r\n",
    "huge_header": lambda d: b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\n\r\n",
    "bad_utf8": lambda d: http(json.dumps(good(d)).encode().replace(b"score", b"sc\xff\xfee")),
    "deep_nesting": lambda d: http(b"[" * 100_000),
    "nan_in_reply": lambda d: http(json.dumps(good(d)).encode().replace(b": 5", b": NaN")),
    "redirect": lambda d: http(b"", 307, "Location: http://169.254.169.254/latest/"),
    "400": lambda d: as_json(error("no such thing"), 400),
    "401": lambda d: as_json(error("bad key"), 401),
    "402": lambda d: as_json(error("insufficient credits"), 402),
    "403": lambda d: as_json(error("not yours"), 403),
    "403_moderation": lambda d: as_json(error("flagged", metadata={"reasons": ["moderation"]}), 403),
    "404": lambda d: as_json(error("no such model"), 404),
    "408": lambda d: as_json(error("too slow"), 408),
    "413": lambda d: as_json(error("too much"), 413),
    "422": lambda d: as_json({"detail": "odd"}, 422),
    "too_long_400": lambda d: as_json(error("x", code="context_length_exceeded"), 400),
    "429": lambda d: as_json(error("slow down"), 429, "Retry-After: 7"),
    "429_spent": lambda d: as_json(error("quota", type="insufficient_quota"), 429),
    "429_spend_limit": lambda d: as_json(error("x", error_code="enforced_spend_limit_reached"), 429),
    "500": lambda d: as_json(error("oops"), 500),
    "502_html": lambda d: http(b"<html>bad gateway</html>", 502),
    "503": lambda d: as_json(error("busy"), 503, "Retry-After: 3"),
    "529": lambda d: as_json(error("overloaded", type="overloaded_error"), 529),
    "error_in_200": lambda d: as_json(error("provider down", code=502, type="api_error")),
    "empty_text": lambda d: as_json(good(d, " \n")),
    "null_text": lambda d: as_json(good(d, None)),
    "no_text_at_limit": lambda d: as_json(good(d, "", "max_tokens" if d == "anthropic" else "length")),
    "wrong_types": lambda d: as_json(good(d, 5)),
    "wrong_shape": lambda d: as_json({"choices": "x", "message": "x", "content": "x", "type": 1, "done": "x"}),
}


@asynccontextmanager
async def serve(answer: Callable[[bytes, bytes], bytes | Act | None], dialect: str = "openai") -> AsyncIterator[str]:
    """A server whose answer to (head, body) of each request is bytes, or a function that acts on the connection."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: Writer) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
                )
                act = answer(head, await reader.readexactly(length))
                if callable(act):
                    await act(writer, dialect)
                    break
                writer.write(act or b"")
                await writer.drain()
                if not act or b"Connection: close" in act or b"Content-Length" not in act:
                    break
                if b"Content-Length: 8589934592" in act or b"Content-Length: 7777\r\n" in act:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            handlers.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=2**20)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def faulty(name: str, dialect: str) -> Callable[[bytes, bytes], bytes | Act | None]:
    """The answer function of one named fault."""
    act = RAW[name]
    if asyncio.iscoroutinefunction(act):
        return lambda head, body: act  # type: ignore[return-value]
    return lambda head, body: act(dialect)  # type: ignore[operator,return-value,arg-type,call-arg]
