"""The trainer's process as its parent sees it: started, heard, asked to stop, ended with everything it started."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp
from typing import Any

from flywheel_tui.locks import is_held
from flywheel_tui.stages.train.channel import LIFELINE, METRICS, TOKEN

OFFLINE = {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false", "PYTHONUNBUFFERED": "1", "WANDB_MODE": "disabled", "PYTHONNOUSERSITE": "1",
}  # fmt: skip
_NOT_PASSED = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_SECRET = ("_API_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
LONGEST_LINE = 1_000_000
HEARTBEAT_S = 0.25


def environment(extra: Mapping[str, str], threads: int) -> dict[str, str]:
    """What the trainer is given: no network, no keys, no leftovers of another launcher."""
    kept = {
        name: value for name, value in os.environ.items()
        if name not in _NOT_PASSED and not name.upper().endswith(_SECRET)
    }  # fmt: skip
    if threads:
        kept |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    return kept | OFFLINE | dict(extra)


class Trainer:
    """A trainer in a session of its own. `events()` yields what it says; None now and then while it is silent."""

    def __init__(self, command: Sequence[str], log_file: Path, env: Mapping[str, str], *, pipes: bool = False) -> None:
        """Start it. With `pipes`, it is reached through named pipes, for launchers that pass no descriptors on."""
        self._folder = Path(mkdtemp(prefix="flywheel-train-")) if pipes else None
        self._in, theirs_out, self._lifeline, theirs_in = self._channels(self._folder)
        self._token = f"{TOKEN}={token_hex(16)}"
        said = dict(env) | {TOKEN: self._token.partition("=")[2]}
        if self._folder is None:
            said |= {METRICS: f"fd:{theirs_out}", LIFELINE: f"fd:{theirs_in}"}
        else:
            said |= {METRICS: f"path:{self._folder / 'metrics'}", LIFELINE: f"path:{self._folder / 'lifeline'}"}
        handed = (theirs_out, theirs_in) if self._folder is None else ()
        log = os.open(log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            self.process = subprocess.Popen(
                list(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=said, pass_fds=handed,
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(log)
            for descriptor in handed:
                os.close(descriptor)
        self._asked_at: float | None = None

    def _channels(self, folder: Path | None) -> tuple[int, int, int | None, int]:
        if folder is None:
            ours, theirs = os.pipe()
            hears, says = os.pipe()
            return ours, theirs, says, hears
        for name in ("metrics", "lifeline"):
            os.mkfifo(folder / name, 0o600)
        # open for both, so that neither side waits for the other to open it
        ours = os.open(folder / "metrics", os.O_RDWR | os.O_NONBLOCK)
        reading = os.open(folder / "lifeline", os.O_RDONLY | os.O_NONBLOCK)
        says = os.open(folder / "lifeline", os.O_WRONLY)
        fcntl.fcntl(says, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
        os.close(reading)
        return ours, -1, says, -1

    @property
    def stopping(self) -> float | None:
        """For how many seconds it has been asked to stop; None where it has not."""
        return None if self._asked_at is None else time.monotonic() - self._asked_at

    def stop(self) -> None:
        """Ask it to save and end: the lifeline closes."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
            self._asked_at = time.monotonic()

    def events(self) -> Iterator[dict[str, Any] | None]:
        """What it says, until it has ended. Lines that are no event are left out."""
        held = b""
        while True:
            ended = self.process.poll() is not None  # asked first: all that it said is there to be read then
            ready, _, _ = select.select([self._in], [], [], 0 if ended else HEARTBEAT_S)
            block = os.read(self._in, 65536) if ready else b""
            if block:
                *lines, held = (held + block).split(b"\n")
                held = held[-LONGEST_LINE:]
                yield from filter(None, map(_event, lines))
                continue
            if ended:
                return
            if ready:  # closed its end: nothing more comes but its exit
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(HEARTBEAT_S)
            yield None

    def end(self, grace_s: float = 5.0) -> None:
        """End it and everything that it started, if anything is left: TERM, then KILL."""
        self.stop()
        for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
            if not self._lives():
                break
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)
            if number == signal.SIGKILL:
                self._kill_strays()
            until = time.monotonic() + patience
            while time.monotonic() < until and self._lives():
                time.sleep(0.02)
        self.process.wait()

    def _lives(self) -> bool:
        """Whether anything of it is left; its leader is reaped here, so that a zombie does not count."""
        self.process.poll()
        return group_lives(self.process.pid) or bool(self._folder is not None and strays(self._token))

    def _kill_strays(self) -> None:
        for pid in strays(self._token) if self._folder is not None else []:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)

    def close(self) -> None:
        """Give back what was held for it. The process has ended."""
        self.stop()
        os.close(self._in)
        if self._folder is not None:
            for path in self._folder.iterdir():
                path.unlink(missing_ok=True)
            self._folder.rmdir()


def strays(token: str) -> list[int]:
    """The live processes that were given this word, in whatever session: launchers start ranks in their own (Linux)."""
    found, wanted = [], token.encode()
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def group_lives(group: int) -> bool:
    """Whether a process group has a live member (a zombie is none)."""
    if not Path("/proc/self/stat").exists():
        try:
            os.killpg(group, 0)
        except OSError:
            return False
        return True
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group and fields[0] not in "ZX":
                return True
    return False


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("event"), str) else None


def end_left_over(lock: Path, grace_s: float) -> None:
    """Wait for the trainer of an earlier attempt to save and end; past `grace_s` its group is killed.

    While the lock is held, the group that wrote its number there has a living member, so the number is still its own.
    """
    until = time.monotonic() + grace_s
    while is_held(lock) and time.monotonic() < until:
        time.sleep(0.1)
    told = lock.read_text().split() if is_held(lock) else []
    if len(told) == 2 and told[1].isdigit() and int(told[1]) not in (0, 1, os.getpgrp()):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(int(told[1]), signal.SIGKILL)
        while group_lives(int(told[1])) and time.monotonic() < until + 10:
            time.sleep(0.05)
