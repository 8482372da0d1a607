"""Asking again: the first answer counts, the others say how stable the judge is."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import make_workspace, sft
from judge_helpers import number_in, run_judge, use_backend, verdict_text, verdicts

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.stages.judge.options import JudgeOptions


class Wavering:
    """Passes every pair at first; from the second time on it fails those whose number three divides."""

    def __init__(self) -> None:
        self.asked: dict[int, int] = {}

    def __call__(self, request: Request) -> str:
        number = number_in(request)
        self.asked[number] = self.asked.get(number, 0) + 1
        return verdict_text(2 if number % 3 == 0 and self.asked[number] > 1 else 9)


def test_the_first_answer_counts_and_the_others_tell_how_stable_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_workspace(tmp_path, sft(12)) as workspace:
        judge = Wavering()
        use_backend(monkeypatch, judge)
        report = run_judge(workspace, repeat=3)
        assert set(judge.asked.values()) == {3}
        assert (report.judged, report.passed, report.unjudged, report.calls) == (12, 12, 0, 36)
        query = "SELECT repeat, count(*), sum(passed) FROM verdict GROUP BY repeat ORDER BY repeat"
        assert workspace.store.read().execute(query).fetchall() == [(0, 12, 12), (1, 12, 8), (2, 12, 8)]
        shown = workspace.store.read().execute("SELECT DISTINCT score, passed FROM pair_current").fetchall()
        assert shown == [(9.0, 1)]
        found = report.stability
        assert found is not None and (found.pairs, found.answers, found.moved) == (12, 36, 4)
        assert found.same.value == pytest.approx((8 + 4 * 2 / 3) / 12)
        assert found.spread is not None and found.spread > 0


def test_again_asks_nothing_that_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(6)) as workspace:
        judge = Wavering()
        use_backend(monkeypatch, judge)
        assert run_judge(workspace).stability is None
        run_judge(workspace, repeat=2)
        assert set(judge.asked.values()) == {2}
        assert run_judge(workspace, repeat=2).calls == 0
        report = run_judge(workspace, repeat=3, max_pairs=2)
        assert report.calls == 2 and report.stability is not None and report.stability.answers == 14
        # the cache keeps each asking apart: another run of the same judge has them all for nothing
        other = run_judge(workspace, tag="other", repeat=2)
        assert other.calls == 0 and other.stability is not None and other.stability.answers == 12


def test_an_answer_that_fails_the_second_time_takes_nothing_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with make_workspace(tmp_path, sft(4)) as workspace:
        asked: dict[int, int] = {}

        def answer(request: Request) -> str | BackendFault:
            number = number_in(request)
            asked[number] = asked.get(number, 0) + 1
            return verdict_text(9) if asked[number] == 1 or number == 1 else BackendFault("content_filter", "no")

        use_backend(monkeypatch, answer)
        report = run_judge(workspace, repeat=2)
        assert (report.judged, report.unjudged) == (4, 0) and len(verdicts(workspace)) == 4
        assert report.stability is not None and (report.stability.pairs, report.stability.answers) == (1, 2)


@pytest.mark.parametrize("other", [{"retry": True}, {"batch": True}, {"repeat": 21}])
def test_what_does_not_go_together(other: dict[str, bool]) -> None:
    with pytest.raises(UsageError, match="--repeat"):
        JudgeOptions(**{"dataset": "demo", "repeat": 2} | other).checked()  # type: ignore[arg-type]


def test_rules_are_not_asked_twice(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(2)) as workspace, pytest.raises(UsageError, match="rules always say the same"):
        run_judge(workspace, backend="offline", repeat=2)


def test_an_estimate_asks_once_and_reckons_with_all_askings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: Request) -> Reply:
        return Reply(text=verdict_text(8), model="m", finish_reason="stop", tokens_in=90, tokens_out=10,
                     backend="scripted", latency_ms=1.0)  # fmt: skip

    with make_workspace(tmp_path, sft(100)) as workspace:
        backend = use_backend(monkeypatch, answer)
        report = run_judge(workspace, estimate=True, repeat=3)
        assert report.estimate is not None
        assert (len(backend.requests), report.estimate.sampled, report.estimate.left) == (30, 30, 70)
        # 70 pairs three times, and the 30 of the sample twice more
        assert report.estimate.tokens == 100 * (70 * 3 + 30 * 2)
        # the sample is known now: asked for again, the estimate is the same and nothing is asked
        again = run_judge(workspace, estimate=True, repeat=3)
        assert again.estimate is not None
        assert (len(backend.requests), again.estimate.tokens) == (30, report.estimate.tokens)
        assert again.estimate.seconds is None
        assert again.estimate.cost_usd == pytest.approx(report.estimate.cost_usd)
