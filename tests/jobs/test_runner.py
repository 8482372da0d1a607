"""A job in front of a person, and one attempt of a worker: what each end means for the queue."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel_tui.errors import Cancelled, InputError, NotFoundError, Paused, StaleClaimError
from flywheel_tui.jobs import registry, run_foreground
from flywheel_tui.jobs.runner import run_claimed
from flywheel_tui.jobs.task import Task
from flywheel_tui.records.job import Progress
from flywheel_tui.store import claims, jobs
from flywheel_tui.workspace import Workspace


def effects(workspace: Workspace) -> list[tuple[int, int]]:
    return workspace.store.read().execute("SELECT job_id, number FROM effect ORDER BY 1, 2").fetchall()


def attempt(workspace: Workspace) -> tuple[Task, str]:
    job = claims.claim(workspace.store, "me")
    assert job is not None
    task = Task(workspace.store, job)
    return task, run_claimed(workspace, task, lease_s=30, every_s=5)


def test_kinds_of_other_packages_are_found_and_an_unknown_one_lists_them(workspace: Workspace) -> None:
    assert registry.function_of("items").__module__ == "flywheel_test_kinds"
    with pytest.raises(NotFoundError, match=r"'nonsense'; there are: bulk, .*items"):
        registry.function_of("nonsense")
    with pytest.raises(ValueError, match="already"):
        registry.register("ingest", "somewhere:else")


def test_ours_win_over_a_package_that_claims_the_same_kind(kinds: Path) -> None:
    points = kinds / "flywheel_test_kinds-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "ingest = flywheel_test_kinds:items\n")
    assert registry.kinds()["ingest"] == registry.KINDS["ingest"]


def test_a_foreground_job_is_a_row_that_others_see_and_its_result_comes_back(workspace: Workspace) -> None:
    seen: list[Progress] = []
    result = run_foreground(workspace, "items", {"n": 30, "sleep": 0.01}, title="Thirty", on_progress=seen.append)
    (job,) = jobs.list_jobs(workspace.store)
    assert result == job.result == {"items": 30}
    assert (job.state, job.done, job.total, job.title, job.owner) == ("done", 30, 30, "Thirty", None)
    assert [len(effects(workspace)), seen[-1].done, seen[-1].total] == [30, 30, 30]
    assert len(seen) < 20, "a person is shown ten a second at most"


def test_progress_is_written_four_times_a_second_at_most(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    real = claims.progress
    monkeypatch.setattr(claims, "progress", lambda *args: (written.append(args[2]), real(*args))[1])
    jobs.enqueue(workspace.store, "items", {"n": 1}, title="x")
    job = claims.claim(workspace.store, "me")
    assert job is not None
    task, until = Task(workspace.store, job), time.monotonic() + 1.0
    count = 0
    while time.monotonic() < until:
        count += 1
        task.progress(count)
    assert 3 <= len(written) <= 5 and count > 1000
    task.flush()
    assert jobs.get_job(workspace.store, job.id).done == count


def test_what_a_foreground_job_raises_is_raised_and_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InputError("is no number", file="a.jsonl", line=3, field="rating", remedy="write one")

    monkeypatch.setattr("flywheel_test_kinds.items", refuse)
    with pytest.raises(InputError):
        run_foreground(workspace, "items", {}, title="x")
    (job,) = jobs.list_jobs(workspace.store)
    assert (job.state, job.error) == ("failed", "a.jsonl:3: field 'rating': is no number; write one")


@pytest.mark.parametrize(
    ("word", "raised", "state"), [(jobs.cancel, Cancelled, "cancelled"), (jobs.pause, Paused, "paused")]
)
def test_another_process_can_stop_a_foreground_job(
    workspace: Workspace, word: Callable[..., object], raised: type[Exception], state: str
) -> None:
    other = threading.Timer(0.3, lambda: word(workspace.store, 1))
    other.start()
    with pytest.raises(raised):
        run_foreground(workspace, "items", {"n": 1000, "sleep": 0.01}, title="x")
    other.join()
    found = jobs.get_job(workspace.store, 1)
    assert (found.state, found.wanted, found.owner) == (state, None, None)
    assert found.done == len(effects(workspace)) > 0


def test_ctrl_c_leaves_it_cancelled_and_retry_goes_on_from_there(workspace: Workspace, tmp_path: Path) -> None:
    code = """
import sys
from flywheel_tui import Workspace
from flywheel_tui.jobs import run_foreground
def show(progress):
    print(progress.done, flush=True)
