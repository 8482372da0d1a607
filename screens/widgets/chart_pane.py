"""A chart in braille with its axes named, and what it says in words beneath."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from flywheel_tui.text import visible
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.charts import Chart

_TOKENS = {"error": "reject", "warning": "edit", "info": "judge", "input": "judge", "output": "approve"}
_FRAME_ROWS = 4
"""Frame, ticks and the name of the axis."""


class ChartPane(Vertical, can_focus=False):
    """One chart at a time. `show` draws it; `sideways` charts have their names on the left."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._chart: Chart | None = None
        self._bars = 0

    def compose(self) -> ComposeResult:
        yield PlotextPlot()
        yield Static("", markup=False)

    def show(self, chart: Chart) -> None:
        """Draw this chart."""
        self._chart = chart
        self.border_title = safe_text(chart.title, multiline=False, limit=80)
        plot = self.query_one(PlotextPlot)
        plot.display = not chart.empty
        plt = plot.plt
        plt.clear_figure()
        plt.theme("clear")
        if not chart.empty:
            if chart.beside:
                self._draw_upright(plot, chart)
            else:
                self._draw_sideways(plot, chart)
        self.query_one(Static).update(_words(chart, len(chart.labels) if chart.beside else self._bars))
        plot.refresh()

    def on_resize(self) -> None:
        """Other bars fit."""
        if self._chart is not None:
            self.call_after_refresh(self.show, self._chart)

    def notify_style_update(self) -> None:
        """The theme changed: other colours."""
        super().notify_style_update()
        if self.is_mounted and self._chart is not None:
            self.show(self._chart)

    def _colour(self, name: str) -> tuple[int, int, int]:
        colour = Color.parse(self.app.theme_variables.get(_TOKENS.get(name, "accent"), "#888888"))
        return colour.rgb

    def _draw_upright(self, plot: PlotextPlot, chart: Chart) -> None:
        """Bars over bins, one after another for each series; a bin is named by where it begins."""
        plt = plot.plt
        width = 0.9 / len(chart.series)
        for number, (name, values) in enumerate(chart.series.items()):
            places = [at + (number + 0.5) * width - 0.45 for at in range(len(values))]
            plt.bar(places, list(values), marker="braille", width=width * 0.9, color=self._colour(name))
        plt.xticks(list(range(len(chart.labels))), [_short(label) for label in chart.labels])
        plt.xlabel("characters, from")
        plt.ylabel(chart.unit)

    def _draw_sideways(self, plot: PlotextPlot, chart: Chart) -> None:
        """Bars of one row each with a row between them, on top the first; the parts of a bar are the series."""
        plt = plot.plt
        rows = max(plot.size.height - _FRAME_ROWS, 1)
        count = self._bars = min(len(chart.labels), (rows + 1) // 2)
        places = [rows - 0.5 - 2 * at for at in range(count)]
        sums = [0.0] * count
        layers: list[tuple[str, list[float]]] = []
        for name, values in chart.series.items():
            sums = [before + value for before, value in zip(sums, values[:count], strict=True)]
            layers.append((name, sums))
        # from the whole to the first part: each is drawn over the one before
        for name, ends in reversed(layers):
            some = [(place, end) for place, end in zip(places, ends, strict=True) if end]
            if some:
                width = 0.7 if len(some) == 1 else 0.7 / min(one - two for (one, _), (two, _) in pairwise(some))
                plt.bar(
                    [place for place, _ in some], [end for _, end in some], orientation="horizontal",
                    marker="braille", width=width, minimum=0, color=self._colour(name),
                )  # fmt: skip
        most = max(int(max(sums)), 1)
        ticks = sorted({0, most // 2, most})
        plt.yticks(places, [visible(label, multiline=False, limit=16) for label in chart.labels[:count]])
        plt.xticks(list(map(float, ticks)), [f"{tick:,}" for tick in ticks])
        plt.ylim(0, rows)
        plt.xlim(0, most)
        plt.xlabel(chart.unit)


def _short(label: str) -> str:
    """`1,000–2,999` is 1k."""
    low = label.partition("–")[0].removesuffix("+").replace(",", "")
    return f"{low[:-3]}k" if low.endswith("000") else low


def _words(chart: Chart, bars: int) -> Content:
    """The figures of the chart."""
    if chart.empty:
        return Content.styled(chart.note or "nothing to draw", "$muted")
    lines = []
    for name, values in chart.series.items():
        at = max(range(len(values)), key=lambda index: values[index])
        token = _TOKENS.get(name, "accent")
        most = f"most in {visible(chart.labels[at], multiline=False, limit=30)} ({values[at]:,.0f})"
        lines.append(Content.assemble((f"{name} ", f"${token}"), f"{sum(values):,.0f}, {most}"))
    more = len(chart.labels) - bars
    note = f"{more} more checks in the list" if more > 0 else chart.note
    if note:
        lines.append(safe_text(note, multiline=False, limit=200, style="$muted"))
    return Content("\n").join(lines)
