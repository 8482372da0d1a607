"""A program in tmux, on a server of its own: what a person at a real terminal would see."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

WAIT_SECONDS = 60.0


class Tmux:
    """One window. Knows its own socket only; leaving it ends that server and no other."""

    def __init__(self, command: Sequence[str], *, size: tuple[int, int] = (80, 24)) -> None:
        self._folder = tempfile.mkdtemp(prefix="flywheel-tmux-")
        self._ended = Path(self._folder, "ended")
        self._command, self._size = list(command), size

    def __enter__(self) -> Tmux:
        width, height = self._size
        self.run("-f", os.devnull, "new-session", "-d", "-s", "main", "-x", str(width), "-y", str(height), "cat")
        for option, value in (("set-clipboard", "on"), ("window-size", "manual"), ("remain-on-exit", "on")):
            self.run("set-option", "-g", option, value)
        self.run("set-option", "-s", "escape-time", "10")
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.run("kill-server", check=False)
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, *arguments: str, check: bool = True) -> str:
        """A command to this server; what it answers."""
        environment = {**os.environ, "TMUX_TMPDIR": self._folder, "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        environment.pop("TMUX", None)
        done = subprocess.run(
            ["tmux", "-L", "flywheel-test", *arguments], env=environment, check=False, capture_output=True, text=True
        )
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout

    def start(self) -> None:
        """Start the program (again) in the window."""
        self._ended.unlink(missing_ok=True)
        # tmux itself does not always take note of how a process has ended
        self.run(
            "respawn-pane", "-k", "-t", "main", "sh", "-c", '"$@"; echo $? >"$0"', str(self._ended), *self._command
        )

    def keys(self, *keys: str) -> None:
        """Press keys, by tmux's names."""
        self.run("send-keys", "-t", "main", *keys)

    def type(self, text: str) -> None:
        """Type a text."""
        self.run("send-keys", "-t", "main", "-l", text)

    def screen(self) -> str:
        """What is on the screen."""
        return self.run("capture-pane", "-p", "-t", "main")

    def ask(self, name: str) -> str:
        """A figure of the pane, by tmux's name for it."""
        return self.run("display-message", "-p", "-t", "main", f"#{{{name}}}").strip()

    def wait(self, *words: str, seconds: float = WAIT_SECONDS) -> str:
        """The screen, once all words are on it. Raises AssertionError with what is there instead."""
        end = time.monotonic() + seconds
        while any(word not in (shown := self.screen()) for word in words):
            assert time.monotonic() < end and not self._ended.exists(), f"{words} not on the screen:\n{shown}"
            time.sleep(0.03)
        return shown

    def wait_for_end(self, seconds: float = WAIT_SECONDS) -> int:
        """The exit code of the program, as a shell tells it (128 and more: a signal)."""
        end = time.monotonic() + seconds
        while not (told := self._ended.read_text(encoding="ascii") if self._ended.exists() else "").endswith("\n"):
            assert time.monotonic() < end, f"it did not end:\n{self.screen()}"
            time.sleep(0.03)
        return int(told)

    def kill(self) -> int:
        """End the program as nothing can refuse, and wait until tmux has drawn what it wrote before."""
        shell = self.ask("pane_pid")
        [program] = Path(f"/proc/{shell}/task/{shell}/children").read_text(encoding="ascii").split()
        os.kill(int(program), signal.SIGKILL)
        code, before = self.wait_for_end(), ""
        while before != (shown := self.screen()):
            before = shown
            time.sleep(0.1)
        return code
