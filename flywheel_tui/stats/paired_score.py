"""The difference of two shares on the same items: Tango's score interval and test, which few items do not fool.

A bootstrap of items on which two never differ has an interval of no width, however few they are. The score interval
knows how many there were: 5 items without a difference say no more than that it lies within ±0.35.
"""

from __future__ import annotations

import math

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.intervals import NORMAL, Interval, z_of

_STEPS = 80


def score(first_only: int, second_only: int, n: int, difference: float) -> float:
    """Tango's statistic (1998) for share of the first - share of the second = `difference`: standard normal there.

    It falls as `difference` rises; at 0 its square is McNemar's uncorrected χ².

    >>> round(score(10, 2, 100, 0.0) ** 2, 6), round((10 - 2) ** 2 / 12, 6)
    (5.333333, 5.333333)
    """
    gap = first_only - second_only - n * difference
    b = -first_only - second_only + (2 * n - first_only + second_only) * difference
    c = -second_only * difference * (1 - difference)
    q = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    if variance <= 0:
        return math.copysign(math.inf, gap) if gap else 0.0
    return gap / math.sqrt(variance)


def tango(first_only: int, second_only: int, n: int, level: float = 0.95) -> Interval:
    """Score interval of the difference of two paired shares (Tango 1998). (-1, 1) where n is 0.

    Without any item on which they differ it is ±z²/(n + z²).

    >>> [round(end, 4) for end in tango(0, 0, 50, 0.9)]
    [-0.0513, 0.0513]
    """
    if first_only < 0 or second_only < 0 or first_only + second_only > n:
        raise UsageError(f"{first_only} and {second_only} of {n} items cannot be those on which only one was right")
    if not n:
        return Interval(-1.0, 1.0)
    z, middle = z_of(level), (first_only - second_only) / n

    def end(outer: float, target: float) -> float:
        inner = middle
        for _ in range(_STEPS):
            half = (outer + inner) / 2
            outside = score(first_only, second_only, n, half)
            if abs(outside) > abs(target):
                outer = half
            else:
                inner = half
        return (outer + inner) / 2

    return Interval(end(-1.0, z), end(1.0, -z))


def noninferior_paired(first_only: int, second_only: int, n: int, margin: float) -> float | None:
    """One-sided p of "the first is worse than the second by `margin` or more", on the same items; None where n is 0.

    A small one says that it is not. (Tango 1998.)

    >>> round(noninferior_paired(0, 0, 52, 0.05), 4)
    0.049
    """
    if not 0 <= margin < 1:
        raise UsageError(f"a margin is a share from 0 and below 1, not {margin}")
    return NORMAL.cdf(-score(first_only, second_only, n, -margin)) if n else None
