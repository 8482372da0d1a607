"""A worker process: signals, full disks, vanished workspaces, its log."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flywheel_tui.jobs.process import identity
from flywheel_tui.store import claims, jobs
from flywheel_tui.workspace import Workspace

Eventually = Callable[..., None]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(workspace: Workspace) -> Iterator[Start]:
    """Start a worker as the pool does; whatever is left of it is killed."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*arguments: str, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "flywheel_tui.jobs.worker", "--workspace", str(workspace.root)]
        command += ["--lease", "1", "--heartbeat", "0.2", "--poll", "0.02", "--name", "test", *arguments]
        running.append(subprocess.Popen(command, start_new_session=True, **options))  # type: ignore[call-overload]
        return running[-1]

    yield begin
    for process in running:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def worker_log(workspace: Workspace) -> str:
    path = workspace.root / "workers" / "worker-test.log"
    return path.read_text() if path.exists() else ""


def test_it_works_through_the_queue_and_ends_when_idle(workspace: Workspace, start: Start) -> None:
    ids = [jobs.enqueue(workspace.store, "items", {"n": 3}, title="x").id for _ in range(5)]
    assert start("--idle-exit", "0.1").wait(20) == 0
    assert [jobs.get_job(workspace.store, id).state for id in ids] == ["done"] * 5
    assert workspace.store.read().execute("SELECT count(*) FROM effect").fetchone() == (15,)


def test_its_files_are_private(workspace: Workspace, start: Start) -> None:
    assert start("--idle-exit", "0").wait(20) == 0
    folder = workspace.root / "workers"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_the_job_back_at_the_next_safe_point(
    workspace: Workspace, start: Start, eventually: Eventually, number: int
) -> None:
    job = jobs.enqueue(workspace.store, "items", {"n": 500, "sleep": 0.02}, title="x")
    worker = start()
    eventually(lambda: jobs.get_job(workspace.store, job.id).done > 3, "some items done")
    worker.send_signal(number)
    assert worker.wait(30) == 0
    found = jobs.get_job(workspace.store, job.id)
    assert (found.state, found.owner) == ("queued", None) and found.done < 500
    assert claims.claim(workspace.store, "next") is not None, "another one may go on at once"


def test_a_signal_ends_a_worker_that_reaches_no_safe_point(
    workspace: Workspace, start: Start, eventually: Eventually, tmp_path: Path
) -> None:
    job = jobs.enqueue(workspace.store, "deaf", {}, title="x")
    worker = start("--stop-within", "1")
    eventually(lambda: jobs.get_job(workspace.store, job.id).state == "running", "taken up")
    worker.terminate()
    began = time.monotonic()
    assert worker.wait(20) == 143
    assert time.monotonic() - began > 0.9, "it had its time to stop by itself"
    eventually(lambda: claims.claim(workspace.store, "next"), "its lease ran out", 5)
    assert "no safe point" in worker_log(workspace)


def test_a_zombie_that_comes_back_after_its_lease_writes_nothing(
    workspace: Workspace, start: Start, eventually: Eventually
) -> None:
    job = jobs.enqueue(workspace.store, "stall", {"sleep": 2.5}, title="x")
    zombie = start("--name", "zombie")
    eventually(lambda: jobs.get_job(workspace.store, job.id).state == "running", "taken up")
    assert start("--name", "other", "--idle-exit", "1.5").wait(20) == 0
    found = jobs.get_job(workspace.store, job.id)
    assert (found.state, found.result) == ("done", {"attempt": 2})
    log = workspace.root / "workers" / "worker-zombie.log"
    eventually(lambda: f"job {job.id}: lost" in log.read_text(), "the zombie woke and was refused")
    assert workspace.store.read().execute("SELECT * FROM effect").fetchall() == [(job.id, 2)]
    assert zombie.poll() is None, "it goes on with other jobs"


