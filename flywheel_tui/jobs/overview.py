"""The queue and those who work on it, as one reading for a face: jobs, workers, what each does, their logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.jobs import folder as files
from flywheel_tui.jobs import pool
from flywheel_tui.jobs.process import Identity, boot_id, owner_is_dead
from flywheel_tui.records.job import ACTIVE, Job, JobEvent, State
from flywheel_tui.redaction import redact
from flywheel_tui.store import jobs as queue

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

PAGE = 200
"""Jobs in one reading."""
EVENTS = 50
ALL_EVENTS = 1_000
TAIL_BYTES = 64 * 1024
RETRYABLE: tuple[str, ...] = (State.FAILED, State.DEAD, State.CANCELLED)
_LONGEST_JSON = 20_000
_POOL_LOG = "pool"


@dataclass(frozen=True, kw_only=True)
class WorkerLine:
    """One who works on the queue: a worker of the pool, or a process that holds a job by itself.

    `since` and `lease_until` are microseconds UTC. `place` is 'pool', 'terminal' (a command that runs its job in front
    of a person), 'elsewhere' (another machine, or this one before it was started anew) or 'gone' (the process ended;
    its job goes on with another worker).
    """

    name: str
    pid: int
    place: str
    since: int | None = None
    job: int | None = None
    title: str = ""
    phase: str | None = None
    lease_until: int | None = None


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All that is shown of the queue. `jobs` is at most one page; `counts` (by state) tells of all."""

    jobs: tuple[Job, ...]
    counts: dict[str, int]
    workers: tuple[WorkerLine, ...]
    slots: int
    pool: int | None
    """The process of the supervisor, None where no pool lives."""

    @property
    def lost(self) -> frozenset[int]:
        """Jobs whose process is gone and that nobody has taken up yet."""
        return frozenset(each.job for each in self.workers if each.place == "gone" and each.job is not None)

    @property
    def total(self) -> int:
        """Jobs of every state."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self.counts.get(State.QUEUED, 0)

    @property
    def nobody(self) -> bool:
        """Jobs wait, and no pool will take them up."""
        return self.pool is None and self.waiting > 0 and not any(each.place == "pool" for each in self.workers)


@dataclass(frozen=True, kw_only=True)
class Details:
    """One job with what happened to it, oldest first; `args` and `result` as indented JSON without keys in it."""

    job: Job
    gone: bool
    """It runs by the book, but its process has ended."""
    args: str
    result: str
    events: tuple[JobEvent, ...]


def overview(workspace: Workspace, *, ended: bool = True, limit: int = PAGE) -> Overview:
    """Read queue and workers: at most `limit` jobs, without those that have ended where `ended` is False.

    Raises StoreError. Looks at files and processes too: call it in a thread.
    """
    jobs = queue.list_jobs(workspace.store, states=None if ended else ACTIVE, limit=limit)
    now = files.status(workspace.root)
    held = [job for job in jobs if job.state == State.RUNNING and job.owner]
    return Overview(
        jobs=tuple(jobs),
        counts=queue.count_states(workspace.store),
        workers=tuple(_workers(workspace.root / files.FOLDER, now.workers, held)),
        slots=now.slots,
        pool=now.supervisor.pid if now.supervisor else None,
    )


def _workers(folder: Path, alive: dict[str, Identity], held: list[Job]) -> list[WorkerLine]:
    by_process: dict[tuple[str, str, str], list[Job]] = {}
    for job in held:
        by_process.setdefault(_process_of(job.owner or ""), []).append(job)
    lines = []
    for name, who in sorted(alive.items(), key=lambda item: int(item[0]) if item[0].isdigit() else 0):
        since = _began(folder / f"worker-{name}.json")
        holds = by_process.pop((str(who.pid), who.began, who.boot), [])
        lines += [_line(name, who.pid, "pool", since, job) for job in holds or (None,)]
    for (pid, _, boot), jobs in by_process.items():
        for job in jobs:
            place = "gone" if owner_is_dead(job.owner or "") else "terminal" if boot == boot_id() else "elsewhere"
            lines.append(_line("", int(pid) if pid.isdigit() else 0, place, job.started, job))
    return lines


def _process_of(owner: str) -> tuple[str, str, str]:
    """(process id, when it began, boot) out of the name of an owner; the name itself where it is none of ours."""
    parts = owner.split("/")
    return (parts[0], parts[1], parts[2]) if len(parts) == 4 else (owner, "", "")


def _line(name: str, pid: int, place: str, since: int | None, job: Job | None) -> WorkerLine:
    if job is None:
        return WorkerLine(name=name, pid=pid, place=place, since=since)
    return WorkerLine(
        name=name, pid=pid, place=place, since=since,
        job=job.id, title=job.title, phase=job.phase, lease_until=job.lease_until,
    )  # fmt: skip


def _began(path: Path) -> int | None:
    """A worker writes its file once, when it begins."""
    try:
        return path.stat().st_mtime_ns // 1000
    except OSError:
        return None


def dataset_of(job: Job) -> str:
    """The data set that a job is about, '' where it does not say."""
    named = job.dataset or job.args.get("dataset") or (job.args.get("name") if job.kind == "ingest" else None)
    return named if isinstance(named, str) else ""


def pid_of(job: Job) -> str:
    """The process that holds a job, '' where none does."""
    return _process_of(job.owner)[0] if job.owner else ""


def events_of(workspace: Workspace, job_id: int, limit: int = EVENTS) -> list[JobEvent]:
    """The newest events of a job, oldest first."""
    return queue.events(workspace.store, job_id, limit=limit)


def details(workspace: Workspace, job_id: int) -> Details:
    """Everything about a job; at most the newest thousand events. Raises NotFoundError."""
    job = queue.get_job(workspace.store, job_id)
    told = queue.events(workspace.store, job_id, limit=ALL_EVENTS)
    result = "" if job.result is None else _json(job.result)
    gone = job.state == State.RUNNING and owner_is_dead(job.owner or "")
    return Details(job=job, gone=gone, args=_json(job.args), result=result, events=tuple(told))


def _json(value: dict[str, Any]) -> str:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if len(text) > _LONGEST_JSON:
        text = f"{text[:_LONGEST_JSON]}\n… {len(text) - _LONGEST_JSON:,} characters more"
    return redact(text)


# -- steering ---------------------------------------------------------------------------------------------------------


def cancel(workspace: Workspace, job_id: int) -> Job:
    """Stop a job; what it finished is kept. Raises UsageError where it has ended."""
    return queue.cancel(workspace.store, job_id)


def pause_or_resume(workspace: Workspace, job_id: int, *, start: bool = True) -> Job:
    """Lay a job aside, or have it go on; with `start`, somebody works on the queue then. Raises UsageError."""
    job = queue.get_job(workspace.store, job_id)
    if job.state != State.PAUSED and job.wanted != "pause":
        return queue.pause(workspace.store, job_id)
    job = queue.resume(workspace.store, job_id)
    if start and job.state == State.QUEUED:
        pool.ensure_workers(workspace)
    return job


def retry(workspace: Workspace, job_id: int, *, start: bool = True) -> Job:
    """Put a job that went wrong or was cancelled back into the queue. Raises UsageError."""
    job = queue.retry(workspace.store, job_id)
    if start:
        pool.ensure_workers(workspace)
    return job


def want_workers(workspace: Workspace, count: int, *, start: bool) -> int:
    """How many workers the pool shall have, from 1 to 64; a pool that lives follows within a second.

    With `start`, one is started where there is work and none lives. Raises FlywheelError where it does not start.
    """
    count = min(max(count, 1), files.MOST_SLOTS)
    if start and queue.pending(workspace.store):
        pool.ensure_workers(workspace, count)
    else:
        files.want_slots(files.make(workspace.root), count)
    return count


# -- logs -------------------------------------------------------------------------------------------------------------


def logs(root: Path) -> list[str]:
    """The names of the logs there are: of the workers by number, then `pool`."""
    folder = root / files.FOLDER
    names = [path.stem.removeprefix("worker-") for path in folder.glob("worker-*.log")]
    names.sort(key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))
    return names + ([_POOL_LOG] if (folder / "pool.log").exists() else [])


def log_path(root: Path, name: str) -> Path:
    """Where a log of that name is."""
    return root / files.FOLDER / ("pool.log" if name == _POOL_LOG else f"worker-{name}.log")


def tail(root: Path, name: str, lines: int = 300) -> list[str]:
    """The newest lines of a log, read from its last 64 kB. Raises NotFoundError for a name that is none."""
    known = logs(root)
    if name not in known:
        raise NotFoundError("log", name, known)
    try:
        with log_path(root, name).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL_BYTES, 0))
            found = file.read(TAIL_BYTES).decode("utf-8", "replace").splitlines()
    except OSError as error:
        raise NotFoundError("log", f"{name} ({error.strerror})", known) from error
    # the first line of a piece out of the middle is half a line
    return (found[1:] if size > TAIL_BYTES else found)[-lines:]
