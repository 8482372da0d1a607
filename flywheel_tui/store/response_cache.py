"""Answers of models by the hash of exactly what was sent; and the secret that makes nonces repeatable here only."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from flywheel_tui.identity import now_us
from flywheel_tui.store.db import Store
from flywheel_tui.store.many_rows import execute_rows

_SECRET = "judge.nonce"


class Cached(NamedTuple):
    """A complete answer that parsed to a verdict, with what it cost when it was asked for."""

    key: bytes
    text: str
    model: str
    tokens_in: int
    tokens_out: int
    cost_micro: int


_COLUMNS = "key, text, model, tokens_in, tokens_out, cost_micro"
_LOOK_UP = f"SELECT {_COLUMNS} FROM response_cache WHERE key IN ({{}})"


def look_up(connection: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Cached]:
    """The answers that are known, by key."""
    found: dict[bytes, Cached] = {}
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        for row in connection.execute(_LOOK_UP.format(",".join("?" * len(some))), some):
            found[row[0]] = Cached(*row)
    return found


def keep(connection: sqlite3.Connection, answers: Iterable[Cached]) -> None:
    """Remember answers; the first one for a key stays."""
    now = now_us()
    statement = f"INSERT INTO response_cache ({_COLUMNS}, created) VALUES {{}} ON CONFLICT (key) DO NOTHING"
    execute_rows(connection, statement, [(*answer, now) for answer in answers])


def size(connection: sqlite3.Connection) -> int:
    """How many answers there are."""
    return int(connection.execute("SELECT count(*) FROM response_cache").fetchone()[0])


def nonce_secret(store: Store) -> bytes:
    """32 random bytes of this workspace: nobody who writes a data file can know them, and they stay the same, so that
    the same pair asked of the same judge is the same request."""
    query = "SELECT value FROM setting WHERE key = ?"
    row = store.read().execute(query, (_SECRET,)).fetchone()
    if row is None:
        value = msgspec.json.encode(os.urandom(32).hex()).decode()
        with store.tx() as connection:
            connection.execute("INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO NOTHING", (_SECRET, value))
            row = connection.execute(query, (_SECRET,)).fetchone()
    return bytes.fromhex(msgspec.json.decode(row[0], type=str))
