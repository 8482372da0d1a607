"""Charts of a data set: what is in them as plain numbers, and as text for a terminal.

`flywheel_tui.stages.chart_files` draws the same as PNG. The numbers are what screens draw, too.
"""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from flywheel_tui.errors import UsageError
from flywheel_tui.records.chart import Chart as Chart
from flywheel_tui.records.label import STATUSES
from flywheel_tui.stages.charts_judged import JUDGED, judged_chart
from flywheel_tui.store import chart_rows
from flywheel_tui.store import findings as finding_store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.text import visible

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

NAMES = ("validation", "lengths", "categories", "labels", *JUDGED)
SAMPLE = 20_000
MOST_BARS = 16
_SEVERITIES = ("error", "warning", "info")
_EDGES = (0, 1, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000)


def charts(workspace: Workspace, dataset: str, names: Sequence[str] = NAMES) -> list[Chart]:
    """The charts of a data set, in this order. Raises NotFoundError, and UsageError for an unknown chart."""
    if unknown := [name for name in names if name not in NAMES]:
        raise UsageError(f"there is no chart {unknown[0]!r}; there are: {', '.join(NAMES)}")
    connection = workspace.store.read()
    found = get_dataset(connection, dataset)
    made: dict[str, Chart] = {}
    if "validation" in names:
        made["validation"] = _validation(finding_store.counts(connection, found.id), found.pairs)
    if "lengths" in names or "categories" in names:
        shapes = [shape for part in chart_rows.shapes(connection, found.id, SAMPLE) for shape in part]
        note = f"of {len(shapes):,} pairs spread over all {found.pairs:,}" if len(shapes) < found.pairs else ""
        made["lengths"], made["categories"] = _lengths(shapes, note), _categories(shapes, note)
    if "labels" in names:
        made["labels"] = _labels(found.counts, chart_rows.labels_by_reviewer(connection, found.id))
    for name in dict.fromkeys(name for name in names if name in JUDGED):
        made[name] = judged_chart(workspace, found, name)
    return [made[name] for name in names]


def _validation(counts: dict[str, dict[str, int]], pairs: int) -> Chart:
    checks = sorted(counts, key=lambda check: (-sum(counts[check].values()), check))
    checks = [check for check in checks if counts[check]]
    series = {s: tuple(counts[check].get(s, 0) for check in checks) for s in _SEVERITIES}
    return Chart(
        name="validation", title=f"Findings by check ({pairs:,} pairs)", unit="findings", labels=tuple(checks),
        series={name: values for name, values in series.items() if any(values)},
        note="" if checks else "nothing was found, or nothing was looked at yet (flywheel validate)",
    )  # fmt: skip


def _lengths(shapes: Sequence[chart_rows.Shape], note: str) -> Chart:
    names = [f"{low:,}–{high - 1:,}" if high - low > 1 else f"{low:,}" for low, high in pairwise(_EDGES)]
    names.append(f"{_EDGES[-1]:,}+")
    series: dict[str, tuple[float, ...]] = {}
    for field in ("instruction", "input", "output"):
        counted = [0] * len(names)
        for shape in shapes:
            value = getattr(shape, field)
            counted[max(at for at, low in enumerate(_EDGES) if value >= low)] += 1
        if field == "instruction" or any(counted[1:]):
            series[field] = tuple(counted)
    used = [at for at in range(len(names)) if any(values[at] for values in series.values())]
    span = range(used[0], used[-1] + 1) if used else range(0)
    return Chart(
        name="lengths", title="Lengths in characters", unit="pairs", labels=tuple(names[at] for at in span),
        series={name: tuple(values[at] for at in span) for name, values in series.items()}, beside=True, note=note,
    )  # fmt: skip


