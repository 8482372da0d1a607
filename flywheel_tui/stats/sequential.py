"""Tests that may be looked at after every item: their error holds at any time one stops. (Repeated t-tests do not.)"""

from __future__ import annotations

import math

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.intervals import Interval


def evalue_sign(wins: int, n: int) -> float:
    """E = 2ⁿ·B(1 + s, 1 + n - s): evidence of s wins among n (ties left out) against a fair coin, uniform mixture.

    Reject at E ≥ 1/alpha, at any time (Ville's inequality). Two-sided: many losses are evidence, too. 1 before any.

    >>> round(evalue_sign(9, 10), 3), round(evalue_sign(10, 10), 2)
    (9.309, 93.09)
    """
    if not 0 <= wins <= n:
        raise UsageError(f"{wins} of {n} is not a number of wins")
    logarithm = math.lgamma(1 + wins) + math.lgamma(1 + n - wins) - math.lgamma(2 + n) + n * math.log(2)
    return math.exp(min(700.0, logarithm))


def msprt(n: int, difference: float, variance: float, tau2: float) -> float:
    """Λ of the mixture sequential ratio test of two arms of n items each (Johari, Koomen, Pekelis, Walsh 2022).

    `difference` of the means so far, `variance` σ² of one item, `tau2` the mixing variance (the size of differences one
    looks for, squared). p at any time is the least min(1, 1/Λ) so far. 1 before any item, or where nothing varies.

    >>> round(msprt(1000, 0.05, 0.25, 0.01), 6)
    2.36007
    """
    if n < 0 or variance < 0 or tau2 <= 0:
        raise UsageError("n and the variance are not negative, and tau2 lies above 0")
    v = 2 * variance
    if not n or not v:
        return 1.0
    whole = v + n * tau2
    return math.sqrt(v / whole) * math.exp(min(700.0, n * n * tau2 * difference**2 / (2 * v * whole)))


def msprt_interval(n: int, difference: float, variance: float, tau2: float, alpha: float = 0.05) -> Interval | None:
    """The differences that the test does not reject at `alpha`: holds at any time one stops. None before any item.

    Λ(difference - θ) < 1/alpha solved for θ.

    >>> [round(end, 4) for end in msprt_interval(1000, 0.1, 0.25, 0.01)]
    [0.0311, 0.1689]
    """
    v = 2 * variance
    if not n or not v:
        return None
    whole = v + n * tau2
    half = math.sqrt(2 * v * whole / (n * n * tau2) * math.log(math.sqrt(whole / v) / alpha))
    return Interval(difference - half, difference + half)


def always_valid_p(ratios: list[float]) -> list[float]:
    """The p-values of a sequence of Λ (or E): the running minimum of min(1, 1/Λ).

    >>> always_valid_p([0.5, 4.0, 2.0])
    [1.0, 0.25, 0.25]
    """
    found: list[float] = []
    for ratio in ratios:
        p = min(1.0, 1 / ratio) if ratio > 0 else 1.0
        found.append(min(p, found[-1]) if found else p)
    return found
