"""Whether a judge, or what it judges, has changed since it was calibrated."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import as_floats, coded, same_length
from flywheel_tui.stats.paired import Outcome, mcnemar_exact, paired_counts, wilcoxon

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Floats, Values

WATCH, ACT = 0.1, 0.25
MOST_AGE = timedelta(days=30)


class Anchors(NamedTuple):
    """The anchor set judged again: verdicts that turned to pass and to fail, and whether that is more than noise."""

    n: int
    to_pass: int
    to_fail: int
    flip_rate: float | None
    verdicts: Outcome
    scores: Outcome | None


class Cusum(NamedTuple):
    """The sums S_t and the first place at which they exceed the limit (None: never)."""

    sums: tuple[float, ...]
    alarm: int | None


def psi(expected: Values, found: Values) -> float | None:
    """Population stability Σ (a - b)·ln(a / b) of two lists of counts or shares over the same bins.

    Below .1 stable, to .25 watch, above act (convention). A bin empty on one side counts as half an item (or 10⁻⁴ of a
    share); bins empty on both are left out. None where a side is empty.

    >>> round(psi([0.25] * 4, [0.1, 0.2, 0.3, 0.4]), 6)
    0.228217
    """
    import numpy as np

    same_length(expected, found)
    b, a = as_floats(expected), as_floats(found)
    if bool((a < 0).any() or (b < 0).any()):
        raise UsageError("counts and shares are not negative")
    if not len(a) or not a.sum() or not b.sum():
        return None
    used = (a > 0) | (b > 0)
    a, b = (np.where(x[used] > 0, x[used], 0.5 if x.sum() > 1.5 else 1e-4) for x in (a, b))
    a, b = a / a.sum(), b / b.sum()
    return float(((a - b) * np.log(a / b)).sum())


def psi_word(value: float | None) -> str:
    """The conventional word for a stability index.

    >>> psi_word(0.2)
    'watch'
    """
    if value is None:
        return "unknown"
    return "stable" if value < WATCH else "watch" if value <= ACT else "act"


def jensen_shannon(first: Values, second: Values) -> float | None:
    """The Jensen-Shannon distance (root of the divergence, nats; Endres, Schindelin 2003), 0 … √ln 2. None where empty.

    >>> round(jensen_shannon([1, 0], [0.5, 0.5]), 7)
    0.4645014
    """
    import numpy as np

    same_length(first, second)
    a, b = as_floats(first), as_floats(second)
    if not len(a) or not a.sum() or not b.sum():
        return None
    a, b = a / a.sum(), b / b.sum()
    middle = (a + b) / 2

    def apart(p: Floats) -> float:
        used = p > 0
        return float((p[used] * np.log(p[used] / middle[used])).sum())

    return math.sqrt(max(0.0, (apart(a) + apart(b)) / 2))


def score_drift(before: Values, after: Values) -> Outcome:
    """Kolmogorov-Smirnov test of two independent sets of scores; p None where a side is empty."""
    import numpy as np

    a, b = (x[~np.isnan(x)] for x in (as_floats(before), as_floats(after)))
    if not len(a) or not len(b):
        return Outcome(0.0, None, len(a) + len(b), "Kolmogorov-Smirnov", "a side has no scores")
    from scipy.stats import ks_2samp

    found = ks_2samp(a, b)
    return Outcome(float(found.statistic), float(found.pvalue), len(a) + len(b), "Kolmogorov-Smirnov")


def anchors(
    before: Values, after: Values, scores_before: Values | None = None, scores_after: Values | None = None
) -> Anchors:
    """Verdicts (n,) of the same anchor pairs then and now: exact McNemar; Wilcoxon on scores. None is no verdict."""
    numbers = coded(before, after, categories=[False, True])
    first, second = numbers.codes
    kept = (first >= 0) & (second >= 0)
    counts = paired_counts(second[kept], first[kept])
    n = int(kept.sum())
    flips = counts.first_only + counts.second_only
    scored = None
    if scores_before is not None and scores_after is not None:
        scored = wilcoxon(scores_after, scores_before)
    return Anchors(
        n, counts.first_only, counts.second_only, flips / n if n else None,
        mcnemar_exact(counts.first_only, counts.second_only), scored,
    )  # fmt: skip


def cusum(errors: Values, baseline: float, slack: float = 0.05, limit: float = 3.0) -> Cusum:
    """S_t = max(0, S_{t-1} + (e_t - baseline - slack)) of errors in order (Page 1954); an alarm above `limit`."""
    total, sums, alarm = 0.0, [], None
    for place, error in enumerate(as_floats(errors).tolist()):
        total = max(0.0, total + error - baseline - slack)
        sums.append(total)
        if alarm is None and total > limit:
            alarm = place
    return Cusum(tuple(sums), alarm)


WALKS, MOST_STEPS = 4000, 5000


def cusum_limit(
    baseline: float, items: int, slack: float = 0.05, alpha: float = 0.05, seen: int | None = None
) -> float:
    """The limit that a sum of `items` errors at the `baseline` rate exceeds with probability `alpha`.

    The quantile of the highest sums of simulated walks, the same every time. Where the baseline is itself a share of
    `seen` items, each walk has a rate drawn from what it may truly be (Beta, Jeffreys). For more than 5,000 items
    Lundberg's bound: from any start the walk reaches h with probability at most exp(-θ·h), where θ > 0 solves
    E exp(θ·(e - baseline - slack)) = 1; there are at most `items` starts, hence ln(items / α) / θ. Infinite where the
    steps cannot rise at all.

    >>> round(cusum_limit(0.1, 1000), 1), round(cusum_limit(0.1, 100), 1), round(cusum_limit(0.1, 10_000), 1)
    (7.2, 4.5, 13.9)
    """
    import numpy as np

    if baseline <= 0 or 1 - baseline - slack <= 0:
        return math.inf
    if items > MOST_STEPS:
        return _lundberg(baseline, items, slack, alpha)
    rng = np.random.default_rng(0)
    rates = np.full(WALKS, baseline)
    if seen is not None:
        rates = rng.beta(baseline * seen + 0.5, (1 - baseline) * seen + 0.5, WALKS)
    sums = highest = np.zeros(WALKS)
    for _ in range(items):
        sums = np.maximum(0.0, sums + (rng.random(WALKS) < rates) - baseline - slack)
        highest = np.maximum(highest, sums)
    return float(np.quantile(highest, 1 - alpha))


def _lundberg(baseline: float, items: int, slack: float, alpha: float) -> float:
    up, down = 1 - baseline - slack, -baseline - slack

    def over(theta: float) -> bool:
        return baseline * math.exp(theta * up) + (1 - baseline) * math.exp(theta * down) > 1

    low, high = 1e-9, 1.0
    while not over(high):
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if over(middle) else (middle, high)
    return math.log(items / alpha) / low


def stale_reasons(
    then: dict[str, str],
    now: dict[str, str],
    *,
    age: timedelta,
    new_items: int,
    most_items: int,
    alarm: bool = False,
    most_age: timedelta = MOST_AGE,
) -> list[str]:
    """Why a calibration no longer holds: parts of its hash that differ, its age, items since, an alarm. Empty: it does.

    `then` and `now` name what it belongs to: judge, prompt, rubric, decoding, few-shot, generator, labels.
    """
    reasons = [f"{part} has changed" for part in sorted(then.keys() | now.keys()) if then.get(part) != now.get(part)]
    if age > most_age:
        reasons.append(f"it is {age.days} days old")
    if new_items > most_items:
        reasons.append(f"{new_items:,} pairs were judged since")
    if alarm:
        reasons.append("the drift alarm went off")
    return reasons
