"""Where the shipped data lies: inside the wheel, or in `data/` of a checkout."""

from __future__ import annotations

from pathlib import Path

from flywheel_tui.errors import FlywheelError


def shipped(*parts: str) -> Path:
    """The path of a shipped file or folder, e.g. `shipped("demo")`. Raises FlywheelError where it is missing."""
    package = Path(__file__).resolve().parent
    for base in (package / "_data", package.parent / "data"):
        path = base.joinpath(*parts)
        if path.exists():
            return path
    raise FlywheelError(f"the shipped file {'/'.join(parts)} is missing; install the package again")
