"""Reading pairs for screens: pages, one pair, and the scans that a view's ids are gathered by.

Every scan is a keyset window of `pair_current` (narrow, indexed by data set and position) or a list of ids, so that
each read is short whatever the size of the data set. `pair` is only ever reached by its id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from flywheel_tui.errors import ConflictError, NotFoundError
from flywheel_tui.identity import now_us, show_uid
from flywheel_tui.records.label import STATUSES
from flywheel_tui.records.pair import PairRow, PairView

ORDERS = ("as is", "random", "unlabelled first", "newest labels", "score", "length", "status")
SHOWN_CHARACTERS = 240


class ViewQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which pairs of a data set, and in which order.

    `filter` is an expression, `search` words for the full-text index, `seed` gives the random order, `reviewer` is
    whose labels decide what is unlabelled (None: anybody's).
    """

    dataset: str
    filter: str | None = None
    search: str | None = None
    order: str = "as is"
    seed: int = 0
    reviewer: str | None = None

    @property
    def plain(self) -> bool:
        """Everything in the order of the file: needs no list of ids."""
        return not self.filter and not self.search and self.order == "as is"


class FindingSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A finding and where it points; positions count characters of the field."""

    check: str
    severity: str
    field: str | None
    start: int | None
    end: int | None
    message: str


class SavedView(msgspec.Struct, frozen=True, kw_only=True):
    """A named query of a data set."""

    id: int
    name: str
    query: ViewQuery


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A file (or generator run) that pairs came from."""

    name: str
    format: str
    layout: str | None
    added: int
    rejected: int
    created: int


class Condition(msgspec.Struct, frozen=True):
    """SQL over `c` (pair_current) and, where `needs_pair`, `p` (pair), with its parameters."""

    sql: str = ""
    parameters: tuple[Any, ...] = ()
    needs_pair: bool = False


# -- pages ------------------------------------------------------------------------------------------------------------

_ROW = (
    "c.id, c.pair_id, c.position, p.kind, c.status, c.flagged, c.score, c.findings, c.severity,"
    f" substr(p.instruction, 1, {SHOWN_CHARACTERS}), substr(coalesce(p.output, ''), 1, {SHOWN_CHARACTERS}),"
    " c.tags, c.reviewer, p.length"
)


def _tags(value: str | None) -> tuple[str, ...]:
    return tuple(tag for tag in msgspec.json.decode(value) if isinstance(tag, str)) if value else ()


def _row(row: tuple[Any, ...]) -> PairRow:
    return PairRow(
        id=row[0], pair_id=row[1], position=row[2], kind=row[3], status=row[4], flagged=bool(row[5]), score=row[6],
        findings=row[7], severity=row[8], instruction=row[9], output=row[10], tags=_tags(row[11]), reviewer=row[12],
        length=row[13],
    )  # fmt: skip


def bounds(connection: sqlite3.Connection, dataset_id: int) -> tuple[int, int]:
    """The first and the last position of a data set; (1, 0) where it is empty."""
    first, last = connection.execute(
        "SELECT (SELECT min(position) FROM pair_current WHERE dataset_id = ?1),"
        " (SELECT max(position) FROM pair_current WHERE dataset_id = ?1)",
        (dataset_id,),
    ).fetchone()
    return (1, 0) if first is None else (int(first), int(last))


def page_at(connection: sqlite3.Connection, dataset_id: int, position: int, count: int) -> list[PairRow]:
    """The pairs at `count` positions from `position` on."""
    query = (
        f"SELECT {_ROW} FROM pair_current c JOIN pair p ON p.id = c.pair_id"
        " WHERE c.dataset_id = ? AND c.position >= ? AND c.position < ? ORDER BY c.position"
    )
    return [_row(row) for row in connection.execute(query, (dataset_id, position, position + count))]


def page_of(connection: sqlite3.Connection, ids: Sequence[int]) -> list[PairRow]:
    """The pairs with these ids, in this order; unknown ids are left out."""
    query = (
        f"SELECT {_ROW} FROM json_each(?) j CROSS JOIN pair_current c ON c.id = j.value"
        " JOIN pair p ON p.id = c.pair_id ORDER BY j.key"
    )
    return [_row(row) for row in connection.execute(query, (msgspec.json.encode(list(ids)).decode(),))]


def position_of(connection: sqlite3.Connection, dataset_id: int, pair: int) -> int | None:
    """The position of a pair in a data set; None where it belongs to another one or to none."""
    row = connection.execute(
        "SELECT position FROM pair_current WHERE id = ? AND dataset_id = ?", (pair, dataset_id)
    ).fetchone()
    return None if row is None else int(row[0])


