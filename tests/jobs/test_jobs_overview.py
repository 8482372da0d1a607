"""One reading of queue and workers: with real workers, real processes that die, and logs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.jobs import folder as files
from flywheel_tui.jobs import overview
from flywheel_tui.jobs.pool import ensure_workers
from flywheel_tui.jobs.process import identity, owner_name
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace


def enqueue(workspace: Workspace, title: str = "count", **args: object) -> int:
    return queue.enqueue(workspace.store, "items", {"n": 3, **args}, title=title).id


def test_nothing_yet(workspace: Workspace) -> None:
    found = overview.overview(workspace)
    assert (found.jobs, found.counts, found.workers, found.pool, found.total) == ((), {}, (), None, 0)
    assert found.slots == files.SLOTS
    assert not found.nobody
    assert overview.logs(workspace.root) == []


def test_ended_jobs_can_be_left_out_and_are_still_counted(workspace: Workspace) -> None:
    first, second = enqueue(workspace), enqueue(workspace)
    overview.cancel(workspace, first)
    found = overview.overview(workspace, ended=False)
    assert [job.id for job in found.jobs] == [second]
    assert found.counts == {"cancelled": 1, "queued": 1}
    assert found.nobody
    assert [job.id for job in overview.overview(workspace, limit=1).jobs] == [second]


def test_workers_tell_what_they_do(workspace: Workspace, eventually: Callable[..., None]) -> None:
    job = enqueue(workspace, n=2_000, sleep=0.02)
    assert overview.want_workers(workspace, 1, start=True) == 1
    eventually(lambda: any(each.job for each in overview.overview(workspace).workers), "a worker has the job")
    [worker] = overview.overview(workspace).workers
    found = overview.overview(workspace)
    assert (worker.name, worker.place, worker.job, worker.title) == ("1", "pool", job, "count")
    assert worker.since is not None and worker.lease_until is not None and worker.lease_until > worker.since
    assert overview.pid_of(found.jobs[0]) == str(worker.pid)
    assert found.pool is not None and not found.nobody and not found.lost
    assert overview.logs(workspace.root) == ["1", "pool"]
    eventually(lambda: any("taken up" in line for line in overview.tail(workspace.root, "1")), "the log says so")
    overview.want_workers(workspace, 2, start=True)
    second = enqueue(workspace, n=2_000, sleep=0.02)
    eventually(lambda: {each.job for each in overview.overview(workspace).workers} == {job, second}, "two at work")
    assert overview.pause_or_resume(workspace, job).wanted == "pause"
    assert overview.pause_or_resume(workspace, job).wanted is None
    overview.want_workers(workspace, 1, start=True)
    eventually(lambda: len(overview.overview(workspace).workers) == 1, "one worker is left")
    for each in (job, second):
        overview.cancel(workspace, each)


def test_who_holds_a_job_without_a_pool(workspace: Workspace) -> None:
    here = queue.enqueue(workspace.store, "items", {}, title="mine", claim_for=owner_name()).id
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    who = identity(child.pid)
    assert who is not None
    child.communicate(b"\n")
    dead = queue.enqueue(
        workspace.store, "items", {}, title="orphan", claim_for=f"{who.pid}/{who.began}/{who.boot}/00000000"
    ).id
    also = queue.enqueue(workspace.store, "items", {}, title="mine too", claim_for=owner_name()).id
    far = queue.enqueue(workspace.store, "items", {}, title="far", claim_for="77/1/another-boot/00000000").id
    odd = queue.enqueue(workspace.store, "items", {}, title="odd", claim_for="somebody").id
    found = overview.overview(workspace)
    assert {each.job: each.place for each in found.workers} == {
        here: "terminal", also: "terminal", dead: "gone", far: "elsewhere", odd: "elsewhere",
    }  # fmt: skip
    assert {each.job: each.pid for each in found.workers} == {
        here: os.getpid(),
        also: os.getpid(),
        dead: who.pid,
        far: 77,
        odd: 0,
    }
    assert found.lost == {dead}
    assert overview.details(workspace, dead).gone
    assert not overview.details(workspace, here).gone


def test_steering_says_what_cannot_be(workspace: Workspace) -> None:
    job = enqueue(workspace)
    assert overview.pause_or_resume(workspace, job, start=False).state == "paused"
    assert overview.pause_or_resume(workspace, job, start=False).state == "queued"
    assert overview.cancel(workspace, job).state == "cancelled"
    with pytest.raises(UsageError, match="cancelled"):
        overview.pause_or_resume(workspace, job, start=False)
    assert overview.retry(workspace, job, start=False).state == "queued"
    with pytest.raises(NotFoundError):
        overview.details(workspace, job + 1)


@pytest.mark.parametrize(("asked", "got"), [(0, 1), (-5, 1), (7, 7), (1_000, files.MOST_SLOTS)])
def test_there_is_at_least_one_worker(workspace: Workspace, asked: int, got: int) -> None:
    assert overview.want_workers(workspace, asked, start=False) == got
    assert overview.overview(workspace).slots == got


def test_details_hold_everything_but_keys(workspace: Workspace) -> None:
    key = "sk-" + "a" * 30
    job = enqueue(workspace, title="count", address=f"https://x/?key={key}", long="x" * 30_000)
    for number in range(70):
        queue.add_event(workspace.store, job, "info", f"event {number}")
    found = overview.details(workspace, job)
    assert key not in found.args
    assert "characters more" in found.args
    assert [event.text for event in found.events] == [f"event {number}" for number in range(70)]
    assert found.result == ""
    assert overview.events_of(workspace, job)[0].text == "event 20"


def test_data_sets_are_found_in_the_arguments(workspace: Workspace) -> None:
    def of(kind: str, args: dict[str, object]) -> str:
        return overview.dataset_of(queue.enqueue(workspace.store, kind, args, title="x"))

    assert of("validate", {"dataset": "demo"}) == "demo"
    assert of("ingest", {"name": "fresh"}) == "fresh"
    assert of("items", {"name": "no data set"}) == ""
    assert of("items", {"dataset": 7}) == ""


def test_a_long_log_is_read_from_its_end(workspace: Workspace) -> None:
    folder = files.make(workspace.root)
    (folder / "worker-10.log").write_text("".join(f"line {number}\n" for number in range(50_000)))
    (folder / "worker-2.log").write_bytes(b"\xff broken \x1b[2J\n")
    (folder / "pool.log").write_text("")
    assert overview.logs(workspace.root) == ["2", "10", "pool"]
    lines = overview.tail(workspace.root, "10")
    assert (len(lines), lines[-1]) == (300, "line 49999")
    assert overview.tail(workspace.root, "10", lines=100_000)[0].startswith("line ")
    assert overview.tail(workspace.root, "pool") == []
    assert len(overview.tail(workspace.root, "2")) == 1
    with pytest.raises(NotFoundError, match="10"):
        overview.tail(workspace.root, "../../etc/passwd")


def test_a_pool_that_lives_follows(workspace: Workspace, eventually: Callable[..., None]) -> None:
    enqueue(workspace, n=1)
    assert ensure_workers(workspace, 1).alive
    eventually(lambda: overview.overview(workspace).counts == {"done": 1}, "done")
    [worker] = overview.overview(workspace).workers
    assert (worker.job, worker.lease_until, worker.place) == (None, None, "pool")
