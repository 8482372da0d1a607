"""The heat map of a taxonomy: how far a data set fills its grid, and the pairs of any cell."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages.generate.coverage import Coverage, aim_at, coverage, pairs_of
from flywheel_tui.stages.generate.objects import object_files
from flywheel_tui.stages.views import ViewQuery
from screens.bindings import bindings_of
from screens.heatmap_text import Heat, draw, heat_of, words
from screens.places import BrowseRequest
from screens.safe import safe_text
from screens.widgets.dialogs import Choice, ChoiceDialog

if TYPE_CHECKING:
    from screens.app import FlywheelApp
    from screens.work_screen import WorkScreen

_AROUND = 10
"""Lines of the dialog that are not the grid."""


class Chosen(NamedTuple):
    """What one wants next: the pairs of a cell with a word for them, or (no pairs) more rows for the cells aimed at."""

    pairs: list[int]
    words: str
    aim: str = ""


class HeatmapScreen(ModalScreen[Chosen | None]):
    """Counts in a thread, then lets the person walk over the cells."""

    CSS_PATH = Path(__file__).with_name("heatmap.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("heatmap")

    def __init__(self, dataset: str, taxonomy: str) -> None:
        super().__init__()
        self._dataset, self._taxonomy = dataset, taxonomy
        self._found: Coverage | None = None
        self._heat: Heat | None = None
        self._at = (0, 0)
        self._levels = False

    @property
    def shell(self) -> FlywheelApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="heatmap") as box:
            box.border_title = safe_text(f"{self._dataset} over taxonomy {self._taxonomy}", multiline=False, limit=100)
            box.border_subtitle = "arrows move · tab styles, levels · enter browse · n rows for it · esc"
            yield Static("", id="heatmap-grid", markup=False)
            yield Static("", id="heatmap-words", markup=False)

    def on_mount(self) -> None:
        """Count."""
        self.action_refresh()

    def on_resize(self) -> None:
        """As much as fits now."""
        self._show()

    @work(group="coverage", exclusive=True, exit_on_error=False, description="count the cells of a taxonomy")
    async def action_refresh(self) -> None:
        """Count again."""
        grid = self.query_one("#heatmap-grid", Static)
        if self._found is None:
            grid.update("reading …")
        try:
            found = await asyncio.to_thread(coverage, self.shell.workspace, self._dataset, self._taxonomy)
        except FlywheelError as error:
            self._found = self._heat = None
            grid.update(safe_text(str(error), style="$reject"))
            self.query_one("#heatmap-words", Static).update("")
            return
        self._found, self._heat = found, heat_of(found, levels=self._levels)
        self.action_move(0, 0)

    def _show(self, remark: str = "") -> None:
        found, heat = self._found, self._heat
        if found is None or heat is None:
            return
        grid, said = self.query_one("#heatmap-grid", Static), self.query_one("#heatmap-words", Static)
        if not found.rows:
            grid.update("No pair of this data set was made from this taxonomy; n makes some.")
            said.update("")
            return
        glyphs = self.shell.glyphs
        width = min(self.size.width, 132) - 4
        grid.update(draw(heat, self._at, glyphs, width, self.size.height - _AROUND))
        told = words(found, heat, self._at, glyphs, levels=self._levels)
        said.update(Content("\n").join([safe_text(remark, style="bold $edit"), told]) if remark else told)

    def action_move(self, down: int, right: int) -> None:
        """Another cell."""
        if self._heat is not None:
            rows, columns = len(self._heat.topics), len(self._heat.columns)
            self._at = (min(max(self._at[0] + down, 0), rows - 1), min(max(self._at[1] + right, 0), columns - 1))
            self._show()

    def action_switch(self) -> None:
        """Styles or difficulties across."""
        if self._found is not None:
            self._levels = not self._levels
            self._heat = heat_of(self._found, levels=self._levels)
            self.action_move(0, 0)

    @work(group="pairs", exclusive=True, exit_on_error=False, description="find the pairs of a cell")
    async def action_browse(self) -> None:
        """Exactly the pairs of the chosen cell."""
        if self._heat is None:
            return
        place = self._heat.places[self._at[0]][self._at[1]]
        name = f"{place.topic} / {place.column}"
        try:
            pairs = await asyncio.to_thread(pairs_of, self.shell.workspace, self._dataset, place.keys)
        except FlywheelError as error:
            self._say(str(error))
            return
        if pairs:
            self.dismiss(Chosen(pairs, f"{name} of taxonomy {self._taxonomy}"))
        else:
            self._say(f"{name}: no pairs here; n makes some")

    def _say(self, said: str) -> None:
        """A remark above the words, until the next move."""
        self._show(said)

    def action_generate(self) -> None:
        """More rows for exactly this cell; for the whole grid where it is empty."""
        aim = ""
        if self._found is not None and self._heat is not None and self._found.rows:
            place = self._heat.places[self._at[0]][self._at[1]]
            aim = aim_at(place.topic, place.keys, self._found.cells)
        self.dismiss(Chosen([], "", aim))

    def action_close(self) -> None:
        """Back."""
        self.dismiss(None)


async def ask_and_show(screen: WorkScreen, dataset: str) -> None:
    """Ask for the taxonomy where there are several, show its heat map, go where the person wants. Call in a worker."""
    shell = screen.shell
    names = sorted(await asyncio.to_thread(object_files, shell.workspace, "taxonomy"))
    taxonomy: str | None = names[0]
    if len(names) > 1:
        taxonomy = await shell.push_screen_wait(ChoiceDialog("which taxonomy", [Choice(name, name) for name in names]))
    if taxonomy is None:
        return
    chosen = await shell.push_screen_wait(HeatmapScreen(dataset, taxonomy))
    if chosen is None:
        return
    if chosen.pairs:
        query = ViewQuery(dataset=dataset, reviewer=shell.reviewer)
        await shell.go("browse", BrowseRequest(query, pairs=chosen.pairs, words=chosen.words))
        return
    from screens.generate_start import ask_and_generate

    await ask_and_generate(screen, dataset, recipe="from-taxonomy", taxonomy=taxonomy, cell=chosen.aim)
