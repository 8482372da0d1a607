"""Many rows to a statement: as many as there are, in their order."""

from __future__ import annotations

import sqlite3

import pytest

from flywheel_tui.store.many_rows import execute_rows


@pytest.mark.parametrize("count", [0, 1, 3, 4, 63, 64, 65, 200, 1_000])
def test_every_row_is_written_once_and_in_order(count: int) -> None:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT)")
        rows = [(number, f"'{number}'; --") for number in range(count)]
        execute_rows(connection, "INSERT INTO t (a, b) VALUES {}", rows)
        assert connection.execute("SELECT a, b FROM t ORDER BY id").fetchall() == rows
        update = "UPDATE t SET b = s.column2 FROM (VALUES {}) AS s WHERE t.a = s.column1"
        execute_rows(connection, update, [(number, str(-number)) for number, _ in rows])
        assert connection.execute("SELECT b FROM t ORDER BY id").fetchall() == [(str(-n),) for n in range(count)]
