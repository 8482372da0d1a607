"""Judging through a real server, killed at random moments: nothing is lost, and only what was in flight is repeated."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from factories import make_workspace, sft
from judge_helpers import score_of, verdict_text

from flywheel_tui.workspace import Workspace

PAIRS, CONCURRENCY, SECONDS = 250, 5, 0.02


class Server(ThreadingHTTPServer):
    """Answers chat completions with the verdict of the pair it is asked about, and counts who was asked how often."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        self.asked: Counter[int] = Counter()
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match = re.search(r"pair (\d+)", body["messages"][-1]["content"])
        assert match is not None
        number = int(match[1])
        with self.server.lock:
            self.server.asked[number] += 1
        time.sleep(SECONDS)
        message = {"role": "assistant", "content": verdict_text(score_of(number))}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 700, "completion_tokens": 50, "total_tokens": 750}
        self._send({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})

    def _send(self, value: object) -> None:
        data = json.dumps(value).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def _judge(root: Path, server: Server) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from flywheel_tui.cli import main; main()", "-w", str(root), "judge"]
    command += ["-d", "demo", "--backend", "openai", "--model", "m", "--tag", "t", "--rubric", "default", "--json"]
    command += ["--concurrency", str(CONCURRENCY)]
    address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    environment = os.environ | {"OPENAI_BASE_URL": address, "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _judged(root: Path) -> int:
    with Workspace.open(root) as workspace:
        return int(workspace.store.read().execute("SELECT count(*) FROM verdict").fetchone()[0])


def test_killed_at_random_moments(tmp_path: Path, server: Server) -> None:
    make_workspace(tmp_path / "w", sft(PAIRS)).close()
    root, chance = tmp_path / "w", random.Random(4)
    kills = 0
    for part in (0.15, 0.4, 0.7):
        process = _judge(root, server)
        while sum(server.asked.values()) < part * PAIRS + chance.random() * 10 and process.poll() is None:
            time.sleep(0.005)
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.communicate()
        kills += 1
    before = _judged(root)
    assert 0 < before < PAIRS
    process = _judge(root, server)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 0, error.decode()
    report = json.loads(out)
    assert (report["judged"], report["unjudged"], report["asked"]) == (PAIRS, 0, PAIRS - before)
    assert report["passed"] == sum(score_of(number) >= 7 for number in range(1, PAIRS + 1))
    assert set(server.asked) == set(range(1, PAIRS + 1))
    # in flight at the kill, and what had been answered in the twentieth of a second before it was written
    repeated = sum(server.asked.values()) - PAIRS
    assert repeated <= kills * CONCURRENCY * (1 + round(0.05 / SECONDS) + 1)
    with Workspace.open(root) as workspace:
        read = workspace.store.read()
        assert read.execute("SELECT count(DISTINCT pair_id) FROM verdict").fetchone() == (PAIRS,)
        assert read.execute("SELECT count(*) FROM response_cache").fetchone() == (PAIRS,)
        assert dict(read.execute("SELECT name, value FROM counter").fetchall())["judged"] == PAIRS
