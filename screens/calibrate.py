"""Calibrate: a judge beside people, at every threshold; what the figures mean, and the pairs behind them."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.stages import calibrate as stage
from flywheel_tui.stages import calibrate_desk as desk_stage
from flywheel_tui.text import relative_time
from screens.bindings import bindings_of
from screens.calibrate_actions import CalibrateActions
from screens.calibrate_chart import CurveChart
from screens.calibrate_matrix import draw_grid, facts_line, grid_of, rates_content, threshold_line
from screens.calibrate_tabs import notes_content
from screens.calibrate_views import VIEWS
from screens.places import CalibrateRequest
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import KeptCalibration

QUICK_SECONDS = 1.0
"""What was read in less is read again by itself when labels or verdicts change; larger sets wait for the key."""
SETTLE_SECONDS = 0.15
_NO_DATASET = "No data set is chosen.\n\nPress D to choose one, or g d for the list."
_NO_RUNS = """No judge has looked at {dataset} yet.

Judge it:  flywheel judge -d {dataset} --tag first
or take in what another tool said:  flywheel judge -d {dataset} --import FILE"""
_LOADING = """Measuring {tag} against people …

Reading every verdict and every label of {dataset} ({pairs:,} pairs).
A million takes about a second; any key works meanwhile."""


class CalibrateScreen(CalibrateActions):
    """Matrix, figures and views of one judge run."""

    PLACE = "calibrate"
    CSS_PATH = Path(__file__).with_name("calibrate.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("calibrate")

    def __init__(self) -> None:
        super().__init__()
        self._options = CalibrateOptions(tag="")
        self._dataset = ""
        self._mark = ""
        self._took = 0.0
        self._changed = self._looking = False
        self._kept: list[KeptCalibration] = []
        self._read_views: dict[int, Any] = {}

    def compose_body(self) -> ComposeResult:
        yield Static("", id="calibrate-facts", markup=False)
        yield Static("", id="calibrate-headline", markup=False)
        yield Static("", id="calibrate-line", markup=False)
        yield Static("", id="calibrate-tabs", markup=False)
        with Container(id="calibrate-body"):
            with Container(id="calibrate-left"):
                yield Static("", id="calibrate-matrix", markup=False)
                yield Static("", id="calibrate-left-rates", markup=False)
            with Container(id="calibrate-right"):
                yield CurveChart(id="calibrate-chart")
                with VerticalScroll(id="calibrate-panel", can_focus=False):
                    yield Static("", markup=False)
        yield Static("", id="calibrate-state", classes="state", markup=False)

    # -- coming here and reading --------------------------------------------------------------------------------------

    def arrive(self, request: object) -> None:
        """Measure what was asked for; else the data set of the header, where it was left."""
        self.call_after_refresh(self._arrive, request)

    def _arrive(self, request: object) -> None:
        if isinstance(request, CalibrateRequest):
            self.shell.dataset = request.dataset
            self._dataset, self._desk = request.dataset, None
            self._options = msgspec.structs.replace(self._options, tag=request.tag)
        if not self.shell.dataset:
            self._show_state(_NO_DATASET)
        elif self._desk is None or self._dataset != self.shell.dataset:
            if self._dataset != self.shell.dataset:
                self._dataset, self._options = self.shell.dataset, CalibrateOptions(tag="")
            self.measure()
        else:
            self.store_changed()

    def measure(self, options: CalibrateOptions | None = None) -> None:
        """Read and measure, in a thread; what is shown stays until the new figures are here."""
        if options is not None:
            self._options = options
        self._measure()

    @work(group="measure", exclusive=True, exit_on_error=False, description="measure a judge")
    async def _measure(self) -> None:
        workspace, name = self.shell.workspace, self.shell.dataset
        options = self._options
        try:
            runs = await asyncio.to_thread(desk_stage.runs_of, workspace, name)
            if not runs:
                self._desk = None
                self._show_state(_NO_RUNS.format(dataset=name))
                return
            if options.tag not in {run.tag for run in runs}:
                options = msgspec.structs.replace(options, tag=runs[0].tag)
            if self._desk is None:
                pairs = desk_stage.pairs_of(workspace, name)
                self._show_state(_LOADING.format(tag=options.tag, dataset=name, pairs=pairs))
            began = time.monotonic()
            mark = await asyncio.to_thread(desk_stage.mark_of, workspace, name, options.tag)
            # a look at the report split spends some of it, and is written down
            keep = options.split == "report"
            desk = await asyncio.to_thread(desk_stage.open_desk, workspace, name, options, keep=keep)
        except FlywheelError as error:
            if self._desk is None:
                self._show_state(str(error))
            else:
                self._options = self._desk.read.options
                self.hint(str(error))
            return
        self._took, self._mark, self._changed = time.monotonic() - began, mark, False
        # what the run's import or the kind of its verdicts decided is what the next switch starts from
        self._options = msgspec.structs.replace(desk.read.options, threshold=None)
        other = self._desk is None or (self._desk.found.tag, self._desk.found.dataset) != (options.tag, name)
        self._desk, self._dataset, self._read_views = desk, name, {}
        if other:
            self._kept, self._line, self._cell = [], None, (0, 0)
        elif self._line is not None:
            self._line = desk.lines[desk.nearest(self._line)] if desk.lines else None
        self.remove_class("-stateful")
        self.show_all()
        self._read_kept()

    @work(group="kept", exclusive=True, exit_on_error=False, description="read kept calibrations")
    async def _read_kept(self) -> None:
        desk = self._desk
        assert desk is not None
        kept = await asyncio.to_thread(stage.kept_calibrations, self.shell.workspace, desk.found.dataset)
        if desk is self._desk:
            self._kept = [one for one in kept if one.calibration.tag == desk.found.tag]
            self.show_figures()

    def store_changed(self) -> None:
        """Somebody committed: are the figures still those of what is there?"""
        if self._desk is not None and not self._looking and self._desk.found.dataset == self.shell.dataset:
            self._look_again()

    @work(group="look", exit_on_error=False, description="see whether labels or verdicts have changed")
    async def _look_again(self) -> None:
        self._looking = True
        try:
            desk = self._desk
            assert desk is not None
            mark = await asyncio.to_thread(desk_stage.mark_of, self.shell.workspace, desk.found.dataset, desk.found.tag)
        except FlywheelError as error:
            self.hint(str(error))
            return
        finally:
            self._looking = False
        if mark == self._mark or desk is not self._desk:
            return
        if self._took < QUICK_SECONDS and self.shell.base_screen is self:
            self.measure()
        else:
            self._changed = True
            self.show_figures()

    def _show_state(self, text: str) -> None:
        self.query_one("#calibrate-state", Static).update(Content(text))
        self.add_class("-stateful")
        self.refresh_bindings()

    # -- what is shown ------------------------------------------------------------------------------------------------

    def show_all(self) -> None:
        """Everything, the view too."""
        view = VIEWS[self._view]
        self.set_class(view.name == "matrix", "-first")
        self.set_class(view.name == "curve", "-curve")
        self.set_class(view.name not in ("matrix", "curve"), "-other")
        self.query_one("#calibrate-panel").scroll_to(y=0, animate=False)
        self.show_figures()
        self.refresh_bindings()

    def show_figures(self) -> None:
        """What moves with the threshold: only sums are looked at, nothing is read."""
        desk = self._desk
        if desk is None:
            return
        glyphs, width = self.shell.glyphs, self.size.width
        settled = self._settled if self._settled is not None and self._settled[0] == self._line else None
        found = settled[1] if settled else desk.at(self._line)
        settling = self._line is not None and not desk.exact and settled is None
        wide = self.has_class("-wide")
        stale = next((one.stale for one in self._kept if one.calibration.threshold is not None), ())
        kept = next((one.calibration.threshold.value for one in self._kept if one.calibration.threshold), None)
        self._set("facts", facts_line(found, stale, self._changed))
        self._set("headline", safe_text(found.headline, multiline=False, limit=600))
        self._set("line", threshold_line(found, desk.lines, width, glyphs, kept))
        self._set("tabs", self._tabs(width))
        grid = grid_of(found)
        self._set("matrix", draw_grid(grid, self._cell, glyphs, preference=found.kind == "preference",
                                      width=46 if wide else 43))  # fmt: skip
        rates = rates_content(found, settling=settling)
        if wide:
            self._set("left-rates", rates)
        self._show_view(found, rates, wide)
        if settling:
            self._settle_soon()

    def _show_view(self, found: Any, rates: Content, wide: bool) -> None:
        desk, view = self._desk, VIEWS[self._view]
        assert desk is not None
        if view.name == "matrix":
            when = [relative_time(one.created, self.shell.clock()) for one in self._kept]
            notes = notes_content(found, desk.guarantee, self._kept, when)
            self._panel(notes if wide else Content("\n").join([rates, notes]))
        if view.name == "curve" or (wide and view.name == "matrix"):
            # the figures are on screen first; the drawing follows in the next frame
            self.call_after_refresh(self.query_one(CurveChart).show, desk.curve, found)
        elif view.read is not None:
            self._show_read(self._view)

    def _show_read(self, number: int) -> None:
        view = VIEWS[number]
        assert view.draw is not None
        if number in self._read_views:
            room = self.query_one("#calibrate-panel").size.width - 2
            self._panel(view.draw(self._read_views[number], self.shell.glyphs, room or 76))
        else:
            self._panel(Content.styled(f"{view.name}: reading …", "$muted"))
            self._read_view(number)

    @work(group="view", exclusive=True, exit_on_error=False, description="read a view of a judge")
    async def _read_view(self, number: int) -> None:
        desk, view = self._desk, VIEWS[number]
        assert desk is not None and view.read is not None
        try:
            found = await asyncio.to_thread(view.read, self.shell.workspace, desk)
        except FlywheelError as error:
            if number == self._view:
                self._panel(safe_text(str(error)))
            return
        if desk is self._desk:
            self._read_views[number] = found
            if number == self._view:
                self._show_read(number)

    @work(group="settle", exclusive=True, exit_on_error=False, description="intervals over families")
    async def _settle_soon(self) -> None:
        await asyncio.sleep(SETTLE_SECONDS)
        desk, line = self._desk, self._line
        if desk is None or line is None:
            return
        found = await asyncio.to_thread(desk.settled, self.shell.workspace, line)
        if desk is self._desk and line == self._line:
            self._settled = (line, found)
            self.show_figures()

    def _tabs(self, width: int) -> Content:
        gap = " " if width < 100 else "  "
        parts = [
            Content.styled(f"{number} {view.name}", "bold reverse" if number - 1 == self._view else "$muted")
            for number, view in enumerate(VIEWS, 1)
        ]
        return Content(" ") + Content(gap).join(parts)

    def _set(self, name: str, content: Content) -> None:
        self.query_one(f"#calibrate-{name}", Static).update(content)

    def _panel(self, content: Content) -> None:
        self.query_one("#calibrate-panel Static", Static).update(content)

    def on_resize(self) -> None:
        """Other columns fit."""
        self.call_after_refresh(self.show_figures)
