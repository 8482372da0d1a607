"""The rubric editor with real keys: what is wrong is said, three pairs are judged, saving raises the version."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_workspace import StillApp, make
from pilots import shown, until
from textual.pilot import Pilot
from textual.widgets import TextArea

from flywheel_tui.stages.rubric import named_rubric, rubric_files
from flywheel_tui.stages.rubric_preview import NEW, next_version
from flywheel_tui.workspace import Workspace
from screens.rubric import RubricScreen

Compare = Callable[..., bool]


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    yield make(tmp_path, count=12)


async def open_editor(pilot: Pilot[None], *keys: str) -> RubricScreen:
    await pilot.pause(0.2)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: "a new rubric" in shown(pilot), "no list of rubrics")
    await pilot.press(*keys, "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, RubricScreen), "no editor")
    await until(pilot, lambda: "hash" in shown(pilot), "the rubric is not read")
    screen = pilot.app.screen
    assert isinstance(screen, RubricScreen)
    return screen


async def test_a_mistake_is_said_with_its_line_while_one_types(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 30)) as pilot:
        screen = await open_editor(pilot)
        area = screen.query_one(TextArea)
        area.load_text(area.text.replace("version: 1", "version: none"))
        await until(pilot, lambda: "the rubric:3" in shown(pilot), "the line is not named")
        await pilot.press("ctrl+s")
        await pilot.pause(0.2)
    assert named_rubric(workspace, "default").version == 1


async def test_three_pairs_are_judged_by_rules_and_saving_raises_the_version(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo", start="datasets").run_test(size=(140, 40)) as pilot:
        screen = await open_editor(pilot)
        await until(pilot, lambda: shown(pilot).count("people:") == 3, "three pairs are not there")
        await pilot.press("f5")
        await until(pilot, lambda: "judged by offline" in shown(pilot), "nobody judged")
        assert shown(pilot).count("passed") + shown(pilot).count("failed") >= 3
        area = screen.query_one(TextArea)
        area.load_text(area.text + "prompt: Doubt every figure.\n")
        await until(pilot, lambda: "not saved" in shown(pilot), "the change is not seen")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "default@2" in shown(pilot) and "not saved" not in shown(pilot), "not saved")
        await pilot.press("f7")
        await until(pilot, lambda: "what the judge is told" in shown(pilot), "what is sent is not shown")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RubricScreen), "it did not close")
    assert named_rubric(workspace, "default").prompt == "Doubt every figure."


async def test_what_is_typed_is_not_lost_unasked(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo", start="datasets").run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "a new rubric" in shown(pilot), "no list")
        await pilot.press("n")
        await until(pilot, lambda: "my-rubric@1" in shown(pilot), "no new rubric")
        await pilot.press("x", "escape")
        await until(pilot, lambda: "this is not saved" in shown(pilot), "it closed unasked")
        await pilot.press("g")
        assert isinstance(pilot.app.screen, RubricScreen)
        await pilot.press("escape")
        await until(pilot, lambda: "this is not saved" in shown(pilot), "it closed unasked")
        await pilot.press("d")
        await until(pilot, lambda: not isinstance(pilot.app.screen, RubricScreen), "it did not close")
    assert "my-rubric" not in rubric_files(workspace)


def test_the_version_is_raised_only_where_the_content_changed(workspace: Workspace) -> None:
    saved = named_rubric(workspace, "default")
    text = rubric_files(workspace)["default"].read_text("utf-8")
    assert next_version(text, saved) == text and next_version(NEW, None) == NEW
    assert "version: 2" in next_version(text + "prompt: more\n", saved)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("theme", ["flywheel-dark", "flywheel-mono"])
def test_how_it_looks(snap_compare: Compare, tmp_path: Path, theme: str, size: tuple[int, int]) -> None:
    async def tried(pilot: Pilot[None]) -> None:
        await open_editor(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: "judged by offline" in shown(pilot), "nobody judged")
        pilot.app.screen.set_focus(None)  # whether the cursor is drawn hangs on when the focus came
        pilot.app.screen.query_one(TextArea)._line_cache.clear()
        pilot.app.screen.query_one(TextArea).refresh()
        await pilot.pause()

    app = StillApp(make(tmp_path, count=12), theme=theme, dataset="demo", start="datasets")
    assert snap_compare(app, terminal_size=size, run_before=tried)
