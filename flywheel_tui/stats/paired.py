"""Two judges, models or versions compared: on the same items where possible, on independent arms where not."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, as_flags, as_floats, numbered, same_length, undefined
from flywheel_tui.stats.bootstrap import distinct, interval
from flywheel_tui.stats.intervals import NORMAL, newcombe

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Floats, Values

Side = Literal["two-sided", "less", "greater"]


class Outcome(NamedTuple):
    """What a test found, its p (None where there is nothing to test), on how many items."""

    statistic: float
    p: float | None
    n: float
    method: str
    why: str = ""


class PairedCounts(NamedTuple):
    """Items on which both, only the first, only the second, none was right."""

    both: int
    first_only: int
    second_only: int
    neither: int


def paired_counts(first_right: Values, second_right: Values) -> PairedCounts:
    """Count yes/no outcomes (n,) of two on the same items."""
    import numpy as np

    same_length(first_right, second_right)
    a, b = as_flags(first_right), as_flags(second_right)
    both = int(np.count_nonzero(a & b))
    first, second = int(np.count_nonzero(a)) - both, int(np.count_nonzero(b)) - both
    return PairedCounts(both, first, second, len(a) - both - first - second)


def mcnemar_exact(first_only: int, second_only: int) -> Outcome:
    """McNemar's exact test (1947): the items on which only one was right, against a fair coin. Two-sided.

    p is 1 where they never differ.

    >>> round(mcnemar_exact(10, 2).p, 7)
    0.0385742
    """
    return sign_test(first_only, second_only)._replace(method="McNemar, exact")


def mcnemar_chi2(first_only: float, second_only: float) -> Outcome:
    """(b - c)² / (b + c) without correction, for many items (b + c above 25 or so). p None where they never differ."""
    number = first_only + second_only
    if not number:
        return Outcome(0.0, None, 0, "McNemar, chi-squared", "the two never differ")
    statistic = (first_only - second_only) ** 2 / number
    return Outcome(statistic, 2 * NORMAL.cdf(-math.sqrt(statistic)), number, "McNemar, chi-squared")


def sign_test(wins: int, losses: int, side: Side = "two-sided") -> Outcome:
    """Wins among wins and losses against a fair coin, exact; ties belong in neither. p 1 without either."""
    if wins < 0 or losses < 0:
        raise UsageError("wins and losses cannot be negative in number")
    n = wins + losses
    if not n:
        return Outcome(0.0, 1.0, 0, "sign test", "the two never differ")
    from scipy.special import bdtr, bdtrc

    most, least = float(bdtr(wins, n, 0.5)), float(bdtrc(wins - 1, n, 0.5)) if wins else 1.0
    p = {"less": most, "greater": least, "two-sided": min(1.0, 2 * min(most, least))}[side]
    return Outcome(wins / n, p, n, "sign test")


def wilcoxon(first: Values, second: Values, side: Side = "two-sided") -> Outcome:
    """Wilcoxon's signed-rank test (1945) of paired scores, without pairs that do not differ. p 1 where none does."""
    import numpy as np

    same_length(first, second)
    difference = as_floats(first) - as_floats(second)
    difference = difference[~np.isnan(difference) & (difference != 0)]
    if not len(difference):
        return Outcome(0.0, 1.0, 0, "Wilcoxon signed-rank", "the two never differ")
    from scipy import stats

    found = stats.wilcoxon(difference, alternative=side)
    return Outcome(float(found.statistic), float(found.pvalue), len(difference), "Wilcoxon signed-rank")


def paired_difference(
    first: Values,
    second: Values,
    *,
    families: Values | None = None,
    level: float = 0.95,
    times: int = 2000,
    seed: int = 0,
) -> Figure:
    """Mean of first - second over the same items, with a bootstrap over families. Missing sides are left out."""
    import numpy as np

    same_length(first, second)
    difference = as_floats(first) - as_floats(second)
    kept = ~np.isnan(difference)
    if not kept.any():
        return undefined("no items that both have")
    own = None if families is None else np.asarray(families)[kept]
    features = distinct(np.column_stack([difference[kept], np.ones(int(kept.sum()))]), own)
    figure = interval(features, lambda sums: sums[:, 0] / sums[:, 1], times=times, seed=seed, level=level)
    return figure._replace(n=int(kept.sum()))


