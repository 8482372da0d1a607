"""The versions of pairs as the checks get them.

Every version of a pair is looked at once, in the order of ids (which grow with time), so one number says how far a
check has come.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

Reader = sqlite3.Connection
"""A read connection, for those who only hand it on."""
READ_ROWS = 1_000
READ_CHARACTERS = 4_000_000


class VersionRow(NamedTuple):
    """A version of a pair as the checks get it; `current` says whether people see it."""

    id: int
    kind: str
    instruction: str
    input: str | None
    output: str | None
    body: str | None
    meta: str | None
    category: str | None
    status: str
    current: int


_TEXTS = "p.id, p.kind, p.instruction, p.input, p.output, p.body, p.meta, p.category"
_FIRST = (
    f"SELECT {_TEXTS}, c.status, c.pair_id = c.id, c.position FROM pair_current c CROSS JOIN pair p ON p.id = c.id"
    " WHERE c.dataset_id = ? AND c.position > ? AND c.id <= ? ORDER BY c.position LIMIT ?"
)
_LATER = (
    f"SELECT {_TEXTS}, coalesce(c.status, 'open'), c.id IS NOT NULL FROM pair p"
    " LEFT JOIN pair_current c ON c.pair_id = p.id AND c.pair_id <> c.id"
    " WHERE p.dataset_id = ? AND p.supersedes IS NOT NULL AND p.id > ? AND p.id <= ? ORDER BY p.id LIMIT ?"
)
_ENDLESS = 2**62


class Versions:
    """Every version of a data set after `after`, ascending by id, in batches that are read in one short go.

    First versions come in the order of their positions (which is that of their ids); edits are merged in.
    """

    def __init__(self, connection: sqlite3.Connection, dataset_id: int, after: int = 0) -> None:
        self._connection, self._dataset_id = connection, dataset_id
        self.after = after
        self._position = self._position_of(after)

    def _position_of(self, after: int) -> int:
        if not after:
            return -1
        query = "SELECT position FROM pair_current WHERE dataset_id = ? AND id > ? ORDER BY position LIMIT 1"
        found = self._connection.execute(query, (self._dataset_id, after)).fetchone()
        return found[0] - 1 if found else _ENDLESS

    def count(self) -> int:
        """How many are left."""
        first = "SELECT count(*) FROM pair_current WHERE dataset_id = ? AND position > ?"
        later = "SELECT count(*) FROM pair WHERE dataset_id = ? AND supersedes IS NOT NULL AND id > ?"
        run = self._connection.execute
        return int(
            run(first, (self._dataset_id, self._position)).fetchone()[0]
            + run(later, (self._dataset_id, self.after)).fetchone()[0]
        )

    def read(self, rows: int = READ_ROWS, characters: int = READ_CHARACTERS) -> list[VersionRow]:
        """The next ones: at most `rows`, and no further than the one with which `characters` are reached."""
        # what another process commits between the two reads has a higher id: it waits for the next call
        newest = self._connection.execute("SELECT coalesce(max(id), 0) FROM pair").fetchone()[0]
        first, ended = self._take(_FIRST, (self._dataset_id, self._position, newest, rows), rows, characters)
        last = newest if ended else first[-1][0]
        later, all_later = self._take(_LATER, (self._dataset_id, self.after, last, rows), rows, characters)
        if not all_later:
            last = later[-1][0]
            first = [row for row in first if row[0] <= last]
        if first:
            self._position = first[-1][10]
        found = [VersionRow(*row[:10]) for row in first]
        if later:
            found = sorted([*found, *(VersionRow(*row) for row in later)])
        if found:
            self.after = found[-1].id
        return found

    def _take(
        self, query: str, parameters: tuple[int, ...], rows: int, characters: int
    ) -> tuple[list[tuple[Any, ...]], bool]:
        """Some rows, and whether there are no more."""
        taken: list[tuple[Any, ...]] = []
        size = 0
        cursor = self._connection.execute(query, parameters)
        try:
            for row in cursor:
                taken.append(row)
                size += len(row[2]) + len(row[3] or "") + len(row[4] or "") + len(row[5] or "") + len(row[6] or "")
                if size >= characters:
                    return taken, False
        finally:
            cursor.close()
        return taken, len(taken) < rows


def read_versions(connection: sqlite3.Connection, versions: Sequence[int]) -> list[VersionRow]:
    """These versions, in this order."""
    query = (
        f"SELECT {_TEXTS}, coalesce(c.status, d.status, 'open'), c.id IS NOT NULL OR d.id IS NOT NULL"
        " FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value"
        " LEFT JOIN pair_current c ON c.id = p.id AND c.pair_id = p.id"
        " LEFT JOIN pair_current d ON d.pair_id = p.id AND d.pair_id <> d.id ORDER BY j.key"
    )
    return [VersionRow(*row) for row in connection.execute(query, (msgspec.json.encode(list(versions)).decode(),))]


def spread_versions(connection: sqlite3.Connection, dataset_id: int, count: int) -> list[int]:
    """A few versions that differ: one that was approved, one rejected, then others spread over the data set."""
    found: dict[int, None] = {}
    for status in ("approved", "rejected"):
        row = connection.execute(
            "SELECT pair_id FROM pair_current WHERE dataset_id = ? AND status = ? ORDER BY position LIMIT 1",
            (dataset_id, status),
        ).fetchone()
        if row is not None:
            found[row[0]] = None
    first, last = connection.execute(
        "SELECT (SELECT min(position) FROM pair_current WHERE dataset_id = ?1),"
        " (SELECT max(position) FROM pair_current WHERE dataset_id = ?1)",
        (dataset_id,),
    ).fetchone()
    for part in range(3 * count) if first is not None else ():
        row = connection.execute(
            "SELECT pair_id FROM pair_current WHERE dataset_id = ? AND position >= ? ORDER BY position LIMIT 1",
            (dataset_id, first + (last - first) * part // (3 * count)),
        ).fetchone()
        if row is not None:
            found[row[0]] = None
        if len(found) >= count and part >= 2 * count:
            break
    return list(found)[:count]


def mark_of(connection: sqlite3.Connection, dataset_id: int, *, labels: bool) -> str:
    """A text that changes when other versions are current in a data set (or, with `labels`, when somebody labelled)."""
    last, count = connection.execute(
        "SELECT (SELECT id FROM pair_current WHERE dataset_id = ?1 ORDER BY position DESC LIMIT 1),"
        " (SELECT sum(value) FROM counter WHERE dataset_id = ?1 AND name = 'pairs')",
        (dataset_id,),
    ).fetchone()
    # an edit taken back and forth changes no id: which versions are current must be part of it
    edits = connection.execute(
        "SELECT count(*), coalesce(sum(p.id), 0), coalesce(sum(p.id * (p.id % 8191)), 0) FROM pair p"
        " WHERE p.dataset_id = ? AND p.supersedes IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM pair_current c WHERE c.pair_id = p.id AND c.pair_id <> c.id)",
        (dataset_id,),
    ).fetchone()
    mark = f"{last}:{count}:{':'.join(map(str, edits))}"
    if labels:
        query = "SELECT max(id) FROM label_event WHERE dataset_id = ?"
        mark += f":{connection.execute(query, (dataset_id,)).fetchone()[0]}"
    return mark
