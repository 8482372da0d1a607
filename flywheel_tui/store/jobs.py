"""The queue of long work, as everybody sees it: put jobs in, watch them, steer them.

What the worker that holds a job writes is in `store/claims.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.job import ACTIVE, Job, JobEvent, Sample, progress_of
from flywheel_tui.store.db import Store

LEASE_S = 30.0
MAX_ATTEMPTS = 5
COLUMNS = """job.id, job.uid, job.kind, job.dataset_id, job.title, job.args, job.state, job.wanted, job.slot,
  job.priority, job.owner, job.lease_until, job.attempt, job.max_attempts, job.done, job.total, job.unit, job.phase,
  job.cost_micro, job.result, job.error, job.created, job.started, job.updated, job.finished"""
_NAMES = [part.split(".")[1] for part in COLUMNS.replace("\n", " ").replace(" ", "").split(",")]


def encode(value: Mapping[str, Any], what: str) -> str:
    """A mapping as JSON. Raises UsageError where JSON cannot hold it."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise UsageError(f"{what} cannot be kept as JSON: {error}") from error


def job_of(row: tuple[Any, ...], dataset: str | None = None, samples: list[Sample] | None = None) -> Job:
    """The record of a row of `COLUMNS`."""
    fields = dict(zip(_NAMES, row, strict=True))
    fields["args"] = msgspec.json.decode(fields["args"])
    if fields["result"] is not None:
        fields["result"] = msgspec.json.decode(fields["result"])
    if samples:
        now = progress_of(samples, fields["done"], fields["total"], fields["phase"])
        fields |= {"rate": now.rate, "eta_s": now.eta_s}
    return Job(**fields, dataset=dataset)


UNITS = {
    "ingest": "bytes",
    "generate": "rows",
    "train": "steps",
    "evaluate": "items",
    "cycle": "items",
    "improve": "calls",
}
"""What a kind of job counts, where it is not pairs: an ingest knows the size of its file, not its number of rows, and
a cycle counts in each phase something else."""


def enqueue(
    store: Store,
    kind: str,
    args: Mapping[str, Any],
    *,
    title: str,
    dataset_id: int | None = None,
    uid: bytes | None = None,
    slot: str = "cpu",
    priority: int = 100,
    max_attempts: int = MAX_ATTEMPTS,
    total: int | None = None,
    unit: str | None = None,
    claim_for: str | None = None,
    lease_s: float = LEASE_S,
) -> Job:
    """Put a job in the queue; the same `uid` again gives back the job that is there. Lower `priority` goes first.

    `claim_for` names an owner that holds the job from the start, so that no worker can be faster. Raises UsageError
    for arguments that JSON cannot hold.
    """
    uid = uid or new_uid()
    encoded, now = encode(args, "the arguments of the job"), now_us()
    with store.tx() as connection:
        connection.execute(
            """INSERT INTO job (uid, kind, dataset_id, title, args, slot, priority, max_attempts, total, unit, created,
                 updated, state, owner, lease_until, attempt, started)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING""",
            (
                uid,
                kind,
                dataset_id,
                title,
                encoded,
                slot,
                priority,
                max_attempts,
                total,
                unit or UNITS.get(kind, "pairs"),
                now,
                now,
            )
            + (
                ("running", claim_for, now + int(lease_s * 1e6), 1, now)
                if claim_for
                else ("queued", None, None, 0, None)
            ),
        )
        return _select(connection, "WHERE job.uid = ?", (uid,))[0]


def get_job(store: Store, job_id: int) -> Job:
    """One job. Raises NotFoundError."""
    return _one(store.read(), job_id)


def _one(connection: sqlite3.Connection, job_id: int) -> Job:
    found = _select(connection, "WHERE job.id = ?", (job_id,))
    if not found:
        known = connection.execute("SELECT id FROM job ORDER BY id DESC LIMIT 10")
        raise NotFoundError("job", str(job_id), [str(id) for (id,) in known])
    return found[0]


def list_jobs(
    store: Store, *, states: Iterable[str] | None = None, dataset_id: int | None = None, limit: int = 100
) -> list[Job]:
    """Running first, then queued in the order they will be taken up, then paused, then the others, newest first."""
    clauses: list[str] = []
    parameters: list[Any] = list(states or ())
    if parameters:
        clauses.append(f"job.state IN ({','.join('?' * len(parameters))})")
    if dataset_id is not None:
        clauses.append("job.dataset_id = ?")
        parameters.append(dataset_id)
    where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
    order = """ORDER BY CASE job.state WHEN 'running' THEN 0 WHEN 'queued' THEN 1 WHEN 'paused' THEN 2 ELSE 3 END,
      CASE job.state WHEN 'queued' THEN job.priority END, CASE WHEN job.state = 'queued' THEN job.id ELSE -job.id END
      LIMIT ?"""
    return _select(store.read(), where + order, (*parameters, limit))


