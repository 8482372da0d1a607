"""Writing pairs: batches of drafts from a source, and the new versions that edits make."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError, StoreError
from flywheel_tui.identity import content_hash, edit_uid, now_us, occurrence_uid
from flywheel_tui.records.pair import Draft

_encode = msgspec.json.Encoder().encode

# in the order of a prepared row
_COLUMNS = (
    "hash", "kind", "instruction", "input", "output", "body", "meta", "category", "tags", "length", "line", "author"
)  # fmt: skip
Row = tuple[Any, ...]


def _json(value: Any) -> str | None:
    return _encode(value).decode() if value else None


class Occurrences:
    """How often each content has been met in the source being read, for contents met more than once.

    The n-th pair with the same content has a uid of its own, so that exact duplicates are kept (and can be found by
    `dedup`), while reading the same source again names the same pairs and adds nothing. Only contents that the
    data set already held when they came are remembered, so a first ingest needs next to no memory.
    """

    def __init__(self) -> None:
        self._met: dict[bytes, int] = {}

    def next_uid(self, hash: bytes) -> bytes:
        """The uid of the next occurrence of this content after the first."""
        count = self._met.get(hash, 1)
        self._met[hash] = count + 1
        return occurrence_uid(hash, count)

    def first_was_known(self, hash: bytes) -> bool:
        """Called when the first occurrence was found in the data set already; true only the first time."""
        if hash in self._met:
            return False
        self._met[hash] = 1
        return True


def prepare(drafts: Sequence[Draft]) -> list[Row]:
    """The row of each draft, its content hash first; pure, so that it can be done outside the write transaction."""
    rows = []
    for d in drafts:
        hash = content_hash(d.kind, d.instruction, d.input, d.output, d.body)
        length = len(d.instruction) + len(d.input or "") + len(d.output or "")
        rows.append(
            (hash, d.kind, d.instruction, d.input, d.output, _json(d.body), _json(d.meta), d.category, _json(d.tags),
             length, d.line or None, d.author)
        )  # fmt: skip
    return rows


def insert_drafts(
    connection: sqlite3.Connection, dataset_id: int, source_id: int, rows: Sequence[Row], occurrences: Occurrences
) -> int:
    """Write a batch (from `prepare`) inside a transaction; how many were new (the others were there already).

    `source_id` is the row of `source` for this run: a content whose pair has another one was there before the run.
    """
    if len({row[0] for row in rows}) == len(rows):
        # nearly always every row is new: then one statement does it, and no row is looked up first
        connection.execute("SAVEPOINT batch")
        if _insert(connection, dataset_id, source_id, rows, None):
            connection.execute("RELEASE batch")
            return len(rows)
        connection.execute("ROLLBACK TO batch")
        connection.execute("RELEASE batch")
    known = _known(connection, dataset_id, [row[0] for row in rows])
    batch: set[bytes] = set()
    fresh: list[Row] = []
    uids: list[bytes] = []
    for row in rows:
        hash = uid = row[0]
        if hash in batch or hash in known:
            older = hash not in batch and known[hash] != source_id
            if older and occurrences.first_was_known(hash):
                continue
            uid = occurrences.next_uid(hash)
            if uid in batch or _exists(connection, dataset_id, uid):
                continue
        batch.add(uid)
        uids.append(uid)
        fresh.append(row)
    if fresh and not _insert(connection, dataset_id, source_id, fresh, uids):
        raise StoreError("pairs that had just been found new are there already; run the same command again")
    return len(fresh)


def _insert(
    connection: sqlite3.Connection, dataset_id: int, source_id: int, rows: Sequence[Row], uids: list[bytes] | None
) -> bool:
    """Write rows as pairs and as what people see; False (with some written) where one of them was there already.

    `uids` None: the uid of each is its hash. Binding a value costs as much as storing it, and None and bytes cost more
    than other types; so what is the same for every row stands in the statement, and columns that none has are left out.
    """
    first = next_pair_id(connection)
    columns = list(zip(*rows, strict=True))
    columns[0] = tuple(map(bytearray, columns[0]))
    kept = [at for at, column in enumerate(columns) if any(value is not None for value in column)]
    names = ["uid", *(_COLUMNS[at] for at in kept)]
    marks = ["?1", *(f"?{number}" for number in range(1, len(kept) + 1))]
    values = [columns[at] for at in kept]
    if uids is not None:
        values.append(tuple(map(bytearray, uids)))
        marks[0] = f"?{len(values)}"
    written = connection.executemany(
        f"INSERT OR IGNORE INTO pair (dataset_id, source_id, created, {', '.join(names)})"
        f" VALUES ({int(dataset_id)}, {int(source_id)}, {now_us()}, {', '.join(marks)})",
        zip(*values, strict=True),
    ).rowcount
    if written != len(rows):
        return False
    shift = _max_position(connection, dataset_id) + 1 - first
    connection.execute(
        "INSERT INTO pair_current (id, dataset_id, position, pair_id, tags)"
        " SELECT id, dataset_id, id + ?, id, tags FROM pair WHERE id >= ? ORDER BY id",
        (shift, first),
    )
    add_to_counter(connection, dataset_id, "pairs", written)
    add_to_counter(connection, dataset_id, "open", written)
    return True


def _known(connection: sqlite3.Connection, dataset_id: int, hashes: list[bytes]) -> dict[bytes, int | None]:
    marks = ",".join("?" * len(hashes))
    query = f"SELECT uid, source_id FROM pair WHERE dataset_id = ? AND uid IN ({marks})"
    return dict(connection.execute(query, [dataset_id, *hashes]).fetchall())


def _exists(connection: sqlite3.Connection, dataset_id: int, uid: bytes) -> bool:
    query = "SELECT 1 FROM pair WHERE dataset_id = ? AND uid = ?"
    return connection.execute(query, (dataset_id, uid)).fetchone() is not None


def _max_id(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM pair").fetchone()[0])


def next_pair_id(connection: sqlite3.Connection) -> int:
    """The id that the next pair will have."""
    return _max_id(connection) + 1


def _max_position(connection: sqlite3.Connection, dataset_id: int) -> int:
    query = "SELECT coalesce(max(position), 0) FROM pair_current WHERE dataset_id = ?"
    return int(connection.execute(query, (dataset_id,)).fetchone()[0])


def add_to_counter(connection: sqlite3.Connection, dataset_id: int, name: str, by: int) -> None:
    """Move a figure that screens show at once; part of the transaction that changes what it counts."""
    connection.execute(
        "INSERT INTO counter VALUES (?, ?, ?)"
        " ON CONFLICT (dataset_id, name) DO UPDATE SET value = value + excluded.value",
        (dataset_id, name, by),
    )


def insert_version(
    connection: sqlite3.Connection, pair_id: int, changes: dict[str, Any], author: str
) -> tuple[int, bool]:
    """A new version of `pair_id` with some fields changed; `(its id, whether anything differs)`.

    `changes` may name instruction, input, output, body (whole) and nothing else. The same edit of the same version
    gives the same version again. Raises NotFoundError for an unknown version.
    """
    row = connection.execute(
        "SELECT dataset_id, uid, family, version, kind, instruction, input, output, body, meta, category, tags, cycle,"
        " source_id, line FROM pair WHERE id = ?",
        (pair_id,),
    ).fetchone()
    if row is None:
        raise NotFoundError("pair version", str(pair_id))
    dataset_id, uid, family, version, kind, instruction, input, output, body, meta, category, tags, cycle = row[:13]
    old_body = msgspec.json.decode(body) if body else None
    old = {"instruction": instruction, "input": input, "output": output, "body": old_body}
    if unknown := set(changes) - set(old):
        raise NotFoundError("editable field", sorted(unknown)[0], sorted(old))
    new = old | changes
    if new == old:
        return pair_id, False
    hash = content_hash(kind, new["instruction"], new["input"], new["output"], new["body"])
    new_uid = edit_uid(uid, hash)
    found = connection.execute("SELECT id FROM pair WHERE dataset_id = ? AND uid = ?", (dataset_id, new_uid)).fetchone()
    if found:
        return int(found[0]), True
    length = len(new["instruction"]) + len(new["input"] or "") + len(new["output"] or "")
    new_id = next_pair_id(connection)
    now = now_us()
    connection.execute(
        "INSERT INTO pair (id, dataset_id, uid, hash, family, supersedes, version, kind, instruction, input, output,"
        " body, meta, category, tags, length, cycle, source_id, line, author, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id, dataset_id, new_uid, hash, family or uid, pair_id, version + 1, kind, new["instruction"],
         new["input"], new["output"], _json(new["body"]), meta, category, tags, length, cycle, row[13], row[14],
         author, now),
    )  # fmt: skip
    connection.execute(
        "INSERT OR IGNORE INTO edge (child_id, parent_id, relation, created) VALUES (?, ?, 'edited', ?)",
        (new_id, pair_id, now),
    )
    return new_id, True
