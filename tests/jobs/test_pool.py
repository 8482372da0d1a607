"""The pool: started once however many ask, adopted, scaled, healed after kills, ended without a trace."""

from __future__ import annotations

import logging
import os
import random
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel_tui.jobs.folder import FOLDER, status, workers
from flywheel_tui.jobs.pool import ensure_workers, stop_workers, submit
from flywheel_tui.jobs.process import identity
from flywheel_tui.jobs.worker import Rules
from flywheel_tui.store import claims, jobs
from flywheel_tui.workspace import Workspace

Eventually = Callable[..., None]
QUICK = Rules(lease_s=1.0, heartbeat_s=0.2, poll_s=0.02, stop_within_s=1.0)


def all_done(workspace: Workspace) -> bool:
    return set(jobs.count_states(workspace.store)) == {"done"}


def test_a_pool_outlives_the_process_that_asked_for_it(workspace: Workspace, eventually: Eventually) -> None:
    code = """
import sys
from flywheel_tui import Workspace
from flywheel_tui.jobs.pool import submit
with Workspace.open(sys.argv[1]) as workspace:
    submit(workspace, "items", {"n": 50, "sleep": 0.02}, title="x")
"""
    subprocess.run([sys.executable, "-c", code, workspace.root], check=True, start_new_session=True)
    eventually(lambda: all_done(workspace), "the job done")
    now = status(workspace.root)
    assert now.supervisor is not None and len(now.workers) == 2
    assert len({os.getsid(who.pid) for who in [now.supervisor, *now.workers.values()]}) == 3, "a session each"
    assert stop_workers(workspace.root)
    assert not status(workspace.root).alive and not now.supervisor.alive()


