"""Turning a judge's score into a probability of passing, as finely as the number of labels carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import as_flags, as_floats, numbered, same_length
from flywheel_tui.stats.logistic import logistic, logit, sigmoid

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Floats, Values

Kind = Literal["none", "platt", "isotonic"]
PLATT_FROM, ISOTONIC_FROM = 50, 1000
"""Labels from which a recalibrator of two parameters, and one of any shape, is fitted."""


class Recalibrator(NamedTuple):
    """A map from scores to probabilities. "none" has no map: `why` says what is missing, and calling it is an error."""

    kind: Kind
    n: int
    why: str = ""
    intercept: float = 0.0
    slope: float = 0.0
    on_logit: bool = False
    knots: Floats | None = None
    heights: Floats | None = None

    def __call__(self, scores: Values) -> Floats:
        """Probabilities (n,) of scores (n,); NaN (no verdict) stays NaN."""
        import numpy as np

        s = as_floats(scores)
        if self.kind == "none":
            raise UsageError(f"these scores cannot be read as probabilities: {self.why}")
        if self.kind == "platt":
            return sigmoid(self.intercept + self.slope * (_logit(s) if self.on_logit else s))
        assert self.knots is not None and self.heights is not None
        return np.interp(s, self.knots, self.heights)


def isotonic(x: Values, y: Values, weights: Values | None = None) -> tuple[Floats, Floats]:
    """The non-decreasing step function nearest to y in squares, at the sorted different x (pool adjacent violators).

    Barlow, Bartholomew, Bremner, Brunk 1972. Equal x are one point with their mean.

    >>> isotonic([1, 2, 3, 4], [1, 3, 2, 4])[1].tolist()
    [1.0, 2.5, 2.5, 4.0]
    """
    import numpy as np

    same_length(x, y)
    at, target = as_floats(x), as_floats(y)
    w = np.ones(len(at)) if weights is None else as_floats(weights)
    places, owners = np.unique(at, return_inverse=True)
    mass = np.bincount(owners, w)
    means = np.bincount(owners, w * target) / mass
    levels: list[float] = []
    masses: list[float] = []
    widths: list[int] = []
    for level, weight in zip(means.tolist(), mass.tolist(), strict=True):
        width = 1
        while levels and levels[-1] >= level:
            together = masses[-1] + weight
            level = (levels.pop() * masses[-1] + level * weight) / together
            weight, width = together, width + widths.pop()
            masses.pop()
        levels.append(level)
        masses.append(weight)
        widths.append(width)
    return places, np.repeat(levels, widths)


def fit_recalibrator(scores: Values, truth: Values, kind: Kind | None = None) -> Recalibrator:
    """The recalibrator that n labels carry: below 50 none, below 1,000 Platt's, from there isotonic.

    Platt (1999): sigmoid(a + b·score) against the targets (n₊ + 1)/(n₊ + 2) and 1/(n₋ + 2); scores that all lie within
    0 … 1 go in as their logit. Isotonic: interpolated between its steps, flat outside. Labels without a score are left
    out; a single class, or scores that do not vary, give "none" with the reason.
    """
    import numpy as np

    same_length(scores, truth)
    s, y = as_floats(scores), as_flags(truth, "labels")
    y, s = y[~np.isnan(s)], s[~np.isnan(s)]
    n = len(s)
    if kind is None:
        kind = "none" if n < PLATT_FROM else "platt" if n < ISOTONIC_FROM else "isotonic"
    if kind == "none":
        return Recalibrator("none", n, f"{n} labels are too few (from {PLATT_FROM})")
    if not n or y.all() or not y.any():
        return Recalibrator("none", n, "all labels are of one class")
    if s.min() == s.max():
        return Recalibrator("none", n, "all scores are the same")
    if kind == "isotonic":
        knots, heights = isotonic(s, y.astype(float))
        return Recalibrator("isotonic", n, knots=knots, heights=heights)
    within = bool(s.min() >= 0 and s.max() <= 1)
    z = _logit(s) if within else s
    # centred and scaled for Newton's steps, then turned back
    middle, width = float(z.mean()), float(z.std())
    positive, negative = int(y.sum()), int((~y).sum())
    target = np.where(y, (positive + 1) / (positive + 2), 1 / (negative + 2))
    a, b = logistic(np.column_stack([np.ones(n), (z - middle) / width]), target).coefficients.tolist()
    return Recalibrator("platt", n, intercept=a - b * middle / width, slope=b / width, on_logit=within)


def cross_fitted(
    scores: Values,
    truth: Values,
    kind: Kind | None = None,
    *,
    families: Values | None = None,
    folds: int = 5,
    seed: int = 0,
) -> Floats | None:
    """Probabilities (n,) of the labelled pairs themselves, each from the labels of other families only.

    For honest reliability figures. None where a fold's rest carries no recalibrator.
    """
    import numpy as np

    same_length(scores, truth)
    s, y = as_floats(scores), as_flags(truth, "labels")
    owners, number = numbered(np.arange(len(s)) if families is None else families)
    if kind is None:
        kind = fit_recalibrator(s, y).kind
    fold = np.random.default_rng(seed).permutation(number) % max(2, folds)
    found = np.full(len(s), np.nan)
    for k in np.unique(fold):
        out = fold[owners] == k
        fitted = fit_recalibrator(s[~out], y[~out], kind)
        if fitted.kind == "none":
            return None
        found[out] = fitted(s[out])
    return found


def _logit(s: Floats) -> Floats:
    # a verdict of exactly 0 or 1 is a strong one, not an infinite one
    return logit(s, 1e-3)
