"""What watchers read of a judge run while it grows: sums of what is new since they looked last, and the newest rows."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

WITHIN = 20_000
"""Rows that are looked through for the newest of a run: other runs may have written in between."""
_TEXT = 160


class Group(NamedTuple):
    """Verdicts that count, of one kind: passed or not, preference, the bin of their score (None without a score)."""

    passed: int
    preference: str | None
    bin: int | None
    verdicts: int
    sum: float
    last: int
    """The number of the newest of them."""


class NewestRow(NamedTuple):
    """A verdict, or the reason (`kind`) why there is none, with the beginning of the pair's instruction."""

    at: int
    pair: int
    text: str
    passed: int | None
    score: float | None
    preference: str | None
    kind: str | None
    note: str | None


def last_verdict(connection: sqlite3.Connection) -> int:
    """The number of the newest verdict of all runs; numbers only grow."""
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM verdict").fetchone()[0])


def groups_since(
    connection: sqlite3.Connection, run_id: int, after: int, upto: int, low: float, width: float, bins: int
) -> list[Group]:
    """The verdicts of a run with numbers in (`after`, `upto`], summed up; the first time from an index alone."""
    how = "verdict INDEXED BY verdict_said" if after == 0 else "verdict NOT INDEXED"
    query = (
        "SELECT passed, preference, CASE WHEN score IS NULL THEN NULL"
        " ELSE min(max(CAST((score - ?4) / ?5 AS INTEGER), 0), ?6 - 1) END AS bin,"
        f" count(*), coalesce(sum(score), 0.0), max(id) FROM {how} WHERE id > ?2 AND id <= ?3 AND judge_run_id = ?1"
        ' AND "order" = 0 AND repeat = 0 GROUP BY 1, 2, 3'
    )
    return [Group(*row) for row in connection.execute(query, (run_id, after, upto, low, width, bins))]


def missing_by_kind(connection: sqlite3.Connection, run_id: int) -> dict[str, int]:
    """How many pairs of a run have no verdict, by kind, the most frequent first."""
    query = "SELECT kind, count(*) FROM judge_error WHERE judge_run_id = ? GROUP BY kind ORDER BY count(*) DESC, kind"
    return dict(connection.execute(query, (run_id,)).fetchall())


_ROOT = (
    "coalesce((SELECT id FROM pair_current WHERE id = p.id),"
    " (SELECT id FROM pair_current c WHERE c.pair_id = p.id AND c.pair_id <> c.id), p.id)"
)


def newest(connection: sqlite3.Connection, run_id: int, last: int, limit: int) -> list[NewestRow]:
    """What a run said last, newest first; looks at the `WITHIN` rows up to `last` only."""
    pair = f"{_ROOT}, substr(p.instruction, 1, {_TEXT})"
    verdicts = (
        f"SELECT v.created, {pair}, v.passed, v.score, v.preference, NULL, substr(v.rationale, 1, {_TEXT})"
        " FROM (SELECT * FROM verdict NOT INDEXED WHERE id > ?2 - ?3 AND id <= ?2 AND judge_run_id = ?1"
        ' AND "order" = 0 AND repeat = 0 ORDER BY id DESC LIMIT ?4) v JOIN pair p ON p.id = v.pair_id'
    )
    errors = (
        f"SELECT e.created, {pair}, NULL, NULL, NULL, e.kind, substr(e.detail, 1, {_TEXT})"
        " FROM (SELECT * FROM judge_error NOT INDEXED WHERE id > (SELECT max(id) FROM judge_error) - ?2"
        " AND judge_run_id = ?1 ORDER BY id DESC LIMIT ?3) e JOIN pair p ON p.id = e.pair_id"
    )
    rows = [NewestRow(*row) for row in connection.execute(verdicts, (run_id, last, WITHIN, limit))]
    rows += [NewestRow(*row) for row in connection.execute(errors, (run_id, WITHIN, limit))]
    return sorted(rows, key=lambda row: row.at, reverse=True)[:limit]


def breakers(connection: sqlite3.Connection) -> list[str]:
    """Names of the back ends (as their jobs were asked to use them) that running jobs find out of order."""
    query = (
        "SELECT DISTINCT coalesce(json_extract(args, '$.backend'), kind) FROM job"
        " WHERE state IN ('queued', 'running') AND state = 'running'"
        " AND live IS NOT NULL AND json_extract(live, '$.service.breaker') NOT IN ('closed')"
    )
    return [name for (name,) in connection.execute(query)]
