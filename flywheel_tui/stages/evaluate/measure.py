"""Everything that follows from the items alone. The same items and criteria give the same figures, here and in
`gate verify`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256

import msgspec

from flywheel_tui.records.calibration import Number
from flywheel_tui.records.evaluation import (
    Best,
    Compared,
    Criteria,
    Forgotten,
    Item,
    Losses,
    Measured,
    Regression,
    Wins,
)
from flywheel_tui.stats.arrays import Figure
from flywheel_tui.stats.bootstrap import distinct, interval
from flywheel_tui.stats.estimate import Stratum, poststrat
from flywheel_tui.stats.evaluation import bits_per_byte, forgetting, lc_winrate, ppl
from flywheel_tui.stats.intervals import Interval, newcombe, wilson
from flywheel_tui.stats.multiplicity import benjamini_hochberg
from flywheel_tui.stats.paired import mcnemar_exact, paired_difference
from flywheel_tui.stats.paired_score import noninferior_paired, tango

DIGITS = 10
"""Figures are rounded to so many decimals, so that another processor's last bit makes no other bundle."""
MEMORISED = 50
"""An output that shares a run of so many characters with a training answer counts as recited."""
OUTSIDE = ("holdout", "tasks")
_encode = msgspec.json.Encoder(order="sorted").encode


def measure(
    items: Sequence[Item], criteria: Criteria, trained_on: int, past: Mapping[str, Best] | None = None
) -> Measured:
    """The figures of an evaluation. `trained_on` counts the training rows that the items were compared with, `past` is
    the best so far by slice.
    """
    outside = [item for item in items if item.group in OUTSIDE]
    failures = [decided(item) for item in items if item.group == "regression"]
    checked = [item for item in outside if item.base_passed is not None and item.candidate_passed is not None]
    targets = [item for item in checked if not criteria.targets or item.slice in criteria.targets]
    outputs = [item for item in items if item.candidate_unsafe is not None and item.base_unsafe is not None]
    overlaps = [(item.base_overlap or 0, item.candidate_overlap or 0) for item in outside]
    others = [name for name in _slices(checked) if name not in criteria.targets]
    return Measured(
        items=len(items),
        overall=compare(checked, "", "", criteria),
        slices=_adjusted(checked, criteria, criteria.forgetting_margin, others),
        target=compare(targets, ", ".join(criteria.targets), "", criteria),
        regression=_regression(failures),
        regression_overall=_adjusted_one(failures, criteria),
        regression_slices=_adjusted(failures, criteria, criteria.regression_margin),
        losses=losses(outside, "", criteria),
        loss_slices=tuple(losses(_of(outside, name), name, criteria) for name in _slices(outside)),
        wins=wins(outside, criteria),
        safety_outputs=len(outputs),
        safety_new=sum(bool(item.candidate_unsafe) and not item.base_unsafe for item in outputs),
        safety_base=sum(bool(item.base_unsafe) for item in outputs),
        longest_overlap=max((own for _, own in overlaps), default=0),
        memorised=sum(own >= MEMORISED for _, own in overlaps),
        memorised_base=sum(other >= MEMORISED for other, _ in overlaps),
        contaminated=tuple(item.key for item in outside if item.contaminated),
        trained_on=trained_on,
        same_outputs=sum(item.base_output == item.candidate_output for item in items if item.base_output is not None),
        forgotten=tuple(_forgotten(checked, past or {}, criteria)),
        regression_changed=_changed(failures, criteria),
    )


def _slices(items: Iterable[Item]) -> list[str]:
    return sorted({item.slice for item in items})


def _of(items: Iterable[Item], name: str) -> list[Item]:
    return [item for item in items if item.slice == name]


# -- answers that are right or wrong


def compare(items: Sequence[Item], name: str, group: str, criteria: Criteria, margin: float | None = None) -> Compared:
    """Both on the same items: shares with Wilson's interval, the difference with Tango's, McNemar's exact p.

    Where items share families, a bootstrap over families is taken too, and the wider interval of the two counts.
    """
    items = [item for item in items if item.base_passed is not None and item.candidate_passed is not None]
    own, base = ([bool(item.candidate_passed) for item in items], [bool(item.base_passed) for item in items])
    n, both = len(items), sum(a and b for a, b in zip(own, base, strict=True))
    gained, lost = sum(own) - both, sum(base) - both
    level = 1 - 2 * criteria.alpha
    wide, narrow = (_difference(items, gained, lost, at, criteria) for at in (0.95, level))
    return Compared(
        slice=name, group=group or (items[0].group if items else ""), n=n, both=both, only_candidate=gained,
        only_base=lost, neither=n - both - gained - lost, base=_share(sum(base), n), candidate=_share(sum(own), n),
        difference=_number(Figure(
            (gained - lost) / n if n else None, wide.low if n else None, wide.high if n else None, n,
            "Tango's score interval", "" if n else "no items with an answer that can be checked",
        )),
        lower=_round(narrow.low) if n else None, upper=_round(narrow.high) if n else None,
        p=_round(mcnemar_exact(gained, lost).p) if n else None, margin=margin,
        p_not_worse=None if margin is None else _round(noninferior_paired(gained, lost, n, margin)),
    )  # fmt: skip


