"""Formulas of agreement tables (…, q, q), rows the first rater (or the truth), columns the second (or what was said).

All take stacks of tables, so that one formula serves the figure and its bootstrap; NaN where a figure is undefined.
Yes/no tables are [[TN, FP], [FN, TP]].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats

Weights = Literal["none", "linear", "quadratic"]


def ratio(above: Any, below: Any) -> Floats:
    """above / below, NaN where nothing is below."""
    import numpy as np

    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below == 0, np.nan, above / below)


def crosstab(first: NDArray[np.int64], second: NDArray[np.int64], q: int) -> Floats:
    """Count the pairs of codes 0 … q - 1 into a table (q, q)."""
    import numpy as np

    table: Floats = np.bincount(first * q + second, minlength=q * q).reshape(q, q).astype(float)
    return table


def observed(tables: Floats) -> Floats:
    """The share of items on the diagonal: percent agreement, or accuracy."""
    return ratio(tables.trace(axis1=-2, axis2=-1), tables.sum((-2, -1)))


def disagreement(q: int, weights: Weights) -> Floats:
    """How far apart two categories are (q, q): 0 or 1, their distance |i - j|, or its square (Cohen 1968)."""
    import numpy as np

    apart = np.abs(np.subtract.outer(np.arange(q), np.arange(q))).astype(float)
    return {"none": (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}[weights]


def kappa(tables: Floats, weights: Weights = "none") -> Floats:
    """Cohen's kappa 1 - Σ w·o / Σ w·e (Cohen 1960; weighted 1968). NaN where chance alone agrees on everything."""
    import numpy as np

    w = disagreement(tables.shape[-1], weights)
    rows, columns = tables.sum(-1), tables.sum(-2)
    found = np.tensordot(tables, w, 2) * rows.sum(-1)
    expected = ((rows @ w) * columns).sum(-1)
    return 1 - ratio(found, expected)


def scott_pi(tables: Floats) -> Floats:
    """Scott's pi (1955): as kappa, with the mean of both raters' shares for chance."""
    both = (tables.sum(-1) + tables.sum(-2)) / 2
    chance = ratio((both**2).sum(-1), tables.sum((-2, -1)) ** 2)
    return ratio(observed(tables) - chance, 1 - chance)


def alpha(tables: Floats) -> Floats:
    """Krippendorff's nominal alpha of two raters without missing values (2011): 1 - D_o / D_e."""
    both = tables.sum(-1) + tables.sum(-2)
    number = both.sum(-1)
    apart = tables.sum((-2, -1)) - tables.trace(axis1=-2, axis2=-1)
    return 1 - ratio((number - 1) * 2 * apart, number**2 - (both**2).sum(-1))


def ac1(tables: Floats) -> Floats:
    """Gwet's AC1 (2008): chance is Σ π(1 - π) / (q - 1), π the mean of both raters' shares. NaN for one category."""
    import numpy as np

    q = tables.shape[-1]
    if q < 2:
        return np.full(tables.shape[:-2], np.nan)
    share = ratio((tables.sum(-1) + tables.sum(-2)) / 2, tables.sum((-2, -1))[..., None])
    chance = (share * (1 - share)).sum(-1) / (q - 1)
    return ratio(observed(tables) - chance, 1 - chance)


def pabak(tables: Floats) -> Floats:
    """Chance 1/q for every category (Randolph 2005); for two categories 2·P_o - 1 (Byrt, Bishop, Carlin 1993)."""
    q = max(2, tables.shape[-1])
    agreed: Floats = (observed(tables) - 1 / q) / (1 - 1 / q)
    return agreed


def precision(tables: Floats) -> Floats:
    """TP / (TP + FP)."""
    return ratio(tables[..., 1, 1], tables[..., :, 1].sum(-1))


def recall(tables: Floats) -> Floats:
    """TP / (TP + FN): sensitivity, the true positive rate."""
    return ratio(tables[..., 1, 1], tables[..., 1, :].sum(-1))


def specificity(tables: Floats) -> Floats:
    """TN / (TN + FP): the true negative rate."""
    return ratio(tables[..., 0, 0], tables[..., 0, :].sum(-1))


def negative_predictive(tables: Floats) -> Floats:
    """TN / (TN + FN)."""
    return ratio(tables[..., 0, 0], tables[..., :, 0].sum(-1))


def f_beta(tables: Floats, beta: float = 1.0) -> Floats:
    """(1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP): the weighted harmonic mean of precision and recall."""
    hits = (1 + beta * beta) * tables[..., 1, 1]
    return ratio(hits, hits + beta * beta * tables[..., 1, 0] + tables[..., 0, 1])


def balanced_accuracy(tables: Floats) -> Floats:
    """(TPR + TNR) / 2."""
    return (recall(tables) + specificity(tables)) / 2


def youden(tables: Floats) -> Floats:
    """TPR + TNR - 1 (Youden 1950): 0 is a coin, and a judge at or below 0 is of no use."""
    return recall(tables) + specificity(tables) - 1


def mcc(tables: Floats) -> Floats:
    """Matthews' correlation (1975): the phi coefficient. NaN where one side has a single class."""
    import numpy as np

    tn, fp, fn, tp = (tables[..., i, j] for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)))
    return ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
