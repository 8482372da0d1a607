"""Label events and what follows from them.

Events are only ever appended. `label_current` (the newest label of each reviewer on each pair) and the label columns
of `pair_current` are projections: each is a function of the *set* of events, whatever the order in which they came,
so that two reviewers' logs merge to the same labels on both machines. `rebuild` computes them from nothing.

The newest event is the one with the greatest (answered, uid). An event is undone when an undo event names it, or the
batch it belongs to.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import ConflictError, NotFoundError
from flywheel_tui.identity import now_us
from flywheel_tui.records.label import CurrentLabel, Decision

_encode = msgspec.json.Encoder().encode


class Undoable(msgspec.Struct, frozen=True, kw_only=True):
    """What one press of undo takes back; `what` is label, adjudicate or batch, `pair` is None for a batch."""

    uid: bytes
    what: str
    dataset_id: int
    pair: int | None
    status: str | None
    changed: int


_COLUMNS = (
    "uid, action, dataset_id, root_id, pair_id, reviewer, source, status, preference, rating, answers, reasons, note,"
    " tags, flagged, edited_id, blind, revealed, policy, stratum, inclusion, seed, batch_id, session, presented,"
    " answered, active_ms, repeat_of, undoes"
)
INSERT_EVENT = f"INSERT INTO label_event ({_COLUMNS}) VALUES ({', '.join('?' * 29)}) ON CONFLICT (uid) DO NOTHING"
_NOT_UNDONE = (
    "NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.uid)"
    " AND (e.batch_id IS NULL OR NOT EXISTS (SELECT 1 FROM batch b JOIN label_event u ON u.undoes = b.uid"
    " WHERE b.id = e.batch_id))"
)
_CURRENT_FIELDS = (
    "e.id, e.uid, e.root_id, e.pair_id, e.reviewer, e.source, e.status, e.preference, e.rating, e.answers, e.reasons,"
    " e.note, e.tags, e.flagged, e.blind, e.answered, e.active_ms, e.edited_id"
)


def _json(value: Any) -> str | None:
    return _encode(value).decode() if value else None


def event_values(
    decision: Decision, *, action: str, dataset_id: int, edited_id: int | None, batch_id: int | None
) -> tuple[Any, ...]:
    """The row of `label_event` for a decision."""
    d = decision
    return (
        d.uid, action, dataset_id, d.pair, d.version, d.reviewer, d.source, d.status, d.preference, d.rating,
        _json(d.answers), _json(d.reasons), d.note or None, _json(d.tags), int(d.flagged), edited_id, int(d.blind),
        int(d.revealed), d.policy, d.stratum, d.inclusion, d.seed, batch_id, d.session, d.presented, d.answered,
        d.active_ms, d.repeat_of, None,
    )  # fmt: skip


class Place(NamedTuple):
    """Where a pair stands: its data set, the version that people see, its status."""

    dataset_id: int
    version: int
    status: str


def place(connection: sqlite3.Connection, root_id: int) -> Place:
    """Where a pair stands. Raises NotFoundError."""
    row = connection.execute("SELECT dataset_id, pair_id, status FROM pair_current WHERE id = ?", (root_id,)).fetchone()
    if row is None:
        raise NotFoundError("pair", str(root_id))
    return Place(*row)


def is_written(connection: sqlite3.Connection, uid: bytes) -> bool:
    """Whether there is an event with this uid."""
    return connection.execute("SELECT 1 FROM label_event WHERE uid = ?", (uid,)).fetchone() is not None


def is_undone(connection: sqlite3.Connection, uid: bytes) -> bool:
    """Whether the event or batch with this uid has been taken back."""
    return connection.execute("SELECT 1 FROM label_event WHERE undoes = ?", (uid,)).fetchone() is not None


def know_reviewer(connection: sqlite3.Connection, name: str) -> None:
    """Remember that somebody of this name labels here."""
    connection.execute("INSERT OR IGNORE INTO reviewer VALUES (?, ?)", (name, now_us()))


def move_cursor(connection: sqlite3.Connection, session: bytes, root_id: int) -> None:
    """Remember where a session stands, in the transaction of its decision."""
    connection.execute("UPDATE session SET cursor = ?, seen = ? WHERE uid = ?", (root_id, now_us(), session))


def append_decision(
    connection: sqlite3.Connection,
    decision: Decision,
    *,
    dataset_id: int,
    action: str = "label",
    edited_id: int | None = None,
    batch_id: int | None = None,
    project: bool = True,
) -> bool:
    """Append one decision and bring the projections up to date; False where its uid was there already."""
    values = event_values(decision, action=action, dataset_id=dataset_id, edited_id=edited_id, batch_id=batch_id)
    if connection.execute(INSERT_EVENT, values).rowcount == 0:
        return False
    if project:
        project_pair(connection, decision.pair, [decision.reviewer])
    return True


def append_presented(connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
    """Record that pairs were shown: (uid, dataset_id, root_id, pair_id, reviewer, policy, session, at)."""
    connection.executemany(
        "INSERT INTO label_event (uid, action, dataset_id, root_id, pair_id, reviewer, source, policy, session,"
        " presented, answered) VALUES (?, 'presented', ?, ?, ?, ?, 'human', ?, ?, ?8, ?8) ON CONFLICT (uid) DO NOTHING",
        rows,
    )


def check_expected(connection: sqlite3.Connection, root_id: int, reviewer: str, expected: bytes | None) -> None:
    """Raise ConflictError where another session of this reviewer has labelled the pair since it was shown."""
    found = current(connection, root_id, reviewer)
    if (found.uid if found else None) != expected:
        raise ConflictError(f"{reviewer} has labelled pair {root_id} in another session since it was shown here")


def _newest(connection: sqlite3.Connection, root_id: int, reviewer: str) -> tuple[Any, ...] | None:
    row: tuple[Any, ...] | None = connection.execute(
        # a pair shown again to compare (repeat_of) is a measurement: the first answer holds
        f"SELECT {_CURRENT_FIELDS} FROM label_event e WHERE e.root_id = ? AND e.reviewer = ?"
        f" AND e.action = 'label' AND e.repeat_of IS NULL AND {_NOT_UNDONE}"
        " ORDER BY e.answered DESC, e.uid DESC LIMIT 1",
        (root_id, reviewer),
    ).fetchone()
    return row


def current(connection: sqlite3.Connection, root_id: int, reviewer: str) -> CurrentLabel | None:
    """The label of `reviewer` on a pair that holds now."""
    row = _newest(connection, root_id, reviewer)
    return _as_label(row) if row else None


def current_of_pair(connection: sqlite3.Connection, root_id: int) -> list[CurrentLabel]:
    """Every reviewer's current label on a pair, by name."""
    rows = connection.execute(
        f"SELECT {_CURRENT_FIELDS} FROM label_current c JOIN label_event e ON e.id = c.event_id"
        " WHERE c.root_id = ? ORDER BY c.reviewer",
        (root_id,),
    ).fetchall()
    return [_as_label(row) for row in rows]


