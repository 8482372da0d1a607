"""Which pairs are meant, as of one moment: the list that an export (or a table of rows) works through.

`select_pairs` takes the list (pair, version, status: 17 bytes each) in windows of 2,000 positions, so that no read
lasts; where another process committed in between, it is taken again, and after `ATTEMPTS` times within one read
transaction. Versions are immutable, so their texts can be read later and are still those of that moment.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from flywheel_tui.errors import NotFoundError
from flywheel_tui.expressions import Expression
from flywheel_tui.records.label import STATUSES
from flywheel_tui.store.expression_sql import Columns, JsonMap, Scalar, to_sql
from flywheel_tui.store.fields import PAIR_COLUMNS, needs_pair
from flywheel_tui.store.judging import NO_RUN

WINDOW = 2_000
CHUNK = 1_000
ATTEMPTS = 3

_STATUS_CODE = {status: code for code, status in enumerate(STATUSES)}


class Where(NamedTuple):
    """A condition over `c` (pair_current) and `p` (its version), and whether it speaks of `p` at all."""

    sql: str = ""
    parameters: tuple[Any, ...] = ()
    pair: bool = False


EVERYTHING = Where()


class Selection:
    """Which pairs, in which version, with which status: fixed when it was taken."""

    __slots__ = ("_codes", "roots", "versions")

    def __init__(self) -> None:
        self.roots, self.versions, self._codes = array("q"), array("q"), bytearray()

    def __len__(self) -> int:
        return len(self.roots)

    def extend(self, rows: Sequence[tuple[int, int, str]]) -> None:
        """Append rows of `(pair, version, status)`."""
        if rows:
            roots, versions, statuses = zip(*rows, strict=True)
            self.roots.extend(roots)
            self.versions.extend(versions)
            self._codes.extend(map(_STATUS_CODE.__getitem__, statuses))

    def cut(self, offset: int, limit: int) -> Selection:
        """A part of it."""
        part = Selection()
        part.roots, part.versions = self.roots[offset : offset + limit], self.versions[offset : offset + limit]
        part._codes = self._codes[offset : offset + limit]
        return part

    def chunks(self, size: int = CHUNK) -> Iterator[Selection]:
        """Parts of at most `size` pairs, in order."""
        for start in range(0, len(self), size):
            yield self.cut(start, size)

    def statuses(self) -> dict[str, int]:
        """How many have each status; those that occur, in the order of the life of a label."""
        counted = Counter(self._codes)
        return {status: counted[code] for status, code in _STATUS_CODE.items() if counted[code]}

    def status_list(self) -> list[str]:
        """The status of each when the selection was taken."""
        return [STATUSES[code] for code in self._codes]


def where_of(expression: Expression | None, judge_run: int | None = None) -> Where:
    """The SQL of a filter; with `judge_run`, scores and verdicts are those of that run, not the latest."""
    if expression is None:
        return Where()
    if judge_run is None:
        sql, parameters = to_sql(expression, PAIR_COLUMNS)
    else:
        sql, parameters = to_sql(expression, _columns_of_run(judge_run))
    return Where(sql, tuple(parameters), needs_pair(expression))


def _columns_of_run(run: int) -> Columns:
    def verdict(column: str) -> str:
        return (
            f"(SELECT v.{column} FROM verdict v WHERE v.judge_run_id = {run:d} AND v.pair_id = c.pair_id"
            ' AND v."order" = 0 AND v.repeat = 0)'
        )

    keys = f"SELECT e.key AS v FROM json_each({verdict('scores')}) e WHERE e.type <> 'null' AND e.key <> 'overall'"
    overall = f" UNION ALL SELECT 'overall' WHERE {verdict('score')} IS NOT NULL"
    return {
        **PAIR_COLUMNS,
        "scores": JsonMap(verdict("scores"), keys=keys + overall, columns={"overall": verdict("score")}),
        "passed": Scalar(verdict("passed")),
        "judge": Scalar(f"(SELECT r.tag FROM judge_run r WHERE r.id = {run:d} AND {verdict('id')} IS NOT NULL)"),
    }


def judge_run_id(connection: sqlite3.Connection, dataset_id: int, tag: str) -> int:
    """The judge run of that tag. Raises NotFoundError that lists the known ones."""
    runs = dict(connection.execute("SELECT tag, id FROM judge_run WHERE dataset_id = ? ORDER BY tag", (dataset_id,)))
    if tag not in runs:
        raise NotFoundError("judge run", tag, list(runs), "" if runs else NO_RUN)
    return int(runs[tag])


def position_windows(connection: sqlite3.Connection, dataset_id: int, size: int = WINDOW) -> Iterator[tuple[int, int]]:
    """Stretches `(after, upto)` of positions that hold at most `size` pairs each, whatever a filter leaves of them."""
    after = -1
    query = "SELECT position FROM pair_current WHERE dataset_id = ? AND position > ? ORDER BY position LIMIT 1 OFFSET ?"
    last = "SELECT max(position) FROM pair_current WHERE dataset_id = ?"
    while True:
        found = connection.execute(query, (dataset_id, after, size - 1)).fetchone()
        upto = found[0] if found else connection.execute(last, (dataset_id,)).fetchone()[0]
        if upto is None or upto <= after:
            return
        yield after, upto
        after = upto


def select_pairs(
    connection: sqlite3.Connection,
    dataset_id: int,
    where: Where = EVERYTHING,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Selection:
    """Every pair that the filter keeps, by position, as of one moment. `on_progress` gets the number so far."""
    for _ in range(ATTEMPTS):
        mark = _mark(connection)
        selection = _select(connection, dataset_id, where, None, on_progress)
        if _mark(connection) == mark:
            return selection
    connection.execute("BEGIN")
    try:
        return _select(connection, dataset_id, where, None, on_progress)
    finally:
        connection.execute("COMMIT")


def first_pairs(
    connection: sqlite3.Connection, dataset_id: int, where: Where, limit: int, offset: int = 0
) -> Selection:
    """The first `limit` pairs that the filter keeps after `offset` of them; reads no further than it must."""
    if where.sql:
        return _select(connection, dataset_id, where, offset + limit, None).cut(offset, limit)
    selection = Selection()
    query = "SELECT id, pair_id, status FROM pair_current WHERE dataset_id = ? ORDER BY position LIMIT ? OFFSET ?"
    selection.extend(connection.execute(query, (dataset_id, limit, offset)).fetchall())
    return selection


def _mark(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def selection_sql(where: Where) -> str:
    """The query for one window: parameters are data set, after, upto and those of the filter."""
    join = " JOIN pair p ON p.id = c.pair_id" if where.pair else ""
    test = f" AND ({where.sql})" if where.sql else ""
    return (
        f"SELECT c.id, c.pair_id, c.status FROM pair_current c{join}"
        f" WHERE c.dataset_id = ? AND c.position > ? AND c.position <= ?{test} ORDER BY c.position"
    )


def _select(
    connection: sqlite3.Connection,
    dataset_id: int,
    where: Where,
    upto: int | None,
    on_progress: Callable[[int], None] | None,
) -> Selection:
    selection, query = Selection(), selection_sql(where)
    for after, last in position_windows(connection, dataset_id):
        selection.extend(connection.execute(query, (dataset_id, after, last, *where.parameters)).fetchall())
        if on_progress:
            on_progress(len(selection))
        if upto is not None and len(selection) >= upto:
            return selection.cut(0, upto)
    return selection
