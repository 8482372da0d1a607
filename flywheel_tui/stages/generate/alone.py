"""One job at the same work items at a time: two would pay for the same answers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import ConflictError

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.options import GenerateOptions
    from flywheel_tui.workspace import Workspace

_MAY_DIFFER = (
    "count", "concurrency", "budget_usd", "budget_tokens", "window", "watch", "stop_failing_at", "carried", "cycle",
    "seeds_upto",
)  # fmt: skip


def identity_of(options: GenerateOptions) -> str:
    """A name for the work items that options make: the same command over the same seeds has the same."""
    said = {name: value for name, value in msgspec.to_builtins(options).items() if name not in _MAY_DIFFER}
    return blake2b(msgspec.json.Encoder(order="sorted").encode(said), digest_size=8).hexdigest()


@contextmanager
def alone(workspace: Workspace, options: GenerateOptions) -> Iterator[None]:
    """Hold the items that these options make; the lock goes with its process, however that ends.

    Raises ConflictError where another job is at them.
    """
    name = identity_of(options)
    path = workspace.store.path
    lock = path.with_name(f"{path.name}.generate-{name}")
    what = f"{options.recipe} into {options.into}" if options.into else f"a preview of {options.recipe}"
    descriptor = _locked(lock)
    if descriptor is None:
        raise ConflictError(f"another job is at {what} with the same seeds; wait for it (flywheel jobs ls)")
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    """An open file with its lock; None where somebody has it."""
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        # whoever had it before may have removed the file between our opening and locking it
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
        os.close(descriptor)
