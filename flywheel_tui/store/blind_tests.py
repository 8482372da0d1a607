"""Blind comparisons by people: which items were drawn, and what was chosen."""

from __future__ import annotations

import sqlite3
from typing import Any

import msgspec

from flywheel_tui.errors import ConflictError, NotFoundError
from flywheel_tui.identity import now_us


class BlindRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sitting: `keys` are the items in the order in which they are shown; `done` of them were chosen."""

    id: int
    evaluation_id: int
    reviewer: str
    seed: int
    planned: int
    keys: tuple[str, ...]
    created: int
    done: int


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen: first, second, tie, or neither. `flipped`: the candidate's answer was shown second."""

    key: str
    choice: str
    flipped: bool
    at: int


_ROW = (
    "SELECT t.id, t.evaluation_id, t.reviewer, t.seed, t.planned, t.keys, t.created,"
    " (SELECT count(*) FROM blind_choice c WHERE c.blind_test_id = t.id) FROM blind_test t"
)


def _row(row: tuple[Any, ...]) -> BlindRow:
    values = dict(zip(BlindRow.__struct_fields__, row, strict=True))
    return BlindRow(**values | {"keys": tuple(msgspec.json.decode(values["keys"]))})


def add_blind_test(
    connection: sqlite3.Connection, *, evaluation_id: int, reviewer: str, seed: int, keys: list[str]
) -> BlindRow:
    """Begin a sitting."""
    cursor = connection.execute(
        "INSERT INTO blind_test (evaluation_id, reviewer, seed, planned, keys, created) VALUES (?, ?, ?, ?, ?, ?)",
        (evaluation_id, reviewer, seed, len(keys), msgspec.json.encode(keys).decode(), now_us()),
    )
    assert cursor.lastrowid is not None
    return get_blind_test(connection, cursor.lastrowid)


def get_blind_test(connection: sqlite3.Connection, id: int) -> BlindRow:
    """The sitting of that number. Raises NotFoundError."""
    row = connection.execute(f"{_ROW} WHERE t.id = ?", (id,)).fetchone()
    if row is None:
        known = connection.execute("SELECT id FROM blind_test ORDER BY id DESC LIMIT 20").fetchall()
        raise NotFoundError("blind comparison", str(id), [str(number) for (number,) in known])
    return _row(row)


def blind_tests(connection: sqlite3.Connection, evaluation_id: int | None = None) -> list[BlindRow]:
    """The sittings (of an evaluation), the newest first."""
    rows = connection.execute(
        f"{_ROW} WHERE ?1 IS NULL OR t.evaluation_id = ?1 ORDER BY t.id DESC", (evaluation_id,)
    ).fetchall()
    return [_row(row) for row in rows]


def add_choice(connection: sqlite3.Connection, id: int, key: str, choice: str, flipped: bool) -> None:
    """Write a choice. Raises ConflictError where the item was chosen already: a blind choice is made once."""
    done = connection.execute(
        "INSERT INTO blind_choice (blind_test_id, key, choice, flipped, at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (blind_test_id, key) DO NOTHING",
        (id, key, choice, int(flipped), now_us()),
    ).rowcount
    if not done:
        raise ConflictError(f"the item {key} was chosen already: a blind choice is made once")


def choices(connection: sqlite3.Connection, id: int) -> list[Choice]:
    """What was chosen in a sitting, in order."""
    rows = connection.execute(
        "SELECT key, choice, flipped, at FROM blind_choice WHERE blind_test_id = ? ORDER BY at, key", (id,)
    ).fetchall()
    return [Choice(key=key, choice=choice, flipped=bool(flipped), at=at) for key, choice, flipped, at in rows]
