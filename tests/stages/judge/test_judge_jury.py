"""Juries: draws are draws, weights come from blind people, and nothing is asked anew."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, say, sft
from judge_helpers import missing, number_in, run_judge, use_backend, verdict_text, verdicts
from judged import judged

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Request
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.judge.jury import jury, parse_jury
from flywheel_tui.workspace import Workspace


def _runs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, votes: dict[str, list[int | None]]) -> None:
    """One run for each tag: the score of every pair, or none at all."""
    for tag, scores in votes.items():

        def answer(request: Request, scores: list[int | None] = scores) -> str | BackendFault:
            score = scores[number_in(request) - 1]
            return BackendFault("content_filter", "no") if score is None else verdict_text(score)

        use_backend(monkeypatch, answer)
        run_judge(workspace, tag=tag, model=tag)


def test_words() -> None:
    assert parse_jury("a,b") == (["a", "b"], "majority")
    assert parse_jury("a, b,c:dawid-skene") == (["a", "b", "c"], "dawid-skene")
    assert parse_jury("import:x,import:y") == (["import:x", "import:y"], "majority")
    for wrong in ("a", "a,a", ":mean", ""):
        with pytest.raises(UsageError, match="two or more"):
            parse_jury(wrong)


def test_majority_says_split_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(5)) as workspace:
        _runs(workspace, monkeypatch, {
            "a": [9, 9, 2, 9, None], "b": [9, 2, 2, None, None], "c": [9, 2, 2, 2, 9],
        })  # fmt: skip
        ids = pair_ids(workspace)
        report = jury(workspace, "demo", ["a", "b", "c"], "majority", tag="j")
        assert {ids.index(pair): passed for pair, (_, passed) in verdicts(workspace, "j").items()} == {0: 1, 1: 0, 2: 0}
        assert missing(workspace, "j") == {ids[3]: "split", ids[4]: "split"}
        assert (report.judged, report.passed, report.calls) == (3, 1, 0)


def test_mean_of_scores_meets_the_pass_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(3)) as workspace:
        _runs(workspace, monkeypatch, {"a": [9, 6, 9], "b": [5, 6, 6]})
        jury(workspace, "demo", ["a", "b"], "mean", tag="j")
        assert list(verdicts(workspace, "j").values()) == [(7.0, 1), (6.0, 0), (7.5, 1)]


def test_weights_follow_who_was_right_about_blind_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 24
    truth = [number % 2 == 0 for number in range(count)]
    good = [9 if right else 2 for right in truth]
    noise = [9 if number % 3 else 2 for number in range(count)]
    with make_workspace(tmp_path, sft(count)) as workspace:
        _runs(workspace, monkeypatch, {"good": good, "n1": noise, "n2": noise})
        with pytest.raises(UsageError, match="there are 0"):
            jury(workspace, "demo", ["good", "n1", "n2"], "weighted")
        ids = pair_ids(workspace)
        for pair, right in list(zip(ids, truth, strict=True))[:16]:
            say(workspace, pair, "approved" if right else "rejected", blind=True)
        for pair, right in list(zip(ids, truth, strict=True))[16:]:
            # seen before deciding: these count for nothing (and say the opposite)
            say(workspace, pair, "rejected" if right else "approved", blind=False)
        for method in ("weighted", "dawid-skene"):
            report = jury(workspace, "demo", ["good", "n1", "n2"], method, tag=method)
            passed = [bool(verdicts(workspace, method)[pair][1]) for pair in ids]
            assert passed == truth
            assert report.judged == count
        majority = jury(workspace, "demo", ["good", "n1", "n2"], "majority", tag="m")
        assert majority.passed == sum(score == 9 for score in noise)


def test_made_again_it_follows_its_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(2)) as workspace:
        _runs(workspace, monkeypatch, {"a": [9, None], "b": [9, 9]})
        assert jury(workspace, "demo", ["a", "b"], "majority", tag="j").judged == 1
        use_backend(monkeypatch, lambda request: verdict_text(9))
        run_judge(workspace, tag="a", model="a", retry=True)
        assert jury(workspace, "demo", ["a", "b"], "majority", tag="j").judged == 2


def test_what_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        _runs(workspace, monkeypatch, {"a": [9], "b": [9]})
        with pytest.raises(NotFoundError, match="nobody"):
            jury(workspace, "demo", ["a", "nobody"], "majority")
        with pytest.raises(UsageError, match="three judges"):
            jury(workspace, "demo", ["a", "b"], "dawid-skene")
        with pytest.raises(UsageError, match="one of the members"):
            jury(workspace, "demo", ["a", "b"], "majority", tag="a")


@pytest.mark.parametrize("method", ["weighted", "dawid-skene"])
def test_a_jury_of_coins_is_measured_as_one(tmp_path: Path, method: str) -> None:
    """It learns from people's labels; were those of a pair held for its own verdict, a jury of coins would be right."""
    chance = random.Random(1)
    with make_workspace(tmp_path, sft(200)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids:
            say(workspace, pair, chance.choice(["approved", "rejected"]))
        for tag in "abc":
            judged(workspace, tag, {pair: chance.random() < 0.5 for pair in ids}, identity=tag)
        jury(workspace, "demo", ("a", "b", "c"), method, tag="j")
        accuracy = calibrate(workspace, "demo", CalibrateOptions(tag="j")).rates["accuracy"].value
        assert accuracy is not None
        assert 0.35 < accuracy < 0.65
