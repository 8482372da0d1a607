"""What Browse shows: the preview, findings, what to do where nothing is, hostile texts; its state and columns."""

from __future__ import annotations

from pathlib import Path

import pytest
from browse_pilots import browse, settle, shown
from fixtures_workspace import StillApp, add, make, preferences, say
from pilots import until
from torture import PAYLOADS

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import search_index, views
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.workspace import Workspace
from screens.browse_state import PAGE, BrowseState
from screens.widgets.pair_columns import divide
from screens.widgets.pair_pane import PairPane


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
        await until(pilot, lambda: "✓ approved" in shown(pilot)[3], "what others say is not seen")
        assert browse(pilot).table.cursor == 3


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
