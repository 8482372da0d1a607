"""The bridge from the screens to the queue: put long work in it, and say what became of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.job import Job
from flywheel_tui.store import jobs as queue
from screens.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flywheel_tui.workspace import Workspace
    from screens.app import FlywheelApp

_SEVERITY_WORDS = {
    "error": ("error", "errors"), "warning": ("warning", "warnings"), "info": ("for information", "for information"),
}  # fmt: skip
_ENDED = ("done", "failed", "cancelled", "dead")


def submit(
    workspace: Workspace, kind: str, args: Mapping[str, Any], *, title: str, worker: bool, **options: Any
) -> Job:
    """Put a job in the queue (options as for `enqueue`); with `worker`, make sure that somebody works on it.

    Call it in a thread.

    Raises FlywheelError where the workers do not start.
    """
    if worker:
        from flywheel_tui.jobs import pool

        return pool.submit(workspace, kind, args, title=title, **options)
    return queue.enqueue(workspace.store, kind, args, title=title, **options)


async def queue_and_watch(shell: FlywheelApp, put: Callable[[], Job]) -> None:
    """Put a job in the queue with `put`, in a thread, and go to Live; what is wrong with it is said."""
    try:
        job = await asyncio.to_thread(put)
    except FlywheelError as error:
        shell.notify(safe_text(str(error)).plain, severity="error", timeout=30, markup=False)
        return
    await shell.go("live", job.id)
    if not shell.worker:
        shell.hint(f"job {job.id} is queued; flywheel worker takes it up")


def ended(workspace: Workspace, watched: set[int]) -> list[Job]:
    """Those of the watched jobs that have ended; they are watched no more."""
    found = [queue.get_job(workspace.store, number) for number in sorted(watched)]
    over = [job for job in found if job.state in _ENDED]
    watched.difference_update(job.id for job in over)
    return over


def outcome(job: Job) -> tuple[str, bool]:
    """What became of a job, in a sentence; and whether it went well."""
    if job.state != "done":
        return f"{job.title}: {job.error or job.state}", False
    result = job.result or {}
    if job.kind == "ingest":
        known = f", {result['known']:,} were there already" if result.get("known") else ""
        rejected = f", {result['rejected']:,} rows rejected (see {result['rejects']})" if result.get("rejected") else ""
        return f"Ingested {result.get('added', 0):,} pairs -> {result.get('dataset')}{known}{rejected}", True
    if job.kind == "export":
        files = ", ".join(file["path"] for file in result.get("files", ()))
        left = sum(each["pairs"] for each in result.get("left_out", ()))
        also = f"; {left:,} left out (the manifest says why)" if left else ""
        return f"Wrote {result.get('written', 0):,} pairs -> {files}{also}", True
    if job.kind == "validate":
        # each pair once, by the worst in it, as the screen Validation counts
        found = result.get("pairs_by_severity") or {}
        words = ", ".join(f"{count:,} {_SEVERITY_WORDS[name][count != 1]}" for name, count in found.items())
        share = f"{sum(found.values()):,} of {result.get('pairs', 0):,} pairs have findings"
        words = f"{share}: {words}" if found else "nothing found"
        broken = [check["name"] for check in result.get("checks", ()) if check.get("failed")]
        left = f"; left out: {', '.join(result['skipped'])}" if result.get("skipped") else ""
        failed = f"; failed: {', '.join(broken)}" if broken else ""
        return f"Validated {result.get('dataset')}: {words}{failed}{left}; g v shows the report", not broken
    if job.kind == "generate" and result.get("dataset"):
        return _made(job, result), True
    return f"{job.title}: done", True


def _made(job: Job, result: Mapping[str, Any]) -> str:
    """How many rows were written where, what was rejected by which rule, and how to label them."""
    told = ", ".join(f"{count:,} {rule}" for rule, count in sorted((result.get("rejected") or {}).items()))
    failed = ", ".join(f"{count:,} {kind}" for kind, count in sorted((result.get("failed") or {}).items()))
    words = f"Generated {result.get('new', 0):,} rows -> {result['dataset']}"
    words += f"; rejected: {told}" if told else "; none rejected"
    words += f"; failed: {failed}" if failed else ""
    return words + (f"; g i, then L labels the rows of job {job.id}" if result.get("new") else "")
