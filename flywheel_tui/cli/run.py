"""`flywheel run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, out_console, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.cycle.engine import RunReport
    from flywheel_tui.cycle.options import CycleOptions
    from flywheel_tui.workspace import Workspace


@click.command()
@click.option("-s", "--seeds", default="", metavar="TEXT,TEXT", help="What to begin from, parted by commas.")
@click.option("--into", default="flywheel", show_default=True, metavar="NAME", help="The data set that grows.")
@click.option("--max-cycles", type=click.IntRange(min=1), help="At most so many cycles (default: the setting).")
@click.option("--min-pass-rate", type=float, default=0.5, show_default=True, help="Stop where it is lower.")
@click.option("--target-pass-rate", type=float, help="Stop where it is proven to be at least this.")
@click.option(
    "--recipe", default="instruction", show_default=True, help="How pairs are made (flywheel generate --help)."
)
@click.option(
    "--option", "recipe_options", multiple=True, metavar="NAME=VALUE", help="Setting of the recipe; repeatable."
)
@click.option("--count", type=click.IntRange(min=0), default=0, help="Pairs in each cycle (default: one a seed).")
@click.option("--backend", default="", help="Who makes pairs: ollama, openai, openrouter, anthropic, local, offline.")
@click.option("--model", default="", help="The model that makes pairs.")
@click.option("--judge-backend", default="", help="Who judges them (default: DEFAULT_JUDGE_BACKEND).")
@click.option("--judge-model", default="", help="The model that judges.")
@click.option("--rubric", default="", help="What they are judged by.")
@click.option("--heldout", multiple=True, metavar="NAME", help="A data set that nothing may repeat; repeatable. "
              "What is trained is measured on the first.")  # fmt: skip
@click.option("--labels", type=click.IntRange(min=0), help="Labels asked from people in each cycle (default: 0, or 20 "
              "where something is trained).")  # fmt: skip
@click.option("--train", type=click.Choice(["never", "auto", "always"]), default="never", show_default=True)
@click.option("--base", default="", metavar="MODEL", help="The model to train.")
@click.option("--budget-usd", type=float, help="Dollars for the whole run.")
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Tokens for the whole run.")
@click.option("--budget-minutes", type=float, help="Minutes of work for the whole run.")
@click.option("--phase-budget", multiple=True, metavar="PHASE:usd=1,tokens=5000,minutes=10", help="For one phase; "
              "repeatable.")  # fmt: skip
@click.option("--max-cost-per-item", type=float, help="Stop where an accepted pair costs more dollars.")
@click.option("--seed", type=int, default=0, show_default=True, help="What chance hangs on.")
@click.option("--abandon", metavar="REASON", help="Give up the newest unfinished run; what it made is kept.")
@click.option("--background", is_flag=True, help="Let a worker do it; this command returns at once.")
@click.option("--yes", is_flag=True, help="Do not ask before beginning. Signs no gate and gives no labels.")
@json_option
@click.pass_context
def run(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Go round: generate, validate, judge, export, train where asked, and learn from what failed.

    The same command goes on with a run that was interrupted or waits for people; without --seeds, the newest one does.
    """
    workspace = open_workspace(ctx)
    if given["abandon"] is not None:
        _abandon(workspace, given["abandon"])
        return
    options = _options(workspace, given)
    if given["background"]:
        _submit(workspace, options, as_json)
        return
    _confirm(options, yes=given["yes"] or as_json)
    report = _turn(workspace, options, quiet=as_json)
    print_json(report) if as_json else _show(report)
    if report.cycles and (report.cycles[-1].get("gate") or {}).get("decision") == "refused":
        # the work was done, and the gate says no
        ctx.exit(1)


