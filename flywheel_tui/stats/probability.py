"""How far a score can be read as a probability of passing, and how well it ranks.

Labels (n,) are yes/no, probabilities (n,) lie within 0 … 1; what is not a number is an error here, because a judge
without a verdict has no probability: leave such pairs out and report the validity rate beside the figures.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import as_flags, as_floats, same_length
from flywheel_tui.stats.correlation import ranks
from flywheel_tui.stats.intervals import wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values

Strategy = Literal["uniform", "quantile"]


class Bin(NamedTuple):
    """One bar of a reliability diagram: `n` pairs predicted at `predicted` on average, `observed` of which passed."""

    n: int
    predicted: float
    observed: float
    low: float
    high: float


class CalibrationError(NamedTuple):
    """Expected (ECE), root-mean-square (RMSCE) and largest (MCE) gap between predicted and observed, 0 … 1."""

    ece: float
    rmsce: float
    mce: float


class Chance(NamedTuple):
    """A test: its statistic and its two-sided p."""

    statistic: float
    p: float


def bins_for(n: int) -> int:
    """How many equal-mass bins n labels carry: min(10, n / 20), at least 1."""
    return max(1, min(10, n // 20))


def reliability(truth: Values, p: Values, bins: int | None = None, strategy: Strategy = "quantile") -> list[Bin]:
    """The bars of a reliability diagram with Wilson intervals; empty bins are left out, no labels give no bins.

    "quantile" puts equally many pairs into each bin (ties together), "uniform" cuts 0 … 1 evenly.

    >>> [(b.n, round(b.predicted, 3), b.observed) for b in reliability([0, 0, 1], [0.1, 0.2, 0.9], 2, "uniform")]
    [(2, 0.15, 0.0), (1, 0.9, 1.0)]
    """
    import numpy as np

    y, probabilities = _checked(truth, p)
    if not len(y):
        return []
    places = _places(probabilities, bins or bins_for(len(y)), strategy)
    counts = np.bincount(places)
    passed, predicted = np.bincount(places, y), np.bincount(places, probabilities)
    return [
        Bin(int(n), float(q / n), float(x / n), *wilson(float(x), float(n)))
        for n, x, q in zip(counts, passed, predicted, strict=True)
        if n
    ]


def ece(truth: Values, p: Values, bins: int | None = None, strategy: Strategy = "quantile") -> CalibrationError | None:
    """Σ n_b/n·|observed - predicted|, its root-mean-square and its maximum (Guo et al. 2017). None without labels.

    Biased upwards for few labels: show it with a bootstrap interval and beside the Brier score.
    """
    found = reliability(truth, p, bins, strategy)
    if not found:
        return None
    total = sum(b.n for b in found)
    gaps = [(b.n / total, abs(b.observed - b.predicted)) for b in found]
    squares = math.fsum(share * gap * gap for share, gap in gaps)
    return CalibrationError(math.fsum(s * g for s, g in gaps), math.sqrt(squares), max(g for _, g in gaps))


def brier(truth: Values, p: Values, weights: Values | None = None) -> float | None:
    """Mean of (p - y)² (Brier 1950), 0 is perfect. None without labels.

    >>> round(brier([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]), 6)
    0.0375
    """
    y, probabilities = _checked(truth, p)
    return _mean((probabilities - y) ** 2, weights)


def brier_skill(truth: Values, p: Values) -> float | None:
    """1 - Brier / Brier of always saying the prevalence: 1 is perfect, 0 no skill. None for a single class."""
    y, probabilities = _checked(truth, p)
    if not len(y) or y.min() == y.max():
        return None
    return 1 - float(((probabilities - y) ** 2).mean()) / float(((y.mean() - y) ** 2).mean())


def log_loss(truth: Values, p: Values, weights: Values | None = None) -> float | None:
    """Mean of -ln of what was said of the truth, in nats; probabilities are kept 2⁻⁵² away from 0 and 1.

    >>> round(log_loss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65]), 6)
    0.216162
    """
    import numpy as np

    y, probabilities = _checked(truth, p)
    edge = float(np.finfo(float).eps)
    said = np.clip(np.where(y > 0, probabilities, 1 - probabilities), edge, 1 - edge)
    return _mean(-np.log(said), weights)


def auroc(truth: Values, scores: Values) -> float | None:
    """P(score of a pass > score of a fail), ties one half (Hanley, McNeil 1982): any scores. None for a single class.

    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    y, s = _scored(truth, scores)
    positive = int(y.sum())
    negative = len(y) - positive
    if not positive or not negative:
        return None
    return (float(ranks(s)[y].sum()) - positive * (positive + 1) / 2) / (positive * negative)


def average_precision(truth: Values, scores: Values) -> float | None:
    """Σ (R_k - R_{k-1})·P_k over thresholds, strict to loose (AUPRC; no skill reaches the prevalence).

    None without a single pass.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 5)
    0.83333
    """
    import numpy as np

    y, s = _scored(truth, scores)
    if not y.any():
        return None
    order = np.argsort(-s, kind="stable")
    last = np.append(s[order][1:] != s[order][:-1], True)
    hits, said = np.cumsum(y[order])[last], np.arange(1, len(y) + 1)[last]
    return float((np.diff(hits, prepend=0) * hits / said).sum() / y.sum())


def spiegelhalter(truth: Values, p: Values) -> Chance | None:
    """Spiegelhalter's z (1986): is the Brier score what calibrated probabilities would give? None where p is ½, 0 or 1.

    z = Σ (y - p)(1 - 2p) / √Σ (1 - 2p)² p(1 - p); a small p-value speaks against calibration.
    """
    y, probabilities = _checked(truth, p)
    lean = 1 - 2 * probabilities
    spread = float((lean**2 * probabilities * (1 - probabilities)).sum())
    if spread <= 0:
        return None
    z = float(((y - probabilities) * lean).sum()) / math.sqrt(spread)
    return Chance(z, 2 * NormalDist().cdf(-abs(z)))


def _places(p: Floats, bins: int, strategy: Strategy) -> NDArray[np.int64]:
    """The bin of every probability."""
    import numpy as np

    if bins < 1:
        raise UsageError(f"a reliability diagram needs at least one bin, not {bins}")
    if strategy == "uniform":
        inner = np.linspace(0, 1, bins + 1)[1:-1]
        return np.searchsorted(inner, p, side="right")
    # equal values stay together: by the mean of their ranks
    return np.minimum(((ranks(p) - 0.5) / len(p) * bins).astype(np.int64), bins - 1)


def _checked(truth: Values, p: Values) -> tuple[Floats, Floats]:
    same_length(truth, p)
    y, probabilities = as_flags(truth, "labels").astype(float), as_floats(p)
    if not bool(((probabilities >= 0) & (probabilities <= 1)).all()):
        raise UsageError("probabilities lie within 0 and 1; scale the scores first, and leave pairs without one out")
    return y, probabilities


def _scored(truth: Values, scores: Values) -> tuple[NDArray[np.bool_], Floats]:
    same_length(truth, scores)
    y, s = as_flags(truth, "labels"), as_floats(scores)
    if bool((s != s).any()):
        raise UsageError("some scores are missing; leave pairs without one out")
    return y, s


def _mean(values: Floats, weights: Values | None) -> float | None:
    import numpy as np

    if not len(values):
        return None
    return float(values.mean() if weights is None else np.average(values, weights=as_floats(weights)))
