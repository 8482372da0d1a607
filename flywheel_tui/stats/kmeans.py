"""Clusters of unit vectors by direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.stats.tfidf import unit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def centres(points: NDArray[np.float32], k: int, seed: int = 0, rounds: int = 25) -> NDArray[np.float32]:
    """k unit vectors in the middle of clusters of `points` (unit vectors; at least one): spherical k-means.

    Starts as k-means++ does (Arthur, Vassilvitskii 2007); fewer come back where there are fewer different points.
    """
    import numpy as np

    chance = np.random.default_rng(seed)
    chosen = [int(chance.integers(len(points)))]
    distance = np.maximum(1 - points @ points[chosen[0]], 0).astype(float)
    while len(chosen) < k and distance.sum() > 1e-6 * len(points):
        chosen.append(int(chance.choice(len(points), p=distance / distance.sum())))
        distance = np.minimum(distance, np.maximum(1 - points @ points[chosen[-1]], 0))
    middle = points[chosen]
    before = None
    for _ in range(rounds):
        own = assigned(points, middle)
        if before is not None and np.array_equal(own, before):
            break
        before = own
        sums = np.zeros_like(middle)
        np.add.at(sums, own, points)
        empty = np.bincount(own, minlength=len(middle)) == 0
        sums[empty] = middle[empty]
        middle = unit(sums)
    return middle


def assigned(points: NDArray[np.float32], middle: NDArray[np.float32]) -> NDArray[np.int64]:
    """For each point the number of the centre in whose direction it lies."""
    own: NDArray[np.int64] = (points @ middle.T).argmax(axis=1)
    return own
