"""`flywheel report`."""

from __future__ import annotations

from pathlib import Path

import click

from flywheel_tui.cli.console import json_option, open_workspace, print_json, say


@click.command()
@click.option("--to", type=click.Path(dir_okay=False), help="Where to write it (default: the folder reports).")
@json_option
@click.pass_context
def report(ctx: click.Context, to: str | None, as_json: bool) -> None:
    """Write a report over all cycles as one HTML file: figures, failures by kind, phases, gates, speed."""
    from flywheel_tui.cycle.report import write_report

    path = write_report(open_workspace(ctx), Path(to).absolute() if to else None)
    print_json({"report": str(path)}) if as_json else say(f"Wrote {path}")
