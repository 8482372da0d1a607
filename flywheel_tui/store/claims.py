"""The queue of long work, as the worker that holds a job sees it: under a lease, fenced by owner and attempt.

A worker that was taken for dead and comes back holds an old attempt: every write of it is refused with
StaleClaimError inside its own transaction, so nothing of it lands. What a job makes and the state of its item are
written in one transaction (`item_done` inside `Store.tx`), so an item is done exactly once however often its worker
is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from flywheel_tui.errors import StaleClaimError
from flywheel_tui.identity import now_us
from flywheel_tui.records.job import Claim, Job
from flywheel_tui.store.db import Store
from flywheel_tui.store.jobs import COLUMNS, LEASE_S, encode, job_of, write_event

MAX_WAIT_S = 60
_SLOT_LIMITS = {"gpu": 1}
_RING = 120
_HELD = "id = :id AND owner = :owner AND attempt = :attempt AND state = 'running'"
_OPEN = """state IN ('queued', 'running') AND ((state = 'queued' AND coalesce(lease_until, 0) <= :now)
  OR (state = 'running' AND lease_until < :now))"""


def claim(store: Store, owner: str, *, lease_s: float = LEASE_S, slots: Iterable[str] | None = None) -> Job | None:
    """Take up the next job whose time has come, or one whose lease ran out; None where there is none.

    A job that was lost with its worker `max_attempts` times becomes dead, with the reason.
    """
    now = now_us()
    parameters: dict[str, Any] = {"now": now, "owner": owner, "until": now + int(lease_s * 1e6)}
    chosen = list(slots) if slots is not None else []
    wanted = [f":slot{index}" for index in range(len(chosen))]
    parameters |= {f"slot{index}": slot for index, slot in enumerate(chosen)}
    fits = f" AND slot IN ({', '.join(wanted)})" if slots is not None else ""
    for slot, limit in _SLOT_LIMITS.items():
        fits += f""" AND (slot <> '{slot}' OR {limit} > (SELECT count(*) FROM job AS other WHERE other.state = 'running'
          AND other.slot = '{slot}' AND other.lease_until >= :now))"""
    # looked up first without the write lock, so that idle workers are in nobody's way
    there = f"SELECT EXISTS (SELECT 1 FROM job WHERE {_OPEN} AND (state = 'running' OR (TRUE{fits})))"
    if not store.read().execute(there, parameters).fetchone()[0]:
        return None
    with store.tx(durable=False) as connection:
        _bury(connection, now)
        row = connection.execute(
            f"""UPDATE job SET state = 'running', owner = :owner, lease_until = :until, attempt = attempt + 1,
                  started = coalesce(started, :now), updated = :now
                WHERE id = (SELECT id FROM job WHERE {_OPEN}{fits} ORDER BY priority, id LIMIT 1)
                RETURNING {COLUMNS.replace("job.", "")}""",
            parameters,
        ).fetchone()
        if row is None:
            return None
        job = job_of(row)
        write_event(connection, job.id, "info", f"taken up by {owner} (attempt {job.attempt} of {job.max_attempts})")
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
        write_event(connection, job_id, "error" if state == "dead" else "warning", f"{state}: its worker was lost")


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
    row = store.read().execute(f"SELECT wanted FROM job WHERE {_HELD}", _fields(claim)).fetchone()
    if row is None:
        raise _stale(claim)
    asked: str | None = row[0]
    return asked


def _fields(claim: Claim) -> dict[str, Any]:
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
        if connection.execute(f"SELECT 1 FROM job WHERE {_HELD}", _fields(claim)).fetchone() is None:
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
    encoded = encode(result, "the result of the job")
    assignments = """state = 'done', result = :result, error = NULL, wanted = NULL, owner = NULL, lease_until = NULL,
      finished = :now, done = coalesce(:done, done), total = coalesce(:total, total)"""
    with store.tx() as connection:
        _held(connection, claim, assignments, {"result": encoded, "done": done, "total": total})
        write_event(connection, claim.job_id, "info", "done")


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
        write_event(connection, claim.job_id, "warning" if state == "queued" else "error", f"{state}: {error}")
    return str(state)


def give_back(store: Store, claim: Claim, state: str, *, reason: str, wait_s: float = 0) -> None:
    """Lay a running job down as queued, paused or cancelled; it does not count as an attempt. Raises StaleClaimError.

    What it has finished is kept, and whoever takes it up goes on from there; nobody does within `wait_s` seconds.
    """
    assignments = """state = :state, owner = NULL, wanted = NULL, max_attempts = max_attempts + 1,
      lease_until = CASE WHEN :wait > 0 THEN :now + :wait END, finished = CASE :state WHEN 'cancelled' THEN :now END"""
    with store.tx(durable=False) as connection:
        _held(connection, claim, assignments, {"state": state, "wait": int(wait_s * 1e6)})
        write_event(connection, claim.job_id, "info", f"{state}: {reason}")


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
