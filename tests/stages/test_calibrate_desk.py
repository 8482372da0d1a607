"""What a screen holds of a judge: every threshold from sums alone, and the views beside it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, pair_ids, say, sft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import calibrate_views as views
from flywheel_tui.stages.calibrate import calibrate, labelled
from flywheel_tui.stages.calibrate_desk import keep_threshold, mark_of, open_desk, runs_of
from flywheel_tui.workspace import Workspace

SAID = st.tuples(
    st.sampled_from(["approved", "rejected"]), st.sampled_from([1.0, 3.5, 7.0, 9.0, True, False, "bad_json"])
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(SAID, min_size=1, max_size=8), policy=st.sampled_from(["leave-out", "wrong", "fail"]))
def test_a_threshold_of_the_desk_is_that_of_the_command(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float | bool | str]], policy: str
) -> None:
    with make_workspace(tmp_path_factory.mktemp("w") / "w", sft(len(rows))) as workspace:
        ids = pair_ids(workspace)
        for pair, (status, _) in zip(ids, rows, strict=True):
            say(workspace, pair, status)
        judged(workspace, "a", {pair: said for pair, (_, said) in zip(ids, rows, strict=True)})
        desk = open_desk(workspace, "demo", CalibrateOptions(tag="a", unreadable=policy), keep=False)
        scores = sorted({said for _, said in rows if isinstance(said, float)})
        assert desk.lines == scores and desk.movable == bool(scores)
        for at, line in enumerate(desk.lines):
            here = desk.at(line)
            options = CalibrateOptions(tag="a", unreadable=policy, threshold=line)
            there = calibrate(workspace, "demo", options, keep=False)
            assert (here.counts, here.rates, here.headline) == (there.counts, there.rates, there.headline)
            assert (here.pass_rate, here.left_out.no_score) == (there.pass_rate, there.left_out.no_score)
            assert desk.curve.precision[at] == pytest.approx(here.rates["precision"].value)
            assert desk.curve.recall[at] == pytest.approx(here.rates["recall"].value)


def test_families_and_drawn_labels_settle_later(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        drafts = [Draft(instruction=f"q {n}", output=f"a {n}", line=n) for n in range(40)]
        ids = add_pairs(workspace, drafts)
        for at, pair in enumerate(ids):
            say(workspace, pair, "approved" if at % 3 else "rejected", inclusion=0.5 if at % 2 else 1.0)
        judged(workspace, "a", {pair: float(at % 9) for at, pair in enumerate(ids)})
        desk = open_desk(workspace, "demo", CalibrateOptions(tag="a"), keep=False)
        assert not desk.exact
        line = desk.lines[4]
        assert not desk.at(line).weighted
        settled = desk.settled(workspace, line)
        assert settled.weighted and settled.counts == desk.at(line).counts


def test_what_is_kept_and_what_tells_of_changes(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(6)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids[:4]:
            say(workspace, pair, "approved")
        judged(workspace, "a", dict.fromkeys(ids, 8))
        judged(workspace, "b", dict.fromkeys(ids, 3), identity="two")
        assert [run.tag for run in runs_of(workspace, "demo")] == ["b", "a"]
        mark = mark_of(workspace, "demo", "a")
        desk = open_desk(workspace, "demo", CalibrateOptions(tag="a"), keep=False)
        found = keep_threshold(workspace, desk, 8.0)
        assert found.threshold is not None and found.threshold.value == 8.0
        assert mark_of(workspace, "demo", "a") == mark, "to keep is no change"
        say(workspace, ids[5], "rejected")
        assert mark_of(workspace, "demo", "a") != mark


def test_the_report_split_counts_the_judges_that_were_shown_it(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(30)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids:
            say(workspace, pair, "approved")
        for tag in ("a", "b"):
            judged(workspace, tag, dict.fromkeys(ids, 8), identity=tag)
        assert calibrate(workspace, "demo", CalibrateOptions(tag="a", split="report")).report_looks == 1
        assert calibrate(workspace, "demo", CalibrateOptions(tag="a", split="report")).report_looks == 1
        found = calibrate(workspace, "demo", CalibrateOptions(tag="b", split="report"))
        assert found.report_looks == 2 and any("measured 2 judges: each look" in line for line in found.remarks)
        assert calibrate(workspace, "demo", CalibrateOptions(tag="a")).report_looks == 2


def noisy(folder: Path, count: int = 400) -> Workspace:
    """Scores that foretell people's passes, three people, two runs; the second turns some verdicts to fail."""
    workspace = make_workspace(folder / "w", sft(count))
    rng = random.Random(3)
    ids = pair_ids(workspace)
    truth = {pair: rng.random() for pair in ids}
    for who, slip in (("ana", 0.05), ("bo", 0.25), ("cy", 0.25)):
        for pair in ids[: 120 if who != "ana" else count]:
            good = (truth[pair] > 0.4) != (rng.random() < slip)
            say(workspace, pair, "approved" if good else "rejected", reviewer=who)
    judged(workspace, "first", {pair: round(10 * truth[pair], 1) for pair in ids})
    judged(workspace, "second", {pair: round(max(0, 10 * truth[pair] - 3), 1) for pair in ids}, identity="two")
    return workspace


def test_reliability_drift_and_the_stand_in_test(tmp_path: Path) -> None:
    with noisy(tmp_path) as workspace:
        options = CalibrateOptions(tag="first")
        read = labelled(workspace, "demo", options, scores=True)
        found = views.reliability_of(read)
        assert found.kind == "platt" and found.bins and sum(one.n for one in found.bins) == found.n
        assert found.ece is not None and found.ece < 0.2 and found.auroc is not None and found.auroc > 0.8
        drift = views.drift_of(workspace, "demo", options)
        assert not drift.tagged and [line.word for line in drift.lines] == ["first", "act"]
        second = drift.lines[1]
        assert second.to_fail > 50 and second.to_pass == 0 and second.p is not None and second.p < 1e-6
        assert "calibrate again before second is trusted" in drift.sentence
        test = views.stand_in(workspace, read)
        assert {one.name for one in test.people} == {"ana", "bo", "cy"} and test.passed is True
        assert next(one for one in test.people if one.name == "bo").replaceable


def test_an_anchor_set_is_what_drift_is_seen_on(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(20)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids[:5]:
            say(workspace, pair, "approved", tags=("anchor",))
        judged(workspace, "a", dict.fromkeys(ids, 8))
        found = views.drift_of(workspace, "demo", CalibrateOptions(tag="a"))
        assert (found.tagged, found.anchors) == (True, 5)
        assert "One run cannot drift" in found.sentence


def test_views_without_enough_say_what_is_missing(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(4)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 8))
        read = labelled(workspace, "demo", CalibrateOptions(tag="a"), scores=True)
        assert views.reliability_of(read).why == "no labelled pair has a score"
        assert views.stand_in(workspace, read).passed is None
        for pair in ids:
            say(workspace, pair, "approved")
        read = labelled(workspace, "demo", CalibrateOptions(tag="a"), scores=True)
        assert "too few" in views.reliability_of(read).why
        assert "at least two" in views.stand_in(workspace, read).sentence
