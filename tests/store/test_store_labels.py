"""Label events: append-only, undoable without limit, and projections that follow from the set of events alone."""

from __future__ import annotations

import random
import sqlite3
import tempfile
from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, projections, say, sft, statuses
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from flywheel_tui.errors import ConflictError, NotFoundError, UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.stages import label, label_log
from flywheel_tui.store import labels as label_store
from flywheel_tui.workspace import Workspace

REVIEWERS = ("ana", "bo")


def test_a_decision_shows_at_once_and_twice_is_once(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(3)) as workspace:
        first = pair_ids(workspace)[0]
        decision = Decision(
            uid=new_uid(), pair=first, version=first, reviewer="ana", status="approved", answered=now_us()
        )
        assert label.decide(workspace, decision).new
        assert not label.decide(workspace, decision).new
        assert statuses(workspace, [first]) == ["approved"]
        assert workspace.store.read().execute("SELECT count(*) FROM label_event").fetchone() == (1,)


def test_events_cannot_be_changed_or_removed(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        say(workspace, pair_ids(workspace)[0], "approved")
        for statement in ("UPDATE label_event SET status = 'rejected'", "DELETE FROM label_event"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"), workspace.store.tx() as connection:
                connection.execute(statement)
        with pytest.raises(sqlite3.IntegrityError, match="immutable"), workspace.store.tx() as connection:
            connection.execute("UPDATE pair SET output = 'other'")


def test_people_who_disagree_make_a_pair_disputed_and_adjudication_settles_it(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        (pair,) = pair_ids(workspace)
        say(workspace, pair, "approved", "ana")
        say(workspace, pair, "rejected", "bo")
        assert statuses(workspace, [pair]) == ["disputed"]
        ruling = Decision(uid=new_uid(), pair=pair, version=pair, reviewer="lead", status="rejected", answered=now_us())
        label.adjudicate(workspace, ruling)
        say(workspace, pair, "approved", "ana")
        assert statuses(workspace, [pair]) == ["rejected"]
        label.undo_last(workspace, "lead")
        assert statuses(workspace, [pair]) == ["disputed"]


def test_a_judges_label_never_outranks_a_persons(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        (pair,) = pair_ids(workspace)
        say(workspace, pair, "approved", "judge:v1", source="judge")
        assert statuses(workspace, [pair]) == ["approved"]
        say(workspace, pair, "rejected", "ana")
        source = workspace.store.read().execute("SELECT status, label_source FROM pair_current").fetchone()
        assert source == ("rejected", "human")


def test_a_skip_counts_only_where_nobody_decided() -> None:
    derive = label_store.derive_status
    assert derive([]) == ("open", None)
    assert derive([("ana", "human", "skipped")]) == ("skipped", "human")
    assert derive([("ana", "human", "skipped"), ("bo", "human", "rejected")]) == ("rejected", "human")
    assert derive([("ana", "human", None), ("j", "judge", "approved")]) == ("approved", "judge")
    three = [("a", "human", "approved"), ("b", "human", "approved"), ("c", "human", "rejected")]
    assert derive(three) == ("approved", "human")


def test_an_edit_is_a_version_and_undo_shows_the_original_again(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        (pair,) = pair_ids(workspace)
        made = say(workspace, pair, "edited", edit={"output": "better"})
        assert made.version != pair
        say(workspace, pair, "approved")
        shown = workspace.store.read().execute("SELECT pair_id, status FROM pair_current").fetchone()
        assert shown == (made.version, "approved"), "approving an edited pair keeps the edit"
        label.undo_last(workspace, "ana")
        label.undo_last(workspace, "ana")
        assert workspace.store.read().execute("SELECT pair_id, status FROM pair_current").fetchone() == (pair, "open")
        again = say(workspace, pair, "edited", edit={"output": "better"})
        assert again.version == made.version, "the same edit is the same version"


def test_a_label_written_elsewhere_meanwhile_is_a_conflict(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        (pair,) = pair_ids(workspace)
        seen = say(workspace, pair, "approved").uid
        say(workspace, pair, "rejected")
        late = Decision(uid=new_uid(), pair=pair, version=pair, reviewer="ana", status="skipped", answered=now_us())
        with pytest.raises(ConflictError, match="another session"):
            label.decide(workspace, late, expected=seen)
        assert statuses(workspace, [pair]) == ["rejected"]


def test_decisions_that_say_nothing_are_refused(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        (pair,) = pair_ids(workspace)
        with pytest.raises(UsageError, match="says something"):
            say(workspace, pair, None)
        with pytest.raises(UsageError, match="no status 'great'"):
            say(workspace, pair, "great")
        with pytest.raises(NotFoundError, match="no pair named '99'"):
            label.decide(
                workspace,
                Decision(uid=new_uid(), pair=99, version=99, reviewer="ana", status="approved", answered=now_us()),
            )


def test_bulk_is_one_undo_also_among_single_decisions(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(450)) as workspace:
        ids = pair_ids(workspace)
        say(workspace, ids[0], "rejected")
        plan = label.plan_bulk(workspace, ids, "approved", "ana")
        assert (plan.matched, plan.changed, plan.before) == (450, 450, {"rejected": 1, "open": 449})
        assert len(plan.sample) == 20
        _, changed = label.apply_bulk(workspace, label.Bulk(pairs=ids, status="approved", reviewer="ana"))
        assert changed == 450
        say(workspace, ids[1], "skipped")
        assert [label.undo_last(workspace, "ana").what for _ in range(3)] == ["label", "batch", "label"]  # type: ignore[union-attr]
        assert label.undo_last(workspace, "ana") is None
        assert set(statuses(workspace, ids)) == {"open"}
        counters = dict(workspace.store.read().execute("SELECT name, value FROM counter"))
        assert counters["open"] == counters["pairs"] == 450
        assert counters["approved"] == counters["skipped"] == 0


def test_bulk_over_nothing_or_with_an_odd_status_is_refused(tmp_path: Path) -> None:
    with make_workspace(tmp_path, sft(1)) as workspace:
        with pytest.raises(UsageError, match="at least one pair"):
            label.apply_bulk(workspace, label.Bulk(pairs=[], status="approved", reviewer="ana"))
        with pytest.raises(UsageError, match="approved, rejected or skipped"):
            label.apply_bulk(workspace, label.Bulk(pairs=[1], status="edited", reviewer="ana"))


class TwoReviewers(RuleBasedStateMachine):
    """Two machines label the same pairs; whatever they do, merging makes them equal, and nothing is lost."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.workspaces = [make_workspace(root / name, sft(4)) for name in ("one", "two")]
        self.random = random.Random(7)

    @rule(machine=st.integers(0, 1), pair=st.integers(1, 4), reviewer=st.sampled_from(REVIEWERS),
          status=st.sampled_from(["approved", "rejected", "skipped", None]))  # fmt: skip
    def decide(self, machine: int, pair: int, reviewer: str, status: str | None) -> None:
        say(self.workspaces[machine], pair, status, reviewer, flagged=status is None, note="n")

    @rule(machine=st.integers(0, 1), pair=st.integers(1, 4), reviewer=st.sampled_from(REVIEWERS),
          text=st.sampled_from(["x", "y"]))  # fmt: skip
    def edit(self, machine: int, pair: int, reviewer: str, text: str) -> None:
        say(self.workspaces[machine], pair, "edited", reviewer, edit={"output": text})

    @rule(machine=st.integers(0, 1), pair=st.integers(1, 4), status=st.sampled_from(["approved", "rejected"]))
    def adjudicate(self, machine: int, pair: int, status: str) -> None:
        ruling = Decision(uid=new_uid(), pair=pair, version=pair, reviewer="lead", status=status, answered=now_us())
        label.adjudicate(self.workspaces[machine], ruling)

    @rule(machine=st.integers(0, 1), reviewer=st.sampled_from([*REVIEWERS, "lead"]))
    def undo(self, machine: int, reviewer: str) -> None:
        label.undo_last(self.workspaces[machine], reviewer)

    @rule(machine=st.integers(0, 1), status=st.sampled_from(["approved", "rejected"]))
    def bulk(self, machine: int, status: str) -> None:
        label.apply_bulk(self.workspaces[machine], label.Bulk(pairs=[1, 2, 3], status=status, reviewer="bo"))

    @rule(machine=st.integers(0, 1))
    def reopen(self, machine: int) -> None:
        root = self.workspaces[machine].root
        self.workspaces[machine].close()
        self.workspaces[machine] = Workspace.open(root)

    @rule()
    def merge(self) -> None:
        one, two = self.workspaces
        label_log.merge_workspace(one, two)
        label_log.merge_workspace(two, one)
        again = label_log.merge_workspace(one, two)
        assert again.added == 0 and not again.refused
        assert _labels(one) == _labels(two)

    @invariant()
    def projections_follow_from_the_events(self) -> None:
        for workspace in self.workspaces:
            before = projections(workspace)
            with workspace.store.tx() as connection:
                label_store.rebuild(connection)
            assert projections(workspace) == before
            counted = dict(
                workspace.store.read().execute("SELECT status, count(*) FROM pair_current GROUP BY status").fetchall()
            )
            kept = {name: value for _, name, value in before[2] if name in counted}
            assert kept == counted

    def teardown(self) -> None:
        for workspace in self.workspaces:
            workspace.close()
        self.folder.cleanup()


def _labels(workspace: Workspace) -> list[tuple[object, ...]]:
    """What people see, by uid: ids of versions may differ between machines."""
    return (
        workspace.store.read()
        .execute(
            "SELECT r.uid, v.uid, c.status, c.label_source, c.reviewer, c.flagged, c.tags FROM pair_current c"
            " JOIN pair r ON r.id = c.id JOIN pair v ON v.id = c.pair_id ORDER BY r.uid"
        )
        .fetchall()
    )


TestTwoReviewers = TwoReviewers.TestCase
TestTwoReviewers.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