def _difference(items: Sequence[Item], gained: int, lost: int, level: float, criteria: Criteria) -> Interval:
    exact = tango(gained, lost, len(items), level)
    families = [item.family for item in items]
    if len(set(families)) == len(families):
        return exact
    drawn = paired_difference(
        [float(bool(item.candidate_passed)) for item in items], [float(bool(item.base_passed)) for item in items],
        families=families, level=level, times=criteria.resamples, seed=criteria.seed,
    )  # fmt: skip
    if drawn.low is None or drawn.high is None:
        return exact
    return Interval(min(exact.low, drawn.low), max(exact.high, drawn.high))


def _adjusted(
    items: Sequence[Item], criteria: Criteria, margin: float, counted: Sequence[str] | None = None
) -> tuple[Compared, ...]:
    """Every slice against the margin; the p-values of the `counted` ones (all by default) adjusted together."""
    found = [compare(_of(items, name), name, "", criteria, margin) for name in _slices(items)]
    asked = [line for line in found if counted is None or line.slice in counted]
    p = dict(zip([line.slice for line in asked], benjamini_hochberg([line.p_not_worse for line in asked]), strict=True))
    return tuple(msgspec.structs.replace(line, p_adjusted=_round(p.get(line.slice))) for line in found)


def _adjusted_one(past: Sequence[Item], criteria: Criteria) -> Compared:
    """All past failures together: one test, so that its p-value needs no adjusting."""
    found = compare(past, "all past failures", "regression", criteria, criteria.regression_margin)
    return msgspec.structs.replace(found, p_adjusted=found.p_not_worse)


def _forgotten(items: Sequence[Item], past: Mapping[str, Best], criteria: Criteria) -> Iterator[Forgotten]:
    """Each slice beside its best so far, so that small losses that each gate let pass do not add up unseen."""
    for name in _slices(items):
        own = [bool(item.candidate_passed) for item in _of(items, name)]
        if (best := past.get(name)) is None or not best.n:
            continue
        lost = forgetting([best.passed / best.n], sum(own) / len(own))
        bounds = newcombe(sum(own), len(own), best.passed, best.n, 1 - 2 * criteria.alpha)
        yield Forgotten(
            slice=name, best=_sure(lost.best), now=_sure(lost.now), value=_sure(lost.value), upper=_sure(bounds.high),
            adapter=best.adapter,
        )  # fmt: skip


def _sure(value: float | None) -> float:
    return _round(value) or 0.0


def _share(x: int, n: int) -> Number:
    low, high = wilson(x, n)
    if not n:
        return _number(Figure(None, n=0, why="no items"))
    return _number(Figure(x / n, low, high, n, "Wilson"))


def decided(item: Item) -> Item:
    """A past failure with each side right or wrong. Where no checker can say, whose answer a person preferred counts
    as right (or a judge, where no person chose) and the other's as wrong; a tie leaves the failure as it was."""
    said = item.label if item.label is not None else item.preference
    if item.checker or said is None:
        return item
    return msgspec.structs.replace(item, candidate_passed=said > 0.5, base_passed=said < 0.5)


def _changed(past: Sequence[Item], criteria: Criteria) -> Compared | None:
    """The failures that the base no longer answers as when they were confirmed; None where there are none.

    A base that was found failing can lose nothing on the failures it was found by: counted with these, a candidate
    that breaks what had been mended before could hide behind them.
    """
    rows = [item for item in past if item.confirmed and item.base_output != item.failed]
    if not rows:
        return None
    found = compare(rows, "failures mended before", "regression", criteria, criteria.regression_margin)
    return msgspec.structs.replace(found, p_adjusted=found.p_not_worse) if found.n else None