def _options(workspace: Workspace, given: dict[str, Any]) -> CycleOptions:
    import msgspec

    from flywheel_tui.cycle.engine import unfinished
    from flywheel_tui.cycle.options import Budget, CycleOptions, parse_budgets

    budget = Budget(usd=given["budget_usd"], tokens=given["budget_tokens"], minutes=given["budget_minutes"])
    budgets = parse_budgets(given["phase_budget"])
    seeds = tuple(part.strip() for part in given["seeds"].split(",") if part.strip())
    if not seeds:
        known = unfinished(workspace)
        if known is not None:
            known = msgspec.structs.replace(known, max_cycles=given["max_cycles"] or known.max_cycles)
            if budget != Budget() or budgets:
                known = msgspec.structs.replace(known, budget=budget, budgets=budgets)
            return known.checked()
        from flywheel_tui.stages.scenarios import approved_traces

        if not approved_traces(workspace):
            raise UsageError('there is nothing to begin from; give seeds: flywheel run -s "seed one,seed two"'
                             " (or approve a scenario: flywheel scenario ls)")  # fmt: skip
    return CycleOptions(
        seeds=seeds, into=given["into"], recipe=given["recipe"], recipe_options=_pairs(given["recipe_options"]),
        count=given["count"], backend=given["backend"], model=given["model"], judge_backend=given["judge_backend"],
        judge_model=given["judge_model"], rubric=given["rubric"], heldout=given["heldout"], labels=given["labels"],
        train=given["train"], base=_base(given["base"]), min_pass_rate=given["min_pass_rate"],
        max_cycles=given["max_cycles"] or workspace.settings.max_cycles,
        target_pass_rate=given["target_pass_rate"], cost_per_item=given["max_cost_per_item"], seed=given["seed"],
        budget=budget, budgets=budgets,
    ).checked()  # fmt: skip


def _base(name: str) -> str:
    """A model by its full path: a worker may run in another folder than the one where this was asked for."""
    from pathlib import Path

    path = Path(name).expanduser()
    return str(path.resolve()) if name and path.exists() else name


def _pairs(texts: tuple[str, ...]) -> dict[str, str]:
    found = dict(text.partition("=")[::2] for text in texts)
    if missing := [text for text in texts if "=" not in text]:
        raise UsageError(f"--option {missing[0]!r} is not NAME=VALUE")
    return found


def _confirm(options: CycleOptions, *, yes: bool) -> None:
    """Ask before money may be spent without a limit."""
    import sys

    paid = {options.backend, options.judge_backend} & {"openai", "openrouter", "anthropic"}
    limit = options.budget
    if paid and limit.usd is None and limit.tokens is None and not yes and sys.stdin.isatty():
        click.confirm(f"{', '.join(sorted(paid))} may cost money, and no budget is set. Go on?", abort=True, err=True)


def _turn(workspace: Workspace, options: CycleOptions, *, quiet: bool) -> RunReport:
    import msgspec

    from flywheel_tui.cycle.engine import RunReport, listening
    from flywheel_tui.jobs import run_foreground

    with listening(note if quiet else say), Progress("Turning the wheel") as progress:
        result = run_foreground(
            workspace, "cycle", msgspec.to_builtins(options), title=_title(options),
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    return msgspec.convert(result, RunReport)


def _title(options: CycleOptions) -> str:
    return f"cycles into {options.into}"


def _submit(workspace: Workspace, options: CycleOptions, as_json: bool) -> None:
    import msgspec

    from flywheel_tui.jobs.pool import submit

    job = submit(workspace, "cycle", msgspec.to_builtins(options), title=_title(options))
    print_json({"job": job.id}) if as_json else say(f"Job {job.id}; watch it with: flywheel status")


def _abandon(workspace: Workspace, reason: str) -> None:
    from flywheel_tui.cycle.engine import abandon
    from flywheel_tui.cycle.views import open_runs

    found = open_runs(workspace)
    if not found:
        raise UsageError("no run is unfinished; there is nothing to abandon")
    row = abandon(workspace, found[-1].id, reason)
    say(f"Run {row.id} abandoned: {reason}")


def _show(report: RunReport) -> None:
    from rich.table import Table

    done = [cycle for cycle in report.cycles if cycle["state"] == "done"]
    judged = [cycle for cycle in done if cycle.get("judged")]
    table = Table(title="Flywheel Summary", min_width=36)
    table.add_column("Metric")
    table.add_column("Value")
    average = sum(cycle["passed"] / cycle["judged"] for cycle in judged) / len(judged) if judged else 0.0
    for name, value in (
        ("Total Cycles", str(len(done))),
        ("Total Passed Pairs", str(sum(cycle.get("passed", 0) for cycle in done))),
        ("Avg Pass Rate", f"{average:.2%}" if judged else "nothing judged"),
        ("Accepted Pairs", str(sum(cycle.get("accepted", 0) for cycle in done))),
        ("Cost", f"${sum(cycle.get('cost_usd', 0.0) for cycle in done):.4f}"),
    ):
        table.add_row(name, value)
    out_console().print(table)
    if report.state == "waiting":
        from flywheel_tui.cycle.engine import waiting_words

        say(f"Not over: {waiting_words(report.awaits)}")
        say("Then go on with: flywheel run")
