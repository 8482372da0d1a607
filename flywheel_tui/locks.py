"""Files that are locks: one process holds one, and it is free again when that process ends, however it does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flywheel_tui.errors import ConflictError, StoreError


def try_lock(path: Path, *, wait: bool = False) -> int | None:
    """Lock a file, which is made where it is not there; None where another process holds it and we do not wait.

    Close the descriptor to let it go before the process ends. Raises StoreError where the file system has no locks.
    """
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            held, named = os.fstat(descriptor), path.stat()
        except FileNotFoundError:
            os.close(descriptor)
            continue
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise StoreError(f"{path}: this file system takes no locks ({error.strerror}); use another one") from error
        # whoever had it before may have removed the file between our opening and our locking it
        if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino):
            return descriptor
        os.close(descriptor)


@contextmanager
def alone(path: Path, refusal: str) -> Iterator[None]:
    """Be the only one at something, whose lock is `path` and goes with the body.

    Raises ConflictError with the words of `refusal` where another process is at it.
    """
    descriptor = try_lock(path)
    if descriptor is None:
        raise ConflictError(refusal)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds that lock."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