def _regression(items: Sequence[Item]) -> Regression:
    line = compare(items, "", "regression", Criteria())
    named = sorted(item.key for item in items)
    version = sha256("\n".join(named).encode()).hexdigest()[:12] if named else ""
    return Regression(
        version=version, n=line.n, fixed=line.only_candidate, still=line.neither, broken=line.only_base,
        kept=line.both, p=line.p, compared=sum(not item.checker and item.base_passed is not None for item in items),
        undecided=len(items) - line.n, scripted=sum(item.confirmed == "script" for item in items),
    )  # fmt: skip


# -- losses


def losses(items: Sequence[Item], name: str, criteria: Criteria) -> Losses:
    """Perplexity and bits per byte of the expected completions; the gain per token with a bootstrap over families."""
    import numpy as np

    rows = [item for item in items if item.base_nll is not None and item.candidate_nll is not None]
    base = [item.base_nll or 0.0 for item in rows]
    own = [item.candidate_nll or 0.0 for item in rows]
    before, after = ([side or 0 for side in column] for column in (
        [item.base_tokens for item in rows], [item.candidate_tokens for item in rows],
    ))  # fmt: skip
    sizes = [len(item.expected.encode()) for item in rows]
    gain, narrow = Figure(None, why="no losses were measured"), Figure(None)
    if rows and sum(before):
        table = np.column_stack([np.array(base) - np.array(own), np.array(before, float)])
        features = distinct(table, [item.family for item in rows])

        def drawn(level: float) -> Figure:
            return interval(
                features,
                lambda sums: sums[:, 0] / sums[:, 1],
                times=criteria.resamples,
                seed=criteria.seed,
                level=level,
            )

        gain = drawn(0.95)._replace(n=len(rows))
        # a gate asks for the bounds of all items together only
        narrow = drawn(1 - 2 * criteria.alpha) if not name else narrow
    return Losses(
        slice=name, n=len(rows), tokens=sum(before), base_perplexity=_round(ppl(base, before)),
        candidate_perplexity=_round(ppl(own, after)), base_bits_per_byte=_round(bits_per_byte(base, sizes)),
        candidate_bits_per_byte=_round(bits_per_byte(own, sizes)), gain=_number(gain), lower=_round(narrow.low),
        upper=_round(narrow.high),
    )  # fmt: skip


# -- a judge's preferences


def wins(items: Sequence[Item], criteria: Criteria) -> Wins:
    """The judge's win rate, controlled for length, and corrected by what people chose blind on some of the items."""
    rows = [item for item in items if item.preference is not None]
    prefers = [item.preference or 0.0 for item in rows]
    sizes = [[len(side or "") for side in (item.candidate_output, item.base_output)] for item in rows]
    rate = lc_winrate(prefers, [own for own, _ in sizes], [other for _, other in sizes])
    labelled = [item for item in rows if item.label is not None]
    return Wins(
        judged=len(rows), wins=sum(p == 1 for p in prefers), ties=sum(p == 0.5 for p in prefers),
        losses=sum(p == 0 for p in prefers), inconsistent=sum(item.consistent is False for item in rows),
        raw=_number(rate.raw), controlled=_round(rate.controlled), suspicious=rate.suspicious, why=rate.why,
        labels=len(labelled), corrected=_corrected(rows, criteria),
        both_bad=sum(item.both_bad > 0 for item in labelled),
    )  # fmt: skip


def _corrected(rows: Sequence[Item], criteria: Criteria) -> Number:
    strata: dict[float, list[Item]] = defaultdict(list)
    for item in rows:
        strata[item.preference or 0.0].append(item)
    table = []
    for members in strata.values():
        labels = [item.label for item in members if item.label is not None]
        table.append(Stratum(sum(labels), len(labels) - sum(labels), len(members)))
    labelled = sum(stratum.passes + stratum.fails for stratum in table)
    if not labelled:
        return _number(Figure(None, why="no choices of people yet: choose blind with flywheel gate blind"))
    # the interval is two-sided at 1 - 2 alpha: its lower end is the one-sided bound that a gate asks for
    found = poststrat(table, level=1 - 2 * criteria.alpha, seed=criteria.seed)
    return _number(Figure(found.value, found.low, found.high, labelled, "post-stratified by the judge's answer"))


def _number(figure: Figure) -> Number:
    value, low, high = (_round(part) for part in figure[:3])
    return Number(value=value, low=low, high=high, n=figure.n, method=figure.method, why=figure.why)


def _round(value: float | None) -> float | None:
    return None if value is None else round(float(value), DIGITS) + 0.0


def canonical(value: object) -> bytes:
    """JSON with sorted keys: the same value is the same bytes."""
    return _encode(value)
