"""`flywheel judge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.judge.options import JudgeReport
    from flywheel_tui.workspace import Workspace

_STEERS = ("concurrency", "budget_usd", "budget_tokens")


@click.command()
@click.option("-d", "--dataset", help="The data set to judge.")
@click.option("--backend", default="", help="ollama, openai, openrouter, anthropic, local or offline (rules).")
@click.option("--model", default="", help="The model to ask.")
@click.option("--rubric", default="", metavar="NAME|FILE", help="The rubric (default: the one for the kind of data).")
@click.option("--tag", default="", help="Name of the run (default: made of back end and model).")
@click.option("--where", metavar="EXPR", help="Only pairs that the expression matches.")
@click.option("--max-pairs", type=click.IntRange(min=1), help="At most the first N of them.")
@click.option("--sample", type=float, metavar="SHARE", help="A random share of them, such as 0.05.")
@click.option("--split", default="", metavar="SPLIT", help="Only pairs that people decided blind: prompt-dev (to try a "
              "rubric on), calibrate, report or all.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample and of the examples.")
@click.option("--concurrency", type=click.IntRange(1, 1024), help="Calls at once (default: the setting).")
@click.option("--budget-usd", type=float, help="Pause when so many dollars are spent.")
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Pause when so many tokens are spent.")
@click.option("--estimate", is_flag=True, help="Judge a sample (5 %), say what the rest would take, and stop.")
@click.option("--batch", is_flag=True, help="Use the provider's batch API: half the price, answers within a day.")
@click.option("--retry", is_flag=True, help="Ask again about the pairs that have no verdict, and only those.")
@click.option("--few-shot", type=click.IntRange(0, 8), default=0, help="Show the judge N pairs that people decided.")
@click.option("--repeat", type=click.IntRange(min=1), default=1, metavar="N", help="Ask N times about each pair, to "
              "learn how often the judge says the same; the first answer counts.")  # fmt: skip
@click.option("--forms", metavar="NAME,…|all", help="Show the judge of --tag its pairs in other forms (plain, bullets, "
              "beauty, authority, claim, padding): calibrate --bias tells how often its verdict flips.")  # fmt: skip
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True)
@click.option("--max-tokens", type=click.IntRange(min=0), default=0, help="Limit of an answer (default: by rubric).")
@click.option("--jury", metavar="TAG,TAG[:METHOD]", help="Combine runs: majority, mean, weighted or dawid-skene.")
@click.option("--import", "import_file", metavar="FILE", help="Take in recorded judgments of another tool.")
@click.option("--map", "mapping", metavar="FIELD=COLUMN,…", help="Columns of a recorded table, e.g. pair=id,passed=ok.")
@click.option("--match", default="id", show_default=True, help="What the pair column holds: id, uid, position, line, "
              "instruction or meta.NAME.")  # fmt: skip
@click.option("--words", metavar="WORD=VALUE,…", help="What values of a recorded table mean, e.g. a=0,b=1,tie=0.5 or "
              "pass=ok,fail=ko.")  # fmt: skip
@click.option("--pass-at", type=float, metavar="X", help="Recorded scores of X and more pass.")
@click.option("--orders", type=click.Choice(["agree", "lean"]), default="agree", show_default=True,
              help="How two recorded orders become one verdict: the same answer twice wins, or a tie goes with the "
              "other order.")  # fmt: skip
@click.option("--unparsed", type=click.Choice(["skip", "tie", "wrong"]), help="How recorded judgments that could not "
              "be read count where this run is compared (default: skip); kept with the run.")  # fmt: skip
@click.option("--background", is_flag=True, help="Leave it to the workers.")
@click.option("--job", type=int, metavar="JOB", help="Change --concurrency or a budget of a job instead.")
@json_option
@click.pass_context
def judge(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Judge pairs under a rubric. What was judged is kept; the same command again goes on with the rest."""
    workspace = open_workspace(ctx)
    if options["job"] is not None:
        _steer(workspace, options, as_json)
        return
    if not options["dataset"]:
        raise UsageError("name the data set: flywheel judge -d NAME (flywheel dataset ls lists them)")
    if options["import_file"]:
        report = _import(workspace, options)
    elif options["forms"]:
        found = _forms(workspace, options, as_json)
        if found is None:
            return
        report = found
    elif options["jury"]:
        report = _jury(workspace, options)
    elif options["background"]:
        _submit(workspace, options, as_json)
        return
    else:
        report = _judge(workspace, options, as_json)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if report.failed_for_all:
        ctx.exit(3)


_PASSED_ON = (
    "dataset", "backend", "model", "rubric", "tag", "where", "max_pairs", "sample", "seed", "concurrency", "budget_usd",
    "budget_tokens", "estimate", "retry", "few_shot", "temperature", "max_tokens", "batch", "split", "repeat",
)  # fmt: skip


