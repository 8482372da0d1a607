"""Thresholds that keep a promise: precision at or above a target, with a stated probability of being wrong.

"None yet" is an answer, and the usual one for a mediocre judge. The proofs need independent labels drawn at random
among the pairs above each threshold: give one label of each family, and none that a person picked.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import as_flags, as_floats, same_length

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Floats, Values

MOST_LABELS = 1_000_000
"""More labels than this are not asked of anybody: a better judge is the answer then."""


class Step(NamedTuple):
    """One threshold that was tested: `n` labels at or above it, `fp` of them fails, p of "the precision is too low"."""

    threshold: float
    n: int
    fp: int
    p: float


class Guarantee(NamedTuple):
    """`threshold` is None where none is proven yet; then `labels_needed` says how many more would likely settle it.

    `labels_needed` is None where no number of labels would: the judge looks no better than the target there.
    `coverage` is the share of all scores at or above the threshold, `why` a sentence.
    """

    threshold: float | None
    path: tuple[Step, ...]
    labels_needed: int | None
    coverage: float
    why: str


def p_of_errors(fp: int, n: int, target: float) -> float:
    """P(at most fp fails among n | precision is just the target): the exact binomial tail. 1 without labels.

    >>> round(p_of_errors(5, 100, 0.9), 7)
    0.0575769
    """
    if n == 0:
        return 1.0
    from scipy.special import bdtr

    return float(bdtr(fp, n, 1 - target))


def ltt_threshold(
    scores_unlabelled: Values,
    scores: Values,
    truth: Values,
    target: float = 0.9,
    delta: float = 0.05,
    *,
    n_grid: int = 8,
    start: int = 1,
    grid: Values | None = None,
) -> Guarantee:
    """The loosest threshold whose precision is at least `target`, wrong with probability at most `delta`.

    Learn-then-Test (Angelopoulos, Bates, Candès, Jordan, Lei 2021) with fixed-sequence testing: from the `start`-th
    strictest threshold (0 is the strictest, often nearly empty) to looser ones while p ≤ delta; the last one that was
    proven is the answer. The grid is `n_grid` quantiles, 20 % to 90 %, of the unlabelled scores (or `grid`), so that
    the labels play no part in making it. Items below the threshold go to a stronger judge or to a person.
    """
    import numpy as np

    if not 0 < target < 1 or not 0 < delta < 1:
        raise UsageError("the target precision and delta lie between 0 and 1")
    same_length(scores, truth)
    s, y, everything = as_floats(scores), as_flags(truth, "labels"), as_floats(scores_unlabelled)
    y, s, everything = y[~np.isnan(s)], s[~np.isnan(s)], everything[~np.isnan(everything)]
    if grid is None and not len(everything):
        return Guarantee(None, (), None, 0.0, "there are no scores to draw thresholds from")
    lines = np.quantile(everything, np.linspace(0.2, 0.9, n_grid)) if grid is None else as_floats(grid)
    lines = np.unique(lines)[::-1]
    path: list[Step] = []
    proven: float | None = None
    for line in lines[min(start, len(lines) - 1) :].tolist():
        above = s >= line
        n, fp = int(np.count_nonzero(above)), int(np.count_nonzero(above & ~y))
        path.append(Step(line, n, fp, p_of_errors(fp, n, target)))
        if path[-1].p > delta:
            break
        proven = line
    if proven is not None:
        passed = everything if len(everything) else s
        return Guarantee(proven, tuple(path), 0, float((passed >= proven).mean()), _found(proven, target, delta))
    more = labels_needed(path[-1], len(s), target, delta)
    return Guarantee(None, tuple(path), more, 0.0, _none_yet(path[-1], more, target, delta))


def likely_fails(step: Step, target: float) -> float:
    """The share of fails that is taken for the truth at a threshold: (fp + ½) / (n + 1), 0 where there was none yet,
    and fp / n where only that is better than the target (few labels).
    """
    if not step.fp:
        return 0.0
    careful = (step.fp + 0.5) / (step.n + 1)
    return careful if careful < 1 - target else step.fp / step.n


def labels_needed(step: Step, labels: int, target: float, delta: float) -> int | None:
    """How many more random labels would likely prove `target` at a threshold, if the share of fails stays as it is.

    None where that share is no better than the target, or where more than a million would be needed.
    """
    share = likely_fails(step, target)
    if share >= 1 - target:
        return None
    low, high = 0, 8
    while p_of_errors(math.floor(share * high), high, target) > delta:
        low, high = high, high * 2
        if high > MOST_LABELS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        proven = p_of_errors(math.floor(share * middle), middle, target) <= delta
        low, high = (low, middle) if proven else (middle, high)
    above = max(step.n, 1) / max(labels, 1)
    return max(1, math.ceil(high / above) - labels)


def is_refuted(step: Step, target: float, delta: float) -> bool:
    """Whether so many fails would be rare (at most delta) if the precision were the target: the exact upper tail."""
    if not step.n:
        return False
    from scipy.special import bdtrc

    return step.fp > 0 and float(bdtrc(step.fp - 1, step.n, 1 - target)) <= delta


class Abstention(NamedTuple):
    """Fail below `low`, pass at or above `high`, a person in between; `abstained` is that share of all scores."""

    low: float | None
    high: float | None
    abstained: float
    passing: Guarantee
    failing: Guarantee


def two_thresholds(
    scores_unlabelled: Values,
    scores: Values,
    truth: Values,
    *,
    target_ppv: float = 0.9,
    target_npv: float = 0.9,
    delta: float = 0.05,
) -> Abstention:
    """Auto-fail, a person, auto-pass: precision above `high`, negative predictive value below `low`, each at delta/2.

    A side that cannot be proven yet stays None, and its pairs go to a person, too.
    """
    import numpy as np

    everything, s = as_floats(scores_unlabelled), as_floats(scores)
    passing = ltt_threshold(everything, s, truth, target_ppv, delta / 2)
    failing = ltt_threshold(-everything, -s, ~as_flags(truth, "labels"), target_npv, delta / 2)
    high = passing.threshold
    # what is at or below the line on the turned scores fails; the line itself must fail, too
    low = None if failing.threshold is None else math.nextafter(-failing.threshold, math.inf)
    if low is not None and high is not None:
        low = min(low, high)
    known = everything[~np.isnan(everything)]
    decided = np.zeros(len(known), bool)
    if high is not None:
        decided |= known >= high
    if low is not None:
        decided |= known < low
    return Abstention(low, high, float((~decided).mean()) if len(known) else 1.0, passing, failing)


def conformal_threshold(scores: Values, truth: Values, alpha: float) -> float | None:
    """The loosest threshold at which an expected share of at most alpha of all pairs are bad and passed.

    Conformal risk control (Angelopoulos et al. 2024): inf{λ: n/(n + 1)·R(λ) + 1/(n + 1) ≤ alpha} over the scores and
    infinity. It controls the expectation, not a high probability. None where even passing nothing proves too little
    (n < 1/alpha - 1), and infinity where only passing nothing does.
    """
    import numpy as np

    same_length(scores, truth)
    s, y = as_floats(scores), as_flags(truth, "labels")
    y, s = y[~np.isnan(s)], s[~np.isnan(s)]
    n = len(s)
    if (n + 1) * alpha < 1:
        return None
    bad = np.sort(s[~y])
    lines = np.concatenate([np.unique(s), [math.inf]])
    passed_bad = len(bad) - np.searchsorted(bad, lines)
    kept: Floats = lines[(passed_bad + 1) / (n + 1) <= alpha]
    return float(kept[0])


def _found(line: float, target: float, delta: float) -> str:
    return f"At {line:g} and above, precision is at least {target:.0%} (proven with {1 - delta:.0%} confidence)."


def _none_yet(step: Step, more: int | None, target: float, delta: float) -> str:
    if not step.n:
        needed = f"about {more or 1:,} more labels are needed"
        return f"None yet: no labelled pair scores {step.threshold:g} or above; {needed}."
    what, fails = "pair" if step.n == 1 else "pairs", "is a fail" if step.fp == 1 else "are fails"
    so_far = f"{step.fp:,} of the {step.n:,} labelled {what} at {step.threshold:g} and above {fails}"
    if more is not None:
        return f"None yet: {so_far}; about {more:,} more labels would settle it, if that share holds."
    if is_refuted(step, target, delta):
        return f"None yet: {so_far}, which is worse than a precision of {target:.0%}; a better judge is needed."
    return (
        f"None yet: {so_far}; too few to tell whether a precision of {target:.0%} is in reach: label more of them, or"
        " aim lower."
    )
