"""The queue of long work: claims under a lease, fenced by owner and attempt.

A worker that was taken for dead and comes back holds an old attempt: every write of it is refused with
StaleClaimError inside its own transaction, so nothing of it lands. What a job makes and the state of its item are
written in one transaction (`item_done` inside `Store.tx`), so an item is done exactly once however often its worker
is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError, StaleClaimError, UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.job import ACTIVE, Claim, Job, JobEvent, Sample, progress_of
from flywheel_tui.store.db import Store

LEASE_S = 30.0
MAX_ATTEMPTS = 5
MAX_WAIT_S = 60
_SLOT_LIMITS = {"gpu": 1}
_RING = 120
_COLUMNS = """job.id, job.uid, job.kind, job.dataset_id, job.title, job.args, job.state, job.wanted, job.slot,
  job.priority, job.owner, job.lease_until, job.attempt, job.max_attempts, job.done, job.total, job.unit, job.phase,
  job.cost_micro, job.result, job.error, job.created, job.started, job.updated, job.finished"""
_NAMES = [part.split(".")[1] for part in _COLUMNS.replace("\n", " ").replace(" ", "").split(",")]
_HELD = "id = :id AND owner = :owner AND attempt = :attempt AND state = 'running'"
_OPEN = """state IN ('queued', 'running') AND ((state = 'queued' AND coalesce(lease_until, 0) <= :now)
  OR (state = 'running' AND lease_until < :now))"""


def _encode(value: Mapping[str, Any], what: str) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise UsageError(f"{what} cannot be kept as JSON: {error}") from error


def _job(row: tuple[Any, ...], dataset: str | None = None, samples: list[Sample] | None = None) -> Job:
    fields = dict(zip(_NAMES, row, strict=True))
    fields["args"] = msgspec.json.decode(fields["args"])
    if fields["result"] is not None:
        fields["result"] = msgspec.json.decode(fields["result"])
    if samples:
        now = progress_of(samples, fields["done"], fields["total"], fields["phase"])
        fields |= {"rate": now.rate, "eta_s": now.eta_s}
    return Job(**fields, dataset=dataset)


# -- making and reading ----------------------------------------------------------------------------------------------


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
    unit: str = "pairs",
    claim_for: str | None = None,
    lease_s: float = LEASE_S,
) -> Job:
    """Put a job in the queue; the same `uid` again gives back the job that is there. Lower `priority` goes first.

    `claim_for` names an owner that holds the job from the start, so that no worker can be faster. Raises UsageError
    for arguments that JSON cannot hold.
    """
    uid = uid or new_uid()
    encoded, now = _encode(args, "the arguments of the job"), now_us()
    with store.tx() as connection:
        connection.execute(
            """INSERT INTO job (uid, kind, dataset_id, title, args, slot, priority, max_attempts, total, unit, created,
                 updated, state, owner, lease_until, attempt, started)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING""",
            (uid, kind, dataset_id, title, encoded, slot, priority, max_attempts, total, unit, now, now)
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
        f"SELECT {_COLUMNS}, dataset.name FROM job LEFT JOIN dataset ON dataset.id = job.dataset_id {tail}", parameters
    ).fetchall()
    out = []
    for *row, dataset in rows:
        running = row[_NAMES.index("state")] == "running"
        samples = _samples(connection, row[0], row[_NAMES.index("attempt")]) if running else None
        out.append(_job(tuple(row), dataset, samples))
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
        _event(connection, job_id, level, text)


def _event(connection: sqlite3.Connection, job_id: int, level: str, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()[:2000]
    connection.execute(
        "INSERT INTO job_event (job_id, at, level, text) VALUES (?, ?, ?, ?)", (job_id, now_us(), level, text)
    )


# -- what a worker does ----------------------------------------------------------------------------------------------


def claim(store: Store, owner: str, *, lease_s: float = LEASE_S, slots: Iterable[str] | None = None) -> Job | None:
    """Take up the next job whose time has come, or one whose lease ran out; None where there is none.

    A job that was lost with its worker `max_attempts` times becomes dead, with the reason.
    """
    now = now_us()
    if not store.read().execute(f"SELECT EXISTS (SELECT 1 FROM job WHERE {_OPEN})", {"now": now}).fetchone()[0]:
        return None
    parameters: dict[str, Any] = {"now": now, "owner": owner, "until": now + int(lease_s * 1e6)}
    chosen = list(slots) if slots is not None else []
    wanted = [f":slot{index}" for index in range(len(chosen))]
    parameters |= {f"slot{index}": slot for index, slot in enumerate(chosen)}
    fits = f" AND slot IN ({', '.join(wanted)})" if slots is not None else ""
    for slot, limit in _SLOT_LIMITS.items():
        fits += f""" AND (slot <> '{slot}' OR {limit} > (SELECT count(*) FROM job AS other WHERE other.state = 'running'
          AND other.slot = '{slot}' AND other.lease_until >= :now))"""
    with store.tx(durable=False) as connection:
        _bury(connection, now)
        row = connection.execute(
            f"""UPDATE job SET state = 'running', owner = :owner, lease_until = :until, attempt = attempt + 1,
                  started = coalesce(started, :now), updated = :now
                WHERE id = (SELECT id FROM job WHERE {_OPEN}{fits} ORDER BY priority, id LIMIT 1)
                RETURNING {_COLUMNS.replace("job.", "")}""",
            parameters,
        ).fetchone()
        if row is None:
            return None
        job = _job(row)
        _event(connection, job.id, "info", f"taken up by {owner} (attempt {job.attempt} of {job.max_attempts})")
        _sample(connection, job.claim, now, job.done, job.phase)
    return job


def _bury(connection: sqlite3.Connection, now: int) -> None:
    """Settle jobs whose lease ran out and that nobody shall take up: asked to stop, or lost too often."""
    rows = connection.execute(
        """UPDATE job SET state = CASE wanted WHEN 'cancel' THEN 'cancelled' WHEN 'pause' THEN 'paused' ELSE 'dead' END,
             error = CASE WHEN wanted IS NULL
               THEN 'its worker was lost ' || attempt || ' times; see its events, then: flywheel jobs retry ' || id END,
             finished = CASE wanted WHEN 'pause' THEN NULL ELSE ?1 END,
             wanted = NULL, owner = NULL, lease_until = NULL, updated = ?1
           WHERE state = 'running' AND lease_until < ?1 AND (wanted IS NOT NULL OR attempt >= max_attempts)
           RETURNING id, state""",
        (now,),
    ).fetchall()
    for job_id, state in rows:
        _event(connection, job_id, "error" if state == "dead" else "warning", f"{state}: its worker was lost")


def _held(connection: sqlite3.Connection, claim: Claim, assignments: str, values: Mapping[str, Any]) -> str | None:
    """Change a job that `claim` holds; what a person wants of it. Raises StaleClaimError where it holds no more."""
    row = connection.execute(
        f"UPDATE job SET {assignments}, updated = :now WHERE {_HELD} RETURNING wanted",
        {"now": now_us(), **values, "id": claim.job_id, "owner": claim.owner, "attempt": claim.attempt},
    ).fetchone()
    if row is None:
        raise _stale(claim)
    wanted: str | None = row[0]
    return wanted


def _stale(claim: Claim) -> StaleClaimError:
    return StaleClaimError(f"job {claim.job_id}: attempt {claim.attempt} holds it no more; nothing of it was written")


def _sample(connection: sqlite3.Connection, claim: Claim, now: int, done: int, phase: str | None) -> None:
    connection.execute(
        """INSERT INTO job_progress (job_id, slot, attempt, at, phase, done) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (job_id, slot) DO UPDATE
             SET attempt = excluded.attempt, at = excluded.at, phase = excluded.phase, done = excluded.done
           WHERE excluded.at - job_progress.at > 1000000 OR excluded.attempt <> job_progress.attempt
             OR excluded.phase IS NOT job_progress.phase""",
        (claim.job_id, now // 1_000_000 % _RING, claim.attempt, now, phase, done),
    )


def heartbeat(store: Store, claim: Claim, *, lease_s: float = LEASE_S) -> str | None:
    """Renew the lease; 'pause' or 'cancel' where a person asked for it. Raises StaleClaimError."""
    with store.tx(durable=False) as connection:
        return _held(connection, claim, "lease_until = :until", {"until": now_us() + int(lease_s * 1e6)})


def wanted(store: Store, claim: Claim) -> str | None:
    """What a person asked of a running job, without writing. Raises StaleClaimError where the claim holds no more."""
    row = store.read().execute(f"SELECT wanted FROM job WHERE {_HELD}", claim_fields(claim)).fetchone()
    if row is None:
        raise _stale(claim)
    asked: str | None = row[0]
    return asked


def claim_fields(claim: Claim) -> dict[str, Any]:
    """The claim as named parameters."""
    return {"id": claim.job_id, "owner": claim.owner, "attempt": claim.attempt}


def progress(
    store: Store,
    claim: Claim,
    done: int,
    total: int | None = None,
    phase: str | None = None,
    cost_micro: int | None = None,
) -> str | None:
    """Say how far the job is (`total=None` keeps the one known). Raises StaleClaimError."""
    with store.tx(durable=False) as connection:
        values = {"done": done, "total": total, "phase": phase, "cost": cost_micro}
        asked = _held(
            connection,
            claim,
            "done = :done, total = coalesce(:total, total), phase = :phase, cost_micro = coalesce(:cost, cost_micro)",
            values,
        )
        _sample(connection, claim, now_us(), done, phase)
        return asked


def item_done(store: Store, claim: Claim, key: str, *, state: str = "done", detail: str | None = None) -> bool:
    """Mark an item done; False where it was before. Call it in the `store.tx()` that writes what the item made.

    Raises StaleClaimError, which rolls that transaction back.
    """
    with store.tx(durable=False) as connection:
        if connection.execute(f"SELECT 1 FROM job WHERE {_HELD}", claim_fields(claim)).fetchone() is None:
            raise _stale(claim)
        changed = connection.execute(
            """INSERT INTO job_item (job_id, key, state, detail, updated) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (job_id, key) DO UPDATE
                 SET state = excluded.state, detail = excluded.detail, updated = excluded.updated
               WHERE job_item.state <> 'done'""",
            (claim.job_id, key, state, detail, now_us()),
        ).rowcount
        return changed == 1


def done_items(store: Store, job_id: int) -> set[str]:
    """The keys of the items that are done: what a job that goes on may skip."""
    query = "SELECT key FROM job_item WHERE job_id = ? AND state = 'done'"
    return {key for (key,) in store.read().execute(query, (job_id,))}


def finish(
    store: Store, claim: Claim, result: Mapping[str, Any], *, done: int | None = None, total: int | None = None
) -> None:
    """The job is done, and this came of it. Raises StaleClaimError: then nothing was written."""
    encoded = _encode(result, "the result of the job")
    assignments = """state = 'done', result = :result, error = NULL, wanted = NULL, owner = NULL, lease_until = NULL,
      finished = :now, done = coalesce(:done, done), total = coalesce(:total, total)"""
    with store.tx() as connection:
        _held(connection, claim, assignments, {"result": encoded, "done": done, "total": total})
        _event(connection, claim.job_id, "info", "done")


def fail(store: Store, claim: Claim, error: str, *, retry: bool = False) -> str:
    """The job went wrong; with `retry` it is tried again later, until it is dead. Its new state.

    Raises StaleClaimError.
    """
    error = error.encode("utf-8", "replace").decode()[:4000]
    assignments = """state = CASE WHEN NOT :retry THEN 'failed' WHEN attempt < max_attempts THEN 'queued'
        ELSE 'dead' END,
      finished = CASE WHEN :retry AND attempt < max_attempts THEN NULL ELSE :now END,
      lease_until = CASE WHEN :retry AND attempt < max_attempts
        THEN :now + 1000000 * min(:longest, 1 << attempt) END,
      error = :error, wanted = NULL, owner = NULL"""
    with store.tx() as connection:
        _held(connection, claim, assignments, {"retry": retry, "error": error, "longest": MAX_WAIT_S})
        state = connection.execute("SELECT state FROM job WHERE id = ?", (claim.job_id,)).fetchone()[0]
        _event(connection, claim.job_id, "warning" if state == "queued" else "error", f"{state}: {error}")
    return str(state)


def give_back(store: Store, claim: Claim, state: str, *, reason: str, wait_s: float = 0) -> None:
    """Lay a running job down as queued, paused or cancelled; it does not count as an attempt. Raises StaleClaimError.

    What it has finished is kept, and whoever takes it up goes on from there; nobody does within `wait_s` seconds.
    """
    assignments = """state = :state, owner = NULL, wanted = NULL, max_attempts = max_attempts + 1,
      lease_until = CASE WHEN :wait > 0 THEN :now + :wait END, finished = CASE :state WHEN 'cancelled' THEN :now END"""
    with store.tx(durable=False) as connection:
        _held(connection, claim, assignments, {"state": state, "wait": int(wait_s * 1e6)})
        _event(connection, claim.job_id, "info", f"{state}: {reason}")


def expire(store: Store, owners: Iterable[str]) -> int:
    """End the leases of owners that are known to be dead, so that their jobs go on at once; how many there were."""
    ended = 0
    for owner in owners:
        with store.tx(durable=False) as connection:
            ended += connection.execute(
                "UPDATE job SET lease_until = 0 WHERE state = 'running' AND owner = ? AND lease_until > 0", (owner,)
            ).rowcount
    return ended


def owners(store: Store) -> list[str]:
    """Who holds running jobs."""
    query = "SELECT DISTINCT owner FROM job WHERE state = 'running' AND owner IS NOT NULL"
    return [owner for (owner,) in store.read().execute(query)]


# -- what a person does ----------------------------------------------------------------------------------------------


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
    return _reopen(store, job_id, ("failed", "dead", "cancelled"), "to be tried again")


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
        _event(connection, job_id, "info", f"a person asked: {word}")
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
            _event(connection, job_id, "info", words)
        elif job.state not in ("queued", "running"):
            raise UsageError(f"job {job_id} is {job.state}; only {', '.join(possible)} jobs can be {words}")
        return _one(connection, job_id)
