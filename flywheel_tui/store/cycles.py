"""Runs of cycles, their phases, and the artefacts that phases made."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.identity import new_uid, now_us

_encode_sorted = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode
OPEN: tuple[str, ...] = ("running", "waiting", "failed")
"""The states of a run (and of a cycle) that can go on."""


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run of cycles. `awaits` says what it waits for: who, for what, and the command that does it."""

    id: int
    uid: bytes
    config: dict[str, Any]
    config_hash: str
    state: str
    stop_reason: str | None
    awaits: dict[str, Any] | None
    created: int
    updated: int
    finished: int | None


class CycleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One cycle. `summary` holds its figures, and those so far while it runs."""

    id: int
    number: int
    run_id: int | None
    config: dict[str, Any]
    state: str
    stop_reason: str | None
    summary: dict[str, Any] | None
    created: int
    finished: int | None


class PhaseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One phase of a cycle. Times in microseconds: `busy_us` at work, `waited_us` for people."""

    id: int
    cycle_id: int
    phase: str
    position: int
    entry_hash: str
    state: str
    artefact: str | None
    evidence: dict[str, Any] | None
    awaits: dict[str, Any] | None
    items: int | None
    attempts: int
    busy_us: int
    waited_us: int
    cost_micro: int
    tokens: int
    started: int
    finished: int | None


class ArtefactRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a phase made: `hash` is over phase, parents and body."""

    hash: str
    phase: str
    parents: tuple[str, ...]
    body: dict[str, Any]


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What phases took."""

    cost_micro: int = 0
    tokens: int = 0
    busy_us: int = 0


def hash_of(value: Any) -> str:
    """SHA-256 over the canonical JSON of a value."""
    return sha256(_encode_sorted(value)).hexdigest()


# -- runs


def add_run(connection: sqlite3.Connection, config: dict[str, Any], identity: dict[str, Any]) -> RunRow:
    """Begin a run. `identity` is the part of its configuration that it is known by."""
    now = now_us()
    cursor = connection.execute(
        "INSERT INTO cycle_run (uid, config, config_hash, created, updated) VALUES (?, ?, ?, ?, ?)",
        (new_uid(), _text(config), hash_of(identity), now, now),
    )
    return get_run(connection, int(cursor.lastrowid or 0))


def get_run(connection: sqlite3.Connection, run_id: int) -> RunRow:
    """One run. Raises NotFoundError."""
    found = _runs(connection, "WHERE id = ?", (run_id,))
    if not found:
        known = connection.execute("SELECT id FROM cycle_run ORDER BY id DESC LIMIT 10")
        raise NotFoundError("run of cycles", str(run_id), [str(id) for (id,) in known])
    return found[0]


def list_runs(connection: sqlite3.Connection) -> list[RunRow]:
    """Every run, the oldest first."""
    return _runs(connection, "ORDER BY id", ())


def unfinished_run(connection: sqlite3.Connection, identity: dict[str, Any] | None = None) -> RunRow | None:
    """The newest run that can go on; with `identity` only the one that is known by it."""
    marks = ", ".join("?" * len(OPEN))
    parameters: list[Any] = [*OPEN]
    test = ""
    if identity is not None:
        test = " AND config_hash = ?"
        parameters.append(hash_of(identity))
    found = _runs(connection, f"WHERE state IN ({marks}){test} ORDER BY id DESC LIMIT 1", parameters)
    return found[0] if found else None


