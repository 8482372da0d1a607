"""Workers for the faces: make sure that somebody works on the queue, and end it again.

A pool is one supervisor (`jobs/supervisor.py`) for a workspace; it and its workers have a session each, so that they
outlive the terminal that asked for them. Nothing is ever sent to a process that the files of the pool do not name by
id, start time and boot.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flywheel_tui.errors import FlywheelError
from flywheel_tui.jobs import folder as files
from flywheel_tui.jobs.folder import FOLDER, Status, status
from flywheel_tui.jobs.process import end_group
from flywheel_tui.jobs.worker import STOP_WITHIN_S, Rules
from flywheel_tui.records.job import Job
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace

STARTS_WITHIN_S = 20.0


def ensure_workers(workspace: Workspace, n: int | None = None, *, rules: Rules | None = None) -> Status:
    """Make sure that a pool keeps workers going for this workspace, and goes on when this process ends.

    Cheap where it does; any number of faces may call it at once. `n` changes how many workers there are, also of a
    pool that runs. A pool with nothing to do ends by itself, so call this after every `enqueue` (or use `submit`).
    Raises FlywheelError with the place of the log where it does not start.
    """
    folder = files.make(workspace.root)
    with files.lock(folder / "launch.lock", wait=True):
        if n is not None:
            files.want_slots(folder, n)
        now = status(workspace.root)
        if now.alive:
            return now
        child = spawn(
            "flywheel_tui.jobs.supervisor", workspace.root, folder / "pool.log", (rules or Rules()).arguments()
        )
        threading.Thread(target=child.wait, name="reaps the pool", daemon=True).start()
        until = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < until and child.poll() is None:
            now = status(workspace.root)
            if now.alive:
                return now
            time.sleep(0.02)
    raise FlywheelError(f"the workers did not start; {folder / 'pool.log'} says why")


def submit(workspace: Workspace, kind: str, args: Mapping[str, Any], *, title: str, **options: Any) -> Job:
    """Put a job in the queue (options as for `store.jobs.enqueue`) and make sure that somebody works on it."""
    job = queue.enqueue(workspace.store, kind, args, title=title, **options)
    ensure_workers(workspace)
    return job


def stop_workers(root: Path, *, grace_s: float = STOP_WITHIN_S + 3) -> bool:
    """Stop the pool of a workspace and every worker that it started; True when none is left.

    Jobs are given back at their next safe point; a worker that reaches none is killed with all it started.
    """
    now = status(root)
    if now.supervisor is not None:
        with suppress(ProcessLookupError):
            os.kill(now.supervisor.pid, signal.SIGTERM)
        until = time.monotonic() + grace_s + 2
        while now.supervisor.alive() and time.monotonic() < until:
            time.sleep(0.02)
        if now.supervisor.alive() and os.getpgid(now.supervisor.pid) == now.supervisor.pid:
            end_group(now.supervisor, grace_s=0)
    left = {**now.workers, **files.workers(root / FOLDER)}
    threads = [
        threading.Thread(target=end_group, args=(worker,), kwargs={"grace_s": grace_s}) for worker in left.values()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return not any(worker.alive() for worker in left.values())


def spawn(module: str, root: Path, log_file: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    """A process in a session of its own, without a terminal; what it prints (a crash) goes to its log file."""
    descriptor = os.open(log_file, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            [sys.executable, "-m", module, "--workspace", str(root), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
