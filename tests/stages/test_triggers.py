"""The checklist of training triggers: every value beside its threshold, and one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, say, sft

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.stages.triggers import DAY_US, Checklist, Line, Thresholds, checklist, thresholds
from flywheel_tui.store import triggers as store
from flywheel_tui.workspace import Workspace

FREE = Thresholds(new_rows=3, high_quality=0.5, fresh_calibration=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make_workspace(tmp_path / "ws", sft(6))


def line(found: Checklist, name: str) -> Line:
    return next(one for one in found.lines if one.name == name)


def trained(workspace: Workspace, days: float) -> None:
    """Say that a training run on the data set ended so many days ago."""
    at = now_us() - int(days * DAY_US)
    with workspace.store.tx() as connection:
        connection.execute(
            "INSERT INTO training_run (uid, name, dataset_id, method, base, base_hash, plan, seed, state, folder,"
            " created, updated, finished)"
            " VALUES (randomblob(16), 'x', 1, 'sft', 'b', 'h', '{}', 0, 'done', 'f', ?1, ?1, ?1)",
            (at,),
        )


def test_nothing_accepted_yet(workspace: Workspace) -> None:
    found = checklist(workspace, "demo", limits=FREE)
    assert not found.train and "new accepted rows: 0 of 3" in found.reason
    assert [one.name for one in found.lines] == [
        "new_rows", "high_quality", "max_days", "degradation", "min_days", "calibration",
    ]  # fmt: skip


def test_enough_good_rows(workspace: Workspace) -> None:
    for pair in range(1, 4):
        say(workspace, pair, "approved")
    found = checklist(workspace, "demo", limits=FREE)
    assert found.train and line(found, "high_quality").value == 1.0
    assert line(found, "new_rows").value == 3


def test_rows_that_only_a_judge_passed_are_new_but_not_good(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        connection.execute("UPDATE pair_current SET passed = 1")
    found = checklist(workspace, "demo", limits=FREE)
    assert line(found, "new_rows").value == 6 and line(found, "high_quality").value == 0.0
    assert not found.train and "share of high quality" in found.reason


def test_too_soon_after_the_last_training(workspace: Workspace) -> None:
    trained(workspace, 1)
    add_pairs(workspace, sft(4, "later"))
    for pair in range(7, 11):
        say(workspace, pair, "approved")
    found = checklist(workspace, "demo", limits=FREE)
    assert line(found, "new_rows").value == 4, "only rows made since the last training are new"
    assert not found.train and "days between trainings" in found.reason


def test_long_after_the_last_training(workspace: Workspace) -> None:
    trained(workspace, 20)
    found = checklist(workspace, "demo", limits=FREE)
    assert found.train and "days since the last training" in found.reason


def test_a_judge_that_was_never_measured_stops_it(workspace: Workspace) -> None:
    for pair in range(1, 4):
        say(workspace, pair, "approved")
    found = checklist(workspace, "demo", limits=Thresholds(new_rows=3, high_quality=0.5))
    assert not found.train and "no labels of people yet" in found.reason


def test_a_drop_of_the_pass_rate_forces_it(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        for number, rate in ((1, 0.9), (2, 0.7)):
            connection.execute(
                "INSERT INTO cycle (number, config, state, summary, created) VALUES (?, '{\"into\": \"demo\"}', 'done',"
                " json_object('pass_rate', json_object('value', ?)), 1)",
                (number, rate),
            )
    assert store.pass_rates(workspace.store.read(), 1) == (0.7, 0.9)
    found = checklist(workspace, "demo", limits=FREE)
    assert found.train and "drop of the pass rate" in found.reason


def test_thresholds_come_from_the_settings(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "ws", sft(1))
    (workspace.root / "flywheel.toml").write_text("[triggers]\nnew_rows = 7\nfresh_calibration = false\n")
    assert (thresholds(workspace).new_rows, thresholds(workspace).fresh_calibration) == (7, False)
    with Workspace.open(workspace.root) as again:
        (workspace.root / "flywheel.toml").write_text("[triggers]\nmoon_phase = 7\n")
        with pytest.raises(UsageError, match="moon_phase"):
            thresholds(again)


def test_an_unknown_data_set(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError):
        checklist(workspace, "nothing")
