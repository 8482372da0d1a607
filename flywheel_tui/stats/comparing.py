"""Comparing candidate pairs of sets in full, cheaply where they are far apart, and within a bound on the work."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stats.clusters import Forest
from flywheel_tui.stats.sets import Sets, blocks, jaccard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_AT_ONCE = 50_000
_BITMAP_FROM = 20_000
_LEAST_BUDGET = 100_000_000


class Join(NamedTuple):
    """Pairs `left[k] < right[k]` with their Jaccard similarity, in no order.

    Of equal sets, each is paired with the first; among very many sets that are alike, not every pair is listed, but
    enough to connect them. `left_out` is an upper bound of the comparisons that were given up to stay bounded: not 0
    only for very many texts that are put together from the same few pieces.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float64]
    left_out: int


class Comparer:
    """Compares pairs of sets and keeps those whose Jaccard similarity is at least `threshold`, and their clusters.

    Once half of its budget (elements looked at) is spent, pairs within one cluster are passed over; once all of it is
    spent, pairs are only counted in `left_out`.
    """

    def __init__(self, sets: Sets, threshold: float, tick: Callable[[], None]) -> None:
        self.sets, self.sizes, self.threshold, self.tick = sets, sets.sizes, threshold, tick
        self.forest = Forest(len(self.sizes))
        self.budget = _LEAST_BUDGET + 4 * len(sets.elements)
        self.left_out = 0
        self._half = self.budget // 2
        self._asked = 0
        self._pairs: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []

    def compare(self, one: NDArray[np.int64], two: NDArray[np.int64]) -> None:
        """Look at the pairs `(one[k], two[k])`."""
        for start in range(0, len(one), _AT_ONCE):
            self.tick()
            self._compare(one[start : start + _AT_ONCE], two[start : start + _AT_ONCE])

    def _compare(self, one: NDArray[np.int64], two: NDArray[np.int64]) -> None:
        import numpy as np

        if self.budget < self._half:
            apart = self.forest.roots(one) != self.forest.roots(two)
            one, two = one[apart], two[apart]
        self._asked += len(one)
        if self._asked > _BITMAP_FROM:
            may = self._may_be_near(one, two)
            one, two = one[may], two[may]
        costs = self.sizes[one] + self.sizes[two]
        affordable = int(np.searchsorted(np.cumsum(costs), self.budget, side="right"))
        self.left_out += len(one) - affordable
        one, two = one[:affordable], two[:affordable]
        self.budget -= int(costs[:affordable].sum())
        similarity = jaccard(self.sets, one, two)
        near = similarity >= self.threshold - 1e-12
        one, two = one[near], two[near]
        self.forest.join(one, two)
        self._pairs.append((one, two, similarity[near]))

    def _may_be_near(self, one: NDArray[np.int64], two: NDArray[np.int64]) -> NDArray[np.bool_]:
        """False where the bitmaps prove that too many elements differ (Sandes, Teodoro, Melo 2020, bitmap filter)."""
        import numpy as np

        differing = np.bitwise_count(self._bitmaps[one] ^ self._bitmaps[two]).sum(axis=1, dtype=np.int64)
        most = (1 - self.threshold) / (1 + self.threshold) * (self.sizes[one] + self.sizes[two]) + 1e-9
        near: NDArray[np.bool_] = differing <= most
        return near

    @cached_property
    def _bitmaps(self) -> NDArray[np.uint64]:
        """256 bits for every set, each element flips one: no more bits differ than elements do."""
        import numpy as np

        bitmaps = np.zeros((len(self.sizes), 4), np.uint64)
        for start, stop in blocks(self.sizes):
            self.tick()
            elements = self.sets.elements[self.sets.bounds[start] : self.sets.bounds[stop]]
            bits = np.uint64(1) << (elements & np.uint32(63)).astype(np.uint64)
            words = (elements >> np.uint32(6)) & np.uint32(3)
            begins = self.sets.bounds[start:stop] - self.sets.bounds[start]
            for word in range(4):
                bitmaps[start:stop, word] = np.bitwise_xor.reduceat(np.where(words == word, bits, np.uint64(0)), begins)
        return bitmaps

    def found(self) -> Join:
        """All pairs that were found."""
        import numpy as np

        one = np.concatenate([np.empty(0, np.int64), *[pairs[0] for pairs in self._pairs]])
        two = np.concatenate([np.empty(0, np.int64), *[pairs[1] for pairs in self._pairs]])
        similarity = np.concatenate([np.empty(0), *[pairs[2] for pairs in self._pairs]])
        return Join(np.minimum(one, two), np.maximum(one, two), similarity, self.left_out)
