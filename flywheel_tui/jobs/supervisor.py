"""The supervisor of a pool: keeps workers going while there is work, and outlives the terminal that asked for it.

Workers have a session each: they survive the supervisor, and the next one adopts those that still live. A worker that
was killed is replaced, and the job that it held goes on at once instead of after its lease.
"""

from __future__ import annotations

import argparse
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from flywheel_tui.errors import ConflictError, FlywheelError, StoreError
from flywheel_tui.jobs import folder as files
from flywheel_tui.jobs.log import Redactor, known_secrets, log_to
from flywheel_tui.jobs.pool import spawn
from flywheel_tui.jobs.process import Identity, end_group, identity, owner_is_dead
from flywheel_tui.jobs.worker import Rules
from flywheel_tui.store import claims, jobs
from flywheel_tui.workspace import DATABASE, Workspace

IDLE_WORKER_S = 60.0
IDLE_POOL_S = 600.0
TICK_S = 0.25
log = logging.getLogger("flywheel_tui.pool")


class Supervisor:
    """Keeps as many workers going as are wanted while there is work; the only one of its workspace."""

    def __init__(
        self, workspace: Workspace, *, rules: Rules, idle_exit_s: float | None = None, until_idle: bool = False
    ) -> None:
        self.workspace, self.rules = workspace, rules
        self.folder = files.make(workspace.root)
        self._idle_exit_s, self._until_idle = idle_exit_s, until_idle
        self._stopping = threading.Event()
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._failures: dict[str, tuple[int, float]] = {}
        self._database = files.database_of(workspace.root)

    def stop(self) -> None:
        """End the pool: workers give their jobs back first."""
        self._stopping.set()

    def run(self) -> None:
        """Work until stopped, idle for long, or the workspace is gone.

        Raises ConflictError where a pool runs already.
        """
        with files.lock(self.folder / "pool.lock", wait=False):
            if not files.write_identity(self.folder / "pool.json"):
                raise FlywheelError("this system does not tell when a process began; workers cannot be kept safely")
            adopted = files.workers(self.folder)
            log.info("pool of %d; adopted: %s", files.slots(self.folder), ", ".join(adopted) or "none")
            try:
                self._loop()
            finally:
                self._end(self._workers())
                (self.folder / "pool.json").unlink(missing_ok=True)

    def _loop(self) -> None:
        busy_at = time.monotonic()
        while not self._stopping.is_set():
            if not self._workspace_is_there():
                log.error("the workspace %s is gone; the pool ends", self.workspace.root)
                return
            try:
                pending = self._tick()
            except StoreError as error:
                log.error("%s", error)
                pending = 1
                self._stopping.wait(5.0)
            if pending:
                busy_at = time.monotonic()
            elif self._until_idle:
                return
            elif self._idle_exit_s is not None and time.monotonic() - busy_at > self._idle_exit_s:
                log.info("nothing to do for %.0f s; the pool ends", self._idle_exit_s)
                return
            self._stopping.wait(TICK_S)

    def _tick(self) -> int:
        """One look at workers and queue; how many jobs wait or run."""
        self._reap()
        store = self.workspace.store
        dead = [owner for owner in claims.owners(store) if owner_is_dead(owner)]
        if dead and (lost := claims.expire(store, dead)):
            log.warning("%d jobs lost their worker; they go on at once", lost)
        pending, workers, wanted = jobs.pending(store), self._workers(), files.slots(self.folder)
        if pending:
            for name in map(str, range(1, wanted + 1)):
                if name not in workers and name not in self._children and self._may_start(name):
                    self._start(name)
        excess = {name: worker for name, worker in workers.items() if int(name) > wanted}
        if excess:
            self._end(excess)
        return pending

    def _workers(self) -> dict[str, Identity]:
        """Those that live: told by their files, or just started by us and too young to have one."""
        young = {name: identity(child.pid) for name, child in self._children.items() if child.poll() is None}
        return {name: who for name, who in young.items() if who is not None} | files.workers(self.folder)

    def _start(self, name: str) -> None:
        arguments = ["--name", name, *self.rules.arguments()]
        child = spawn("flywheel_tui.jobs.worker", self.workspace.root, self.folder / f"worker-{name}.log", arguments)
        self._children[name] = child
        log.info("worker %s started as process %d", name, child.pid)

    def _reap(self) -> None:
        for name, child in list(self._children.items()):
            code = child.poll()
            if code is None:
                continue
            del self._children[name]
            log.log(logging.WARNING if code else logging.INFO, "worker %s ended (%d)", name, code)
            failures = 0 if code in (0, -signal.SIGKILL) else self._failures.get(name, (0, 0.0))[0] + 1
            self._failures[name] = failures, time.monotonic()

    def _may_start(self, name: str) -> bool:
        """A worker that says that it cannot work is tried again ever more slowly; one that was killed, at once."""
        failures, at = self._failures.get(name, (0, 0.0))
        return time.monotonic() - at >= (min(0.5 * 2**failures, 30.0) if failures else 0.0)

    def _end(self, workers: dict[str, Identity]) -> None:
        def end(name: str, worker: Identity) -> None:
            gone = end_group(worker, grace_s=self.rules.stop_within_s + 2)
            log.log(logging.INFO if gone else logging.ERROR, "worker %s %s", name, "ended" if gone else "would not end")

        threads = [threading.Thread(target=end, args=item) for item in workers.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._reap()

    def _workspace_is_there(self) -> bool:
        return files.database_of(self.workspace.root) == self._database


def main(arguments: list[str] | None = None) -> int:
    """The process of a pool that no terminal holds."""
    parser = argparse.ArgumentParser(prog="python -m flywheel_tui.jobs.supervisor", description=__doc__)
    parser.add_argument("--workspace", required=True, type=Path)
    parser.add_argument("--lease", type=float, default=Rules.lease_s)
    parser.add_argument("--heartbeat", type=float, default=Rules.heartbeat_s)
    parser.add_argument("--poll", type=float, default=Rules.poll_s)
    parser.add_argument("--stop-within", type=float, default=Rules.stop_within_s)
    parser.add_argument("--idle-exit", type=float, default=IDLE_POOL_S)
    options = parser.parse_args(arguments)
    if files.database_of(options.workspace) is None:
        sys.stderr.write(f"{options.workspace}: is no workspace (no {DATABASE} in it)\n")
        return 1
    log_file = options.workspace / files.FOLDER / "pool.log"
    log_to(log_file, Redactor())
    rules = Rules(
        lease_s=options.lease,
        heartbeat_s=options.heartbeat,
        poll_s=options.poll,
        stop_within_s=options.stop_within,
        idle_exit_s=min(IDLE_WORKER_S, options.idle_exit),
    )
    try:
        with Workspace.open(options.workspace) as workspace:
            log_to(log_file, Redactor(known_secrets(workspace)))
            supervisor = Supervisor(workspace, rules=rules, idle_exit_s=options.idle_exit)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: supervisor.stop())
            supervisor.run()
    except ConflictError:
        return 0
    except FlywheelError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
