"""Batches handed to a provider: what is still out, and what came back of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from flywheel_tui.identity import now_us

KEY_BYTES = 16


class OpenBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that has not come back. Without `remote` it is not known whether it ever was sent."""

    id: int
    label: str
    remote: str | None
    keys: tuple[bytes, ...]
    estimate_micro: int
    estimate_tokens: int
    created: int


def intend(
    connection: sqlite3.Connection, run_id: int, label: str, backend: str, place: str, keys: Sequence[bytes],
    estimate_micro: int, estimate_tokens: int,
) -> int:  # fmt: skip
    """Write that a batch is about to be sent (inside a write transaction); its number."""
    now = now_us()
    row = connection.execute(
        "INSERT INTO provider_batch (judge_run_id, label, backend, place, state, keys, estimate_micro,"
        " estimate_tokens, created, updated) VALUES (?, ?, ?, ?, 'intended', ?, ?, ?, ?, ?) RETURNING id",
        (run_id, label, backend, place, b"".join(keys), estimate_micro, estimate_tokens, now, now),
    ).fetchone()
    return int(row[0])


def sent(connection: sqlite3.Connection, batch: int, remote: str) -> None:
    """The provider has taken it, under this name."""
    connection.execute(
        "UPDATE provider_batch SET remote = ?, state = 'sent', updated = ? WHERE id = ?", (remote, now_us(), batch)
    )


def collected(connection: sqlite3.Connection, batch: int, answered: int) -> None:
    """Its answers are in the store."""
    connection.execute(
        "UPDATE provider_batch SET state = 'collected', answered = ?, updated = ? WHERE id = ?",
        (answered, now_us(), batch),
    )


def lost(connection: sqlite3.Connection, batch: int) -> None:
    """It was never sent, or the provider knows nothing of it."""
    connection.execute("UPDATE provider_batch SET state = 'lost', updated = ? WHERE id = ?", (now_us(), batch))


def open_batches(connection: sqlite3.Connection, run_id: int) -> list[OpenBatch]:
    """What is still out for a run, the oldest first."""
    rows = connection.execute(
        "SELECT id, label, remote, keys, estimate_micro, estimate_tokens, created FROM provider_batch"
        " WHERE judge_run_id = ? AND state IN ('intended', 'sent') ORDER BY id",
        (run_id,),
    )
    return [
        OpenBatch(
            id=row[0], label=row[1], remote=row[2], estimate_micro=row[4], estimate_tokens=row[5], created=row[6],
            keys=tuple(row[3][at : at + KEY_BYTES] for at in range(0, len(row[3]), KEY_BYTES)),
        )
        for row in rows
    ]  # fmt: skip
