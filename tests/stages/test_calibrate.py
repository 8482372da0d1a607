"""What counts as people's word, how it meets a judge's, and when a calibration is out of date."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, say, sft
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from judged import judged

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.calibration import CalibrateOptions, Calibration, Counts
from flywheel_tui.records.judgment import Verdict
from flywheel_tui.records.label import Decision
from flywheel_tui.stages import label
from flywheel_tui.stages.calibrate import calibrate, kept_calibrations, labelled, pairs_in
from flywheel_tui.stages.compare import Asked, compare
from flywheel_tui.workspace import Workspace


def measure(workspace: Workspace, tag: str = "a", **options: Any) -> Calibration:
    return calibrate(workspace, "demo", CalibrateOptions(tag=tag, **options))


def counts(found: Calibration) -> tuple[int, int, int, int]:
    assert found.counts is not None
    return found.counts.tp, found.counts.fp, found.counts.tn, found.counts.fn


def adjudicate(workspace: Workspace, pair: int, status: str, **fields: Any) -> None:
    version = workspace.store.read().execute("SELECT pair_id FROM pair_current WHERE id = ?", (pair,)).fetchone()[0]
    said = Decision(uid=new_uid(), pair=pair, version=version, reviewer="chief", status=status, answered=now_us(),
                    **fields)  # fmt: skip
    label.adjudicate(workspace, said)


def test_every_label_is_counted_once_or_left_out_with_a_reason(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(9)) as workspace:
        ids = pair_ids(workspace)
        say(workspace, ids[0], "approved")
        say(workspace, ids[1], "rejected")
        say(workspace, ids[2], "skipped")
        say(workspace, ids[3], "approved", blind=False)
        say(workspace, ids[4], "approved", revealed=True)
        say(workspace, ids[5], "approved", source="judge", reviewer="robot")
        say(workspace, ids[6], "approved")
        say(workspace, ids[6], "rejected", reviewer="bo")
        say(workspace, ids[7], "approved")
        say(workspace, ids[8], "rejected")
        judged(workspace, "a", dict.fromkeys(ids[:7], 8) | {ids[7]: "bad_json"})
        found = measure(workspace)
        assert (found.pairs, counts(found)) == (2, (1, 1, 0, 0))
        left = found.left_out
        assert (left.not_blind, left.skipped, left.disputed, left.not_judged) == (2, 1, 1, 1)
        assert left.no_verdict == {"bad_json": 1}
        assert any("2 labels were not blind" in line for line in found.remarks)
        unblinded = measure(workspace, include_unblinded=True)
        assert counts(unblinded) == (3, 1, 0, 0)
        assert counts(measure(workspace, reviewer="bo")) == (0, 1, 0, 0)
        assert counts(measure(workspace, unreadable="wrong")) == (1, 1, 0, 1)
        assert counts(measure(workspace, unreadable="fail")) == (1, 1, 0, 1)


def test_an_adjudication_decides_and_one_that_saw_the_verdict_does_not(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids:
            say(workspace, pair, "approved")
            say(workspace, pair, "rejected", reviewer="bo")
        judged(workspace, "a", dict.fromkeys(ids, 8))
        assert measure(workspace).left_out.disputed == 2
        adjudicate(workspace, ids[0], "rejected")
        adjudicate(workspace, ids[1], "rejected", blind=False)
        found = measure(workspace)
        assert counts(found) == (0, 1, 0, 0)
        assert (found.left_out.disputed, found.left_out.adjudications_not_blind) == (1, 1)
        assert counts(measure(workspace, include_unblinded=True)) == (0, 2, 0, 0)


def test_an_edit_speaks_of_the_version_that_was_shown(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "before", {ids[0]: 8, ids[1]: 8}, identity="x")
        say(workspace, ids[0], "edited", edit={"output": "better"})
        say(workspace, ids[1], "approved")
        judged(workspace, "after", {ids[0]: 9, ids[1]: 9}, identity="y")
        assert counts(measure(workspace, "before")) == (1, 1, 0, 0)
        assert counts(measure(workspace, "before", approved_is=("approved", "edited"))) == (2, 0, 0, 0)
        after = measure(workspace, "after")
        assert (counts(after), after.left_out.not_judged) == ((1, 0, 0, 0), 1)
        say(workspace, ids[0], "approved", reviewer="bo")
        assert counts(measure(workspace, "after")) == (2, 0, 0, 0)


def test_bulk_labels_chosen_by_the_judge_are_not_blind(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(6)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 8))
        for some, expression in ((ids[:2], "scores['overall'] >= 7"), (ids[2:4], "length > 1"), (ids[4:5], "bad (")):
            bulk = label.Bulk(pairs=some, status="approved", reviewer="ana", expression=expression)
            label.apply_bulk(workspace, bulk)
        found = measure(workspace)
        assert (found.pairs, found.left_out.not_blind) == (2, 3)
        assert measure(workspace, include_unblinded=True).pairs == 5


def test_known_probabilities_weigh(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(8)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids, 8))
        for pair in ids[:4]:
            say(workspace, pair, "approved", inclusion=0.5, policy="calibration")
        for pair in ids[4:6]:
            say(workspace, pair, "rejected", inclusion=1.0, policy="calibration")
        say(workspace, ids[6], "rejected")
        found = measure(workspace)
        assert counts(found) == (4, 3, 0, 0)
        assert found.weighted["precision"].value == pytest.approx(8 / 10)
        assert found.weighted_labels == 6
        assert found.pass_rate is not None
        assert found.pass_rate.value == pytest.approx(8 / 10)
        assert any("1 labels without a known inclusion probability" in line for line in found.remarks)


def test_a_calibration_goes_stale_when_anything_it_stands_on_changes(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(4)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict.fromkeys(ids[:3], 8))
        for pair in ids[:2]:
            say(workspace, pair, "approved")

        def stale() -> tuple[str, ...]:
            return kept_calibrations(workspace, "demo")[0].stale

        measure(workspace)
        measure(workspace)
        assert len(kept_calibrations(workspace, "demo")) == 1
        assert stale() == ()
        say(workspace, ids[2], "rejected")
        assert stale() == ("the labels have changed",)
        label.undo_last(workspace, "ana")
        assert stale() == ()
        say(workspace, ids[3], "skipped")
        assert stale() == ()
        judged(workspace, "a", {ids[3]: 2})
        assert stale() == ("the run holds other verdicts",)
        with workspace.store.tx() as connection:
            connection.execute("UPDATE judge SET hash = 'another'")
        assert stale() == ("the judge has changed", "the run holds other verdicts")


def test_the_same_labels_for_many_judges_are_counted(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        say(workspace, ids[0], "approved")
        for number, tag in enumerate("abc", 1):
            judged(workspace, tag, {ids[0]: 8}, identity=tag)
            assert measure(workspace, tag).looks == number
        assert measure(workspace, "a").looks == 3


def test_criteria_against_answers_and_against_decisions(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(4)) as workspace:
        ids = pair_ids(workspace)
        answers = ("YES", "NO", "NA", "YES")
        said = {
            pair: Verdict(passed=True, score=8.0, scores={"style": float(number)}, answers={"safe": answer})
            for number, (pair, answer) in enumerate(zip(ids, answers, strict=True))
        }
        judged(workspace, "a", said)
        for number, pair in enumerate(ids):
            say(workspace, pair, "approved" if number > 1 else "rejected", answers={"safe": "YES"})
        lines = {line.name: line for line in measure(workspace, per_criterion=True).criteria}
        assert lines["safe"].n == 3
        assert lines["safe"].agreement.value == pytest.approx(2 / 3)
        assert (lines["style"].n, lines["style"].auroc) == (4, 1.0)


def test_a_threshold_with_a_guarantee(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(240)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", {pair: 9.0 if n % 2 else 4.0 for n, pair in enumerate(ids)})
        for n, pair in enumerate(ids):
            say(workspace, pair, "approved" if n % 2 or n % 4 == 0 else "rejected")
        found = measure(workspace, threshold="auto")
        assert found.threshold is not None
        assert found.threshold.guaranteed
        assert found.threshold.value is not None
        assert 4 < found.threshold.value <= 9
        assert counts(found) == (120, 0, 60, 60)
        assert f"At {found.threshold.value:g} this judge is right about 100 of 100" in found.headline
        assert "reaches 90%" in found.headline


def test_a_screen_moves_the_threshold_and_opens_the_pairs_of_a_cell(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(5)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", dict(zip(ids, (9, 8, 7, 3, True), strict=True)))
        for pair, status in zip(ids, ("approved", "rejected", "edited", "rejected", "approved"), strict=True):
            say(workspace, pair, status, **({"edit": {"output": "better"}} if status == "edited" else {}))
        found = labelled(workspace, "demo", CalibrateOptions(tag="a"), scores=True)
        assert pairs_in(workspace, found, 0, 1) == ids[1:3]
        assert pairs_in(workspace, found, 1, 1, threshold=7.5) == [ids[0]]
        assert tuple(found.sweep().at(7.5)) == (1, 1, 2, 0)
        with pytest.raises(UsageError, match="no scores"):
            labelled(workspace, "demo", CalibrateOptions(tag="a")).sweep()


@pytest.mark.parametrize("index", ["label_current_said", "verdict_said", "label_event_drawn"])
def test_a_million_labels_are_read_from_covering_indexes(tmp_path: Path, index: str) -> None:
    from flywheel_tui.store import calibration as store

    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        judged(workspace, "a", dict.fromkeys(pair_ids(workspace), 8))
        connection, asked = workspace.store.read(), list[str]()
        connection.set_trace_callback(asked.append)
        store.human_labels(connection, 1)
        store.drawn_events(connection, 1)
        store.verdicts(connection, 1, scores=True)
        connection.set_trace_callback(None)
        plans = [row[3] for query in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert any(f"USING COVERING INDEX {index}" in plan for plan in plans)
    assert not any("TEMP B-TREE" in plan for plan in plans)


STATUSES = st.sampled_from(["approved", "rejected", "skipped", "edited"])
LABEL = st.tuples(STATUSES, st.booleans(), st.sampled_from(["human", "judge", "import"]))
ROW = st.tuples(
    st.fixed_dictionaries({"ana": st.none() | LABEL, "bo": st.none() | LABEL, "cy": st.none() | LABEL}),
    st.sampled_from([8, 3, "bad_json", None]),
)


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=6), unblinded=st.booleans(), edited_passes=st.booleans())
def test_the_join_agrees_with_a_plain_one(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], unblinded: bool, edited_passes: bool
) -> None:
    passing = ("approved", "edited") if edited_passes else ("approved",)
    expected = {"tp": 0, "fp": 0, "tn": 0, "fn": 0}
    missing = unjudged = not_blind = 0
    with make_workspace(tmp_path_factory.mktemp("w") / "w", sft(len(rows))) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", {pair: said for pair, (_, said) in zip(ids, rows, strict=True) if said is not None})
        for pair, (labels, said) in zip(ids, rows, strict=True):
            votes = []
            for who, given_label in labels.items():
                if given_label is None:
                    continue
                status, blind, source = given_label
                edit = {"edit": {"output": f"better by {who} {pair}"}} if status == "edited" else {}
                version = {"version": pair}
                decision = Decision(uid=new_uid(), pair=pair, reviewer=who, status=status, source=source, blind=blind,
                                    answered=now_us(), **version, **edit)  # type: ignore[arg-type]  # fmt: skip
                label.decide(workspace, decision)
                if source != "human":
                    continue
                if not blind and not unblinded:
                    not_blind += 1
                elif status != "skipped":
                    votes.append(1 if status in passing else -1)
            if not sum(votes):
                continue
            if said == "bad_json":
                missing += 1
            elif said is None:
                unjudged += 1
            else:
                truth = sum(votes) > 0
                expected[("tp" if truth else "fp") if said >= 7 else ("fn" if truth else "tn")] += 1
        found = measure(workspace, include_unblinded=unblinded, approved_is=passing)
        assert found.counts == Counts(**expected)
        assert found.left_out.no_verdict == ({"bad_json": missing} if missing else {})
        assert (found.left_out.not_judged, found.left_out.not_blind) == (unjudged, not_blind)
        for figure in found.rates.values():
            assert figure.value is None or math.isfinite(figure.value)
        if _people(workspace):
            compare(workspace, "demo", Asked(tags=("a",), reviewers=_people(workspace)))


def _people(workspace: Workspace) -> tuple[str, ...]:
    from flywheel_tui.stages.compare import everybody

    return everybody(workspace, "demo")
