"""Two data sets compared by uid, in windows of positions: what is in one only, and what was decided differently."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

import msgspec

from flywheel_tui.store.selections import position_windows

EXAMPLES = 5
Example = TypeVar("Example")

_COMPARED = """SELECT a.id, a.status, b.id, b.status,
 CASE WHEN b.id IS NULL OR (a.pair_id = a.id AND b.pair_id = b.id) THEN 0
 ELSE (SELECT hash FROM pair WHERE id = a.pair_id) <> (SELECT hash FROM pair WHERE id = b.pair_id) END
 FROM pair_current a CROSS JOIN pair p ON p.id = a.id
 LEFT JOIN pair q ON q.dataset_id = :other AND q.uid = p.uid
 LEFT JOIN pair_current b ON b.id = q.id
 WHERE a.dataset_id = :one AND a.position > :after AND a.position <= :upto ORDER BY a.position"""


class Difference(msgspec.Struct, kw_only=True):
    """Counts, and the numbers of the first few pairs of each sort. A pair is the same where its first uid is.

    `relabelled`: by the two statuses; `changed` pairs were edited differently.
    """

    only_in_one: int = 0
    only_in_other: int = 0
    in_both: int = 0
    relabelled: dict[tuple[str, str], int] = {}
    changed: int = 0
    examples_one: list[int] = []
    examples_other: list[int] = []
    examples_relabelled: list[tuple[int, int]] = []
    examples_changed: list[tuple[int, int]] = []


def compare(
    connection: sqlite3.Connection, one: int, other: int, on_progress: Callable[[int], None] | None = None
) -> Difference:
    """What differs between data set `one` and data set `other` (their numbers); `on_progress` gets pairs looked at."""
    found, looked = Difference(), 0
    for after, upto in position_windows(connection, one):
        rows = _window(connection, one, other, after, upto)
        for pair, status, twin, other_status, changed in rows:
            if twin is None or other_status is None:
                found.only_in_one += 1
                _keep(found.examples_one, pair)
                continue
            found.in_both += 1
            if status != other_status:
                moved = (status, other_status)
                found.relabelled[moved] = found.relabelled.get(moved, 0) + 1
                _keep(found.examples_relabelled, (pair, twin))
            if changed:
                found.changed += 1
                _keep(found.examples_changed, (pair, twin))
        looked += len(rows)
        if on_progress:
            on_progress(looked)
    for after, upto in position_windows(connection, other):
        rows = _window(connection, other, one, after, upto)
        for pair, _, twin, _, _ in rows:
            if twin is None:
                found.only_in_other += 1
                _keep(found.examples_other, pair)
        looked += len(rows)
        if on_progress:
            on_progress(looked)
    return found


def _window(
    connection: sqlite3.Connection, one: int, other: int, after: int, upto: int
) -> list[tuple[int, str, int | None, str | None, int]]:
    places = {"one": one, "other": other, "after": after, "upto": upto}
    return connection.execute(_COMPARED, places).fetchall()


def _keep(examples: list[Example], example: Example) -> None:
    if len(examples) < EXAMPLES:
        examples.append(example)
