"""`flywheel generate`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.options import GenerateOptions, GenerateReport, Price
    from flywheel_tui.workspace import Workspace

_STEERS = ("concurrency", "budget_usd", "budget_tokens")
_PASSED_ON = (
    "into", "seeds", "where", "count", "backend", "temperature", "max_tokens", "seed", "concurrency", "budget_usd",
    "budget_tokens", "preview", "estimate", "window", "stop_failing_at", "cycle",
)  # fmt: skip


@click.command()
@click.argument("recipe", required=False, default="")
@click.option("--list", "list_all", is_flag=True, help="List the recipes with their options.")
@click.option("--seeds", default="", metavar="NAME|FILE|LIST", help="A data set, a file, a shipped list, or the seeds "
              "themselves between commas (default: the recipe's own).")  # fmt: skip
@click.option("--where", metavar="EXPR", help="Only seeds that the expression matches.")
@click.option("--into", default="", metavar="NAME", help="The data set for the rows (made where it is missing).")
@click.option("--count", type=click.IntRange(min=1), default=100, show_default=True, help="How many rows in all.")
@click.option("--backend", default="", help="ollama, openai, openrouter, anthropic, local or offline (templates).")
@click.option("--model", "models", multiple=True, metavar="[BACKEND:]MODEL", help="A teacher; several are mixed.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="For every question (default: by template).")
@click.option("--max-tokens", type=click.IntRange(min=0), default=0, help="Limit of an answer (default: by template).")
@click.option("--option", "-o", "options_", multiple=True, metavar="NAME=VALUE", help="A setting of the recipe.")
@click.option("--tag", "tags", multiple=True, help="Put a tag on every row.")
@click.option("--seed", type=int, default=0, show_default=True, help="Other seeds make other rows.")
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Items at once (default: the setting).")
@click.option("--budget-usd", type=float, help="Pause when so many dollars are spent.")
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Pause when so many tokens are spent.")
@click.option("--preview", type=click.IntRange(1, 100), help="Make N rows, show them with the price, write none.")
@click.option("--estimate", is_flag=True, help="Only say what it would cost; nobody is asked.")
@click.option("--no-watch", is_flag=True, help="Do not pause where the rows grow alike.")
@click.option(
    "--window", type=click.IntRange(10, 1000), default=50, show_default=True, help="Rows for each look at it."
)
@click.option("--stop-failing-at", type=float, default=0.8, show_default=True, help="Share of failures that pauses.")
@click.option("--cycle", type=int, help="Number of the cycle, written with every row.")
@click.option("--background", is_flag=True, help="Leave it to the workers.")
@click.option("--job", type=int, metavar="JOB", help="Change --concurrency or a budget of a job instead.")
@click.option("--yes", is_flag=True, help="Begin without asking (asked only where it costs money, on a terminal).")
@json_option
@click.pass_context
def generate(ctx: click.Context, /, as_json: bool, recipe: str, list_all: bool, **given: Any) -> None:
    """Make pairs with RECIPE. The same command again goes on where it was interrupted."""
    if list_all:
        _list(as_json)
        return
    workspace = open_workspace(ctx)
    if given["job"] is not None:
        _steer(workspace, given, as_json)
        return
    if not recipe:
        raise UsageError("name a recipe: flywheel generate RECIPE (flywheel generate --list shows them)")
    options = _options(recipe, given)
    if given["background"]:
        _submit(workspace, options, as_json)
        return
    report = _generate(workspace, options, given["yes"], as_json)
    if report.new:
        _index(workspace)
    print_json(report) if as_json else _show(report)


def _options(recipe: str, given: dict[str, Any]) -> GenerateOptions:
    from flywheel_tui.stages.generate.options import GenerateOptions
    from flywheel_tui.stages.generate.recipe import recipe_named

    if given["seeds"] and (instead := recipe_named(recipe).instead_of_seeds):
        raise UsageError(f"{recipe} takes no seeds; say what it works on with {instead}")
    settings = {}
    for text in given["options_"]:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"--option {text!r} has no value; write it like --option {text}=VALUE")
        settings[name.strip().replace("-", "_")] = _placed(value.strip())
    passed = {name: given[name] for name in _PASSED_ON if given[name] is not None}
    return GenerateOptions(
        recipe=recipe, models=given["models"], tags=given["tags"], options=settings, watch=not given["no_watch"],
        **passed,
    )  # fmt: skip


def _placed(value: str) -> str:
    """A path to a file that is there, as a job needs it: workers have another working directory."""
    named = value.endswith((".yaml", ".yml")) or "/" in value
    return str(Path(value).expanduser().absolute()) if named and Path(value).expanduser().is_file() else value


def _submit(workspace: Workspace, options: GenerateOptions, as_json: bool) -> None:
    import msgspec

    from flywheel_tui.cli.background import leave_to_workers
    from flywheel_tui.stages.generate.run import announce

    if options.preview or options.estimate:
        raise UsageError("--background is for rows; a preview or an estimate is shown here: leave --background out")
    request = announce(workspace, options)
    note(request.sentence)
    leave_to_workers(
        workspace, "generate", msgspec.to_builtins(request.options), title=f"generate {options.recipe} {options.into}",
        as_json=as_json, dataset_id=request.dataset_id, unit="rows", slot="network" if request.network else "cpu",
    )  # fmt: skip


def _generate(workspace: Workspace, options: GenerateOptions, yes: bool, as_json: bool) -> GenerateReport:
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.generate.engine import GeneratePaused
    from flywheel_tui.stages.generate.options import GenerateReport
    from flywheel_tui.stages.generate.run import announce
    from flywheel_tui.stages.generate.run import generate as make

    request = announce(workspace, options)
    if options.estimate:
        return make(workspace, request.options)
    note(request.sentence)
    if request.network and not options.preview and not yes:
        _ask(workspace, request.options)
    try:
        with Progress("Making") as progress:
            result = run_foreground(
                workspace, "generate", msgspec.to_builtins(request.options),
                title=f"generate {options.recipe} {'preview' if options.preview else options.into}",
                dataset_id=request.dataset_id, unit="rows", slot="network" if request.network else "cpu",
                on_progress=lambda now: progress.update(now.done, now.total, now.phase),
            )  # fmt: skip
    except GeneratePaused as stopped:
        if stopped.report is not None:
            print_json(stopped.report) if as_json else _show(stopped.report)
        raise
    return msgspec.convert(result, GenerateReport)


def _index(workspace: Workspace) -> None:
    """Let the search find the new rows; interrupted, the workstation finishes it."""
    from flywheel_tui.stages.search_index import build

    with suppress(KeyboardInterrupt):
        build(workspace)


def _ask(workspace: Workspace, options: GenerateOptions) -> None:
    """On a terminal, say the price and ask; a script is never asked."""
    import sys

    from flywheel_tui.stages.generate.run import estimated

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    price = estimated(workspace, options).price
    if price is None or price.most_usd == 0:
        return
    note(_price(price))
    click.confirm("Begin?", default=True, abort=True, err=True)


def _steer(workspace: Workspace, options: dict[str, Any], as_json: bool) -> None:
    from flywheel_tui.stages.judge.steer import steer

    chosen = {name: options[name] for name in _STEERS if options[name] is not None}
    if not chosen:
        raise UsageError("say what to change: --concurrency N, --budget-usd X or --budget-tokens N")
    now = steer(workspace, options["job"], **chosen)
    if as_json:
        print_json({"job": options["job"], **now})
    else:
        say(f"job {options['job']}: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in now.items()))


def _list(as_json: bool) -> None:
    from flywheel_tui.stages.generate.recipe import load_recipes

    known = load_recipes(external=True)
    if as_json:
        print_json([
            {"name": name, "about": cls.about, "kind": cls.kind, "needs": cls.needs, "options": cls.options,
             "hints": cls.hints, "templates": cls.templates}
            for name, cls in sorted(known.items())
        ])  # fmt: skip
        return
    for name, cls in sorted(known.items()):
        say(f"{name:<18} {cls.about} Makes: {cls.kind}; works on: {cls.needs}.")
        for option, value in cls.options.items():
            choices = f"one of {', '.join(map(str, value))}" if isinstance(value, tuple) else repr(value)
            said = "; ".join(filter(None, ("" if value == "" else choices, cls.hints.get(option))))
            say(f"{'':<18}   -o {option}=…  ({said})")


def _show(report: GenerateReport) -> None:
    from flywheel_tui.text import counted

    for number, row in enumerate(report.preview, 1):
        say(f"— {number} ({row.kind}, {row.teacher}) —\n{row.instruction}")
        if row.input:
            say(f"[input]\n{row.input}")
        if row.output:
            say(f"[output]\n{row.output}")
        for name, value in row.body.items():
            say(f"[{name}] {_shown(name, value)}")
    if not report.preview and (report.items or report.made or report.stopped):
        say(f"Made {counted(report.new, 'row')} -> {report.dataset} ({report.made:,} of {report.wanted:,} are there)")
    if report.golden:
        say(f"Beside them {counted(report.golden, 'golden example')} as they are")
    if report.offline and report.made:
        say("They were made by templates, no model was asked; every row says so")
    if report.price is not None and report.made < report.wanted and report.items:
        say(f"A preview tries few items: {report.items:,} made {report.made:,} of {counted(report.wanted, 'row')}")
    if report.rejected:
        say("Rejected: " + ", ".join(f"{count:,} {rule}" for rule, count in sorted(report.rejected.items())))
    if report.failed:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.failed.items()))
        say(f"Failed: {kinds}; the same command asks again")
    if report.exhausted and report.made < report.wanted and not report.preview:
        say("There are no more work items: name more seeds, or another --seed")
    if len(report.teachers) > 1:
        say("Teachers: " + ", ".join(f"{name} {count:,}" for name, count in sorted(report.teachers.items())))
    if report.variety:
        last = report.variety[-1]
        say(f"Variety of the last {last.rows} rows: Vendi {last.vendi:.2f} per row, distinct-2 {last.distinct2:.2f}")
    if report.calls or report.hits:
        price = "unknown price" if report.unpriced else _dollars(report.cost_usd) if report.cost_usd else "nothing"
        tokens = f"{report.tokens_in:,} tokens in, {report.tokens_out:,} out"
        hits = counted(report.hits, "answer") + " from the cache"
        say(f"Cost: {price} ({counted(report.calls, 'call')}, {hits}, {tokens})")
    if report.price is not None and report.seeds:
        say(f"From {report.seeds}")
    if report.price is not None:
        say(_price(report.price))


def _shown(name: str, value: Any) -> str:
    """A part of a row's body for a person: functions by their names, messages as lines, anything else as JSON."""
    import msgspec

    encode = msgspec.json.encode
    if name == "tools" and isinstance(value, list):
        return ", ".join(str(tool.get("function", tool).get("name")) for tool in value)
    if name == "messages" and isinstance(value, list):
        lines = []
        for one in value:
            calls = [call["function"] for call in one.get("tool_calls") or ()]
            said = "; ".join(f"{call['name']} {encode(call['arguments']).decode()}" for call in calls)
            lines.append(f"\n  {one['role']}: {one.get('content') or ''}{said}")
        return "".join(lines)
    return (value if isinstance(value, str) else encode(value).decode())[:1500]


def _price(price: Price) -> str:
    from flywheel_tui.text import counted

    if price.cost_usd is None or price.most_usd is None:
        cost = "an unknown amount (add the model to prices.toml)"
    elif not price.most_usd:
        cost = "nothing"
    else:
        cost = f"about {_dollars(price.cost_usd)}, at most {_dollars(price.most_usd)}"
    tokens = f"{price.tokens_in:,} tokens in, {price.tokens_out:,} out"
    return f"{counted(price.rows, 'row')} cost {cost} ({tokens}; from {price.basis})"


def _dollars(amount: float) -> str:
    """Cents, and what is less than ten of them to a hundredth of one."""
    return f"${amount:,.2f}" if amount >= 0.1 else f"${amount:.4f}"
