"""`flywheel jobs`, `worker`, `doctor`, `backup` as a script uses them: real processes, streams apart, exit codes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.jobs.folder import status
from flywheel_tui.jobs.pool import stop_workers
from flywheel_tui.store import claims, jobs
from flywheel_tui.workspace import Workspace

FLYWHEEL = [sys.executable, "-c", "from flywheel_tui.cli import main; main()"]


def run(root: Path, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*FLYWHEEL, "-w", str(root), *map(str, words)], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=120, check=False, env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def document(root: Path, *words: object, code: int = 0) -> Any:
    return json.loads(run(root, *words, "--json", code=code).stdout)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("template")
    rows = "".join(json.dumps({"instruction": f"say {n}", "output": str(n)}) + "\n" for n in range(10))
    (tmp_path / "pairs.jsonl").write_text(rows)
    folder = tmp_path / "w"
    run(folder, "init", folder)
    run(folder, "ingest", "-i", tmp_path / "pairs.jsonl", "-n", "demo", "--no-index")
    run(folder, "label", "-d", "demo", "--mode", "bulk", "--where", "id > 4", "--status", "approved", "--yes")
    with Workspace.open(folder) as workspace, workspace.store.tx() as connection:
        connection.execute("DELETE FROM job_event")
        connection.execute("DELETE FROM job_progress")
        connection.execute("DELETE FROM job")
    return folder


@pytest.fixture
def root(template: Path, tmp_path: Path) -> Path:
    """A workspace with ten pairs, six of them labelled, and no job."""
    return Path(shutil.copytree(template, tmp_path / "w"))


# -- jobs ------------------------------------------------------------------------------------------------------------


def test_the_queue_is_listed_and_steered(root: Path) -> None:
    assert run(root, "jobs", "ls").stdout == "no jobs\n"
    with Workspace.open(root) as workspace:
        for title in ("first", "an [bold]odd\x1b[31m one"):
            jobs.enqueue(workspace.store, "index", {}, title=title)
    listed = run(root, "jobs", "ls")
    assert "first" in listed.stdout and "an [bold]odd␛[31m one" in listed.stdout and "\x1b" not in listed.stdout
    assert "nobody works on the queue" in listed.stderr
    assert run(root, "jobs", "pause", 1, 2).stdout.count("paused") == 2
    assert run(root, "jobs", "resume", 1).stdout == "job 1 (first): queued\n"
    assert [job["state"] for job in document(root, "jobs", "cancel", 1)] == ["cancelled"]
    assert document(root, "jobs", "retry", 1)[0]["state"] == "queued"
    assert {job["id"]: job["state"] for job in document(root, "jobs", "ls")} == {1: "queued", 2: "paused"}
    assert [job["id"] for job in document(root, "jobs", "ls", "--state", "paused")] == [2]


def test_a_running_job_is_shown_with_rate_and_what_was_asked_of_it(root: Path) -> None:
    with Workspace.open(root) as workspace:
        jobs.enqueue(workspace.store, "index", {}, title="long", total=1000)
        job = claims.claim(workspace.store, "1/2/3/4")
        assert job is not None
        claims.progress(workspace.store, job.claim, 100, phase="indexing")
        time.sleep(1.1)
        claims.progress(workspace.store, job.claim, 200, phase="indexing")
        assert "cancel at its next safe point" in run(root, "jobs", "cancel", 1).stdout
        shown = run(root, "jobs", "show", 1).stdout
        assert "running (cancel asked)" in shown and "indexing: 200 of 1,000 (20%)" in shown and "left" in shown
        found = document(root, "jobs", "show", 1)
        assert 10 < found["rate"] < 100 and found["eta_s"] > 5 and len(found["uid"]) == 26
        assert [event["level"] for event in found["events"]] == ["info", "info"]
        claims.expire(workspace.store, ["1/2/3/4"])
        assert "running (worker lost)" in run(root, "jobs", "ls").stdout


def test_what_cannot_be_is_said_in_a_sentence(root: Path) -> None:
    assert "no job named '7'" in run(root, "jobs", "show", 7, code=2).stderr
    with Workspace.open(root) as workspace:
        jobs.enqueue(workspace.store, "index", {}, title="x")
    assert "job 1 is queued" not in run(root, "jobs", "retry", 1).stderr
    run(root, "jobs", "cancel", 1)
    assert "job 1 is cancelled" in run(root, "jobs", "pause", 1, code=2).stderr


# -- workers ---------------------------------------------------------------------------------------------------------


def test_a_worker_until_idle_works_off_the_queue_and_says_what_went_wrong(root: Path) -> None:
    with Workspace.open(root) as workspace:
        jobs.enqueue(workspace.store, "index", {}, title="build the index")
    assert run(root, "worker", "--until-idle", "--slots", 1).stdout == "1 jobs ended well, 0 went wrong\n"
    assert not status(root).workers
    with Workspace.open(root) as workspace:
        jobs.enqueue(workspace.store, "nonsense", {}, title="nonsense")
    assert "no kind of job named 'nonsense'" in run(root, "worker", "--until-idle", code=1).stdout


def test_a_detached_pool_outlives_the_command_and_is_stopped_by_another(root: Path) -> None:
    try:
        assert "3 workers for" in run(root, "worker", "--detach", "--slots", 3).stdout
        now = status(root)
        assert now.supervisor is not None and now.slots == 3
        assert run(root, "worker", "--detach").returncode == 0
        assert status(root).supervisor == now.supervisor
        assert "are kept by another process already" in run(root, "worker", code=2).stderr
        workers = next(check for check in document(root, "doctor")["checks"] if check["name"] == "workers")
        assert workers["verdict"] == "ok" and str(now.supervisor.pid) in workers["text"]
    finally:
        assert run(root, "worker", "--stop").stdout == "no worker is left\n"
    assert not now.supervisor.alive()


@pytest.mark.parametrize(("number", "ends"), [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, False)])
def test_a_worker_in_a_terminal_ends_at_ctrl_c_and_outlives_the_terminal(root: Path, number: int, ends: bool) -> None:
    process = subprocess.Popen([*FLYWHEEL, "-w", root, "worker"], stderr=subprocess.PIPE, start_new_session=True)
    try:
        until = time.monotonic() + 20
        while not status(root).alive:
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(number)
        if ends:
            assert process.wait(10) == 0
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)
    finally:
        stop_workers(root)
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


# -- doctor ----------------------------------------------------------------------------------------------------------


def checks(root: Path, code: int) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in document(root, "doctor", code=code)["checks"]}


def test_the_doctor_finds_a_workspace_well(root: Path) -> None:
    found = checks(root, 0)
    assert {check["verdict"] for check in found.values()} <= {"ok", "hint"}
    assert found["labels"]["text"].startswith("6 labelled pairs")
    assert found["permissions"]["verdict"] == "ok"
    assert all(check["remedy"] for check in found.values() if check["verdict"] != "ok"), "each says what to do"
    shown = run(root, "doctor").stdout
    assert "WAL-reset bug" in shown and shown.endswith("all is well\n")


def test_the_doctor_finds_wrong_figures_and_mends_them(root: Path) -> None:
    with sqlite3.connect(root / "flywheel.db") as connection:
        connection.execute("UPDATE counter SET value = value + 5 WHERE name = 'approved'")
        connection.execute("DELETE FROM counter WHERE name = 'pairs'")
        connection.execute("UPDATE label_current SET status = 'rejected' WHERE root_id = 5")
        connection.execute("UPDATE pair_current SET reviewer = 'nobody' WHERE id = 6")
    connection.close()
    found = checks(root, 1)
    assert found["counters"]["text"].startswith("2 figures are off") and "--mend" in found["counters"]["remedy"]
    assert "2 differ (pairs 5, 6)" in found["labels"]["text"]
    assert checks(root, 1)["labels"] == found["labels"], "looking changes nothing"
    assert "mended: 2 pairs, 2 counters" in run(root, "doctor", "--mend").stderr
    assert checks(root, 0)["labels"]["verdict"] == "ok"


def test_the_doctor_finds_what_others_may_read(root: Path) -> None:
    (root / ".env").write_text("OPENAI_API_KEY=canary-12345678\n")
    (root / ".env").chmod(0o644)
    found = checks(root, 1)
    assert found["permissions"]["verdict"] == "wrong" and ".env" in found["permissions"]["remedy"]
    assert found["settings"]["text"] == "readable; keys set: openai_api_key"
    (root / ".env").chmod(0o600)
    root.chmod(0o777)
    assert "write into" in checks(root, 1)["permissions"]["text"]
    root.chmod(0o700)
    (root / "flywheel.toml").write_text("no_such = 1\n")
    assert "no such setting" in checks(root, 1)["settings"]["text"]


def test_the_doctor_reports_damage_and_goes_on(root: Path) -> None:
    with Workspace.open(root) as workspace:
        workspace.store.maintain(force=True)
    path = root / "flywheel.db"
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 40] = os.urandom(4096 * 37)
    path.write_bytes(data)
    found = checks(root, 1)
    assert "wrong" in {found[name]["verdict"] for name in ("database", "workspace") if name in found}
    assert found["python"]["verdict"] == "ok"


def test_the_doctor_without_a_workspace_says_how_to_make_one(tmp_path: Path) -> None:
    found = checks(tmp_path / "nothing", 1)
    assert "flywheel init" in found["workspace"]["text"]
    assert not (tmp_path / "nothing").exists()


# -- backup ----------------------------------------------------------------------------------------------------------


def test_a_backup_is_whole_private_and_replaces_nothing_unasked(root: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy.db"
    assert "check: ok" in run(root, "backup", target).stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with sqlite3.connect(target) as copy:
        assert copy.execute("SELECT count(*) FROM pair").fetchone() == (10,)
    copy.close()
    assert "--force" in run(root, "backup", target, code=2).stderr
    assert document(root, "backup", target, "--force")["bytes"] == target.stat().st_size
    assert "database itself" in run(root, "backup", root / "flywheel.db", "--force", code=2).stderr


def test_a_backup_into_a_folder_gets_a_dated_name(root: Path) -> None:
    path = Path(document(root, "backup", root / "exports")["path"])
    assert path.parent == root / "exports" and path.name.startswith("flywheel-2") and path.suffix == ".db"


def test_a_backup_to_a_place_that_is_not_there_is_refused(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be written" in run(root, "backup", tmp_path / "file" / "copy.db", code=2).stderr