def _categories(shapes: Sequence[chart_rows.Shape], note: str) -> Chart:
    counted = Counter(shape.category or "(none)" for shape in shapes)
    most = counted.most_common(MOST_BARS if len(counted) <= MOST_BARS else MOST_BARS - 1)
    if rest := len(counted) - len(most):
        others = sum(counted.values()) - sum(count for _, count in most)
        most.append((f"{rest:,} others", others))
    return Chart(
        name="categories", title="Categories", unit="pairs", note=note,
        labels=tuple(visible(name, multiline=False, limit=40) for name, _ in most),
        series={"pairs": tuple(count for _, count in most)},
    )  # fmt: skip


def _labels(counts: dict[str, int], by_reviewer: Sequence[tuple[str, str, int]]) -> Chart:
    reviewers = list(dict.fromkeys(reviewer for reviewer, _, _ in by_reviewer))
    names = ["all", *(visible(reviewer, multiline=False, limit=30) for reviewer in reviewers)]
    said = {(reviewer, status): count for reviewer, status, count in by_reviewer}
    series: dict[str, tuple[float, ...]] = {}
    for status in STATUSES:
        values = (counts.get(status, 0), *(said.get((reviewer, status), 0) for reviewer in reviewers))
        if any(values):
            series[status] = values
    return Chart(name="labels", title="Labels", unit="pairs", labels=tuple(names), series=series)


def as_text(chart: Chart, width: int = 78) -> str:
    """The chart as horizontal bars for a terminal, without colours; exact numbers beside each bar."""
    lines = textwrap.wrap(chart.title + (f" – {chart.note}" if chart.note else ""), max(width, 20))
    if chart.panels:
        return "\n".join([*lines, *(as_text(panel, width) for panel in chart.panels)])
    if chart.empty:
        return "\n".join([*lines, "  (nothing to show)"])
    from rich.cells import cell_len, set_cell_size

    room = min(max(cell_len(label) for label in chart.labels), 24)
    places = [(at, label, name) for at, label in enumerate(chart.labels) for name in chart.series]
    numbers = [value for values in chart.series.values() for value in values if not math.isnan(value)]
    most = max(numbers, default=0) or 1
    names = 0 if list(chart.series) == [chart.unit] else min(max(cell_len(name) for name in chart.series), 24)
    longest = max(cell_len(chart.said(name, at)) for at, _, name in places)
    bar = max(width - room - names - max(longest + 5, 14), 8)
    before = -1
    for at, label, name in places:
        value, said = chart.series[name][at], chart.said(name, at)
        if not said or (name not in chart.texts and not value and len(chart.series) > 1):
            continue
        shown = set_cell_size("" if at == before else label, room)
        before = at
        kind = f" {set_cell_size(name, names)}" if names else ""
        share = 0 if math.isnan(value) else max(value / most, 0)
        lines.append(f"  {shown}{kind} {_bar(share, bar)} {said}")
    return "\n".join(lines)


def _bar(share: float, width: int) -> str:
    eighths = round(share * width * 8)
    whole, part = divmod(max(eighths, 1 if share else 0), 8)
    return "█" * whole + (" ▏▎▍▌▋▊▉"[part] if part else "")


def as_plot(chart: Chart, width: int = 78, height: int = 20) -> str:
    """The chart drawn by plotext, as screens draw it; without colours. A matrix or a curve is as its text."""
    if chart.panels:
        head = f"{chart.title} – {chart.note}" if chart.note else chart.title
        return "\n".join([*textwrap.wrap(head, width), *(as_plot(panel, width, height) for panel in chart.panels)])
    if chart.kind != "bars" or chart.empty:
        return as_text(chart, width)
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    plotext.title(chart.title)
    labels = list(chart.labels)
    series = [list(values) for values in chart.series.values()]
    names = list(chart.series)
    if chart.beside:
        plotext.multiple_bar(labels, series, labels=names)
    else:
        plotext.stacked_bar(labels, series, labels=names)
    drawn: str = plotext.build()
    plotext.clear_figure()
    return drawn