def test_many_that_ask_at_once_get_one_pool(workspace: Workspace, eventually: Eventually) -> None:
    code = """
import sys
from flywheel_tui import Workspace
from flywheel_tui.jobs import ensure_workers
with Workspace.open(sys.argv[1]) as workspace:
    print(ensure_workers(workspace).supervisor.pid)
"""
    asking = [
        subprocess.Popen([sys.executable, "-c", code, workspace.root], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    told = {process.communicate(timeout=40)[0].strip() for process in asking}
    assert len(told) == 1 and told != {""}
    assert ensure_workers(workspace).supervisor == status(workspace.root).supervisor


def test_the_number_of_workers_follows_what_is_wanted(workspace: Workspace, eventually: Eventually) -> None:
    for _ in range(6):
        jobs.enqueue(workspace.store, "items", {"n": 1000, "sleep": 0.01}, title="x")
    ensure_workers(workspace, 1, rules=QUICK)
    eventually(lambda: len(workers(workspace.root / FOLDER)) == 1, "one worker")
    ensure_workers(workspace, 3)
    eventually(lambda: len(workers(workspace.root / FOLDER)) == 3, "three workers")
    ensure_workers(workspace, 1)
    eventually(lambda: len(workers(workspace.root / FOLDER)) == 1, "one worker again")
    states = jobs.count_states(workspace.store)
    assert set(states) == {"queued", "running"}, "those that went gave their jobs back"


def test_workers_survive_their_supervisor_and_the_next_one_adopts_them(
    workspace: Workspace, eventually: Eventually
) -> None:
    job = submit(workspace, "items", {"n": 150, "sleep": 0.01}, title="x")
    eventually(lambda: len(status(workspace.root).workers) == 2, "workers")
    before = status(workspace.root)
    assert before.supervisor is not None
    os.kill(before.supervisor.pid, signal.SIGKILL)
    eventually(lambda: not status(workspace.root).alive, "the supervisor is gone")
    assert status(workspace.root).workers == before.workers
    after = ensure_workers(workspace)
    assert after.supervisor != before.supervisor and after.workers == before.workers
    eventually(lambda: jobs.get_job(workspace.store, job.id).state == "done", "the job done")
    found = jobs.get_job(workspace.store, job.id)
    assert (found.attempt, found.result) == (1, {"items": 150}), "nobody took it from its worker"
    assert stop_workers(workspace.root)
    assert not any(worker.alive() for worker in before.workers.values())


def test_what_a_used_again_process_id_names_is_neither_adopted_nor_killed(workspace: Workspace) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    folder = workspace.root / FOLDER
    folder.mkdir(exist_ok=True)
    who = identity(bystander.pid)
    assert who is not None
    for name in ("worker-1.json", "pool.json"):
        (folder / name).write_text(f'{{"pid": {bystander.pid}, "began": "1", "boot": "{who.boot}"}}')
    assert status(workspace.root).workers == {} and not status(workspace.root).alive
    assert stop_workers(workspace.root)
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_a_deaf_job_and_its_child_are_ended_with_the_pool(
    workspace: Workspace, eventually: Eventually, tmp_path: Path
) -> None:
    told = tmp_path / "pids"
    ensure_workers(workspace, 1, rules=QUICK)
    jobs.enqueue(workspace.store, "deaf", {"child": str(told)}, title="x")
    eventually(lambda: told.exists() and len(told.read_text().split()) == 2, "the job and its child run")
    pids = [int(pid) for pid in told.read_text().split()]
    began = time.monotonic()
    assert stop_workers(workspace.root)
    assert time.monotonic() - began < 60
    assert [identity(pid) for pid in pids] == [None, None]


def test_a_job_that_kills_its_workers_is_dead_in_the_end_and_the_pool_lives(
    workspace: Workspace, eventually: Eventually
) -> None:
    ensure_workers(workspace, 1, rules=QUICK)
    bad = jobs.enqueue(workspace.store, "suicide", {}, title="x", max_attempts=2)
    good = jobs.enqueue(workspace.store, "items", {"n": 3}, title="y")
    eventually(lambda: jobs.get_job(workspace.store, bad.id).state == "dead", "dead", 30)
    eventually(lambda: jobs.get_job(workspace.store, good.id).state == "done", "the other one done")


def test_sixty_jobs_while_workers_are_killed_at_random(
    workspace: Workspace, eventually: Eventually, tmp_path: Path
) -> None:
    """Every item once, however often its worker dies; what is lost at a kill is at most the item in flight."""
    trace = tmp_path / "trace"
    per_job, count, kills = 6, 60, 0
    for _ in range(count):
        args = {"n": per_job, "sleep": 0.01, "trace": str(trace)}
        jobs.enqueue(workspace.store, "items", args, title="x", max_attempts=50)
    ensure_workers(workspace, 3, rules=QUICK)
    chance, until = random.Random(7), time.monotonic() + 60
    while not all_done(workspace):
        assert time.monotonic() < until, jobs.count_states(workspace.store)
        time.sleep(chance.uniform(0.1, 0.4))
        alive = list(workers(workspace.root / FOLDER).values())
        if kills < 8 and alive:
            os.kill(chance.choice(alive).pid, signal.SIGKILL)
            kills += 1
    assert kills >= 5
    rows = Counter(workspace.store.read().execute("SELECT job_id, number FROM effect").fetchall())
    assert len(rows) == count * per_job and set(rows.values()) == {1}
    tried = len(trace.read_text().splitlines())
    assert count * per_job <= tried <= count * per_job + kills, "at most the item in flight is done again"
    assert workspace.store.integrity() == "ok"


def test_owners_that_are_gone_lose_their_lease_at_once(workspace: Workspace, eventually: Eventually) -> None:
    job = jobs.enqueue(workspace.store, "items", {"n": 2}, title="x")
    code = """
import os, sys
from flywheel_tui import Workspace
from flywheel_tui.jobs.process import owner_name
from flywheel_tui.store import claims
with Workspace.open(sys.argv[1]) as workspace:
    claims.claim(workspace.store, owner_name(), lease_s=3600)
    os._exit(9)
"""
    subprocess.run([sys.executable, "-c", code, workspace.root], check=False)
    assert jobs.get_job(workspace.store, job.id).state == "running"
    assert claims.claim(workspace.store, "me") is None
    ensure_workers(workspace, 1)
    eventually(lambda: jobs.get_job(workspace.store, job.id).state == "done", "done long before the lease ends", 15)


def test_the_files_of_the_pool_are_private(workspace: Workspace) -> None:
    ensure_workers(workspace, 1)
    folder = workspace.root / FOLDER
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.slow
def test_the_whole_pool_and_its_supervisor_are_killed_again_and_again(
    workspace: Workspace, eventually: Eventually, tmp_path: Path
) -> None:
    trace, kills = tmp_path / "trace", 0
    for _ in range(400):
        args = {"n": 10, "sleep": 0.02, "trace": str(trace)}
        jobs.enqueue(workspace.store, "items", args, title="x", max_attempts=500)
    ensure_workers(workspace, 4, rules=QUICK)
    chance, until = random.Random(11), time.monotonic() + 400
    while not all_done(workspace):
        assert time.monotonic() < until, jobs.count_states(workspace.store)
        time.sleep(chance.uniform(0.05, 0.5))
        now = ensure_workers(workspace, 4, rules=QUICK)
        chosen = [*now.workers.values(), *([now.supervisor] if now.supervisor and chance.random() < 0.2 else [])]
        if kills < 60 and chosen:
            os.kill(chance.choice(chosen).pid, signal.SIGKILL)
            kills += 1
    rows = Counter(workspace.store.read().execute("SELECT job_id, number FROM effect").fetchall())
    assert len(rows) == 4000 and set(rows.values()) == {1}
    tried = len(trace.read_text().splitlines())
    attempts = max(job.attempt for job in jobs.list_jobs(workspace.store, limit=1000))
    logging.getLogger(__name__).info("%d kills, %d items tried for 4,000, at most %d attempts", kills, tried, attempts)
    assert kills > 40 and tried <= 4000 + kills
