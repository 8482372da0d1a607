"""How back ends are told to be: reachable or not, key taken or not, never waited for long, never asked unbidden."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import make_workspace
from scripted_service import ScriptedService

from flywheel_tui.settings import load_settings
from flywheel_tui.stages.back_ends import ask_all
from flywheel_tui.stages.doctor import Check
from flywheel_tui.stages.doctor_back_ends import back_end_checks
from flywheel_tui.workspace import Workspace

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{free_port()}")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def checks(folder: Path) -> dict[str, Check]:
    with make_workspace(folder / "w") as made:
        root = made.root
    with Workspace.open(root) as workspace:
        return {check.name.removeprefix("back end "): check for check in back_end_checks(workspace, within_s=1.0)}


@pytest.fixture
def refusing() -> Iterator[str]:
    """A server that takes no key."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    server.shutdown()
    server.server_close()


def test_nothing_set_up_is_no_fault(tmp_path: Path) -> None:
    found = checks(tmp_path)
    assert list(found) == ["ollama", "openai", "openrouter", "anthropic", "local", "offline"]
    assert {check.verdict for check in found.values()} <= {"ok", "hint"}
    assert found["ollama"].verdict == "hint" and "ollama serve" in found["ollama"].remedy
    assert "OPENROUTER_API_KEY is not set" in found["openrouter"].text
    assert "no model" in found["offline"].text


def test_one_that_answers_says_its_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedService() as service:
        monkeypatch.setenv("OPENAI_BASE_URL", service.address)
        found = checks(tmp_path)["openai"]
        assert found.verdict == "ok"
        assert found.text.endswith(": m") and "1 model" in found.text
        assert not service.log, "nothing was asked of the model"


def test_one_that_is_set_and_silent_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{free_port()}/v1")
    found = checks(tmp_path)["openai"]
    assert found.verdict == "wrong" and "start the server" in found.remedy


def test_a_key_that_is_refused_is_wrong_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusing: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", refusing)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    found = checks(tmp_path)["openai"]
    assert found.verdict == "wrong" and "the key is refused" in found.text
    assert KEY not in repr(found)


def test_servers_that_hang_are_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as one, socket.socket() as two:
        for listening in (one, two):
            listening.bind(("127.0.0.1", 0))
            listening.listen(8)
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{one.getsockname()[1]}/v1")
        monkeypatch.setenv("OLLAMA_BASE_URL", f"http://127.0.0.1:{two.getsockname()[1]}")
        states = {state.name: state for state in ask_all(load_settings(None), within_s=0.6)}
        for name in ("openai", "ollama"):
            health = states[name].health
            assert health is not None and not health.reachable and "no answer within" in health.text
            assert not states[name].usable
