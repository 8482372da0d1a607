"""An OpenAI-compatible service on loopback for tests: answers about the pair it is asked about, and keeps a log.

Pairs are those of `factories.sft` (their texts say `pair N`). What happened to a pair is in the log, in order: `asked`,
and then `paid` where the answer was written whole (a connection that was gone by then is `gone`).
"""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from judge_helpers import score_of, verdict_text

SORRY = "I'm sorry, but I can't help with that."


class ScriptedService(ThreadingHTTPServer):
    """`seconds` is the range of the time an answer takes; pairs whose number `refused` divides are refused."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, seconds: tuple[float, float] = (0.05, 0.15), *, refused: int = 0, slow_down: float = 0.0
    ) -> None:
        self.seconds, self.refused, self.slow_down = seconds, refused, slow_down
        self.log: list[tuple[str, int]] = []
        self.busiest = self._busy = 0
        self._lock = threading.Lock()
        self._chance = random.Random(7)
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> ScriptedService:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that are killed are what these tests are about."""

    @property
    def address(self) -> str:
        """What `OPENAI_BASE_URL` is set to."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def note(self, what: str, number: int) -> None:
        with self._lock:
            self.log.append((what, number))

    def begin(self) -> tuple[float, bool]:
        """`(seconds, whether to answer 429)` for one call that begins now."""
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            return self._chance.uniform(*self.seconds), self._chance.random() < self.slow_down

    def end(self) -> None:
        with self._lock:
            self._busy -= 1

    def counts(self, what: str) -> Counter[int]:
        """How often that happened to each pair."""
        with self._lock:
            return Counter(number for said, number in self.log if said == what)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedService

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._send(200, {"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match = re.search(r"pair (\d+)", body["messages"][-1]["content"])
        assert match is not None
        number = int(match[1])
        seconds, slow_down = self.server.begin()
        try:
            if slow_down:
                self._send(429, {"error": {"message": "slow down", "type": "rate_limit"}})
                return
            self.server.note("asked", number)
            time.sleep(seconds)
            refuse = self.server.refused and number % self.server.refused == 0
            text = SORRY if refuse else verdict_text(score_of(number))
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 700, "completion_tokens": 50, "total_tokens": 750}
            whole = self._send(
                200, {"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
            )
            self.server.note("paid" if whole else "gone", number)
        finally:
            self.server.end()

    def _send(self, status: int, value: object) -> bool:
        data = json.dumps(value).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True
            return False
        return True
