"""Labels from a judge: marked as such, one batch, one undo, never over what people said."""

from __future__ import annotations

from pathlib import Path

import pytest
from factories import make_workspace, pair_ids, projections, say, sft, statuses
from judge_helpers import number_in, run_judge, use_backend, verdict_text

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.identity import parse_uid
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Request
from flywheel_tui.stages.judge.auto_label import apply_auto, plan_auto
from flywheel_tui.stages.label import undo
from flywheel_tui.workspace import Workspace

SCORES = [1, 3.5, 3.49, 8, 8.01, 10, None, 5]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    def answer(request: Request) -> str | BackendFault:
        score = SCORES[number_in(request) - 1]
        return BackendFault("content_filter", "no") if score is None else verdict_text(score)

    made = make_workspace(tmp_path, sft(len(SCORES)))
    use_backend(monkeypatch, answer)
    run_judge(made)
    return made


def test_bounds_counts_and_one_undo(workspace: Workspace) -> None:
    with workspace:
        before = projections(workspace)
        plan = plan_auto(workspace, "demo", "t", reject_below=3.5, approve_above=8)
        assert (plan.reject, plan.approve, plan.between, plan.unjudged) == (2, 2, 3, 1)
        assert projections(workspace) == before
        uid, changed = apply_auto(workspace, plan)
        assert changed == 4
        expected = ["rejected", "open", "rejected", "open", "approved", "approved", "open", "open"]
        assert statuses(workspace, pair_ids(workspace)) == expected
        rows = workspace.store.read().execute("SELECT DISTINCT reviewer, source, blind, revealed FROM label_event")
        assert rows.fetchall() == [("judge:t", "judge", 0, 1)]
        again = plan_auto(workspace, "demo", "t", reject_below=3.5, approve_above=8)
        assert (again.decisions, again.already) == ((), 4)
        assert undo(workspace, parse_uid(uid), "ana") == 4
        assert statuses(workspace, pair_ids(workspace)) == ["open"] * 8


def test_what_people_said_holds(workspace: Workspace) -> None:
    with workspace:
        first = pair_ids(workspace)[0]
        say(workspace, first, "approved")
        plan = plan_auto(workspace, "demo", "t", reject_below=3.5, approve_above=None)
        assert plan.by_people == 1
        apply_auto(workspace, plan)
        assert statuses(workspace, [first]) == ["approved"]


def test_an_edited_pair_is_not_labelled_by_what_was_said_of_the_version_before(workspace: Workspace) -> None:
    with workspace:
        say(workspace, pair_ids(workspace)[0], "edited", edit={"output": "new"})
        plan = plan_auto(workspace, "demo", "t", reject_below=3.5, approve_above=None)
        assert plan.reject == 1


def test_what_is_refused(workspace: Workspace) -> None:
    with workspace:
        with pytest.raises(UsageError, match="--reject-below"):
            plan_auto(workspace, "demo", "t", reject_below=None, approve_above=None)
        with pytest.raises(UsageError, match="cross"):
            plan_auto(workspace, "demo", "t", reject_below=8, approve_above=3)
        with pytest.raises(NotFoundError, match="there are: t"):
            plan_auto(workspace, "demo", "x", reject_below=3, approve_above=None)
