"""`flywheel gate ab …`: two adapters side by side in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import json_option, open_workspace, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.gate.ab import AbResult


@click.group()
def ab() -> None:
    """Compare two adapters in use: who gets which follows from a hash."""


@ab.command()
@click.argument("name")
@click.option("--control", required=True, metavar="ADAPTER")
@click.option("--treatment", required=True, metavar="ADAPTER")
@click.option("--n", "planned", type=int, required=True, help="How many outcomes are planned, of both arms together.")
@click.option("--share", type=float, default=0.5, show_default=True, help="Of the units that get the treatment.")
@click.option("--metric", type=click.Choice(["binary", "score"]), default="binary", show_default=True)
@click.option("--plan", type=click.Choice(["fixed", "anytime"]), default="fixed", show_default=True,
              help="fixed: locked until all are there; anytime: one may look whenever one likes.")  # fmt: skip
@click.option("--alpha", type=float, default=0.05, show_default=True)
@click.option("--effect", type=float, default=0.05, show_default=True, help="The difference that is looked for.")
@click.option("--sigma", type=float, help="Standard deviation of one score (for anytime tests of scores).")
@json_option
@click.pass_context
def new(ctx: click.Context, /, name: str, as_json: bool, **plan: Any) -> None:
    """Plan a test. The plan is kept: nothing of it can be changed once outcomes come."""
    from flywheel_tui.stages.gate import ab as stage

    made = stage.new(open_workspace(ctx), name, plan.pop("control"), plan.pop("treatment"), **plan)
    if as_json:
        print_json(made)
    else:
        say(f"Planned {made.name}: {made.treatment} for {made.share:.0%} of the units, {made.planned:,} outcomes")


@ab.command()
@click.argument("name")
@click.argument("unit")
@click.pass_context
def assign(ctx: click.Context, name: str, unit: str) -> None:
    """The arm of a unit (a user, a session), and its adapter."""
    from flywheel_tui.stages.gate import ab as stage
    from flywheel_tui.store.ab_tests import get_ab_test

    test = get_ab_test(open_workspace(ctx).store.read(), name)
    arm = stage.arm_of(test, unit)
    say(f"{arm}: {test.treatment if arm == 'treatment' else test.control}")


@ab.command()
@click.argument("name")
@click.option("-i", "--file", help="A file with the columns unit, value and optionally arm.")
@click.option("--unit", help="One outcome: of which unit.")
@click.option("--value", type=float, help="One outcome: its value.")
@click.option("--arm", default="", help="The arm that the unit was in; refused where the hash says another.")
@json_option
@click.pass_context
def record(ctx: click.Context, /, name: str, file: str | None, unit: str | None, value: float | None, arm: str,
           as_json: bool) -> None:  # fmt: skip
    """Add outcomes. A unit counts once."""
    from flywheel_tui.stages.gate import ab as stage

    workspace = open_workspace(ctx)
    if file:
        added = stage.record_file(workspace, name, file)
    elif unit is not None and value is not None:
        added = stage.record(workspace, name, unit, value, arm=arm)
    else:
        raise UsageError("give a file (--file FILE), or one outcome (--unit U --value X)")
    found = stage.look(workspace, name)
    if as_json:
        print_json({"added": added, "outcomes": found.outcomes})
    else:
        say(f"Added {added:,}; {name} has {found.outcomes:,} of {found.test.planned:,} outcomes")


@ab.command()
@click.argument("name", required=False)
@json_option
@click.pass_context
def show(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Where a test stands (all of them without a name). A fixed one is locked until it is over."""
    from flywheel_tui.stages.gate import ab as stage
    from flywheel_tui.store.ab_tests import ab_tests

    workspace = open_workspace(ctx)
    names = [name] if name else [test.name for test in ab_tests(workspace.store.read())]
    found = [stage.look(workspace, one) for one in names]
    if as_json:
        print_json(found[0] if name else found)
        return
    for one in found:
        _show(one)
    if not found:
        say("no tests; plan one with: flywheel gate ab new NAME --control A --treatment B --n 1000")


def _show(found: AbResult) -> None:
    test = found.test
    say(f"{test.name} ({test.plan}, {test.metric}): {found.advice} – {found.why}")
    for arm in found.arms:
        mean = "locked" if found.locked else "n/a" if arm.mean is None else f"{arm.mean:.4f}"
        say(f"  {arm.name:<10} {arm.adapter:<24} n {arm.n:<8,} mean {mean}")
    if found.difference is not None and found.difference.low is not None and found.difference.high is not None:
        d = found.difference
        say(f"  treatment - control {d.value:+.4f} ({d.low:+.4f} to {d.high:+.4f}; {d.method})")
