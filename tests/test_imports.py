"""The base stays light: no screen library and nothing heavy comes in before it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("textual", "torch", "transformers", "sklearn", "matplotlib", "datasets", "pyarrow", "pandas", "sqlite_utils")


@pytest.mark.parametrize(
    "code",
    [
        "import flywheel_tui",
        "from flywheel_tui import Workspace; Workspace.open",
        "from flywheel_tui.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    probe = f"{code}\nimport sys; sys.stderr.write(' '.join(n for n in {HEAVY!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert done.stderr == ""
