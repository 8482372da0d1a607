"""`flywheel init`."""

from __future__ import annotations

import click

from flywheel_tui.cli.console import json_option, print_json, say


@click.command()
@click.argument("folder", metavar="[DIR]", default=None, required=False)
@json_option
@click.pass_context
def init(ctx: click.Context, folder: str | None, as_json: bool) -> None:
    """Make a workspace in DIR (default ./data): database, folders, default rubrics. Safe to repeat."""
    from flywheel_tui.stages.setup import make_workspace

    with make_workspace(folder or ctx.obj.get("workspace") or "data") as workspace:
        root = str(workspace.root)
    if as_json:
        print_json({"workspace": root})
        return
    say(f"Workspace ready: {root}")
    say("Next: flywheel ingest -i pairs.jsonl -n NAME, or flywheel demo to look around")
