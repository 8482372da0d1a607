"""`flywheel label adjudicate`: settle pairs over every reviewer's own label."""

from __future__ import annotations

import click

from flywheel_tui.cli.console import json_option, open_workspace, print_json, say
from flywheel_tui.errors import UsageError


@click.command()
@click.argument("pairs", nargs=-1, metavar="PAIR…")
@click.option("-d", "--dataset", help="The data set.")
@click.option("--status", type=click.Choice(["approved", "rejected", "skipped"]), help="What holds from now on.")
@click.option("--prefer", type=click.Choice(["a", "b", "tie", "neither"]), help="Of preference pairs: which is better.")
@click.option("--match", default="id", show_default=True, help="What PAIR is: id, uid, position, line, instruction or "
              "meta.NAME.")  # fmt: skip
@click.option("--note", help="Why.")
@click.option("--seen", is_flag=True, help="The judge's verdict was in sight: calibration leaves it out then.")
@click.option("--reviewer", help="Who settles it (default: the setting, else the login name).")
@json_option
@click.pass_context
def adjudicate(
    ctx: click.Context, /, pairs: tuple[str, ...], dataset: str | None, status: str | None, prefer: str | None,
    match: str, note: str | None, seen: bool, reviewer: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Settle pairs: this holds over every reviewer's own label, in exports and in calibration, until undone."""
    from flywheel_tui.stages.adjudicate import Settlement, settle_named

    if not dataset or not pairs:
        raise UsageError("name the data set and the pairs: flywheel label adjudicate -d NAME 17 --status approved")
    if status is None and prefer is None:
        raise UsageError("say what holds: --status approved, rejected or skipped; or --prefer a, b, tie or neither")
    workspace = open_workspace(ctx, reviewer=reviewer)
    said = Settlement(status=status, preference=prefer, note=note, seen=seen)
    done = settle_named(workspace, dataset, pairs, said, workspace.reviewer, match=match)
    if as_json:
        print_json({"settled": len(done), "status": done[0].status, "prefer": prefer, "blind": not seen})
    else:
        what = f"{prefer} preferred" if prefer else done[0].status
        how = "undo with: flywheel label --undo last" + ("" if len(done) == 1 else " (once for each)")
        say(f"Settled {len(done):,} {'pair' if len(done) == 1 else 'pairs'}: {what}; {how}")
