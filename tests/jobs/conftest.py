"""Job kinds that live in another package, found by its entry points as a real one would be."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flywheel_tui.jobs.pool import stop_workers
from flywheel_tui.workspace import Workspace

MODULE = '''
import os, signal, subprocess, sys, time

def items(workspace, args, task):
    """Write one row for each item, with the item's state, in one transaction."""
    done = task.done_items()
    for number in range(args["n"]):
        task.check()
        if str(number) in done:
            continue
        if args.get("trace"):
            with open(args["trace"], "a") as file:
                file.write(f"{task.job.id} {number}\\n")
        time.sleep(args.get("sleep", 0.0))
        with workspace.store.tx(durable=False) as connection:
            if task.item_done(str(number)):
                connection.execute("INSERT INTO effect VALUES (?, ?)", (task.job.id, number))
        task.progress(number + 1, args["n"], "counting")
    return {"items": args["n"]}

def deaf(workspace, args, task):
    """Never reaches a safe point; with a child that is as stubborn."""
    if args.get("child"):
        code = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
        child = subprocess.Popen([sys.executable, "-c", code])
        open(args["child"], "w").write(f"{os.getpid()} {child.pid}")
    time.sleep(args.get("sleep", 60))
    return {}

def suicide(workspace, args, task):
    os.kill(os.getpid(), signal.SIGKILL)

def stall(workspace, args, task):
    """Stops its whole process, as a laptop lid does, and goes on later as if nothing had happened."""
    import ctypes, threading
    pid = os.getpid()
    if task.job.attempt == 1:
        subprocess.Popen([sys.executable, "-c", f"import os, time; time.sleep({args['sleep']}); os.kill({pid}, 18)"])
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
    with workspace.store.tx(durable=False) as connection:
        connection.execute("INSERT INTO effect VALUES (?, ?)", (task.job.id, task.job.attempt))
        task.item_done("only")
    return {"attempt": task.job.attempt}

def fail(workspace, args, task):
    secret = "sk-" + "a" * 30
    if args["how"] == "service":
        from flywheel_tui.errors import ServiceError
        raise ServiceError("the server is down")
    raise ValueError(f"could not use key {secret}")

def nan(workspace, args, task):
    return {"value": object()}

def hog(workspace, args, task):
    """Writes until the disk says no."""
    blob = os.urandom(200_000)
    for number in range(args["n"]):
        task.check()
        with workspace.store.tx(durable=False) as connection:
            if task.item_done(str(number)):
                connection.execute("INSERT INTO blob VALUES (?)", (blob,))
    return {}
'''
POINTS = "".join(
    f"{name} = flywheel_test_kinds:{name}\n" for name in ("items", "deaf", "suicide", "stall", "fail", "nan", "hog")
)


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an installed package that adds kinds of jobs; this process and its children see it."""
    folder = tmp_path / "site"
    info = folder / "flywheel_test_kinds-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flywheel-test-kinds\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[flywheel_tui.jobs]\n{POINTS}")
    (folder / "flywheel_test_kinds.py").write_text(MODULE)
    monkeypatch.delitem(sys.modules, "flywheel_test_kinds", raising=False)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    )
    return folder


@pytest.fixture
def workspace(tmp_path: Path, kinds: Path) -> Iterator[Workspace]:
    """A workspace in which the tests' kinds can write; every worker of it is ended afterwards."""
    with Workspace.open(tmp_path / "ws", create=True) as found:
        with found.store.tx() as connection:
            connection.execute("CREATE TABLE effect (job_id INTEGER, number INTEGER) STRICT")
            connection.execute("CREATE TABLE blob (data BLOB) STRICT")
        yield found
        assert stop_workers(found.root), "a worker is left"


@pytest.fixture
def eventually() -> Callable[..., None]:
    """Wait until something holds: looks again every few milliseconds, and says what it waited for when it gives up."""

    def wait(holds: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, f"not within {seconds} s: {what}"
            time.sleep(0.01)

    return wait
