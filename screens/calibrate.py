"""Calibrate: a judge beside people, at every threshold; what the figures mean, and the pairs behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.text import relative_time
from screens.bindings import bindings_of
from screens.calibrate_chart import CurveChart
from screens.calibrate_matrix import draw_grid, facts_line, grid_of, rates_content, threshold_line
from screens.calibrate_reading import CalibrateReading
from screens.calibrate_tabs import notes_content
from screens.calibrate_views import VIEWS
from screens.places import CalibrateRequest
from screens.safe import safe_text

_FIXED = ("facts", "headline", "line", "tabs")
"""Their height never changes."""
_NO_DATASET = "No data set is chosen.\n\nPress D to choose one, or g d for the list."


class CalibrateScreen(CalibrateReading):
    """Matrix, figures and views of one judge run."""

    PLACE = "calibrate"
    CSS_PATH = Path(__file__).with_name("calibrate.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("calibrate")

    def __init__(self) -> None:
        super().__init__()
        self._drawn: dict[str, Content] = {}
        self._chart_asked = False

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
                    yield Static("", id="calibrate-rates", markup=False)
                    yield Static("", id="calibrate-text", markup=False)
        yield Static("", id="calibrate-state", classes="state", markup=False)

    @property
    def ready(self) -> bool:
        """Whether figures are shown."""
        return self._desk is not None

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
        self._set("facts", facts_line(found, self._changed))
        self._set("headline", safe_text(found.headline, multiline=False, limit=600))
        self._set("line", threshold_line(found, desk.lines, width, glyphs, self._kept_line()))
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
        self._prepare()

    def _kept_line(self) -> str:
        """The newest kept threshold, and whether it still holds."""
        for one in self._kept:
            if (line := one.calibration.threshold) is not None and line.value is not None:
                return f"kept {line.value:g}{' ! stale' if one.stale else ''}"
        return ""

    def _show_view(self, found: Any, rates: Content, wide: bool) -> None:
        desk, view = self._desk, VIEWS[self._view]
        assert desk is not None
        if view.name == "matrix":
            when = [relative_time(one.created, self.shell.clock()) for one in self._kept]
            self._set("rates", Content("") if wide else rates)
            self._panel(notes_content(desk.found, desk.guarantee, self._kept, when))
        else:
            self._set("rates", Content(""))
        if view.name == "curve" or (wide and view.name == "matrix"):
            self._ask_chart()
        elif view.read is not None:
            self._show_read(self._view)

    def _ask_chart(self) -> None:
        """The figures are on screen first; the drawing follows in the next frame, once for all keys until then."""
        if not self._chart_asked:
            self._chart_asked = True
            self.call_after_refresh(self._draw_chart)

    def _draw_chart(self) -> None:
        self._chart_asked = False
        if (desk := self._desk) is not None:
            self.query_one(CurveChart).show(desk.curve, desk.at(self._line))

    def _show_read(self, number: int) -> None:
        view = VIEWS[number]
        assert view.draw is not None
        if number in self._read_views:
            room = self.query_one("#calibrate-panel").size.width - 2
            self._panel(view.draw(self._read_views[number], self.shell.glyphs, room or 76))
        else:
            self._panel(Content.styled(f"{view.name}: reading …", "$muted"))
            self._read_view(number)

    def _tabs(self, width: int) -> Content:
        gap = " " if width < 100 else "  "
        parts = [
            Content.styled(f"{number} {view.name}", "bold reverse" if number - 1 == self._view else "$muted")
            for number, view in enumerate(VIEWS, 1)
        ]
        return Content(" ") + Content(gap).join(parts)

    def _set(self, name: str, content: Content) -> None:
        """Draw what has changed; laid out anew only where it has other lines, so that a threshold moves in a frame."""
        before = self._drawn.get(name)
        if before is not None and before.plain == content.plain and before.spans == content.spans:
            return
        self._drawn[name] = content
        same = name in _FIXED or (before is not None and _lines(before) == _lines(content) and name != "text")
        self.query_one(f"#calibrate-{name}", Static).update(content, layout=not same)

    def _panel(self, content: Content) -> None:
        self._set("text", content)

    def on_resize(self) -> None:
        """Other columns fit."""
        self.call_after_refresh(self.show_figures)


def _lines(content: Content) -> int:
    return content.plain.count("\n")