def _as_label(row: tuple[Any, ...]) -> CurrentLabel:
    def load(value: str | None) -> Any:
        return msgspec.json.decode(value) if value else None

    return CurrentLabel(
        uid=row[1], pair=row[2], version=row[3], reviewer=row[4], source=row[5], status=row[6], preference=row[7],
        rating=row[8], answers=load(row[9]) or {}, reasons=tuple(load(row[10]) or ()), note=row[11],
        tags=tuple(load(row[12]) or ()), flagged=bool(row[13]), blind=bool(row[14]), answered=row[15],
        active_ms=row[16],
    )  # fmt: skip


def project_pair(connection: sqlite3.Connection, root_id: int, reviewers: Iterable[str] | None = None) -> None:
    """Derive `label_current` for these reviewers (None: all who ever labelled it) and the pair's status."""
    if reviewers is None:
        query = "SELECT DISTINCT reviewer FROM label_event WHERE root_id = ?"
        reviewers = [name for (name,) in connection.execute(query, (root_id,)).fetchall()]
    for reviewer in reviewers:
        row = _newest(connection, root_id, reviewer)
        if row is None:
            connection.execute("DELETE FROM label_current WHERE root_id = ? AND reviewer = ?", (root_id, reviewer))
            continue
        connection.execute(
            "INSERT OR REPLACE INTO label_current SELECT ?, ?, ?, dataset_id, ?, ?, ?, ?, ?, ?, ?"
            " FROM pair_current WHERE id = ?",
            (root_id, reviewer, row[0], row[3], row[5], row[6], row[7], row[8], row[13], row[15], root_id),
        )
    _project_status(connection, root_id)


def derive_status(labels: list[tuple[str, str, str | None]]) -> tuple[str, str | None]:
    """`(status, source)` of a pair from `(reviewer, source, status)` of its current labels.

    People outrank judges and scripts; skips count only where nobody decided; the most frequent decision holds, and
    a draw is `disputed`.
    """
    for sources in (("human", "import"), ("script",), ("judge",)):
        said = [status for _, source, status in labels if source in sources and status is not None]
        decided = Counter(status for status in said if status != "skipped")
        if decided:
            (first, most), *rest = decided.most_common()
            if rest and rest[0][1] == most:
                return "disputed", sources[0]
            return first, sources[0]
        if said:
            return "skipped", sources[0]
    return "open", None


