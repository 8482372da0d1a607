"""The main commands with a key for every provider, against servers that repeat what they are sent: no key stays."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from textual.widgets import Static

from flywheel_tui.workspace import Workspace

KEYS = {
    "OPENAI_API_KEY": "sk-canary-openai-0f1e2d3c4b5a6978-QQQQ",
    "OPENROUTER_API_KEY": "sk-or-canary-9a8b7c6d5e4f3021-RRRR",
    "ANTHROPIC_API_KEY": "sk-ant-canary-11223344556677-SSSS",
    # of no shape that a filter knows: only whoever holds it as a secret can keep it back
    "HUGGINGFACE_TOKEN": "canary.plain.words.0123456789.TTTT",
}
CRITERIA = ("accuracy", "helpfulness", "clarity", "completeness", "safety")


def leaks(text: str) -> list[str]:
    """The keys that a text holds, whole or one half of them."""
    halves = [half for key in KEYS.values() for half in (key, key[: len(key) // 2], key[-len(key) // 2 :])]
    return [half for half in halves if half in text]


class Echo(BaseHTTPRequestHandler):
    """Says back every header it got, in headers and body, with the status that the model's name asks for."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[set[str]] = set()

    def _sent(self) -> str:
        said = " ".join(f"{name}: {value}" for name, value in self.headers.items())
        Echo.seen |= {name for name, key in KEYS.items() if key in said}
        return said

    def _answer(self, status: int, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name in ("www-authenticate", "x-request-id", "retry-after", "x-echo"):
            self.send_header(name, self.headers.get("authorization", self.headers.get("x-api-key", "none")))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        said = self._sent()
        self._answer(200, {"data": [{"id": said}, {"id": "good"}], "models": [{"name": said}]})

    def do_CONNECT(self) -> None:
        """A proxy that repeats what it was told to reach, and how."""
        self._answer(502, {"error": {"message": self._sent()}})

    def do_POST(self) -> None:
        said = self._sent()
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode("utf-8", "replace")
        try:
            model = str(json.loads(body)["model"])
        except ValueError:
            model = "m400"
        if model == "good":
            verdict = json.dumps({"rationale": f"I was sent {said}", "scores": dict.fromkeys(CRITERIA, 8)})
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": verdict}}
            self._answer(200, {"choices": [choice], "model": said, "id": said})
        else:
            fault = {"message": f"Incorrect API key: {said}", "code": said, "type": said}
            self._answer(int(model.removeprefix("m")), {"error": fault})

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    Echo.seen = set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _environment(url: str, folder: Path) -> dict[str, str]:
    return os.environ | KEYS | {
        "OPENAI_BASE_URL": f"{url}/v1", "OLLAMA_BASE_URL": url, "HTTPS_PROXY": url, "https_proxy": url, "NO_PROXY": "",
        "no_proxy": "", "FLYWHEEL_WORKSPACE": str(folder / "w"), "COLUMNS": "300", "HF_HUB_OFFLINE": "1",
        "JUDGE_TIMEOUT": "5",
    }  # fmt: skip


def _judge(model: str, tag: str, *more: str) -> list[str]:
    return [
        "judge",
        "-d",
        "demo-code",
        "--backend",
        "openai",
        "--model",
        model,
        "--tag",
        tag,
        "--max-pairs",
        "3",
        *more,
    ]


BASE = Path(__file__).parents[2] / "data" / "models" / "pocket"
SMALL = ["--into", "made", "--count", "2", "--yes", "--seeds", "colours,rivers"]
COMMANDS: list[list[str]] = [
    ["demo", "w"],
    ["doctor"],
    ["doctor", "--json"],
    _judge("good", "good"),
    _judge("good", "good", "--repeat", "2", "--json"),
    _judge("m401", "m401"),
    _judge("m400", "m400", "--json"),
    _judge("m404", "m404"),
    _judge("good", "batch", "--batch", "--temperature", "0.5"),
    ["judge", "-d", "demo-code", "--backend", "openrouter", "--model", "x", "--max-pairs", "2"],
    ["judge", "-d", "demo-code", "--backend", "anthropic", "--model", "x", "--max-pairs", "2"],
    ["generate", "instruction", "--backend", "openai", "--model", "good", *SMALL],
    ["generate", "instruction", "--backend", "openai", "--model", "m401", *SMALL],
    ["generate", "instruction", "--backend", "openai", "--model", "m400", *SMALL, "--json"],
    ["rubric", "draft", "one", "--about", "code that runs", "--backend", "openai", "--model", "m401"],
    ["rubric", "draft", "two", "--about", "code that runs", "--backend", "openai", "--model", "good"],
    ["label", "-d", "demo-code", "--mode", "bulk", "--where", "id > 0", "--status", "approved", "--yes"],
    ["rubric", "improve", "-d", "demo-code", "--tag", "good", "--reflect-model", "m401"],
    ["calibrate", "-d", "demo-code", "--tag", "good", "--bias", "--json"],
    ["dataset", "export", "demo-code", "--to", "out.jsonl"],
    ["train", "-d", "demo-code", "--base", str(BASE), "--notebook", "note.ipynb", "--yes"],
    ["train", "-d", "demo-code", "--base", str(BASE), "--dry-run", "--json"],
    ["run", "--seeds", "colours,rivers", "--backend", "openai", "--model", "m401", "--yes", "--max-cycles", "1"],
    ["run", "--seeds", "rivers", "--into", "later", "--backend", "openai", "--model", "m401", "--yes",
     "--judge-backend", "openai", "--judge-model", "m401", "--background"],
    ["jobs", "ls", "--json"],
    *(["jobs", "show", str(number)] for number in (1, 3, 4, 10, 14, 15)),
    ["status"],
    ["report", "--to", "report.html"],
    ["worker", "--stop"],
]  # fmt: skip


def _finished(database: Path, kind: str) -> bool:
    """Whether the workers have brought every job of that kind to some end."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    query = "SELECT count(*) FROM job WHERE kind = ? AND state IN ('queued', 'running')"
    try:
        return connection.execute(query, (kind,)).fetchone() == (0,)
    finally:
        connection.close()


def _everything(folder: Path) -> Iterator[tuple[str, str]]:
    """Every file below a folder as text, and every database once more as its rows (a page may cut a text in two)."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        yield str(path), data.decode("utf-8", "replace") + data.decode("utf-16-le", "replace")
        if data.startswith(b"SQLite format 3"):
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
                yield f"{path}: {table}", repr(rows)
            connection.close()


def test_no_command_shows_or_keeps_a_key(tmp_path: Path, echo: str) -> None:
    environment = _environment(echo, tmp_path)
    flywheel = Path(sys.executable).with_name("flywheel")
    codes = {}
    for command in COMMANDS:
        done = subprocess.run(
            [flywheel, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not leaks(done.stdout + done.stderr), (command, done.stdout[-500:], done.stderr[-500:])
        assert "Traceback" not in done.stderr, (command, done.stderr[-1500:])
        codes[" ".join(command)] = done.returncode
        if "--background" in command:
            until = time.monotonic() + 60
            while not _finished(tmp_path / "w" / "flywheel.db", "cycle") and time.monotonic() < until:
                time.sleep(0.2)
    assert {"OPENAI_API_KEY"} <= Echo.seen, "the key was on the wire, to its own server"
    assert not Echo.seen & {"HUGGINGFACE_TOKEN", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY"}
    assert codes["demo w"] == codes["status"] == codes["report --to report.html"] == 0, codes
    assert codes[" ".join(_judge("good", "good"))] == 0 and codes[" ".join(_judge("m401", "m401"))] == 3, codes
    names = set()
    for name, text in _everything(tmp_path):
        assert not leaks(text), name
        names.add(Path(name).suffix)
    assert {".db", ".html", ".jsonl", ".ipynb", ".log"} <= names, names


async def test_a_crash_of_the_workstation_shows_no_key(
    tmp_path: Path, echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _environment(echo, tmp_path).items():
        monkeypatch.setenv(name, value)
    from screens.app import FlywheelApp

    with Workspace.open(tmp_path / "w", create=True) as workspace:
        app = FlywheelApp(workspace)
        shown: list[str] = []
        with pytest.raises(RuntimeError):
            async with app.run_test(size=(140, 40)) as pilot:
                for place in ("g i", "g c", "g w"):
                    await pilot.press(*place.split())
                    await asyncio.sleep(0.3)
                    shown += [str(widget.render()) for widget in app.screen.query(Static)]

                def broken() -> None:
                    settings = workspace.settings
                    key = settings.openai_api_key.get_secret_value()  # type: ignore[union-attr]
                    raise RuntimeError(f"it broke with {key} in {settings!r}")

                app.call_later(broken)
                await pilot.pause(0.3)
        assert not leaks("".join(shown))
    for name, text in _everything(tmp_path):
        assert not leaks(text), name
