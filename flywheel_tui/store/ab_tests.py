"""Tests of two adapters in use: their plans, and outcomes that are only ever added to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import msgspec

from flywheel_tui.errors import ConflictError, NotFoundError
from flywheel_tui.identity import now_us


class AbRow(msgspec.Struct, frozen=True, kw_only=True):
    """A test. `share` of the units gets the treatment; `effect` is the difference that is looked for."""

    id: int
    name: str
    control: str
    treatment: str
    share: float
    metric: str
    plan: str
    planned: int
    alpha: float
    effect: float
    sigma: float | None
    created: int


class Outcome(msgspec.Struct, frozen=True):
    """What became of a unit (a user, a session): the arm it was in, and the value of the metric."""

    unit: str
    arm: str
    value: float


_ROW = "SELECT id, name, control, treatment, share, metric, plan, planned, alpha, effect, sigma, created FROM ab_test"


def _row(row: tuple[Any, ...]) -> AbRow:
    return AbRow(**dict(zip(AbRow.__struct_fields__, row, strict=True)))


def add_ab_test(connection: sqlite3.Connection, values: dict[str, Any]) -> AbRow:
    """Begin a test. Raises ConflictError where the name is taken."""
    kept = values | {"created": now_us()}
    marks = ", ".join("?" * len(kept))
    made = connection.execute(
        f"INSERT INTO ab_test ({', '.join(kept)}) VALUES ({marks}) ON CONFLICT (name) DO NOTHING", tuple(kept.values())
    ).rowcount
    if not made:
        raise ConflictError(f"a test named {values['name']!r} exists already: its plan is kept; choose another name")
    return get_ab_test(connection, values["name"])


def get_ab_test(connection: sqlite3.Connection, name: str) -> AbRow:
    """The test of that name. Raises NotFoundError that lists the known ones."""
    row = connection.execute(f"{_ROW} WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise NotFoundError("test of two adapters", name, [known.name for known in ab_tests(connection)])
    return _row(row)


def ab_tests(connection: sqlite3.Connection) -> list[AbRow]:
    """All tests, the newest first."""
    return [_row(row) for row in connection.execute(f"{_ROW} ORDER BY id DESC").fetchall()]


def add_outcomes(connection: sqlite3.Connection, id: int, rows: Iterable[Outcome]) -> int:
    """Add outcomes; how many are new. A unit counts once: what came first stands."""
    added = 0
    for row in rows:
        added += connection.execute(
            "INSERT INTO ab_outcome (ab_test_id, unit, arm, value, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (ab_test_id, unit) DO NOTHING",
            (id, row.unit, row.arm, row.value, now_us()),
        ).rowcount
    return added


def outcomes(connection: sqlite3.Connection, id: int) -> list[Outcome]:
    """The outcomes of a test, in the order in which they came."""
    rows = connection.execute("SELECT unit, arm, value FROM ab_outcome WHERE ab_test_id = ? ORDER BY id", (id,))
    return [Outcome(*row) for row in rows.fetchall()]
