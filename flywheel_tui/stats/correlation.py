"""How two scores move together: Pearson, Spearman, Kendall. Items missing or infinite on a side are left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flywheel_tui.stats.arrays import Figure, as_floats, same_length, undefined
from flywheel_tui.stats.intervals import z_of

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Floats, Values


def pearson(x: Values, y: Values) -> float | None:
    """Pearson's correlation of two columns (n,). None below two items, or where a side does not vary.

    >>> round(pearson([1, 2, 3, 4], [1, 3, 2, 5]), 4)
    0.8315
    """
    return _pearson(*_both(x, y))


def spearman(x: Values, y: Values) -> float | None:
    """Spearman's rank correlation: Pearson's of the mid-ranks, so that ties count fairly. None as for `pearson`.

    >>> round(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), 6)
    0.820783
    """
    first, second = _both(x, y)
    return _pearson(ranks(first), ranks(second))


def kendall(x: Values, y: Values) -> float | None:
    """Kendall's τ-b (1945), which makes up for ties: (concordant - discordant) / √(untied x pairs · untied y pairs).

    None as for `pearson`. Costs n·log n.

    >>> round(kendall([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]), 6)
    -0.471405
    """
    first, second = _both(x, y)
    if _still(first) or _still(second):
        return None
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic)


def correlation(x: Values, y: Values, level: float = 0.95) -> Figure:
    """Pearson's r with Fisher's interval (1921): tanh(artanh r ± z / √(n - 3)); none below four items."""
    first, second = _both(x, y)
    value = _pearson(first, second)
    number = len(first)
    if value is None:
        return undefined("fewer than two items" if number < 2 else "one side does not vary", number)
    if number < 4:
        return Figure(value, n=number, why="an interval needs four items")
    if abs(value) >= 1:
        return Figure(value, value, value, number, "Fisher z")
    half, middle = z_of(level) / math.sqrt(number - 3), math.atanh(value)
    return Figure(value, math.tanh(middle - half), math.tanh(middle + half), number, "Fisher z")


def ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of their ranks."""
    import numpy as np

    _, owners, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle: Floats = np.cumsum(counts) - (counts - 1) / 2
    return middle[owners]


def _both(x: Values, y: Values) -> tuple[Floats, Floats]:
    import numpy as np

    same_length(x, y)
    first, second = as_floats(x), as_floats(y)
    kept = np.isfinite(first) & np.isfinite(second)
    return (first, second) if kept.all() else (first[kept], second[kept])


def _still(values: Floats) -> bool:
    return len(values) < 2 or bool((values == values[0]).all())


def _centred(values: Floats) -> Floats:
    """Less their mean, and scaled so that neither tiny nor huge numbers are lost in their squares."""
    import numpy as np

    values = values / abs(values).max()
    values = np.asarray(values - values.mean())
    scaled: Floats = values / abs(values).max()
    return scaled


def _pearson(first: Floats, second: Floats) -> float | None:
    if _still(first) or _still(second):
        return None
    a, b = _centred(first), _centred(second)
    return max(-1.0, min(1.0, float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))))
