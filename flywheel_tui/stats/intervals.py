"""Intervals of proportions and of their differences. Wald's ±1.96·√(pq/n) is not among them: it fails on small n."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

from flywheel_tui.errors import UsageError

NORMAL = NormalDist()


class Interval(NamedTuple):
    """Both ends of an interval."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From end to end."""
        return self.high - self.low


NOTHING_KNOWN = Interval(0.0, 1.0)
"""The interval of a proportion of nothing."""


def z_of(level: float) -> float:
    """The normal quantile of a two-sided level: 1.96 for 0.95."""
    if not 0 < level < 1:
        raise UsageError(f"a confidence level lies between 0 and 1, not {level}")
    return NORMAL.inv_cdf(0.5 + level / 2)


def wilson(x: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of x successes among n (Wilson 1927; Newcombe 1998, method 3). (0, 1) where n is 0.

    >>> [round(end, 4) for end in wilson(81, 263)]
    [0.2553, 0.3662]
    """
    _counts(x, n)
    if n == 0:
        return NOTHING_KNOWN
    z = z_of(level)
    middle = (x + z * z / 2) / (n + z * z)
    half = z * math.sqrt(x * (n - x) / n + z * z / 4) / (n + z * z)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Interval(0.0 if x == 0 else min(low, x / n), 1.0 if x == n else max(high, x / n))


def clopper_lower(x: float, n: float, delta: float = 0.05) -> float:
    """The one-sided lower bound that fails with probability at most delta (Clopper, Pearson 1934): exact.

    The quantile delta of Beta(x, n - x + 1); 0 where x is 0.

    >>> round(clopper_lower(59, 59), 3)
    0.95
    """
    _counts(x, n)
    if x == 0:
        return 0.0
    from scipy.special import betaincinv

    return float(betaincinv(x, n - x + 1, delta))


def clopper_upper(x: float, n: float, delta: float = 0.05) -> float:
    """The one-sided upper bound that fails with probability at most delta: 0 of 299 proves at most 1 %."""
    return 1 - clopper_lower(n - x, n, delta)


def clopper_pearson(x: float, n: float, level: float = 0.95) -> Interval:
    """The exact two-sided interval: both one-sided bounds at half of what is left (Clopper, Pearson 1934)."""
    delta = (1 - level) / 2
    return Interval(clopper_lower(x, n, delta), clopper_upper(x, n, delta))


def jeffreys(x: float, n: float, level: float = 0.95) -> Interval:
    """The equal-tailed interval of the posterior Beta(x + ½, n - x + ½) (Brown, Cai, DasGupta 2001)."""
    _counts(x, n)
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = 0.0 if x == 0 else float(betaincinv(x + 0.5, n - x + 0.5, tail))
    return Interval(low, 1.0 if x == n else float(betaincinv(x + 0.5, n - x + 0.5, 1 - tail)))


def newcombe(x1: float, n1: float, x2: float, n2: float, level: float = 0.95) -> Interval:
    """x1/n1 - x2/n2 of two independent samples: Newcombe's hybrid of two Wilson intervals (1998b, method 10).

    (-1, 1) where one of the samples is empty.

    >>> [round(end, 4) for end in newcombe(56, 70, 48, 80)]
    [0.0524, 0.3339]
    """
    first, second = wilson(x1, n1, level), wilson(x2, n2, level)
    if not n1 or not n2:
        return Interval(-1.0, 1.0)
    p1, p2 = x1 / n1, x2 / n2
    low = p1 - p2 - math.hypot(p1 - first.low, second.high - p2)
    return Interval(low, p1 - p2 + math.hypot(first.high - p1, p2 - second.low))


def _counts(x: float, n: float) -> None:
    if not 0 <= x <= n or math.isinf(n):
        raise UsageError(f"{x} of {n} is not a proportion: successes lie between 0 and the number of trials")