def _select(connection: sqlite3.Connection, tail: str, parameters: tuple[Any, ...]) -> list[Job]:
    rows = connection.execute(
        f"SELECT {COLUMNS}, dataset.name FROM job LEFT JOIN dataset ON dataset.id = job.dataset_id {tail}", parameters
    ).fetchall()
    out = []
    for *row, dataset in rows:
        running = row[_NAMES.index("state")] == "running"
        samples = _samples(connection, row[0], row[_NAMES.index("attempt")]) if running else None
        out.append(job_of(tuple(row), dataset, samples))
    return out


def _samples(connection: sqlite3.Connection, job_id: int, attempt: int) -> list[Sample]:
    query = "SELECT at, done, phase FROM job_progress WHERE job_id = ? AND attempt = ? ORDER BY at"
    return [Sample(*row) for row in connection.execute(query, (job_id, attempt))]


def samples(store: Store, job_id: int, attempt: int) -> list[Sample]:
    """The progress of the last two minutes of an attempt, oldest first: one sample a second at most."""
    return _samples(store.read(), job_id, attempt)


def count_states(store: Store) -> dict[str, int]:
    """How many jobs stand in each state (states without any are left out)."""
    return dict(store.read().execute("SELECT state, count(*) FROM job GROUP BY state").fetchall())


def pending(store: Store) -> int:
    """Jobs that are queued or running: what a worker pool is needed for."""
    return int(store.read().execute("SELECT count(*) FROM job WHERE state IN ('queued', 'running')").fetchone()[0])


def events(store: Store, job_id: int, *, after: int = 0, limit: int = 200) -> list[JobEvent]:
    """What happened to a job after the event with that id, oldest first; with `after=0` the newest `limit` of them."""
    query = "SELECT id, job_id, at, level, text FROM job_event WHERE job_id = ? AND id > ? ORDER BY id {} LIMIT ?"
    rows = store.read().execute(query.format("" if after else "DESC"), (job_id, after, limit)).fetchall()
    found = [JobEvent(id=id, job_id=job, at=at, level=level, text=text) for id, job, at, level, text in rows]
    return found if after else found[::-1]


def add_event(store: Store, job_id: int, level: str, text: str) -> None:
    """Note something that happened to a job (level: info, warning, error; at most 2,000 characters are kept)."""
    with store.tx(durable=False) as connection:
        write_event(connection, job_id, level, text)


def write_event(connection: sqlite3.Connection, job_id: int, level: str, text: str) -> None:
    """`add_event` within a transaction."""
    text = text.encode("utf-8", "replace").decode()[:2000]
    connection.execute(
        "INSERT INTO job_event (job_id, at, level, text) VALUES (?, ?, ?, ?)", (job_id, now_us(), level, text)
    )


def cancel(store: Store, job_id: int) -> Job:
    """Stop a job: at once where nobody works on it, else after its next safe point. What it finished is kept."""
    return _ask(store, job_id, "cancel", "cancelled", ACTIVE)


def pause(store: Store, job_id: int) -> Job:
    """Lay a job aside: at once where nobody works on it, else after its next safe point."""
    return _ask(store, job_id, "pause", "paused", ("queued", "running"))


def resume(store: Store, job_id: int) -> Job:
    """Put a paused job back into the queue (or take back a pause that has not happened yet)."""
    return _reopen(store, job_id, ("paused",), "resumed")


def retry(store: Store, job_id: int) -> Job:
    """Put a failed, dead or cancelled job back into the queue; it goes on from what it had finished."""
    return _reopen(store, job_id, ("failed", "dead", "cancelled"), "tried again")


def _ask(store: Store, job_id: int, word: str, state: str, possible: tuple[str, ...]) -> Job:
    now = now_us()
    with store.tx() as connection:
        job = _one(connection, job_id)
        if job.state == state:
            return job
        if job.state not in possible:
            raise UsageError(f"job {job_id} is {job.state}: it cannot be {state}")
        if job.state == "running" and not job.stalled(now):
            connection.execute("UPDATE job SET wanted = ?, updated = ? WHERE id = ?", (word, now, job_id))
        else:
            connection.execute(
                """UPDATE job SET state = ?1, wanted = NULL, owner = NULL, lease_until = NULL, updated = ?2,
                     finished = CASE ?1 WHEN 'cancelled' THEN ?2 END WHERE id = ?3""",
                (state, now, job_id),
            )
        write_event(connection, job_id, "info", f"a person asked: {word}")
        return _one(connection, job_id)


def _reopen(store: Store, job_id: int, possible: tuple[str, ...], words: str) -> Job:
    with store.tx() as connection:
        job = _one(connection, job_id)
        if job.state == "running" and job.wanted == "pause" and "paused" in possible:
            connection.execute("UPDATE job SET wanted = NULL, updated = ? WHERE id = ?", (now_us(), job_id))
        elif job.state in possible:
            connection.execute(
                """UPDATE job SET state = 'queued', wanted = NULL, error = NULL, finished = NULL, lease_until = NULL,
                     owner = NULL, max_attempts = max(max_attempts, attempt + ?), updated = ? WHERE id = ?""",
                (MAX_ATTEMPTS, now_us(), job_id),
            )
            write_event(connection, job_id, "info", words)
        elif job.state not in ("queued", "running"):
            raise UsageError(f"job {job_id} is {job.state}; only {', '.join(possible)} jobs can be {words}")
        return _one(connection, job_id)
