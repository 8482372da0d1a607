"""Things that belong together because links lead from one to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_STEPS = 8


class Forest:
    """Union-find over the numbers 0 … n − 1, many links at a time; the root of a cluster is its smallest number."""

    def __init__(self, size: int) -> None:
        import numpy as np

        self._parents = np.arange(size, dtype=np.int64)

    def roots(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """The smallest number in the cluster of each item."""
        import numpy as np

        roots = self._parents[items]
        for _ in range(_STEPS):
            above = self._parents[roots]
            if np.array_equal(above, roots):
                self._parents[items] = roots
                return roots
            roots = above
        self._flatten()
        return self._parents[items]

    def _flatten(self) -> None:
        """Hang everything right under its root: each round halves all ways, and chains cost little."""
        import numpy as np

        while True:
            above = self._parents[self._parents]
            if np.array_equal(above, self._parents):
                return
            self._parents = above

    def join(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
        """Put the clusters of `left[k]` and `right[k]` together, for every k."""
        import numpy as np

        while len(left):
            one, two = self.roots(left), self.roots(right)
            apart = one != two
            left, right = np.maximum(one, two)[apart], np.minimum(one, two)[apart]
            # Where a root has several links, the smallest wins; the others are tried again in the next round.
            np.minimum.at(self._parents, left, right)
