"""Rates of a population from labels drawn with known, unequal probabilities, and families that hang together."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, as_floats, numbered, same_length, undefined
from flywheel_tui.stats.intervals import wilson, z_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values


def inclusion_weights(pi: Values) -> Floats:
    """1 / π of every label; 0 where π is missing: such labels were picked by a person and belong in no estimate."""
    import numpy as np

    probabilities = as_floats(pi)
    known = ~np.isnan(probabilities)
    if bool(((probabilities[known] <= 0) | (probabilities[known] > 1)).any()):
        raise UsageError("an inclusion probability lies above 0 and at most at 1; use None where it is not known")
    return np.where(known, 1 / np.where(known, probabilities, 1.0), 0.0)


def kish(weights: Values) -> float:
    """Kish's effective number of items (Σw)² / Σw² (1965): what unequal weights leave of n. 0 for none."""
    w = as_floats(weights)
    squares = float((w**2).sum())
    return float(w.sum()) ** 2 / squares if squares else 0.0


def weighted_rate(values: Values, weights: Values, *, families: Values | None = None, level: float = 0.95) -> Figure:
    """Hájek's estimate Σwy / Σw of a mean of yes/no values (1971), with an interval that knows weights and families.

    The linearised variance F/(F - 1)·Σ_f (Σ_{i∈f} w_i(y_i - θ))² / (Σw)² gives the number of independent items that
    would be as exact; Wilson's interval is taken at that number (Korn, Graubard 1998), at most the number of labels.
    `n` is the number of labels with a positive weight. Undefined without any.
    """
    import numpy as np

    same_length(values, weights)
    y, w = as_floats(values), as_floats(weights)
    used = w > 0
    y, w = y[used], w[used]
    if not len(y):
        return undefined("no labels with a known inclusion probability")
    total = float(w.sum())
    theta = min(1.0, max(0.0, float((w * y).sum()) / total))
    owners = np.arange(len(y)) if families is None else numbered(np.asarray(families)[used])[0]
    count = min(float(len(y)), _effective(y, w, owners, theta))
    low, high = wilson(min(theta * count, count), count, level)
    return Figure(theta, low, high, len(y), "Hájek, Wilson at the effective n")


def _effective(y: Floats, w: Floats, owners: NDArray[np.int64], theta: float) -> float:
    import numpy as np

    by_family = np.bincount(owners, w)
    spread = np.bincount(owners, w * (y - theta))
    number = len(by_family)
    variance = number / (number - 1) * float((spread**2).sum()) / float(w.sum()) ** 2 if number > 1 else 0.0
    # where all agree the variance says nothing, and the weights of the families alone decide
    return theta * (1 - theta) / variance if variance > 0 else kish(by_family)


def design_effect(values: Values, families: Values) -> Figure:
    """1 + (m̄ - 1)·ICC (Kish 1965), ICC by the analysis of variance (Fleiss, Levin, Paik 2003, eq. 15.18), not below 0.

    `n` is the number of families; n_eff = number of items / value. 1 where every family has one item.
    """
    import numpy as np

    same_length(values, families)
    y = as_floats(values)
    if not len(y):
        return undefined("no labels")
    owners, number = numbered(families)
    sizes, items = np.bincount(owners), len(y)
    if number == items:
        return Figure(1.0, n=number, method="one item a family")
    if number < 2:
        return undefined("one family alone does not show how alike families are", number)
    means = np.bincount(owners, y) / sizes
    between = float((sizes * (means - y.mean()) ** 2).sum()) / (number - 1)
    within = float(((y - means[owners]) ** 2).sum()) / (items - number)
    typical = (items - float((sizes**2).sum()) / items) / (number - 1)
    whole = between + (typical - 1) * within
    icc = max(0.0, (between - within) / whole) if whole else 0.0
    return Figure(1 + (items / number - 1) * icc, n=number, method="analysis of variance")


def mean_figure(values: Values, level: float = 0.95) -> Figure:
    """The mean of numbers with a normal interval (for scores of some hundred items and more). Undefined for none."""
    x = as_floats(values)
    if not len(x):
        return undefined("no values")
    if len(x) < 2:
        return Figure(float(x.mean()), n=1, why="one value alone has no spread")
    half = z_of(level) * float(x.std(ddof=1)) / math.sqrt(len(x))
    return Figure(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, len(x), "normal")
