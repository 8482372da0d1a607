"""Bootstrap intervals that resample families of items, never items, and do it on counts instead of rows.

A statistic of sums (a confusion table, coincidences, agreement totals) only sees the sum of its families' features.
Families with the same features are interchangeable, so drawing families with replacement is drawing from a multinomial
over the different features: the same distribution, at a cost that no longer grows with the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, numbered
from flywheel_tui.stats.intervals import NORMAL
from flywheel_tui.stats.words import mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values

CELLS = 4_000_000
"""Counts that are drawn at once: bounds the memory."""
LEAST_DEFINED = 0.9
"""Below this share of resamples with a defined statistic no interval is given."""


class Features(NamedTuple):
    """Different feature rows (T, d) of the families, and how many families have each (T,)."""

    rows: Floats
    counts: NDArray[np.int64]

    @property
    def families(self) -> int:
        """How many families there are."""
        return int(self.counts.sum())

    @property
    def total(self) -> Floats:
        """The sum over all families (d,)."""
        return self.counts @ self.rows


def distinct(rows: NDArray[Any], families: Values | None = None) -> Features:
    """Fold feature rows of items (n, d) into those of families, and those into different ones with their counts."""
    import numpy as np

    rows = np.asarray(rows, float)
    if families is not None:
        if len(families) != len(rows):
            raise UsageError(f"{len(families)} families were named for {len(rows)} items; name one for each")
        owners, number = numbered(families)
        rows = np.stack([np.bincount(owners, column, number) for column in rows.T], axis=1)
    # equal rows have equal keys; a million different rows share one of 2^64 keys about once in 10^7 times
    keys = np.zeros(len(rows), np.uint64)
    for column in np.ascontiguousarray(rows.T) + 0.0:
        keys = mixed(keys + column.view(np.uint64))
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return Features(rows[first], counts)


def cells(codes: NDArray[np.int64], size: int, weights: Floats | None, families: Values | None) -> Features:
    """Features that count (or weigh) one of `size` cells: a table of items, without making a row for every item."""
    import numpy as np

    if families is None and weights is None:
        counts = np.bincount(codes, minlength=size)
        used = np.flatnonzero(counts)
        rows = np.zeros((len(used), size))
        rows[np.arange(len(used)), used] = 1.0
        return Features(rows, counts[used])
    owners, number = numbered(np.arange(len(codes)) if families is None else families)
    if len(owners) != len(codes):
        raise UsageError(f"{len(owners)} families were named for {len(codes)} items; name one for each")
    return distinct(np.bincount(owners * size + codes, weights, number * size).reshape(number, size))


def resamples(features: Features, times: int, seed: int) -> Iterator[Floats]:
    """Sums of features of `times` resamples of the families, in blocks (at most `times`, d); the same for a seed."""
    import numpy as np

    rng = np.random.default_rng(seed)
    shares = features.counts / features.families
    block = max(1, CELLS // max(1, *features.rows.shape))
    for start in range(0, times, block):
        drawn = rng.multinomial(features.families, shares, size=min(block, times - start))
        yield drawn.astype(float) @ features.rows


def interval(
    features: Features,
    stat: Callable[[Floats], Floats],
    *,
    times: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    bca: bool = True,
) -> Figure:
    """A statistic of summed features with its cluster-bootstrap interval (Efron 1987: BCa, else percentile).

    `stat` takes sums (B, d) and gives (B,), NaN where it is undefined. The interval falls back to percentiles where the
    correction is undefined, and is left out where more than a tenth of the resamples have no value.
    """
    return intervals(features, {"": stat}, times=times, seed=seed, level=level, bca=bca)[""]


def intervals(
    features: Features,
    stats: Mapping[str, Callable[[Floats], Floats]],
    *,
    times: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    bca: bool = True,
) -> dict[str, Figure]:
    """Several statistics of the same resamples, by name: see `interval`."""
    import numpy as np

    number = features.families
    total = features.total[None]
    values = {name: float(stat(total)[0]) if number else math.nan for name, stat in stats.items()}
    drawn: dict[str, list[Floats]] = {name: [] for name, value in values.items() if number > 1 and value == value}
    for sums in resamples(features, times if drawn else 0, seed):
        for name, blocks in drawn.items():
            blocks.append(stats[name](sums))
    figures = {}
    for name, value in values.items():
        if name in drawn:
            figures[name] = _figure(features, stats[name], value, np.concatenate(drawn[name]), level, bca)
        elif math.isnan(value):
            figures[name] = Figure(None, n=number, why="undefined on these labels")
        else:
            figures[name] = Figure(value, n=number, why="one family alone has no spread")
    return figures


def _figure(
    features: Features, stat: Callable[[Floats], Floats], value: float, drawn: Floats, level: float, bca: bool
) -> Figure:
    import numpy as np

    number, tail = features.families, (1 - level) / 2
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < LEAST_DEFINED * len(drawn):
        return Figure(value, n=number, why=f"undefined in {len(drawn) - len(defined)} of {len(drawn)} resamples")
    ends = _bca(features, stat, value, defined, tail) if bca else None
    low, high = np.quantile(defined, ends or (tail, 1 - tail))
    return Figure(value, float(low), float(high), number, "bootstrap, BCa" if ends else "bootstrap, percentile")


def _bca(
    features: Features, stat: Callable[[Floats], Floats], value: float, drawn: Floats, tail: float
) -> tuple[float, float] | None:
    """The shares at which BCa reads the resamples; the jackknife leaves out one family of each kind."""
    import numpy as np

    below = float((drawn < value).mean() + (drawn == value).mean() / 2)
    if not 0 < below < 1 or len(features.counts) > 20_000:
        return None
    without = stat(features.total[None] - features.rows)
    if np.isnan(without).any():
        return None
    spread = np.average(without, weights=features.counts) - without
    squares = float((features.counts * spread**2).sum())
    if squares <= 0:
        return None
    skew = float((features.counts * spread**3).sum()) / (6 * squares**1.5)
    shift = NORMAL.inv_cdf(below)
    ends = []
    for z in (NORMAL.inv_cdf(tail), NORMAL.inv_cdf(1 - tail)):
        stretch = 1 - skew * (shift + z)
        if stretch <= 0:
            return None
        ends.append(NORMAL.cdf(shift + (shift + z) / stretch))
    return ends[0], ends[1]


def cluster_bootstrap(
    stat: Callable[[NDArray[np.int64]], float],
    families: Values,
    *,
    times: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Figure:
    """Percentile interval of any statistic of item indices, resampling whole families (for AUROC, ECE …).

    `families` names the family of item 0 … n - 1; `stat` gets an array of indices with repeats and gives a float, NaN
    where it is undefined. Statistics of sums are cheaper through `interval`.
    """
    import numpy as np

    if not len(families):
        return Figure(None, why="no items")
    owners, number = numbered(families)
    sizes = np.bincount(owners)
    value = float(stat(np.arange(len(owners))))
    if math.isnan(value):
        return Figure(None, n=number, why="undefined on these labels")
    if number < 2:
        return Figure(value, n=number, why="one family alone has no spread")
    members = np.split(np.argsort(owners, kind="stable"), np.cumsum(sizes)[:-1])
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, number, (times, number))
    singles = np.concatenate(members) if number == len(owners) else None
    drawn = np.array(
        [stat(singles[pick] if singles is not None else np.concatenate([members[f] for f in pick])) for pick in picks]
    )
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < LEAST_DEFINED * times:
        return Figure(value, n=number, why=f"undefined in {times - len(defined)} of {times} resamples")
    low, high = np.quantile(defined, ((1 - level) / 2, (1 + level) / 2))
    return Figure(value, float(low), float(high), number, "bootstrap, percentile")
