"""Whoever knows what the judge said makes no blind label: every way to know it, and what becomes of such labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.identity import parse_uid
from flywheel_tui.records.calibration import CalibrateOptions, Calibration
from flywheel_tui.records.sitting import Statement
from flywheel_tui.stages import label
from flywheel_tui.stages.blindness import asks_the_judge
from flywheel_tui.stages.calibrate import calibrate, kept_calibrations
from flywheel_tui.stages.judge.few_shot import splits_of
from flywheel_tui.stages.labels_needed import labels_needed
from flywheel_tui.stages.sitting_start import SEEN_NOTE, start
from flywheel_tui.store import calibration as store
from flywheel_tui.store.views import ViewQuery
from flywheel_tui.workspace import Workspace


def _measure(workspace: Workspace, **options: Any) -> Calibration:
    return calibrate(workspace, "demo", CalibrateOptions(tag="a", **options))


@pytest.mark.parametrize(("expression", "asks"), [
    (None, False), ("", False), ("length > 3", False), ("passed == true", True), ("scores.overall < 5", True),
    ("not a known ( thing", True),
])  # fmt: skip
def test_which_expressions_ask_the_judge(expression: str | None, asks: bool) -> None:
    assert asks_the_judge(expression) is asks


def test_a_label_changed_after_the_verdict_was_seen_counts_as_it_was(tmp_path: Path) -> None:
    """Were the changed pairs left out, exactly those on which people differed from the judge would go."""
    with make_workspace(tmp_path / "w", sft(4)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 9))
        for pair in ids:
            say(workspace, pair, "rejected" if pair in ids[:2] else "approved", inclusion=0.5)
        for pair in ids[:2]:
            say(workspace, pair, "approved", blind=False, revealed=True)
        found = _measure(workspace)
        assert found.counts is not None
        assert (found.counts.tp, found.counts.fp) == (2, 2)
        assert (found.left_out.not_blind, found.weighted_labels) == (0, 4)
        flattered = _measure(workspace, include_unblinded=True)
        assert flattered.counts is not None
        assert (flattered.counts.tp, flattered.counts.fp) == (4, 0)


def test_a_blind_label_that_was_taken_back_does_not_return(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(1)) as workspace:
        (pair,) = pair_ids(workspace)
        judged(workspace, "a", {pair: 9})
        say(workspace, pair, "rejected")
        label.undo_last(workspace, "ana")
        say(workspace, pair, "approved", blind=False)
        found = _measure(workspace)
        assert (found.pairs, found.left_out.not_blind) == (0, 1)


def test_a_bulk_label_by_the_judges_word_is_not_the_blind_one_before(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 9))
        bulk = label.Bulk(pairs=ids, status="approved", reviewer="ana", expression="passed == true")
        uid, changed = label.apply_bulk(workspace, bulk)
        assert changed == 2
        say(workspace, ids[0], "approved", blind=False)
        found = _measure(workspace)
        assert (found.pairs, found.left_out.not_blind) == (0, 2)
        # nor does the planner take them for labels
        assert labels_needed(workspace, "demo").labels == 0
        label.undo(workspace, parse_uid(uid), "ana")
        say(workspace, ids[1], "approved")
        assert labels_needed(workspace, "demo").labels == 1


@pytest.mark.parametrize(("where", "seen", "blind"), [
    (None, False, True), ("length > 1", False, True), ("passed == true", False, False), (None, True, False),
])  # fmt: skip
def test_a_sitting_over_pairs_that_the_judge_chose_makes_no_blind_labels(
    tmp_path: Path, where: str | None, seen: bool, blind: bool
) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 9))
        session = start(workspace, ViewQuery(dataset="demo", filter=where), "ana", seen=seen)
        assert (SEEN_NOTE in session.queue.note) is not blind
        card = session.card(session.queue.at(0))
        prepared = session.prepare(card, Statement(status="approved"))
        assert prepared.decision.blind is blind


def test_a_judge_is_not_measured_on_the_examples_of_its_own_prompt(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(40)) as workspace:
        ids = pair_ids(workspace)
        run = judged(workspace, "a", dict.fromkeys(ids, 9))
        for pair in ids:
            say(workspace, pair, "approved")
        assert _measure(workspace).pairs == 40
        families = store.family_names(workspace.store.read(), ids)
        shown = splits_of(families).count("prompt-dev")
        assert shown
        with workspace.store.tx() as connection:
            params = msgspec.json.encode({"few_shot": ["abc"]}).decode()
            query = "UPDATE judge SET params = ? WHERE id = (SELECT judge_id FROM judge_run WHERE id = ?)"
            connection.execute(query, (params, run))
        found = _measure(workspace)
        assert (found.pairs, found.left_out.in_prompts) == (40 - shown, shown)
        assert any("examples" in line for line in found.remarks)
        assert kept_calibrations(workspace, "demo")[0].stale == ()
        assert _measure(workspace, split="prompt-dev").pairs == shown


def test_a_look_at_all_labels_is_a_look_at_the_report_split(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(40)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids:
            say(workspace, pair, "approved")
        for tag in ("a", "b"):
            judged(workspace, tag, dict.fromkeys(ids, 9), identity=tag)
        calibrate(workspace, "demo", CalibrateOptions(tag="a"))
        found = calibrate(workspace, "demo", CalibrateOptions(tag="b", split="report"))
        assert found.report_looks == 2
