"""Failure traces, the scenarios they are grouped into, and what people decided about them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.identity import now_us
from flywheel_tui.text import normalise

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode
STATES: tuple[str, ...] = ("proposed", "approved", "rejected", "merged")


class NewTrace(msgspec.Struct, frozen=True, kw_only=True):
    """A failure on its way into the store. `origin` is trace, pair, judge or evaluation."""

    origin: str
    request: str
    answer: str | None
    error_kind: str
    pair_id: int | None = None
    expected: str | None = None
    detail: str | None = None
    signals: dict[str, Any] | None = None
    score: float | None = None
    cycle: int | None = None

    @property
    def uid(self) -> bytes:
        """16 bytes over what was asked, what came and which kind of error that is: the same failure is one trace."""
        text = "\x1f".join((self.error_kind, normalise(self.request), normalise(self.answer or "")))
        return blake2b(b"trace" + text.encode(), digest_size=16).digest()


class TraceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A failure trace; `seen` counts how often it came in, `pair_id` is the version of the pair it was found in."""

    id: int
    uid: bytes
    origin: str
    pair_id: int | None
    request: str
    answer: str | None
    expected: str | None
    error_kind: str
    detail: str | None
    signals: dict[str, Any] | None
    score: float | None
    seen: int
    cycle: int | None
    created: int


class ScenarioRow(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario as it stands. `traces` counts its own and those of what was merged into it, `seen` how often."""

    id: int
    uid: bytes
    title: str
    error_kind: str
    rubric: dict[str, Any]
    state: str
    reviewer: str | None
    source: str | None
    reason: str | None
    decided: int | None
    into_id: int | None
    traces: int
    seen: int
    created: int


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about a scenario."""

    id: int
    action: str
    reviewer: str
    source: str
    reason: str
    into_id: int | None
    at: int


class Text(NamedTuple):
    """What grouping looks at: the trace, its kind of error, its request, the scenario it is in (None: in none)."""

    id: int
    error_kind: str
    request: str
    scenario_id: int | None


_TRACE = (
    "SELECT t.id, t.uid, t.origin, t.pair_id, t.request, t.answer, t.expected, t.error_kind, t.detail, t.signals,"
    " t.score, t.seen, t.cycle, t.created FROM trace t"
)
_TRACE_NAMES = TraceRow.__struct_fields__


def add_trace(connection: sqlite3.Connection, new: NewTrace) -> tuple[int, bool]:
    """Write a failure; `(its id, whether it is new)`.

    One that is there already is counted once more where it was seen elsewhere: in another pair, or in a later cycle.
    """
    uid = new.uid
    row = connection.execute("SELECT id FROM trace WHERE uid = ?", (uid,)).fetchone()
    if row is not None:
        connection.execute(
            "UPDATE trace SET seen = seen + 1, cycle = coalesce(?1, cycle)"
            " WHERE id = ?2 AND iif(?1 IS NULL, pair_id IS NOT ?3, cycle IS NULL OR cycle < ?1)",
            (new.cycle, row[0], new.pair_id),
        )
        return int(row[0]), False
    signals = _encode(new.signals).decode() if new.signals else None
    cursor = connection.execute(
        "INSERT INTO trace (uid, origin, pair_id, request, answer, expected, error_kind, detail, signals, score, cycle,"
        " created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (uid, new.origin, new.pair_id, new.request, new.answer, new.expected, new.error_kind, new.detail, signals,
         new.score, new.cycle, now_us()),
    )  # fmt: skip
    return int(cursor.lastrowid or 0), True


def known_traces(connection: sqlite3.Connection, uids: Iterable[bytes]) -> set[bytes]:
    """Those of the uids that are in the store."""
    found: set[bytes] = set()
    for uid in uids:
        if connection.execute("SELECT 1 FROM trace WHERE uid = ?", (uid,)).fetchone():
            found.add(uid)
    return found


def texts(connection: sqlite3.Connection) -> list[Text]:
    """Every trace as grouping sees it, the oldest first."""
    rows = connection.execute(
        "SELECT t.id, t.error_kind, t.request, st.scenario_id FROM trace t"
        " LEFT JOIN scenario_trace st ON st.trace_id = t.id ORDER BY t.id"
    ).fetchall()
    return [Text(*row) for row in rows]


def add_scenario(
    connection: sqlite3.Connection, *, uid: bytes, title: str, error_kind: str, rubric: dict[str, Any]
) -> int:
    """Write a scenario (once for each uid); its id."""
    connection.execute(
        "INSERT INTO scenario (uid, title, error_kind, rubric, created) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (uid) DO NOTHING",
        (uid, title, error_kind, msgspec.json.encode(rubric).decode(), now_us()),
    )
    return int(connection.execute("SELECT id FROM scenario WHERE uid = ?", (uid,)).fetchone()[0])


def place_trace(connection: sqlite3.Connection, trace_id: int, scenario_id: int) -> None:
    """Put a trace into a scenario; it stays where it is once it is in one."""
    connection.execute("INSERT OR IGNORE INTO scenario_trace VALUES (?, ?)", (trace_id, scenario_id))


