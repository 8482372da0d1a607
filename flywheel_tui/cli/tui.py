"""`flywheel tui`, and the console script `flywheel-tui`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", metavar="[DIR]", required=False)
@click.option("-d", "--dataset", metavar="NAME", help="Open this data set.")
@click.option("-r", "--reviewer", metavar="NAME", help="Name written with every label.")
@click.option("--no-worker", is_flag=True, help="Start no worker for long work.")
@click.pass_context
def tui(ctx: click.Context, folder: str | None, dataset: str | None, reviewer: str | None, no_worker: bool) -> int:
    """Open the full-screen workstation on the workspace DIR. `flywheel-tui keys` shows what this terminal sends."""
    if folder == "keys":
        from screens.app import show_keys

        return show_keys()
    from flywheel_tui.workspace import Workspace

    with Workspace.open(folder or (ctx.obj or {}).get("workspace"), reviewer=reviewer) as workspace:
        from screens.app import start

        return start(workspace, dataset=dataset, reviewer=reviewer, worker=not no_worker)


def open_label(workspace: Workspace, dataset: str, where: str | None) -> int:
    """Open the workstation on the label screen of a data set; the exit code. Raises our errors before it opens."""
    from flywheel_tui.stages.views import ViewQuery, open_view
    from screens.app import start

    query = ViewQuery(dataset=dataset, filter=where, order="unlabelled first", reviewer=workspace.reviewer)
    open_view(workspace, query)
    return start(workspace, label=query)


def main() -> None:
    """The console script `flywheel-tui`: our errors become one line and an exit code."""
    from flywheel_tui.cli.console import fill_streams, report_error

    fill_streams()
    try:
        code = tui.main(prog_name="flywheel-tui", standalone_mode=False)
    except BaseException as error:
        sys.exit(report_error(error))
    sys.exit(code if isinstance(code, int) else 0)
