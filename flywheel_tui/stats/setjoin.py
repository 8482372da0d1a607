"""All pairs of similar sets: an exact join by prefix filtering, for hundreds of thousands of sets.

Order all elements by how rare they are. Two sets with a Jaccard similarity of at least t share one of their
n − ⌈t·n⌉ + 1 rarest elements (Chaudhuri, Ganti, Kaushik 2006), and where their first common element stands tells how
many more they can share at most (Xiao, Wang, Lin, Yu 2008, "PPJoin"). Pairs that pass are compared in full: none is
missed and none is guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flywheel_tui.stats.comparing import Comparer, Join
from flywheel_tui.stats.setgroups import Meetings, connect_large_groups, possible
from flywheel_tui.stats.sets import Sets, blocks
from flywheel_tui.stats.words import mixed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_GROUP = 256
"""Sets that share a rare element are compared each with each up to this number; beyond it, by their clusters."""


def similar_pairs(sets: Sets, threshold: float, tick: Callable[[], None] = lambda: None) -> Join:
    """Every pair of sets whose Jaccard similarity is at least `threshold` (above 0, at most 1). Empty sets have none.

    `tick` is called now and then; what it raises ends the work.
    """
    import numpy as np

    if not 0 < threshold <= 1:
        raise ValueError(f"a threshold is above 0 and at most 1, not {threshold}")
    first = _first_equal(sets, tick)
    copies = np.flatnonzero(first != np.arange(len(first)))
    copies = copies[sets.sizes[copies] > 0]
    which = np.flatnonzero((first == np.arange(len(first))) & (sets.sizes > 0))
    different = sets.taken(which) if len(which) < len(first) else sets
    left, right, similarity, left_out = _join(different, threshold, tick)
    return Join(
        np.concatenate([first[copies], which[left]]),
        np.concatenate([copies, which[right]]),
        np.concatenate([np.ones(len(copies)), similarity]),
        left_out,
    )


def _first_equal(sets: Sets, tick: Callable[[], None]) -> NDArray[np.int64]:
    """For each set the number of the first one that is equal to it (by 64 bits over its elements)."""
    import numpy as np

    sums = mixed(sets.sizes.astype(np.uint64))
    for start, stop in blocks(sets.sizes):
        tick()
        filled = start + np.flatnonzero(sets.sizes[start:stop])
        if len(filled):
            elements = mixed(sets.elements[sets.bounds[start] : sets.bounds[stop]].astype(np.uint64))
            sums[filled] += np.add.reduceat(elements, sets.bounds[filled] - sets.bounds[start])
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    return first[inverse]


def _join(sets: Sets, threshold: float, tick: Callable[[], None]) -> Join:
    import numpy as np

    meetings = _meetings(sets, threshold, tick)
    limit, listed = _group_limit(meetings.sizes, len(sets.sizes))
    comparer = Comparer(sets, threshold, tick)
    codes = _candidates(sets, meetings, limit, threshold, tick)
    comparer.compare((codes >> np.uint64(32)).astype(np.int64), (codes & np.uint64(0xFFFFFFFF)).astype(np.int64))
    del codes
    connect_large_groups(comparer, meetings, limit, listed)
    return comparer.found()


def _rarity(elements: NDArray[np.uint32], tick: Callable[[], None]) -> tuple[NDArray[np.uint8], int]:
    """A table of how often elements occur (by their upper bits, shifted by the second value), in 255 steps.

    Counts are exact to 128, then in eighths of powers of two; elements that share an entry count together. Any order
    that is the same for all sets makes the join exact, a better one makes it faster.
    """
    import numpy as np

    bits = min(max(int(np.ceil(np.log2(max(len(elements), 1)))) + 2, 16), 28)
    shift = 32 - bits
    ordered = np.sort(elements >> np.uint32(shift))
    tick()
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    counts = np.diff(np.append(starts, len(ordered)))
    steps = np.minimum(counts, 128)
    many = counts > 128
    steps[many] = np.minimum(128 + 8 * np.log2(counts[many] / 128), 255)
    table = np.zeros(1 << bits, np.uint8)
    table[ordered[starts]] = steps
    return table, shift


def _meetings(sets: Sets, threshold: float, tick: Callable[[], None]) -> Meetings:
    """The rarest elements of every set by which a similar set must meet it, where at least two sets have them."""
    import numpy as np

    table, shift = _rarity(sets.elements, tick)
    sizes = sets.sizes
    lengths = sizes - np.ceil(threshold * sizes - 1e-9).astype(np.int64) + 1
    kept: list[NDArray[np.uint64]] = []
    rests: list[NDArray[np.int32]] = []
    for start, stop in blocks(sizes):
        tick()
        elements = sets.elements[sets.bounds[start] : sets.bounds[stop]]
        owners = np.repeat(np.arange(stop - start, dtype=np.uint64), sizes[start:stop])
        keys = table[elements >> np.uint32(shift)].astype(np.uint64) << np.uint64(32)
        keys |= owners << np.uint64(40)
        keys |= elements
        keys.sort()
        rank = np.arange(len(keys)) - np.repeat(sets.bounds[start:stop] - sets.bounds[start], sizes[start:stop])
        meets = (rank < np.repeat(lengths[start:stop], sizes[start:stop])) & (
            (keys >> np.uint64(32)) & np.uint64(0xFF) > 1
        )
        rests.append((np.repeat(sizes[start:stop], sizes[start:stop])[meets] - rank[meets]).astype(np.int32))
        keys = keys[meets]
        kept.append((keys << np.uint64(32)) | ((keys >> np.uint64(40)) + np.uint64(start)))
    del table
    return _grouped(np.concatenate([np.empty(0, np.uint64), *kept]), np.concatenate([np.empty(0, np.int32), *rests]))


def _grouped(keys: NDArray[np.uint64], rest: NDArray[np.int32]) -> Meetings:
    """Bring equal elements together, the smallest groups first; elements of one set only are dropped."""
    import numpy as np

    order = np.argsort(keys)
    keys, rest = keys[order], rest[order]
    elements = keys >> np.uint64(32)
    starts = np.flatnonzero(np.concatenate([[True], elements[1:] != elements[:-1]])[: len(keys)])
    sizes = np.diff(np.append(starts, len(keys)))
    order = np.argsort(sizes, kind="stable")
    order = order[sizes[order] > 1]
    owners = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return Meetings(starts[order], sizes[order], owners, rest.astype(np.int64))


def _group_limit(sizes: NDArray[np.int64], sets: int) -> tuple[int, int]:
    """Up to which size groups are compared each with each, and how many comparisons the larger ones may cost."""
    import numpy as np

    budget = 20 * sets + 5_000_000
    pairs = np.cumsum(sizes * (sizes - 1) // 2)
    affordable = int(np.searchsorted(pairs, 2 * budget, side="right"))
    limit = LARGEST_GROUP if affordable == len(sizes) else min(LARGEST_GROUP, int(sizes[affordable]) - 1)
    return max(limit, 2), budget


def _candidates(
    sets: Sets, meetings: Meetings, limit: int, threshold: float, tick: Callable[[], None]
) -> NDArray[np.uint64]:
    """Pairs `left << 32 | right` of the groups up to `limit` that may be similar enough; each once."""
    import numpy as np

    sizes = sets.sizes
    found: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
    for size in np.unique(meetings.sizes[meetings.sizes <= limit]).tolist():
        begin, end = np.searchsorted(meetings.sizes, [size, size + 1])
        one, two = np.triu_indices(size, 1)
        step = max(1_000_000 // len(one), 1)
        for start in range(begin, end, step):
            tick()
            at = meetings.starts[start : min(start + step, end), None]
            left, right = (at + one).ravel(), (at + two).ravel()
            lefts, rights = meetings.owners[left], meetings.owners[right]
            may = possible(sizes, lefts, rights, meetings.rest[left], meetings.rest[right], threshold)
            codes = (lefts[may].astype(np.uint64) << np.uint64(32)) | rights[may].astype(np.uint64)
            found.append(np.unique(codes))
    return np.unique(np.concatenate(found))
