"""What screens show of findings: pairs by check, how far checks have come, clusters with their pairs."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

_RANK = "max(CASE f.severity WHEN 'error' THEN 3 WHEN 'warning' THEN 2 ELSE 1 END)"
_SEVERITY = {3: "error", 2: "warning", 1: "info"}
_SUPERSEDED = (
    "SELECT c.id AS id FROM pair_current c WHERE c.pair_id <> c.id AND c.dataset_id = ?1 UNION ALL"
    " SELECT p.id FROM pair p WHERE p.dataset_id = ?1 AND p.supersedes IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM pair_current c WHERE c.pair_id = p.id AND c.pair_id <> c.id)"
)


class CheckTime(NamedTuple):
    """When a check last wrote something of a data set (microseconds UTC), and how far it had come then."""

    at: int
    version: int
    upto: int
    mark: str | None
    figures: str | None


class ClusterSize(NamedTuple):
    """A cluster by the version that is kept: how many pairs it has, and how many of them are left to decide on.

    Left are those that are neither rejected nor tagged as distinct.
    """

    kept: int
    pairs: int
    left: int


class Member(NamedTuple):
    """A pair of a cluster: its own id, its version, where it stands, and what the check said of it."""

    pair: int
    version: int
    position: int
    status: str
    distinct: bool
    message: str


def pairs_by_check(connection: sqlite3.Connection, dataset_id: int) -> dict[str, dict[str, int]]:
    """How many pairs each check found something in, by the worst that it found there; only current versions count."""
    found: dict[str, dict[str, int]] = {}
    everything = (
        f"SELECT f.check_name, {_RANK} AS worst FROM finding f WHERE f.dataset_id = ?1 GROUP BY f.check_name, f.pair_id"
    )
    superseded = (
        f"SELECT f.check_name, {_RANK} AS worst FROM ({_SUPERSEDED}) s CROSS JOIN finding f ON f.pair_id = s.id"
        " GROUP BY f.check_name, f.pair_id"
    )
    for query, sign in ((everything, 1), (superseded, -1)):
        grouped = f"SELECT check_name, worst, count(*) FROM ({query}) GROUP BY 1, 2"
        for check, worst, count in connection.execute(grouped, (dataset_id,)):
            by_severity = found.setdefault(check, {})
            severity = _SEVERITY[worst]
            by_severity[severity] = by_severity.get(severity, 0) + sign * count
    return {check: {name: count for name, count in counts.items() if count} for check, counts in found.items()}


def check_times(connection: sqlite3.Connection, dataset_id: int) -> dict[str, CheckTime]:
    """When each check last looked at a data set."""
    rows = connection.execute(
        "SELECT check_name, updated, version, upto, mark, figures FROM check_state WHERE dataset_id = ?", (dataset_id,)
    )
    return {name: CheckTime(*rest) for name, *rest in rows}


def newest_version(connection: sqlite3.Connection, dataset_id: int) -> int:
    """The id of the last version that a data set got, 0 where it has none."""
    query = (
        "SELECT max(coalesce((SELECT id FROM pair_current WHERE dataset_id = ?1 ORDER BY position DESC LIMIT 1), 0),"
        " coalesce((SELECT max(id) FROM pair WHERE dataset_id = ?1 AND supersedes IS NOT NULL), 0))"
    )
    return int(connection.execute(query, (dataset_id,)).fetchone()[0])


# Pairs that are only alike (severity info, and not the kept one) are left out: none of them is superfluous.
_MEMBERS = (
    "SELECT f.cluster, f.pair_id AS version, coalesce(c.id, d.id) AS pair,"
    " coalesce(c.position, d.position) AS position, coalesce(c.status, d.status) AS status,"
    " EXISTS (SELECT 1 FROM json_each(coalesce(c.tags, d.tags)) WHERE value = ?3) AS is_distinct,"
    " min(f.message) AS message FROM finding f"
    " LEFT JOIN pair_current c ON c.id = f.pair_id AND c.pair_id = f.pair_id"
    " LEFT JOIN pair_current d ON d.pair_id = f.pair_id AND d.pair_id <> d.id"
    " WHERE f.dataset_id = ?1 AND f.check_name = ?2 AND f.cluster IS NOT NULL"
    " AND (c.id IS NOT NULL OR d.id IS NOT NULL) AND (f.severity <> 'info' OR f.pair_id = f.cluster)"
)


def cluster_sizes(connection: sqlite3.Connection, dataset_id: int, check: str, tag: str) -> list[ClusterSize]:
    """The clusters of a check that have at least two pairs, by the version that is kept; `tag` marks distinct pairs."""
    rows = connection.execute(
        "SELECT cluster, count(*), sum(status <> 'rejected' AND NOT is_distinct)"
        f" FROM ({_MEMBERS} GROUP BY f.cluster, f.pair_id) GROUP BY cluster HAVING count(*) > 1 ORDER BY 1",
        (dataset_id, check, tag),
    )
    return [ClusterSize(*row) for row in rows]


def cluster_members(connection: sqlite3.Connection, dataset_id: int, check: str, tag: str, kept: int) -> list[Member]:
    """The pairs of a cluster: the kept one first, the others by position."""
    rows = connection.execute(
        f"SELECT pair, version, position, status, is_distinct, message FROM ({_MEMBERS} AND f.cluster = ?4"
        " GROUP BY f.pair_id) ORDER BY version <> ?4, position",
        (dataset_id, check, tag, kept),
    )
    return [Member(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]


def clustered(connection: sqlite3.Connection, dataset_id: int, check: str, tag: str) -> list[tuple[int, int, int, str]]:
    """`(cluster, version, pair, status)` of every pair in a cluster that is not distinct, by cluster and position."""
    rows = connection.execute(
        f"SELECT cluster, version, pair, status FROM ({_MEMBERS} GROUP BY f.cluster, f.pair_id)"
        " WHERE NOT is_distinct ORDER BY cluster, position",
        (dataset_id, check, tag),
    )
    return rows.fetchall()
