"""The label screen with real keys over a real workspace: every decision, undo, fields, failures, coming back."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_workspace import StillApp, add, make, preferences, say
from pilots import sees, shown, until
from textual.pilot import Pilot
from torture import PAYLOADS

from flywheel_tui.errors import StoreFullError
from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import drafts, views
from flywheel_tui.stages.label import current_label, labels_of
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace
from screens.label import LabelScreen
from screens.label_conflict import ConflictDialog
from screens.label_state import Mode
from screens.label_summary import SummaryDialog
from screens.places import LabelRequest
from screens.widgets.dialogs import ConfirmDialog
from screens.widgets.status_line import FooterLine

SIZE = (120, 40)


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    made = make(tmp_path, count=40, labels=False)
    yield made
    made.close()


def app_on(workspace: Workspace, dataset: str = "demo", **options: Any) -> StillApp:
    return StillApp(workspace, dataset=dataset, start="label", **options)


def screen_of(pilot: Pilot[None]) -> LabelScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, LabelScreen)
    return screen


async def ready(pilot: Pilot[None]) -> LabelScreen:
    """Until the first pair (or the reason why there is none) is shown."""
    await pilot.pause()
    screen = screen_of(pilot)
    await screen.settled()
    await pilot.pause()
    return screen


async def press(pilot: Pilot[None], *keys: str) -> LabelScreen:
    """Press keys without waiting between them, then wait until all that follows has happened."""
    await pilot.press(*keys)
    screen = screen_of(pilot)
    await screen.settled()
    await pilot.pause()
    return screen


def mine(workspace: Workspace, pair: int, reviewer: str = "ana") -> CurrentLabel:
    found = current_label(workspace, pair, reviewer)
    assert found is not None
    return found


def at(screen: LabelScreen) -> int:
    """The pair shown."""
    assert screen.state is not None and screen.state.card is not None
    return screen.state.card.pair.id


async def test_one_key_a_decision(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert at(screen) == 1
        await press(pilot, "a")
        assert mine(workspace, 1).status == "approved" and at(screen) == 2
        await press(pilot, "r", "3")
        assert (mine(workspace, 2).status, mine(workspace, 2).reasons) == ("rejected", ("unsafe",))
        await press(pilot, "R", "1", "4", "enter")
        assert mine(workspace, 3).reasons == ("wrong_facts", "style")
        await press(pilot, "r", "comma", "2", "5", "enter")
        assert mine(workspace, 4).reasons == ("incomplete", "off_topic")
        await press(pilot, "r", "enter")
        assert (mine(workspace, 5).status, mine(workspace, 5).reasons) == ("rejected", ())
        await press(pilot, "s")
        assert mine(workspace, 6).status == "skipped"
        await press(pilot, "4", "a")
        assert (mine(workspace, 7).status, mine(workspace, 7).rating) == ("approved", 4)
        await press(pilot, "r", "1", "full_stop")
        assert (mine(workspace, 9).status, mine(workspace, 9).reasons) == ("rejected", ("wrong_facts",))
        assert at(screen) == 10


async def test_keys_typed_in_a_burst_are_all_taken_in_order(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        await ready(pilot)
        from textual import events

        for key in ["a", "r", "2", "s", "n", "o", "k", "space", "j", "enter", "a", "u", "u", "s"] * 2:
            pilot.app.post_message(events.Key(key, " " if key == "space" else key if len(key) == 1 else None))
        await asyncio.sleep(0.2)
        await screen_of(pilot).settled()
        await pilot.pause()
        assert [mine(workspace, pair).status for pair in (1, 2, 3)] == ["approved", "rejected", "skipped"]
        assert mine(workspace, 4).status == "skipped" and mine(workspace, 4).note is None, "both were taken back"


async def test_letters_are_dead_in_a_field_and_escape_leaves_it(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "n", *"as u", "escape")
        assert at(screen) == 1 and not labels_of(workspace, 1)
        await press(pilot, "n", *"good", "enter")
        assert mine(workspace, 1).note == "good" and mine(workspace, 1).status is None and at(screen) == 1
        await press(pilot, "a")
        assert (mine(workspace, 1).status, mine(workspace, 1).note) == ("approved", "good")
        await press(pilot, "k", "n", *["backspace"] * 4, "enter")
        assert mine(workspace, 1).note is None and mine(workspace, 1).status == "approved"


async def test_tags_and_flags_stay_with_the_decision(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "t", *"x,y", "enter", "m")
        assert mine(workspace, 1).tags == ("x", "y") and mine(workspace, 1).flagged and at(screen) == 1
        await press(pilot, "r", "1")
        label = mine(workspace, 1)
        assert (label.status, label.tags, label.flagged) == ("rejected", ("x", "y"), True)
        assert views.detail(workspace, 1).flagged
        await press(pilot, "k", "m")
        assert not mine(workspace, 1).flagged and mine(workspace, 1).status == "rejected"


async def test_undo_twenty_times_and_across_a_restart(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, *(["a", "s"] * 12))
        assert sum(len(labels_of(workspace, pair)) for pair in range(1, 25)) == 24
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        assert at(screen) == 25
        for pair in range(24, 4, -1):
            await press(pilot, "u")
            assert at(screen) == pair and not labels_of(workspace, pair)
        assert "undone" in screen.board.text
        await press(pilot, *["u"] * 4)
        assert not labels_of(workspace, 1)
        await press(pilot, "u")
        assert "nothing is left to undo" in screen.board.text


async def test_going_about_in_the_queue(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "k")
        assert "first pair" in screen.board.text
        await press(pilot, "j", "j", "k")
        assert at(screen) == 2
        await press(pilot, "G", "4", "0", "enter")
        assert at(screen) == 40
        await press(pilot, "G", "4", "1", "enter")
        assert "pairs 1 to 40" in screen.board.text
        await press(pilot, "escape", "a")
        assert "last pair" in screen.board.text and "39 of 40 pairs are undecided" in screen.board.text
        await press(pilot, "a")
        assert "does nothing here" in screen.query_one(FooterLine).message
        await press(pilot, "k")
        assert at(screen) == 40


async def test_an_edit_in_place_is_a_new_version(workspace: Workspace) -> None:
    before = views.detail(workspace, 1)
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "e", *"Yes. ", "tab", *"Oh. ", "ctrl+s")
        assert at(screen) == 2
        after = views.detail(workspace, 1)
        assert after.version == 2 and after.status == "edited"
        assert after.output == f"Yes. {before.output}" and after.instruction == f"Oh. {before.instruction}"
        await press(pilot, "u")
        assert at(screen) == 1 and views.detail(workspace, 1).output == before.output
        assert before.output is not None and before.output[:20] in screen.board.text


async def test_an_edit_that_is_left_asks_first(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "e", "escape")
        assert screen.state is not None and screen.state.mode is Mode.READ
        await press(pilot, "e", *"xx", "escape")
        assert screen.state.mode is Mode.KEEP and "the text was changed" in screen.board.text
        await press(pilot, "escape", *"yy", "escape", "n")
        assert screen.state.mode is Mode.READ and not labels_of(workspace, 1)
        await press(pilot, "e", *"zz", "escape", "y")
        assert (views.detail(workspace, 1).output or "").startswith("zz")


async def test_preferences_are_stored_by_slot(workspace: Workspace) -> None:
    async with app_on(workspace, "prefs").run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        first = at(screen)
        sides = []
        for key in ("h", "l", "h", "l", "h", "l"):
            assert screen.state is not None
            sides.append((at(screen), key, screen.state.swapped))
            left = screen.board.box_of("rejected" if screen.state.swapped else "output")
            assert left is not None and left.area.x == 0
            await press(pilot, key)
        for pair, key, swapped in sides:
            label = mine(workspace, pair)
            assert label.preference == ("a" if (key == "h") != swapped else "b")
        await press(pilot, "equals_sign", "x", "a")
        assert mine(workspace, first + 6).preference == "tie" and mine(workspace, first + 7).preference == "neither"
        assert "a does nothing here" in screen.query_one(FooterLine).message
        seeds = workspace.store.read().execute("SELECT seed FROM label_event WHERE preference IN ('a', 'b')").fetchall()
        assert [bool(seed & 1) for (seed,) in seeds] == [swapped for _, _, swapped in sides], "the order is recorded"


async def test_questions_of_a_rubric(workspace: Workspace) -> None:
    workspace.__dict__["settings"] = workspace.settings.model_copy(update={"rubric": "yes_no"})
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "y", "n", "minus", "backspace", "y", "N", *"ok", "enter", "r", "1")
        label = mine(workspace, 1)
        assert label.answers == {"S1": "YES", "S2": "NO", "S3": "YES"} and label.note == "ok"
        assert at(screen) == 2
        await press(pilot, "y", "j")
        assert mine(workspace, 2).answers == {"S1": "YES"} and mine(workspace, 2).status is None


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


async def test_panels_come_and_go(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        assert "Rubric:" not in screen.board.text
        await press(pilot, "d")
        assert "Rubric: default@1" in screen.board.text
        await press(pilot, "d", "i")
        assert "Guidelines" in screen.board.text and "Where it comes from" not in screen.board.text
        await press(pilot, "escape", "z")
        assert "decided" not in screen.board.text and "Question 1" in screen.board.text
        await press(pilot, "a")
        assert at(screen) == 2
        await press(pilot, "z")
        assert "decided" in screen.board.text
        await pilot.resize_terminal(140, 40)
        await ready(pilot)
        assert "Rubric: default@1" in screen.board.text and "Where it comes from" in screen.board.text


async def test_going_on_mounts_nothing(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        before = list(screen.walk_children())
        await press(pilot, "a", "r", "1", "s", "j", "k", "u")
        assert list(screen.walk_children()) == before


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_hostile_texts_are_shown_as_text(tmp_path: Path, size: tuple[int, int]) -> None:
    workspace = Workspace.open(tmp_path / "work", create=True)
    made = [
        Draft(instruction=text, input=text, output=text, tags=[text[:40]], category=text[:30], line=n)
        for n, text in enumerate(PAYLOADS.values(), 1)
        if "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)
    ]
    add(workspace, "demo", made)
    async with app_on(workspace).run_test(size=size) as pilot:
        screen = await ready(pilot)
        for _ in made:
            assert not any(ord(c) < 32 and c != "\n" for c in screen.board.text)
            assert not any(c in screen.board.text for c in "\u202e\u200b\ufeff\u2066")
            await press(pilot, "d", "e", "escape", "d", "a")
        assert "last pair" in screen.board.text
    workspace.close()


async def test_long_texts_are_cut_and_more_is_a_key_away(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path / "work", create=True)
    add(workspace, "demo", [Draft(instruction="long", output="word " * 8_000 + "THE END", line=1)])
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "end")
        assert "more characters are not shown" in screen.board.text and "THE END" not in screen.board.text
        await press(pilot, "plus", "end")
        assert "THE END" in screen.board.text
        await press(pilot, "space", "pageup", "home")
        box = screen.board.focused_box
        assert box is not None and box.scroll == 0
    workspace.close()


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


async def test_a_pair_shown_again_measures_and_the_new_answer_can_be_taken(workspace: Workspace) -> None:
    workspace.__dict__["settings"] = workspace.settings.model_copy(update={"self_check": 0.5})
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        for _ in range(60):
            assert screen.state is not None
            if screen.state.repeating:
                break
            await press(pilot, "a")
        assert screen.state is not None and screen.state.repeating
        pair = at(screen)
        assert "again" in screen.board.text and "approved by you" not in screen.board.text
        await press(pilot, "r", "1")
        assert "before you said approved" in screen.board.text
        assert mine(workspace, pair).status == "approved"
        await press(pilot, "c")
        assert mine(workspace, pair).status == "rejected" and at(screen) != pair


async def test_without_a_data_set_no_key_is_offered_that_needs_one(workspace: Workspace) -> None:
    async with StillApp(workspace, start="label").run_test(size=(80, 24)) as pilot:
        await sees(pilot, "No data set is chosen")
        footer = shown(pilot).splitlines()[-1]
        assert "go to" in footer and not any(word in footer for word in ("reject", "repeat", "next", "undo"))
