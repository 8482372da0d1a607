"""`flywheel init`."""

from __future__ import annotations

import shutil

import click

from flywheel_tui.cli.console import json_option, print_json, say


@click.command()
@click.argument("folder", metavar="[DIR]", default=None, required=False)
@json_option
@click.pass_context
def init(ctx: click.Context, folder: str | None, as_json: bool) -> None:
    """Make a workspace in DIR (default ./data): database, folders, default rubrics. Safe to repeat."""
    from flywheel_tui.resources import shipped
    from flywheel_tui.workspace import Workspace

    target = folder or ctx.obj.get("workspace") or "data"
    with Workspace.open(target, create=True) as workspace:
        for rubric in sorted(shipped("rubrics").glob("*.yaml")):
            place = workspace.folder("rubrics") / rubric.name
            if not place.exists():
                shutil.copyfile(rubric, place)
        if as_json:
            print_json({"workspace": str(workspace.root)})
        else:
            say(f"Workspace ready: {workspace.root}")
            say("Next: flywheel ingest -i pairs.jsonl -n NAME, or flywheel demo to look around")
