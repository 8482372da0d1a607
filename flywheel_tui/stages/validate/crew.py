"""Helpers that look at pairs on other cores: processes that read the database themselves and answer with findings.

The checks hold the interpreter lock nearly all the time, so threads would gain nothing. A helper is this module run
by a fresh interpreter, not a fork (a Store must not cross one) and not multiprocessing's spawn (which imports the
caller's main program again). It talks over its standard streams and ends when they close, however its caller ended.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from flywheel_tui.stages.validate.base import Check, Found, load_checks
from flywheel_tui.stages.validate.look import Looked, candidates, look, of_kinds
from flywheel_tui.store import versions as store

WORTH_IT = 50_000
"""From so many pairs on, starting helpers (half a second each) gains more than it costs."""
MOST = 8
_AHEAD = 2
_HEAD = struct.Struct("<I")
_encode = msgspec.msgpack.Encoder().encode


class Job(msgspec.Struct, array_like=True):
    """Versions to look at; `above` gives for each check the watermark below which it has looked already."""

    versions: list[int]
    above: list[int]


class Answer(msgspec.Struct, array_like=True):
    """What each check said, in the order in which the checks were named; how many rows it was given."""

    looked: list[tuple[list[Found], int, float]]
    given: list[int]


class Setup(msgspec.Struct, array_like=True):
    """The first message to a helper: the database, and the checks with their settings."""

    database: str
    checks: list[tuple[str, dict[str, Any]]]


class Ready(msgspec.Struct, array_like=True):
    """Its answer: where each check's class comes from, so that both sides mean the same."""

    places: list[str]


def place_of(check: type[Check]) -> str:
    """The name by which a check's class is known in every process."""
    return f"{check.__module__}:{check.__qualname__}:{check.version}"


def _send(stream: IO[bytes], message: Any) -> None:
    data = _encode(message)
    stream.write(_HEAD.pack(len(data)) + data)
    stream.flush()


def _receive(stream: IO[bytes], type: type[Any]) -> Any:
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    data = stream.read(_HEAD.unpack(head)[0])
    return msgspec.msgpack.decode(data, type=type)


class _Helper(NamedTuple):
    process: subprocess.Popen[bytes]
    requests: IO[bytes]
    answers: IO[bytes]


class Crew:
    """Some helpers, used in turn. Answers come back in the order of the jobs."""

    def __init__(self, database: Path, checks: Sequence[Check], size: int) -> None:
        self.checks = list(checks)
        self._helpers: list[_Helper] = []
        self._under_way: deque[tuple[_Helper, Job]] = deque()
        self._turn = 0
        setup = Setup(str(database), [(check.name, check.settings) for check in checks])
        expected = Ready([place_of(type(check)) for check in checks])
        try:
            for _ in range(size):
                self._start(setup)
            for helper in self._helpers:
                if _receive(helper.answers, Ready) != expected:
                    raise EOFError
        except (OSError, EOFError, msgspec.MsgspecError, TypeError):
            # a check that only this process knows, or no room for processes: then without helpers
            self.close()

    def _start(self, setup: Setup) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdin is not None and process.stdout is not None
        helper = _Helper(process, process.stdin, process.stdout)
        self._helpers.append(helper)
        _send(helper.requests, setup)

    @property
    def works(self) -> bool:
        """Whether there is anybody to help."""
        return bool(self._helpers)

    @property
    def full(self) -> bool:
        """Whether an answer should be taken before the next job is given."""
        return len(self._under_way) >= _AHEAD * len(self._helpers)

    @property
    def busy(self) -> bool:
        """Whether answers are still to come."""
        return bool(self._under_way)

    def give(self, job: Job) -> None:
        """Hand a job to the next helper; call `take` first where the crew is full."""
        helper = self._helpers[self._turn % len(self._helpers)]
        self._turn += 1
        self._under_way.append((helper, job))
        try:
            _send(helper.requests, job)
        except OSError:
            return  # its end shows when its answer is read

    def take(self, database: store.Reader) -> tuple[Job, Answer]:
        """The answer to the oldest job. Where its helper has died, this process does the job."""
        helper, job = self._under_way.popleft()
        try:
            return job, _receive(helper.answers, Answer)
        except (EOFError, OSError, msgspec.MsgspecError):
            return job, do(database, self.checks, job)

    def close(self) -> None:
        """End the helpers; what they were at is given up."""
        for helper in self._helpers:
            helper.process.kill()
        for helper in self._helpers:
            helper.process.wait()
            for stream in (helper.requests, helper.answers):
                try:
                    stream.close()
                except OSError:
                    continue
        self._helpers.clear()
        self._under_way.clear()


def crew_size(pairs: int, asked: int | None) -> int:
    """How many helpers to use for so many pairs; `asked` overrules (0: none)."""
    if asked is not None:
        return max(0, min(asked, MOST))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST) if pairs >= WORTH_IT and cores > 1 else 0


def do(database: store.Reader, checks: Sequence[Check], job: Job) -> Answer:
    """Look at the versions of a job."""
    rows = candidates(store.read_versions(database, job.versions))
    looked: list[tuple[list[Found], int, float]] = []
    given: list[int] = []
    for check, upto in zip(checks, job.above, strict=True):
        mine = of_kinds(rows if upto < rows[0].id else [row for row in rows if row.id > upto], check.kinds)
        answer: Looked = look(check, mine)
        looked.append((answer.found, answer.broken, answer.seconds))
        given.append(len(mine))
    return Answer(looked, given)


def main() -> None:
    """Be a helper."""
    from flywheel_tui.store.db import Store

    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # nothing that a library prints may get between the messages
    os.dup2(2, 1)
    try:
        setup: Setup = _receive(requests, Setup)
        known = load_checks(True)
        checks = [known[name](**settings) for name, settings in setup.checks]
        with Store(Path(setup.database), read_only=True) as opened:
            _send(answers, Ready([place_of(type(check)) for check in checks]))
            while True:
                _send(answers, do(opened.read(), checks, _receive(requests, Job)))
    except (EOFError, BrokenPipeError, KeyError):
        os._exit(0)


if __name__ == "__main__":
    main()
