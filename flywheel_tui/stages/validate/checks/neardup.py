"""`neardup`: pairs that say nearly the same, by the words in a row that they share; compared in full, none guessed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.fields import joined_text, share_of, wanted_fields

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.sets import Sets

_RANKS = {"approved": 0, "edited": 0, "open": 1, "skipped": 1, "disputed": 2, "rejected": 3}
_RUN = 3


class _Batch(NamedTuple):
    """What is kept of some rows: no texts, only hashes of their runs of words (short rows: of characters too)."""

    ids: NDArray[np.int64]
    ranks: NDArray[np.int8]
    word_counts: NDArray[np.int64]
    by_words: Sets
    short: NDArray[np.int64]
    by_characters: Sets


class _Links(NamedTuple):
    """Pairs of rows `left < right` (numbers in the order in which rows came) that are alike."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    similarity: NDArray[np.float64]
    characters: NDArray[np.bool_]


@check
class NearDup(Check):
    """Jaccard similarity of the sets of three words in a row; below `short` words, of three characters in a row.

    From `threshold` on, pairs are near-duplicates (warning). From `similar` on they are alike (info; only by words, as
    short texts resemble one another by chance; 1 switches it off). Clusters are what near-duplicates link; one of each
    is kept: the first, or (`keep = "labelled"`) the best labelled.
    """

    name = "neardup"
    compares = True
    about = "near-duplicates: Jaccard similarity over three words in a row, in clusters of which one is kept"
    options: ClassVar[dict[str, Any]] = {
        "threshold": 0.8, "similar": 0.5, "fields": "all", "unit": "auto", "short": 20, "keep": "first",
    }  # fmt: skip

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.threshold = share_of(self, "threshold")
        self.similar = min(share_of(self, "similar"), 1.0)
        self._fields = wanted_fields(self)
        unit, keep = self.settings["unit"], self.settings["keep"]
        if unit not in ("auto", "words", "characters"):
            raise UsageError(f"neardup.unit is auto, words or characters, not {unit!r}")
        if keep not in ("first", "labelled"):
            raise UsageError(f"neardup.keep is first or labelled, not {keep!r}")
        self.reads_labels = keep == "labelled"
        self._short = {"auto": float(self.settings["short"]), "words": 0.0, "characters": float("inf")}[unit]
        self._batches: list[_Batch] = []
        self._figures: dict[str, Any] = {}

    def feed(self, rows: Sequence[Candidate]) -> None:
        import numpy as np

        from flywheel_tui.stats.shingles import character_shingles, word_shingles

        texts = [joined_text(row, self._fields) for row in rows]
        by_words, counts = word_shingles(texts, _RUN)
        short = np.flatnonzero(counts < self._short / min(self.threshold, 1.0))
        by_characters = character_shingles([texts[index] for index in short], _RUN)
        ranks = [_RANKS.get(row.status, 1) if self.reads_labels else 0 for row in rows]
        ids = np.array([row.id for row in rows], np.int64)
        self._batches.append(_Batch(ids, np.array(ranks, np.int8), counts, by_words, short, by_characters))

    def pairs(self) -> Iterator[tuple[int, int, float]]:
        """All pairs of ids from the threshold on, with their similarity (of large clusters enough to link them)."""
        rows, links = self._links(self.threshold)
        for left, right, similarity in zip(links.left, links.right, links.similarity, strict=True):
            yield int(rows.ids[left]), int(rows.ids[right]), float(similarity)

    def finish(self) -> Iterable[Found]:
        if not self._batches:
            return ()
        rows, links = self._links(min(self.threshold, self.similar))
        return self._findings(rows, links)

    def figures(self) -> dict[str, Any]:
        return self._figures

    # -- joining -----------------------------------------------------------------------------------------------------

    def _rows(self) -> _Batch:
        """Everything that was fed as one batch; a row that was fed twice counts once."""
        import numpy as np

        from flywheel_tui.stats.sets import Sets

        batches, self._batches = self._batches, []
        sizes = [len(batch.ids) for batch in batches]
        starts = np.cumsum([0, *sizes])
        ids = np.concatenate([batch.ids for batch in batches])
        short = np.concatenate([batch.short + start for batch, start in zip(batches, starts, strict=False)])
        rows = _Batch(
            ids,
            np.concatenate([batch.ranks for batch in batches]),
            np.concatenate([batch.word_counts for batch in batches]),
            Sets.joined([batch.by_words for batch in batches]),
            short,
            Sets.joined([batch.by_characters for batch in batches]),
        )
        _, first = np.unique(ids, return_index=True)
        if len(first) == len(ids):
            return rows
        first.sort()
        chosen = np.flatnonzero(np.isin(short, first))
        return _Batch(
            ids[first], rows.ranks[first], rows.word_counts[first], rows.by_words.taken(first),
            np.searchsorted(first, short[chosen]), rows.by_characters.taken(chosen),
        )  # fmt: skip

    def _links(self, threshold: float) -> tuple[_Batch, _Links]:
        import numpy as np

        from flywheel_tui.stats.setjoin import similar_pairs

        rows = self._rows()
        counts = rows.word_counts
        longest = self._short / min(self.threshold, 1.0)

        def by_characters(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
            few, many = np.minimum(counts[left], counts[right]), np.maximum(counts[left], counts[right])
            short: NDArray[np.bool_] = (few < self._short) & (many < longest)
            return short

        words = similar_pairs(rows.by_words, threshold, lambda: self.tick())
        fit = ~by_characters(words.left, words.right)
        shorts = similar_pairs(rows.by_characters, max(threshold, self.threshold), lambda: self.tick())
        left, right = rows.short[shorts.left], rows.short[shorts.right]
        fit_short = by_characters(left, right)
        self._figures = {"comparisons_left_out": words.left_out + shorts.left_out}
        return rows, _Links(
            np.concatenate([words.left[fit], left[fit_short]]),
            np.concatenate([words.right[fit], right[fit_short]]),
            np.concatenate([words.similarity[fit], shorts.similarity[fit_short]]),
            np.repeat([False, True], [int(fit.sum()), int(fit_short.sum())]),
        )

    # -- saying it ---------------------------------------------------------------------------------------------------

    def _findings(self, rows: _Batch, links: _Links) -> Iterator[Found]:
        import numpy as np

        near = links.similarity >= self.threshold - 1e-12
        kept = self._kept(rows, links.left[near], links.right[near])
        dropped = kept != np.arange(len(kept))
        others: dict[int, list[int]] = {}
        for row, partner, similarity, characters in _best(links, near, dropped, kept):
            keeper = int(kept[row])
            others.setdefault(keeper, [0, 0])[0] += 1
            tail = "which is kept" if partner == keeper else f"of whose cluster id {rows.ids[keeper]} is kept"
            message = f"near-duplicate: shares {_said(similarity, characters)} with pair id {rows.ids[partner]}, {tail}"
            yield Found(int(rows.ids[row]), "warning", None, None, None, message, int(rows.ids[keeper]))
        alike = ~near & ~links.characters & ~dropped[links.right] & (kept[links.left] != links.right)
        for row, partner, similarity, characters in _best(links, alike, ~dropped, kept, later=True):
            keeper = int(kept[partner])
            others.setdefault(keeper, [0, 0])[1] += 1
            message = f"similar: shares {_said(similarity, characters)} with pair id {rows.ids[partner]}"
            yield Found(int(rows.ids[row]), "info", None, None, None, message, int(rows.ids[keeper]))
        for keeper, (duplicates, similar) in others.items():
            parts = [f"{duplicates} near-duplicate{'s' * (duplicates != 1)}"] if duplicates else []
            parts += [f"{similar} similar pair{'s' * (similar != 1)}"] if similar else []
            number = int(rows.ids[keeper])
            yield Found(number, "info", None, None, None, f"kept: there {_are(parts)} of this pair", number)
        self._figures |= {
            "clusters": sum(1 for counts in others.values() if counts[0]),
            "near_duplicates": int(dropped.sum()),
            "similar": sum(counts[1] for counts in others.values()),
        }

    def _kept(self, rows: _Batch, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each row the one that is kept of its cluster."""
        import numpy as np

        from flywheel_tui.stats.clusters import Forest

        forest = Forest(len(rows.ids))
        forest.join(left, right)
        roots = forest.roots(np.arange(len(rows.ids)))
        if not self.reads_labels:
            return roots
        best = np.lexsort((np.arange(len(roots)), rows.ranks, roots))
        starts = np.flatnonzero(np.diff(roots[best], prepend=-1))
        kept = np.zeros(len(roots), np.int64)
        kept[roots[best][starts]] = best[starts]
        return kept[roots]


def _best(
    links: _Links, use: NDArray[np.bool_], rows: NDArray[np.bool_], kept: NDArray[np.int64], later: bool = False
) -> Iterator[tuple[int, int, float, bool]]:
    """For each of the rows its strongest link among those to use: to the one that is kept, where there is one.

    With `later`, only the later row of a link is told.
    """
    import numpy as np

    left, right = links.left[use], links.right[use]
    similarity, characters = links.similarity[use], links.characters[use]
    if later:
        row, partner = right, left
    else:
        row, partner = np.concatenate([left, right]), np.concatenate([right, left])
        similarity, characters = np.tile(similarity, 2), np.tile(characters, 2)
    told = rows[row]
    row, partner, similarity, characters = row[told], partner[told], similarity[told], characters[told]
    order = np.lexsort((similarity, partner == kept[row], row))
    last = order[np.flatnonzero(np.diff(row[order], append=-1))]
    columns = (row[last], partner[last], similarity[last], characters[last])
    yield from zip(*(column.tolist() for column in columns), strict=True)


def _said(similarity: float, characters: bool) -> str:
    share = f"{int(similarity * 100 + 1e-9)} %"
    return f"{share} of all runs of three {'characters' if characters else 'words'}"


def _are(parts: list[str]) -> str:
    return f"{'is' if parts[0].startswith('1 ') else 'are'} {' and '.join(parts)}"