def test_a_worker_whose_workspace_is_deleted_ends(workspace: Workspace, start: Start, eventually: Eventually) -> None:
    worker = start()
    eventually(lambda: "at work" in worker_log(workspace), "at work")
    moved = workspace.root.with_name("moved")
    workspace.root.rename(moved)
    assert worker.wait(10) == 0
    assert "is gone" in (moved / "workers" / "worker-test.log").read_text()
    moved.rename(workspace.root)


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("worker.known_secrets", id="between opening the workspace and naming the log"),
        pytest.param("worker.listen_for_signals", id="before the first look"),
        pytest.param("worker.claims.claim", id="between a look at the workspace and the first claim"),
        pytest.param("claims.now_us", id="in the middle of a claim"),
    ],
)
def test_a_worker_whose_workspace_is_moved_at_a_bad_moment_ends_cleanly(workspace: Workspace, moment: str) -> None:
    moved = workspace.root.with_name("moved")
    move = f"""
import sys
from pathlib import Path
from flywheel_tui.jobs import worker
from flywheel_tui.store import claims
from operator import attrgetter

holder, name = attrgetter({moment.rpartition(".")[0]!r})(sys.modules["__main__"]), {moment.rpartition(".")[2]!r}
there = getattr(holder, name)

def moving(*given, **named):
    if Path(sys.argv[2]).exists():
        Path(sys.argv[2]).rename({str(moved)!r})
    return there(*given, **named)

setattr(holder, name, moving)
sys.exit(worker.main())
"""
    words = ["--workspace", str(workspace.root), "--name", "test", "--poll", "0.02"]
    done = subprocess.run([sys.executable, "-c", move, *words], capture_output=True, text=True, timeout=30, check=False)
    told = (moved / "workers" / "worker-test.log").read_text()
    assert (done.returncode, done.stderr) == (0, ""), told
    assert "is gone" in told and "Traceback" not in told
    assert not workspace.root.exists(), "nothing was made anew"
    moved.rename(workspace.root)


def test_a_worker_of_no_workspace_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flywheel_tui.jobs.worker", "--workspace", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == f"{tmp_path / 'none'}: is no workspace (no flywheel.db in it)\n"
    assert not (tmp_path / "none").exists()


def test_a_worker_whose_workspace_is_deleted_in_the_middle_of_a_job_ends(
    tmp_path: Path, kinds: Path, eventually: Eventually
) -> None:
    root = tmp_path / "doomed"
    with Workspace.open(root, create=True) as workspace:
        with workspace.store.tx() as connection:
            connection.execute("CREATE TABLE effect (job_id INTEGER, number INTEGER) STRICT")
        job = jobs.enqueue(workspace.store, "items", {"n": 60, "sleep": 0.02}, title="x")
        command = [sys.executable, "-m", "flywheel_tui.jobs.worker", "--workspace", str(root), "--name", "test"]
        worker = subprocess.Popen(command, start_new_session=True)
        eventually(lambda: jobs.get_job(workspace.store, job.id).done > 3, "some items done")
        shutil.rmtree(root)
        assert worker.wait(20) == 0
    assert not root.exists(), "nothing was made anew"


def test_a_full_disk_stops_the_work_not_the_worker_and_nothing_is_lost(
    workspace: Workspace, start: Start, eventually: Eventually
) -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))

    job = jobs.enqueue(workspace.store, "hog", {"n": 40}, title="x")
    worker = start(preexec_fn=small_files)
    eventually(lambda: "free some space" in worker_log(workspace), "it says that the disk is full")
    assert worker.poll() is None
    kept = workspace.store.read().execute("SELECT count(*) FROM blob").fetchone()[0]
    assert 0 < kept == len(claims.done_items(workspace.store, job.id)) < 40
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    eventually(lambda: jobs.get_job(workspace.store, job.id).state == "done", "it goes on when there is room", 40)
    assert workspace.store.read().execute("SELECT count(*) FROM blob").fetchone() == (40,)
    assert workspace.store.integrity() == "ok"
    assert jobs.get_job(workspace.store, job.id).attempt < 12, "it waits between its tries"


def test_the_log_holds_no_key_and_no_local_variable(
    workspace: Workspace, start: Start, kinds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-1234567890")
    (kinds / "flywheel_test_kinds.py").write_text(
        "import os\ndef fail(workspace, args, task):\n"
        "    local = 'local-canary'\n    raise ValueError(os.environ['OPENAI_API_KEY'] + '\\x1b]0;title\\x07')\n"
    )
    job = jobs.enqueue(workspace.store, "fail", {}, title="x")
    assert start("--idle-exit", "0.1").wait(20) == 0
    told = worker_log(workspace)
    assert "Traceback" in told and "ValueError: <redacted>" in told
    assert "canary-1234567890" not in told and "\x1b" not in told
    assert told.count("local-canary") <= 1, "the line of source at most, never a value"
    assert jobs.get_job(workspace.store, job.id).error == "ValueError: <redacted>\x1b]0;title\x07"


def test_two_workers_never_go_by_one_name(workspace: Workspace, start: Start, eventually: Eventually) -> None:
    first = start("--name", "1")
    record = workspace.root / "workers" / "worker-1.json"
    eventually(record.exists, "it says who it is")
    assert start("--name", "1").wait(10) == 0
    assert first.poll() is None
    assert str(first.pid) in record.read_text()
    first.terminate()
    assert first.wait(10) == 0
    assert not record.exists()


def test_a_worker_that_cannot_open_the_database_says_so_in_its_log(workspace: Workspace, start: Start) -> None:
    with workspace.store.tx() as connection:
        connection.execute("PRAGMA user_version = 9999")
    assert start().wait(10) == 1
    assert "newer version" in worker_log(workspace)
    assert identity() is not None