def set_run(
    connection: sqlite3.Connection, run_id: int, state: str, *, stop_reason: str | None = None,
    awaits: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write how a run stands."""
    now = now_us()
    connection.execute(
        "UPDATE cycle_run SET state = ?, stop_reason = ?, awaits = ?, updated = ?, finished = ? WHERE id = ?",
        (state, stop_reason, None if awaits is None else _text(awaits), now, None if state in OPEN else now, run_id),
    )


# -- cycles


def add_cycle(connection: sqlite3.Connection, run_id: int, config: dict[str, Any]) -> CycleRow:
    """Begin the next cycle of a run; numbers go through the whole workspace."""
    number = int(connection.execute("SELECT coalesce(max(number), 0) + 1 FROM cycle").fetchone()[0])
    connection.execute(
        "INSERT INTO cycle (number, run_id, config, state, created) VALUES (?, ?, ?, 'running', ?)",
        (number, run_id, _text(config), now_us()),
    )
    return get_cycle(connection, number)


def get_cycle(connection: sqlite3.Connection, number: int) -> CycleRow:
    """One cycle by its number. Raises NotFoundError."""
    found = _cycles(connection, "WHERE number = ?", (number,))
    if not found:
        known = connection.execute("SELECT number FROM cycle ORDER BY number DESC LIMIT 10")
        raise NotFoundError("cycle", str(number), [str(one) for (one,) in known])
    return found[0]


def list_cycles(connection: sqlite3.Connection, run_id: int | None = None) -> list[CycleRow]:
    """Every cycle (of a run) by number."""
    if run_id is None:
        return _cycles(connection, "ORDER BY number", ())
    return _cycles(connection, "WHERE run_id = ? ORDER BY number", (run_id,))


def set_cycle(
    connection: sqlite3.Connection, cycle_id: int, state: str, *, summary: dict[str, Any] | None = None,
    stop_reason: str | None = None,
) -> None:  # fmt: skip
    """Write how a cycle stands; `summary` None keeps the one there is."""
    connection.execute(
        "UPDATE cycle SET state = ?, summary = coalesce(?, summary), stop_reason = ?, finished = ? WHERE id = ?",
        (state, None if summary is None else _text(summary), stop_reason, None if state in OPEN else now_us(),
         cycle_id),
    )  # fmt: skip


# -- phases


def begin_phase(
    connection: sqlite3.Connection, cycle_id: int, phase: str, position: int, entry_hash: str
) -> tuple[PhaseRow, bool]:
    """The row of a phase entered with that hash; `(row, whether it is done already)`.

    One that was begun before is counted as one more attempt; time waited for people ends now.
    """
    now = now_us()
    connection.execute(
        "INSERT INTO phase_run (cycle_id, phase, position, entry_hash, state, attempts, started)"
        " VALUES (?, ?, ?, ?, 'running', 0, ?) ON CONFLICT (cycle_id, phase, entry_hash) DO NOTHING",
        (cycle_id, phase, position, entry_hash, now),
    )
    row = _phase(connection, cycle_id, phase, entry_hash)
    if row.state == "done":
        return row, True
    since = int((row.awaits or {}).get("since", now))
    connection.execute(
        "UPDATE phase_run SET state = 'running', attempts = attempts + 1, awaits = NULL,"
        " waited_us = waited_us + max(?, 0) WHERE id = ?",
        (now - since, row.id),
    )
    return _phase(connection, cycle_id, phase, entry_hash), False


def end_phase(
    connection: sqlite3.Connection, phase: PhaseRow, state: str, *, busy_us: int, artefact: str | None = None,
    evidence: dict[str, Any] | None = None, awaits: dict[str, Any] | None = None, items: int | None = None,
    cost_micro: int = 0, tokens: int = 0,
) -> None:  # fmt: skip
    """Write what came of an attempt at a phase: done (with its artefact), waiting or failed."""
    now = now_us()
    if awaits is not None:
        awaits = {**awaits, "since": now}
    connection.execute(
        "UPDATE phase_run SET state = ?, artefact = ?, evidence = ?, awaits = ?, items = ?, busy_us = busy_us + ?,"
        " cost_micro = cost_micro + ?, tokens = tokens + ?, finished = ? WHERE id = ?",
        (state, artefact, None if evidence is None else _text(evidence), None if awaits is None else _text(awaits),
         items, busy_us, cost_micro, tokens, now if state == "done" else None, phase.id),
    )  # fmt: skip


def phases_of(connection: sqlite3.Connection, cycle_id: int) -> list[PhaseRow]:
    """The phases of a cycle in their order; where one was entered with several hashes, the newest."""
    rows = [_phase_row(row) for row in connection.execute(f"{_PHASE} WHERE cycle_id = ? ORDER BY id", (cycle_id,))]
    newest = {row.phase: row for row in rows}
    return sorted(newest.values(), key=lambda row: row.position)


def spent_by(connection: sqlite3.Connection, run_id: int, phase: str | None = None) -> Spent:
    """What the phases of a run (or one of them, over all its cycles) took so far."""
    row = connection.execute(
        "SELECT coalesce(sum(p.cost_micro), 0), coalesce(sum(p.tokens), 0), coalesce(sum(p.busy_us), 0)"
        " FROM phase_run p JOIN cycle c ON c.id = p.cycle_id WHERE c.run_id = ?1 AND (?2 IS NULL OR p.phase = ?2)",
        (run_id, phase),
    ).fetchone()
    return Spent(cost_micro=row[0], tokens=row[1], busy_us=row[2])


# -- artefacts


def put_artefact(
    connection: sqlite3.Connection, phase: str, parents: Sequence[str], body: dict[str, Any]
) -> ArtefactRow:
    """Keep what a phase made; the same content is kept once."""
    hash = hash_of([phase, list(parents), body])
    connection.execute(
        "INSERT INTO artefact (hash, phase, parents, body, created) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (hash) DO NOTHING",
        (hash, phase, _text(list(parents)), _text(body), now_us()),
    )
    return ArtefactRow(hash=hash, phase=phase, parents=tuple(parents), body=body)


def get_artefact(connection: sqlite3.Connection, hash: str) -> ArtefactRow:
    """One artefact. Raises NotFoundError."""
    row = connection.execute("SELECT hash, phase, parents, body FROM artefact WHERE hash = ?", (hash,)).fetchone()
    if row is None:
        raise NotFoundError("artefact", hash)
    return ArtefactRow(hash=row[0], phase=row[1], parents=tuple(_decode(row[2])), body=_decode(row[3]))


_PHASE = (
    "SELECT id, cycle_id, phase, position, entry_hash, state, artefact, evidence, awaits, items, attempts, busy_us,"
    " waited_us, cost_micro, tokens, started, finished FROM phase_run"
)


def _text(value: Any) -> str:
    return _encode_sorted(value).decode()


def _phase(connection: sqlite3.Connection, cycle_id: int, phase: str, entry_hash: str) -> PhaseRow:
    query = f"{_PHASE} WHERE cycle_id = ? AND phase = ? AND entry_hash = ?"
    return _phase_row(connection.execute(query, (cycle_id, phase, entry_hash)).fetchone())


def _phase_row(row: Sequence[Any]) -> PhaseRow:
    fields = dict(zip(PhaseRow.__struct_fields__, row, strict=True))
    for name in ("evidence", "awaits"):
        fields[name] = _decode(fields[name]) if fields[name] else None
    return PhaseRow(**fields)


def _runs(connection: sqlite3.Connection, tail: str, parameters: Sequence[Any]) -> list[RunRow]:
    rows = connection.execute(
        "SELECT id, uid, config, config_hash, state, stop_reason, awaits, created, updated, finished FROM cycle_run "
        + tail,
        parameters,
    ).fetchall()
    return [
        RunRow(
            id=row[0], uid=row[1], config=_decode(row[2]), config_hash=row[3], state=row[4], stop_reason=row[5],
            awaits=_decode(row[6]) if row[6] else None, created=row[7], updated=row[8], finished=row[9],
        )
        for row in rows
    ]  # fmt: skip


def _cycles(connection: sqlite3.Connection, tail: str, parameters: Sequence[Any]) -> list[CycleRow]:
    rows = connection.execute(
        "SELECT id, number, run_id, config, state, stop_reason, summary, created, finished FROM cycle " + tail,
        parameters,
    ).fetchall()
    return [
        CycleRow(
            id=row[0], number=row[1], run_id=row[2], config=_decode(row[3]), state=row[4], stop_reason=row[5],
            summary=_decode(row[6]) if row[6] else None, created=row[7], finished=row[8],
        )
        for row in rows
    ]  # fmt: skip
