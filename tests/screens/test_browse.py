"""Browse with real keys over a real workspace: cursor, search, filter, orders, marks, saved views, preview."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures_workspace import StillApp, add, make, preferences, say
from pilots import sees
from textual.pilot import Pilot
from textual.widgets import Input, OptionList
from torture import PAYLOADS

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import search_index, views
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.browse_state import PAGE, BrowseState
from screens.widgets.pair_columns import divide
from screens.widgets.pair_pane import PairPane
from screens.widgets.status_line import FooterLine


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return make(tmp_path)


def shown(pilot: Pilot[None]) -> list[str]:
    """The screen as a person sees it."""
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def browse(pilot: Pilot[None]) -> BrowseScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, BrowseScreen)
    return screen


async def settle(pilot: Pilot[None]) -> None:
    """Until the views are gathered and drawn."""
    await pilot.app.workers.wait_for_complete(
        [worker for worker in pilot.app.workers if worker.group in ("view", "marks")]
    )
    await pilot.pause()
    await pilot.pause()


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


async def test_the_preview_follows_the_cursor_and_takes_the_focus(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("down", "down")
        await pilot.pause()
        pane = pilot.app.screen.query_one(PairPane)
        assert pane.pair.position == 3
        assert "✗ rejected" in "\n".join(shown(pilot)[12:])
        await pilot.press("tab")
        assert pane.has_focus
        await pilot.press("tab")
        assert browse(pilot).table.has_focus
        await pilot.press("p")
        await pilot.pause()
        assert not pane.display
        assert browse(pilot).table.size.height > 18


async def test_long_texts_are_cut_and_more_is_shown_on_demand(tmp_path: Path) -> None:
    workspace = make(tmp_path)
    add(workspace, "long", [Draft(instruction="x" * 30_000, output="the end", line=1)])
    async with StillApp(workspace, dataset="long").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.pause()
        pane = pilot.app.screen.query_one(PairPane)
        assert pane.has_more
        await pilot.press("m")
        await pilot.pause()
        assert not pane.has_more


async def test_findings_are_highlighted_where_they_are(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        connection.execute(
            "INSERT INTO finding (dataset_id, pair_id, check_name, check_version, severity, field, span_start,"
            " span_end, message, created) VALUES (1, 1, 'pii', 1, 'error', 'instruction', 0, 8, 'looks like a name', 0)"
        )
        connection.execute("UPDATE pair_current SET findings = 1, severity = 'error' WHERE id = 1")
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        text = "\n".join(shown(pilot))
        assert "find" in text
        assert "✗1" in text
        assert "Question" in text
        strips = pilot.app.screen._compositor.render_strips()
        marked = [
            segment.text
            for strip in strips
            for segment in strip
            if segment.style is not None and segment.style.underline and segment.text.strip() == "Question"
        ]
        assert marked == ["Question"]


async def test_nothing_matches_says_what_to_do(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("slash", *"xyzzy", "enter")
        await settle(pilot)
        assert "Nothing matches" in "\n".join(shown(pilot))
        assert "c to show everything" in "\n".join(shown(pilot))


async def test_without_a_data_set_it_asks_for_one(workspace: Workspace) -> None:
    async with StillApp(workspace, start="browse").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert "Press D" in "\n".join(shown(pilot))
        await pilot.press("D")
        await pilot.pause()
        await pilot.press("down", "enter")
        await settle(pilot)
        assert pilot.app.dataset == "prefs"
        assert browse(pilot).table.count == 30


async def test_an_index_that_is_behind_is_said(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_index, "build", lambda *args, **kwargs: 0)
    add(workspace, "late", preferences(5), "late.jsonl")
    async with StillApp(workspace, dataset="demo").run_test(size=(120, 24)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("slash", *"bees", "enter")
        await settle(pilot)
        assert "index 9" in shown(pilot)[1]
        assert "more will be found" in shown(pilot)[1]


async def test_behind_the_screen_the_index_is_built(workspace: Workspace) -> None:
    add(workspace, "late", [Draft(instruction="an okapi", output="is shy")], "late.jsonl")
    async with StillApp(workspace, dataset="late").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.app.workers.wait_for_complete([each for each in pilot.app.workers if each.group == "index"])
        assert not search_index.is_behind(workspace)


async def test_the_cursor_stays_on_its_pair_when_others_label(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.press("down", "down", "down")
        say(workspace, 1, "approved", reviewer="bo")
        await pilot.pause(0.4)
        assert browse(pilot).table.cursor == 3
        assert "✓ approved" in shown(pilot)[3]


@pytest.mark.parametrize("theme", ["flywheel-dark", "flywheel-mono"])
async def test_hostile_texts_are_shown_as_text(tmp_path: Path, theme: str) -> None:
    workspace = make(tmp_path)
    drafts = [
        Draft(
            instruction=text.encode("utf-8", "replace").decode(),
            output=text.encode("utf-8", "replace").decode(),
            tags=[text.encode("utf-8", "replace").decode()],
            line=number,
        )
        for number, text in enumerate(PAYLOADS.values(), 1)
    ]
    add(workspace, "hostile", drafts, "\x1b]2;title\x07[b]name[/nope].jsonl")
    async with StillApp(workspace, dataset="hostile", theme=theme).run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        for _ in range(browse(pilot).table.count):
            await pilot.press("down")
            for text in shown(pilot):
                assert text.isprintable(), ascii(text)
        await pilot.press("home")
        await pilot.pause()
        seen = "\n".join(shown(pilot))
        assert "␛]52;c;" in seen
        await pilot.press("g", "d")
        await pilot.pause(0.2)
        for text in shown(pilot):
            assert text.isprintable()
        await pilot.press("enter")
        await pilot.press("slash", *"[/nope]", "enter")
        await settle(pilot)
        await pilot.press("f", *"'[/b' in instruction", "enter")
        await settle(pilot)
        assert "'[/b' in instruction" in shown(pilot)[1]
    assert pilot.app.return_code in (None, 0)


# -- without a screen --------------------------------------------------------------------------------------------------


def test_state_reads_pages_once_and_keeps_few(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    state = BrowseState(workspace, "demo")
    reads: list[int] = []
    real = views.page

    def counted(*args: object) -> object:
        reads.append(args[2])  # type: ignore[arg-type]
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(views, "page", counted)
    assert state.row(0).position == 1
    assert state.row(PAGE - 1).position == PAGE
    assert reads == [0]
    assert state.prefetch(5)
    assert reads == [0, PAGE]
    assert not state.prefetch(5)
    assert state.row(-1) is None
    assert state.row(240) is None


def test_state_notices_only_changes_on_screen(workspace: Workspace) -> None:
    state = BrowseState(workspace, "demo")
    state.row(0)
    assert not state.reload(range(20))
    say(workspace, 230, "approved")
    assert not state.reload(range(20))
    say(workspace, 4, "rejected")
    assert state.reload(range(20))
    assert state.row(3).status == "rejected"


def test_marks_belong_to_a_data_set(workspace: Workspace) -> None:
    state = BrowseState(workspace, "demo")
    state.toggle(3)
    state.open(state.changed(order="length"))
    assert len(state.marks) == 1
    state.open(ViewQuery(dataset="prefs"))
    assert state.marks == set()
    assert state.marked_ids() is None


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
@pytest.mark.parametrize("count", [0, 240, 1_000_000])
def test_columns_fill_the_width(width: int, count: int) -> None:
    columns = divide(width, count, mixed=True, scored=True, found=True)
    used = 1 + sum(size + 1 for size in columns if size) - 1
    assert used <= width
    assert columns.text >= 8


@pytest.mark.slow
async def test_a_million_pairs_answer_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(search_index, "is_behind", lambda workspace: False)

    workspace = make(tmp_path, count=10)
    drafts = [Draft(instruction=f"q {n}", output="a" * (n % 50)) for n in range(1000)]
    from flywheel_tui.store import datasets, pairs

    with workspace.store.tx() as connection:
        dataset = datasets.create_dataset(connection, "million", "sft")
    for block in range(1000):
        named = [Draft(instruction=f"{block} {each.instruction}", output=each.output) for each in drafts]
        prepared = pairs.prepare(named)
        with workspace.store.tx(durable=False) as connection:
            pairs.insert_drafts(connection, dataset.id, 1, prepared, pairs.Occurrences())
    async with StillApp(workspace, dataset="million").run_test(size=(140, 40)) as pilot:
        await pilot.pause()
        assert browse(pilot).table.count == 1_000_000
        await pilot.press("end", "pageup", "home", "down")
        assert browse(pilot).table.cursor == 1


async def test_suggestions_can_be_clicked(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo").run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("f", *"len")
        await pilot.pause()
        await pilot.click(OptionList, offset=(2, 0))
        await pilot.pause()
        assert pilot.app.screen.query_one("#bar-field", Input).value == "length "
        assert pilot.app.screen.query_one(FooterLine)
