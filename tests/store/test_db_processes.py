"""Several processes on one database: killed, contending, copied while they write."""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import select
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flywheel_tui.store import db
from flywheel_tui.store.db import Store

WRITER = """
import os, sys
from pathlib import Path
from flywheel_tui.store.db import Store
path, ack, name, durable = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4] == "FULL"
with Store(path) as store:
    number = store.read().execute("SELECT coalesce(max(number), 0) FROM event WHERE writer = ?", (name,)).fetchone()[0]
    while True:
        number += 1
        with store.tx(durable=durable) as connection:
            connection.execute("INSERT INTO event VALUES (?, ?)", (name, number))
            connection.execute(
                "INSERT INTO newest VALUES (?, ?) ON CONFLICT (writer) DO UPDATE SET number = excluded.number",
                (name, number))
        os.write(ack, f"{name} {number}\\n".encode())
"""


@pytest.fixture
def store(event_store: Store) -> Store:
    return event_store


def count(store: Store, table: str = "event") -> int:
    return int(store.read().execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def kill_writers(store: Store, *, kills: int, writers: int, durable: str) -> int:
    """Kill writers at random moments; every acknowledged write must be there, whole. How many were acknowledged."""
    chance, acknowledged = random.Random(kills * 7 + writers), dict.fromkeys(map(str, range(writers)), 0)
    for _ in range(kills):
        ours, theirs = os.pipe()
        command = [sys.executable, "-c", WRITER, str(store.path), str(theirs)]
        running = [subprocess.Popen([*command, name, durable], pass_fds=[theirs]) for name in acknowledged]
        os.close(theirs)
        assert select.select([ours], [], [], 30)[0], "a writer begins"
        time.sleep(chance.uniform(0.0, 0.25))
        for process in running:
            process.send_signal(signal.SIGKILL)
        told = b""
        while part := os.read(ours, 1 << 16):
            told += part
        os.close(ours)
        for process in running:
            process.wait()
        for line in told.decode().splitlines():
            name, number = line.split()
            acknowledged[name] = max(acknowledged[name], int(number))
        with Store(store.path) as again:
            for name, number in acknowledged.items():
                rows, newest = (
                    again.read()
                    .execute("SELECT count(*), coalesce(max(number), 0) FROM event WHERE writer = ?", (name,))
                    .fetchone()
                )
                kept = again.read().execute("SELECT number FROM newest WHERE writer = ?", (name,)).fetchone() or (0,)
                assert rows == newest == kept[0], "no hole, and the projection goes with its events"
                assert newest >= number, "no acknowledged write is lost"
            assert again.integrity() == "ok"
    return sum(acknowledged.values())


@pytest.mark.parametrize("durable", ["FULL", "NORMAL"])
@pytest.mark.parametrize("writers", [1, 3])
def test_no_acknowledged_write_is_lost_when_writers_are_killed(store: Store, writers: int, durable: str) -> None:
    assert kill_writers(store, kills=5, writers=writers, durable=durable) > 20


@pytest.mark.slow
@pytest.mark.parametrize("durable", ["FULL", "NORMAL"])
@pytest.mark.parametrize("writers", [1, 3])
def test_no_acknowledged_write_is_lost_in_fifty_kills_each(store: Store, writers: int, durable: str) -> None:
    acknowledged = kill_writers(store, kills=50, writers=writers, durable=durable)
    logging.getLogger(__name__).info("%d acknowledged writes under %s, %d writers", acknowledged, durable, writers)
    assert acknowledged > 200


CONTENDER = """
import json, sys, time
from pathlib import Path
from flywheel_tui.store.db import Store
path, role, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
errors, done, until = [], 0, time.monotonic() + seconds
with Store(path) as store:
    while time.monotonic() < until:
        try:
            if role == "reader":
                rows = store.read().execute("SELECT id, text FROM bulk ORDER BY id DESC LIMIT 200").fetchall()
                time.sleep(0.005)
            elif role in ("bulk", "import"):
                with store.tx(durable=False) as connection:
                    connection.executemany("INSERT INTO bulk (text) VALUES (?)", [("x" * 400,)] * 500)
                time.sleep(0.002 if role == "bulk" else 0.05)
            else:
                with store.tx(durable=False) as connection:
                    number = connection.execute(
                        "SELECT coalesce(max(number), 0) + 1 FROM event WHERE writer = ?", (role,)).fetchone()[0]
                    connection.execute("INSERT INTO event VALUES (?, ?)", (role, number))
                time.sleep(0.002)
            done += 1
        except Exception as error:
            errors.append(repr(error))
print(json.dumps({"role": role, "done": done, "errors": errors[:5]}))
"""


def contend(store: Store, seconds: float, roles: list[str]) -> tuple[list[dict[str, object]], list[float], int]:
    """Label beside other processes: what they say, the milliseconds of each decision, the largest WAL in bytes."""
    command = [sys.executable, "-c", CONTENDER, str(store.path)]
    others = [subprocess.Popen([*command, role, str(seconds)], stdout=subprocess.PIPE, text=True) for role in roles]
    wal = store.path.with_name(store.path.name + "-wal")
    took, largest, number, until = [], 0, 0, time.monotonic() + seconds
    while time.monotonic() < until:
        number += 1
        began = time.perf_counter()
        with store.tx() as connection:
            connection.execute("INSERT INTO event VALUES ('person', ?)", (number,))
        took.append((time.perf_counter() - began) * 1000)
        largest = max(largest, wal.stat().st_size)
        time.sleep(0.02)
    told = [json.loads(process.communicate(timeout=60)[0]) for process in others]
    return told, sorted(took), largest


def test_people_workers_and_an_import_never_lock_each_other_out(store: Store) -> None:
    told, took, _ = contend(store, 3.0, ["worker a", "worker b", "bulk", "reader"])
    assert [report["errors"] for report in told] == [[]] * 4
    assert all(int(str(report["done"])) > 10 for report in told)
    assert len(took) > 5, took


@pytest.mark.slow
@pytest.mark.parametrize(("role", "p99", "longest"), [("import", 50, 250), ("bulk", 250, 600)])
def test_a_minute_of_contention_keeps_labels_quick_and_the_wal_small(
    store: Store, role: str, p99: float, longest: float
) -> None:
    """`import` reads and checks between its transactions, as ingest does; `bulk` writes as fast as the disk can."""
    workers = [f"worker {number}" for number in range(6)]
    told, took, largest = contend(store, 60.0, [*workers, role, "reader", "reader"])
    figures = (
        f"{len(took)} labels, ms p50 {took[len(took) // 2]:.1f} p99 {took[-len(took) // 100]:.1f} max {took[-1]:.1f}"
    )
    logging.getLogger(__name__).info("%s, WAL %.0f MB, %s", figures, largest / 2**20, told)
    assert all(report["errors"] == [] for report in told)
    assert largest <= 128 * 2**20
    assert took[-len(took) // 100] <= p99 and took[-1] <= longest


def test_the_wal_stays_small_while_readers_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "CHECKPOINT_BYTES", 2 * 2**20)
    command = [sys.executable, "-c", CONTENDER, str(store.path), "reader", "3"]
    readers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    wal = store.path.with_name(store.path.name + "-wal")
    written, sizes, until = 0, [0], time.monotonic() + 3
    while time.monotonic() < until:
        with store.tx(durable=False) as connection:
            connection.executemany("INSERT INTO bulk (text) VALUES (?)", [("x" * 2000,)] * 50)
        written += 100_000
        sizes.append(wal.stat().st_size)
        time.sleep(0.005)
    shrunk = sum(1 for before, after in itertools.pairwise(sizes) if after < before)
    assert written > 10 * 2**20 and shrunk >= 2, "it was folded back while readers ran"
    assert max(sizes) < written
    for process in readers:
        process.communicate(timeout=30)
    assert store.maintain(force=True)
    assert wal.stat().st_size == 0


def test_only_one_process_checkpoints_at_a_time(store: Store) -> None:
    import fcntl

    with store.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('x')")
    other = os.open(store.path.with_name(store.path.name + ".checkpoint"), os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(other, fcntl.LOCK_EX)
    assert not store.maintain(force=True)
    os.close(other)
    assert store.maintain(force=True)


def test_no_connection_checkpoints_by_itself(store: Store) -> None:
    assert store._writer.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    assert store.read().execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_backups_under_load_are_whole_and_not_stale(store: Store, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    command = [sys.executable, "-c", WRITER, str(store.path), str(theirs)]
    writers = [subprocess.Popen([*command, name, "NORMAL"], pass_fds=[theirs]) for name in ("a", "b")]
    os.close(theirs)
    drain = threading.Thread(target=lambda: [None for _ in iter(lambda: os.read(ours, 1 << 16), b"")])
    drain.start()
    try:
        until = time.monotonic() + 30
        while count(store) < 50:
            assert time.monotonic() < until
            time.sleep(0.01)
        for number in range(10):
            before = count(store)
            copy = store.backup(tmp_path / "copies" / f"{number}.db")
            assert stat.S_IMODE(copy.stat().st_mode) == 0o600
            with Store(copy, read_only=True) as found:
                assert found.integrity() == "ok"
                assert count(found) >= before
                last = "(SELECT max(number) FROM event WHERE writer = newest.writer)"
                torn = f"SELECT count(*) FROM newest WHERE number <> {last}"
                assert found.read().execute(torn).fetchone() == (0,)
    finally:
        for process in writers:
            process.kill()
            process.wait()
        drain.join()
        os.close(ours)
    assert len(list((tmp_path / "copies").iterdir())) == 10, "nothing but the copies is left"


def test_a_backup_can_be_worked_with(store: Store, tmp_path: Path) -> None:
    with store.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('kept')")
    with Store(store.backup(tmp_path / "copy.db")) as copy, copy.tx() as connection:
        connection.execute("INSERT INTO bulk (text) VALUES ('more')")
        assert connection.execute("SELECT text FROM bulk ORDER BY id").fetchall() == [("kept",), ("more",)]
    assert count(store, "bulk") == 1
