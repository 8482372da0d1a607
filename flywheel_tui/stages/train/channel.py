"""How a trainer speaks with the process that started it: figures go out as JSON lines, the wish to stop comes in.

Out: the descriptor (or named pipe) that FLYWHEEL_METRICS names. In: FLYWHEEL_LIFELINE, whose other end is held by the
parent. When it closes, because somebody asked to stop or because the parent has died, the trainer saves and ends; so
no trainer outlives its job, and nothing is lost.
"""

from __future__ import annotations

import json
import math
import os
import signal
import threading
import time
from contextlib import suppress
from typing import IO, Any

METRICS, LIFELINE, GRACE = "FLYWHEEL_METRICS", "FLYWHEEL_LIFELINE", "FLYWHEEL_STOP_GRACE"
TOKEN = "FLYWHEEL_TRAINER"
"""In the environment of everything that belongs to one start of a trainer, also of ranks in sessions of their own."""
GRACE_S = 300.0
"""How long a trainer may take to save once it shall stop; then it ends itself and all it started."""


class Channel:
    """The trainer's end. Everything but rank 0 is silent."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)
        self.world = int(os.environ.get("WORLD_SIZE") or 1)
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._out: IO[str] | None = _open(os.environ.get(METRICS, ""), "w") if self.rank == 0 else None

    def send(self, event: str, **about: Any) -> None:
        """Say something; numbers that are not finite go as their names. Nobody listening is no reason to fail."""
        if self._out is None:
            return
        line = json.dumps({"event": event, "at": round(time.time(), 3), **_plain(about)}) + "\n"
        with self._lock:
            try:
                self._out.write(line)
                self._out.flush()
            except (OSError, ValueError):
                self._out = None

    def listen(self) -> None:
        """Take TERM, INT and the end of the lifeline as the wish to save and stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        with suppress(OSError, ValueError):
            # the group ends by the lifeline; a closed terminal is no reason to stop
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        where = os.environ.get(LIFELINE, "")
        if where:
            threading.Thread(target=self._wait_for_end, args=(where,), name="lifeline", daemon=True).start()

    def _wait_for_end(self, where: str) -> None:
        stream = _open(where, "r")
        if stream is None:
            return
        with suppress(OSError):
            while stream.read(1):
                pass
        self.stopping.set()
        time.sleep(float(os.environ.get(GRACE) or GRACE_S))
        end_own_group()


def end_own_group() -> None:
    """End this process and all it started: it leads its group, or was started by the one that does."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(os.getpgid(0), signal.SIGKILL)
    os._exit(137)


def _open(where: str, mode: str) -> IO[str] | None:
    kind, _, place = where.partition(":")
    try:
        if kind == "fd":
            return os.fdopen(int(place), mode, encoding="utf-8")
        if kind == "path":
            # a named pipe whose writer is gone already must read as ended, not wait for another one
            flags = os.O_WRONLY if mode == "w" else os.O_RDONLY | os.O_NONBLOCK
            descriptor = os.open(place, flags)
            os.set_blocking(descriptor, True)
            return os.fdopen(descriptor, mode, encoding="utf-8")
    except (OSError, ValueError):
        return None
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return number if math.isfinite(number) else str(number)
