"""Where to draw the line on a judge's score: every threshold at once, and the best of them (without a guarantee).

A pair passes where its score is at or above the threshold. Scores that are missing (no verdict) are in no figure.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import tables
from flywheel_tui.stats.arrays import as_flags, as_floats, same_length
from flywheel_tui.stats.confusion import Confusion, Rates, rates_of_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values

Aim = Literal["f_beta", "youden", "mcc", "balanced_accuracy", "cost"]


class Choice(NamedTuple):
    """The threshold with the best observed value. It flatters itself: the same labels chose it (no guarantee)."""

    threshold: float
    value: float
    confusion: Confusion


class Sweep:
    """Labels (n,) sorted by score once; after that any threshold costs a binary search.

    `weights` (1/π) make the counts sums of weights. `missing` counts the labels without a score.
    """

    def __init__(self, truth: Values, scores: Values, weights: Values | None = None) -> None:
        import numpy as np

        same_length(truth, scores)
        y, s = as_flags(truth, "labels"), as_floats(scores)
        w = None if weights is None else as_floats(weights)
        kept = ~np.isnan(s)
        self.missing = int(len(s) - np.count_nonzero(kept))
        if self.missing:
            y, s, w = y[kept], s[kept], None if w is None else w[kept]
        order = np.argsort(s)
        self._scores = s[order]
        y = y[order]
        self._weighted = w is not None
        if w is None:
            below_pass, below = np.cumsum(y), np.arange(1, len(y) + 1)
        else:
            below_pass, below = np.cumsum(w[order] * y), np.cumsum(w[order])
        # what lies below each place, so that a threshold needs one look at each
        self._passes = np.concatenate([[0], below_pass])
        self._all = np.concatenate([[0], below])

    def __len__(self) -> int:
        return len(self._scores)

    def at(self, threshold: float) -> Confusion:
        """The confusion matrix where scores at or above the threshold pass."""
        import numpy as np

        tp, fp, tn, fn = (column.item() for column in self._counts(np.searchsorted(self._scores, threshold)))
        return Confusion(tp, fp, tn, fn)

    def rates(self, threshold: float, *, level: float = 0.95, times: int = 2000, seed: int = 0) -> Rates:
        """Every rate with its interval at a threshold, for labels without weights: within a frame for a million."""
        if self._weighted:
            raise UsageError("weighted labels need their weights for intervals; call confusion.rates on the verdicts")
        return rates_of_counts(self.at(threshold), level=level, times=times, seed=seed)

    def thresholds(self, most: int | None = None) -> Floats:
        """The different scores, highest first; with `most`, that many of them, evenly by rank."""
        import numpy as np

        if not len(self._scores):
            return self._scores
        new = np.concatenate([[True], self._scores[1:] != self._scores[:-1]])
        different: Floats = self._scores[new][::-1]
        if most is None or len(different) <= most:
            return different
        some: Floats = different[np.linspace(0, len(different) - 1, most).round().astype(int)]
        return some

    def tables(self, thresholds: Values) -> Floats:
        """[[TN, FP], [FN, TP]] at every threshold (t, 2, 2), for the formulas of `stats.tables`."""
        import numpy as np

        tp, fp, tn, fn = self._counts(np.searchsorted(self._scores, as_floats(thresholds)))
        stacked: Floats = np.stack([tn, fp, fn, tp], axis=-1).reshape(-1, 2, 2).astype(float)
        return stacked

    def _counts(self, places: NDArray[np.int64] | np.int64) -> tuple[Floats, Floats, Floats, Floats]:
        fn = self._passes[places]
        tn = self._all[places] - fn
        tp = self._passes[-1] - fn
        return tp, self._all[-1] - self._passes[-1] - tn, tn, fn


def sweep(
    truth: Values,
    scores: Values,
    metric: Callable[[Floats], Floats] | None = None,
    weights: Values | None = None,
) -> tuple[Floats, Floats]:
    """Every different score as a threshold, highest first, and a formula of `stats.tables` there (default F½).

    NaN where the formula is undefined.

    >>> thresholds, values = sweep([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> thresholds.tolist(), values.round(5).tolist()
    ([0.8, 0.4, 0.35, 0.1], [0.83333, 0.5, 0.71429, 0.55556])
    """
    lines = Sweep(truth, scores, weights)
    thresholds = lines.thresholds()
    return thresholds, (metric or partial(tables.f_beta, beta=0.5))(lines.tables(thresholds))


def choose(
    lines: Sweep, aim: Aim = "f_beta", *, beta: float = 0.5, cost_false_pass: float = 1.0, cost_false_fail: float = 1.0
) -> Choice | None:
    """The threshold that was best on these labels: exploratory, without a guarantee (for one: `guarantee`).

    "cost" makes cost_false_pass·FP + cost_false_fail·FN smallest (its value is that sum, negated); of equals the
    strictest wins. None where the aim is undefined at every threshold (no labels, or a single class).
    """
    import numpy as np

    thresholds = lines.thresholds()
    if not len(thresholds):
        return None
    stack = lines.tables(thresholds)
    formulas: dict[str, Callable[[Floats], Floats]] = {
        "f_beta": partial(tables.f_beta, beta=beta),
        "youden": tables.youden,
        "mcc": tables.mcc,
        "balanced_accuracy": tables.balanced_accuracy,
        "cost": lambda t: -(cost_false_pass * t[:, 0, 1] + cost_false_fail * t[:, 1, 0]),
    }
    if aim not in formulas:
        raise UsageError(f"no aim named {aim!r}; there are: {', '.join(formulas)}")
    values = formulas[aim](stack)
    if np.isnan(values).all():
        return None
    best = int(np.nanargmax(values))
    return Choice(float(thresholds[best]), float(values[best]), lines.at(float(thresholds[best])))
