"""One statement for many rows, so that a thread which writes leaves Python to the others meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

_BLOCKS = (64, 16, 4, 1)
"""Rows to a statement: few different sizes, so that SQLite prepares its statements once."""


def execute_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[Sequence[Any]]) -> None:
    """Execute a statement in which `{}` stands for rows of values, with many of them at a time.

    `executemany` takes Python's lock again after each row, and waits for it where another thread is busy; this does so
    once for all of them.
    """
    at = 0
    while left := len(rows) - at:
        size = next(size for size in _BLOCKS if size <= left)
        some = rows[at : at + size]
        connection.execute(_with_marks(statement, size, len(some[0])), list(chain.from_iterable(some)))
        at += size


@lru_cache(maxsize=64)
def _with_marks(statement: str, rows: int, columns: int) -> str:
    one = f"({', '.join('?' * columns)})"
    return statement.format(", ".join([one] * rows))
