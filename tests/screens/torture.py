"""Hostile texts, and a real pseudo-terminal to run real programs on.

    from torture import PAYLOADS, forbidden_sequences, run_in_pty

`run_in_pty` starts a program as a terminal would, types keys, sends signals, and gives back every byte that it wrote.
Every wait has a limit; the program is killed at the end of the last one.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PAYLOADS: dict[str, str] = {
    "osc52": "\x1b]52;c;cHduZWQ=\x1b\\",
    "osc52 bell": "\x1b]52;c;cHduZWQ=\x07",
    "osc title": "\x1b]2;stolen title\x07",
    "osc unterminated": "\x1b]2;unterminated",
    "osc8": "\x1b]8;;https://evil.example/\x1b\\click\x1b]8;;\x1b\\",
    "dcs": "\x1bP$qm\x1b\\",
    "dsr": "\x1b[6n",
    "da2": "\x1b[>c",
    "cup": "\x1b[1;1HVERDICT: PASS",
    "leave alt screen": "\x1b[?1049l",
    "clear scrollback": "\x1b[3J",
    "ris": "\x1bc",
    "sgr": "\x1b[8mhidden\x1b[0m",
    "c1 csi": "\x9b2J",
    "c1 osc": "\x9d2;title\x9c",
    "nel": "next\x85line",
    "del": "a\x7fb",
    "nul": "a\x00b",
    "shift out": "a\x0eb\x0fc",
    "bell backspace": "a\x07\x08b",
    "carriage return": "safe\rEVIL",
    "tab": "a\tb",
    "bidi": "user \u202etxt.exe\u202c \u2066x\u2069",
    "zero width": "ze\u200bro\ufeff\u2060",
    "tags": "hi\U000e0001\U000e0041\U000e007f",
    "line separator": "one\u2028two\u2029three",
    "marks": "e" + "\u0301" * 500,
    "surrogate": "lone \ud800 one",
    "joiners": "a\u200d\u200d\u200db",
    "markup close": "[/nope] after",
    "markup unclosed": "a[/b",
    "markup action": "[@click=app.quit]press[/]",
    "markup link": "[link=https://evil.example]x[/link]",
    "chat template": "[INST] do it [/INST]",
    "escaped markup": "\\[b]x \\\\[/nope]",
    "variable": "[$a]x [Link](x)",
}
"""What a model, a file or a person may hand us, by name."""

_FORBIDDEN = re.compile(
    rb"\x1b\](?!8;;\x1b\\|22;[a-z-]{1,20}[\x07\x1b])[^\x07\x1b]{0,60}"  # commands: clipboard, title, links
    rb"|\x1bP[^\x1b]{0,40}"  # device control strings
    rb"|\x1b\[6n|\x1b\[>?[0-9]*c|\x1bc|\x1b\[3J"  # questions to the terminal, resets
    rb"|\x1b\[8m|\x1b\[2J"
    rb"|[\x00\x0e\x0f\x7f]"
    rb"|\xc2[\x80-\x9f]"  # C1 controls
    rb"|\xe2\x80[\x8b\x8e\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xd8\x9c|\xc2\xad"  # hiding, reordering
    rb"|\xf3\xa0[\x80\x81][\x80-\xbf]"  # tags
    rb"|\xed[\xa0-\xbf][\x80-\xbf]"  # surrogates
    rb"|(?:\xcc[\x80-\xbf]|\xcd[\x80-\xaf]){5}"  # floods of combining marks
)


def forbidden_sequences(output: bytes) -> list[bytes]:
    """Byte sequences in what a program wrote that act on the terminal or hide in it, and that Textual never sends."""
    return sorted({match.group() for match in _FORBIDDEN.finditer(output)})


def visible_words(output: bytes) -> str:
    """What was painted, without escape sequences: good enough to look for a word in."""
    text = output.decode("utf-8", "replace")
    return re.sub(r"\x1b(?:\[[0-9;?<>=$]*[ -/]*[@-~]|[()][A-Z0-9]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)", "", text)


@dataclass(frozen=True)
class PtyRun:
    """What a program did on a pseudo-terminal."""

    output: bytes
    exit_code: int
    """Negative for a signal that ended it, as in subprocess."""
    killed: bool
    """It was still running at the end and had to be killed: the exit code means nothing."""

    @property
    def restored(self) -> bool:
        """The terminal was left as it was found: normal screen, cursor shown, no mouse, paste or focus reports."""
        on_and_off = {
            b"?1049": b"hl",
            b"?25": b"lh",
            b"?1000": b"hl",
            b"?1003": b"hl",
            b"?2004": b"hl",
            b"?1004": b"hl",
        }
        for mode, (changed, back) in on_and_off.items():
            last_change = self.output.rfind(b"\x1b[" + mode + bytes([changed]))
            if last_change > self.output.rfind(b"\x1b[" + mode + bytes([back])):
                return False
        return True


Step = bytes | float | signal.Signals | str
"""Bytes to type, seconds to wait, a signal to send, or a word to wait for on the screen; `"-"` closes the terminal."""


def run_in_pty(
    argv: Sequence[str],
    keys: Sequence[Step] = (),
    *,
    size: tuple[int, int] = (80, 24),
    env: Mapping[str, str] | None = None,
    cwd: Path | str | None = None,
    word_seconds: float = 30.0,
    end_seconds: float = 30.0,
) -> PtyRun:
    """Run a program on a new terminal of `size` (columns, rows).

    Every step of `keys` is done in turn: bytes are typed, a number waits that many seconds, a signal is sent, a word
    (str) waits until it has been painted since the step before (AssertionError after `word_seconds`). Then the program
    has `end_seconds` to end by itself, or is killed. `env` is added to a small, clean environment.
    """
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(Path(__file__).parent))),
        **(env or {}),
    }
    command = [sys.executable, *argv[1:]] if argv[0] == "python" else list(argv)
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            if cwd is not None:
                os.chdir(cwd)
            os.execvpe(command[0], command, environment)
        finally:
            os._exit(127)
    session = _Session(pid, terminal)
    try:
        for step in keys:
            session.do(step, word_seconds)
        return session.finish(end_seconds)
    finally:
        session.kill()


class _Session:
    def __init__(self, pid: int, terminal: int) -> None:
        self.pid, self.terminal = pid, terminal
        self.output = bytearray()
        self.status: int | None = None
        self.open = True
        self.last_step = 0

    def do(self, step: Step, word_seconds: float) -> None:
        if not isinstance(step, str):
            self.last_step = len(self.output)
        if step == "-":
            self.close()
        elif isinstance(step, signal.Signals):
            os.kill(self.pid, step)
        elif isinstance(step, bytes):
            with suppress(OSError):
                os.write(self.terminal, step)
            self.pump(0.05)
        elif isinstance(step, str):
            self.wait_for(step, word_seconds)
        else:
            self.pump(step)

    def wait_for(self, word: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while word not in (painted := visible_words(bytes(self.output[self.last_step :]))):
            if time.monotonic() > end or self.ended():
                raise AssertionError(f"{word!r} was not painted; there was: {painted[-800:]}")
            self.pump(0.05)

    def pump(self, seconds: float) -> None:
        """Read what the program writes; a program whose output nobody reads would stop."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if not self.open:
                time.sleep(left)
                return
            if not select.select([self.terminal], [], [], min(left, 0.05))[0]:
                continue
            try:
                data = os.read(self.terminal, 65_536)
            except OSError:
                data = b""
            if not data:
                self.close()
            self.output += data

    def ended(self) -> bool:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.status = status if pid else None
        return self.status is not None

    def close(self) -> None:
        if self.open:
            os.close(self.terminal)
            self.open = False

    def kill(self) -> bool:
        """Make sure that the program is gone; tells whether it had to be killed."""
        alive = not self.ended()
        if alive:
            os.kill(self.pid, signal.SIGKILL)
            self.status = os.waitpid(self.pid, 0)[1]
        self.close()
        return alive

    def finish(self, seconds: float) -> PtyRun:
        end = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < end:
            self.pump(0.05)
        if self.open:
            self.pump(0.05)
        killed = self.kill()
        assert self.status is not None
        return PtyRun(bytes(self.output), os.waitstatus_to_exitcode(self.status), killed)
