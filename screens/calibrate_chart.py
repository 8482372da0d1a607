"""Precision and recall against the threshold, in braille with named axes; the figures in words beneath."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.color import Color
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_plotext import PlotextPlot

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import Calibration
    from flywheel_tui.stages.calibrate_desk import Curve


class CurveChart(Vertical, can_focus=False):
    """The two curves and where the threshold stands."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._curve: Curve | None = None
        self._found: Calibration | None = None

    def compose(self) -> ComposeResult:
        yield PlotextPlot()
        yield Static("", markup=False)

    def show(self, curve: Curve, found: Calibration) -> None:
        """Draw the curves with the threshold of `found`."""
        self._curve, self._found = curve, found
        line = found.threshold.value if found.threshold is not None else None
        plot = self.query_one(PlotextPlot)
        plot.display = bool(curve.lines)
        plt = plot.plt
        plt.clear_figure()
        plt.theme("clear")
        if curve.lines:
            for name, values, token, left in (
                ("precision", curve.precision, "approve", False), ("recall", curve.recall, "judge", True)
            ):  # fmt: skip
                some = [(at, value) for at, value in zip(curve.lines, values, strict=True) if value is not None]
                if not some:
                    continue
                xs, ys = [at for at, _ in some], [value for _, value in some]
                plt.plot(xs, ys, marker="braille", color=self._colour(token))
                # the name stands at the curve's own end, so that no colour has to be told apart
                end = 0 if left else -1
                plt.text(name, x=xs[end], y=min(ys[end], 0.97), color=self._colour(token),
                         alignment="left" if left else "right")  # fmt: skip
            if line is not None:
                plt.vline(line, color=self._colour("edit"))
            plt.ylim(min(0.5, *(v for v in (*curve.precision, *curve.recall) if v is not None), 1.0), 1.0)
            plt.xlabel("threshold (score)")
            plt.ylabel("share")
        self.query_one(Static).update(_words(found, line, bool(curve.lines)))
        plot.refresh()

    def on_resize(self) -> None:
        """Other ticks fit."""
        self._again()

    def notify_style_update(self) -> None:
        """The theme changed: other colours."""
        super().notify_style_update()
        self._again()

    def _again(self) -> None:
        if self.is_mounted and self._curve is not None and self._found is not None:
            self.call_after_refresh(self.show, self._curve, self._found)

    def _colour(self, token: str) -> tuple[int, int, int]:
        return Color.parse(self.app.theme_variables.get(token, "#888888")).rgb


def _words(found: Calibration, line: float | None, drawn: bool) -> Content:
    if not drawn:
        return Content.styled("no scores to draw a curve over", "$muted")
    precision, recall = found.rates["precision"].value, found.rates["recall"].value
    where = "at its own word" if line is None else f"at {line:g}"
    said = [
        f"{name} n/a" if value is None else f"{name} {value:.3f}"
        for name, value in (("precision", precision), ("recall", recall))
    ]
    return Content.assemble(
        (f"{where}: ", "$muted"),
        "   ".join(said),
        ("   upright line: the threshold" if line is not None else "", "$muted"),
    )