def _project_status(connection: sqlite3.Connection, root_id: int) -> None:
    labels = connection.execute(
        f"SELECT {_CURRENT_FIELDS} FROM label_current c JOIN label_event e ON e.id = c.event_id WHERE c.root_id = ?"
        " ORDER BY e.answered, e.uid",
        (root_id,),
    ).fetchall()
    status, source = derive_status([(row[4], row[5], row[6]) for row in labels])
    adjudicated = connection.execute(
        f"SELECT {_CURRENT_FIELDS} FROM label_event e WHERE e.root_id = ? AND e.action = 'adjudicate' AND {_NOT_UNDONE}"
        " ORDER BY e.answered DESC, e.uid DESC LIMIT 1",
        (root_id,),
    ).fetchone()
    if adjudicated:
        status, source = adjudicated[6], adjudicated[5]
    deciding = adjudicated or next((row for row in reversed(labels) if row[6] is not None), None)
    pair_tags = connection.execute("SELECT tags FROM pair WHERE id = ?", (root_id,)).fetchone()[0]
    tags: dict[str, None] = dict.fromkeys(msgspec.json.decode(pair_tags) if pair_tags else ())
    for row in labels:
        tags |= dict.fromkeys(msgspec.json.decode(row[12]) if row[12] else ())
    connection.execute(
        "UPDATE pair_current SET pair_id = ?, status = ?, label_source = ?, reviewer = ?, labelled = ?, flagged = ?,"
        " adjudicated = ?, tags = ? WHERE id = ?",
        (
            _current_version(connection, root_id, [*labels, *([adjudicated] if adjudicated else [])]),
            status, source, deciding[4] if deciding else None, deciding[15] if deciding else None,
            int(any(row[13] for row in labels)), adjudicated[1] if adjudicated else None, _json(list(tags)), root_id,
        ),
    )  # fmt: skip


def _current_version(connection: sqlite3.Connection, root_id: int, labels: list[tuple[Any, ...]]) -> int:
    """The version that the newest standing edit made; the first version where no edit stands.

    An edit stays in force when its author labels the pair again without editing: what counts are edit events that
    were not undone, not only the newest label of each reviewer.
    """
    row = connection.execute(
        f"SELECT e.edited_id FROM label_event e WHERE e.root_id = ? AND e.edited_id IS NOT NULL AND {_NOT_UNDONE}"
        " ORDER BY e.answered DESC, e.uid DESC LIMIT 1",
        (root_id,),
    ).fetchone()
    return int(row[0]) if row else root_id


def rebuild(connection: sqlite3.Connection, dataset_id: int | None = None) -> int:
    """Derive every projection from the events alone; returns how many pairs were looked at. For tests and repair."""
    where, params = ("WHERE dataset_id = ?", (dataset_id,)) if dataset_id is not None else ("", ())
    connection.execute(f"DELETE FROM label_current {where}", params)
    roots = connection.execute(
        f"SELECT DISTINCT root_id FROM label_event {where} {'AND' if where else 'WHERE'} root_id IS NOT NULL", params
    ).fetchall()
    for (root_id,) in roots:
        project_pair(connection, root_id)
    return len(roots)


def last_undoable(connection: sqlite3.Connection, reviewer: str) -> Undoable | None:
    """What `undo` would take back: the newest standing decision or bulk action of a person."""
    event = connection.execute(
        "SELECT e.uid, e.answered, e.dataset_id, e.root_id, e.pair_id, e.status, e.action FROM label_event e"
        " WHERE e.reviewer = ? AND e.action IN ('label', 'adjudicate') AND e.batch_id IS NULL AND e.source = 'human'"
        " AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.uid)"
        " ORDER BY e.answered DESC, e.uid DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    batch = connection.execute(
        "SELECT b.uid, b.created, b.dataset_id, b.status, b.changed FROM batch b WHERE b.reviewer = ?"
        " AND NOT EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = b.uid) ORDER BY b.created DESC LIMIT 1",
        (reviewer,),
    ).fetchone()
    if batch and (event is None or batch[1] >= event[1]):
        return Undoable(uid=batch[0], what="batch", dataset_id=batch[2], pair=None, status=batch[3], changed=batch[4])
    if event is None:
        return None
    return Undoable(uid=event[0], what=event[6], dataset_id=event[2], pair=event[3], status=event[5], changed=1)


def append_undo(
    connection: sqlite3.Connection, *, uid: bytes, undoes: bytes, reviewer: str, at: int, session: bytes | None
) -> list[int]:
    """Take back an event or a whole batch; the pairs whose projection must follow. Raises NotFoundError."""
    event = connection.execute(
        "SELECT dataset_id, root_id, reviewer FROM label_event WHERE uid = ? AND action IN ('label', 'adjudicate')",
        (undoes,),
    ).fetchone()
    batch = None
    if event is None:
        batch = connection.execute("SELECT dataset_id, id FROM batch WHERE uid = ?", (undoes,)).fetchone()
        if batch is None:
            raise NotFoundError("label event or batch", undoes.hex())
        dataset_id, root_id = batch[0], None
    else:
        dataset_id, root_id = event[0], event[1]
    added = connection.execute(
        "INSERT INTO label_event (uid, action, dataset_id, root_id, reviewer, source, session, answered, undoes)"
        " VALUES (?, 'undo', ?, ?, ?, 'human', ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
        (uid, dataset_id, root_id, reviewer, session, at, undoes),
    ).rowcount
    if not added:
        return []
    if batch is None:
        assert root_id is not None
        return [int(root_id)]
    query = "SELECT DISTINCT root_id FROM label_event WHERE batch_id = ? AND root_id IS NOT NULL"
    return [row[0] for row in connection.execute(query, (batch[1],)).fetchall()]
