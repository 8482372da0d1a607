"""The views of Calibrate that are text: notes, reliability, criteria, agreement, drift, the stand-in test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from flywheel_tui.text import visible
from screens.calibrate_matrix import figure, short
from screens.safe import safe_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flywheel_tui.records.calibration import (
        CalibrateOptions,
        Calibration,
        Comparison,
        CriterionLine,
        KeptCalibration,
        Number,
        PairLine,
        ThresholdAnswer,
    )
    from flywheel_tui.stages.calibrate_views import Drift, DriftLine, Reliability, StandIn
    from screens.glyphs import Glyphs

NAME = 14


def _name(text: str, width: int = NAME) -> str:
    return visible(text, multiline=False, limit=width).ljust(width)


def _title(text: str) -> Content:
    return Content.styled(text, "bold")


def _muted(text: str) -> Content:
    return safe_text(text, multiline=False, limit=400, style="$muted")


def _ranged(found: Number) -> str:
    if found.value is None:
        return f" n/a ({found.why})"
    ends = "" if found.low is None else f" [{figure(found.low)} {figure(found.high)}]"
    return f"{figure(found.value)}{ends}  n {short(found.n)}"


_KEYS = {
    "--include-unblinded counts them": "b counts them",
    "--include-unblinded counts it": "b counts it",
    "--include-picked counts them": "b counts them",
    "--include-picked counts it": "b counts it",
    "--unreadable says how": "p says how",
}


def _with_keys(remark: str) -> str:
    """On a screen a key does what an option does on the command line."""
    for option, key in _KEYS.items():
        remark = remark.replace(option, key)
    return remark


def notes_content(
    found: Calibration, guarantee: ThresholdAnswer | None, kept: Sequence[KeptCalibration], when: Sequence[str]
) -> Content:
    """The threshold with a guarantee, what was left out, what is kept and whether it still holds."""
    lines: list[Content] = []
    if guarantee is not None:
        goal = f"{found.options.target:.0%} precision, {found.options.confidence:.0%} sure"
        lines += [_title("Guarantee") + _muted(f"  {goal}"), safe_text(guarantee.sentence, multiline=False, limit=300)]
    if found.remarks:
        lines += [_title("What counts")]
        lines += [safe_text(f"· {_with_keys(line)}", multiline=False, limit=300) for line in found.remarks]
    mine = [(one, at) for one, at in zip(kept, when, strict=True) if one.calibration.tag == found.tag][:4]
    if mine:
        lines += [_title("Kept")]
        for one, at in mine:
            line = one.calibration.threshold
            where = "own word" if line is None or line.value is None else f"threshold {line.value:g}"
            where += _switches(one.calibration.options)
            state = ("stale: " + ", ".join(one.stale)) if one.stale else "holds"
            lines.append(
                safe_text(f"· {where}, {one.calibration.pairs:,} labels, {at}: {state}", multiline=False, limit=300)
            )
    return Content("\n").join(lines)


def _switches(options: CalibrateOptions) -> str:
    """What was counted otherwise than by default."""
    parts = [f"unreadable {options.unreadable}"] if options.unreadable not in (None, "leave-out") else []
    parts += [f"split {options.split}"] if options.split != "all" else []
    parts += ["also picked"] if options.include_picked else []
    parts += ["not only blind"] if options.include_unblinded else []
    parts += [f"only {options.reviewer}"] if options.reviewer else []
    return f" ({', '.join(parts)})" if parts else ""


def reliability_content(found: Reliability, glyphs: Glyphs, *, room: int = 60) -> Content:
    """A row a bin: what the score promises, what people found, and the gap."""
    lines = [_title("Do scores mean what they say?")]
    if not found.bins:
        area = "" if found.auroc is None else f" Area under the curve {found.auroc:.3f}."
        return Content("\n").join([*lines, safe_text(f"Not to be said yet: {found.why}.{area}", multiline=False)])
    width = max(min(room - 44, 40), 8)
    lines.append(_muted(f"{'pairs':>8}  {'says':>5}  {'true':>5}  {'95 %':<13}"))
    for one in found.bins:
        inside = one.low <= one.predicted <= one.high
        word = "" if inside else ("too sure" if one.predicted > one.observed else "too shy")
        lines.append(Content.assemble(
            (f"{short(one.n):>8}", "$muted"), f"  {one.predicted:>5.0%}  ", (f"{one.observed:>5.0%}", "bold"),
            (f"  [{figure(one.low)} {figure(one.high)}] ", "$muted"), (glyphs.bar(one.observed, width), "$judge"),
            (f" {word}", "$edit"),
        ))  # fmt: skip
    how = "Platt's curve" if found.kind == "platt" else "an isotonic curve"
    lines += [
        Content(""),
        Content(f"gap (ECE) {found.ece or 0:.3f}   worst {found.worst or 0:.3f}   Brier {found.brier or 0:.3f}"
                + ("" if found.skill is None else f"   skill {found.skill:.2f}")
                + ("" if found.auroc is None else f"   area {found.auroc:.3f}")),
        _muted(f"Recalibrated by {how} on {found.n:,} labels, each pair from other families only."),
    ]  # fmt: skip
    if found.steps:
        said = ", ".join(f"{score:g} is {share:.0%}" for score, share in found.steps)
        lines.append(_muted(f"A score of {said} likely to pass."))
    return Content("\n").join(lines)


def criteria_content(found: Sequence[CriterionLine], glyphs: Glyphs) -> Content:
    """A row a criterion, the worst first."""
    lines = [_title("Criterion by criterion")]
    if not found:
        return Content("\n").join([*lines, Content("This run has no scores or answers by criterion."),
                                   _muted("A rubric with several criteria or questions gives some.")])  # fmt: skip
    lines.append(_muted(f"{'criterion':<20} {'n':>7}  {'agree':>5}  {'kappa':<12}  {'area':>5}  against"))
    ordered = sorted(found, key=lambda one: (one.auroc if one.agreement.value is None else one.agreement.value) or 0)
    for one in ordered:
        area = " n/a" if one.auroc is None else figure(one.auroc)
        ends = "" if one.kappa.low is None else f"[{figure(one.kappa.low)} {figure(one.kappa.high)}]"
        kappa = f"{figure(one.kappa.value)}{ends}" if one.kappa.value is not None else "n/a"
        against = "people's answers" if one.against == "answers" else "the decision"
        lines.append(Content(f"{_name(one.name, 20)} {short(one.n):>7}  {figure(one.agreement.value):>5}  {kappa:<12}"
                             f"  {area:>5}  {against}"))  # fmt: skip
    lines.append(
        _muted("area: how well its score tells people's passes from their fails (.5 is no better than a coin)")
    )
    return Content("\n").join(lines)


def agreement_content(found: Comparison | str, what: str) -> Content:
    """The agreement matrix, the figures of all together, and every pair of raters."""
    lines = [_title(what)]
    if isinstance(found, str):
        return Content("\n").join([*lines, safe_text(found)])
    names = [rater.name for rater in found.raters]
    by_pair = {(line.first, line.second): line for line in found.matrix}
    lines.append(_muted(f"kappa above, agreement below the diagonal; {found.pairs:,} pairs that all of them answered"))
    lines.append(_muted(" " * NAME + "".join(f"{at:>7}" for at in range(1, len(names) + 1))))
    for row, name in enumerate(names):
        cells = []
        for column, other in enumerate(names):
            line = by_pair.get((name, other)) or by_pair.get((other, name))
            if row == column or line is None:
                cells.append(("      ·", "$muted"))
            elif row < column:
                cells.append((f"{figure(line.kappa.value):>7}", "bold"))
            else:
                share = line.agreement.value
                cells.append(("    n/a" if share is None else f"{share:>7.1%}", ""))
        lines.append(Content.assemble(f"{row + 1} {_name(name, NAME - 2)}", *cells))
    if found.fleiss is not None and found.alpha is not None:
        lines += [Content(f"Fleiss' kappa         {_ranged(found.fleiss)}"),
                  Content(f"Krippendorff's alpha  {_ranged(found.alpha)}")]  # fmt: skip
    for line in found.matrix:
        lines += _pair(line)
    lines += [_muted(f"· {remark}") for remark in found.remarks]
    return Content("\n").join(lines)


def _pair(line: PairLine) -> list[Content]:
    sure = f", surely {line.sure_band} or better" if line.sure_band else ""
    title = f"{visible(line.first, multiline=False, limit=20)} and {visible(line.second, multiline=False, limit=20)}"
    said = [
        Content.styled(title, "underline"),
        Content(f"  kappa {_ranged(line.kappa)}  {line.band or ''}{sure}"),
        Content(f"  AC1   {figure(line.ac1.value)}"
                + ("" if line.pearson.value is None else f"   r of scores {figure(line.pearson.value)}")),
    ]  # fmt: skip
    if line.sentence:
        said.append(Content.assemble(("  ! ", "bold $edit"), safe_text(line.sentence, multiline=False, limit=400)))
    return said


def drift_content(found: Drift) -> Content:
    """A row a run, in the order of their making."""
    where = f"{found.anchors:,} anchor pairs" if found.tagged else f"{found.anchors:,} labelled pairs"
    lines = [
        _title("Drift from run to run") + _muted(f"  on {where}"),
        safe_text(found.sentence, multiline=False, limit=300),
    ]
    for alarm in found.alarms:
        lines.append(Content.assemble(("! ", "bold $error"), safe_text(alarm, multiline=False, limit=300)))
    lines.append(
        _muted(f"{'run':<{NAME}} {'right':>5} {'95 %':<11} {'n':>5} {'shared':>6} {'+':>4} {'-':>4} {'p':>4} "
               f"{'cusum':>5} scores")
    )  # fmt: skip
    for line in found.lines:
        right = line.accuracy
        ends = "" if right.low is None else f"[{figure(right.low)} {figure(right.high)}]"
        p = "" if line.p is None else figure(line.p)
        moved = "" if line.stability is None else f"{line.word} {line.stability:.2f}"
        turned = f"{short(line.to_pass):>4} {short(line.to_fail):>4} {p:>4}"
        shared = f"{short(line.shared):>6} {turned} {_cusum(line):>5} {moved}" if line.word != "first" else ""
        lines.append(Content(f"{_name(line.tag)} {figure(right.value):>5} {ends:<11} {short(right.n):>5} {shared}"))
    lines.append(
        _muted("+ and -: verdicts that turned to pass and to fail since the run before; p by McNemar's exact test")
    )
    lines.append(_muted("scores: population stability, below .10 stable, to .25 watch, above act"))
    limits = [line.limit for line in found.lines if line.limit is not None]
    if limits:
        lines.append(
            _muted(f"cusum: errors above those of the same judge's first run, summed; ! above {max(limits):.1f}")
        )
    return Content("\n").join(lines)


def _cusum(line: DriftLine) -> str:
    return "" if line.cusum is None else f"{line.cusum:.1f}{'!' if line.alarm else ''}"


def stand_in_content(found: StandIn) -> Content:
    """The alternative annotator test, person by person."""
    lines = [_title("May it stand in for one more person?"), safe_text(found.sentence, multiline=False, limit=400)]
    if found.people:
        lines.append(_muted(f"{'person':<{NAME}} {'pairs':>7}  {'judge':>6}  {'person':>6}  {'p':>6}"))
        for one in found.people:
            p = "n/a" if one.p is None else f"{one.p:.3f}"
            word = "✓ as good" if one.replaceable else "✗ not shown"
            wins = f"{one.judge_wins:>6.1%}  {one.person_wins:>6.1%}"
            lines.append(Content(f"{_name(one.name)} {short(one.n):>7}  {wins}  {p:>6}  {word}"))
        if found.omega is not None and found.rho is not None:
            lines.append(Content(f"winning rate {found.omega:.2f} (.50 passes)   average advantage {found.rho:.2f}"))
    lines.append(
        _muted(
            f"judge, person: how often each is at least as near to the other people; a person's price is {found.eps:g}"
        )
    )
    return Content("\n").join(lines)
