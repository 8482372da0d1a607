"""What moves a judge besides quality: made judges with one known bias each, and what the audit says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, say, sft
from judge_helpers import number_in, run_judge, use_backend, verdict_text
from judged import judged

from flywheel_tui.llm.protocol import Request
from flywheel_tui.records.bias import BiasAudit
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.calibrate_bias import family_of
from flywheel_tui.stages.calibrate_words import bias_lines
from flywheel_tui.workspace import Workspace


def audited(workspace: Workspace, tag: str) -> BiasAudit:
    found = calibrate(workspace, "demo", CalibrateOptions(tag=tag), bias=True)
    assert found.bias is not None and bias_lines(found.bias)
    return found.bias


def test_a_judge_that_likes_what_stands_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drafts = [
        Draft(kind="preference", instruction=f"pair {n}", output=f"good {n} " + "x" * (n % 7),
              body={"rejected": f"bad {n} " + "y" * (n % 5)}, line=n)
        for n in range(1, 31)
    ]  # fmt: skip

    def choose(request: Request) -> str:
        text = request.messages[1].content
        good_first = text.index("good ") < text.index("bad ")
        first = number_in(request) % 3 == 0 or good_first
        return json.dumps({"rationale": "r", "choice": "first" if first else "second"})

    with make_workspace(tmp_path, drafts) as workspace:
        use_backend(monkeypatch, choose)
        run_judge(workspace, rubric="preference")
        for at, pair in enumerate(pair_ids(workspace)):
            say(workspace, pair, "approved", preference="a" if at % 4 else "b")
        found = audited(workspace, "t")
        assert found.position is not None and found.length is not None and found.length.n == 30
        assert found.position.consistency.value == pytest.approx(20 / 30)
        assert (found.position.prefers_first, found.position.prefers_second) == (10, 0)
        assert found.position.p is not None and found.position.p < 0.01
        assert any("shown first wins 10 times" in line for line in bias_lines(found))


def test_a_judge_that_likes_long_answers_and_its_own_family(tmp_path: Path) -> None:
    drafts = [
        Draft(instruction=f"question {n}", output="word " * n, line=n,
              meta={"model": "acme/tiny-7b" if n % 2 else "other-3"})
        for n in range(1, 61)
    ]  # fmt: skip
    with make_workspace(tmp_path, drafts) as workspace:
        ids = pair_ids(workspace)
        for at, pair in enumerate(ids):
            say(workspace, pair, "approved" if at // 2 % 2 else "rejected")
        judged(workspace, "tiny:1b", {pair: 1 + at * 9 / 60 for at, pair in enumerate(ids)})
        found = audited(workspace, "tiny:1b")
        assert found.length is not None and found.length.n == 60 and len(found.length.thirds) == 3
        short, _, long = (tpr.value for tpr, _ in found.length.thirds)
        assert short == 0 and long == 1
        assert all(value is not None and value > 0.99 for value in found.length.ranked)
        assert found.family is not None and (found.family.name, found.family.own) == ("tiny", 30)
        own = {pair: 9 if at % 2 == 0 else 2 for at, pair in enumerate(ids)}
        judged(workspace, "tiny-2", own, identity="two")
        loyal = audited(workspace, "tiny-2").family
        assert loyal is not None and loyal.at_pass.value == loyal.at_fail.value == 1
        assert loyal.at_fail.low is not None and loyal.at_fail.low > 0.5


def test_what_cannot_be_told_says_why(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(4)) as workspace:
        judged(workspace, "a", dict.fromkeys(pair_ids(workspace), 8))
        found = audited(workspace, "a")
        assert (found.position, found.length, found.family) == (None, None, None)
        assert [note.partition(":")[0] for note in found.notes] == ["chance", "length", "family", "form"]


def test_the_stability_of_a_judge_stands_in_its_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_workspace(tmp_path, sft(8)) as workspace:
        asked: list[int] = []

        def answer(request: Request) -> str:
            asked.append(number_in(request))
            return verdict_text(9 if asked.count(asked[-1]) == 1 or asked[-1] % 2 else 1)

        use_backend(monkeypatch, answer)
        run_judge(workspace, repeat=2)
        found = calibrate(workspace, "demo", CalibrateOptions(tag="t"))
        assert found.stability is not None and (found.stability.pairs, found.stability.moved) == (8, 4)
        assert found.stability.same.value == pytest.approx(0.75)
        assert any("4 pairs saw more than one verdict" in line for line in found.remarks)


@pytest.mark.parametrize(
    ("name", "family"),
    [("gpt-4o-mini", "gpt"), ("anthropic/claude-haiku-4-5", "claude"), ("openai:gpt-5", "gpt"), ("qwen2.5:7b", "qwen")],
)
def test_families_by_name(name: str, family: str) -> None:
    assert family_of(name) == family
