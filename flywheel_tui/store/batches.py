"""Bulk actions: many labels that are undone as one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from flywheel_tui.identity import now_us


def begin(
    connection: sqlite3.Connection,
    *,
    uid: bytes,
    dataset_id: int,
    reviewer: str,
    expression: str | None,
    status: str,
    reasons: Sequence[str],
    matched: int,
    at: int,
) -> int:
    """Record that a bulk action has begun; the id that its labels carry."""
    row = connection.execute(
        "INSERT INTO batch (uid, dataset_id, kind, reviewer, expression, status, reasons, matched, created)"
        " VALUES (?, ?, 'bulk', ?, ?, ?, ?, ?, ?) RETURNING id",
        (uid, dataset_id, reviewer, expression, status, msgspec.json.encode(reasons).decode(), matched, at),
    ).fetchone()
    return int(row[0])


def set_changed(connection: sqlite3.Connection, batch_id: int, changed: int) -> None:
    """Record how many labels it has written so far."""
    connection.execute("UPDATE batch SET changed = ? WHERE id = ?", (changed, batch_id))


def finish(connection: sqlite3.Connection, batch_id: int) -> None:
    """Record that a bulk action is whole."""
    connection.execute("UPDATE batch SET state = 'done', finished = ? WHERE id = ?", (now_us(), batch_id))


def states(
    connection: sqlite3.Connection, pairs: Sequence[int], reviewer: str
) -> list[tuple[int, int, int, str, str | None]]:
    """`(pair, data set, version, status, status that this reviewer gave it)` of those of the pairs that exist."""
    marks = ",".join("?" * len(pairs))
    return connection.execute(
        "SELECT c.id, c.dataset_id, c.pair_id, c.status, l.status FROM pair_current c LEFT JOIN label_current l"
        f" ON l.root_id = c.id AND l.reviewer = ? WHERE c.id IN ({marks})",
        [reviewer, *pairs],
    ).fetchall()
