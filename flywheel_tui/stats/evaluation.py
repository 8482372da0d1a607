"""A model against its base: win rates that length does not buy, perplexity, what was forgotten."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stats.arrays import Figure, as_floats, same_length, undefined
from flywheel_tui.stats.logistic import logistic
from flywheel_tui.stats.weighted import mean_figure

if TYPE_CHECKING:
    from flywheel_tui.stats.arrays import Values


class WinRate(NamedTuple):
    """`raw` counts ties as ½; `controlled` is what it would be at equal lengths, None where it cannot be fitted.

    `suspicious` where control moves the rate by more than 10 points and a quarter of what there was to move.
    """

    raw: Figure
    controlled: float | None
    suspicious: bool
    why: str = ""


class Forgetting(NamedTuple):
    """By how much a task lies below its best so far (positive: forgotten), and where it stood then and now."""

    value: float | None
    best: float | None
    now: float | None


def lc_winrate(prefers: Values, length_own: Values, length_base: Values) -> WinRate:
    """Length-controlled win rate (Dubois et al. 2024, the minimal form): logistic in tanh(Δlength / sd) and a constant.

    `prefers` (n,) is 1 where the model won, ½ for a tie, 0; the controlled rate is the prediction at no difference.
    Lengths that do not differ leave nothing to control: then it is the raw rate. The rate of
    (b, m) is 1 minus that of (m, b).
    """
    import numpy as np

    same_length(prefers, length_own, length_base)
    y, gap = as_floats(prefers), as_floats(length_own) - as_floats(length_base)
    if not len(y):
        return WinRate(undefined("no comparisons"), None, False, "no comparisons")
    raw, rate = mean_figure(y), float(y.mean())
    if raw.low is not None and raw.high is not None:
        raw = raw._replace(low=max(0.0, raw.low), high=min(1.0, raw.high))
    spread = float(gap.std())
    if not spread:
        return WinRate(raw, rate, False, "the lengths do not vary")
    if y.min() == y.max():
        return WinRate(raw, rate, False, "every comparison came out the same")
    fit = logistic(np.column_stack([np.ones(len(y)), np.tanh(gap / spread)]), y, ridge=1e-9)
    if not fit.settled:
        return WinRate(raw, None, False, "length separates the outcomes perfectly")
    controlled = 1 / (1 + math.exp(-float(fit.coefficients[0])))
    moved = controlled - rate
    room = 1 - rate if moved > 0 else rate
    return WinRate(raw, controlled, abs(moved) > 0.1 and abs(moved) > room / 4)


def ppl(nll: Values, tokens: Values) -> float | None:
    """exp(Σ NLL / Σ tokens) of items (n,): NLL in nats summed over each item's tokens. None without tokens.

    >>> round(ppl([2 * math.log(4), math.log(4)], [2, 1]), 6)
    4.0
    """
    same_length(nll, tokens)
    total = float(as_floats(tokens).sum())
    return math.exp(float(as_floats(nll).sum()) / total) if total else None


def bits_per_byte(nll: Values, sizes: Values) -> float | None:
    """Σ NLL / (ln 2 · Σ bytes): for models with different tokenisers. None without bytes."""
    same_length(nll, sizes)
    total = float(as_floats(sizes).sum())
    return float(as_floats(nll).sum()) / (math.log(2) * total) if total else None


def forgetting(past: Values, now: float | None) -> Forgetting:
    """The best of the past minus now (Chaudhry et al. 2018), for one task; missing values are left out.

    >>> round(forgetting([0.5, 0.75, None], 0.7).value, 6)
    0.05
    """
    import numpy as np

    values = as_floats(past)
    values = values[~np.isnan(values)]
    if not len(values) or now is None or now != now:
        return Forgetting(None, float(values.max()) if len(values) else None, now)
    return Forgetting(float(values.max()) - now, float(values.max()), now)
