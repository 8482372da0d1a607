"""What the figures of a calibration mean, in plain words."""

from __future__ import annotations

from flywheel_tui.records.bias import BiasAudit
from flywheel_tui.records.calibration import UNREADABLE, Calibration, Number
from flywheel_tui.stages.judge.stability import stability_sentence


def headline(found: Calibration, *, rated: bool = False) -> str:
    """The sentence above the figures; it always says on how many labels it stands, and where they are no person's.
    `rated`: people gave ratings.
    """
    said = _headline(found, rated)
    return f"By a script's labels, no person's: {said}" if found.options.scripts else said


def _headline(found: Calibration, rated: bool) -> str:
    if not found.pairs:
        return _nothing(found, rated)
    what = "accuracy" if found.kind == "preference" else "precision"
    figure = found.rates[what]
    if figure.value is None:
        return (
            f"{_where(found)} this judge passes none of the {_labels(found.pairs)}, so that nothing can be said of "
            "the pairs that it would pass."
        )
    says = "gives the answer of people on" if found.kind == "preference" else "is right about"
    among = "pairs" if found.kind == "preference" else "pairs it passes"
    return (
        f"{_where(found)} this judge {says} {_hundred(figure.value)} of 100 {among}; with {_labels(found.pairs)} the "
        f"true figure lies {_range(figure)}.{_settles(found, what)}"
    )


def _where(found: Calibration) -> str:
    threshold = found.threshold
    if threshold is None or threshold.value is None:
        return "As it decides itself,"
    return f"At {threshold.value:g}"


def _labels(count: int) -> str:
    return f"{count:,} label" if count == 1 else f"{count:,} labels"


def _hundred(share: float) -> str:
    return f"{100 * share:.0f}"


def _range(figure: Number) -> str:
    if figure.low is None or figure.high is None:
        return f"anywhere ({figure.why})"
    # whole pairs of a hundred, unless the interval is so narrow that both ends would read the same
    digits = 0 if figure.high - figure.low > 0.01 else 1
    return f"between {100 * figure.low:.{digits}f} and {100 * figure.high:.{digits}f}"


def _settles(found: Calibration, what: str) -> str:
    goal, needed = f"{found.options.target:.0%}", found.labels_needed
    value = found.rates[what].value
    if needed == 0 and value is not None:
        decided = "reaches" if value >= found.options.target else "stays below"
        return f" That settles it: its {what} {decided} {goal}."
    if needed is None:
        return f" Whether its {what} reaches {goal} cannot be settled by any number of labels in sight."
    return f" About {needed:,} more labels, if the share stays, would settle whether its {what} reaches {goal}."


def _nothing(found: Calibration, rated: bool) -> str:
    left = found.left_out
    if found.ratings is not None and found.ratings.n:
        return "People rated these pairs and decided on none: how scores and ratings go together stands below."
    if rated and not (left.not_judged or left.no_verdict or left.not_blind):
        return (
            "Nothing to measure: people rated pairs and decided on none; --ratings compares scores with ratings, and"
            " label import --approve-from X makes decisions of them"
        )
    if left.not_judged or left.no_verdict:
        count = left.not_judged + sum(left.no_verdict.values())
        return (
            f"Nothing to measure: {count:,} labelled pairs have no verdict in the run {found.tag}; judge them with: "
            f"flywheel judge -d {found.dataset} --tag {found.tag}"
        )
    if left.not_blind:
        return (
            f"Nothing to measure: all {left.not_blind:,} labels were made with the verdict in sight; label blind, or "
            "say --include-unblinded and distrust the figures"
        )
    if left.picked:
        return (
            f"Nothing to measure: all {left.picked:,} labels are of pairs that an order picked by what judges say or "
            "where doubt is, which stand for no others; label a calibration sample: flywheel label sample -d "
            f"{found.dataset}"
        )
    if left.disputed or left.skipped:
        return (
            f"Nothing to measure: {left.disputed:,} labelled pairs are disputed and {left.skipped:,} skipped; "
            "adjudicate them first"
        )
    return f"Nothing to measure: no person has labelled this data set; start with: flywheel label -d {found.dataset}"


PICKED = (
    "labels are of pairs that an order picked by what judges say or where doubt is, and are left out"
    " (--include-picked counts them)"
)


def remarks(found: Calibration) -> tuple[str, ...]:
    """What was left out, and what the figures cannot say."""
    return (*_left_out(found), *_limits(found))


def _left_out(found: Calibration) -> list[str]:
    left, lines = found.left_out, []
    counts = (
        (left.not_blind, "labels were not blind and are left out (--include-unblinded counts them)"),
        (left.picked, PICKED),
        (left.adjudications_not_blind, "adjudications were made with the verdict in sight: the labels below decide"
         " (--include-unblinded counts them)"),
        (left.disputed, "labelled pairs are disputed and left out until they are adjudicated"),
        (left.skipped, "labelled pairs were skipped and are left out"),
        (left.not_judged, "labelled pairs were not judged in this run, in the version that was labelled"),
        (left.ties, "preferences are a tie on a side and are left out"),
        (left.in_prompts, "labels are of the split that the judge was shown examples from, and are left out"),
        (left.no_score, "verdicts have no score, so that no threshold can judge them; left out"),
    )  # fmt: skip
    lines += [f"{count:,} {_singular(text) if count == 1 else text}" for count, text in counts if count]
    for kind, count in left.no_verdict.items():
        readable = "; --unreadable says how they count" if kind in UNREADABLE else ""
        lines.append(f"{count:,} labelled pairs have no verdict ({kind}) and are left out{readable}")
    if found.options.unreadable not in (None, "leave-out"):
        counted = {"wrong": "wrong", "fail": "a fail", "tie": "a tie"}[found.options.unreadable or ""]
        lines.append(f"replies that could not be read count as {counted}")
    if found.options.include_picked:
        lines.append("labels of pairs picked by what judges say or where doubt is are included: the figures stand for "
                     "no sample")  # fmt: skip
    if found.options.include_unblinded:
        lines.append("labels made with the verdict in sight are included: agreement is flattered")
    return lines


