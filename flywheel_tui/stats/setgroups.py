"""Sets that meet at an element which very many have: connected by clusters where comparing all would not end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stats.comparing import Comparer
from flywheel_tui.stats.sets import ranges

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDS = 32
_LISTED = 2_000_000


class Meetings(NamedTuple):
    """Groups of sets that share an element, the smallest first.

    Group g is the entries `starts[g]` to `starts[g] + sizes[g]` of `owners` (numbers of sets, ascending) and `rest`
    (how many elements the set has from this one on, the rarest first).
    """

    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    owners: NDArray[np.int64]
    rest: NDArray[np.int64]


def possible(
    sizes: NDArray[np.int64],
    one: NDArray[np.int64],
    two: NDArray[np.int64],
    rest_one: NDArray[np.int64],
    rest_two: NDArray[np.int64],
    threshold: float,
) -> NDArray[np.bool_]:
    """Whether sets that first meet where `rest` elements are left can still share t/(1+t) of all their elements."""
    import numpy as np

    needed = threshold / (1 + threshold) * (sizes[one] + sizes[two]) - 1e-9
    may: NDArray[np.bool_] = np.minimum(rest_one, rest_two) >= needed
    return may


def connect_large_groups(comparer: Comparer, meetings: Meetings, limit: int, listed: int) -> None:
    """Compare the sets of groups above `limit`; at most `listed` pairs of all groups together are listed one by one.

    A group whose possible pairs can be listed is compared in full. In others one set of each cluster is compared with
    all sets outside of its cluster.
    """
    import numpy as np

    for group in range(int(np.searchsorted(meetings.sizes, limit, side="right")), len(meetings.sizes)):
        comparer.tick()
        place = slice(meetings.starts[group], meetings.starts[group] + meetings.sizes[group])
        listed -= _connect(comparer, meetings.owners[place], meetings.rest[place], listed)


def _connect(comparer: Comparer, members: NDArray[np.int64], rest: NDArray[np.int64], listed: int) -> int:
    import numpy as np

    order = np.argsort(comparer.sizes[members], kind="stable")
    members, rest = members[order], rest[order]
    roots = comparer.forest.roots(members)
    if (roots == roots[0]).all():
        return 0
    partners = _partners(comparer.sizes[members], rest, comparer.threshold)
    total = int(partners.sum())
    if total <= min(_LISTED, listed):
        _compare_all(comparer, members, rest, partners)
        return total
    compared = _compare_leaders(comparer, members, rest)
    _, clusters = np.unique(comparer.forest.roots(members), return_counts=True)
    across = (len(members) ** 2 - int((clusters.astype(np.int64) ** 2).sum())) // 2
    comparer.left_out += max(min(total, across) - compared, 0)
    return compared


def _partners(sizes: NDArray[np.int64], rest: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """How many of the sets after each one (they ascend by size) are small enough for what it has left."""
    import numpy as np

    largest = rest * (1 + threshold) / threshold - sizes + 1e-6
    after: NDArray[np.int64] = np.searchsorted(sizes, largest, side="right") - np.arange(len(sizes)) - 1
    return np.maximum(after, 0)


def _compare_all(
    comparer: Comparer, members: NDArray[np.int64], rest: NDArray[np.int64], partners: NDArray[np.int64]
) -> None:
    import numpy as np

    one = np.repeat(np.arange(len(members)), partners)
    two = ranges(np.arange(len(members)) + 1, partners)
    may = possible(comparer.sizes, members[one], members[two], rest[one], rest[two], comparer.threshold)
    one, two = members[one[may]], members[two[may]]
    apart = comparer.forest.roots(one) != comparer.forest.roots(two)
    comparer.compare(one[apart], two[apart])


def _compare_leaders(comparer: Comparer, members: NDArray[np.int64], rest: NDArray[np.int64]) -> int:
    import numpy as np

    asked = np.zeros(len(members), bool)
    compared = 0
    for _ in range(ROUNDS):
        roots = comparer.forest.roots(members)
        waiting = np.flatnonzero(~np.isin(roots, roots[asked]))
        if not len(waiting) or comparer.budget <= 0:
            break
        asked[waiting[0]] = True
        others = np.flatnonzero(roots != roots[waiting[0]])
        leader = np.full(len(others), waiting[0])
        may = possible(comparer.sizes, members[leader], members[others], rest[leader], rest[others], comparer.threshold)
        compared += int(may.sum())
        comparer.compare(members[leader[may]], members[others[may]])
    return compared
