"""Logistic regression on a few columns: the small one that calibration, bias audits and win rates need."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stats.arrays import as_floats

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Floats, Values


class Fit(NamedTuple):
    """Coefficients (d,) with their standard errors (d,), and whether Newton's steps came to rest."""

    coefficients: Floats
    errors: Floats
    settled: bool


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e⁻ˣ), for any size of x."""
    import numpy as np

    return 0.5 * (1 + np.tanh(np.asarray(x, float) / 2))


def logit(p: Values, edge: float = 1e-6) -> Floats:
    """ln(p / (1 - p)), with p kept `edge` away from 0 and 1."""
    import numpy as np

    clipped = np.clip(as_floats(p), edge, 1 - edge)
    odds: Floats = np.log(clipped / (1 - clipped))
    return odds


def logistic(
    columns: Floats, y: Values, weights: Values | None = None, *, ridge: float = 1e-6, steps: int = 100
) -> Fit:
    """P(y = 1) = sigmoid(columns @ coefficients), by Newton's method (Hastie, Tibshirani, Friedman 2009, §4.4.1).

    `columns` (n, d) bring their own constant; `y` (n,) lies within 0 … 1. The penalty ridge·|coefficients|²/2 keeps
    separated data finite; it changes the sixth digit of ordinary fits.
    """
    import numpy as np

    x, target = np.asarray(columns, float), as_floats(y)
    w = np.ones(len(target)) if weights is None else as_floats(weights)
    d = x.shape[1]
    beta = np.zeros(d)
    loss, settled = np.inf, False
    for _ in range(steps):
        p = sigmoid(x @ beta)
        gradient = x.T @ (w * (target - p)) - ridge * beta
        curvature = (x * (w * p * (1 - p))[:, None]).T @ x + ridge * np.eye(d)
        step = np.linalg.solve(curvature, gradient)
        scale = 1.0
        while scale > 1e-6 and _loss(x, target, w, beta + scale * step, ridge) > loss:
            scale /= 2
        beta = beta + scale * step
        loss = _loss(x, target, w, beta, ridge)
        if float(abs(scale * step).max()) < 1e-9:
            settled = True
            break
    p = sigmoid(x @ beta)
    curvature = (x * (w * p * (1 - p))[:, None]).T @ x + ridge * np.eye(d)
    return Fit(beta, np.sqrt(np.linalg.inv(curvature).diagonal()), settled)


def _loss(x: Floats, y: Floats, w: Floats, beta: Floats, ridge: float) -> float:
    import numpy as np

    z = x @ beta
    return float((w * (np.logaddexp(0, z) - y * z)).sum() + ridge * (beta**2).sum() / 2)
