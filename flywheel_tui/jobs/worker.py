"""A worker: a process of its own that takes up one job after the other.

Started by the pool as `python -m flywheel_tui.jobs.worker --workspace DIR --name N`; it speaks to nobody but the
database and its log file, so whoever started it may go.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from flywheel_tui.errors import FlywheelError, StoreError
from flywheel_tui.jobs import folder as files
from flywheel_tui.jobs.log import Redactor, known_secrets, log_to
from flywheel_tui.jobs.process import owner_name
from flywheel_tui.jobs.runner import HEARTBEAT_S, run_claimed
from flywheel_tui.jobs.task import Task
from flywheel_tui.locks import try_lock
from flywheel_tui.records.job import SLOTS
from flywheel_tui.store import claims
from flywheel_tui.store.jobs import LEASE_S
from flywheel_tui.workspace import DATABASE, Workspace

STOP_WITHIN_S = 5.0
LONGEST_BACKOFF_S = 30.0
EXIT_STOPPED_HARD = 128 + signal.SIGTERM
log = logging.getLogger("flywheel_tui.worker")


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How a worker goes about it; all times in seconds."""

    lease_s: float = LEASE_S
    heartbeat_s: float = HEARTBEAT_S
    poll_s: float = 0.25
    stop_within_s: float = STOP_WITHIN_S
    idle_exit_s: float | None = None
    slots: tuple[str, ...] | None = None

    def arguments(self) -> list[str]:
        """The command line that says the same."""
        said = ["--lease", str(self.lease_s), "--heartbeat", str(self.heartbeat_s), "--poll", str(self.poll_s)]
        said += ["--stop-within", str(self.stop_within_s)]
        if self.idle_exit_s is not None:
            said += ["--idle-exit", str(self.idle_exit_s)]
        return said + (["--slots", ",".join(self.slots)] if self.slots is not None else [])


class Worker:
    """Claims and runs jobs of one workspace until it is asked to stop, is idle for long, or the workspace goes."""

    def __init__(self, workspace: Workspace, rules: Rules, database: int | None) -> None:
        """`database` is the file it works in (`folder.database_of`): another one in its place is another workspace."""
        self.workspace, self.rules = workspace, rules
        self._redact = Redactor(known_secrets(workspace))
        self._database = database
        self._stopping = threading.Event()
        self._task: Task | None = None

    def stop(self) -> None:
        """Lay the present job down at its next safe point, then end."""
        self._stopping.set()
        if task := self._task:
            task.stop("stop")

    def run(self) -> None:
        """Work. Returns when it is asked to stop, when it was idle for long enough, or when the workspace is gone."""
        rules, idle_since, trouble = self.rules, time.monotonic(), 0
        while not self._stopping.is_set():
            if is_gone(self.workspace.root, self._database):
                return
            try:
                worked = self._work_once()
                trouble = 0
            except StoreError as error:
                if is_gone(self.workspace.root, self._database):
                    return
                # the disk is full or the database is held: nothing can be written, so wait and do no work that is lost
                trouble += 1
                wait = min(0.5 * 2**trouble, LONGEST_BACKOFF_S)
                log.error("%s; trying again in %.0f s", error, wait)
                self._stopping.wait(wait)
                continue
            if worked:
                idle_since = time.monotonic()
            elif rules.idle_exit_s is not None and time.monotonic() - idle_since > rules.idle_exit_s:
                log.info("idle for %.0f s; the worker ends", rules.idle_exit_s)
                return
            else:
                self._stopping.wait(rules.poll_s)

    def _work_once(self) -> bool:
        job = claims.claim(self.workspace.store, owner_name(), lease_s=self.rules.lease_s, slots=self.rules.slots)
        if job is None:
            return False
        log.info("job %d (%s) taken up, attempt %d", job.id, job.kind, job.attempt)
        task = self._task = Task(self.workspace.store, job, redact=self._redact)
        try:
            if self._stopping.is_set():
                task.stop("stop")
            state = run_claimed(self.workspace, task, lease_s=self.rules.lease_s, every_s=self.rules.heartbeat_s)
            log.info("job %d: %s", job.id, state)
        finally:
            self._task = None
        return True


def is_gone(root: Path, database: int | None) -> bool:
    """Whether the workspace at `root` is no longer the one with this database; says so in the log."""
    if files.database_of(root) == database:
        return False
    log.error("the workspace %s is gone; the worker ends", root)
    return True


def listen_for_signals(stop: Worker) -> None:
    """TERM, INT and HUP ask the worker to stop; where the job reaches no safe point in time, the process ends anyway.

    A thread listens on the wake-up socket, so that a job deep inside a library's C code delays nothing.
    """
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)

    def listen() -> None:
        # held here too: a closed socket would leave the wake-up descriptor dangling
        keep = theirs
        ours.recv(1)
        log.info("asked to stop")
        stop.stop()
        time.sleep(stop.rules.stop_within_s)
        log.warning("no safe point within %.0f s: the process ends, its lease runs out", stop.rules.stop_within_s)
        logging.shutdown()
        keep.close()
        os._exit(EXIT_STOPPED_HARD)

    threading.Thread(target=listen, name="signals", daemon=True).start()


def main(arguments: list[str] | None = None) -> int:
    """The process; its exit code: 0 it was done, 1 it could not work, 143 it was ended in the middle of a job."""
    parser = argparse.ArgumentParser(prog="python -m flywheel_tui.jobs.worker", description=__doc__)
    parser.add_argument("--workspace", required=True, type=Path)
    parser.add_argument("--name", default=f"of-process-{os.getpid()}")
    parser.add_argument("--lease", type=float, default=LEASE_S)
    parser.add_argument("--heartbeat", type=float, default=HEARTBEAT_S)
    parser.add_argument("--poll", type=float, default=0.25)
    parser.add_argument("--stop-within", type=float, default=STOP_WITHIN_S)
    parser.add_argument("--idle-exit", type=float)
    parser.add_argument("--slots", type=lambda text: tuple(text.split(",")), help=f"of {', '.join(SLOTS)}")
    options = parser.parse_args(arguments)
    if (database := files.database_of(options.workspace)) is None:
        sys.stderr.write(f"{options.workspace}: is no workspace (no {DATABASE} in it)\n")
        return 1
    try:
        folder = files.make(options.workspace)
        log_to(folder / f"worker-{options.name}.log", Redactor())
        if try_lock(folder / f"worker-{options.name}.lock") is None:
            log.warning("another worker goes by the name %s; this one ends", options.name)
            return 0
        record = folder / f"worker-{options.name}.json"
        if options.name.isdigit():
            files.write_identity(record)
        with Workspace.open(options.workspace) as workspace:
            log_to(folder / f"worker-{options.name}.log", Redactor(known_secrets(workspace)))
            rules = Rules(
                lease_s=options.lease,
                heartbeat_s=options.heartbeat,
                poll_s=options.poll,
                stop_within_s=options.stop_within,
                idle_exit_s=options.idle_exit,
                slots=options.slots,
            )
            worker = Worker(workspace, rules, database)
            listen_for_signals(worker)
            log.info("at work in %s", workspace.root)
            worker.run()
        record.unlink(missing_ok=True)
    except Exception as error:
        # what fails in a workspace that was moved or deleted meanwhile is no failure of the worker
        if is_gone(options.workspace, database):
            return 0
        if isinstance(error, FlywheelError):
            log.error("%s", error)
        else:
            log.critical("the worker failed:\n%s", "".join(traceback.format_exception(error)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
