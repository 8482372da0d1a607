"""The figures behind the charts of a data set: evenly spread samples, so that no read lasts, and counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from flywheel_tui.store.views import bounds

READ = 1_000


class Shape(NamedTuple):
    """What the charts need of one pair; lengths in characters."""

    category: str | None
    instruction: int
    input: int
    output: int


def shapes(connection: sqlite3.Connection, dataset_id: int, most: int) -> Iterator[list[Shape]]:
    """Up to `most` pairs spread evenly over the positions (all of them where there are no more), in short reads."""
    first, last = bounds(connection, dataset_id)
    step = max(-(-(last - first + 1) // most), 1)
    query = (
        "WITH RECURSIVE at(n) AS (SELECT ?2 UNION ALL SELECT n + ?4 FROM at WHERE n + ?4 <= ?3)"
        " SELECT p.category, length(p.instruction), length(coalesce(p.input, '')), length(coalesce(p.output, ''))"
        " FROM at CROSS JOIN pair_current c ON c.dataset_id = ?1 AND c.position = at.n JOIN pair p ON p.id = c.pair_id"
    )
    for start in range(first, last + 1, READ * step):
        end = min(start + (READ - 1) * step, last)
        rows = connection.execute(query, (dataset_id, start, end, step)).fetchall()
        yield [Shape(*row) for row in rows]


def labels_by_reviewer(connection: sqlite3.Connection, dataset_id: int, most: int = 12) -> list[tuple[str, str, int]]:
    """`(reviewer, status, how many pairs)` of the reviewers with the most labels."""
    query = (
        "SELECT reviewer, status, count(*) FROM label_current WHERE dataset_id = ? AND status IS NOT NULL"
        " GROUP BY reviewer, status"
    )
    rows = connection.execute(query, (dataset_id,)).fetchall()
    totals: dict[str, int] = {}
    for reviewer, _, count in rows:
        totals[reviewer] = totals.get(reviewer, 0) + count
    chosen = set(sorted(totals, key=lambda name: (-totals[name], name))[:most])
    return sorted(row for row in rows if row[0] in chosen)
