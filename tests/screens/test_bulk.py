"""Bulk: what it shows before, what it does, and that one key takes it back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_workspace import StillApp, make, say
from pilots import sees, until
from textual.pilot import Pilot
from textual.widgets import Static

from flywheel_tui.errors import UsageError
from flywheel_tui.records.rubric import Reason, Rubric, RubricKind
from flywheel_tui.stages import views
from flywheel_tui.stages.label import current_label
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace
from screens.bulk import BulkScreen
from screens.bulk_state import BulkState
from screens.label import LabelScreen

RUBRIC = Rubric(
    name="default", version=1, kind=RubricKind.SCORED, reasons=(Reason(key="1", name="wrong", label="Wrong"),)
)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make(tmp_path, count=60, labels=False)
    yield made
    made.close()


def shown(pilot: Pilot[None]) -> str:
    """What the panel says; nothing before it is there."""
    return "\n".join(
        str(found.visual) for found in pilot.app.screen.query("#bulk-words, #bulk-plan, #bulk-rows").results(Static)
    )


async def counted(pilot: Pilot[None]) -> None:
    """Until the preview is there."""
    await until(pilot, lambda: "pairs change" in shown(pilot) and "counting" not in shown(pilot))


def test_the_order_is_what_was_chosen(workspace: Workspace) -> None:
    state = BulkState(ViewQuery(dataset="demo", filter="length < 100"), None, RUBRIC, "ana")
    with pytest.raises(UsageError, match="still counting"):
        state.order()
    state.preview = state.look(workspace)
    state.toggle("1")
    order = state.order()
    assert (order.status, order.reasons, order.expression) == ("rejected", ("wrong",), "length < 100")
    assert 0 < len(order.pairs) < 60
    with pytest.raises(UsageError, match="no reason 7"):
        state.toggle("7")
    state.choose("approved")
    assert state.reasons == []
    with pytest.raises(UsageError, match="press r"):
        state.toggle("1")


def test_marked_pairs_only_and_what_says_so_already_stays(workspace: Workspace) -> None:
    say(workspace, 3, "approved")
    state = BulkState(ViewQuery(dataset="demo"), [3, 4, 5], RUBRIC, "ana", "approved")
    state.preview = state.look(workspace)
    assert (state.preview.plan.matched, state.preview.plan.changed) == (3, 2)
    assert [row.id for row in state.preview.sample] == [4, 5]
    assert state.order().expression is None
    only = BulkState(ViewQuery(dataset="demo"), [3], RUBRIC, "ana", "approved")
    only.preview = only.look(workspace)
    with pytest.raises(UsageError, match="nothing would change"):
        only.order()


async def test_a_filter_a_reason_a_note_and_one_undo(workspace: Workspace) -> None:
    say(workspace, 2, "approved")
    async with StillApp(workspace, dataset="demo", start="label").run_test(size=(120, 40)) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, LabelScreen)
        await pilot.pause()
        await screen.settled()
        await pilot.press("b")
        await counted(pilot)
        assert "60 of 60 pairs change" in shown(pilot) and "59 · open" in shown(pilot)
        await pilot.press("f", *"'maps' in tags", "enter")
        await counted(pilot)
        await until(pilot, lambda: "60 of 60" not in shown(pilot))
        await pilot.press("2", "n", *"too short", "enter")
        assert "too short" in shown(pilot) and shown(pilot).count("Question") > 0
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, BulkScreen))
        rejected = [row.id for row in views.rows_of(workspace, range(1, 61)) if row.status == "rejected"]
        assert rejected and all("maps" in views.detail(workspace, pair).tags for pair in rejected)
        label = current_label(workspace, rejected[0], "ana")
        assert label is not None and (label.reasons, label.note) == (("incomplete",), "too short")
        await pilot.press("u")
        await screen.settled()
        assert "at once" in screen.board.text
        left = {row.status for row in views.rows_of(workspace, range(1, 61))}
        assert left == {"open", "approved"}, "one key took all of it back, and nothing else"


async def test_a_filter_that_is_off_is_said(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pilot.app.open_bulk(ViewQuery(dataset="demo"), None)  # type: ignore[attr-defined]
        await counted(pilot)
        await pilot.press("f", *"colour > 1", "enter")
        await until(pilot, lambda: "colour" in shown(pilot).split("filter")[-1])
        await pilot.press("enter")
        await asyncio.sleep(0)
        assert isinstance(pilot.app.screen, BulkScreen)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, BulkScreen))
    assert workspace.store.read().execute("SELECT count(*) FROM batch").fetchone()[0] == 0


async def test_from_browse_with_marks(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await pilot.press("space", "space", "b")
        await counted(pilot)
        assert "2 marked pairs" in shown(pilot)
        await pilot.press("a")
        await counted(pilot)
        await until(pilot, lambda: "approved" in shown(pilot).split("pairs change")[-1])
        await pilot.press("enter")
        await until(pilot, lambda: not isinstance(pilot.app.screen, BulkScreen))
    assert [row.status for row in views.rows_of(workspace, [1, 2, 3])] == ["approved", "approved", "open"]


async def test_what_enter_does_is_in_sight_on_a_small_terminal(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("asterisk", "b")
        await counted(pilot)
        await sees(pilot, "enter labels them", "esc closes")
        rows = pilot.app.screen.query_one("#bulk-rows", Static)
        assert rows.size.height == 20, "a line for each of the sample"
