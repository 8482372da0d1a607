"""The true pass rate of a whole set, from few labels by people and many verdicts of a judge.

A judge's raw pass rate is biased by its mistakes and is never a figure of quality. Which estimate fits which labels:
`poststrat_beta` for random labels or such drawn by verdict; `ppi_mean` for scores and 300 labels and more;
`rogan_gladen` where the labels come from another population; `aipw` where they were drawn with known probabilities.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, as_floats, same_length, undefined
from flywheel_tui.stats.intervals import Interval, z_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flywheel_tui.stats.arrays import Values


class Stratum(NamedTuple):
    """One answer of the judge (or bin of its score): labels that pass and fail, and how many pairs got that answer."""

    passes: float
    fails: float
    judged: float


class PassRate(NamedTuple):
    """An estimate with its two-sided interval and its one-sided lower bound.

    `labels` were made; `worth` as many random labels without a judge would be as exact, None where nothing varies.
    """

    value: float | None
    low: float | None
    high: float | None
    lower: float | None
    labels: float
    worth: float | None
    why: str = ""


class Ppi(NamedTuple):
    """PPI++: its weight λ of the judge (0 ignores it), and the estimate."""

    weight: float
    figure: Figure


def poststrat_beta(
    tp: float,
    fp: float,
    fn: float,
    tn: float,
    judged_pass: float,
    judged: float,
    *,
    level: float = 0.95,
    draws: int = 20_000,
    seed: int = 0,
) -> PassRate:
    """θ = p_J·PPV + (1 - p_J)·FOR with Jeffreys' Beta posteriors in each verdict: the default estimate.

    tp, fp (fn, tn) count the labels where the judge passed (failed); `judged_pass` of the `judged` pairs without a
    label were passed. p_J is over all, labelled and not, so that labels may be random or drawn by verdict.
    """
    passed = judged_pass + tp + fp
    return poststrat([Stratum(tp, fp, passed), Stratum(fn, tn, judged + tp + fp + fn + tn - passed)],
                     level=level, draws=draws, seed=seed)  # fmt: skip


def poststrat(strata: Sequence[Stratum], *, level: float = 0.95, draws: int = 20_000, seed: int = 0) -> PassRate:
    """The same over any strata of the judge's answer: verdicts, or bins of its score.

    A Dirichlet(½, …) posterior of the strata's shares, and Beta(passes + ½, fails + ½) within each. A stratum without
    labels keeps its prior, so that the interval says what is not known. Undefined where nothing was judged.
    """
    import numpy as np

    table = np.array([tuple(stratum) for stratum in strata], float).reshape(-1, 3)
    if (table < 0).any():
        raise UsageError("labels and verdicts cannot be negative in number")
    labels = float(table[:, :2].sum())
    if not table[:, 2].sum():
        return PassRate(None, None, None, None, labels, None, "nothing was judged")
    rng = np.random.default_rng(seed)
    passes, fails, judged = table[:, 0] + 0.5, table[:, 1] + 0.5, table[:, 2] + 0.5
    shares = rng.dirichlet(judged, draws) if len(table) > 1 else np.ones((draws, 1))
    theta = (shares * rng.beta(passes, fails, (draws, len(table)))).sum(1)
    mean = float((judged / judged.sum() * passes / (passes + fails)).sum())
    tail = (1 - level) / 2
    low, lower, high = (float(v) for v in np.quantile(theta, (tail, 2 * tail, 1 - tail)))
    variance = float(theta.var())
    worth = mean * (1 - mean) / variance if variance > 0 else None
    return PassRate(mean, low, high, lower, labels, worth, "" if labels else "no labels: the interval is the prior's")


def ppi_mean(
    truth: Values, judged: Values, unlabelled: Values, *, alpha: float = 0.05, weight: float | None = None
) -> Ppi:
    """Prediction-powered mean, PPI++ (Angelopoulos, Duchi, Zrnic 2023): θ = λ·f̄_U + mean(Y - λf).

    `truth` (n,) labels and `judged` (n,) the judge on the same pairs, `unlabelled` (N,) the judge on the others. λ (the
    one of least variance, within 0 … 1, unless given) is Cov(Y, f) / ((1 + n/N)·Var(f)); the interval is normal, so
    give it 300 labels: with 30 it covers far less than it says. Undefined below two labels or without other pairs.
    """
    import numpy as np

    same_length(truth, judged)
    y, f, rest = as_floats(truth), as_floats(judged), as_floats(unlabelled)
    n, many = len(y), len(rest)
    if n < 2 or not many:
        return Ppi(0.0, undefined("fewer than two labels" if n < 2 else "no pairs without a label", n))
    if weight is None:
        spread = float(np.concatenate([f, rest]).var(ddof=1))
        shared = float(((y - y.mean()) * (f - f.mean())).mean())
        weight = min(1.0, max(0.0, shared / ((1 + n / many) * spread))) if spread > 0 else 0.0
    errors = y - weight * f
    value = weight * float(rest.mean()) + float(errors.mean())
    error = math.sqrt(weight**2 * float(rest.var()) / many + float(errors.var()) / n)
    half = z_of(1 - alpha) * error
    return Ppi(weight, Figure(value, value - half, value + half, n, "PPI++, normal"))


def effective_labels(variance: float, figure: Figure, level: float = 0.95) -> float | None:
    """Var(Y) / SE²: how many random labels without a judge would be as exact ("your judge saved …").

    None where the figure has no interval, or one of no width.
    """
    if figure.low is None or figure.high is None or figure.high <= figure.low:
        return None
    error = (figure.high - figure.low) / 2 / z_of(level)
    return variance / error**2


def rogan_gladen(p: float, tnr: float, tpr: float) -> float | None:
    """(p + TNR - 1) / (TPR + TNR - 1), within 0 … 1 (Rogan, Gladen 1978), from the judge's raw pass rate p.

    For labels of another population (a class-balanced set): TPR and TNR carry over, its prevalence does not.
    None where TPR + TNR ≤ 1: such a judge carries no information, and nothing can be corrected with it.

    >>> round(rogan_gladen(23 / 150, 0.89, 0.96), 5)
    0.05098
    """
    informed = tpr + tnr - 1
    if informed <= 0:
        return None
    return min(1.0, max(0.0, (p + tnr - 1) / informed))


def rg_lee_ci(
    p: float, tnr: float, tpr: float, n: float, negatives: float, positives: float, *, alpha: float = 0.05
) -> Interval | None:
    """The interval of `rogan_gladen` (Lang, Reiczigel 2014; Lee et al. 2025) that knows all three samples' sizes.

    p of n verdicts; TNR and TPR from `negatives` and `positives` labels. None where the smoothed TPR + TNR ≤ 1.
    """
    z = z_of(1 - alpha)
    rate = (n * p + z * z / 2) / (n + z * z)
    q0, q1 = (negatives * tnr + 1) / (negatives + 2), (positives * tpr + 1) / (positives + 2)
    n, m0, m1 = n + z * z, negatives + 2, positives + 2
    informed = q0 + q1 - 1
    if informed <= 0:
        return None
    theta = (rate + q0 - 1) / informed
    v0, v1 = q0 * (1 - q0) / m0, q1 * (1 - q1) / m1
    shift = 2 * z * z * (theta * v1 - (1 - theta) * v0)
    half = z * math.sqrt(rate * (1 - rate) / n + (1 - theta) ** 2 * v0 + theta**2 * v1) / informed
    low, high = (min(1.0, max(0.0, end)) for end in (theta + shift - half, theta + shift + half))
    return Interval(low, high)


def begg_greenes(pj: float, ppv: float, npv: float) -> tuple[float | None, float | None]:
    """TPR and TNR of a judge whose labels were drawn by its verdict (Begg, Greenes 1983): undoes verification bias.

    `pj` is the share of all pairs that it passed. None where nothing passes (or fails) in truth.

    >>> [round(rate, 6) for rate in begg_greenes(0.72, 0.9, 0.8)]
    [0.920455, 0.756757]
    """
    good, bad = pj * ppv + (1 - pj) * (1 - npv), (1 - pj) * npv + pj * (1 - ppv)
    return (pj * ppv / good if good > 0 else None), ((1 - pj) * npv / bad if bad > 0 else None)


def aipw(judged: Values, truth: Values, drawn: Values, pi: Values, *, alpha: float = 0.05) -> Figure:
    """Active inference (Zrnic, Candès 2024): mean of f + (Y - f)·ξ/π over all N pairs, with its normal interval.

    `judged` (N,) the judge's probability, `drawn` (N,) whether ξ the pair was drawn for a label, `pi` (N,) with which
    probability, `truth` (N,) its label where it was drawn (anything, None too, elsewhere). Every π must be above 0.
    """
    import numpy as np

    same_length(judged, truth, drawn, pi)
    f, chosen, probability = as_floats(judged), np.asarray(drawn).astype(bool), as_floats(pi)
    if len(f) < 2:
        return undefined("fewer than two pairs", len(f))
    if not bool(((probability > 0) & (probability <= 1)).all()):
        raise UsageError(
            "every pair needs an inclusion probability above 0 and at most 1: what can never be drawn biases"
        )
    y = np.where(chosen, as_floats(truth), 0.0)
    if np.isnan(y).any():
        raise UsageError("a drawn pair has no label yet; leave the draw open until it is labelled")
    parts = f + np.where(chosen, (y - f) / probability, 0.0)
    half = z_of(1 - alpha) * float(parts.std(ddof=1)) / math.sqrt(len(parts))
    value = float(parts.mean())
    return Figure(value, value - half, value + half, int(chosen.sum()), "active inference, normal")