_SINGULAR = (
    (
        "labels are of pairs that an order picked by what judges say or where doubt is, and are",
        "label is of a pair that an order picked by what judges say or where doubt is, and is",
    ),
    ("preferences are a tie on a side and are", "preference is a tie on a side and is"),
    ("labels are of the split", "label is of the split"),
    ("from, and are left out", "from, and is left out"),
    ("labels were not blind and are", "label was not blind and is"),
    ("adjudications were", "adjudication was"),
    ("pairs are disputed and", "pair is disputed and"),
    ("until they are", "until it is"),
    ("pairs were skipped and are", "pair was skipped and is"),
    ("pairs were not judged", "pair was not judged"),
    ("verdicts have no score", "verdict has no score"),
    ("can judge them", "can judge it"),
    ("counts them", "counts it"),
)


def _singular(text: str) -> str:
    """The same for one."""
    for many, one in _SINGULAR:
        text = text.replace(many, one)
    return text


def _limits(found: Calibration) -> list[str]:
    lines = []
    counts = found.counts
    if found.stability is not None:
        lines.append(stability_sentence(found.stability))
    if counts is not None and found.pairs:
        if not counts.tp + counts.fn:
            lines.append("all labels are fails: how many good pairs it would lose (recall) cannot be said")
        elif not counts.fp + counts.tn:
            lines.append("all labels are passes: how many bad pairs it would catch (specificity) cannot be said")
    if found.pairs and not found.weighted_labels:
        lines.append("the pairs were not drawn with known probabilities: the figures are of the labelled pairs, and of "
                     "others only as far as these are like them")  # fmt: skip
    elif found.weighted_labels < found.pairs:
        lines.append(f"{found.pairs - found.weighted_labels:,} labels without a known inclusion probability are in no "
                     "weighted figure")  # fmt: skip
    if found.options.votes == "each":
        lines.append(f"every label counts for itself: {found.pairs:,} labels of {found.families:,} pairs or families;"
                     " intervals are over these, and adjudications do not count")  # fmt: skip
    elif found.families < found.pairs:
        lines.append(f"the {found.pairs:,} pairs come from {found.families:,} families; intervals are over families")
    if found.options.split != "all":
        lines.append(f"only the labels of the split {found.options.split} count, a part of the seed families")
    if found.options.split == "report" and found.report_looks > 1:
        lines.append(f"the report split has measured {found.report_looks} judges: each look spends some of its worth")
    if found.looks > 1:
        lines.append(
            f"these labels have measured {found.looks} judges: choosing among judges on them flatters the best"
        )
    return lines


FLIPS_AT_MOST = 0.02
"""A judge of quality overlooks the form of an answer: its verdict flips in two of a hundred at most."""


def bias_lines(found: BiasAudit) -> list[str]:
    """The audit in lines: each with its figures, their intervals and n, or why there is none."""
    lines = []
    if (order := found.position) is not None:
        lines += [
            f"order: both orders name the same answer for {_ranged(order.consistency)} of the pairs",
            f"order: otherwise the answer shown first wins {order.prefers_first:,} times, the second"
            f" {order.prefers_second:,} times{_p(order.p)}",
        ]
    if (length := found.length) is not None:
        if length.coefficient is not None:
            lines.append(f"length: log-odds for the longer answer at equal human preference"
                         f" {_ranged(length.coefficient, share=False)}{_p(length.p)}")  # fmt: skip
        for name, (tpr, tnr) in zip(("short", "middle", "long"), length.thirds, strict=False):
            lines.append(f"length: {name} answers: passes {_ranged(tpr)} of people's passes, fails {_ranged(tnr)} of "
                         "their fails")  # fmt: skip
        for name, value in zip(("passes", "fails"), length.ranked, strict=True):
            if value is not None:
                lines.append(f"length: score and length among people's {name}: rank correlation {value:+.2f}")
    if (own := found.family) is not None:
        for name, figure in (("passes", own.at_pass), ("fails", own.at_fail)):
            lines.append(f"family: among people's {name}, answers of {own.name} ({own.own:,}) pass more often than"
                         f" others by {_ranged(figure)}")  # fmt: skip
    for one in found.forms:
        word = "" if one.flips.value is None or one.flips.value <= FLIPS_AT_MOST else f"; more than {FLIPS_AT_MOST:.0%}"
        lines.append(f"form: {one.about}: {_ranged(one.flips)} of the verdicts flip, {one.to_pass:,} to pass,"
                     f" {one.to_fail:,} to fail{word}")  # fmt: skip
    return [*lines, *found.notes]


def _ranged(figure: Number, *, share: bool = True) -> str:
    if figure.value is None:
        return f"n/a ({figure.why})"
    shape = ".1%" if share else ".2f"
    ends = "" if figure.low is None else f" [{figure.low:{shape}}, {figure.high:{shape}}]"
    return f"{figure.value:{shape}}{ends} (n={figure.n:,.0f})"


def _p(value: float | None) -> str:
    return "" if value is None else f", p = {value:.3f}"