def table_difference(
    truth: Values,
    first: Values,
    second: Values,
    formula: Callable[[Floats], Floats],
    *,
    families: Values | None = None,
    level: float = 0.95,
    times: int = 2000,
    seed: int = 0,
) -> Figure:
    """formula(first) - formula(second) for a formula of `stats.tables` (MCC, F1 …) of two judges' verdicts (n,).

    The same families are drawn for both, so that what makes an item hard for both cancels out.
    """
    import numpy as np

    same_length(truth, first, second)
    y, a, b = (as_flags(column).astype(np.int64) for column in (truth, first, second))
    owners, number = numbered(np.arange(len(y)) if families is None else families)
    codes = owners * 8 + y * 4 + a * 2 + b
    features = distinct(np.bincount(codes, minlength=number * 8).reshape(number, 8))

    def stat(sums: Floats) -> Floats:
        cube = sums.reshape(-1, 2, 2, 2)
        gap: Floats = formula(cube.sum(3)) - formula(cube.sum(2))
        return gap

    return interval(features, stat, times=times, seed=seed, level=level)._replace(n=len(y))


def two_proportions(x1: float, n1: float, x2: float, n2: float) -> tuple[Figure, Outcome]:
    """x1/n1 - x2/n2 of independent arms: Newcombe's interval, and the pooled z-test, two-sided."""
    if not n1 or not n2:
        return undefined("an arm is empty"), Outcome(0.0, None, n1 + n2, "two-proportion z", "an arm is empty")
    figure = Figure(x1 / n1 - x2 / n2, *newcombe(x1, n1, x2, n2), n1 + n2, "Newcombe")
    pooled = (x1 + x2) / (n1 + n2)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    if not spread:
        return figure, Outcome(0.0, 1.0, n1 + n2, "two-proportion z", "all outcomes are the same")
    z = (x1 / n1 - x2 / n2) / spread
    return figure, Outcome(z, 2 * NORMAL.cdf(-abs(z)), n1 + n2, "two-proportion z")


def noninferiority(x1: float, n1: float, x2: float, n2: float, margin: float = 0.05) -> Outcome:
    """H0: p1 - p2 ≤ -margin for independent arms, by the score test (Farrington, Manning 1990; variance N/(N - 1)).

    The first arm is the new one; a small p says that it is worse by less than the margin. One-sided. Differs in the
    third digit from statsmodels 0.14, whose restricted estimate has x2·δ where Miettinen and Nurminen have n2·δ.

    >>> round(noninferiority(180, 200, 184, 200, 0.05).p, 6)
    0.150943
    """
    if not 0 <= margin < 1:
        raise UsageError(f"a margin is a share from 0 and below 1, not {margin}")
    if not n1 or not n2:
        return Outcome(0.0, None, n1 + n2, "score, non-inferiority", "an arm is empty")
    p1, p2 = _restricted(x1, n1, x2, n2, -margin)
    total = n1 + n2
    variance = (p1 * (1 - p1) / n1 + p2 * (1 - p2) / n2) * total / (total - 1)
    gap = x1 / n1 - x2 / n2 + margin
    if variance <= 0:
        return Outcome(0.0, 0.0 if gap > 0 else 1.0, total, "score, non-inferiority")
    z = gap / math.sqrt(variance)
    return Outcome(z, NORMAL.cdf(-z), total, "score, non-inferiority")


def _restricted(x1: float, n1: float, x2: float, n2: float, difference: float) -> tuple[float, float]:
    """The likeliest p1, p2 with p1 - p2 = difference (Miettinen, Nurminen 1985, appendix 1), in closed form."""
    ratio = n2 / n1
    a = 1 + ratio
    b = -(1 + ratio + x1 / n1 + ratio * x2 / n2 + difference * (ratio + 2))
    c = difference**2 + difference * (2 * x1 / n1 + ratio + 1) + x1 / n1 + ratio * x2 / n2
    d = -x1 / n1 * difference * (1 + difference)
    v = b**3 / (3 * a) ** 3 - b * c / (6 * a * a) + d / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, b * b / (3 * a) ** 2 - c / (3 * a))), v)
    w = (math.pi + math.acos(max(-1.0, min(1.0, v / u**3 if u else 0.0)))) / 3
    p1 = min(1.0, max(0.0, 2 * u * math.cos(w) - b / (3 * a)))
    return p1, min(1.0, max(0.0, p1 - difference))
