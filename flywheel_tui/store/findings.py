"""Findings: how far each check has come, what was found, and the figures and clusters that screens show.

Findings of versions that are no longer current stay in the table and are not counted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.identity import now_us


class CheckState(NamedTuple):
    """How far a check has looked: every version up to `upto`, in this version and configuration of the check."""

    version: int
    config: str
    upto: int
    mark: str | None = None
    figures: str | None = None


class FindingRow(NamedTuple):
    """A finding in the order of the columns that are written."""

    pair: int
    check: str
    check_version: int
    severity: str
    field: str | None
    start: int | None
    end: int | None
    message: str
    cluster: int | None


class Cluster(NamedTuple):
    """Pairs that belong together: the version that is kept, and how many others there are."""

    kept: int
    others: int


def _list(values: Iterable[Any]) -> str:
    return msgspec.json.encode(list(values)).decode()


# -- states ----------------------------------------------------------------------------------------------------------


def states_of(connection: sqlite3.Connection, dataset_id: int) -> dict[str, CheckState]:
    """How far each check has looked at a data set."""
    rows = connection.execute(
        "SELECT check_name, version, config, upto, mark, figures FROM check_state WHERE dataset_id = ?", (dataset_id,)
    )
    return {name: CheckState(*state) for name, *state in rows}


def write_state(connection: sqlite3.Connection, dataset_id: int, check: str, state: CheckState) -> None:
    """Note how far a check has looked, in the transaction that writes what it found."""
    connection.execute(
        "INSERT INTO check_state (dataset_id, check_name, version, config, upto, mark, figures, updated)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (dataset_id, check_name)"
        " DO UPDATE SET version = excluded.version, config = excluded.config, upto = excluded.upto,"
        " mark = excluded.mark, figures = excluded.figures, updated = excluded.updated",
        (dataset_id, check, *state, now_us()),
    )


# -- writing ---------------------------------------------------------------------------------------------------------


def has_findings(connection: sqlite3.Connection, dataset_id: int, check: str) -> bool:
    """Whether a check has any finding here, of whatever version."""
    query = "SELECT 1 FROM finding WHERE dataset_id = ? AND check_name = ? LIMIT 1"
    return connection.execute(query, (dataset_id, check)).fetchone() is not None


def forget(connection: sqlite3.Connection, versions: Iterable[int], checks: Iterable[str]) -> list[int]:
    """Remove what these checks had said of these versions; the versions of which something was removed."""
    query = (
        "DELETE FROM finding WHERE pair_id IN (SELECT value FROM json_each(?))"
        " AND check_name IN (SELECT value FROM json_each(?)) RETURNING pair_id"
    )
    return [pair for (pair,) in connection.execute(query, (_list(versions), _list(checks))).fetchall()]


def forget_rows(connection: sqlite3.Connection, ids: Iterable[int]) -> None:
    """Remove findings by their numbers."""
    connection.execute("DELETE FROM finding WHERE id IN (SELECT value FROM json_each(?))", (_list(ids),))


def insert(connection: sqlite3.Connection, dataset_id: int, found: Iterable[FindingRow]) -> None:
    """Write findings."""
    connection.executemany(
        f"INSERT INTO finding (dataset_id, created, pair_id, check_name, check_version, severity, field, span_start,"
        f" span_end, message, cluster) VALUES ({int(dataset_id)}, {now_us()}, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        found,
    )


_COUNT = """UPDATE pair_current SET findings = f.n, severity = CASE f.worst WHEN 3 THEN 'error' WHEN 2 THEN 'warning'
 WHEN 1 THEN 'info' END FROM (SELECT j.value AS version, count(f.id) AS n,
 max(CASE f.severity WHEN 'error' THEN 3 WHEN 'warning' THEN 2 WHEN 'info' THEN 1 END) AS worst
 FROM json_each(?) j LEFT JOIN finding f ON f.pair_id = j.value GROUP BY j.value) f WHERE """.replace("\n", "")


def recount(connection: sqlite3.Connection, versions: Collection[int]) -> None:
    """Bring `findings` and `severity` of the pairs whose current version is among these up to date."""
    if not versions:
        return
    listed = _list(set(versions))
    connection.execute(_COUNT + "pair_current.id = f.version AND pair_current.pair_id = f.version", (listed,))
    connection.execute(
        _COUNT + "pair_current.pair_id = f.version AND pair_current.pair_id <> pair_current.id", (listed,)
    )


def of_check(connection: sqlite3.Connection, dataset_id: int, check: str) -> dict[FindingRow, list[int]]:
    """Everything that a check has said of a data set: finding to its numbers."""
    found: dict[FindingRow, list[int]] = {}
    query = (
        "SELECT id, pair_id, check_name, check_version, severity, field, span_start, span_end, message, cluster"
        " FROM finding WHERE dataset_id = ? AND check_name = ?"
    )
    for id, *row in connection.execute(query, (dataset_id, check)):
        found.setdefault(FindingRow(*row), []).append(id)
    return found


# -- figures and lists -----------------------------------------------------------------------------------------------

_SUPERSEDED = (
    "SELECT c.id AS id FROM pair_current c WHERE c.pair_id <> c.id AND c.dataset_id = ?1 UNION ALL"
    " SELECT p.id FROM pair p WHERE p.dataset_id = ?1 AND p.supersedes IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM pair_current c WHERE c.pair_id = p.id AND c.pair_id <> c.id)"
)


def counts(connection: sqlite3.Connection, dataset_id: int) -> dict[str, dict[str, int]]:
    """Findings of current versions by check and severity."""
    found: dict[str, dict[str, int]] = {}
    everything = "SELECT check_name, severity, count(*) FROM finding WHERE dataset_id = ?1 GROUP BY 1, 2"
    superseded = (
        f"SELECT f.check_name, f.severity, -count(*) FROM ({_SUPERSEDED}) s CROSS JOIN finding f ON f.pair_id = s.id"
        " GROUP BY 1, 2"
    )
    for query in (everything, superseded):
        for check, severity, number in connection.execute(query, (dataset_id,)):
            by_severity = found.setdefault(check, {})
            by_severity[severity] = by_severity.get(severity, 0) + number
    return {
        check: {severity: n for severity, n in by_severity.items() if n > 0} for check, by_severity in found.items()
    }


def pairs_by_severity(connection: sqlite3.Connection, dataset_id: int) -> dict[str, int]:
    """How many pairs have findings, by the worst of them."""
    query = (
        "SELECT severity, count(*) FROM pair_current WHERE dataset_id = ? AND severity IS NOT NULL GROUP BY severity"
    )
    return dict(connection.execute(query, (dataset_id,)).fetchall())


def examples(
    connection: sqlite3.Connection, dataset_id: int, check: str, limit: int = 5
) -> list[tuple[int, FindingRow]]:
    """`(position, finding)` of some findings of a check in current versions, the worst first."""
    found: list[tuple[int, FindingRow]] = []
    for severity in ("error", "warning", "info"):
        if len(found) >= limit:
            break
        found += _positioned(
            connection,
            "f.dataset_id = ? AND f.check_name = ? AND f.severity = ?",
            (dataset_id, check, severity),
            f"ORDER BY f.rowid LIMIT {int(limit) - len(found)}",
        )
    return found


def findings_after(
    connection: sqlite3.Connection, dataset_id: int, after: int, limit: int = 2_000
) -> list[tuple[int, int, FindingRow]]:
    """`(number of the finding, position, finding)` of current versions, a keyset page over the finding's number."""
    rows = connection.execute(
        f"SELECT f.id, {_POSITION}, {_FINDING} FROM finding f {_CURRENT} WHERE f.dataset_id = ? AND f.id > ?"
        " AND (c.id IS NOT NULL OR d.id IS NOT NULL) ORDER BY f.id LIMIT ?",
        (dataset_id, after, limit),
    )
    return [(row[0], row[1], FindingRow(*row[2:])) for row in rows]


