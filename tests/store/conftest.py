"""A database with three tables of its own, for tests that need no pairs, and one that is full of odd pairs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from expression_bench import Bench, insert, make_row

from flywheel_tui.store.db import Store


@pytest.fixture
def event_store(tmp_path: Path) -> Iterator[Store]:
    """Tables `event` (writer, number), `newest` (a projection of it) and `bulk`."""
    with Store(tmp_path / "flywheel.db") as found:
        with found.tx() as connection:
            connection.execute("CREATE TABLE event (writer TEXT, number INTEGER, PRIMARY KEY (writer, number)) STRICT")
            connection.execute("CREATE TABLE newest (writer TEXT PRIMARY KEY, number INTEGER) STRICT")
            connection.execute("CREATE TABLE bulk (id INTEGER PRIMARY KEY, text TEXT) STRICT")
        yield found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Sixty rows, the same every time, to ask expressions about."""
    store = Store(tmp_path_factory.mktemp("expressions") / "flywheel.db")
    random_ = random.Random(20)
    rows = [make_row(random_, number) for number in range(1, 61)]
    insert(store, rows)
    yield Bench(store, rows)
    store.close()


def count(store: Store, table: str = "event") -> int:
    return int(store.read().execute(f"SELECT count(*) FROM {table}").fetchone()[0])
