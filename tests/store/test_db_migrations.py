"""Migrations: whole or not at all, copied before, refused when newer, made by many at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flywheel_tui.errors import StoreTooNewError
from flywheel_tui.store import migrations
from flywheel_tui.store.db import Store


@pytest.fixture
def store(event_store: Store) -> Store:
    return event_store


def count(store: Store, table: str = "event") -> int:
    return int(store.read().execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_newer_database_is_refused_and_can_still_be_read(store: Store) -> None:
    with store.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('x')")
        connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(StoreTooNewError, match="9999"):
        Store(store.path)
    with Store(store.path, read_only=True) as reading:
        assert count(reading, "bulk") == 1


def test_four_processes_may_make_the_database_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from flywheel_tui.store.db import Store; sys.stdin.read(); "
    code += "print(Store(Path(sys.argv[1])).read().execute('PRAGMA user_version').fetchone()[0])"
    newest = migrations.all_steps()[-1][0]
    for round in range(4):
        path = tmp_path / f"{round}.db"
        starting = [
            subprocess.Popen(
                [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        time.sleep(0.3)
        for process in starting:
            assert process.stdin is not None
            process.stdin.close()
            process.stdin = None
        assert [process.communicate(timeout=60)[0].strip() for process in starting] == [str(newest)] * 4
        with Store(path) as store:
            assert store.integrity() == "ok"


def test_an_older_database_is_copied_then_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrations.all_steps()
    path = tmp_path / "flywheel.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "all_steps", lambda: steps[:1])
        with Store(path) as old, old.tx() as connection:
            connection.execute("INSERT INTO setting VALUES ('a', '1')")
    with Store(path) as new:
        assert new.read().execute("PRAGMA user_version").fetchone() == (steps[-1][0],)
        assert new.read().execute("SELECT value FROM setting").fetchall() == [("1",)]
    copy = tmp_path / f"flywheel.before-{steps[-1][0]:04d}.db"
    with sqlite3.connect(copy) as before:
        assert before.execute("PRAGMA user_version").fetchone() == (1,)
    before.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = migrations.all_steps()
    bad = "CREATE TABLE half (a INTEGER) STRICT;\nINSERT INTO event VALUES ('half', 1);\n"
    bad += "INSERT INTO nowhere VALUES (1);\n"
    monkeypatch.setattr(migrations, "all_steps", lambda: [*steps, (steps[-1][0] + 1, bad)])
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Store(store.path)
    monkeypatch.undo()
    with Store(store.path) as again:
        assert count(again) == 0
        assert not again.read().execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchone()
        assert again.read().execute("PRAGMA user_version").fetchone() == (steps[-1][0],)


def test_a_process_killed_while_it_makes_the_database_leaves_one_that_opens(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from flywheel_tui.store.db import Store; print(1, flush=True); "
    code += "Store(Path(sys.argv[1]))"
    for round in range(8):
        path = tmp_path / f"{round}.db"
        process = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(round * 0.004)
        process.kill()
        process.communicate()
        with Store(path) as store:
            assert store.integrity() == "ok"
            assert count(store, "pair") == 0