_FINDING = (
    "f.pair_id, f.check_name, f.check_version, f.severity, f.field, f.span_start, f.span_end, f.message, f.cluster"
)
_POSITION = "coalesce(c.position, d.position)"
_CURRENT = (
    "LEFT JOIN pair_current c ON c.id = f.pair_id AND c.pair_id = f.pair_id"
    " LEFT JOIN pair_current d ON d.pair_id = f.pair_id AND d.pair_id <> d.id"
)


def _positioned(
    connection: sqlite3.Connection, test: str, parameters: tuple[Any, ...], tail: str
) -> list[tuple[int, FindingRow]]:
    query = (
        f"SELECT {_POSITION}, {_FINDING} FROM finding f {_CURRENT} WHERE {test}"
        f" AND (c.id IS NOT NULL OR d.id IS NOT NULL) {tail}"
    )
    return [(row[0], FindingRow(*row[1:])) for row in connection.execute(query, parameters)]


def versions_with_errors(connection: sqlite3.Connection, dataset_id: int) -> set[int]:
    """The pairs (by their own ids) whose current version has a finding of severity error."""
    query = "SELECT id FROM pair_current WHERE dataset_id = ? AND severity = 'error'"
    return {id for (id,) in connection.execute(query, (dataset_id,))}


def clusters(
    connection: sqlite3.Connection, dataset_id: int, check: str, after: int = 0, limit: int = 100
) -> list[Cluster]:
    """Clusters of a check by the version that is kept, a keyset page after one; only current versions count."""
    rows = connection.execute(
        f"SELECT f.cluster, count(*) FROM finding f {_CURRENT} WHERE f.dataset_id = ? AND f.check_name = ?"
        " AND f.cluster > ? AND f.cluster <> f.pair_id AND (c.id IS NOT NULL OR d.id IS NOT NULL)"
        " GROUP BY f.cluster ORDER BY f.cluster LIMIT ?",
        (dataset_id, check, after, limit),
    )
    return [Cluster(*row) for row in rows]


