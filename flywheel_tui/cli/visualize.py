"""`flywheel visualize`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from flywheel_tui.cli.console import json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError


@click.command()
@click.option("-d", "--dataset", required=True, help="The data set to draw.")
@click.option(
    "--only", metavar="A,B,…",
    help="Only these charts: validation, lengths, categories, labels, pass_fail, scores, criteria, judge_agreement,"
    " calibration.",
)  # fmt: skip
@click.option("--to", metavar="DIR", help="Where the pictures go (default: reports/NAME).")
@click.option("--plain", is_flag=True, help="Draw in the terminal, as bars with their numbers; write nothing.")
@click.option("--plot", is_flag=True, help="Draw in the terminal, as plots; write nothing.")
@json_option
@click.pass_context
def visualize(
    ctx: click.Context, /, dataset: str, only: str | None, to: str | None, plain: bool, plot: bool, as_json: bool
) -> None:
    """Draw charts of a data set as PNG with an index.html, or in the terminal."""
    from flywheel_tui.stages import charts as chart_stage

    names = [name.strip() for name in only.split(",") if name.strip()] if only is not None else chart_stage.NAMES
    if not names:
        raise UsageError(f"--only names no chart; there are: {', '.join(chart_stage.NAMES)}")
    workspace = open_workspace(ctx)
    charts = chart_stage.charts(workspace, dataset, names)
    if plain or plot:
        if as_json:
            print_json(charts)
            return
        width = min(shutil.get_terminal_size((80, 24)).columns, 160)
        for chart in charts:
            drawn = chart_stage.as_plot(chart, width) if plot and not chart.empty else chart_stage.as_text(chart, width)
            click.echo(drawn + "\n")
        return
    from flywheel_tui.stages.chart_files import write_charts

    folder = Path(to).expanduser() if to else workspace.root / "reports" / dataset
    written = write_charts(charts, folder, dataset)
    if as_json:
        print_json({"dataset": dataset, "files": [str(path) for path in written], "charts": charts})
        return
    say(f"Wrote {len(written) - 1} charts -> {written[-1]}")
    if without := [chart.name for chart in charts if chart.empty]:
        note(f"nothing to show, the page says why: {', '.join(without)}")
