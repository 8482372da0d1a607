"""A judge job beside its verdicts: the fence, what people turn while it runs, what it shows of itself, its money."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError, StaleClaimError
from flywheel_tui.identity import now_us
from flywheel_tui.records.job import Claim

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def require_claim(connection: sqlite3.Connection, claim: Claim) -> None:
    """Raise StaleClaimError where a job belongs to somebody else by now; call it in the transaction that writes."""
    row = connection.execute(
        "SELECT 1 FROM job WHERE id = ? AND owner = ? AND attempt = ? AND state = 'running'",
        (claim.job_id, claim.owner, claim.attempt),
    ).fetchone()
    if row is None:
        raise StaleClaimError(
            f"job {claim.job_id}: attempt {claim.attempt} holds it no more; nothing of it was written"
        )


def steer(connection: sqlite3.Connection, job_id: int, changes: dict[str, Any]) -> dict[str, Any]:
    """Change what a job obeys while it runs (`concurrency`, `budget_micro`, `budget_tokens`); all that holds then.

    Raises NotFoundError for an unknown job.
    """
    row = connection.execute("SELECT steering FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is None:
        raise NotFoundError("job", str(job_id))
    now: dict[str, Any] = (_decode(row[0]) if row[0] else {}) | changes
    connection.execute(
        "UPDATE job SET steering = ?, updated = ? WHERE id = ?", (_encode(now).decode(), now_us(), job_id)
    )
    return now


def steering(connection: sqlite3.Connection, job_id: int) -> dict[str, Any]:
    """What people have set for a job since it was made."""
    row = connection.execute("SELECT steering FROM job WHERE id = ?", (job_id,)).fetchone()
    return _decode(row[0]) if row and row[0] else {}


def show_live(connection: sqlite3.Connection, job_id: int, figures: dict[str, Any]) -> None:
    """Write what a job shows of itself: calls in flight, cache hits, answers a second."""
    connection.execute("UPDATE job SET live = ? WHERE id = ?", (_encode(figures).decode(), job_id))


def live(connection: sqlite3.Connection, job_id: int) -> dict[str, Any]:
    """What a job shows of itself; empty before its first batch."""
    row = connection.execute("SELECT live FROM job WHERE id = ?", (job_id,)).fetchone()
    return _decode(row[0]) if row and row[0] else {}


def add_cost(connection: sqlite3.Connection, job_id: int, micro: int) -> None:
    """Add to what a job has cost, where there is something to add."""
    if micro:
        connection.execute("UPDATE job SET cost_micro = cost_micro + ? WHERE id = ?", (micro, job_id))


class Money(NamedTuple):
    """Spent by a job so far, what a killed process had reserved included."""

    micro: int
    tokens: int


def open_budget(connection: sqlite3.Connection, job_id: int) -> Money:
    """The account of a job as it is taken up: what was reserved and never settled counts as spent."""
    connection.execute("INSERT INTO budget (job_id) VALUES (?) ON CONFLICT (job_id) DO NOTHING", (job_id,))
    row = connection.execute(
        "UPDATE budget SET spent_micro = spent_micro + reserved_micro, reserved_micro = 0,"
        " spent_tokens = spent_tokens + reserved_tokens, reserved_tokens = 0 WHERE job_id = ?"
        " RETURNING spent_micro, spent_tokens",
        (job_id,),
    ).fetchone()
    return Money(*row)


def book(connection: sqlite3.Connection, job_id: int, spent: Money, reserved: Money) -> None:
    """Write both sides of a job's account."""
    connection.execute(
        "UPDATE budget SET spent_micro = ?, reserved_micro = ?, spent_tokens = ?, reserved_tokens = ? WHERE job_id = ?",
        (spent.micro, reserved.micro, spent.tokens, reserved.tokens, job_id),
    )


def spent(connection: sqlite3.Connection, job_id: int) -> Money:
    """What a job has spent, reservations included."""
    row = connection.execute(
        "SELECT spent_micro + reserved_micro, spent_tokens + reserved_tokens FROM budget WHERE job_id = ?", (job_id,)
    ).fetchone()
    return Money(*row) if row else Money(0, 0)
