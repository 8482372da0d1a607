"""How many labels a question needs, before anybody makes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.intervals import NORMAL, clopper_lower, wilson, z_of

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 10_000_000


def min_n(target: float, errors: int, delta: float = 0.05) -> int:
    """The smallest n such that at most `errors` mistakes among n prove a rate of at least `target` at 1 - delta.

    Exact (Clopper-Pearson). Zero errors give the classical 59 for 95/95.

    >>> [min_n(0.9, k) for k in range(4)]
    [29, 46, 61, 76]
    """
    _share(target)
    if errors < 0:
        raise UsageError("the number of errors cannot be negative")
    low, high = errors, max(2 * errors, 8)
    while clopper_lower(high - errors, high, delta) < target:
        low, high = high, high * 2
        if high > MOST:
            raise UsageError(f"a rate of {target} is too near 1 to be proven with {MOST:,} labels")
    while high - low > 1:
        middle = (low + high) // 2
        if clopper_lower(middle - errors, middle, delta) >= target:
            high = middle
        else:
            low = middle
    return high


def acceptance_table(
    targets: Sequence[float] = (0.8, 0.85, 0.9, 0.95, 0.99), errors: int = 5, delta: float = 0.05
) -> dict[float, list[int]]:
    """For each target the labels that prove it with 0, 1 … `errors` mistakes."""
    return {target: [min_n(target, k, delta) for k in range(errors + 1)] for target in targets}


def ci_n(p: float, half: float, level: float = 0.95) -> float:
    """z²·p(1 - p) / half²: labels for an interval of ± half around a rate near p (round up).

    >>> round(ci_n(0.5, 0.05), 3), round(ci_n(0.9, 0.05), 3)
    (384.146, 138.293)
    """
    if half <= 0:
        raise UsageError("the half width of an interval is above 0")
    return z_of(level) ** 2 * p * (1 - p) / half**2


def width_after(x: float, n: float, more: float, level: float = 0.95) -> tuple[float, float]:
    """The width of Wilson's interval now, and after `more` labels if the share stays as it is.

    >>> [round(width, 3) for width in width_after(45, 50, 50)]
    [0.17, 0.119]
    """
    share = (x + 0.5) / (n + 1) if n == 0 else x / n
    return wilson(x, n, level).width, wilson(share * (n + more), n + more, level).width


def connor_n(p10: float, p01: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Items that two judges must share for McNemar's test to see the difference p10 - p01 (Connor 1987; round up).

    p10 and p01 are the shares on which only the first, only the second is right. Infinite where they are equal.

    >>> round(connor_n(0.15, 0.05), 1)
    154.6
    """
    apart, difference = p10 + p01, p10 - p01
    if difference == 0:
        return math.inf
    z = z_of(1 - alpha) * math.sqrt(apart) + _z(power) * math.sqrt(apart - difference**2)
    return (z / difference) ** 2


def two_rates_n(p1: float, p2: float, alpha: float = 0.05, power: float = 0.9) -> float:
    """Items in each of two independent arms to see p1 against p2, two-sided (Fleiss, Levin, Paik 2003, eq. 4.14).

    >>> round(two_rates_n(0.5, 0.75), 1)
    76.7
    """
    if p1 == p2:
        return math.inf
    middle = (p1 + p2) / 2
    z = z_of(1 - alpha) * math.sqrt(2 * middle * (1 - middle)) + _z(power) * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return (z / (p1 - p2)) ** 2


def two_rates_power(p1: float, p2: float, n: float, alpha: float = 0.05) -> float:
    """The power of n items in each arm to see p1 against p2, two-sided.

    >>> round(two_rates_power(0.5, 0.75, 50), 2)
    0.74
    """
    middle = (p1 + p2) / 2
    gap = abs(p1 - p2) * math.sqrt(n) - z_of(1 - alpha) * math.sqrt(2 * middle * (1 - middle))
    spread = math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return NORMAL.cdf(gap / spread) if spread else float(gap > 0)


def repeats_n(
    variance: float, delta: float, *, within_a: float = 0.0, within_b: float = 0.0, repeats_a: int = 1,
    repeats_b: int = 1, alpha: float = 0.05, power: float = 0.8,
) -> float:  # fmt: skip
    """Items to see a mean paired difference `delta` when each is judged several times (Miller 2024, eq. 9).

    (z_{α/2} + z_β)²·(ω² + σ_A²/K_A + σ_B²/K_B) / δ²: `variance` ω² of the items' own mean difference, `within_` σ² of
    repeats on the same item.
    """
    if delta == 0:
        return math.inf
    spread = variance + within_a / repeats_a + within_b / repeats_b
    return (z_of(1 - alpha) + _z(power)) ** 2 * spread / delta**2


def labels_to_decide(x: int, n: int, target: float, delta: float = 0.05) -> int | None:
    """How many more labels would likely prove (or refute) a rate of `target`, if the share x/n stays as it is.

    0 where it is decided already, None where no number is in sight (the share is all but the target). The share is
    (x + ½) / (n + 1).
    """
    _share(target)
    share = (x + 0.5) / (n + 1)

    def decided(k: int, m: int) -> bool:
        return clopper_lower(k, m, delta) >= target or 1 - clopper_lower(m - k, m, delta) < target

    if n and decided(x, n):
        return 0
    low, high = n, max(8, 2 * n)
    while not decided(round(share * high), high):
        low, high = high, high * 2
        if high > MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(round(share * middle), middle) else (middle, high)
    return max(1, high - n)


def _z(power: float) -> float:
    return NORMAL.inv_cdf(_share(power))


def _share(value: float) -> float:
    if not 0 < value < 1:
        raise UsageError(f"{value} is not a share between 0 and 1")
    return value
