"""The one way to the database: transactions, full disks, strange files and places."""

from __future__ import annotations

import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from flywheel_tui.errors import StoreError, StoreFullError
from flywheel_tui.store import db
from flywheel_tui.store.db import Store, sqlite_verdict


@pytest.fixture
def store(event_store: Store) -> Store:
    return event_store


def count(store: Store, table: str = "event") -> int:
    return int(store.read().execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_any_exception_rolls_the_whole_back_an_interrupt_too(store: Store) -> None:
    for error in (ValueError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)), store.tx() as connection:
            connection.execute("INSERT INTO bulk (text) VALUES ('outer')")
            with store.tx() as inner:
                inner.execute("INSERT INTO bulk (text) VALUES ('inner')")
            raise error
    assert count(store, "bulk") == 0
    with store.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('after')")
    assert count(store, "bulk") == 1


def test_a_broken_constraint_comes_through_as_it_is(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError) as caught, store.tx() as connection:
        connection.execute("INSERT INTO newest VALUES ('a', 1), ('a', 2)")
    assert caught.value.__cause__ is None
    assert count(store, "newest") == 0


def test_what_people_decide_is_committed_under_full_and_bulk_under_normal(store: Store) -> None:
    for durable, level in ((True, 2), (False, 1), (True, 2)):
        with store.tx(durable=durable) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (level,)


def test_a_durable_part_makes_a_bulk_transaction_durable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (synced.append(os.fstat(descriptor).st_ino), real(descriptor))[1]
    )
    with store.tx(durable=False):
        pass
    assert synced == []
    with store.tx(durable=False) as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('many')")
        with store.tx() as decision:
            decision.execute("INSERT INTO bulk (text) VALUES ('decided')")
    assert synced == [store.path.with_name(store.path.name + "-wal").stat().st_ino]


def test_upkeep_that_fails_takes_nothing_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "CHECKPOINT_BYTES", 0)
    lock = store.path.with_name(store.path.name + ".checkpoint")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    store._last_checkpoint = -10.0
    with store.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('kept')")
    assert count(store, "bulk") == 1


def test_threads_write_one_after_the_other(store: Store) -> None:
    def write(name: str) -> None:
        for number in range(50):
            with store.tx(durable=False) as connection:
                connection.execute("INSERT INTO event VALUES (?, ?)", (name, number))

    threads = [threading.Thread(target=write, args=(str(name),)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(store) == 200


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        store.read().execute("INSERT INTO bulk (text) VALUES ('x')")


def test_data_version_tells_of_commits_and_of_nothing_else(store: Store) -> None:
    before = store.data_version()
    assert store.data_version() == before
    with store.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('x')")
    assert store.data_version() != before


def test_a_store_is_refused_after_a_fork(store: Store) -> None:
    child = os.fork()
    if child == 0:
        refused = 0
        for use in (store.read, lambda: store.tx().__enter__()):
            try:
                use()
            except StoreError as error:
                refused += "fork" in str(error)
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2


FULL_DISK = """
import sys
from pathlib import Path
from flywheel_tui.errors import StoreFullError
from flywheel_tui.store.db import Store
with Store(Path(sys.argv[1])) as store:
    refused = 0
    for number in range(400):
        try:
            with store.tx() as connection:
                connection.execute("INSERT INTO event VALUES ('a', ?)", (number,))
                connection.execute("INSERT INTO bulk (text) VALUES (?)", ("x" * 20_000,))
        except StoreFullError:
            refused += 1
        else:
            print(number, flush=True)
    print("refused", refused, flush=True)
"""


def test_a_full_disk_refuses_in_our_words_and_loses_nothing(store: Store) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(store.path)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    *kept, last = process.stdout.split("\n")[:-1]
    assert process.returncode == 0, process.stderr
    assert int(last.removeprefix("refused ")) > 0 < len(kept)
    found = store.read().execute("SELECT number FROM event ORDER BY number").fetchall()
    assert found == [(int(number),) for number in kept]
    assert count(store, "bulk") == len(kept)
    assert store.integrity() == "ok"


def test_a_backup_on_a_full_disk_leaves_nothing_behind(store: Store, tmp_path: Path) -> None:
    with store.tx() as connection:
        connection.executemany("INSERT INTO bulk (text) VALUES (?)", [("x" * 4000,)] * 1000)
    target = tmp_path / "copies" / "copy.db"
    code = "import sys; from pathlib import Path; from flywheel_tui.store.db import Store; "
    code += "Store(Path(sys.argv[1]), read_only=True).backup(Path(sys.argv[2]))"
    process = subprocess.run(
        [sys.executable, "-c", code, str(store.path), str(target)],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert StoreFullError.__name__ in process.stderr
    assert list(target.parent.iterdir()) == []


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flywheel.db"
    path.write_text("this is no database, it is a letter. " * 100)
    with pytest.raises(StoreError, match="damaged"):
        Store(path)
    with pytest.raises(StoreError, match="flywheel init"):
        Store(tmp_path / "absent.db", read_only=True)


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "filesystem_of", lambda _: "nfs4")
    with pytest.raises(StoreError, match="network file system"):
        Store(tmp_path / "flywheel.db")


def test_mounts_with_blanks_in_their_names_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = "/dev/a / ext4 rw 0 0\nserver:/x /mnt/my\\040share nfs4 rw 0 0\n/dev/b /mnt/my ext4 rw 0 0\n"
    real = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, *a, **k: mounts if "mounts" in str(path) else real(path, *a, **k)
    )
    assert db.filesystem_of(Path("/mnt/my share/ws")) == "nfs4"
    assert db.filesystem_of(Path("/mnt/my/ws")) == "ext4"


def test_every_file_of_the_database_is_private(store: Store) -> None:
    old = os.umask(0)
    try:
        with Store(store.path.with_name("other.db")) as other, other.tx() as connection:
            connection.execute("CREATE TABLE x (y INTEGER) STRICT")
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.glob("other.db*")}
    finally:
        os.umask(old)
    assert set(found.values()) == {0o600} and len(found) >= 3, found


def test_the_verdict_on_sqlite_versions() -> None:
    assert sqlite_verdict((3, 51, 3))[0] and sqlite_verdict((3, 53, 0))[0]
    fine, words = sqlite_verdict((3, 40, 1))
    assert not fine and "3.51.3" in words
