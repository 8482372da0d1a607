"""`flywheel tiers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, out_console, print_json, say

if TYPE_CHECKING:
    from flywheel_tui.stages.tiers import TierLine, TierReport


class _Said:
    """Progress of a stage that runs outside the queue."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Move the bar."""
        self._bar.update(done, total, phase)

    def event(self, level: str, text: str) -> None:
        """Nothing is kept of it."""

    def check(self) -> None:
        """Control-C ends it between two writes."""


@click.command()
@click.option("-d", "--dataset", required=True, help="The data set.")
@click.option("--assign", is_flag=True, help="Give every pair its tier anew (else they are only shown).")
@click.option("--preset", type=click.Choice(["calibrated", "reward"]), default="calibrated", show_default=True,
              help="Bands of P(pass), or of a reward that came with the data (meta.reward).")  # fmt: skip
@click.option("--tag", help="Judge run whose scores count as P(pass), from 50 blind labels on.")
@json_option
@click.pass_context
def tiers(ctx: click.Context, /, dataset: str, assign: bool, preset: str, tag: str | None, as_json: bool) -> None:
    """Show the quality tiers of a data set; with --assign give them: people decide first, then a calibrated judge."""
    from flywheel_tui.errors import UsageError
    from flywheel_tui.stages.tiers import standing

    workspace = open_workspace(ctx)
    if not assign and (tag or _said(ctx, "preset")):
        raise UsageError("--preset and --tag say how tiers are given; add --assign")
    report = _assign(ctx, dataset, preset, tag) if assign else None
    lines = standing(workspace, dataset)
    if as_json:
        print_json({"dataset": dataset, "tiers": lines, "assigned": report})
        return
    if report is not None:
        for sentence in report.notes:
            note(sentence)
        say(f"{report.changed:,} pairs have another tier, P(pass) or weight than before")
    if not lines:
        say(f"{dataset} holds no pairs")
        return
    _print(lines)
    if [line.tier for line in lines] == ["none"]:
        note(f"no pair has a tier; label or judge some, then: flywheel tiers -d {dataset} --assign")


def _said(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def _assign(ctx: click.Context, dataset: str, preset: str, tag: str | None) -> TierReport:
    from flywheel_tui.stages.tiers import assign

    with Progress("Tiers") as bar:
        return assign(open_workspace(ctx), dataset, preset=preset, tag=tag, task=_Said(bar))


def _print(lines: list[TierLine]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("tier", "pairs", "share", "weight", "P(pass)"):
        table.add_column(name, justify="left" if name == "tier" else "right", no_wrap=True)
    for line in lines:
        weight = "" if line.weight is None else f"{line.weight:.2f}"
        table.add_row(
            line.tier, f"{line.pairs:,}", f"{line.share:.1%}", weight, "" if line.p is None else f"{line.p:.2f}"
        )
    out_console().print(table)