def _asked(workspace: Workspace, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of the job and how it stands in the queue; says what is going to be done."""
    import msgspec

    from flywheel_tui.stages.judge.options import JudgeOptions
    from flywheel_tui.stages.judge.run import announce
    from flywheel_tui.store.datasets import get_dataset

    args = {name: options[name] for name in _PASSED_ON}
    if args["rubric"].endswith((".yaml", ".yml")) or "/" in args["rubric"]:
        args["rubric"] = str(Path(args["rubric"]).absolute())
    dataset = get_dataset(workspace.store.read(), args["dataset"])
    request = announce(workspace, msgspec.convert(args, JudgeOptions))
    note(request.sentence)
    queued = {"title": f"judge {dataset.name} {request.tag}", "dataset_id": dataset.id,
              "slot": "network" if request.network else "cpu"}  # fmt: skip
    return msgspec.to_builtins(request.options), queued


def _submit(workspace: Workspace, options: dict[str, Any], as_json: bool) -> None:
    from flywheel_tui.cli.background import leave_to_workers

    args, queued = _asked(workspace, options)
    leave_to_workers(workspace, "judge", args, as_json=as_json, **queued)


def _judge(workspace: Workspace, options: dict[str, Any], as_json: bool) -> JudgeReport:
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.judge.engine import JudgePaused
    from flywheel_tui.stages.judge.options import JudgeReport

    args, queued = _asked(workspace, options)
    try:
        with Progress("Judging") as progress:
            result = run_foreground(
                workspace, "judge", args, on_progress=lambda now: progress.update(now.done, now.total, now.phase),
                **queued,
            )  # fmt: skip
    except JudgePaused as stopped:
        if stopped.report is not None:
            print_json(stopped.report) if as_json else _show(stopped.report)
        raise
    return msgspec.convert(result, JudgeReport)


def _forms(workspace: Workspace, options: dict[str, Any], as_json: bool) -> JudgeReport | None:
    """Judge a part of the pairs in other forms, the price first; None where --estimate or --background said so."""
    from flywheel_tui.cli.judge_forms import forms_to_judge

    asked = forms_to_judge(workspace, options, as_json)
    if asked is None:
        return None
    told = options | asked
    if options["background"]:
        _submit(workspace, told, as_json)
        return None
    return _judge(workspace, told, as_json)


def _import(workspace: Workspace, options: dict[str, Any]) -> JudgeReport:
    from flywheel_tui.stages.judge.recorded import FIELDS, ImportOptions, import_judgments
    from flywheel_tui.stages.layouts import parse_map
    from flywheel_tui.stages.said import parse_words

    mapping = parse_map(options["mapping"], FIELDS, "a judgment") if options["mapping"] else None
    words = parse_words(options["words"]) if options["words"] else None
    request = ImportOptions(
        dataset=options["dataset"], file=options["import_file"], tag=options["tag"], model=options["model"],
        mapping=mapping, match=options["match"], unparsed=options["unparsed"], words=words, orders=options["orders"],
        pass_at=options["pass_at"],
    )  # fmt: skip
    return import_judgments(workspace, request)


def _jury(workspace: Workspace, options: dict[str, Any]) -> JudgeReport:
    from flywheel_tui.stages.judge.jury import jury, parse_jury

    tags, method = parse_jury(options["jury"])
    return jury(workspace, options["dataset"], tags, method, tag=options["tag"])


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


def _show(report: JudgeReport) -> None:
    say(f"Judged: {report.judged:,}")
    if report.preferences:
        say("Preferred: " + ", ".join(f"{name} {count:,}" for name, count in report.preferences.items()))
    elif report.pass_rate is not None:
        interval = f"95 % interval {report.low:.1%} to {report.high:.1%}"
        say(f"Passed: {report.passed:,} ({report.pass_rate:.1%}; {interval})")
    if report.average is not None and not report.preferences:
        say(f"Avg overall (scored): {report.average:.2f} over {report.scored:,}")
    if report.both_orders:
        consistent = 1 - report.inconsistent / report.both_orders
        say(f"Both orders agree: {consistent:.1%} of {report.both_orders:,} ({report.inconsistent:,} made a tie)")
    recorded = report.backend == "import"
    if not recorded:
        say(f"Cache: {report.hits:,} hits, {report.misses:,} misses, {report.writes:,} writes")
    if report.unjudged:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in report.missing.items())
        again = "" if recorded else "; ask again with --retry"
        say(f"Errors: {report.unjudged:,} pairs have no verdict ({kinds}){again}")
    else:
        say("Errors: 0")
    if report.stability is not None:
        from flywheel_tui.stages.judge.stability import stability_sentence

        say(f"Repeated: {stability_sentence(report.stability)}")
    if report.skipped and not recorded:
        say(f"Skipped: {report.skipped:,} pairs that the rubric does not fit")
    if report.calls:
        price = "unknown price" if report.unpriced else f"${report.cost_usd:.4f}"
        say(f"Cost: {price} ({report.calls:,} calls, {report.tokens_in:,} tokens in, {report.tokens_out:,} out)")
    if policy := report.settings.get("unparsed"):
        say(f"Unparsed judgments count as: {policy} (calibrate --unreadable shows another)")
    _show_estimate(report)
    for line in report.remarks:
        note(line)
    say(f"Run: {report.tag} of {report.dataset}, judge {report.judge[:12]}, rubric {report.rubric or 'none'}")


def _show_estimate(report: JudgeReport) -> None:
    from flywheel_tui.text import human_duration

    if (found := report.estimate) is None:
        return
    rate = "nothing was judged" if found.pass_rate is None else f"pass rate {found.low:.1%} to {found.high:.1%}"
    cost = "unknown price" if report.unpriced else f"${found.cost_usd:.2f}"
    time = "an unknown time" if found.seconds is None else human_duration(found.seconds)
    say(
        f"Estimate from {found.sampled:,} pairs: {rate}; the {found.left:,} left take about"
        f" {time}, {found.tokens:,} tokens, {cost}. Go on with the same command without --estimate"
    )
