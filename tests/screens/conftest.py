"""Fixtures of the screen tests: a small workspace, no service to ask, a real terminal, texts that try to break it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fixtures_workspace import make
from torture import PAYLOADS, PtyRun, run_in_pty

from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    """What `make` makes; a module that wants it otherwise names the arguments of `make` in its `WORKSPACE`.

    It stays open: threads of an app may read from it when the test is over.
    """
    return make(tmp_path, **getattr(request.module, "WORKSPACE", {}))


@pytest.fixture
def no_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, and no server that answers: a dialog finds only what the test itself puts there."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:9")


@pytest.fixture
def pty_run() -> Callable[..., PtyRun]:
    """`run_in_pty` of the module `torture`: run a program on a real pseudo-terminal."""
    return run_in_pty


@pytest.fixture
def payloads() -> dict[str, str]:
    """Hostile texts by name, for a screen to show."""
    return dict(PAYLOADS)
