"""Training runs, their figures and the adapters they made."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import ConflictError, NotFoundError, UsageError
from flywheel_tui.identity import new_uid, now_us, show_uid

ADAPTER_STATES = ("candidate", "promoted", "refused", "rolled_back", "retired")
RUN_STATES = ("queued", "running", "stopped", "interrupted", "failed", "done")
RESUMABLE = ("stopped", "interrupted", "failed")


class AdapterRow(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter. `path` is relative to the workspace, `hash` is SHA-256 over the hashes of its files."""

    id: int
    uid: str
    name: str
    training_run_id: int | None
    base: str
    base_hash: str
    path: str
    method: str
    hash: str
    parent_id: int | None
    state: str
    created: int


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A training run; times in microseconds UTC, folders relative to the workspace."""

    id: int
    uid: str
    name: str
    dataset: str
    dataset_id: int
    snapshot_id: int | None
    job_id: int | None
    parent_id: int | None
    method: str
    base: str
    base_hash: str
    plan: dict[str, Any]
    seed: int
    state: str
    phase: str | None
    step: int
    steps: int | None
    pid: int | None
    pgid: int | None
    folder: str
    checkpoint: str | None
    reason: str | None
    totals: dict[str, Any]
    created: int
    started: int | None
    updated: int
    finished: int | None


class MetricRow(NamedTuple):
    """One figure of a run at a step."""

    step: int
    name: str
    value: float
    at: int


class NewRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is begun with."""

    name: str
    dataset_id: int
    job_id: int | None
    parent_id: int | None
    method: str
    base: str
    base_hash: str
    seed: int
    plan: dict[str, Any]


class NewAdapter(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter is registered with."""

    name: str
    training_run_id: int | None
    base: str
    base_hash: str
    path: str
    method: str
    hash: str
    parent_id: int | None = None


_ADAPTER = "id, uid, name, training_run_id, base, base_hash, path, method, hash, parent_id, state, created"
_RUN = (
    "r.id, r.uid, r.name, d.name, r.dataset_id, r.snapshot_id, r.job_id, r.parent_id, r.method, r.base, r.base_hash,"
    " r.plan, r.seed, r.state, r.phase, r.step, r.steps, r.pid, r.pgid, r.folder, r.checkpoint, r.reason, r.totals,"
    " r.created, r.started, r.updated, r.finished"
)
_FROM_RUN = f"SELECT {_RUN} FROM training_run r JOIN dataset d ON d.id = r.dataset_id"
_CHANGEABLE = frozenset({
    "snapshot_id", "job_id", "plan", "state", "phase", "step", "steps", "pid", "pgid", "checkpoint", "reason", "totals",
    "started", "finished",
})  # fmt: skip


def _adapter(row: Sequence[Any]) -> AdapterRow:
    values = dict(zip(AdapterRow.__struct_fields__, row, strict=True))
    return AdapterRow(**values | {"uid": show_uid(values["uid"])})


def _run(row: Sequence[Any]) -> RunRow:
    values = dict(zip(RunRow.__struct_fields__, row, strict=True))
    load = msgspec.json.decode
    decoded = {"uid": show_uid(values["uid"]), "plan": load(values["plan"]), "totals": load(values["totals"])}
    return RunRow(**values | decoded)


# -- adapters ------------------------------------------------------------------------------------------------------


def add_adapter(connection: sqlite3.Connection, adapter: NewAdapter) -> AdapterRow:
    """Register an adapter as a candidate. Raises ConflictError where the name is taken."""
    values = msgspec.structs.asdict(adapter) | {"uid": new_uid(), "created": now_us()}
    marks = ", ".join("?" * len(values))
    try:
        connection.execute(f"INSERT INTO adapter ({', '.join(values)}) VALUES ({marks})", tuple(values.values()))
    except sqlite3.IntegrityError as error:
        if "adapter.name" not in str(error):
            raise
        raise ConflictError(f"an adapter named {adapter.name!r} exists already; choose another --name") from None
    return adapter_named(connection, adapter.name)


def adapters(connection: sqlite3.Connection, *, state: str | None = None) -> list[AdapterRow]:
    """Every adapter (of one state), the newest first."""
    query = f"SELECT {_ADAPTER} FROM adapter WHERE (?1 IS NULL OR state = ?1) ORDER BY id DESC"
    return [_adapter(row) for row in connection.execute(query, (state,)).fetchall()]


def adapter_named(connection: sqlite3.Connection, name: str) -> AdapterRow:
    """The adapter of that name or number. Raises NotFoundError that lists the known ones."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 19 else None
    query = f"SELECT {_ADAPTER} FROM adapter WHERE name = ?1 OR id = ?2 ORDER BY name = ?1 DESC LIMIT 1"
    row = connection.execute(query, (name, number)).fetchone()
    if row is None:
        raise NotFoundError("adapter", name, [known.name for known in adapters(connection)])
    return _adapter(row)


def set_adapter_state(connection: sqlite3.Connection, adapter_id: int, state: str) -> None:
    """Move an adapter to a state (inside a write transaction). Raises UsageError, NotFoundError."""
    if state not in ADAPTER_STATES:
        raise UsageError(f"an adapter cannot be {state!r}; its states are {', '.join(ADAPTER_STATES)}")
    if not connection.execute("UPDATE adapter SET state = ? WHERE id = ?", (state, adapter_id)).rowcount:
        raise NotFoundError("adapter", str(adapter_id), [known.name for known in adapters(connection)])


# -- runs ----------------------------------------------------------------------------------------------------------


def add_run(connection: sqlite3.Connection, run: NewRun) -> RunRow:
    """Begin a run (queued); its folder is named by its number."""
    now = now_us()
    values = msgspec.structs.asdict(run) | {
        "uid": new_uid(), "plan": msgspec.json.encode(run.plan).decode(), "created": now, "updated": now, "folder": "",
    }  # fmt: skip
    marks = ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO training_run ({', '.join(values)}) VALUES ({marks})", tuple(values.values())
    )
    number = cursor.lastrowid
    assert number is not None
    connection.execute("UPDATE training_run SET folder = ? WHERE id = ?", (f"training/run-{number:04d}", number))
    return get_run(connection, number)


