"""Data sets: their names, their counters, removal (soft) and return. Counting never reads the table of pairs."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

import msgspec

from flywheel_tui.errors import ConflictError, NotFoundError, UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.records.label import STATUSES

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# Names of devices on Windows, with any suffix: a folder of that name could never be copied there.
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})


class DatasetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One data set. Times are microseconds UTC; `counts` holds its counters by name (a missing one is 0)."""

    id: int
    name: str
    kind: str
    tags: tuple[str, ...]
    created: int
    deleted: int | None
    counts: dict[str, int]

    @property
    def pairs(self) -> int:
        """How many pairs people see (each in its current version)."""
        return sum(self.counts.get(status, 0) for status in STATUSES)

    @property
    def open(self) -> int:
        """How many nobody has decided on."""
        return self.counts.get("open", 0)


def valid_name(name: str) -> str:
    """`name` itself where it may name a data set. Raises UsageError that says what would be right."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name[:80]!r} cannot name a data set; use up to 64 of a-z, 0-9, dot, _ and -, a letter or digit first"
        )
    if name.partition(".")[0] in _DEVICES:
        raise UsageError(f"{name!r} is a device name on some systems and cannot name a data set; choose another name")
    if name.endswith("."):
        raise UsageError(f"{name!r} ends with a dot, which some systems drop; leave the dot out")
    return name


def list_datasets(connection: sqlite3.Connection, *, deleted: bool = False) -> list[DatasetRow]:
    """Every data set by name, with its counters; `deleted=True` lists the removed ones instead."""
    test = "IS NOT NULL" if deleted else "IS NULL"
    rows = connection.execute(
        f"SELECT id, name, kind, tags, created, deleted FROM dataset WHERE deleted {test} ORDER BY name, id"
    ).fetchall()
    counters: dict[int, dict[str, int]] = {}
    for dataset, name, value in connection.execute("SELECT dataset_id, name, value FROM counter"):
        counters.setdefault(dataset, {})[name] = value
    return [_row(row, counters.get(row[0], {})) for row in rows]


def get_dataset(connection: sqlite3.Connection, name: str) -> DatasetRow:
    """The data set of that name. Raises NotFoundError that lists the known ones."""
    row = connection.execute(
        "SELECT id, name, kind, tags, created, deleted FROM dataset WHERE name = ? AND deleted IS NULL", (name,)
    ).fetchone()
    if row is None:
        known = connection.execute("SELECT name FROM dataset WHERE deleted IS NULL ORDER BY name LIMIT 20")
        raise NotFoundError("data set", name, [found for (found,) in known])
    counts = connection.execute("SELECT name, value FROM counter WHERE dataset_id = ?", (row[0],))
    return _row(row, dict(counts))


def create_dataset(connection: sqlite3.Connection, name: str, kind: str, tags: Sequence[str] = ()) -> DatasetRow:
    """Make an empty data set inside a write transaction.

    Raises UsageError for a name that cannot be used, ConflictError where there is a data set of that name.
    """
    valid_name(name)
    encoded, created = msgspec.json.encode(sorted(set(tags))).decode(), now_us()
    try:
        cursor = connection.execute(
            "INSERT INTO dataset (name, kind, tags, created) VALUES (?, ?, ?, ?)", (name, kind, encoded, created)
        )
    except sqlite3.IntegrityError as error:
        if "dataset.name" not in str(error):
            raise
        raise ConflictError(f"there is a data set {name!r} already; choose another name or append to it") from error
    return _row((cursor.lastrowid, name, kind, encoded, created, None), {})


def remove_dataset(connection: sqlite3.Connection, name: str) -> DatasetRow:
    """Hide a data set (its pairs, labels and lineage stay in the file). Raises NotFoundError."""
    row = get_dataset(connection, name)
    removed = now_us()
    connection.execute("UPDATE dataset SET deleted = ? WHERE id = ?", (removed, row.id))
    return msgspec.structs.replace(row, deleted=removed)


def restore_dataset(connection: sqlite3.Connection, name: str) -> DatasetRow:
    """Bring back the data set of that name that was removed last.

    Raises NotFoundError where none was removed, ConflictError where the name is in use again.
    """
    row = connection.execute(
        "SELECT id FROM dataset WHERE name = ? AND deleted IS NOT NULL ORDER BY deleted DESC, id DESC LIMIT 1", (name,)
    ).fetchone()
    if row is None:
        known = [found.name for found in list_datasets(connection, deleted=True)]
        raise NotFoundError("removed data set", name, sorted(set(known)))
    try:
        connection.execute("UPDATE dataset SET deleted = NULL WHERE id = ?", row)
    except sqlite3.IntegrityError as error:
        raise ConflictError(f"the name {name!r} is in use again; remove that data set first") from error
    return get_dataset(connection, name)


def _row(row: Sequence[object], counts: dict[str, int]) -> DatasetRow:
    identity, name, kind, tags, created, deleted = row
    decoded = tuple(msgspec.json.decode(str(tags), type=list[str]))
    return msgspec.convert(
        {
            "id": identity,
            "name": name,
            "kind": kind,
            "tags": decoded,
            "created": created,
            "deleted": deleted,
            "counts": counts,
        },
        DatasetRow,
    )
