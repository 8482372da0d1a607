"""`flywheel evaluate`: an adapter against its base on the same items."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.records.evaluation import Criteria, EvaluateOptions
    from flywheel_tui.store.evaluations import EvaluationRow
    from flywheel_tui.store.gate import BundleRow
    from flywheel_tui.workspace import Workspace


@click.command()
@click.option("--base", required=True, metavar="MODEL", help="The base model: a folder, or a name in the cache.")
@click.option("--adapter", default="", metavar="NAME|DIR", help="The candidate (default: the base alone).")
@click.option("--against", default="", metavar="NAME|DIR|current", help="What it is compared with (default: the base "
              "alone); current: the adapter in use.")  # fmt: skip
@click.option("-d", "--dataset", default="", help="The held-out data set.")
@click.option("--tasks", default="", metavar="FILE|builtin", help="Tasks whose answers can be checked.")
@click.option("--tasks-per-skill", type=click.IntRange(1, 100_000), default=200, show_default=True)
@click.option("--skill", "skills", multiple=True, help="Only these builtin skills; may be repeated.")
@click.option("--checker", default="", help="How answers are checked that name no checker: exact, numeric, json, …")
@click.option("--train", multiple=True, metavar="DATASET", help="What it learned from (default: what the adapter's "
              "training run says); may be repeated.")  # fmt: skip
@click.option("--judge", default="", metavar="BACKEND:MODEL", help="Let a judge compare the answers, in both orders.")
@click.option("--judge-tag", default="", metavar="TAG", help="The judge of that run (its rubric, too, where it "
              "compares two answers) in place of --judge.")  # fmt: skip
@click.option("--rubric", default="", metavar="NAME|FILE", help="The judge's rubric (one that compares two answers).")
@click.option("--budget-usd", type=float, help="Pause when the judge has spent so many dollars.")
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Pause when the judge has spent so many tokens.")
@click.option("--estimate", is_flag=True, help="Say what the judge would take at the most, and stop.")
@click.option("--target", "targets", multiple=True, metavar="SKILL", help="What should be better; may be repeated.")
@click.option("--metric", type=click.Choice(["accuracy", "winrate", "nll"]), default="accuracy", show_default=True)
@click.option("--min-gain", type=float, default=0.0, show_default=True, help="By at least so much (0.05 = 5 points).")
@click.option("--margin", type=float, default=0.05, show_default=True, help="How much worse other skills may be.")
@click.option("--safety-rate", type=float, default=0.01, show_default=True, help="The rate of failures to rule out.")
@click.option("--leave-out", multiple=True, metavar="GATE", help="A gate (G1 … G6) that is not asked; may be repeated.")
@click.option("--criteria", "criteria_file", metavar="FILE", help="Criteria as JSON instead of the options above.")
@click.option("--max-new-tokens", type=click.IntRange(1, 8192), default=64, show_default=True)
@click.option("--batch-size", type=click.IntRange(1, 1024), default=128, show_default=True)
@click.option("--limit", type=click.IntRange(min=0), default=0, help="At most so many held-out pairs.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the intervals.")
@json_option
@click.pass_context
def evaluate(ctx: click.Context, /, as_json: bool, **given: Any) -> None:
    """Compare an adapter with its base: answers checked, losses, preferences, past failures; and what the gates say.

    Interrupted, the same command goes on with what is missing; finished, it shows the same again.
    """
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.store.datasets import get_dataset

    workspace = open_workspace(ctx)
    options = _options(given).checked()
    if given["estimate"]:
        from flywheel_tui.cli.evaluate_estimate import say_estimate

        say_estimate(workspace, options, as_json)
        return
    connection = workspace.store.read()
    dataset_id = get_dataset(connection, options.dataset).id if options.dataset else None
    what = options.adapter or "the base alone"
    with Progress("Evaluating") as progress:
        result = run_foreground(
            workspace, "evaluate", msgspec.to_builtins(options), title=f"evaluate {Path(what).name}", unit="items",
            dataset_id=dataset_id, on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    _told(workspace, result, as_json)


def _options(given: dict[str, Any]) -> EvaluateOptions:
    from flywheel_tui.records.evaluation import EvaluateOptions

    names = {name for name in EvaluateOptions.__struct_fields__ if name in given}
    fields = {name: given[name] for name in names} | {"criteria": _criteria(given)}
    for name in ("tasks", "adapter", "against", "base", "rubric"):
        # a job may run in another folder than the one it was asked for in
        if fields[name] and fields[name] not in ("builtin", "current") and Path(fields[name]).expanduser().exists():
            fields[name] = str(Path(fields[name]).expanduser().resolve())
    return EvaluateOptions(**fields)


def _criteria(given: dict[str, Any]) -> Criteria:
    import msgspec

    from flywheel_tui.records.evaluation import Criteria

    if given["criteria_file"]:
        path = Path(given["criteria_file"])
        try:
            return msgspec.json.decode(path.read_bytes(), type=Criteria)
        except msgspec.MsgspecError as error:
            raise UsageError(f"{path}: these are no criteria ({error})") from None
    return Criteria(
        metric=given["metric"], targets=given["targets"], min_gain=given["min_gain"],
        regression_margin=given["margin"], forgetting_margin=given["margin"], safety_rate=given["safety_rate"],
        leave_out=given["leave_out"], seed=given["seed"],
    )  # fmt: skip


def _told(workspace: Workspace, result: dict[str, Any], as_json: bool) -> None:
    import msgspec

    from flywheel_tui.stages.evaluate import again
    from flywheel_tui.store.evaluations import get_evaluation
    from flywheel_tui.store.gate import find_bundle

    row = get_evaluation(workspace.store.read(), result["evaluation"])
    # with the blind choices that people have made since it ended
    row = msgspec.structs.replace(row, result=again(workspace, row.id))
    bundle = find_bundle(workspace.store.read(), result["bundle_hash"]) if result.get("bundle_hash") else None
    if as_json:
        found = {"evaluation": msgspec.to_builtins(row), "bundle": msgspec.to_builtins(bundle)}
        print_json(found)
        return
    show_evaluation(row)
    _show_gates(row, bundle)


def show_evaluation(row: EvaluationRow) -> None:
    """The figures of a finished evaluation, for a person."""
    from flywheel_tui.cli.console import out_console

    found = row.result
    if found is None:
        say(f"Evaluation {row.id} is not finished")
        return
    say(f"Evaluation {row.id}: {_short(row.adapter)} against {_short(row.against)}, base {Path(row.base).name}")
    if found.overall.n:
        out_console().print(_table(row))
    _show_losses(row)
    _show_rest(row)


def _short(name: str) -> str:
    return Path(name).name or "the base alone"


def _table(row: EvaluationRow) -> Any:
    from rich.table import Table
    from rich.text import Text

    from flywheel_tui.text import visible

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("slice", "n", "base", "candidate", "difference", "95 % interval", "gained", "lost", "p"):
        table.add_column(name, justify="left" if name == "slice" else "right")
    assert row.result is not None
    targets = row.options.criteria.targets
    for line in (*row.result.slices, row.result.overall):
        d = line.difference
        marked = f"{line.slice or 'all'}{' *' if line.slice in targets else ''}"
        cells = (
            visible(marked, multiline=False), f"{line.n:,}", _share(line.base.value), _share(line.candidate.value),
            _points(d.value), f"{_points(d.low)} to {_points(d.high)}", str(line.only_candidate), str(line.only_base),
            _p(line.p),
        )  # fmt: skip
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _show_losses(row: EvaluationRow) -> None:
    assert row.result is not None
    found = row.result.losses
    if found.n and found.base_perplexity is not None and found.candidate_perplexity is not None:
        say(
            f"Perplexity: {found.base_perplexity:.3f} → {found.candidate_perplexity:.3f} over {found.tokens:,} tokens"
            f" of {found.n:,} answers (gain {found.gain.value:+.4f} nats a token,"
            f" {_number(found.gain.low)} to {_number(found.gain.high)}; bits per byte"
            f" {_number(found.base_bits_per_byte)} → {_number(found.candidate_bits_per_byte)})"
        )


def _show_rest(row: EvaluationRow) -> None:
    assert row.result is not None
    found, past, wins = row.result, row.result.regression, row.result.wins
    if wins.judged:
        raw, right = wins.raw, wins.corrected
        said = f"Win rate (judge): {_share(raw.value)} of {wins.judged:,}, at equal length {_share(wins.controlled)}"
        note_ = " – length buys much of it" if wins.suspicious else ""
        fixed = (
            f"; corrected by {wins.labels} blind choices {_share(right.value)} ({_share(right.low)} to"
            f" {_share(right.high)})" if right.value is not None else "; not corrected: " + right.why
        )  # fmt: skip
        say(said + note_ + fixed)
        told = [f"{wins.inconsistent:,} answers hung on which was shown first"] * bool(wins.inconsistent)
        told += [f"people called both answers bad on {wins.both_bad:,}"] * bool(wins.both_bad)
        if told:
            say(f"  {'; '.join(told)}")
    if (used := row.used) is not None:
        price = "unknown price" if used.unpriced else f"${used.cost_micro / 1e6:.4f}"
        tokens = f"{used.tokens_in:,} tokens in, {used.tokens_out:,} out"
        say(f"Judge: {price} ({used.calls:,} calls, {used.cached:,} answers from the cache, {tokens})")
    if past.n:
        counts = f"{past.fixed} fixed, {past.still} still failing, {past.broken} newly broken, {past.kept} kept"
        more = f"; nothing could decide on {past.undecided} more" if past.undecided else ""
        say(f"Past failures (version {past.version}, {past.n}): {counts}; p {_p(past.p)}{more}")
    if found.memorised or found.memorised_base:
        say(f"Recited from training: {found.memorised} outputs ({found.memorised_base} of the base's)")
    if found.contaminated:
        say(f"Contaminated: {len(found.contaminated)} items also stand in the training data")


def _show_gates(row: EvaluationRow, bundle: BundleRow | None) -> None:
    if bundle is None:
        note("the base alone was evaluated: there is nothing to promote, so no bundle was made")
        return
    show_gates(bundle)
    say(f"Bundle {bundle.id}: {bundle.hash[:16]} in {bundle.folder}; decide with: flywheel gate approve {bundle.id}")


def show_gates(bundle: BundleRow) -> None:
    """The gates of a bundle, one line each."""
    for gate in bundle.gates:
        missing = f" Missing: {gate.missing}" if gate.missing else ""
        say(f"  {gate.gate} {gate.verdict:<12}  {gate.title}: {gate.why}.{missing}")
    say(f"Verdict of G1 to G6: {bundle.verdict}")


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1%}"


def _points(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:+.1f}"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.4f}"


def _p(value: float | None) -> str:
    return "n/a" if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"
