"""The drift alarm on anchor pairs, and what makes a calibration expire: age, use, an alarm."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.judgment import Judge, Judged, Verdict
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import calibrate_views as views
from flywheel_tui.stages.calibrate import calibrate, kept_calibrations
from flywheel_tui.stats.drift import cusum, cusum_limit
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace

ANCHORS = 100


def _run(workspace: Workspace, tag: str, wrong: int, ids: list[int]) -> None:
    """A run of one and the same judge that passes all but its first `wrong` pairs; people approve all."""
    judge = Judge(hash=f"hash {tag}", backend="openai", model="m", rubric="", params={})
    with workspace.store.tx() as connection:
        run = judging.open_run(connection, get_dataset(connection, "demo").id, tag, judge, None)
        rows = [judging.Row(pair, pair, Judged(outcome=Verdict(passed=at >= wrong, score=5.0)))
                for at, pair in enumerate(ids)]  # fmt: skip
        judging.write_rows(connection, run.id, rows)


def _anchored(folder: Path) -> tuple[Workspace, list[int]]:
    workspace = make_workspace(folder, sft(ANCHORS + 20))
    ids = pair_ids(workspace)
    for pair in ids[:ANCHORS]:
        say(workspace, pair, "approved", tags=("anchor",))
    return workspace, ids


def test_errors_that_pile_up_set_the_alarm_off_and_expire_what_was_measured_before(tmp_path: Path) -> None:
    workspace, ids = _anchored(tmp_path / "w")
    with workspace:
        options = CalibrateOptions(tag="one")
        _run(workspace, "one", 10, ids)
        calibrate(workspace, "demo", options)
        _run(workspace, "two", 12, ids)
        assert [line.alarm for line in views.drift_of(workspace, "demo", options).lines] == [False, False]
        assert kept_calibrations(workspace, "demo")[0].stale == ()
        _run(workspace, "three", 40, ids)
        found = views.drift_of(workspace, "demo", options)
        assert [line.alarm for line in found.lines] == [False, False, True]
        assert found.lines[0].cusum is None
        assert found.lines[2].cusum is not None
        assert found.lines[2].limit is not None
        assert found.lines[2].cusum > found.lines[2].limit
        assert "by the run three" in found.alarms[0]
        assert kept_calibrations(workspace, "demo")[0].stale == ("the drift alarm went off in the run three",)
        # measured anew, with the alarm in sight, it holds; and it is said
        again = calibrate(workspace, "demo", CalibrateOptions(tag="three"))
        assert again.remarks[0].startswith("drift alarm: openai:m")
        assert {kept.calibration.tag: kept.stale for kept in kept_calibrations(workspace, "demo")}["three"] == ()


def test_another_judge_is_no_drift_and_few_anchors_are_no_rate(tmp_path: Path) -> None:
    workspace, ids = _anchored(tmp_path / "w")
    with workspace:
        _run(workspace, "one", 10, ids)
        judged(workspace, "worse", dict.fromkeys(ids, 1), identity="other")
        assert views.drift_of(workspace, "demo", CalibrateOptions(tag="one")).alarms == ()
    with make_workspace(tmp_path / "few", sft(30)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids[:10]:
            say(workspace, pair, "approved", tags=("anchor",))
        _run(workspace, "one", 0, ids)
        _run(workspace, "two", 10, ids)
        assert views.drift_of(workspace, "demo", CalibrateOptions(tag="one")).lines[1].cusum is None


def test_age_and_use_expire_a_calibration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.stages import calibrate as stage

    workspace, ids = _anchored(tmp_path / "w")
    with workspace:
        _run(workspace, "one", 10, ids)
        made = calibrate(workspace, "demo", CalibrateOptions(tag="one"))
        judge = Judge(hash=made.judge_hash, backend="openai", model="m", rubric="", params={})
        with workspace.store.tx() as connection:
            run = judging.open_run(connection, get_dataset(connection, "demo").id, "later", judge, None)
            rows = [judging.Row(pair, pair, Judged(outcome=Verdict(passed=True))) for pair in ids]
            judging.write_rows(connection, run.id, rows)
        assert kept_calibrations(workspace, "demo")[0].stale == ()
        workspace.settings = workspace.settings.model_copy(update={"calibration_items": 50})
        assert kept_calibrations(workspace, "demo")[0].stale == (f"{len(ids)} pairs were judged since",)
        real = stage.now_us
        monkeypatch.setattr(stage, "now_us", lambda: real() + 31 * 86_400_000_000)
        assert kept_calibrations(workspace, "demo")[0].stale[0] == "it is 31 days old"


def test_a_judge_of_preferences_is_right_where_it_prefers_what_people_prefer(tmp_path: Path) -> None:
    drafts = [Draft(kind="preference", instruction=f"pair {n}", output=f"one {n}", line=n + 1,
                    body={"rejected": f"two {n}", "undecided": True}) for n in range(4)]  # fmt: skip
    with make_workspace(tmp_path / "w", drafts) as workspace:
        ids = pair_ids(workspace)
        for pair, choice in zip(ids, ("a", "b", "b", "tie"), strict=True):
            say(workspace, pair, "approved", preference=choice)
        judged(workspace, "one", dict(zip(ids, ("a", "b", "a", "tie"), strict=True)))
        found = views.drift_of(workspace, "demo", CalibrateOptions(tag="one"), preference=True)
        assert found.lines[0].accuracy.value == 0.75


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_a_judge_that_stays_as_it_was_seldom_sets_the_alarm_off(rate: float) -> None:
    """Also where its rate at first is only what a hundred anchors showed of it."""
    chance = random.Random(3)
    limits: dict[float, float] = {}
    alarms = 0
    for _ in range(200):
        first = round((sum(chance.random() < rate for _ in range(100)) + 0.5) / 101, 3)
        if first not in limits:
            limits[first] = cusum_limit(first, 300, seen=100)
        errors = [chance.random() < rate for _ in range(300)]
        alarms += cusum(errors, first, limit=limits[first]).alarm is not None
    # one in twenty of 200, and three standard deviations
    assert alarms <= 19


def test_a_known_rate_has_a_lower_limit_than_one_that_was_measured() -> None:
    assert cusum_limit(0.1, 300) < cusum_limit(0.1, 300, seen=100) < cusum_limit(0.1, 300, seen=20)
    assert cusum_limit(0.1, 300, seen=100) == cusum_limit(0.1, 300, seen=100)
    assert cusum_limit(0.0, 300) == float("inf")