def pair_view(connection: sqlite3.Connection, pair: int) -> PairView:
    """One pair whole, in its current version. Raises NotFoundError."""
    row = connection.execute(
        "SELECT c.id, c.pair_id, d.name, c.dataset_id, c.position, p.uid, p.kind, p.instruction, p.input, p.output,"
        " p.body, p.meta, p.category, c.tags, s.name, p.line, p.author, p.length, p.version, c.status, c.reviewer,"
        " c.flagged, c.score, c.passed, c.findings"
        " FROM pair_current c JOIN pair p ON p.id = c.pair_id JOIN dataset d ON d.id = c.dataset_id"
        " LEFT JOIN source s ON s.id = p.source_id WHERE c.id = ?",
        (pair,),
    ).fetchone()
    if row is None:
        raise NotFoundError("pair", str(pair))
    return PairView(
        id=row[0], pair_id=row[1], dataset=row[2], dataset_id=row[3], position=row[4], uid=show_uid(row[5]),
        kind=row[6], instruction=row[7], input=row[8], output=row[9],
        body=msgspec.json.decode(row[10]) if row[10] else {}, meta=msgspec.json.decode(row[11]) if row[11] else {},
        category=row[12], tags=_tags(row[13]), source=row[14], line=row[15], author=row[16], length=row[17],
        version=row[18], status=row[19], reviewer=row[20], flagged=bool(row[21]), score=row[22],
        passed=None if row[23] is None else bool(row[23]), findings=row[24],
    )  # fmt: skip


def findings_of(connection: sqlite3.Connection, version: int, limit: int = 200) -> list[FindingSpan]:
    """What the checks found in a version of a pair."""
    query = (
        "SELECT check_name, severity, field, span_start, span_end, message FROM finding WHERE pair_id = ?"
        " ORDER BY check_name, id LIMIT ?"
    )
    return [
        FindingSpan(check=row[0], severity=row[1], field=row[2], start=row[3], end=row[4], message=row[5])
        for row in connection.execute(query, (version, limit))
    ]


# -- gathering the ids of a view --------------------------------------------------------------------------------------

_STATUS_KEY = "CASE c.status " + " ".join(f"WHEN '{word}' THEN {at}" for at, word in enumerate(STATUSES)) + " END"
_KEYS = {
    "newest labels": "-coalesce(c.labelled, 0)",
    "score": "coalesce(-c.score, 1e308)",
    "length": "-p.length",
    "status": _STATUS_KEY,
}


def sort_key(query: ViewQuery) -> Condition:
    """The SQL that an order sorts by, smallest first; '0' where it needs none."""
    if query.order == "unlabelled first":
        if query.reviewer is None:
            return Condition("c.status <> 'open'")
        labelled = (
            "EXISTS (SELECT 1 FROM label_current l WHERE l.root_id = c.id AND l.reviewer = ? AND l.status IS NOT NULL)"
        )
        return Condition(labelled, (query.reviewer,))
    return Condition(_KEYS.get(query.order, "0"), (), query.order == "length")


def _pieces(condition: Condition, key: Condition) -> tuple[str, str]:
    join = " JOIN pair p ON p.id = c.pair_id" if condition.needs_pair or key.needs_pair else ""
    return join, f" AND ({condition.sql})" if condition.sql else ""


def scan_positions(
    connection: sqlite3.Connection, dataset_id: int, first: int, last: int, condition: Condition, key: Condition
) -> list[tuple[int, float]]:
    """`(id, key)` of the matching pairs at positions `first` to `last`, by position."""
    join, test = _pieces(condition, key)
    query = (
        f"SELECT c.id, {key.sql} FROM pair_current c{join}"
        f" WHERE c.dataset_id = ? AND c.position >= ? AND c.position <= ?{test} ORDER BY c.position"
    )
    return connection.execute(query, (*key.parameters, dataset_id, first, last, *condition.parameters)).fetchall()


def scan_scores(
    connection: sqlite3.Connection, dataset_id: int, after: tuple[float, int], limit: int
) -> list[tuple[int, float, int]]:
    """`(id, score, position)` below `after` = (score, position), the best first: a keyset page of the index."""
    return connection.execute(
        "SELECT id, score, position FROM pair_current WHERE dataset_id = ? AND score IS NOT NULL"
        " AND (score, position) < (?, ?) ORDER BY score DESC, position DESC LIMIT ?",
        (dataset_id, *after, limit),
    ).fetchall()


