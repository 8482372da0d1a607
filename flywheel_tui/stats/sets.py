"""Many sets of 32-bit elements in two arrays, and how much some of them share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 2_000_000
"""Elements that are worked on at once: bounds the memory beside the sets themselves."""


class Sets(NamedTuple):
    """Sets one after the other: set i is `elements[bounds[i]:bounds[i + 1]]`, ascending."""

    elements: NDArray[np.uint32]
    bounds: NDArray[np.int64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many elements each set has."""
        return self.bounds[1:] - self.bounds[:-1]

    @classmethod
    def of_keys(cls, keys: NDArray[np.uint64], number: int) -> Sets:
        """From keys `number of the set << 32 | element`, in any order and with repeats."""
        import numpy as np

        keys = np.sort(keys)
        if len(keys):
            keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
        bounds = np.searchsorted(keys, np.arange(number + 1, dtype=np.uint64) << np.uint64(32))
        return cls(keys.astype(np.uint32), bounds.astype(np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Sets]) -> Sets:
        """The sets of all parts, one after the other."""
        import numpy as np

        elements = np.concatenate([np.empty(0, np.uint32), *[part.elements for part in parts]])
        sizes = np.concatenate([np.empty(0, np.int64), *[part.sizes for part in parts]])
        return cls(elements, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))

    def taken(self, which: NDArray[np.int64]) -> Sets:
        """Only these sets, in this order."""
        import numpy as np

        sizes = self.sizes[which]
        bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        return Sets(self.elements[ranges(self.bounds[which], sizes)], bounds)


def ranges(starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers `start … start + size - 1` of every range, one after the other."""
    import numpy as np

    ends = np.cumsum(sizes)
    numbers: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0)
    numbers += np.repeat(starts - (ends - sizes), sizes)
    return numbers


def blocks(sizes: NDArray[np.int64], most: int = BLOCK) -> Iterator[tuple[int, int]]:
    """Cut items of these sizes into runs of at most `most` together (one item more, where that is larger)."""
    import numpy as np

    ends = np.cumsum(sizes)
    start = 0
    while start < len(ends):
        done = ends[start - 1] if start else 0
        stop = max(int(np.searchsorted(ends, done + most, side="right")), start + 1)
        yield start, stop
        start = stop


def shared(sets: Sets, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many elements the sets `left[k]` and `right[k]` have in common, counted in full."""
    import numpy as np

    common = np.zeros(len(left), np.int64)
    sizes = sets.sizes
    of_left, of_right = sizes[left], sizes[right]
    for start, stop in blocks(of_left + of_right):
        one, two = of_left[start:stop], of_right[start:stop]
        number = np.arange(stop - start, dtype=np.uint64) << np.uint64(32)
        keys = np.concatenate([
            np.repeat(number, one) | sets.elements[ranges(sets.bounds[left[start:stop]], one)],
            np.repeat(number, two) | sets.elements[ranges(sets.bounds[right[start:stop]], two)],
        ])  # fmt: skip
        keys.sort(kind="stable")  # two ascending runs: a merge, twenty times faster than sorting
        twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
        common[start:stop] = np.bincount(twice.astype(np.int64), minlength=stop - start)
    return common


def jaccard(sets: Sets, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """The Jaccard similarity of the sets `left[k]` and `right[k]`: shared over all elements. 0 of two empty sets."""
    import numpy as np

    common = shared(sets, left, right)
    union = sets.sizes[left] + sets.sizes[right] - common
    similarity: NDArray[np.float64] = common / np.maximum(union, 1)
    return similarity
