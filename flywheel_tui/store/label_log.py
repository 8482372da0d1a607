"""Label events as they leave and enter a workspace: every identifier is a uid, nothing is an id of this file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from flywheel_tui.identity import parse_uid, show_uid
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import pairs as pair_store

_load = msgspec.json.Decoder().decode

_PLAIN = (
    "action", "reviewer", "source", "status", "preference", "rating", "note", "flagged", "blind", "revealed",
    "policy", "stratum", "inclusion", "seed", "presented", "answered", "active_ms",
)  # fmt: skip
_JSON = ("answers", "reasons", "tags")
_UIDS = ("uid", "session", "repeat_of", "undoes")
_EDITABLE = ("instruction", "input", "output", "body")


def batches(connection: sqlite3.Connection, dataset_ids: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Bulk actions, oldest first."""
    marks = ",".join("?" * len(dataset_ids))
    cursor = connection.execute(
        "SELECT b.uid, d.name, b.kind, b.reviewer, b.expression, b.status, b.reasons, b.matched, b.changed, b.state,"
        " b.created, b.finished FROM batch b JOIN dataset d ON d.id = b.dataset_id"
        f" WHERE d.id IN ({marks}) ORDER BY b.id",
        list(dataset_ids),
    )
    names = ("uid", "dataset", "kind", "reviewer", "expression", "status", "reasons", "matched", "changed", "state",
             "created", "finished")  # fmt: skip
    for row in cursor.fetchall():
        found = dict(zip(names, row, strict=True))
        yield {"type": "batch", **found, "uid": show_uid(found["uid"]), "reasons": _load(found["reasons"])}


def events(
    connection: sqlite3.Connection, dataset_ids: Sequence[int], reviewer: str | None, after: int, limit: int
) -> tuple[list[dict[str, Any]], int]:
    """Up to `limit` events with an id above `after`, in order; and the id to go on from."""
    marks = ",".join("?" * len(dataset_ids))
    columns = ", ".join(f"e.{name}" for name in (*_PLAIN, *_JSON, *_UIDS))
    rows = connection.execute(
        f"SELECT {columns}, e.id, d.name, r.uid, v.uid, b.uid, e.edited_id, e.pair_id FROM label_event e"
        " JOIN dataset d ON d.id = e.dataset_id LEFT JOIN pair r ON r.id = e.root_id"
        " LEFT JOIN pair v ON v.id = e.pair_id LEFT JOIN batch b ON b.id = e.batch_id"
        f" WHERE e.id > ? AND e.dataset_id IN ({marks}) AND (? IS NULL OR e.reviewer = ?) ORDER BY e.id LIMIT ?",
        [after, *dataset_ids, reviewer, reviewer, limit],
    ).fetchall()
    out = [_line(connection, row) for row in rows]
    return out, rows[-1][len(_PLAIN) + len(_JSON) + len(_UIDS)] if rows else after


def _line(connection: sqlite3.Connection, row: tuple[Any, ...]) -> dict[str, Any]:
    line: dict[str, Any] = {"type": "event"}
    values = iter(row)
    for name in _PLAIN:
        line[name] = next(values)
    for name in _JSON:
        text = next(values)
        line[name] = _load(text) if text else None
    for name in _UIDS:
        uid = next(values)
        line[name] = show_uid(uid) if uid else None
    _, dataset, root, version, batch, edited, parent = values
    line["dataset"] = dataset
    line["pair"] = show_uid(root) if root else None
    line["version"] = show_uid(version) if version else None
    line["batch"] = show_uid(batch) if batch else None
    if edited:
        line["edit"] = _edit(connection, parent, edited)
    for name in ("flagged", "blind", "revealed"):
        line[name] = bool(line[name])
    return {name: value for name, value in line.items() if value is not None}


