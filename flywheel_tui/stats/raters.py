"""Agreement of any number of raters, with answers missing: Fleiss, Randolph, Krippendorff, Gwet."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, as_array, coded, undefined
from flywheel_tui.stats.bootstrap import distinct, interval
from flywheel_tui.stats.intervals import z_of
from flywheel_tui.stats.tables import disagreement, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flywheel_tui.stats.arrays import Floats, Values
    from flywheel_tui.stats.tables import Weights

Metric = Literal["nominal", "ordinal", "interval", "ratio"]
ONE_CATEGORY = "all answers are the same, so that chance alone agrees on everything"
NO_PAIRS = "no item has answers of two raters"


class Tally(NamedTuple):
    """How many raters gave each category: counts (items, q), and the categories in order."""

    counts: Floats
    categories: tuple[Any, ...]


def tally(columns: Sequence[Values], categories: Sequence[Any] | None = None) -> Tally:
    """Count answers from one column (items,) for each rater; None or NaN where a rater gave none.

    >>> tally([["a", "b"], ["a", None]]).counts.tolist()
    [[2.0, 0.0], [0.0, 1.0]]
    """
    import numpy as np

    if len({len(column) for column in columns}) > 1:
        raise UsageError("every rater needs one answer (or None) for each of the same items")
    numbers = coded(*columns, categories=categories)
    q, items = len(numbers.categories), len(columns[0]) if columns else 0
    counts = np.zeros(items * q)
    for codes in numbers.codes:
        present = np.flatnonzero(codes >= 0)
        counts += np.bincount(present * q + codes[present], minlength=items * q)
    return Tally(counts.reshape(items, q), numbers.categories)


def tally_units(units: Sequence[Sequence[Any]], categories: Sequence[Any] | None = None) -> Tally:
    """Count answers from one list for each item, of any lengths; None where a rater gave none.

    >>> tally_units([["yes", "yes"], ["no"]]).categories
    ('no', 'yes')
    """
    import numpy as np

    flat: list[Any] = [answer for unit in units for answer in unit]
    owners = np.repeat(np.arange(len(units)), [len(unit) for unit in units])
    numbers = coded(as_array(flat), categories=categories)
    q, (codes,) = len(numbers.categories), numbers.codes
    present = codes >= 0
    places = owners[present] * q + codes[present]
    return Tally(np.bincount(places, minlength=len(units) * q).reshape(len(units), q).astype(float), numbers.categories)


def fleiss(
    counts: Values, *, families: Values | None = None, level: float = 0.95, times: int = 2000, seed: int = 0
) -> Figure:
    """Fleiss' kappa (1971) of counts (items, q), every item rated by equally many.

    Undefined where the number of raters differs between items: Krippendorff's alpha takes those.
    """
    return _chance_corrected(counts, families, level, times, seed, uniform=False)


def randolph(
    counts: Values, *, families: Values | None = None, level: float = 0.95, times: int = 2000, seed: int = 0
) -> Figure:
    """Randolph's free-marginal kappa (2005): as Fleiss', with chance 1/q for each of the q columns of counts."""
    return _chance_corrected(counts, families, level, times, seed, uniform=True)


def _chance_corrected(
    counts: Values, families: Values | None, level: float, times: int, seed: int, *, uniform: bool
) -> Figure:
    import numpy as np

    rated = np.asarray(counts, float)
    if not rated.size:
        return undefined("no items")
    raters, (items, q) = rated.sum(1), rated.shape
    if (raters != raters[0]).any():
        return undefined("the items were rated by different numbers of raters; use Krippendorff's alpha", items)
    m = float(raters[0])
    if m < 2:
        return undefined(NO_PAIRS, items)
    agreed = (rated * (rated - 1)).sum(1) / (m * (m - 1))

    def stat(sums: Floats) -> Floats:
        number = sums[:, -1]
        share = sums[:, 1:-1] / (m * number)[:, None]
        chance = np.full(len(sums), 1 / max(2, q)) if uniform else (share**2).sum(1)
        return ratio(sums[:, 0] / number - chance, 1 - chance)

    features = distinct(np.column_stack([agreed, rated, np.ones(items)]), families)
    return _named(interval(features, stat, times=times, seed=seed, level=level), items)


def kripp(
    counts: Values,
    metric: Metric = "nominal",
    values: Sequence[float] | None = None,
    *,
    families: Values | None = None,
    level: float = 0.95,
    times: int = 2000,
    seed: int = 0,
) -> Figure:
    """Krippendorff's alpha 1 - D_o / D_e (2011) of counts (items, q); items with one answer or none are left out.

    `values` are the numbers of the columns for "interval" and "ratio" (default 0, 1, 2 …); "ordinal" takes their order.
    `n` is the number of items with two answers and more.
    """
    import numpy as np

    rated = np.asarray(counts, float)
    pairable = rated.sum(1) >= 2 if rated.size else np.zeros(0, bool)
    if not pairable.any():
        return undefined(NO_PAIRS)
    rated = rated[pairable]
    q = rated.shape[1]
    places = np.arange(q, dtype=float) if values is None else np.asarray(values, float)
    # the coincidences of an item are sums over its answers, so that the bootstrap needs no second look at the items
    kept = None if families is None else np.asarray(families)[pairable]
    types = distinct(rated, None) if kept is None else distinct(_coincidences(rated), kept)
    if kept is None:
        types = types._replace(rows=_coincidences(types.rows))

    def stat(sums: Floats) -> Floats:
        tables = sums.reshape(-1, q, q)
        totals = tables.sum(1)
        number = totals.sum(1)
        apart = _distances(metric, places, totals)
        found = (tables * apart).sum((1, 2))
        expected = (totals[:, :, None] * totals[:, None, :] * apart).sum((1, 2))
        return 1 - ratio((number - 1) * found, expected)

    return _named(interval(types, stat, times=times, seed=seed, level=level), len(rated))


def _coincidences(rated: Floats) -> Floats:
    """Every item's coincidence table, flat (items, q²): pairs of its answers, over its number of raters less one."""
    import numpy as np

    pairs = rated[:, :, None] * rated[:, None, :]
    at = np.arange(rated.shape[1])
    pairs[:, at, at] -= rated
    flat: Floats = (pairs / (rated.sum(1) - 1)[:, None, None]).reshape(len(rated), -1)
    return flat


