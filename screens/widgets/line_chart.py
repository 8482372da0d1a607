"""Lines over steps in braille, with their names at their own ends and the figures in words beneath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

from screens.safe import safe_text

MOST_POINTS = 240
"""Points drawn of a line: more are not seen."""
MOST_TICKS = 8
CLOSE = 0.05
"""Lines that end nearer to each other than this share of the height are named at different ends."""
Line = Sequence[tuple[float, float]]


class LineChart(Vertical, can_focus=False):
    """`show` draws lines by name; each is a list of (x, y)."""

    DEFAULT_CSS = """
    LineChart PlotextPlot { height: 1fr; }
    LineChart Static { height: auto; }
    """

    def __init__(
        self, tokens: Mapping[str, str], *, across: str, up: str, whole: bool = False,
        between: tuple[float, float] | None = None, id: str | None = None,
    ) -> None:  # fmt: skip
        """With `whole`, only whole numbers stand along the bottom; the upright axis goes over `between`."""
        super().__init__(id=id)
        self._tokens, self._across, self._up = dict(tokens), across, up
        self._whole, self._between = whole, between
        self._lines: dict[str, Line] = {}
        self._words = Content("")

    def compose(self) -> ComposeResult:
        yield PlotextPlot()
        yield Static("", markup=False)

    def show(self, lines: Mapping[str, Line], words: str = "") -> None:
        """Draw these lines, with a sentence beneath."""
        self._lines = {name: line for name, line in lines.items() if line}
        self._words = safe_text(words, multiline=False, limit=300, style="$muted")
        self._draw()

    def _draw(self) -> None:
        plot = self.query_one(PlotextPlot)
        self.display = bool(self._lines)
        plt = plot.plt
        plt.clear_figure()
        plt.theme("clear")
        every = [y for line in self._lines.values() for _, y in line]
        near = CLOSE * (max(every, default=0.0) - min(every, default=0.0))
        if self._between is not None:
            near = CLOSE * (self._between[1] - self._between[0])
        named: list[float] = []
        for name, line in self._lines.items():
            step = max(1, len(line) // MOST_POINTS)
            some = [*line[:-1:step], line[-1]]
            xs, ys = [x for x, _ in some], [y for _, y in some]
            colour = self._colour(self._tokens.get(name, "accent"))
            plt.plot(xs, ys, marker="braille", color=colour)
            if any(abs(ys[-1] - other) < near for other in named):  # the names would stand in each other
                plt.text(name, x=xs[0], y=ys[0], color=colour, alignment="left")
            else:
                plt.text(name, x=xs[-1], y=ys[-1], color=colour, alignment="right")
                named.append(ys[-1])
        if self._whole and self._lines:
            numbers = sorted({float(round(x)) for line in self._lines.values() for x, _ in line})
            ticks = numbers[:: len(numbers) // MOST_TICKS + 1]
            plt.xticks(ticks, [f"{number:.0f}" for number in ticks])
        if self._between is not None:
            plt.ylim(*self._between)
        plt.xlabel(self._across)
        plt.ylabel(self._up)
        self.query_one(Static).update(self._words)  # safe: made by safe_text
        plot.refresh()

    def on_resize(self) -> None:
        """Other ticks fit."""
        if self.is_mounted and self._lines:
            self.call_after_refresh(self._draw)

    def notify_style_update(self) -> None:
        """The theme changed: other colours."""
        super().notify_style_update()
        if self.is_mounted and self._lines:
            self._draw()

    def _colour(self, token: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables.get(token, "#888888")).rgb
