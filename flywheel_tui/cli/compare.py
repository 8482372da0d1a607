"""`flywheel compare`: judges and reviewers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import json_option, note, open_workspace, out_console, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import Comparison, Number, PairLine

EVERYBODY = "*"


@click.command()
@click.option("-d", "--dataset", help="The data set.")
@click.option("--tags", default="", metavar="A,B[,C]", help="Judge runs.")
@click.option("--reviewers", default="", metavar="ANA,BO|*", help="People; * is everybody who labelled there.")
@click.option("--approved-is", default="approved", show_default=True, metavar="STATUS,…",
              help="The statuses that count as a pass: approved, or approved,edited.")  # fmt: skip
@click.option("--include-unblinded", is_flag=True, help="Count labels that were made with the verdict in sight.")
@click.option(
    "--include-picked", is_flag=True, help="Count labels of pairs picked by what judges say or where doubt is."
)
@json_option
@click.pass_context
def compare(
    ctx: click.Context, /, dataset: str | None, tags: str, reviewers: str, approved_is: str, include_unblinded: bool,
    include_picked: bool, as_json: bool,
) -> None:  # fmt: skip
    """Compare judge runs, reviewers or both on the pairs that they share."""
    from flywheel_tui.stages.compare import Asked, everybody
    from flywheel_tui.stages.compare import compare as measure

    if not dataset:
        raise UsageError("name the data set: flywheel compare -d NAME --tags a,b")
    workspace = open_workspace(ctx)
    people = everybody(workspace, dataset) if reviewers.strip() == EVERYBODY else _names(reviewers)
    asked = Asked(tags=_names(tags), reviewers=people, approved_is=_names(approved_is),
                  include_unblinded=include_unblinded, include_picked=include_picked)  # fmt: skip
    found = measure(workspace, dataset, asked)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _show(found: Comparison) -> None:
    people = all(rater.what == "reviewer" for rater in found.raters)
    judges = all(rater.what == "judge" for rater in found.raters)
    title = "Reviewer comparison" if people else "Judge comparison" if judges else "Comparison"
    say(f"{title}: {' vs '.join(rater.name for rater in found.raters)}")
    width = max(22, *(len(f"{rater.name} passed / mean ") for rater in found.raters))
    say(f"  {'Common pairs':<{width}}{found.pairs}")
    for rater in found.raters:
        if rater.passed is None:
            said = ", ".join(f"{word} {count}" for word, count in rater.answers.items())
            say(f"  {rater.name + ' said':<{width}}{said or 'nothing'}")
        elif rater.what == "reviewer":
            say(f"  {rater.name + ' passed':<{width}}{rater.passed}")
        else:
            mean = "n/a" if rater.mean is None else f"{rater.mean:.2f}"
            say(f"  {rater.name + ' passed / mean':<{width}}{rater.passed} / {mean}")
    if len(found.matrix) == 1:
        _show_pair(found, found.matrix[0], width)
    else:
        _show_all(found, width)
    say(f"  {'Output':<{width}}{found.output}")
    for line in found.remarks:
        note(line)


def _show_pair(found: Comparison, pair: PairLine, width: int) -> None:
    share = "n/a" if pair.agreement.value is None else f"{pair.agreement.value:.1%}"
    word = "Pass agreement" if found.kind == "verdict" else "Agreement"
    kappa = "Cohen's kappa (p/f)" if found.kind == "verdict" else "Cohen's kappa"
    say(f"  {word:<{width}}{share}")
    say(f"  {kappa:<{width}}{_figure(pair.kappa)}" + (f"  ({pair.band})" if pair.band else ""))
    if pair.pearson.value is not None or found.kind == "verdict":
        say(f"  {'Score Pearson r':<{width}}{_figure(pair.pearson)}")
    if pair.kappa.low is not None and pair.kappa.high is not None:
        note(f"kappa lies between {pair.kappa.low:.3f} and {pair.kappa.high:.3f} with 95% confidence (n={pair.n:,}); "
             f"surely {pair.sure_band} or better. AC1 {_figure(pair.ac1)}")  # fmt: skip
    if pair.sentence:
        note(pair.sentence)


def _show_all(found: Comparison, width: int) -> None:
    from rich.table import Table

    from flywheel_tui.text import visible

    if found.fleiss is not None and found.alpha is not None:
        say(f"  {'Fleiss kappa':<{width}}{_ranged(found.fleiss)}")
        say(f"  {'Krippendorff alpha':<{width}}{_ranged(found.alpha)}")
    table = Table("", "", "pairs", "agreement", "kappa", "95%", "band", "AC1", "Pearson r")
    for pair in found.matrix:
        share = "n/a" if pair.agreement.value is None else f"{pair.agreement.value:.1%}"
        ends = "" if pair.kappa.low is None else f"{pair.kappa.low:.3f} – {pair.kappa.high:.3f}"
        related = "" if pair.pearson.value is None else _figure(pair.pearson)
        table.add_row(visible(pair.first), visible(pair.second), f"{pair.n:,}", share, _figure(pair.kappa), ends,
                      pair.band or "", _figure(pair.ac1), related)  # fmt: skip
    out_console().print(table)
    for pair in found.matrix:
        if pair.sentence:
            note(f"{pair.first} and {pair.second}: {pair.sentence}")


def _figure(figure: Number) -> str:
    return f"n/a ({figure.why})" if figure.value is None else f"{figure.value:.3f}"


def _ranged(figure: Number) -> str:
    ends = "" if figure.low is None else f"  [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{_figure(figure)}{ends}  n={figure.n:,.0f}"
