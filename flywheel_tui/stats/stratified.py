"""Drawing pairs for labels so that every one's probability of being drawn is known: seeded, and reproducible."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import Figure, as_array, as_floats, numbered, same_length, undefined
from flywheel_tui.stats.intervals import z_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values


class Sample(NamedTuple):
    """Which items were drawn (ascending places), and with which probability each of them (π_i)."""

    items: NDArray[np.int64]
    pi: Floats


def neyman(shares: Values, sigmas: Values, n: float) -> Floats:
    """n_h ∝ W_h·σ_h (Neyman 1934): labels for each stratum that make the estimate exactest; ∝ W_h where all σ are 0.

    >>> neyman([0.7, 0.2, 0.1], [0.3, 0.5, 0.4], 100).round(3).tolist()
    [60.0, 28.571, 11.429]
    """
    w = as_floats(shares)
    wanted = w * as_floats(sigmas)
    if wanted.sum() <= 0:
        wanted = w
    labels: Floats = n * wanted / wanted.sum()
    return labels


def whole(wanted: Values, sizes: Values) -> NDArray[np.int64]:
    """Whole numbers near the wanted ones with the same (rounded) sum, none above the sizes: largest remainders first.

    What a full stratum cannot take goes to the others.
    """
    import numpy as np

    target, room = as_floats(wanted), np.asarray(sizes, np.int64)
    total = min(round(float(target.sum())), int(room.sum()))
    given = np.minimum(np.floor(target + 1e-9).astype(np.int64), room)
    while (left := total - int(given.sum())) > 0:
        open_ = np.flatnonzero(given < room)
        most = open_[np.argsort(-(target - given)[open_], kind="stable")][:left]
        given[most] += 1
    return given


def stratified_sample(strata: Values, allocation: Values, seed: int = 0) -> Sample:
    """Draw without replacement `allocation[h]` items of every stratum h (numbers 0, 1 … in order of np.unique).

    π_i is n_h / N_h. An allocation above a stratum's size takes all of it.
    """
    import numpy as np

    names, owners, sizes = np.unique(as_array(strata), return_inverse=True, return_counts=True)
    if len(names) != len(allocation):
        raise UsageError(f"{len(allocation)} allocations for {len(names)} strata; give one for each, in sorted order")
    counts = np.minimum(np.asarray(allocation, np.int64), sizes)
    # the items of a stratum in random order: its first n_h are a sample without replacement
    order = np.lexsort((np.random.default_rng(seed).random(len(owners)), owners))
    place = np.empty(len(owners), np.int64)
    place[order] = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    items = np.flatnonzero(place < counts[owners])
    return Sample(items, (counts / sizes)[owners[items]])


def pps(size: Values, budget: float, pi_min: float = 0.02) -> Floats:
    """π_i = clip(c·u_i, pi_min, 1) with c such that the expected number Σπ is the budget (as near as the floor lets).

    u_i are sizes ≥ 0, for uncertainty √(p(1 - p)). Every pair keeps a chance, or no estimate would be unbiased.
    """
    import numpy as np

    u = as_floats(size)
    if not len(u):
        return u
    if bool((~(u >= 0)).any()) or not 0 < pi_min <= 1:
        raise UsageError("sizes are not negative and pi_min lies above 0 and at most at 1")
    if not u.sum():
        u = np.ones(len(u))
    if budget >= len(u):
        return np.ones(len(u))
    # relative sizes: the smallest numbers there are have no finite reciprocal
    u = u / u.max()
    low, high = 0.0, 1 / max(float(u[u > 0].min()), 1e-300)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.clip(middle * u, pi_min, 1).sum() < budget else (low, middle)
    pi: Floats = np.clip(high * u, pi_min, 1)
    return pi


def uncertainty_sizes(p: Values) -> Floats:
    """√(p(1 - p)) of the judge's probabilities: the sizes of `pps` that aim at what is unclear."""
    import numpy as np

    probabilities = np.clip(as_floats(p), 0, 1)
    return np.sqrt(probabilities * (1 - probabilities))


def poisson_sample(pi: Values, seed: int = 0) -> Sample:
    """Draw every item by its own coin of probability π_i: unbiased for any π, of random size about Σπ."""
    import numpy as np

    probabilities = as_floats(pi)
    items = np.flatnonzero(np.random.default_rng(seed).random(len(probabilities)) < probabilities)
    return Sample(items, probabilities[items])


def stratified_rate(passes: Values, labels: Values, sizes: Values, level: float = 0.95) -> Figure:
    """Σ W_h·p_h with SE √Σ W_h²·p_h(1 - p_h)/(n_h - 1) (Cochran 1977, eq. 5.6, without the finite correction).

    One entry for each stratum: labels that pass, labels, and pairs. Undefined where a stratum has no label; without an
    interval where one has a single label, or nothing varies anywhere (`estimate.poststrat` takes those).
    """
    import numpy as np

    same_length(passes, labels, sizes)
    k, n, size = as_floats(passes), as_floats(labels), as_floats(sizes)
    if not size.sum() or (n < 1).any():
        return undefined("a stratum has no label" if size.sum() else "no pairs", float(n.sum()))
    w, p = size / size.sum(), k / n
    value, number = float((w * p).sum()), float(n.sum())
    if (n < 2).any():
        return Figure(value, n=number, why="a stratum has a single label")
    error = math.sqrt(float((w**2 * p * (1 - p) / (n - 1)).sum()))
    if not error:
        return Figure(value, n=number, why="nothing varies within the strata; see the post-stratified estimate")
    half = z_of(level) * error
    low, high = np.clip([value - half, value + half], 0, 1).tolist()
    return Figure(value, low, high, number, "stratified, normal")


def split_by_family(families: Values, shares: dict[str, float], seed: int = 0) -> NDArray[np.str_]:
    """Assign items (n,) to named splits by a hash of their family's name.

    No family straddles two splits, and labels that come later move none that are there.
    `shares` are in proportion, e.g. prompt-dev 0.15, calibrate 0.425, report 0.425.
    """
    import hashlib

    import numpy as np

    if not shares or min(shares.values()) < 0 or not sum(shares.values()):
        raise UsageError("name at least one split with a share above 0")
    owners, number = numbered(families)
    first = np.full(number, -1, np.int64)
    first[owners[::-1]] = np.arange(len(owners))[::-1]
    ends = np.cumsum(list(shares.values())) / sum(shares.values())
    names = as_array(families)
    at = [
        int.from_bytes(hashlib.blake2b(f"{seed}\0{names[i]}".encode(), digest_size=8).digest(), "big") / 2**64
        for i in first
    ]
    return np.array(list(shares))[np.minimum(np.searchsorted(ends, at, side="right"), len(shares) - 1)][owners]
