"""Labels of pairs that an order picked by what judges say or where doubt is stand for no others, in no estimate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions, Calibration
from flywheel_tui.records.label import PICKING_ORDERS
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.compare import Asked, compare
from flywheel_tui.stages.label import undo_last
from flywheel_tui.stages.labels_needed import labels_needed
from flywheel_tui.stages.queues import orders
from flywheel_tui.store.calibration import picked_events
from flywheel_tui.store.views import ORDERS as PLAIN
from flywheel_tui.workspace import Workspace


def _measure(workspace: Workspace, **options: Any) -> Calibration:
    return calibrate(workspace, "demo", CalibrateOptions(tag="a", **options))


def test_the_orders_that_pick_are_orders_there_are() -> None:
    assert set(PICKING_ORDERS) <= {*PLAIN, *orders()}


@pytest.mark.parametrize("policy", PICKING_ORDERS)
def test_a_picked_label_is_in_no_figure_but_where_it_is_asked_for(tmp_path: Path, policy: str) -> None:
    with make_workspace(tmp_path / "w", sft(6)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 9))
        for pair in ids[:3]:
            say(workspace, pair, "approved", policy="random")
        for pair in ids[3:5]:
            say(workspace, pair, "rejected", policy=policy)
        found = _measure(workspace)
        assert found.counts is not None and (found.counts.tp, found.counts.fp) == (3, 0)
        assert found.left_out.picked == 2
        assert any(line.startswith("2 labels are of pairs that an order picked") for line in found.remarks)
        assert labels_needed(workspace, "demo").labels == 3
        every = _measure(workspace, include_picked=True)
        assert every.counts is not None and (every.counts.tp, every.counts.fp) == (3, 2)
        assert every.left_out.picked == 0 and any("stand for no sample" in line for line in every.remarks)


def test_with_picked_labels_alone_nothing_is_measured_and_the_way_out_is_said(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 9))
        say(workspace, ids[0], "approved", policy="near threshold")
        found = _measure(workspace)
        assert found.pairs == 0 and "flywheel label sample -d demo" in found.headline


def test_who_had_labelled_it_before_did_not_come_to_it_by_the_order(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(3)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 9))
        say(workspace, ids[0], "approved", policy="random")
        say(workspace, ids[0], "rejected", policy="near threshold")
        say(workspace, ids[1], "approved", policy="random", reviewer="bo")
        say(workspace, ids[1], "rejected", policy="near threshold")
        say(workspace, ids[2], "approved", policy="random")
        undo_last(workspace, "ana")
        say(workspace, ids[2], "rejected", policy="near threshold")
        found = _measure(workspace)
        assert found.counts is not None
        assert (found.counts.fp, found.counts.tp) == (1, 1), "the changed label, and bo's of the pair that ana came to"
        assert found.left_out.picked == 2


def test_agreement_of_people_leaves_them_out_too(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(4)) as workspace:
        ids = pair_ids(workspace)
        for who in ("ana", "bo"):
            for pair in ids:
                say(workspace, pair, "approved", reviewer=who, policy="score" if pair == ids[0] else "random")
        found = compare(workspace, "demo", Asked(reviewers=("ana", "bo")), write=False)
        assert found.pairs == 3 and any("--include-picked" in line for line in found.remarks)
        every = compare(workspace, "demo", Asked(reviewers=("ana", "bo"), include_picked=True), write=False)
        assert every.pairs == 4


def test_they_are_found_by_an_index(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        for pair, policy in zip(pair_ids(workspace), ("score", "random"), strict=True):
            say(workspace, pair, "approved", policy=policy)
        connection = workspace.store.read()
        dataset = connection.execute("SELECT id FROM dataset").fetchone()[0]
        asked: list[str] = []
        connection.set_trace_callback(asked.append)
        assert len(picked_events(connection, dataset)) == 1
        connection.set_trace_callback(None)
        (query,) = (text for text in asked if "label_event" in text)
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
        assert any("USING INDEX label_event_picked" in line for line in plan), plan
