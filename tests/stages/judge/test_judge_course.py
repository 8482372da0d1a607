"""The course of a judge job: budgets, stops and going on, a service that refuses, how many calls are out at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from factories import make_workspace, sft
from judge_helpers import honest, missing, run_judge, use_backend, verdicts

from flywheel_tui.errors import Cancelled, Paused, UsageError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.stages.judge.ask import Asking
from flywheel_tui.stages.judge.engine import BackEndFailed, BudgetSpent
from flywheel_tui.stages.judge.steer import live, steer
from flywheel_tui.store import jobs


def _priced(text: str, cost: int, request: Request) -> Reply:
    return Reply(
        text=text, finish_reason="stop", tokens_in=100, tokens_out=50, model="m", backend="scripted", latency_ms=1.0,
        cost_micro=cost,
    )  # fmt: skip


def _work_off(workspace: object) -> None:
    """Take up queued jobs in this process until none is left."""
    from flywheel_tui.jobs.process import owner_name
    from flywheel_tui.jobs.runner import run_claimed
    from flywheel_tui.jobs.task import Task
    from flywheel_tui.store import claims
    from flywheel_tui.workspace import Workspace

    assert isinstance(workspace, Workspace)
    while (job := claims.claim(workspace.store, owner_name())) is not None:
        run_claimed(workspace, Task(workspace.store, job), lease_s=30, every_s=5)


def test_a_spent_budget_pauses_the_job_and_a_raised_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_workspace(tmp_path, sft(60)) as workspace:
        backend = use_backend(monkeypatch, lambda request: _priced(honest(request), 1_000, request))
        with pytest.raises(BudgetSpent, match="budget is spent") as caught:
            run_judge(workspace, budget_tokens=9_000, concurrency=4)
        report = caught.value.report
        assert report is not None and 0 < report.judged < 60 and report.unjudged == 0
        job = jobs.list_jobs(workspace.store)[0]
        assert (job.state, job.cost_micro) == ("paused", 1_000 * report.judged)
        assert any("budget is spent" in event.text for event in jobs.events(workspace.store, job.id))
        assert 150 * report.judged <= 9_000
        steer(workspace, job.id, budget_tokens=1_000_000)
        jobs.resume(workspace.store, job.id)
        _work_off(workspace)
        done = jobs.get_job(workspace.store, job.id)
        assert (done.state, done.cost_micro, len(backend.requests)) == ("done", 60_000, 60)
        assert done.result is not None and done.result["judged"] == 60


def test_what_a_killed_process_had_reserved_counts_as_spent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.stages.budget import Budget

    with make_workspace(tmp_path, sft(1)) as workspace:
        job = jobs.enqueue(workspace.store, "judge", {}, title="t")
        first = Budget(workspace.store, job.id, 1_000, None)
        first.settle(first.reserve(100, 10), 60, 5)
        first.reserve(200, 10)
        second = Budget(workspace.store, job.id, 1_000, None)
        assert second.spent().cost_micro >= 260
        with pytest.raises(BackendFault, match="used up"):
            second.reserve(800, 1)


def test_money_needs_a_price(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        backend = use_backend(monkeypatch, honest)
        backend.place = "nowhere.example"
        with pytest.raises(UsageError, match=r"prices\.toml"):
            run_judge(workspace, budget_usd=1.0)


@pytest.mark.parametrize("word", ["pause", "cancel"])
def test_a_job_stops_where_a_person_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    with make_workspace(tmp_path, sft(400)) as workspace:
        backend = use_backend(monkeypatch, honest, seconds=0.01)

        def stop() -> None:
            while not verdicts(workspace):
                time.sleep(0.01)
            getattr(jobs, word)(workspace.store, jobs.list_jobs(workspace.store)[0].id)

        thread = threading.Thread(target=stop)
        thread.start()
        with pytest.raises(Paused if word == "pause" else Cancelled):
            run_judge(workspace, concurrency=4)
        thread.join()
        done = len(verdicts(workspace))
        assert 0 < done < 400
        job = jobs.list_jobs(workspace.store)[0]
        assert job.state == ("paused" if word == "pause" else "cancelled")
        (jobs.resume if word == "pause" else jobs.retry)(workspace.store, job.id)
        _work_off(workspace)
        assert len(verdicts(workspace)) == 400
        assert len(backend.requests) <= 400 + 4
        counts = live(workspace, job.id)["counts"]
        assert counts["verdicts"] == counts["done"] == 400


def test_a_refused_key_stops_the_run_and_leaves_the_rest_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(50)) as workspace:
        use_backend(monkeypatch, lambda request: BackendFault("auth", "the key was refused"))
        with pytest.raises(BackEndFailed, match="the key was refused") as caught:
            run_judge(workspace, concurrency=2)
        assert caught.value.exit_code == 3
        assert set(missing(workspace).values()) == {"auth"}
        assert len(missing(workspace)) <= 4
        assert jobs.list_jobs(workspace.store)[0].state == "paused"


def test_a_service_that_fails_for_every_pair_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(3)) as workspace:
        use_backend(monkeypatch, lambda request: BackendFault("reset", "broke off", retryable=False))
        report = run_judge(workspace)
        assert (report.judged, report.missing, report.failed_for_all) == (0, {"reset": 3}, True)


def test_concurrency_changes_while_a_job_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(400)) as workspace:
        backend = use_backend(monkeypatch, honest, seconds=0.02)
        inside, seen, whole = [0], set[int](), backend.complete

        async def counted(request: Request) -> Reply:
            inside[0] += 1
            seen.add(inside[0])
            try:
                return await whole(request)
            finally:
                inside[0] -= 1

        monkeypatch.setattr(backend, "complete", counted)

        def turn() -> None:
            while not verdicts(workspace):
                time.sleep(0.01)
            steer(workspace, jobs.list_jobs(workspace.store)[0].id, concurrency=24)

        thread = threading.Thread(target=turn)
        thread.start()
        run_judge(workspace, concurrency=1)
        thread.join()
        assert 12 < max(seen) <= 24
        assert live(workspace, jobs.list_jobs(workspace.store)[0].id)["counts"]["verdicts"] == 400


def test_the_next_calls_are_sent_before_the_answers_that_came_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    request, take = Asking.request, Asking.take

    def asks(self: Asking) -> Request:
        events.append("sent")
        return request(self)

    def takes(self: Asking, came: Reply | BackendFault) -> object:
        events.append("read")
        return take(self, came)

    monkeypatch.setattr(Asking, "request", asks)
    monkeypatch.setattr(Asking, "take", takes)
    with make_workspace(tmp_path, sft(12)) as workspace:
        use_backend(monkeypatch, honest, seconds=0.05)
        assert run_judge(workspace, concurrency=4).judged == 12
    # four at once: before the first answer is read, a call has gone out in its place
    assert events[:5] == ["sent"] * 5 and events.count("read") == events.count("sent") == 12
    places = [
        events[:at].count("sent") - events[:at].count("read") for at in range(len(events)) if events[at] == "read"
    ]
    assert min(places[:8]) >= 5


@pytest.mark.parametrize("seconds", [0.0, 0.003])
def test_a_job_that_ended_says_that_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    with make_workspace(tmp_path, sft(60)) as workspace:
        use_backend(monkeypatch, honest, seconds=seconds)
        run_judge(workspace, concurrency=3)
        [(done, total)] = workspace.store.read().execute("SELECT done, total FROM job").fetchall()
        assert (done, total) == (60, 60)
