"""`flywheel calibrate`: a judge measured against people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import json_option, note, open_workspace, out_console, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import Calibration, Number, RatingAgreement


@click.command()
@click.option("-d", "--dataset", help="The data set.")
@click.option("--tag", help="The judge run to measure.")
@click.option("--approved-is", default="approved", show_default=True, metavar="STATUS,…",
              help="The statuses that count as a pass: approved, or approved,edited.")  # fmt: skip
@click.option("--threshold", metavar="X|auto", help="Pass at this score instead of the judge's own verdict; auto: the "
              "loosest one with a guarantee.")  # fmt: skip
@click.option("--target-precision", "target", type=float, default=0.9, show_default=True, help="What to prove.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of intervals and of the guarantee.")
@click.option("--reviewer", help="Only this person's labels, adjudications aside.")
@click.option("--include-unblinded", is_flag=True, help="Count labels that were made with the verdict in sight.")
@click.option(
    "--include-picked", is_flag=True, help="Count labels of pairs picked by what judges say or where doubt is."
)
@click.option("--unreadable", type=click.Choice(["leave-out", "wrong", "fail", "tie"]), help="What replies count as "
              "that could not be read (default: as the run was imported, else leave-out).")  # fmt: skip
@click.option("--split", type=click.Choice(["all", "prompt-dev", "calibrate", "report"]), default="all",
              show_default=True, help="Only the labels of one split (by seed family).")  # fmt: skip
@click.option("--votes", type=click.Choice(["majority", "each"]), default="majority", show_default=True,
              help="Decide a pair once, by the majority of people, or count every label for itself.")  # fmt: skip
@click.option("--ties", type=click.Choice(["count", "leave-out"]), default="count", show_default=True,
              help="Preferences: leave out where people or the judge see a tie.")  # fmt: skip
@click.option("--per-criterion", is_flag=True, help="Measure every criterion of the rubric as well.")
@click.option("--ratings", is_flag=True, help="Compare the judge's scores with people's ratings: correlations, "
              "weighted kappa.")  # fmt: skip
@click.option("--bias", is_flag=True, help="Audit what moves the judge besides quality: order, length, its own family.")
@json_option
@click.pass_context
def calibrate(ctx: click.Context, /, as_json: bool, **options: Any) -> None:
    """Measure a judge against blind human labels: every figure with an interval, and what it means in a sentence."""
    from flywheel_tui.stages.calibrate import calibrate as measure

    if not options["dataset"] or not options["tag"]:
        raise UsageError("name the data set and the judge run: flywheel calibrate -d NAME --tag TAG")
    bias = options.pop("bias")
    found = measure(open_workspace(ctx), options.pop("dataset"), _options(options), bias=bias)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _options(given: dict[str, Any]) -> Any:
    from flywheel_tui.records.calibration import CalibrateOptions

    threshold = given.pop("threshold")
    if threshold not in (None, "auto"):
        try:
            threshold = float(threshold)
        except ValueError:
            raise UsageError(f"--threshold takes a number or auto, not {threshold!r}") from None
    statuses = tuple(name.strip() for name in given.pop("approved_is").split(",") if name.strip())
    return CalibrateOptions(threshold=threshold, approved_is=statuses, **given)


def _value(figure: Number | None, digits: int = 3) -> str:
    return "n/a" if figure is None or figure.value is None else f"{figure.value:.{digits}f}"


def _show(found: Calibration) -> None:
    rates = found.rates
    say(f"Evaluated pairs  {found.pairs}")
    for title, name in (("Precision", "precision"), ("Recall", "recall"), ("F1", "f1"), ("Accuracy", "accuracy")):
        say(f"  {title:<17}{_value(rates[name])}")
    if found.counts is not None:
        c = found.counts
        say(f"  {'TP/FP/TN/FN':<17}{c.tp}/{c.fp}/{c.tn}/{c.fn}")
    else:
        _show_classes(found)
    say("")
    _show_intervals(found)
    if found.threshold is not None:
        say(f"Threshold: {found.threshold.sentence}")
    say(found.headline)
    if found.ratings is not None:
        _show_ratings(found.ratings)
    if found.criteria:
        _show_criteria(found)
    if found.bias is not None:
        from flywheel_tui.stages.calibrate_words import bias_lines

        say("")
        say("What moves this judge besides quality")
        for line in bias_lines(found.bias):
            say(f"  {line}")
    for line in found.remarks:
        note(line)


def _show_intervals(found: Calibration) -> None:
    level = f"{found.options.confidence:.0%}"
    say(f"Intervals ({level})")
    for name, figure in found.rates.items():
        say(_line(name, figure))
    if found.no_skill is not None:
        say(f"  {'no skill':<17} {found.no_skill:.3f}  accuracy of always saying the commoner answer")
    if found.weighted:
        say(f"Whole population, {found.weighted_labels:,} labels weighted by their inclusion probability ({level})")
        for name, figure in found.weighted.items():
            say(_line(name, figure))
    if found.pass_rate is not None:
        say(f"True pass rate of all that was judged ({level})")
        say(_line("pass rate", found.pass_rate))


def _line(name: str, figure: Number) -> str:
    title = name.replace("_", " ")
    if figure.value is None:
        return f"  {title:<17} n/a    {figure.why}"
    if figure.low is None or figure.high is None:
        return f"  {title:<17} {figure.value:.3f}  n={figure.n:,.0f}  {figure.why or figure.method}"
    return (
        f"  {title:<17} {figure.value:.3f}  [{figure.low:.3f}, {figure.high:.3f}]  n={figure.n:,.0f}  {figure.method}"
    )


def _show_ratings(told: RatingAgreement) -> None:
    several = ", their mean where there are several" if told.ratings > told.n else ""
    say(f"Scores against people's ratings: {told.n:,} pairs, {told.ratings:,} ratings{several}")
    names = ("pearson", "spearman", "kendall", "quadratic kappa", "same grade")
    figures = (told.pearson, told.spearman, told.kendall, told.kappa, told.same)
    for name, figure in zip(names, figures, strict=True):
        say(_line(name, figure))


def _show_classes(found: Calibration) -> None:
    say("  (precision, recall and F1 are macro averages over the answers)")
    for line in found.classes:
        figures = "/".join("n/a" if v is None else f"{v:.3f}" for v in (line.precision, line.recall, line.f1))
        say(f"  {line.name:<17}{figures}  of {line.labels:,} labels")


def _show_criteria(found: Calibration) -> None:
    from rich.table import Table

    from flywheel_tui.text import visible

    table = Table("criterion", "n", "against", "agreement", "kappa", "AUROC")
    for line in found.criteria:
        area = "" if line.auroc is None else f"{line.auroc:.3f}"
        table.add_row(visible(line.name), f"{line.n:,}", line.against, _value(line.agreement), _value(line.kappa), area)
    out_console().print(table)
