"""The folder `workers` of a workspace: who works there, told by files that hold up when processes are killed.

`pool.lock` is held by the supervisor while it lives and `worker-N.lock` by the worker of that name; `pool.json` and
`worker-N.json` say which process that is (id, start time, boot); `slots` says how many workers are wanted.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from flywheel_tui.errors import ConflictError
from flywheel_tui.jobs.process import Identity, identity
from flywheel_tui.locks import try_lock
from flywheel_tui.workspace import DATABASE

FOLDER = "workers"
SLOTS = 2
MOST_SLOTS = 64


@dataclass(frozen=True)
class Status:
    """Who works for a workspace now; the workers are those that a pool started."""

    supervisor: Identity | None
    workers: dict[str, Identity]
    slots: int

    @property
    def alive(self) -> bool:
        """Whether a supervisor keeps workers going."""
        return self.supervisor is not None


def status(root: Path) -> Status:
    """Who works for the workspace at `root`; looks at files and processes, not at the database."""
    folder = root / FOLDER
    return Status(read_identity(folder / "pool.json"), workers(folder), slots(folder))


def database_of(root: Path) -> int | None:
    """Which file the database of the workspace at `root` is; None where there is none (any more)."""
    try:
        return (root / DATABASE).stat().st_ino
    except OSError:
        return None


def make(root: Path) -> Path:
    """The folder, made where it is missing; nobody else may look into it."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


def write_private(path: Path, data: bytes) -> None:
    """Replace a small file at once, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
    draft.replace(path)


def write_identity(path: Path) -> bool:
    """Say in a file which process this is; False where the system does not tell."""
    me = identity()
    if me is not None:
        write_private(path, msgspec.json.encode(me))
    return me is not None


def read_identity(path: Path) -> Identity | None:
    """The process that a file names, while it lives."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.DecodeError):
        return None
    return found if found.alive() else None


def slots(folder: Path) -> int:
    """How many workers are wanted."""
    try:
        return min(max(int((folder / "slots").read_text()), 0), MOST_SLOTS)
    except (OSError, ValueError):
        return SLOTS


def want_slots(folder: Path, n: int) -> None:
    """Say how many workers are wanted; a pool that runs follows within a second."""
    if n != slots(folder) or not (folder / "slots").exists():
        write_private(folder / "slots", str(min(max(n, 1), MOST_SLOTS)).encode())


def workers(folder: Path) -> dict[str, Identity]:
    """The workers of the pool that live, by name (a number)."""
    found = {
        path.stem.removeprefix("worker-"): read_identity(path) for path in sorted(folder.glob("worker-[0-9]*.json"))
    }
    return {name: worker for name, worker in found.items() if worker is not None}


@contextmanager
def lock(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold a lock for the body. Raises ConflictError where another process holds it and we do not wait."""
    descriptor = try_lock(path, wait=wait)
    if descriptor is None:
        raise ConflictError(
            f"{path.parent}: workers are kept by another process already; end them with: flywheel worker --stop"
        )
    try:
        yield
    finally:
        os.close(descriptor)
