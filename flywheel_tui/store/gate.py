"""Evidence bundles, what people decided about them, and which adapter is in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.identity import new_uid, now_us, show_uid
from flywheel_tui.records.evaluation import GateLine, Judgement

_encode = msgspec.json.Encoder(order="sorted").encode


class BundleRow(msgspec.Struct, frozen=True, kw_only=True):
    """An evidence bundle; `folder` is relative to the workspace. `adapter` … are those of its evaluation."""

    id: int
    hash: str
    evaluation_id: int
    folder: str
    verdict: str
    gates: tuple[GateLine, ...]
    created: int
    adapter: str
    adapter_hash: str
    base: str
    base_hash: str
    cycle: int | None
    decision: str | None
    reviewer: str | None


class DecisionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision; `adapter` is in use after it ('' is the base alone), `previous` was before."""

    id: int
    uid: str
    action: str
    bundle_id: int | None
    bundle_hash: str | None
    verdict: str | None
    override: bool
    adapter: str
    adapter_hash: str
    previous: str
    reviewer: str
    source: str
    reason: str
    at: int


class NewDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided."""

    action: str
    bundle_id: int | None
    bundle_hash: str | None
    verdict: str | None
    override: bool
    adapter: str
    adapter_hash: str
    previous: str
    reviewer: str
    source: str
    reason: str


class Pointer(msgspec.Struct, frozen=True, kw_only=True):
    """The adapter in use for a base ('' is the base alone); `path` as it was registered or named."""

    id: int
    base_hash: str
    base: str
    adapter: str
    adapter_hash: str
    path: str
    decision_id: int
    at: int


# -- bundles

# what was decided last on a bundle: signed on it, or its adapter taken back after it had been approved
_LAST = (
    "SELECT max(d.id) FROM gate_decision d WHERE d.bundle_id = b.id"
    " OR (d.action = 'rollback' AND d.previous = e.adapter AND d.id >"
    " (SELECT min(a.id) FROM gate_decision a WHERE a.bundle_id = b.id AND a.action = 'approve'))"
)
_BUNDLE = (
    "SELECT b.id, b.hash, b.evaluation_id, b.folder, b.verdict, b.gates, b.created, e.adapter, e.adapter_hash, e.base,"
    " e.base_hash, e.cycle, g.action, g.reviewer FROM bundle b JOIN evaluation e ON e.id = b.evaluation_id"
    f" LEFT JOIN gate_decision g ON g.id = ({_LAST})"
)


def _bundle(row: Sequence[Any]) -> BundleRow:
    values = dict(zip(BundleRow.__struct_fields__, row, strict=True))
    return BundleRow(**values | {"gates": msgspec.json.decode(values["gates"], type=tuple[GateLine, ...])})


def add_bundle(
    connection: sqlite3.Connection, *, hash: str, evaluation_id: int, folder: str, judgement: Judgement
) -> BundleRow:
    """Keep a bundle; the same evidence made again is the same bundle."""
    connection.execute(
        "INSERT INTO bundle (hash, evaluation_id, folder, verdict, gates, created) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (hash) DO NOTHING",
        (hash, evaluation_id, folder, judgement.verdict, _encode(judgement.gates).decode(), now_us()),
    )
    return find_bundle(connection, hash)


def find_bundle(connection: sqlite3.Connection, name: str) -> BundleRow:
    """The bundle of that number, or whose hash begins so (six characters or more). Raises NotFoundError."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 6 else None
    start = name if len(name) >= 6 and all(letter in "0123456789abcdef" for letter in name) else None
    rows = connection.execute(
        f"{_BUNDLE} WHERE b.id = ?1 OR (?2 IS NOT NULL AND substr(b.hash, 1, length(?2)) = ?2) LIMIT 2", (number, start)
    ).fetchall()
    if len(rows) != 1:
        known = connection.execute("SELECT id, substr(hash, 1, 12) FROM bundle ORDER BY id DESC LIMIT 20").fetchall()
        remedy = "" if known else "make one with: flywheel evaluate --adapter NAME --base MODEL"
        raise NotFoundError("bundle", name, [f"{id} ({hash})" for id, hash in known], remedy)
    return _bundle(rows[0])


def bundles(connection: sqlite3.Connection, *, limit: int = 100) -> list[BundleRow]:
    """The newest bundles first."""
    return [_bundle(row) for row in connection.execute(f"{_BUNDLE} ORDER BY b.id DESC LIMIT ?", (limit,)).fetchall()]


# -- decisions

_DECISION = (
    "SELECT id, uid, action, bundle_id, bundle_hash, verdict, override, adapter, adapter_hash, previous, reviewer,"
    " source, reason, at FROM gate_decision"
)


def _decision(row: Sequence[Any]) -> DecisionRow:
    values = dict(zip(DecisionRow.__struct_fields__, row, strict=True))
    return DecisionRow(**values | {"uid": show_uid(values["uid"]), "override": bool(values["override"])})


def add_decision(connection: sqlite3.Connection, new: NewDecision) -> DecisionRow:
    """Write what was decided (inside the transaction that does it)."""
    values = msgspec.structs.asdict(new) | {"uid": new_uid(), "at": now_us(), "override": int(new.override)}
    marks = ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO gate_decision ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )
    return _decision(connection.execute(f"{_DECISION} WHERE id = ?", (cursor.lastrowid,)).fetchone())


def decisions(connection: sqlite3.Connection, *, bundle_id: int | None = None, limit: int = 200) -> list[DecisionRow]:
    """Decisions, the newest first; those on one bundle where one is named."""
    rows = connection.execute(
        f"{_DECISION} WHERE ?1 IS NULL OR bundle_id = ?1 ORDER BY id DESC LIMIT ?2", (bundle_id, limit)
    ).fetchall()
    return [_decision(row) for row in rows]


# -- the adapter in use

_POINTER = "SELECT id, base_hash, base, adapter, adapter_hash, path, decision_id, at FROM adapter_pointer"


def current_pointer(connection: sqlite3.Connection, base_hash: str) -> Pointer | None:
    """What is in use for a base; None where nothing was ever promoted."""
    found = pointer_history(connection, base_hash, limit=1)
    return found[0] if found else None


def pointer_history(connection: sqlite3.Connection, base_hash: str | None = None, *, limit: int = 200) -> list[Pointer]:
    """What was in use for a base (for all of them), the newest first."""
    rows = connection.execute(
        f"{_POINTER} WHERE ?1 IS NULL OR base_hash = ?1 ORDER BY id DESC LIMIT ?2", (base_hash, limit)
    ).fetchall()
    return [Pointer(**dict(zip(Pointer.__struct_fields__, row, strict=True))) for row in rows]


def current_pointers(connection: sqlite3.Connection) -> list[Pointer]:
    """What is in use, one for each base."""
    rows = connection.execute(
        f"{_POINTER} WHERE id IN (SELECT max(id) FROM adapter_pointer GROUP BY base_hash) ORDER BY base_hash"
    ).fetchall()
    return [Pointer(**dict(zip(Pointer.__struct_fields__, row, strict=True))) for row in rows]


def move_pointer(
    connection: sqlite3.Connection, *, base_hash: str, base: str, adapter: str, adapter_hash: str, path: str,
    decision_id: int,
) -> None:  # fmt: skip
    """Another adapter is in use from now on (inside the transaction of the decision)."""
    connection.execute(
        "INSERT INTO adapter_pointer (base_hash, base, adapter, adapter_hash, path, decision_id, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (base_hash, base, adapter, adapter_hash, path, decision_id, now_us()),
    )
