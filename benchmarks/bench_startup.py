"""Starting: the command line's help and the workstation until it paints, as multiples of a bare interpreter."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Measure, make_rows, medians, told
from flywheel_tui.stages.ingest import IngestOptions, ingest
from flywheel_tui.workspace import Workspace

TITLE = "Starting, in times of a bare interpreter (python -c pass); the workstation on a real pseudo-terminal"
TIMES = 9
BIN = Path(sys.executable).parent
COLUMNS, LINES = 140, 40
PAINT_SECONDS = 60.0
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?<>=$]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)", re.DOTALL)


def run(folder: Path, rows: int) -> list[Measure]:
    """Multiples of a bare interpreter, measured in turn with it."""
    file = make_rows(folder / "rows.jsonl", rows)
    with told("filling"), Workspace.open(folder / "w", create=True) as workspace:
        ingest(workspace, IngestOptions(source=str(file), name="rows"))
    with file.open() as lines:
        first_words = json.loads(next(lines))["instruction"][:12]
    program = [str(BIN / "flywheel-tui"), str(folder / "w"), "--no-worker"]
    with told("help"):
        bare, ours, other = medians(
            _call(sys.executable, "-c", "pass"),
            _call(str(BIN / "flywheel"), "--help"),
            _call(str(BIN / "sqlite-utils"), "--help"),
            times=TIMES,
        )
    with told("the workstation"):
        again, framework, painted, listed, browsing = medians(
            _call(sys.executable, "-c", "pass"),
            _call(sys.executable, "-c", "import textual.app, textual.widgets"),
            lambda: paint(program, "Datasets"),
            lambda: paint(program, f"{rows:,}"),
            lambda: paint([*program, "-d", "rows"], first_words),
            times=TIMES,
        )

    def multiple(what: str, spent: float, base: float, beside: float | None, name: str, goal: str = "") -> Measure:
        words = f"{what} ({spent * 1e3:.0f} ms; a bare interpreter {base * 1e3:.0f} ms)"
        return Measure(words, spent / base, "×", beside / base if beside else None, name, goal=goal)

    textual = "importing Textual, no more"
    return [
        multiple("flywheel --help", ours, bare, other, "sqlite-utils --help", "≤ 12 ×"),
        multiple(f"flywheel-tui to the first paint, {rows:,} pairs", painted, again, framework, textual, "≤ 80 ×"),
        multiple("… to the figures of Datasets", listed, again, framework, textual),
        multiple("flywheel-tui -d rows, to the first rows of Browse", browsing, again, framework, textual),
    ]


def _call(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)


def paint(command: list[str], word: str) -> None:
    """Start a program on a new terminal, return when `word` has been painted; then the program is ended.

    Raises TimeoutError where that takes too long, with what was painted instead.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
            os.execve(command[0], command, {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"})
        finally:
            os._exit(127)
    output = bytearray()
    end = time.monotonic() + PAINT_SECONDS
    try:
        while word not in (painted := _ESCAPES.sub("", output.decode("utf-8", "replace"))):
            if time.monotonic() > end:
                raise TimeoutError(f"{word!r} was not painted in {PAINT_SECONDS:.0f} s; there was: {painted[-500:]}")
            if select.select([terminal], [], [], 0.1)[0]:
                output += os.read(terminal, 65_536)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