def _edit(connection: sqlite3.Connection, parent: int, child: int) -> dict[str, Any]:
    query = f"SELECT {', '.join(_EDITABLE)} FROM pair WHERE id = ?"
    before = connection.execute(query, (parent,)).fetchone()
    after = connection.execute(query, (child,)).fetchone()
    changed = {}
    for name, old, new in zip(_EDITABLE, before, after, strict=True):
        if old != new:
            changed[name] = _load(new) if name == "body" and new else new
    return changed


def add_batch(connection: sqlite3.Connection, dataset_id: int, line: dict[str, Any]) -> bool:
    """Write a bulk action that another workspace made; False where it is here already."""
    return (
        connection.execute(
            "INSERT INTO batch (uid, dataset_id, kind, reviewer, expression, status, reasons, matched, changed, state,"
            " created, finished) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
            (parse_uid(line["uid"]), dataset_id, line["kind"], line["reviewer"], line.get("expression"),
             line.get("status"), msgspec.json.encode(line.get("reasons") or []).decode(), line.get("matched", 0),
             line.get("changed", 0), line.get("state", "done"), line["created"], line.get("finished")),
        ).rowcount
        > 0
    )  # fmt: skip


def find_pair(connection: sqlite3.Connection, dataset_id: int, uid: str | None) -> int | None:
    """The id of the version with this uid in a data set."""
    if uid is None:
        return None
    query = "SELECT id FROM pair WHERE dataset_id = ? AND uid = ?"
    row = connection.execute(query, (dataset_id, parse_uid(uid))).fetchone()
    return row[0] if row else None


def add_event(
    connection: sqlite3.Connection, dataset_id: int, line: dict[str, Any], root_id: int | None, version_id: int | None
) -> bool:
    """Write an event that another workspace made, with the version its edit made; False where it is here already."""
    uid = parse_uid(line["uid"])
    if connection.execute("SELECT 1 FROM label_event WHERE uid = ?", (uid,)).fetchone():
        return False
    edited_id = None
    if line.get("edit") and version_id is not None:
        edited_id, _ = pair_store.insert_version(connection, version_id, line["edit"], line["reviewer"])
    batch_id = None
    if line.get("batch"):
        found = connection.execute("SELECT id FROM batch WHERE uid = ?", (parse_uid(line["batch"]),)).fetchone()
        batch_id = found[0] if found else None
    values: dict[str, Any] = {name: line.get(name) for name in _PLAIN}
    values |= {name: msgspec.json.encode(line[name]).decode() if line.get(name) else None for name in _JSON}
    values |= {name: parse_uid(line[name]) if line.get(name) else None for name in _UIDS}
    values |= {"dataset_id": dataset_id, "root_id": root_id, "pair_id": version_id, "edited_id": edited_id,
               "batch_id": batch_id, "flagged": int(bool(line.get("flagged"))), "blind": int(line.get("blind", True)),
               "revealed": int(bool(line.get("revealed"))), "policy": line.get("policy", "as is")}  # fmt: skip
    connection.execute(
        f"INSERT INTO label_event ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", list(values.values())
    )
    connection.execute("INSERT OR IGNORE INTO reviewer VALUES (?, ?)", (line["reviewer"], line["answered"]))
    return True


def touched_by(connection: sqlite3.Connection, line: dict[str, Any], root_id: int | None) -> set[int]:
    """The pairs whose projection an event can change."""
    if root_id is not None:
        return {root_id}
    if not line.get("undoes"):
        return set()
    target = parse_uid(line["undoes"])
    rows = connection.execute(
        "SELECT root_id FROM label_event WHERE uid = ?1 UNION SELECT e.root_id FROM label_event e JOIN batch b"
        " ON b.id = e.batch_id WHERE b.uid = ?1",
        (target,),
    ).fetchall()
    return {root for (root,) in rows if root is not None}


def project(connection: sqlite3.Connection, roots: set[int]) -> None:
    """Bring the projections of these pairs up to date."""
    for root in sorted(roots):
        label_store.project_pair(connection, root)
