"""`flywheel gate blind …`: a person chooses between two answers without knowing whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import json_option, open_workspace, print_json, say
from flywheel_tui.text import visible

if TYPE_CHECKING:
    from flywheel_tui.stages.gate.blind import BlindResult, Shown
    from flywheel_tui.workspace import Workspace

KEYS = {"1": "first", "2": "second", "t": "tie", "b": "neither"}


@click.group()
def blind() -> None:
    """Choose between the answers of both sides without knowing whose they are."""


@blind.command()
@click.argument("evaluation", type=click.IntRange(min=1))
@click.option("--reviewer", default="", metavar="NAME", help="Who chooses (default: the setting).")
@click.option("--count", type=click.IntRange(min=1), default=30, show_default=True, help="How many items.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the draw and of the sides.")
@click.option("--no-ask", is_flag=True, help="Only draw; choose later with: flywheel gate blind go TEST.")
@json_option
@click.pass_context
def new(ctx: click.Context, evaluation: int, reviewer: str, count: int, seed: int, no_ask: bool, as_json: bool) -> None:
    """Draw items of an evaluation and choose."""
    from flywheel_tui.stages.gate import blind as stage

    workspace = open_workspace(ctx)
    who = reviewer or workspace.settings.reviewer or ""
    made = stage.begin(workspace, evaluation, reviewer=who, count=count, seed=seed)
    if as_json:
        print_json(made)
        return
    say(f"Blind comparison {made.id}: {made.planned} items")
    if not no_ask:
        _ask(workspace, made.id)


@blind.command()
@click.argument("test", type=click.IntRange(min=1))
@click.pass_context
def go(ctx: click.Context, test: int) -> None:
    """Go on choosing."""
    _ask(open_workspace(ctx), test)


@blind.command()
@click.argument("test", type=click.IntRange(min=1))
@json_option
@click.pass_context
def show(ctx: click.Context, test: int, as_json: bool) -> None:
    """What came of it; hidden until the last item is chosen."""
    from flywheel_tui.stages.gate import blind as stage

    found = stage.result(open_workspace(ctx), test)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _ask(workspace: Workspace, test: int) -> None:
    from flywheel_tui.stages.gate import blind as stage

    while (now := stage.shown(workspace, test)) is not None:
        _put(now)
        said = click.prompt(
            "1, 2, t (a tie), b (both are bad) or q (later)", type=click.Choice([*KEYS, "q"]), show_choices=False
        )
        if said == "q":
            break
        stage.choose(workspace, test, now.key, KEYS[said])
    found = stage.result(workspace, test)
    _show(found)
    if found.over:
        from flywheel_tui.stages.gate import renewed

        if (made := renewed(workspace, found.evaluation)) is not None:
            say(f"Bundle {made.id} holds these choices; see: flywheel gate show {made.id}")


def _put(now: Shown) -> None:
    say(f"\n{now.number} of {now.of}")
    for turn in now.messages:
        say(f"{turn['role']}: {visible(turn['content'])}")
    say(f"\n[1] {visible(now.first)}\n[2] {visible(now.second)}")


def _show(found: BlindResult) -> None:
    if not found.over or found.rate is None:
        say(f"{found.done} of {found.planned} chosen; the sides stay hidden until all are")
        return
    rate = found.rate
    say(f"Candidate {found.candidate}, base {found.base}, ties {found.ties}, both bad {found.both_bad} of {found.done}"
        f" by {found.reviewer}")  # fmt: skip
    say(f"Win rate {rate.value:.1%} (95 % interval {rate.low:.1%} to {rate.high:.1%}; sign test p {found.p:.4f})")
