"""A job as faces see it: sums that follow a run, what a job of any kind shows, and what steers it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, sft
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_helpers import honest, run_judge, score_of, use_backend
from judged import judged

from flywheel_tui.errors import StaleClaimError, UsageError
from flywheel_tui.records.job import Claim, Job, Sample
from flywheel_tui.records.live import Calls, Histogram, Newest
from flywheel_tui.stages.judge.options import rate_of
from flywheel_tui.stages.live import Watcher, ask_again, rates_of, step_concurrency
from flywheel_tui.stages.live_board import Board
from flywheel_tui.stages.live_health import down
from flywheel_tui.store import claims, jobs, judge_jobs, judging
from flywheel_tui.store import live as live_store
from flywheel_tui.workspace import Workspace

PAIRS = 60


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "w", sft(PAIRS))


def judge_job(workspace: Workspace, **args: Any) -> Job:
    return jobs.enqueue(
        workspace.store, "judge", {"dataset": "demo", "tag": "t", "backend": "openai", **args}, title="judge demo t",
        claim_for="4711/1/boot/00000000", slot="network",
    )  # fmt: skip


class Held:
    """A task as `Board` sees it."""

    def __init__(self, job: Job) -> None:
        self.job, self.claim = job, job.claim


def test_a_real_run_is_counted_from_its_verdicts(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    report = run_judge(workspace)
    [job] = Watcher(workspace).jobs()
    view = Watcher(workspace).view(job.id)
    found = view.passing
    assert found is not None and found.histogram is not None
    assert (found.judged, found.passed) == (report.judged, report.passed) == (PAIRS, 24)
    assert (found.rate, found.low, found.high) == (report.pass_rate, report.low, report.high)
    assert found.mean == pytest.approx(report.average)
    scores = [score_of(number) for number in range(1, PAIRS + 1)]
    assert found.histogram.counts == tuple(scores.count(score) for score in range(1, 11))
    assert (found.histogram.low, found.histogram.high) == (1, 10)
    assert len(view.newest) == 50
    assert [line.at for line in view.newest] == sorted((line.at for line in view.newest), reverse=True)
    assert all(line.passed == ((line.score or 0) >= 7) for line in view.newest)
    assert view.job.state == "done" and view.steerable is None and view.can_ask_again == 0
    assert view.spent is not None and view.spent.calls == PAIRS


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_sums_follow_a_run_in_any_pieces(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever is written between two readings, by this run or another one, the sums are those of a whole count."""
    answers = st.one_of(st.integers(1, 10).map(float), st.sampled_from(["timeout", "refusal", True, False]))
    with make_workspace(tmp_path_factory.mktemp("live") / "w", sft(24)) as workspace:
        job, watcher = judge_job(workspace), Watcher(workspace)
        ids = list(range(1, 25))
        random.Random(data.draw(st.integers(0, 99))).shuffle(ids)
        while ids:
            count = data.draw(st.integers(1, 8))
            part, ids = ids[:count], ids[count:]
            run = judged(workspace, "t", {pair: data.draw(answers) for pair in part})
            if data.draw(st.booleans()):
                judged(workspace, "other", dict.fromkeys(part, 5.0), identity="two")
            if data.draw(st.booleans()):
                found = watcher.view(job.id).passing
                assert found is not None
                whole = judging.tally(workspace.store.read(), run)
                assert (found.judged, found.passed, found.missing) == (whole.judged, whole.passed, whole.missing)
                assert (found.rate, found.low, found.high) == rate_of(whole)
                assert found.mean == (None if whole.mean is None else pytest.approx(whole.mean, abs=1e-6))
                assert found.histogram is not None and found.histogram.total == whole.scored


def test_later_readings_do_not_touch_what_was_counted(workspace: Workspace) -> None:
    job, watcher = judge_job(workspace), Watcher(workspace)
    judged(workspace, "t", dict.fromkeys(range(1, 50), 5.0))
    watcher.view(job.id)
    with workspace.store.tx() as connection:
        # what has been summed up is not read again: a change behind its back is not seen
        connection.execute("UPDATE verdict SET passed = 1 WHERE id <= 20")
    judged(workspace, "t", {50: 9.0})
    found = watcher.view(job.id).passing
    assert found is not None and (found.judged, found.passed) == (50, 1)
    plan = workspace.store.read().execute(
        "EXPLAIN QUERY PLAN SELECT count(*) FROM verdict NOT INDEXED WHERE id > 5 AND id <= 9 AND judge_run_id = 1"
    )
    assert all("rowid>?" in row[3] for row in plan)


def test_newest_are_of_the_run_with_their_pairs(workspace: Workspace) -> None:
    job = judge_job(workspace)
    judged(workspace, "t", {pair: float(1 + pair % 10) for pair in range(1, 11)} | {11: "timeout", 12: "bad_json"})
    judged(workspace, "other", dict.fromkeys(range(20, 40), 5.0), identity="two")
    view = Watcher(workspace).view(job.id)
    assert {line.pair for line in view.newest} == set(range(1, 13))
    assert {line.kind for line in view.newest if line.passed is None} == {"timeout", "bad_json"}
    assert {line.pair: line.score for line in view.newest if line.pair == 4} == {4: 5.0}
    assert all("pair" in line.text for line in view.newest)