def cluster_pairs(connection: sqlite3.Connection, dataset_id: int, check: str, kept: int) -> list[int]:
    """The pairs (by their own ids) of a cluster: the kept one first, the others by position."""
    rows = connection.execute(
        f"SELECT DISTINCT coalesce(c.id, d.id), {_POSITION}, f.pair_id FROM finding f {_CURRENT}"
        " WHERE f.dataset_id = ? AND f.check_name = ? AND f.cluster = ? AND (c.id IS NOT NULL OR d.id IS NOT NULL)",
        (dataset_id, check, kept),
    ).fetchall()
    ordered = [row[0] for row in sorted(rows, key=lambda row: (row[2] != kept, row[1]))]
    if not any(row[2] == kept for row in rows):
        found = connection.execute(
            "SELECT id FROM pair_current WHERE (id = ?1 AND pair_id = ?1) OR (pair_id = ?1 AND pair_id <> id)", (kept,)
        ).fetchone()
        ordered = ([found[0]] if found else []) + ordered
    return list(dict.fromkeys(ordered))


def superfluous(connection: sqlite3.Connection, dataset_id: int, check: str = "dedup") -> list[int]:
    """The pairs (by their own ids, by position) that are copies of another one which is kept."""
    rows = connection.execute(
        f"SELECT DISTINCT coalesce(c.id, d.id), {_POSITION} FROM finding f {_CURRENT} WHERE f.dataset_id = ?"
        " AND f.check_name = ? AND f.cluster <> f.pair_id AND f.severity <> 'info'"
        " AND (c.id IS NOT NULL OR d.id IS NOT NULL) ORDER BY 2",
        (dataset_id, check),
    )
    return [row[0] for row in rows]
