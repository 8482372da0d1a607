"""Pairs that failed, as something new is made from them: what people rejected and what the judge did not pass."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from flywheel_tui.store import generation
from flywheel_tui.store.generation import SeedRow


class FailedRow(NamedTuple):
    """A pair that failed: its current version, its number, the scores of the newest verdict (JSON)."""

    seed: SeedRow
    root: int
    scores: str | None


_WHERE = (
    " LEFT JOIN verdict v ON v.id = c.verdict_id WHERE c.dataset_id = ? AND c.id <= ? AND (c.status = 'rejected'"
    " OR (c.passed = 0 AND c.status NOT IN ('approved', 'edited'))) ORDER BY c.position"
)


def failed_rows(connection: sqlite3.Connection, dataset_id: int, upto: int) -> list[FailedRow]:
    """The failed pairs of a data set up to a number, in order."""
    query = generation._SEEDS.replace(", c.status FROM", ", c.status, c.id, v.scores FROM", 1) + _WHERE
    return [FailedRow(SeedRow(*row[:12]), row[12], row[13]) for row in connection.execute(query, (dataset_id, upto))]


def rows_of_versions(connection: sqlite3.Connection, versions: Sequence[int]) -> dict[int, SeedRow]:
    """The pairs that these versions belong to, by version, in the version that is shown now."""
    query = (
        generation._SEEDS.replace("SELECT p.id", "SELECT j.value, p.id", 1)
        + " CROSS JOIN json_each(?) j WHERE c.id = (WITH RECURSIVE up (id) AS (SELECT j.value UNION SELECT q.supersedes"
        " FROM up JOIN pair q ON q.id = up.id WHERE q.supersedes IS NOT NULL) SELECT min(id) FROM up)"
    )
    found = connection.execute(query, (json.dumps(list(versions)),))
    return {row[0]: SeedRow(*row[1:]) for row in found}
