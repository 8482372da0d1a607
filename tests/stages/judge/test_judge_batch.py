"""Judging by a provider's batch API, against servers on loopback that speak it."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "llm"))

from batch_server import BatchServer, serving
from factories import make_workspace, sft
from judge_helpers import missing, run_judge, verdict_text, verdicts
from llm_helpers import CANARY

from flywheel_tui.errors import Cancelled, Paused, UsageError
from flywheel_tui.stages.judge import batch as batch_stage
from flywheel_tui.stages.judge.engine import BackEndFailed, BudgetSpent
from flywheel_tui.store import jobs as job_store
from flywheel_tui.workspace import Workspace

DIALECTS = ("openai", "anthropic")


def right(custom_id: str, body: dict[str, Any]) -> Any:
    """A verdict in the form that the rubric asks for."""
    return verdict_text(8)


@contextmanager
def running(server: BatchServer) -> Iterator[BatchServer]:
    """The server in a thread of its own."""
    ready, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(server):
            ready.set()
            while not stop.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(5)
    try:
        yield server
    finally:
        stop.set()
        thread.join(5)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_stage, "FIRST_LOOK_S", 0.01)
    monkeypatch.setattr(batch_stage, "LAST_LOOK_S", 0.02)
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", CANARY)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "work", sft(25)) as found:
        yield found


def judge(workspace: Workspace, server: BatchServer, **options: Any) -> Any:
    url = f"{server.url}/v1" if server.dialect == "openai" else server.url
    given = {"backend": server.dialect, "model": "m", "batch": True, "backend_options": {"base_url": url}}
    return run_judge(workspace, **given | options)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_pair_is_judged_by_batches_alone(
    workspace: Workspace, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_stage, "MAX_REQUESTS", 10)
    with running(BatchServer(dialect, right)) as server:
        report = judge(workspace, server)
    assert (report.judged, report.unjudged, server.live) == (25, 0, 0)
    assert len(server.batches) == 3 and len(server.asked) == len(set(server.asked)) == 25
    assert report.calls == 25 and report.tokens_in == 25 * 11 and report.tokens_out == 25 * 5


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_comes_back_wrong_is_asked_one_by_one(workspace: Workspace, dialect: str) -> None:
    def answer(custom_id: str, body: dict[str, Any]) -> Any:
        if custom_id == "live":
            return right(custom_id, body)
        return {"0": "no verdict at all", "1": 529}.get(custom_id[-1], right(custom_id, body))

    with running(BatchServer(dialect, answer)) as server:
        report = judge(workspace, server)
        wrong = sum(custom_id[-1] in "01" for custom_id in server.asked)
    assert report.judged == 25 and server.live == wrong and not missing(workspace)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_not_answered_waits_and_is_sent_again(workspace: Workspace, dialect: str) -> None:
    silent = {"on": True}

    def answer(custom_id: str, body: dict[str, Any]) -> Any:
        return None if silent["on"] and custom_id[-1] in "0123" else right(custom_id, body)

    with running(BatchServer(dialect, answer)) as server:
        with pytest.raises(Paused, match="were not answered"):
            judge(workspace, server)
        assert not verdicts(workspace), "the run takes its verdicts when everything is there"
        silent["on"] = False
        report = judge(workspace, server)
    assert report.judged == 25 and len(server.asked) == len(set(server.asked)) == 25 and server.live == 0


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_reply_that_is_lost_is_not_paid_for_twice(workspace: Workspace, dialect: str) -> None:
    with running(BatchServer(dialect, right)) as server:
        server.lose_next_reply = True
        report = judge(workspace, server)
    assert report.judged == 25 and len(server.batches) == 1 and len(server.asked) == 25


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_process_that_ends_between_sending_and_noting_finds_its_batch(
    workspace: Workspace, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any) -> None:
        raise Killed

    with running(BatchServer(dialect, right)) as server:
        with monkeypatch.context() as patch:
            patch.setattr(batch_stage.store, "sent", killed)
            with pytest.raises(Killed):
                judge(workspace, server)
        report = judge(workspace, server)
    assert report.judged == 25 and len(server.batches) == 1 and len(server.asked) == 25


def test_a_paused_job_leaves_its_batch_and_collects_it_later(workspace: Workspace) -> None:
    with running(BatchServer("openai", right, lag=10_000)) as server:
        stopper = threading.Timer(0.6, lambda: _ask(workspace, "pause"))
        stopper.start()
        with pytest.raises(Paused):
            judge(workspace, server)
        assert not server.cancelled
        server.lag = 0
        report = judge(workspace, server)
    assert report.judged == 25 and len(server.batches) == 1


def test_a_cancelled_job_stops_its_batch_at_the_provider(workspace: Workspace) -> None:
    with running(BatchServer("anthropic", right, lag=10_000)) as server:
        stopper = threading.Timer(0.6, lambda: _ask(workspace, "cancel"))
        stopper.start()
        with pytest.raises(Cancelled):
            judge(workspace, server)
    assert server.cancelled == ["batch-0"]


def _ask(workspace: Workspace, what: str) -> None:
    with Workspace.open(workspace.root) as other:
        job = job_store.list_jobs(other.store, states=("running",), limit=1)[0]
        (job_store.pause if what == "pause" else job_store.cancel)(other.store, job.id)


def test_a_batch_that_is_refused_says_why_and_asks_nothing_at_full_price(workspace: Workspace) -> None:
    with running(BatchServer("openai", right)) as server:
        server.fail_with = "the file has too many tokens for your organization"
        with pytest.raises(BackEndFailed, match="too many tokens"):
            judge(workspace, server)
    assert server.live == 0


def test_a_batch_over_the_budget_is_not_sent(workspace: Workspace) -> None:
    with running(BatchServer("openai", right)) as server, pytest.raises(BudgetSpent, match="over its budget"):
        judge(workspace, server, budget_tokens=2_000)
    assert not server.batches


@pytest.mark.parametrize("backend", ["offline", "ollama"])
def test_a_back_end_without_a_batch_api_says_so(workspace: Workspace, backend: str) -> None:
    with pytest.raises(UsageError, match="--batch"):
        run_judge(workspace, backend=backend, model="m", batch=True)
