"""Duplicates side by side with real keys: keep one, drop one, keep all, all copies at once, and one key back."""

from __future__ import annotations

from pathlib import Path

import pytest
from pilots import press, settle, shown, until
from textual.pilot import Pilot
from validation_workspace import app_at, checked, look, pair_at, status_at

from flywheel_tui.stages import duplicates, label
from flywheel_tui.workspace import Workspace
from screens.bulk import BulkScreen
from screens.duplicates import DuplicatesScreen
from screens.validation import ValidationScreen


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return checked(tmp_path)


async def duplicates_screen(pilot: Pilot[None]) -> DuplicatesScreen:
    await settle(pilot)
    await press(pilot, "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, DuplicatesScreen) and pilot.app.screen.state is not None)
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, DuplicatesScreen)
    await until(pilot, lambda: screen.state.pairs is not None)
    return screen


async def test_keeping_one_is_on_disk_and_one_key_takes_it_back(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(80, 24)) as pilot:
        screen = await duplicates_screen(pilot)
        assert "exact duplicates" in shown(pilot)
        assert "#13" in shown(pilot)
        assert "100% alike" in shown(pilot)
        await press(pilot, "right", "k")
        assert [status_at(workspace, at) for at in (13, 14, 15)] == ["rejected", "rejected", "open"]
        mine = label.current_label(workspace, pair_at(workspace, 13), "ana")
        assert mine is not None
        assert mine.reasons == ("duplicate",)
        assert "all clusters are decided" in shown(pilot)
        await press(pilot, "u")
        assert [status_at(workspace, at) for at in (13, 14, 15)] == ["open", "open", "open"]
        assert "undone: rejected on 2 pairs" in shown(pilot)
        await press(pilot, "u")
        assert "nothing is left to undo" in shown(pilot)
        assert screen.state.left == 1


async def test_dropping_goes_on_within_the_cluster(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(80, 24)) as pilot:
        screen = await duplicates_screen(pilot)
        await press(pilot, "d")
        assert status_at(workspace, 14) == "rejected"
        assert screen.state.right_member.position == 15
        await press(pilot, "d")
        assert status_at(workspace, 15) == "rejected"
        assert status_at(workspace, 13) == "open"
        assert screen.state.left == 0


async def test_keeping_all_settles_a_cluster_and_leaves_it_out_of_the_copies(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(80, 24)) as pilot:
        await duplicates_screen(pilot)
        await press(pilot, "a")
        assert "3 labels written" in shown(pilot)
        assert duplicates.copies(workspace, "mail") == []
        await press(pilot, "x")
        assert "no exact duplicates are left" in shown(pilot)
        await press(pilot, "u")
        assert len(duplicates.copies(workspace, "mail")) == 2


async def test_near_duplicates_show_the_words_that_differ(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(140, 40)) as pilot:
        screen = await duplicates_screen(pilot)
        await press(pilot, "c")
        assert "near-duplicates" in shown(pilot)
        positions = [member.position for member in screen.state.members]
        assert positions[:2] == [13, 14]
        while screen.state.right_member.position != 16:
            await press(pilot, "right")
        right = screen.query_one("#duplicates-right Static").visual
        marked = {right.plain[span.start : span.end] for span in right.spans if "$edit" in str(span.style)}
        assert marked == {"or the week after"}
        assert "with #13" in shown(pilot)
        await press(pilot, "escape")
        assert isinstance(pilot.app.screen, ValidationScreen)


async def test_all_copies_are_rejected_as_one_batch(workspace: Workspace) -> None:
    async with app_at(workspace, "validation").run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await press(pilot, "x")
        await until(pilot, lambda: isinstance(pilot.app.screen, BulkScreen))
        await until(pilot, lambda: "2 of 2 pairs change" in shown(pilot))
        assert "2 exact duplicates of mail; one of each stays" in shown(pilot)
        assert "8✓ Duplicate" in shown(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: status_at(workspace, 15) == "rejected")
        assert [status_at(workspace, at) for at in (13, 14, 15)] == ["open", "rejected", "rejected"]
        found = label.undo_last(workspace, "ana")
        assert found is not None
        assert found.changed == 2
        assert status_at(workspace, 14) == "open"


async def test_a_set_without_duplicates_says_so(workspace: Workspace) -> None:
    look(workspace)
    async with app_at(workspace, "validation").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        with workspace.store.tx() as connection:
            connection.execute("DELETE FROM finding WHERE check_name IN ('dedup', 'neardup')")
        await pilot.app.push_screen(DuplicatesScreen("mail"))
        await settle(pilot)
        await until(pilot, lambda: "No near-duplicates in mail" in shown(pilot))
        await press(pilot, "c")
        await until(pilot, lambda: "No exact duplicates in mail" in shown(pilot))
        await press(pilot, "k", "d", "a", "m", "enter", "n")
        assert isinstance(pilot.app.screen, DuplicatesScreen)
