"""Charts as PNG files and the page that shows them. matplotlib is the extra `charts`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import MissingExtraError
from flywheel_tui.stages.charts import Chart
from flywheel_tui.stages.export.files import NewFile

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {
    "error": "#b3261e", "warning": "#b26a00", "info": "#1f6feb", "approved": "#2e7d32", "rejected": "#b3261e",
    "edited": "#1f6feb", "skipped": "#8a8f98", "disputed": "#b26a00", "open": "#c9ced6",
}  # fmt: skip
_OTHERS = ("#1f6feb", "#2e7d32", "#b26a00", "#7b3fb5")
_HATCHES = ("", "//", "..", "xx", "--", "\\\\")
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

    figure = Figure(figsize=(9, max(3.0, 1.4 + 0.35 * len(chart.labels))), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(chart.title, loc="left")
    if chart.empty:
        axes.text(0.5, 0.5, chart.note or "nothing to show", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return figure
    _bars(axes, chart)
    axes.set_yticks(range(len(chart.labels)), [label[:40] for label in chart.labels])
    axes.invert_yaxis()
    axes.set_xlabel(chart.unit + (f" ({chart.note})" if chart.note else ""))
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart.series) > 1:
        axes.legend(frameon=False)
    return figure


def _bars(axes: Any, chart: Chart) -> None:
    places = range(len(chart.labels))
    left = [0.0] * len(chart.labels)
    height = 0.8 / len(chart.series) if chart.beside else 0.8
    for number, (name, values) in enumerate(chart.series.items()):
        # never by colour alone
        look = {"color": _COLOURS.get(name, _OTHERS[number % len(_OTHERS)]), "hatch": _HATCHES[number % len(_HATCHES)],
                "edgecolor": "white", "label": name}  # fmt: skip
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
        parts.append(_table(chart) + "\n</figure>")
    return "\n".join([*parts, "</body>\n</html>\n"])


def _table(chart: Chart) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in chart.series)
    rows = [
        f"<tr><td>{escape(label)}</td>"
        + "".join(f"<td>{values[at]:,.0f}</td>" for values in chart.series.values())
        + "</tr>"
        for at, label in enumerate(chart.labels)
    ]
    return f"<table>\n<tr><th></th>{head}</tr>\n" + "\n".join(rows) + "\n</table>"