def append_event(
    connection: sqlite3.Connection, *, uid: bytes, scenario_id: int, action: str, reviewer: str, source: str,
    reason: str, into_id: int | None = None, rubric: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write a decision; writing the same uid again changes nothing."""
    connection.execute(
        "INSERT INTO scenario_event (uid, scenario_id, action, reviewer, source, reason, into_id, rubric, at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uid) DO NOTHING",
        (uid, scenario_id, action, reviewer, source, reason, into_id,
         None if rubric is None else msgspec.json.encode(rubric).decode(), now_us()),
    )  # fmt: skip


def list_scenarios(connection: sqlite3.Connection, *, state: str | None = None) -> list[ScenarioRow]:
    """Every scenario as it stands, the oldest first; with `state` only those."""
    query = "SELECT id, uid, title, error_kind, rubric, created FROM scenario ORDER BY id"
    rows = connection.execute(query).fetchall()
    newest: dict[int, tuple[Any, ...]] = {}
    rubrics: dict[int, str] = {}
    for scenario, action, reviewer, source, reason, into, rubric, at in connection.execute(
        "SELECT scenario_id, action, reviewer, source, reason, into_id, rubric, at FROM scenario_event ORDER BY id"
    ):
        if action == "rubric":
            rubrics[scenario] = rubric
        else:
            newest[scenario] = (action, reviewer, source, reason, into, at)
    counts = _counts(connection, {id: event[4] for id, event in newest.items() if event[0] == "merged"})
    out = []
    for id, uid, title, kind, rubric, created in rows:
        action, reviewer, source, reason, into, at = newest.get(id, ("proposed", None, None, None, None, None))
        if state is not None and action != state:
            continue
        traces, seen = counts.get(id, (0, 0))
        out.append(
            ScenarioRow(
                id=id, uid=uid, title=title, error_kind=kind, rubric=_decode(rubrics.get(id, rubric)), state=action,
                reviewer=reviewer, source=source, reason=reason, decided=at, into_id=into, traces=traces, seen=seen,
                created=created,
            )
        )  # fmt: skip
    return out


def get_scenario(connection: sqlite3.Connection, scenario_id: int) -> ScenarioRow:
    """One scenario. Raises NotFoundError that lists the newest ones."""
    every = list_scenarios(connection)
    for row in every:
        if row.id == scenario_id:
            return row
    raise NotFoundError("scenario", str(scenario_id), [str(row.id) for row in reversed(every)])


def events_of(connection: sqlite3.Connection, scenario_id: int) -> list[EventRow]:
    """What was decided about a scenario, in order."""
    rows = connection.execute(
        "SELECT id, action, reviewer, source, reason, into_id, at FROM scenario_event"
        " WHERE scenario_id = ? ORDER BY id",
        (scenario_id,),
    ).fetchall()
    return [EventRow(**dict(zip(EventRow.__struct_fields__, row, strict=True))) for row in rows]


def traces_of(connection: sqlite3.Connection, scenario_ids: Sequence[int]) -> list[TraceRow]:
    """The traces of scenarios and of whatever was merged into them, the oldest first."""
    found = traces_by_scenario(connection, scenario_ids)
    return sorted((trace for traces in found.values() for trace in traces), key=lambda trace: trace.id)


def traces_by_scenario(connection: sqlite3.Connection, scenario_ids: Sequence[int]) -> dict[int, list[TraceRow]]:
    """For each of these scenarios its traces and those of whatever was merged into it, the oldest first."""
    merged = {row.id: row.into_id for row in list_scenarios(connection, state="merged")}
    found: dict[int, list[TraceRow]] = {id: [] for id in scenario_ids}
    owners = {id: owner for id in _all_ids(connection) if (owner := _root(merged, id)) in found}
    rows = connection.execute(
        f"{_TRACE.replace(' FROM', ', st.scenario_id FROM', 1)} JOIN scenario_trace st ON st.trace_id = t.id"
        " JOIN json_each(?) j ON j.value = st.scenario_id ORDER BY t.id",
        (_encode(list(owners)).decode(),),
    ).fetchall()
    for *row, scenario in rows:
        found[owners[scenario]].append(_trace(row))
    return found


def get_trace(connection: sqlite3.Connection, trace_id: int) -> TraceRow:
    """One trace. Raises NotFoundError."""
    row = connection.execute(f"{_TRACE} WHERE t.id = ?", (trace_id,)).fetchone()
    if row is None:
        raise NotFoundError("trace", str(trace_id))
    return _trace(row)


def verdict_scores(connection: sqlite3.Connection, run_id: int, versions: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What a judge run says of each criterion, by version; versions without single answers are left out."""
    query = (
        "SELECT v.pair_id, v.scores FROM json_each(?) j JOIN verdict v ON v.pair_id = j.value AND v.judge_run_id = ?"
        ' WHERE v."order" = 0 AND v.repeat = 0 AND v.scores IS NOT NULL'
    )
    rows = connection.execute(query, (_encode(list(versions)).decode(), run_id)).fetchall()
    return {version: _decode(scores) for version, scores in rows}


def _all_ids(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM scenario ORDER BY id")]


def _counts(connection: sqlite3.Connection, merged: dict[int, int | None]) -> dict[int, tuple[int, int]]:
    counts: dict[int, tuple[int, int]] = {}
    for scenario, traces, seen in connection.execute(
        "SELECT st.scenario_id, count(*), sum(t.seen) FROM scenario_trace st JOIN trace t ON t.id = st.trace_id"
        " GROUP BY st.scenario_id"
    ):
        for owner in {scenario, _root(merged, scenario)}:
            before = counts.get(owner, (0, 0))
            counts[owner] = (before[0] + traces, before[1] + seen)
    return counts


def _root(merged: dict[int, int | None], id: int) -> int:
    """Where a chain of merges ends; a ring (two people merged each into the other) ends where it began."""
    met = {id}
    while (above := merged.get(id)) is not None and above not in met:
        met.add(above)
        id = above
    return id


def _trace(row: Sequence[Any]) -> TraceRow:
    fields = dict(zip(_TRACE_NAMES, row, strict=True))
    if fields["signals"] is not None:
        fields["signals"] = _decode(fields["signals"])
    return TraceRow(**fields)
