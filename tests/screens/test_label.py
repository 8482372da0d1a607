"""The label screen with real keys over a real workspace: decisions, undo, fields, edits, panels, hostile texts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fixtures_workspace import StillApp, add, drafts
from label_pilots import SIZE, app_on, at, mine, press, ready, screen_of
from pilots import shown
from torture import PAYLOADS

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import views
from flywheel_tui.stages.label import labels_of
from flywheel_tui.workspace import Workspace
from screens.label_state import Mode
from screens.widgets.status_line import FooterLine

WORKSPACE = {"count": 40, "labels": False}


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


async def test_a_field_says_what_it_is_for_and_how_it_ends_while_one_types(workspace: Workspace) -> None:
    async with app_on(workspace).run_test(size=(80, 24)) as pilot:
        screen = await ready(pilot)
        await press(pilot, "n", *"hm")
        assert "a note on this pair" in shown(pilot) and "enter keeps it   esc leaves" in shown(pilot)
        await press(pilot, "enter")
        assert "a note on this pair" not in shown(pilot) and "note: hm" in shown(pilot)
        await press(pilot, "t", "x")
        assert "tags, separated by commas" in shown(pilot)
        await press(pilot, "escape", "G", *"999", "enter")
        assert "there are pairs 1 to 40" in shown(pilot)
        assert screen.state is not None and screen.state.mode is Mode.GOTO


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


async def test_what_is_undone_in_another_data_set_is_the_pair_shown(workspace: Workspace) -> None:
    add(workspace, "beside", drafts(40))
    async with app_on(workspace).run_test(size=SIZE) as pilot:
        await ready(pilot)
        await press(pilot, "j", "j", "n", *"mine", "enter")
    async with app_on(workspace, dataset="beside").run_test(size=SIZE) as pilot:
        screen = await ready(pilot)
        await press(pilot, "o", "a")
        assert at(screen) > 40 and "queue: as is" in screen.board.text
        await press(pilot, "u")
        assert at(screen) == 3 and "undone: a remark in demo; this is the pair" in screen.board.text


async def test_without_any_data_set_the_key_it_names_says_what_to_do(tmp_path: Path) -> None:
    async with StillApp(Workspace.open(tmp_path / "new", create=True), start="label").run_test(size=(80, 24)) as pilot:
        await ready(pilot)
        assert "Press D to choose one" in shown(pilot)
        await press(pilot, "D")
        assert "there is no data set yet; take pairs in: g d, then i" in shown(pilot)


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
