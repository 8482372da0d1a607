"""Quality tiers of pairs: what they are given from, and where they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class TierRow(NamedTuple):
    """A pair with the tier that was given to it last (None: none yet)."""

    id: int
    tier: str | None
    quality_p: float | None
    weight: float | None


class StandRow(NamedTuple):
    """What a tier is given from: who decided, what a judge's run says, and a reward that came with the data."""

    id: int
    pair_id: int
    status: str
    by_person: int
    adjudicated: int
    score: float | None
    passed: int | None
    reward: float | None


def tiers_of(connection: sqlite3.Connection, pairs: Sequence[int]) -> dict[int, TierRow]:
    """The tiers of pairs, by number."""
    query = "SELECT c.id, c.tier, c.quality_p, c.weight FROM json_each(?) j CROSS JOIN pair_current c ON c.id = j.value"
    rows = connection.execute(query, (msgspec.json.encode(list(pairs)).decode(),)).fetchall()
    return {row[0]: TierRow(*row) for row in rows}


def tier_counts(connection: sqlite3.Connection, dataset_id: int) -> dict[str, int]:
    """How many pairs of a data set have each tier; '' for those without."""
    query = "SELECT coalesce(tier, ''), count(*) FROM pair_current WHERE dataset_id = ? GROUP BY 1 ORDER BY 2 DESC"
    return {str(tier): int(count) for tier, count in connection.execute(query, (dataset_id,)).fetchall()}


def tier_figures(connection: sqlite3.Connection, dataset_id: int) -> list[tuple[str, int, float | None, float | None]]:
    """`(tier, pairs, mean weight, mean P(pass))` of each tier of a data set; '' for those without."""
    query = (
        "SELECT coalesce(tier, ''), count(*), avg(weight), avg(quality_p) FROM pair_current WHERE dataset_id = ?"
        " GROUP BY 1"
    )
    return connection.execute(query, (dataset_id,)).fetchall()


_STANDS = """
SELECT c.id, c.pair_id, c.status,
  EXISTS (SELECT 1 FROM label_current l WHERE l.root_id = c.id AND l.source = 'human'
          AND (l.status IN ('approved', 'edited') OR l.preference IN ('a', 'b'))),
  c.adjudicated IS NOT NULL,
  (SELECT v.score FROM verdict v WHERE v.judge_run_id = :run AND v.pair_id = c.pair_id AND v."order" = 0
   AND v.repeat = 0),
  (SELECT v.passed FROM verdict v WHERE v.judge_run_id = :run AND v.pair_id = c.pair_id AND v."order" = 0
   AND v.repeat = 0),
  CASE WHEN json_type(p.meta, '$.reward') IN ('real', 'integer') THEN json_extract(p.meta, '$.reward') END
FROM pair_current c JOIN pair p ON p.id = c.pair_id
WHERE c.dataset_id = :dataset AND c.position > :after AND c.position <= :upto ORDER BY c.position
"""


def stands(
    connection: sqlite3.Connection, dataset_id: int, run_id: int | None, after: int, upto: int
) -> list[StandRow]:
    """What is known of the pairs of a stretch of positions; verdicts are those of a judge run, where one is given."""
    found = connection.execute(_STANDS, {"run": run_id, "dataset": dataset_id, "after": after, "upto": upto})
    return [StandRow(*row) for row in found.fetchall()]


def write_tiers(connection: sqlite3.Connection, rows: Sequence[TierRow]) -> int:
    """Give tiers; rows that have them already are not touched. Returns how many changed."""
    changed = connection.executemany(
        "UPDATE pair_current SET tier = ?2, quality_p = ?3, weight = ?4 WHERE id = ?1"
        " AND (tier IS NOT ?2 OR quality_p IS NOT ?3 OR weight IS NOT ?4)",
        rows,
    )
    return changed.rowcount
