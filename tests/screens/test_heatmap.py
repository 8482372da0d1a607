"""The heat map with real keys over rows that from-taxonomy really made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from fixtures_workspace import StillApp, make
from pilots import shown, until
from textual.pilot import Pilot
from textual.widgets import Input

from flywheel_tui.jobs import run_foreground
from flywheel_tui.stages.generate.coverage import EDGE, coverage, pairs_of
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.generate_dialog import GenerateDialog
from screens.glyphs import Glyphs
from screens.heatmap import HeatmapScreen
from screens.heatmap_text import draw, heat_of


def made(workspace: Workspace, options: GenerateOptions) -> None:
    asked = announce(workspace, options)
    run_foreground(
        workspace, "generate", msgspec.to_builtins(asked.options), title="generate", dataset_id=asked.dataset_id
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make(tmp_path, count=6, labels=False)
    options = GenerateOptions(
        recipe="from-taxonomy", into="a-grid", seeds="", count=30, backend="offline", options={"taxonomy": "support"}
    )
    made(workspace, options)
    return workspace


async def open_map(pilot: Pilot[None], *, row: int = 0) -> None:
    await pilot.pause(0.2)
    await pilot.press("home", *["down"] * row, "h")
    await until(pilot, lambda: "which taxonomy" in shown(pilot), "it does not ask")
    await pilot.press("down", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, HeatmapScreen), "no heat map")
    await until(pilot, lambda: "empty" in shown(pilot) or "n makes some" in shown(pilot), "it is not read")


@pytest.mark.parametrize("levels", [False, True])
def test_the_numbers_are_those_of_the_coverage(workspace: Workspace, levels: bool) -> None:
    found = coverage(workspace, "a-grid", "support")
    heat = heat_of(found, levels=levels)
    assert found.rows > 10 and sum(place.pairs for place in heat.flat) == found.rows
    assert sorted(key for place in heat.flat for key in place.keys) == sorted(found.wanted)
    for place in heat.flat:
        across = [(s, n) for s in found.styles for n in found.levels if (n if levels else s) == place.column]
        if place.column == "edge cases":
            across = [(kind, EDGE) for kind in found.edges]
        assert place.pairs == sum(found.count(place.topic, *each) for each in across)
        assert len(pairs_of(workspace, "a-grid", place.keys)) == place.pairs
    lines = draw(heat, (0, 0), Glyphs(ascii_only=True), 110, 30).plain.splitlines()
    assert "".join(lines).isascii() and lines[-1].split()[-1] == str(found.rows)
    for row, line in zip(heat.places, lines[2:], strict=False):
        numbers = [word.strip("[].:+#") for word in line[17:].split()]
        assert numbers == [str(p.pairs) if p.pairs else "-" for p in row] + [str(sum(p.pairs for p in row))]


async def test_enter_opens_the_pairs_of_the_cell_and_an_empty_one_says_so(workspace: Workspace) -> None:
    heat = heat_of(coverage(workspace, "a-grid", "support"), levels=False)
    width = len(heat.columns)
    full = next(at for at, place in enumerate(heat.flat) if place.pairs)
    none = next(at for at, place in enumerate(heat.flat) if not place.pairs)
    async with StillApp(workspace, start="datasets").run_test(size=(80, 24)) as pilot:
        await open_map(pilot)
        await pilot.press(*["down"] * (none // width), *["right"] * (none % width), "enter")
        await until(pilot, lambda: "no pairs here" in shown(pilot), "an empty cell does not say so")
        assert isinstance(pilot.app.screen, HeatmapScreen)
        await pilot.press(*["up"] * 9, *["left"] * 9, *["down"] * (full // width), *["right"] * (full % width), "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, BrowseScreen), "not in Browse")
        screen = pilot.app.screen
        assert isinstance(screen, BrowseScreen)
        await until(pilot, lambda: screen._state is not None, "nothing is read")
        assert screen._state is not None
        assert list(screen._state.view.ids) == pairs_of(workspace, "a-grid", heat.flat[full].keys)


async def test_tab_shows_difficulties_and_n_opens_the_dialog(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 40)) as pilot:
        await open_map(pilot)
        assert "tab difficulties" in shown(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: "tab styles" in shown(pilot) and "hard" in shown(pilot), "no difficulties")
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, GenerateDialog), "no dialog")
        await until(pilot, lambda: "< from-taxonomy >" in shown(pilot), "another recipe")
        assert "support" in [field.value for field in pilot.app.screen.query(Input)]


@pytest.mark.parametrize("levels", [False, True], ids=["styles", "levels"])
async def test_n_aims_at_the_cell_and_the_job_fills_exactly_that(workspace: Workspace, levels: bool) -> None:
    found = coverage(workspace, "a-grid", "support")
    heat = heat_of(found, levels=levels)
    width = len(heat.columns)
    at, place = next((at, place) for at, place in enumerate(heat.flat) if not place.pairs and len(place.keys) > 1)
    async with StillApp(workspace, start="datasets").run_test(size=(140, 40)) as pilot:
        await open_map(pilot)
        if levels:
            await pilot.press("tab")
            await until(pilot, lambda: "tab styles" in shown(pilot), "no difficulties")
        await pilot.press(*["down"] * (at // width), *["right"] * (at % width), "n")
        await until(pilot, lambda: isinstance(pilot.app.screen, GenerateDialog), "no dialog")
        dialog = pilot.app.screen
        assert isinstance(dialog, GenerateDialog)
        await until(pilot, lambda: "100 rows cost nothing" in shown(pilot), "no price")
        options = dialog.options()
        assert (options.recipe, options.into, options.options["taxonomy"]) == ("from-taxonomy", "a-grid", "support")
        assert place.topic in shown(pilot) and options.options["cell"] in shown(pilot)
    await asyncio.to_thread(made, workspace, msgspec.structs.replace(options, count=4))
    after = coverage(workspace, "a-grid", "support")
    grown = {key for key, count in after.counts.items() if count != found.counts.get(key, 0)}
    assert after.rows == found.rows + 4 and grown <= set(place.keys)


async def test_a_data_set_of_other_rows_says_so(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(80, 24)) as pilot:
        await open_map(pilot, row=1)
        assert "No pair of this data set was made from this taxonomy; n makes some." in shown(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, HeatmapScreen), "escape does not close it")


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_heatmap_picture(snap_compare: Callable[..., bool], workspace: Workspace, size: tuple[int, int]) -> None:
    app = StillApp(workspace, start="datasets")
    assert snap_compare(app, terminal_size=size, run_before=open_map)
