"""`flywheel backup`."""

from __future__ import annotations

from pathlib import Path

import click

from flywheel_tui.cli.console import json_option, open_workspace, print_json, say


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@json_option
@click.pass_context
def backup(ctx: click.Context, path: Path, force: bool, as_json: bool) -> None:
    """Write a consistent copy of the database to PATH, also while others write. A folder gets a dated file."""
    from datetime import datetime

    from flywheel_tui.errors import InputError
    from flywheel_tui.workspace import DATABASE

    workspace = open_workspace(ctx)
    if path.is_dir():
        path /= f"flywheel-{datetime.now():%Y%m%d-%H%M%S}.db"
    # the original would be replaced by its own copy under the feet of every process that has it open
    if path.resolve() == (workspace.root / DATABASE).resolve():
        raise InputError("is the database itself", file=str(path), remedy="name another file")
    if path.exists() and not force:
        raise InputError("is there already", file=str(path), remedy="choose another name, or replace it with --force")
    try:
        workspace.store.backup(path)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})", file=str(path), remedy="choose a folder that is yours"
        ) from error
    if as_json:
        print_json({"path": str(path.resolve()), "bytes": size, "check": "ok"})
    else:
        say(f"Wrote {path} ({size / 2**20:.1f} MB); check: ok")