with Workspace.open(sys.argv[1]) as workspace:
    run_foreground(workspace, "items", {"n": 60, "sleep": 0.02}, title="x", on_progress=show)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, workspace.root], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    while int(process.stdout.readline()) < 10:
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert b"KeyboardInterrupt" in errors
    job = jobs.get_job(workspace.store, 1)
    before = effects(workspace)
    assert job.state == "cancelled" and 10 <= len(before) < 60
    jobs.retry(workspace.store, job.id)
    _, state = attempt(workspace)
    assert state == "done"
    assert effects(workspace) == [(job.id, number) for number in range(60)], "every item once"


def test_a_killed_foreground_job_is_taken_up_when_its_lease_runs_out(workspace: Workspace) -> None:
    code = """
import sys, os, signal
from flywheel_tui import Workspace
from flywheel_tui.jobs import run_foreground
def show(progress):
    if progress.done > 5:
        os.kill(os.getpid(), signal.SIGKILL)
with Workspace.open(sys.argv[1]) as workspace:
    run_foreground(workspace, "items", {"n": 40, "sleep": 0.02}, title="x", on_progress=show, lease_s=0.5)
"""
    process = subprocess.run([sys.executable, "-c", code, workspace.root], check=False)
    assert process.returncode == -signal.SIGKILL
    until = time.monotonic() + 5
    while (job := claims.claim(workspace.store, "me")) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert run_claimed(workspace, Task(workspace.store, job), lease_s=30, every_s=5) == "done"
    assert effects(workspace) == [(job.id, number) for number in range(40)]


def test_a_bug_fails_the_job_for_good_and_its_words_hold_no_key(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="key"):
        run_foreground(workspace, "fail", {"how": "bug"}, title="y")
    found = jobs.get_job(workspace.store, 1)
    assert (found.state, found.error) == ("failed", "ValueError: could not use key <redacted>")
    assert "sk-" not in str(jobs.events(workspace.store, 1))


def test_an_outside_service_that_fails_is_tried_again_later(workspace: Workspace) -> None:
    jobs.enqueue(workspace.store, "fail", {"how": "service"}, title="x")
    task, state = attempt(workspace)
    found = jobs.get_job(workspace.store, task.job.id)
    assert (state, found.error) == ("queued", "the server is down")
    assert claims.claim(workspace.store, "me") is None, "not at once"


def test_a_result_that_json_cannot_hold_fails_the_job(workspace: Workspace) -> None:
    jobs.enqueue(workspace.store, "nan", {}, title="x")
    task, state = attempt(workspace)
    assert state == "failed"
    assert "JSON" in (jobs.get_job(workspace.store, task.job.id).error or "")


def test_an_unknown_kind_fails_with_the_kinds_there_are(workspace: Workspace) -> None:
    jobs.enqueue(workspace.store, "nonsense", {}, title="x")
    task, state = attempt(workspace)
    assert state == "failed"
    assert "there are: bulk" in (jobs.get_job(workspace.store, task.job.id).error or "")


def test_a_heartbeat_keeps_a_long_step_alive_and_says_progress_that_was_not_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(workspace: Workspace, args: object, task: Task) -> dict[str, int]:
        task.progress(1)
        task.progress(2)
        time.sleep(0.9)
        assert jobs.get_job(workspace.store, task.job.id).done == 2
        task.check()
        return {}

    monkeypatch.setattr("flywheel_test_kinds.items", slow)
    jobs.enqueue(workspace.store, "items", {}, title="x")
    job = claims.claim(workspace.store, "me", lease_s=0.4)
    assert job is not None
    thief: list[object] = []
    timer = threading.Timer(0.7, lambda: thief.append(claims.claim(workspace.store, "thief")))
    timer.start()
    assert run_claimed(workspace, Task(workspace.store, job), lease_s=0.4, every_s=0.1) == "done"
    timer.join()
    assert thief == [None]


def test_a_job_that_was_lost_hears_so_at_its_next_safe_point(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[type[BaseException]] = []

    def robbed(workspace: Workspace, args: object, task: Task) -> dict[str, int]:
        claims.expire(workspace.store, ["me"])
        assert claims.claim(workspace.store, "other") is not None
        try:
            task.check()
        except StaleClaimError as error:
            heard.append(type(error))
            raise
        return {}

    monkeypatch.setattr("flywheel_test_kinds.items", robbed)
    jobs.enqueue(workspace.store, "items", {}, title="x")
    _, state = attempt(workspace)
    assert (state, heard) == ("lost", [StaleClaimError])
    found = jobs.list_jobs(workspace.store)[0]
    assert (found.state, found.owner) == ("running", "other")


def test_stop_wishes_of_the_worker_put_the_job_back(workspace: Workspace) -> None:
    jobs.enqueue(workspace.store, "items", {"n": 5}, title="x")
    job = claims.claim(workspace.store, "me")
    assert job is not None
    task = Task(workspace.store, job)
    task.stop("stop")
    assert run_claimed(workspace, task, lease_s=30, every_s=5) == "queued"
    assert attempt(workspace)[1] == "done"
