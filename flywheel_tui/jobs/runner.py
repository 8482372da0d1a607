"""One attempt at one job: the heartbeat beside it, and what its end means for the claims."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import (
    Cancelled,
    ConflictError,
    FlywheelError,
    ServiceError,
    StaleClaimError,
    StoreBusyError,
    StoreError,
    StoreFullError,
)
from flywheel_tui.jobs.log import Redactor, known_secrets
from flywheel_tui.jobs.process import owner_name
from flywheel_tui.jobs.registry import function_of
from flywheel_tui.jobs.task import Task
from flywheel_tui.records.job import Progress
from flywheel_tui.store import claims, jobs

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

HEARTBEAT_S = 5.0
RETRY_STORE_S = 2.0
log = logging.getLogger("flywheel_tui.jobs")


def run_foreground(
    workspace: Workspace,
    kind: str,
    args: dict[str, Any],
    *,
    title: str,
    dataset_id: int | None = None,
    unit: str | None = None,
    slot: str = "cpu",
    on_progress: Callable[[Progress], None] | None = None,
    lease_s: float = jobs.LEASE_S,
) -> dict[str, Any]:
    """Run a job in this process, as a claimed row that every other process can watch, pause and cancel; its result.

    `on_progress` is called in this thread at most ten times a second. Whatever the job raises is raised here too, after
    the row says so; Ctrl-C leaves the row cancelled (`flywheel jobs retry` goes on from what was finished). Where this
    process is killed, the lease runs out and a worker goes on.
    """
    function = function_of(kind)
    owner = owner_name()
    job = jobs.enqueue(
        workspace.store,
        kind,
        args,
        title=title,
        dataset_id=dataset_id,
        unit=unit,
        slot=slot,
        claim_for=owner,
        lease_s=lease_s,
    )
    task = Task(workspace.store, job, on_progress=on_progress, redact=Redactor(known_secrets(workspace)))
    with heartbeat(task, lease_s=lease_s, every_s=min(HEARTBEAT_S, lease_s / 4)):
        try:
            result = function(workspace, args, task)
            _finish(task, result)
        except BaseException as error:
            with suppress(StaleClaimError, StoreError):
                settle(task, error)
            raise
    task.show()
    return result


def run_claimed(workspace: Workspace, task: Task, *, lease_s: float, every_s: float) -> str:
    """Run a job that was claimed by this worker; how it ended, in a word. Raises only what means the worker itself.

    Those are StoreError (the database cannot be written: the lease runs out by itself) and SystemExit and its like.
    """
    try:
        with heartbeat(task, lease_s=lease_s, every_s=every_s):
            result = function_of(task.job.kind)(workspace, task.job.args, task)
            _finish(task, result)
        return "done"
    except Exception as error:
        if not isinstance(error, FlywheelError):
            log.error("job %d failed unexpectedly:\n%s", task.job.id, "".join(traceback.format_exception(error)))
        return settle(task, error)


def _finish(task: Task, result: dict[str, Any]) -> None:
    done, total = task.position
    claims.finish(task.store, task.claim, result, done=done, total=total)


def settle(task: Task, error: BaseException) -> str:
    """Write what an exception of a job means; the new state, or 'lost'. Raises StoreError where it cannot."""
    try:
        with suppress(StaleClaimError):
            task.flush()
        return _settle(task, error)
    except StaleClaimError:
        return "lost"


def _settle(task: Task, error: BaseException) -> str:
    store, claim = task.store, task.claim
    text = task.redact(str(error)) or type(error).__name__
    if isinstance(error, StaleClaimError):
        return "lost"
    if isinstance(error, KeyboardInterrupt):
        claims.give_back(store, claim, "cancelled", reason="interrupted by Ctrl-C; what was finished is kept")
        return "cancelled"
    if isinstance(error, Cancelled):
        state = {"pause": "paused", "stop": "queued"}.get(task.asked or "cancel", "cancelled")
        claims.give_back(store, claim, state, reason=text)
        return state
    if isinstance(error, (StoreFullError, StoreBusyError)):
        claims.give_back(store, claim, "queued", reason=text, wait_s=RETRY_STORE_S)
        return "queued"
    if isinstance(error, (ServiceError, ConflictError)):
        return claims.fail(store, claim, text, retry=True)
    if isinstance(error, FlywheelError):
        return claims.fail(store, claim, text)
    if isinstance(error, Exception):
        return claims.fail(store, claim, f"{type(error).__name__}: {text}")
    claims.give_back(store, claim, "queued", reason=f"its process ended ({type(error).__name__})")
    return "queued"


@contextmanager
def heartbeat(task: Task, *, lease_s: float, every_s: float) -> Iterator[None]:
    """Renew the lease from a thread while the body runs, and write progress that was said but not written yet."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(every_s):
            try:
                task.beat(lease_s)
                task.flush()
            except StaleClaimError as error:
                task.lost = error
            except FlywheelError as error:
                log.warning("job %d: no heartbeat (%s)", task.job.id, error)
            if task.lost is not None:
                return

    thread = threading.Thread(target=beat, name=f"heartbeat of job {task.job.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(2.0)
