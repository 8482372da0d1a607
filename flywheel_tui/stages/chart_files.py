"""Charts as PNG files and the page that shows them. matplotlib is the extra `charts`."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import MissingExtraError
from flywheel_tui.records.chart import Chart
from flywheel_tui.stages.export.files import NewFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {
    "error": "#b3261e", "warning": "#b26a00", "info": "#1f6feb", "approved": "#2e7d32", "rejected": "#b3261e",
    "pass": "#2e7d32", "fail": "#b3261e", "no verdict": "#c9ced6",
    "edited": "#1f6feb", "skipped": "#8a8f98", "disputed": "#b26a00", "open": "#c9ced6",
}  # fmt: skip
_OTHERS = ("#1f6feb", "#2e7d32", "#b26a00", "#7b3fb5")
_HATCHES = ("", "//", "..", "xx", "--", "\\\\")
_LINE = 110
"""Letters of a note in a line of a picture."""
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
img { max-width: 100%; height: auto; } table { border-collapse: collapse; } figure { margin: 2rem 0; }
td, th { padding: .1rem .8rem .1rem 0; text-align: right; } td:first-child, th:first-child { text-align: left; }
"""


def write_charts(charts: Sequence[Chart], folder: Path, dataset: str) -> list[Path]:
    """Write NAME.png for each chart and index.html; the files, each whole or not there.

    Raises MissingExtraError without matplotlib, UsageError where a file cannot be written.
    """
    try:
        import matplotlib
    except ImportError:
        raise MissingExtraError(
            "charts as pictures (--plain draws them in the terminal)", "matplotlib", "charts"
        ) from None
    written = []
    # labels come from the data: no formulas, and letters that the font lacks are boxes, not an error
    with matplotlib.rc_context({"text.parse_math": False, "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for chart in charts:
            picture = io.BytesIO()
            _draw(chart).savefig(picture, format="png", dpi=120)
            written.append(_write(folder / f"{chart.name}.png", picture.getvalue()))
    return [*written, _write(folder / "index.html", page(charts, dataset).encode())]


def _write(path: Path, data: bytes) -> Path:
    file = NewFile(path)
    try:
        file.write(data)
        file.finish()
        file.commit(force=True)
    finally:
        file.discard()
    return path


def _draw(chart: Chart) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = chart.panels or (chart,)
    heights = [_height(panel, 1.6 if chart.panels else 3.0) for panel in panels]
    note = "" if chart.empty and not chart.panels else textwrap.fill(chart.note, _LINE)
    columns = max((len(panel.series) for panel in panels if panel.kind == "matrix"), default=0)
    width = max(9.0, 3.5 + 1.15 * columns)
    figure = Figure(figsize=(width, sum(heights) + 0.2 * (note.count("\n") + 1)), layout="constrained")
    FigureCanvasAgg(figure)
    every = figure.subplots(len(panels), squeeze=False, height_ratios=heights)
    for axes, panel in zip(every[:, 0], panels, strict=True):
        _panel(axes, panel, panel.note if chart.panels else "")
    if chart.panels:
        figure.suptitle(chart.title)
    if note:
        figure.supxlabel(note, fontsize="small")
    return figure


def _height(chart: Chart, least: float) -> float:
    """In inches."""
    if chart.empty:
        return 1.6
    if chart.kind == "curve":
        return 5.0
    row = 0.65 if chart.kind == "matrix" else 0.35
    return max(least, 1.4 + row * len(chart.labels))


def _panel(axes: Any, chart: Chart, note: str) -> None:
    axes.set_title(chart.title, loc="left")
    if chart.empty:
        said = textwrap.fill(chart.note or "nothing to show", 80)
        axes.text(0.5, 0.5, said, ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    axes.spines[["top", "right"]].set_visible(False)
    along = next(iter(chart.series)) if chart.kind == "curve" else chart.unit
    axes.set_xlabel(textwrap.fill(f"{along} ({note})" if note else along, 75))
    if chart.kind == "curve":
        _curve(axes, chart)
        axes.set_ylabel(chart.unit)
        return
    if chart.kind == "matrix":
        _matrix(axes, chart)
    else:
        _bars(axes, chart)
        axes.invert_yaxis()
    axes.set_yticks(range(len(chart.labels)), [label[:40] for label in chart.labels])
    if len(chart.series) > 1 and chart.kind == "bars":
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _curve(axes: Any, chart: Chart) -> None:
    """What was foretold against what was seen, with the line where the two are one."""
    foretold, name = chart.series
    seen = chart.series[name]
    ends = [[max(value - low, 0.0) for value, low in zip(seen, chart.low[name], strict=True)],
            [max(high - value, 0.0) for value, high in zip(seen, chart.high[name], strict=True)]]  # fmt: skip
    axes.plot([0, 1], [0, 1], color="#8a8f98", linestyle="--", label="foretold as it came")
    axes.errorbar(chart.series[foretold], seen, yerr=ends, marker="o", color=_OTHERS[0], capsize=3, label=name)
    for number, (x, y) in enumerate(zip(chart.series[foretold], seen, strict=True), 1):
        axes.annotate(str(number), (x, y), xytext=(5, -11 if y > 0.05 else 5), textcoords="offset points",
                      fontsize="small")  # fmt: skip
    axes.set_xlim(-0.02, 1.04)
    axes.set_ylim(-0.02, 1.04)
    axes.legend(frameon=False, loc="upper left")


def _matrix(axes: Any, chart: Chart) -> None:
    """A cell for each label and series, its text within; shares are shaded from 0 to 1, counts from 0 to the most."""
    columns = list(chart.series)
    rows = [[chart.series[name][at] for name in columns] for at in range(len(chart.labels))]
    known = [value for row in rows for value in row if not math.isnan(value)]
    most = max([*known, 1.0])
    axes.imshow(rows, cmap="Blues", vmin=0, vmax=most * 1.25, aspect="auto")
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            said = chart.said(columns[column], at).replace(", ", "\n")
            colour = "white" if value > 0.75 * most else "black"
            axes.text(column, at, said, ha="center", va="center", fontsize="small", color=colour)
    axes.set_xticks(range(len(columns)), [textwrap.fill(name[:40], 13) for name in columns], fontsize="small")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _bars(axes: Any, chart: Chart) -> None:
    places = range(len(chart.labels))
    left = [0.0] * len(chart.labels)
    height = 0.8 / len(chart.series) if chart.beside else 0.8
    for number, (name, values) in enumerate(chart.series.items()):
        # never by colour alone
        look: dict[str, Any] = {
            "color": _COLOURS.get(name, _OTHERS[number % len(_OTHERS)]), "edgecolor": "white", "label": name,
            "hatch": _HATCHES[number % len(_HATCHES)],
        }  # fmt: skip
        if name in chart.low:
            ends = [[value - low for value, low in zip(values, chart.low[name], strict=True)],
                    [high - value for value, high in zip(values, chart.high[name], strict=True)]]  # fmt: skip
            look |= {"xerr": ends, "capsize": 3}
        if chart.beside:
            shift = (number - (len(chart.series) - 1) / 2) * height
            axes.barh([at + shift for at in places], values, height=height, **look)
        else:
            axes.barh(places, values, height=height, left=left, **look)
            left = [a + b for a, b in zip(left, values, strict=True)]


def page(charts: Sequence[Chart], dataset: str) -> str:
    """The page: each picture with its numbers as a table. No script, nothing from elsewhere."""
    policy = "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(dataset)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(dataset)}</h1>",
    ]
    for chart in charts:
        parts.append(f'<figure id="{chart.name}">\n<h2>{escape(chart.title)}</h2>')
        if chart.empty:
            parts.append(f"<p>{escape(chart.note or 'nothing to show')}</p>\n</figure>")
            continue
        parts.append(f'<img src="{chart.name}.png" alt="{escape(chart.title)}; the numbers are in the table below">')
        if chart.note:
            parts.append(f"<figcaption>{escape(chart.note)}</figcaption>")
        for panel in chart.panels:
            parts.append(f"<h3>{escape(panel.title)}</h3>")
            if panel.note:
                parts.append(f"<p>{escape(panel.note)}</p>")
            if not panel.empty:
                parts.append(_table(panel))
        parts.append("</figure>" if chart.panels else _table(chart) + "\n</figure>")
    return "\n".join([*parts, "</body>\n</html>\n"])


def _table(chart: Chart) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in chart.series)
    rows = [
        f"<tr><td>{escape(label)}</td>"
        + "".join(f"<td>{escape(chart.said(name, at))}</td>" for name in chart.series)
        + "</tr>"
        for at, label in enumerate(chart.labels)
    ]
    return f"<table>\n<tr><th></th>{head}</tr>\n" + "\n".join(rows) + "\n</table>"