def _distances(metric: Metric, values: Floats, totals: Floats) -> Floats:
    """Krippendorff's squared differences (B or 1, q, q); the ordinal ones depend on how often each value occurs."""
    import numpy as np

    first, second = values[:, None], values[None, :]
    if metric == "nominal":
        differ: Floats = (first != second)[None].astype(float)
        return differ
    if metric == "interval":
        squares: Floats = ((first - second) ** 2)[None]
        return squares
    if metric == "ratio":
        # 0 and 0 do not differ
        shares: Floats = np.nan_to_num(ratio(first - second, first + second) ** 2)[None]
        return shares
    order = np.argsort(values, kind="stable")
    back = np.argsort(order)
    sorted_totals = totals[:, order]
    middle = np.cumsum(sorted_totals, 1) - sorted_totals / 2
    middle = middle[:, back]
    apart: Floats = (middle[:, :, None] - middle[:, None, :]) ** 2
    return apart


def ac1(counts: Values, *, weights: Weights = "none", level: float = 0.95) -> Figure:
    """Gwet's AC1 of counts (items, q), AC2 with weights (Gwet 2008; 2014, ch. 4-5), answers may be missing.

    (P_a - P_e) / (1 - P_e), P_e = T_w·Σ π_k(1 - π_k) / (q(q - 1)); q is the number of columns, so give the categories
    that nobody used, too. The interval is Gwet's (normal, over items); `n` counts items with an answer.
    """
    import numpy as np

    rated = np.asarray(counts, float)
    rated = rated[rated.sum(1) > 0] if rated.size else rated
    if not rated.size or not (rated.sum(1) >= 2).any():
        return undefined(NO_PAIRS)
    items, q = rated.shape
    if q < 2:
        return undefined(ONE_CATEGORY, items)
    apart = disagreement(q, weights)
    w = 1 - apart / apart.max()
    raters = rated.sum(1)
    pairable = raters >= 2
    agreed = np.zeros(items)
    own = rated[pairable]
    agreed[pairable] = (own * (own @ w - 1)).sum(1) / (raters[pairable] * (raters[pairable] - 1))
    shares = rated / raters[:, None]
    pi = shares.mean(0)
    scale = float(w.sum()) / (q * (q - 1))
    observed, chance = float(agreed[pairable].mean()), scale * float((pi * (1 - pi)).sum())
    value = (observed - chance) / (1 - chance)
    if items < 2:
        return Figure(value, n=items, why="one item alone has no spread")
    each = np.where(pairable, items / pairable.sum() * (agreed - chance * pairable) / (1 - chance), 0.0)
    each -= 2 * (1 - value) * (scale * (shares * (1 - pi)).sum(1) - chance) / (1 - chance)
    half = z_of(level) * math.sqrt(float(((each - value) ** 2).sum()) / (items * (items - 1)))
    return Figure(value, max(-1.0, value - half), min(1.0, value + half), items, "Gwet, normal")


def _named(figure: Figure, items: int) -> Figure:
    return figure._replace(n=items, why=ONE_CATEGORY if figure.value is None else figure.why)
