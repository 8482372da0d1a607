"""A database with three tables of its own, for tests of the store that need no pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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


def count(store: Store, table: str = "event") -> int:
    return int(store.read().execute(f"SELECT count(*) FROM {table}").fetchone()[0])
