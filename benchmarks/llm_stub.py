"""A server of chat completions that waits and answers: as little as can be, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio import Transport

VERDICT = sys.argv[2] if len(sys.argv) > 2 else json.dumps({"rationale": "word " * 80, "score": 7})
BODY = json.dumps(
    {
        "id": "c",
        "model": "stub",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": VERDICT}},
        ],
        "usage": {"prompt_tokens": 250, "completion_tokens": 80},
    }
).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY


class Stub(asyncio.Protocol):
    """Answers every whole request after `delay` seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, delay: float) -> None:
        self._loop, self._delay, self._received = loop, delay, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return
        lengths = [int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"]
        if len(body) >= (lengths[0] if lengths else 0):
            self._received = b""
            self._loop.call_later(self._delay, self._transport.write, REPLY)


async def main() -> None:
    """Serve until standard input closes; the port is printed first."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(loop, float(sys.argv[1])), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