def scan_versions(
    connection: sqlite3.Connection, dataset_id: int, versions: Iterable[int], condition: Condition, key: Condition
) -> list[tuple[int, float]]:
    """`(id, key)` of the pairs whose current version is among `versions`, in that order; old versions are left out."""
    join, test = _pieces(condition, key)
    listed = msgspec.json.encode(list(versions)).decode()
    tail = f"{join} WHERE c.dataset_id = ?{test}"
    query = (
        f"SELECT id, key FROM (SELECT c.id AS id, {key.sql} AS key, j.key AS place FROM json_each(?) j"
        f" CROSS JOIN pair_current c ON c.id = j.value AND c.pair_id = c.id{tail}"
        f" UNION ALL SELECT c.id, {key.sql}, j.key FROM json_each(?) j"
        f" CROSS JOIN pair_current c ON c.pair_id = j.value AND c.pair_id <> c.id{tail}) ORDER BY place"
    )
    half = (*key.parameters, listed, dataset_id, *condition.parameters)
    return connection.execute(query, half + half).fetchall()


# -- saved views ------------------------------------------------------------------------------------------------------


def saved_views(connection: sqlite3.Connection, dataset_id: int) -> list[SavedView]:
    """The saved views of a data set, by name."""
    rows = connection.execute(
        "SELECT id, name, query FROM saved_view WHERE dataset_id = ? ORDER BY name", (dataset_id,)
    ).fetchall()
    return [SavedView(id=row[0], name=row[1], query=msgspec.json.decode(row[2], type=ViewQuery)) for row in rows]


def save_view(connection: sqlite3.Connection, dataset_id: int, name: str, query: ViewQuery) -> None:
    """Keep a query under a name. Raises ConflictError where the name is in use."""
    encoded = msgspec.json.encode(query).decode()
    try:
        connection.execute(
            "INSERT INTO saved_view (dataset_id, name, query, created) VALUES (?, ?, ?, ?)",
            (dataset_id, name, encoded, now_us()),
        )
    except sqlite3.IntegrityError as error:
        raise ConflictError(f"there is a view {name!r} already; choose another name or delete that one") from error


def delete_view(connection: sqlite3.Connection, view: int) -> None:
    """Forget a saved view. Raises NotFoundError."""
    if not connection.execute("DELETE FROM saved_view WHERE id = ?", (view,)).rowcount:
        raise NotFoundError("saved view", str(view))


# -- figures of a data set --------------------------------------------------------------------------------------------


def sources_of(connection: sqlite3.Connection, dataset_id: int, limit: int = 20) -> list[SourceRow]:
    """Where the pairs of a data set came from, the newest first."""
    rows = connection.execute(
        "SELECT name, format, layout, added, rejected, created FROM source WHERE dataset_id = ?"
        " ORDER BY id DESC LIMIT ?",
        (dataset_id, limit),
    ).fetchall()
    return [
        SourceRow(name=row[0], format=row[1], layout=row[2], added=row[3], rejected=row[4], created=row[5])
        for row in rows
    ]


def judge_runs(connection: sqlite3.Connection, dataset_id: int) -> int:
    """How many judge runs a data set has."""
    return int(connection.execute("SELECT count(*) FROM judge_run WHERE dataset_id = ?", (dataset_id,)).fetchone()[0])


def last_activity(connection: sqlite3.Connection, dataset_id: int) -> int | None:
    """When something last happened to a data set: a label, a source; microseconds UTC."""
    label = connection.execute(
        "SELECT answered FROM label_event WHERE dataset_id = ? ORDER BY id DESC LIMIT 1", (dataset_id,)
    ).fetchone()
    source = connection.execute(
        "SELECT created FROM source WHERE dataset_id = ? ORDER BY id DESC LIMIT 1", (dataset_id,)
    ).fetchone()
    times = [row[0] for row in (label, source) if row]
    return max(times, default=None)


def sample_figures(connection: sqlite3.Connection, dataset_id: int, count: int = 512) -> list[tuple[int, float | None]]:
    """`(length, score)` of up to `count` pairs spread evenly over the positions: enough for a histogram."""
    first, last = bounds(connection, dataset_id)
    if last < first:
        return []
    step = max((last - first + 1) // count, 1)
    listed = msgspec.json.encode(list(range(first, last + 1, step))[:count]).decode()
    return connection.execute(
        "SELECT p.length, c.score FROM json_each(?) j CROSS JOIN pair_current c"
        " ON c.dataset_id = ? AND c.position = j.value JOIN pair p ON p.id = c.pair_id",
        (listed, dataset_id),
    ).fetchall()


def passed_share(connection: sqlite3.Connection, dataset_id: int) -> float | None:
    """The share of judged pairs that passed, from the counters; None where none was judged."""
    counts = dict(
        connection.execute(
            "SELECT name, value FROM counter WHERE dataset_id = ? AND name IN ('judged', 'passed')", (dataset_id,)
        ).fetchall()
    )
    judged = counts.get("judged", 0)
    return counts.get("passed", 0) / judged if judged else None
