"""What the label screen keeps beyond one decision: the labels of others, failed writes, leaving and coming back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from fixtures_workspace import StillApp, add, preferences, say
from label_pilots import SIZE, app_on, at, mine, press, ready
from pilots import sees, shown, until

from flywheel_tui.errors import StoreFullError
from flywheel_tui.stages import drafts, views
from flywheel_tui.stages.label import labels_of
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace
from screens.label_conflict import ConflictDialog
from screens.label_state import Mode
from screens.label_summary import SummaryDialog
from screens.places import LabelRequest
from screens.widgets.dialogs import ConfirmDialog

WORKSPACE = {"count": 40, "labels": False}


async def test_a_dispute_is_settled(workspace: Workspace) -> None:
    say(workspace, 1, "approved", "ben")
    say(workspace, 1, "rejected", "ana")
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await pilot.app.go("label", LabelRequest(ViewQuery(dataset="demo"), 1))  # type: ignore[attr-defined]
        await screen.settled()
        assert "ben" in screen.board.text and "disputed" in screen.board.text
        await press(pilot, "A")
        assert "settling a dispute" in screen.board.text
        await press(pilot, "a")
        assert views.detail(workspace, 1).status == "approved"
        await press(pilot, "u")
        assert views.detail(workspace, 1).status == "disputed" and mine(workspace, 1).status == "rejected"


async def test_others_are_not_seen_before_one_has_decided(workspace: Workspace) -> None:
    say(workspace, 1, "rejected", "ben")
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert at(screen) == 1 and "ben" not in screen.board.text
        await press(pilot, "a", "k")
        assert at(screen) == 1 and "ben" in screen.board.text


async def test_a_label_from_another_window_is_shown_and_not_overwritten(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        say(workspace, 1, "rejected")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConflictDialog))
        await press(pilot, "k")
        assert mine(workspace, 1).status == "rejected" and at(screen) == 1
        await press(pilot, "j")
        say(workspace, 2, "skipped")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConflictDialog))
        await press(pilot, "m")
        assert mine(workspace, 2).status == "approved" and at(screen) == 3


async def test_going_elsewhere_and_back_keeps_what_was_said(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j", "3")
        await pilot.app.go("browse")  # type: ignore[attr-defined]
        await screen.settled()
        assert mine(workspace, 2).rating == 3 and mine(workspace, 2).status is None
        cursor = workspace.store.read().execute("SELECT cursor FROM session").fetchone()[0]
        assert cursor == 2
        say(workspace, 2, "rejected", "ben")
        await pilot.app.go("label")  # type: ignore[attr-defined]
        await ready(pilot)
        assert at(screen) == 2 and screen.state is not None and screen.state.pending.rating == 3
        await press(pilot, "a")
        assert mine(workspace, 2).rating == 3 and views.detail(workspace, 2).status == "disputed"


async def test_leaving_shows_how_it_went(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, "a", "s", "q")
        await until(pilot, lambda: isinstance(pilot.app.screen, SummaryDialog))
        await pilot.press("escape")
        screen = await ready(pilot)
        await press(pilot, "a")
        assert at(screen) == 4 and pilot.app.is_running
    cursor = workspace.store.read().execute("SELECT cursor FROM session ORDER BY seen DESC LIMIT 1").fetchone()[0]
    assert cursor in (3, 4)


async def test_the_end_of_the_program_keeps_what_is_half_typed(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "j", "e", *"half")
        await screen.save_work()
    kept = drafts.load_draft(workspace, "ana")
    assert kept is not None and kept.pair == 2 and kept.texts["output"].startswith("half")
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        screen = await ready(pilot)
        assert at(screen) == 2 and screen.state is not None and screen.state.mode is Mode.EDIT
        assert screen.text.text.startswith("half")
        await press(pilot, "ctrl+s")
        assert (views.detail(workspace, 2).output or "").startswith("half")
    assert drafts.load_draft(workspace, "ana") is None


async def test_a_decision_that_could_not_be_written_is_kept_for_the_next_start(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        with workspace.store.tx() as connection:
            connection.execute(
                "CREATE TRIGGER full BEFORE INSERT ON label_event BEGIN SELECT RAISE (ABORT, 'disk full'); END"
            )
        assert screen.session is not None
        commit = screen.session.commit

        def translated(prepared: Any) -> Any:
            try:
                return commit(prepared)
            except sqlite3.IntegrityError as error:
                raise StoreFullError(str(error)) from error

        monkeypatch.setattr(screen.session, "commit", translated)
        await press(pilot, "r", "2")
        assert "not saved" in pilot.app.banner  # type: ignore[attr-defined]
        monkeypatch.setattr(screen.session, "finish", lambda: None)
        await screen.save_work()
        with workspace.store.tx() as connection:
            connection.execute("DROP TRIGGER full")
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmDialog))
        await pilot.press("y")
        await ready(pilot)
        assert mine(workspace, 1).reasons == ("incomplete",)


async def test_a_full_disk_loses_nothing(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    store = workspace.store
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "a")
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages}")
        stuck = 1
        while not pilot.app.banner and stuck < 40:  # type: ignore[attr-defined]
            stuck = at(screen)
            await press(pilot, "n")
            screen.line.value = "x" * 1000
            await press(pilot, "enter", "a")
        assert "not saved" in pilot.app.banner  # type: ignore[attr-defined]
        assert at(screen) == stuck, "the screen has not moved on"
        await press(pilot, "a", "j", "s")
        assert at(screen) == stuck and "not saved" in screen.board.text
        store._writer.execute("PRAGMA max_page_count = 1073741823")
        await press(pilot, "enter")
        assert pilot.app.banner == ""  # type: ignore[attr-defined]
        assert labels_of(workspace, stuck)


async def test_nothing_to_label_says_what_to_do(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "work", create=True)
    async with StillApp(workspace, start="label").run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        assert "No data set is chosen" in screen.board.text
        await press(pilot, "a", "r", "u", "j", "G", "n")
    add(workspace, "prefs", preferences(2))
    async with app_on(workspace, "prefs").run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await pilot.app.go("label", LabelRequest(ViewQuery(dataset="prefs", filter="length > 100000")))  # type: ignore[attr-defined]
        await screen.settled()
        assert "no pair matches" in screen.board.text
        await pilot.app.go("label", LabelRequest(ViewQuery(dataset="prefs", filter="colour > 1")))  # type: ignore[attr-defined]
        await screen.settled()
        assert "colour" in screen.board.text
    workspace.close()


async def test_without_a_data_set_no_key_is_offered_that_needs_one(workspace: Workspace) -> None:
    async with StillApp(workspace, start="label").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "No data set is chosen")
        footer = shown(pilot).splitlines()[-1]
        assert "go to" in footer and not any(word in footer for word in ("reject", "repeat", "next", "undo"))
