"""Runs of n words that texts share with reference texts, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stats.sets import ranges
from flywheel_tui.stats.words import mixed, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Runs(NamedTuple):
    """Hashes of every run of n words of some texts, which text each is of, and the number of its first word there."""

    hashes: NDArray[np.uint64]
    owners: NDArray[np.int64]
    first: NDArray[np.int64]


def runs(texts: Sequence[str], n: int) -> Runs:
    """Every run of n words of the texts."""
    import numpy as np

    found = words(texts)
    sizes = np.maximum(found.counts - n + 1, 0)
    starts = ranges(np.cumsum(found.counts) - found.counts, sizes)
    hashes = found.hashes[starts]
    for offset in range(1, n):
        hashes = mixed(hashes) + found.hashes[starts + offset]
    return Runs(hashes, np.repeat(np.arange(len(texts)), sizes), ranges(np.zeros(len(texts), np.int64), sizes))


class Reference:
    """The runs of n words of reference texts, each with the number of the first text that has it.

    Runs that more than `common` of the texts have are phrases that everybody uses and are left out.
    """

    def __init__(self, texts: Iterable[str], n: int, common: int) -> None:
        import numpy as np

        self.n = n
        found = runs(list(texts), n)
        order = np.lexsort((found.owners, found.hashes))
        ordered, owners = found.hashes[order], found.owners[order]
        new = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]
        fresh = new | np.concatenate([[True], owners[1:] != owners[:-1]])[: len(ordered)]
        starts = np.flatnonzero(new)
        texts_with = np.add.reduceat(fresh.astype(np.int64), starts) if len(starts) else np.empty(0, np.int64)
        kept = starts[texts_with <= common]
        self.hashes, self.owners = ordered[kept], owners[kept]
        self.left_out = len(starts) - len(kept)

    def __len__(self) -> int:
        return len(self.hashes)

    def hits(self, found: Runs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which of these runs the reference has (their numbers, ascending), and the reference text of each."""
        import numpy as np

        if not len(self.hashes):
            return np.empty(0, np.int64), np.empty(0, np.int64)
        places = np.minimum(np.searchsorted(self.hashes, found.hashes), len(self.hashes) - 1)
        hit = np.flatnonzero(self.hashes[places] == found.hashes)
        return hit, self.owners[places[hit]]
