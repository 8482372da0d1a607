"""`flywheel demo`: a ready workspace on the shipped data."""

from __future__ import annotations

import shlex

import click

from flywheel_tui.cli.console import json_option, print_json, say


@click.command()
@click.argument("folder", metavar="[DIR]", default=None, required=False)
@json_option
@click.pass_context
def demo(ctx: click.Context, folder: str | None, as_json: bool) -> None:
    """Fill a workspace (default ./data) with the shipped demo pairs, so that every screen has something real in it."""
    from flywheel_tui.stages.setup import fill_with_demo, make_workspace

    with make_workspace(folder or ctx.obj.get("workspace") or "data") as workspace:
        summaries = fill_with_demo(workspace)
        root = str(workspace.root)
    if as_json:
        print_json({"workspace": root, "datasets": summaries})
        return
    for summary in summaries:
        say(f"Ingested {summary.added:,} pairs -> {summary.dataset}")
    say(f"Workspace ready: {root}")
    say(f"Next: flywheel-tui {shlex.quote(root)}")