def test_the_newest_of_an_old_run_are_found_behind_others(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = judge_job(workspace)
    judged(workspace, "t", {1: 5.0, 2: 6.0})
    judged(workspace, "other", dict.fromkeys(range(1, 60), 5.0), identity="two")
    monkeypatch.setattr(live_store, "WITHIN", 5)
    assert {line.pair for line in Watcher(workspace).view(job.id).newest} == {1, 2}


def test_preferences_have_no_scores_but_choices(workspace: Workspace) -> None:
    job = judge_job(workspace)
    judged(workspace, "t", {1: "a", 2: "b", 3: "a", 4: "tie"})
    found = Watcher(workspace).view(job.id).passing
    assert found is not None and found.preferences == {"a": 2, "b": 1, "tie": 1}
    assert found.histogram is not None and found.histogram.total == 0


def test_a_job_of_any_kind_shows_what_it_has(workspace: Workspace) -> None:
    job = jobs.enqueue(workspace.store, "generate", {"dataset": "demo"}, title="generate", claim_for="4711/1/boot/0")
    view = Watcher(workspace).view(job.id)
    assert (view.calls, view.spent, view.passing, view.newest, view.figures) == (None, None, None, (), {})
    board = Board(workspace, Held(job))
    board.show(
        in_flight=3, waiting=9, concurrency=4, figures={"kept": 12, "near-duplicates": 2},
        counts={"tokens_in": 900, "tokens_out": 40, "cost_micro": 1_200},
        service=Calls(in_flight=3, concurrency=4, p50_ms=80.0, p95_ms=130.0, faults={"rate_limited": 5}, failed=1),
        histogram=Histogram(label="length", low=0, high=100, counts=(1, 2, 3)),
        newest=[Newest(text="first", pair=1, passed=True), Newest(text="second", pair=2)],
    )  # fmt: skip
    board.show(figures={"kept": 99}, newest=[Newest(text="third")])
    view = Watcher(workspace).view(job.id)
    assert view.figures == {"kept": 12, "near-duplicates": 2}, "it is written twice a second at most"
    board.write()
    view = Watcher(workspace).view(job.id)
    assert view.figures == {"kept": 99}
    assert [line.text for line in view.newest] == ["third", "second", "first"]
    assert view.calls is not None and (view.calls.in_flight, view.calls.waiting, view.calls.retries) == (3, 9, 4)
    assert view.spent is not None and (view.spent.tokens_in, view.spent.cost_micro) == (900, 1_200)
    assert view.histogram is not None and view.histogram.counts == (1, 2, 3)
    assert view.steerable == 4
    assert Board(workspace, Held(job)).counts["tokens_in"] == 900


def test_a_board_of_a_lost_job_writes_nothing(workspace: Workspace) -> None:
    job = jobs.enqueue(workspace.store, "generate", {}, title="generate", claim_for="4711/1/boot/0")
    held = Held(job)
    held.claim = Claim(job.id, "somebody else", 1)
    with pytest.raises(StaleClaimError):
        Board(workspace, held).show(figures={"kept": 1})
    assert judge_jobs.live(workspace.store.read(), job.id) == {}


def test_what_another_version_wrote_does_no_harm(workspace: Workspace) -> None:
    job = judge_job(workspace)
    for shown in ({"service": "fine"}, {"later": [1], "figures": {"a": 1}}, {"newest": [{"text": 5}]}):
        with workspace.store.tx() as connection:
            judge_jobs.show_live(connection, job.id, shown)
        assert Watcher(workspace).view(job.id).job.id == job.id


def test_steps_of_calls_at_once(workspace: Workspace) -> None:
    job = judge_job(workspace, concurrency=4)
    assert [step_concurrency(workspace, job.id, 1) for _ in range(3)] == [6, 8, 12]
    assert [step_concurrency(workspace, job.id, -1) for _ in range(7)] == [8, 6, 4, 3, 2, 1, 1]
    assert judge_jobs.steering(workspace.store.read(), job.id) == {"concurrency": 1}
    rules = judge_job(workspace, backend="offline")
    with pytest.raises(UsageError, match="asks nobody"):
        step_concurrency(workspace, rules.id, 1)
    claims.finish(workspace.store, job.claim, {}, done=1, total=1)
    with pytest.raises(UsageError, match="is done"):
        step_concurrency(workspace, job.id, 1)


def test_asking_again_is_for_ended_runs_with_gaps(workspace: Workspace) -> None:
    job = judge_job(workspace, sample=0.5, estimate=True)
    judged(workspace, "t", {1: 5.0, 2: "timeout"})
    with pytest.raises(UsageError, match="once it has ended"):
        ask_again(workspace, job.id)
    claims.finish(workspace.store, job.claim, {}, done=2, total=2)
    assert Watcher(workspace).view(job.id).can_ask_again == 1
    args, title = ask_again(workspace, job.id)
    assert (args["retry"], args["estimate"], args["sample"], args["tag"]) == (True, False, None, "t")
    assert "t again" in title
    judged(workspace, "t", {2: 8.0})
    with pytest.raises(UsageError, match="has a verdict"):
        ask_again(workspace, job.id)
    other = jobs.enqueue(workspace.store, "validate", {}, title="validate")
    with pytest.raises(UsageError, match="no pairs without a verdict"):
        ask_again(workspace, other.id)


def test_rates_begin_anew_with_a_phase() -> None:
    second = 1_000_000
    told = [Sample(0, 0, "a"), Sample(second, 50, "a"), Sample(2 * second, 5, "b"), Sample(4 * second, 25, "b")]
    assert rates_of(told) == (10.0,)
    assert rates_of(told[:2]) == (50.0,)
    assert rates_of([]) == ()


def test_a_back_end_that_is_down_is_told(workspace: Workspace) -> None:
    assert down(workspace) == ""
    job = judge_job(workspace)
    board = Board(workspace, Held(job))
    board.show(service=Calls(breaker="open"), at_once=True)
    assert down(workspace) == "openai down"
    board.show(service=Calls(breaker="closed"), at_once=True)
    assert down(workspace) == ""
