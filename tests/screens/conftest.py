"""Fixtures of the screen tests: a real terminal, and texts that try to break it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torture import PAYLOADS, PtyRun, run_in_pty


@pytest.fixture
def pty_run() -> Callable[..., PtyRun]:
    """`run_in_pty` of the module `torture`: run a program on a real pseudo-terminal."""
    return run_in_pty


@pytest.fixture
def payloads() -> dict[str, str]:
    """Hostile texts by name, for a screen to show."""
    return dict(PAYLOADS)
