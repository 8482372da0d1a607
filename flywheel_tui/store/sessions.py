"""Rows of `session` (one for each sitting at the label screen) and what a sitting has to show for itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

_STANDING = (
    "e.action IN ('label', 'adjudicate') AND e.batch_id IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.uid)"
)


class SittingFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided in a sitting and still stands; `repeated` pairs were shown twice, `agreed` of them alike."""

    by_status: dict[str, int]
    flagged: int
    repeated: int
    agreed: int


def insert_session(
    connection: sqlite3.Connection, uid: bytes, reviewer: str, dataset_id: int, queue: str, cursor: int | None, now: int
) -> None:
    """A new sitting; `queue` is the JSON of what was asked for, `cursor` the pair it starts from."""
    connection.execute(
        "INSERT INTO session (uid, reviewer, dataset_id, queue, cursor, started, seen) VALUES (?, ?, ?, ?, ?, ?, ?6)",
        (uid, reviewer, dataset_id, queue, cursor, now),
    )


def last_cursor(connection: sqlite3.Connection, reviewer: str, dataset_id: int, queue: str) -> int | None:
    """The pair at which this reviewer last stopped in the same queue; None where there was none."""
    row = connection.execute(
        "SELECT cursor FROM session WHERE reviewer = ? AND dataset_id = ? AND queue = ? AND cursor IS NOT NULL"
        " ORDER BY seen DESC, uid DESC LIMIT 1",
        (reviewer, dataset_id, queue),
    ).fetchone()
    return row[0] if row else None


def last_queue(connection: sqlite3.Connection, reviewer: str, dataset: str | None) -> str | None:
    """The JSON of the queue that this reviewer worked on last (in one data set, or in any that is still there)."""
    row = connection.execute(
        "SELECT s.queue FROM session s JOIN dataset d ON d.id = s.dataset_id"
        " WHERE s.reviewer = ? AND d.deleted IS NULL AND (? IS NULL OR d.name = ?2) ORDER BY s.seen DESC LIMIT 1",
        (reviewer, dataset),
    ).fetchone()
    return row[0] if row else None


def end_session(connection: sqlite3.Connection, uid: bytes, cursor: int | None, now: int) -> None:
    """A sitting is over; `cursor` is where to go on."""
    connection.execute("UPDATE session SET cursor = ?, seen = ?, ended = ?2 WHERE uid = ?", (cursor, now, uid))


def last_answered(connection: sqlite3.Connection, reviewer: str) -> int:
    """When this reviewer last decided something (microseconds UTC), 0 where never."""
    row = connection.execute(
        "SELECT answered FROM label_event WHERE reviewer = ? AND action IN ('label', 'adjudicate')"
        " AND batch_id IS NULL ORDER BY answered DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    return int(row[0]) if row else 0


def decided_pairs(connection: sqlite3.Connection, dataset_id: int, reviewer: str) -> list[int]:
    """The pairs of a data set that a reviewer has decided on."""
    query = (
        "SELECT root_id FROM label_current WHERE dataset_id = ? AND reviewer = ?"
        " AND status IN ('approved', 'rejected', 'skipped', 'edited')"
    )
    return [row[0] for row in connection.execute(query, (dataset_id, reviewer))]


def figures(connection: sqlite3.Connection, uid: bytes, reviewer: str, since: int) -> SittingFigures:
    """What stands of a sitting that began at `since` (microseconds UTC)."""
    mine = f"e.reviewer = ? AND e.answered >= ? AND e.session = ? AND {_STANDING}"
    given: Sequence[Any] = (reviewer, since, uid)
    by_status = dict(
        connection.execute(
            # of several decisions on a pair the newest counts: SQLite takes a bare column from the row of max()
            f"SELECT status, count(*) FROM (SELECT e.status AS status, max(e.answered) FROM label_event e WHERE {mine}"
            " AND e.status IS NOT NULL AND e.repeat_of IS NULL AND e.active_ms IS NOT NULL GROUP BY e.root_id)"
            " GROUP BY status",
            given,
        ).fetchall()
    )
    flagged = connection.execute(
        f"SELECT count(DISTINCT e.root_id) FROM label_event e WHERE {mine} AND e.flagged = 1", given
    ).fetchone()[0]
    repeated, agreed = connection.execute(
        "SELECT count(*), coalesce(sum(e.status IS o.status AND e.preference IS o.preference), 0)"
        f" FROM label_event e JOIN label_event o ON o.uid = e.repeat_of WHERE {mine}",
        given,
    ).fetchone()
    return SittingFigures(by_status=by_status, flagged=flagged, repeated=repeated, agreed=agreed)


def stamp_of(connection: sqlite3.Connection, root_id: int) -> tuple[Any, ...]:
    """Changes whenever a label, an edit, a finding or a verdict of a pair does; () for an unknown pair."""
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT c.pair_id, c.status, c.flagged, c.findings, c.verdict_id, c.tags, c.adjudicated,"
        " (SELECT group_concat(event_id) FROM label_current l WHERE l.root_id = c.id)"
        " FROM pair_current c WHERE c.id = ?",
        (root_id,),
    ).fetchone()
    return row or ()


def verdict_of(connection: sqlite3.Connection, root_id: int) -> tuple[Any, ...] | None:
    """The verdict that counts for a pair: (score, passed, scores as JSON, rationale, tag, model)."""
    row: tuple[Any, ...] | None = connection.execute(
        "SELECT v.score, v.passed, v.scores, v.rationale, r.tag, j.model FROM pair_current c"
        " JOIN verdict v ON v.id = c.verdict_id JOIN judge_run r ON r.id = v.judge_run_id"
        " LEFT JOIN judge j ON j.id = r.judge_id WHERE c.id = ?",
        (root_id,),
    ).fetchone()
    return row


def parents_of(connection: sqlite3.Connection, version: int, limit: int = 4) -> list[tuple[Any, ...]]:
    """Where a version comes from: (relation, recipe, teacher, line of the parent, first words of the parent)."""
    return connection.execute(
        "SELECT e.relation, e.recipe, e.teacher, p.line, substr(p.instruction, 1, 80), e.parent_id FROM edge e"
        " JOIN pair p ON p.id = e.parent_id WHERE e.child_id = ? ORDER BY e.created LIMIT ?",
        (version, limit),
    ).fetchall()
