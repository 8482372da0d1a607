"""A chart as plain numbers: what screens, terminals, pictures and pages all draw."""

from __future__ import annotations

import math

import msgspec


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart: `series` has a number for each of `labels` (NaN: none). `kind` says how it is drawn.

    bars: several series are stacked, or (`beside`) side by side; `low` and `high` are the ends of intervals, by series.
    curve: what was foretold against what was seen, the two series in this order. matrix: a cell for label and series.
    `texts` says values in words where a number alone says too little. A chart of `panels` has nothing of its own but
    name, title and note. `note` says what a reader must know, e.g. that only a sample was looked at.
    """

    name: str
    title: str
    unit: str
    labels: tuple[str, ...] = ()
    series: dict[str, tuple[float, ...]] = {}
    beside: bool = False
    note: str = ""
    kind: str = "bars"
    low: dict[str, tuple[float, ...]] = {}
    high: dict[str, tuple[float, ...]] = {}
    texts: dict[str, tuple[str, ...]] = {}
    panels: tuple[Chart, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw."""
        if self.panels:
            return all(panel.empty for panel in self.panels)
        # a mean or an agreement of 0 is something to show, a count of 0 is not
        shown = self.texts or self.series
        return not any(any(values) for values in shown.values())

    def said(self, series: str, at: int) -> str:
        """A value as people read it; nothing where there is none."""
        if series in self.texts:
            return self.texts[series][at]
        value = self.series[series][at]
        return "" if math.isnan(value) else f"{value:,.0f}"