def get_run(connection: sqlite3.Connection, run_id: int) -> RunRow:
    """The run of that number. Raises NotFoundError that lists the newest ones."""
    row = connection.execute(f"{_FROM_RUN} WHERE r.id = ?", (run_id,)).fetchone()
    if row is None:
        known = connection.execute("SELECT id FROM training_run ORDER BY id DESC LIMIT 20")
        raise NotFoundError("training run", str(run_id), [str(number) for (number,) in known])
    return _run(row)


def runs(
    connection: sqlite3.Connection, *, dataset_id: int | None = None, state: str | None = None, limit: int = 200
) -> list[RunRow]:
    """Training runs, the newest first."""
    query = (
        f"{_FROM_RUN} WHERE (?1 IS NULL OR r.dataset_id = ?1) AND (?2 IS NULL OR r.state = ?2)"
        " ORDER BY r.id DESC LIMIT ?3"
    )
    return [_run(row) for row in connection.execute(query, (dataset_id, state, limit)).fetchall()]


def run_of_job(connection: sqlite3.Connection, job_id: int) -> RunRow | None:
    """The run that a job has begun, so that another attempt goes on with it."""
    row = connection.execute(f"{_FROM_RUN} WHERE r.job_id = ? ORDER BY r.id DESC LIMIT 1", (job_id,)).fetchone()
    return _run(row) if row else None


def set_run(connection: sqlite3.Connection, run_id: int, **values: Any) -> None:
    """Change what is known of a run (inside a write transaction)."""
    unknown = values.keys() - _CHANGEABLE
    assert not unknown, f"no such columns to change: {sorted(unknown)}"
    for name in ("plan", "totals"):
        if name in values:
            values[name] = msgspec.json.encode(values[name]).decode()
    sets = ", ".join(f"{name} = ?" for name in values)
    connection.execute(
        f"UPDATE training_run SET {sets}, updated = ? WHERE id = ?", (*values.values(), now_us(), run_id)
    )


def measured_rate(connection: sqlite3.Connection, base_hash: str, method: str, device: str) -> float | None:
    """Tokens a second of the newest finished run of that model, method and device; None where there is none."""
    row = connection.execute(
        "SELECT json_extract(totals, '$.tokens_per_s') FROM training_run WHERE state = 'done' AND base_hash = ?"
        " AND method = ? AND json_extract(totals, '$.device') = ? ORDER BY id DESC LIMIT 1",
        (base_hash, method, device),
    ).fetchone()
    return float(row[0]) if row and row[0] else None


# -- figures -------------------------------------------------------------------------------------------------------


def add_metrics(connection: sqlite3.Connection, run_id: int, rows: Sequence[MetricRow]) -> None:
    """Write figures, many at a time; a step that is done again after a resume replaces what it said before."""
    connection.executemany(
        "INSERT INTO metric (run_id, step, name, value, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (run_id, name, step) DO UPDATE SET value = excluded.value, at = excluded.at",
        [(run_id, *row) for row in rows],
    )


def drop_metrics_after(connection: sqlite3.Connection, run_id: int, step: int) -> None:
    """Forget the figures of steps that were lost with an interruption and are done again."""
    connection.execute("DELETE FROM metric WHERE run_id = ? AND step > ?", (run_id, step))


def metrics(
    connection: sqlite3.Connection, run_id: int, name: str | None = None, *, since: int = -1
) -> list[MetricRow]:
    """Figures of a run after step `since`, in the order of steps; of one name where one is given."""
    if name is not None:
        query = "SELECT step, name, value, at FROM metric WHERE run_id = ? AND name = ? AND step > ? ORDER BY step"
        return [MetricRow(*row) for row in connection.execute(query, (run_id, name, since)).fetchall()]
    query = "SELECT step, name, value, at FROM metric WHERE run_id = ? AND step > ? ORDER BY step, name"
    return [MetricRow(*row) for row in connection.execute(query, (run_id, since)).fetchall()]


def metric_names(connection: sqlite3.Connection, run_id: int) -> list[str]:
    """Which figures a run has."""
    query = "SELECT DISTINCT name FROM metric WHERE run_id = ? ORDER BY name"
    return [name for (name,) in connection.execute(query, (run_id,)).fetchall()]
