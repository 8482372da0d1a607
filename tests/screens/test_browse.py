"""Browse with real keys over a real workspace: cursor, search, filter, orders, marks, undo, saved views."""

from __future__ import annotations

from browse_pilots import browse, settle, shown
from fixtures_workspace import StillApp
from pilots import sees
from textual.widgets import Input, OptionList

from flywheel_tui.stages import views
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.widgets.status_line import FooterLine


async def test_the_cursor_goes_where_the_keys_say(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table = browse(pilot).table
        for key, row in (("down", 1), ("j", 2), ("k", 1), ("end", 239), ("home", 0), ("up", 0)):
            await pilot.press(key)
            assert table.cursor == row, key
        await pilot.press("pagedown")
        await pilot.pause()
        assert table.cursor == table.size.height - 1
        assert table.cursor in table.visible_rows()
        await pilot.press("end")
        await pilot.pause()
        assert "Question 240" in "".join(shown(pilot))
        await pilot.press("pageup", "pageup")
        assert table.cursor in table.visible_rows()


async def test_the_mouse_works_too(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        table = browse(pilot).table
        await pilot.click(table, offset=(30, 4))
        assert table.cursor == 4
        await pilot._post_mouse_events([__import__("textual").events.MouseScrollDown], table, offset=(10, 2))
        await pilot.pause()
        assert table.scroll_offset.y > 0


async def test_search_follows_the_letters_and_escape_takes_it_back(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"glac")
        await settle(pilot)
        screen = browse(pilot)
        assert len(screen.state.view) == 30
        assert screen.table.count == 30
        await pilot.press("escape")
        await settle(pilot)
        assert screen.table.count == 240
        assert screen.table.has_focus
        await pilot.press("slash", *"violins", "enter")
        await settle(pilot)
        assert screen.table.count == 30
        assert "/ violins" in shown(pilot)[1]
        await pilot.press("c")
        await settle(pilot)
        assert screen.table.count == 240


async def test_letters_in_a_field_are_text_and_not_commands(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"qgbw?[]")
        await pilot.pause()
        assert pilot.app.screen.query_one("#bar-field", Input).value == "qgbw?[]"
        assert pilot.app.current_mode == "browse"


async def test_a_filter_is_completed_checked_and_applied(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = browse(pilot)
        await pilot.press("f", *"lab")
        await pilot.pause()
        assert "label" in "\n".join(shown(pilot)[2:8])
        await pilot.press("tab", *"== 'appr")
        await pilot.pause()
        await pilot.press("tab", "enter")
        await settle(pilot)
        assert screen.state.query.filter == "label == 'approved'"
        assert screen.table.count == 3
        assert all("✓ approved" in text for text in shown(pilot)[3:6])


async def test_a_wrong_filter_points_at_the_character_and_changes_nothing(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f", *"length < ", *"bogus > 3", "enter")
        await pilot.pause()
        lines = shown(pilot)
        assert "bogus" in lines[1]
        caret = next(text for text in lines[2:5] if "^" in text)
        assert caret.index("^") == lines[1].index("bogus")
        assert browse(pilot).state.query.filter is None
        await pilot.press("escape")
        await pilot.pause()
        assert browse(pilot).table.count == 240
        assert browse(pilot).table.has_focus


async def test_nothing_moves_when_the_popup_opens(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = browse(pilot).table.region
        await pilot.press("f", *"len")
        await pilot.pause()
        assert browse(pilot).table.region == before


async def test_suggestions_can_be_clicked(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f", *"len")
        await pilot.pause()
        await pilot.click(OptionList, offset=(2, 0))
        await pilot.pause()
        assert pilot.app.screen.query_one("#bar-field", Input).value == "length "
        assert pilot.app.screen.query_one(FooterLine)


async def test_orders_by_letter_and_marks_survive_them(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = browse(pilot)
        await pilot.press("space", "space", "down", "space")
        marked = set(screen.state.marks)
        assert len(marked) == 3
        await pilot.press("o")
        await pilot.pause()
        await pilot.press("l")
        await settle(pilot)
        assert screen.state.query.order == "length"
        lengths = [row.length for row in views.page(workspace, screen.state.view, 0, 240)]
        assert lengths == sorted(lengths, reverse=True)
        assert screen.state.marks == marked
        assert "3 marked" in shown(pilot)[1]


async def test_a_range_and_everything_can_be_marked(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = browse(pilot)
        await pilot.press("V", "pagedown", "V")
        await settle(pilot)
        assert len(screen.state.marks) == screen.table.cursor + 1
        await pilot.press("asterisk")
        await settle(pilot)
        assert screen.state.marks == set()
        await pilot.press("asterisk")
        await settle(pilot)
        assert len(screen.state.marks) == 240


async def test_a_judge_is_asked_about_the_marked_pairs_or_the_hits(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("space", "space", "J")
        await sees(pilot, "id in [1, 2]", "2 of 2 pairs")
        await pilot.press("escape", "asterisk", "slash", *"glaciers", "enter")
        await settle(pilot)
        hits = len(pilot.app.screen.state.view)  # type: ignore[attr-defined]
        assert 2 < hits <= 90
        await pilot.press("J")
        await sees(pilot, "id in [", f"{hits} of {hits} pairs")


async def test_undo_goes_back_to_the_pair_and_says_what_it_took_back(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "A")
        await sees(pilot, "settle pair 2")
        await pilot.press("a")
        await sees(pilot, "pair 2 settled: approved")
        await pilot.press("j", "u")
        await sees(pilot, "taken back: the settled decision on pair 2 (approved)")
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen) and screen.table.cursor == 1


async def test_a_view_is_saved_opened_and_deleted(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        screen = browse(pilot)
        await pilot.press("f", *"label != 'open'", "enter")
        await settle(pilot)
        await pilot.press("w")
        await pilot.pause()
        await pilot.press("s")
        await pilot.pause()
        await pilot.press(*"decided", "enter")
        await pilot.pause()
        await pilot.press("c")
        await settle(pilot)
        assert screen.table.count == 240
        await pilot.press("w")
        await pilot.pause()
        assert "decided" in "\n".join(shown(pilot))
        await pilot.press("enter")
        await settle(pilot)
        assert screen.table.count == 5
        await pilot.press("w")
        await pilot.pause()
        await pilot.press("d")
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        assert views.saved_views(workspace, "demo") == []


async def test_go_to_a_number(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("G")
        await pilot.pause()
        await pilot.press(*"999", "enter")
        await pilot.pause()
        assert "1 to 240" in "\n".join(shown(pilot))
        await pilot.press("backspace", "backspace", "backspace", *"200", "enter")
        await pilot.pause()
        assert browse(pilot).table.cursor == 199
