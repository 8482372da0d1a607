"""What can be recomputed is recomputed and compared: counters, label projections, references. And mended."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from flywheel_tui.errors import StoreError
from flywheel_tui.store import labels
from flywheel_tui.store.db import Store, translate

CHUNK = 100
MOST_PAIRS = 20_000
_COUNTED = """
SELECT dataset_id, 'pairs' AS name, count(*) AS value FROM pair_current GROUP BY dataset_id
UNION ALL SELECT dataset_id, status, count(*) FROM pair_current GROUP BY dataset_id, status
UNION ALL SELECT dataset_id, 'flagged', count(*) FROM pair_current WHERE flagged = 1 GROUP BY dataset_id
UNION ALL SELECT dataset_id, 'with findings', count(*) FROM pair_current WHERE findings > 0 GROUP BY dataset_id
"""
_KEPT_NAMES = "'pairs', 'open', 'approved', 'rejected', 'skipped', 'edited', 'disputed', 'flagged', 'with findings'"
_CURRENT = """SELECT pair_id, status, label_source, reviewer, labelled, flagged, adjudicated, tags
  FROM pair_current WHERE id = ?"""
_LABELS = "SELECT * FROM label_current WHERE root_id = ? ORDER BY reviewer"


class WrongCounter(NamedTuple):
    """A figure that screens show and that is not what counting gives."""

    dataset_id: int
    name: str
    kept: int
    counted: int


class LabelCheck(NamedTuple):
    """How many labelled pairs were derived anew from their events, of how many, and which did not come out the same."""

    looked_at: int
    labelled: int
    wrong: list[int]


class _TakeBack(Exception):
    """Ends a transaction that was only made to look."""


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise StoreError for whatever SQLite says of a damaged file."""
    try:
        yield
    except sqlite3.Error as error:
        ours = translate(error)
        raise ours if isinstance(ours, StoreError) else StoreError(str(error)) from error


def wrong_counters(connection: sqlite3.Connection) -> list[WrongCounter]:
    """Counters that differ from a count of the pairs."""
    rows = connection.execute(
        f"""WITH counted AS ({_COUNTED}), kept AS (SELECT * FROM counter WHERE name IN ({_KEPT_NAMES}))
        SELECT coalesce(kept.dataset_id, counted.dataset_id), coalesce(kept.name, counted.name),
          coalesce(kept.value, 0), coalesce(counted.value, 0)
        FROM kept FULL JOIN counted ON counted.dataset_id = kept.dataset_id AND counted.name = kept.name
        WHERE coalesce(kept.value, 0) <> coalesce(counted.value, 0)"""
    )
    return [WrongCounter(*row) for row in rows]


def mend_counters(store: Store) -> int:
    """Set wrong counters to what counting gives; how many there were."""
    with store.tx() as connection:
        wrong = wrong_counters(connection)
        connection.executemany(
            """INSERT INTO counter VALUES (?1, ?2, ?4)
               ON CONFLICT (dataset_id, name) DO UPDATE SET value = excluded.value""",
            wrong,
        )
    return len(wrong)


def _chunks(store: Store, most: int) -> Iterator[list[int]]:
    """Labelled pairs, `most` of them spread evenly over all."""
    query = "SELECT DISTINCT root_id FROM label_event WHERE root_id IS NOT NULL ORDER BY root_id"
    roots = [root for (root,) in store.read().execute(query)]
    roots = roots[:: max(1, -(-len(roots) // most))]
    for start in range(0, len(roots), CHUNK):
        yield roots[start : start + CHUNK]


def _project(connection: sqlite3.Connection, roots: Iterable[int]) -> list[int]:
    """Derive these pairs anew; which of them changed."""
    changed = []
    for root in roots:
        before = connection.execute(_CURRENT, (root,)).fetchone(), connection.execute(_LABELS, (root,)).fetchall()
        labels.project_pair(connection, root)
        after = connection.execute(_CURRENT, (root,)).fetchone(), connection.execute(_LABELS, (root,)).fetchall()
        if before != after:
            changed.append(root)
    return changed


def check_labels(store: Store, most: int = MOST_PAIRS) -> LabelCheck:
    """Derive labels from their events and compare, in short transactions that are all rolled back."""
    total = store.read().execute("SELECT count(DISTINCT root_id) FROM label_event").fetchone()[0]
    looked_at, wrong = 0, []
    for roots in _chunks(store, most):
        with suppress(_TakeBack), store.tx(durable=False) as connection:
            wrong += _project(connection, roots)
            raise _TakeBack
        looked_at += len(roots)
    return LabelCheck(looked_at, total, wrong)


def mend_labels(store: Store) -> int:
    """Derive every labelled pair anew from its events; how many changed."""
    changed = 0
    for roots in _chunks(store, 1 << 60):
        with store.tx(durable=False) as connection:
            changed += len(_project(connection, roots))
    return changed


def broken_references(connection: sqlite3.Connection, limit: int = 5) -> list[str]:
    """Tables with rows that name what is not there, as `table -> table`."""
    found = connection.execute(
        "SELECT DISTINCT \"table\" || ' -> ' || parent FROM pragma_foreign_key_check LIMIT ?", (limit,)
    )
    return [text for (text,) in found]
