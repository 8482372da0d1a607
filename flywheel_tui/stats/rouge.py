"""ROUGE-L: how much of two texts is the same words in the same order; and the nearest of very many texts to a new one.

F = 2·LCS / (m + n) with LCS the length of the longest common subsequence of words (Lin 2004, F1). No text can be nearer
than its words allow, so of a large pool only the few texts that share enough words are compared in full.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flywheel_tui.stats.words import words


class Near(NamedTuple):
    """A text of the pool (its place) and its ROUGE-L against the one asked about."""

    place: int
    score: float


def rouge_l(one: str, two: str) -> float:
    """ROUGE-L F of two texts, 0 to 1; 0 where one has no words.

    >>> round(rouge_l("the cat sat on the mat", "the cat lay on the mat"), 4)
    0.8333
    """
    a, b = words([one]).hashes.tolist(), words([two]).hashes.tolist()
    return 2 * common_length(_masks(a), len(a), b) / (len(a) + len(b)) if a and b else 0.0


def _masks(tokens: Sequence[int]) -> dict[int, int]:
    masks: dict[int, int] = {}
    for place, token in enumerate(tokens):
        masks[token] = masks.get(token, 0) | 1 << place
    return masks


def common_length(masks: dict[int, int], length: int, other: Iterable[int]) -> int:
    """The longest common subsequence, bit-parallel (Hyyrö 2004); `masks` has the places of each word of one text."""
    full = (1 << length) - 1
    row = full
    for token in other:
        matched = row & masks.get(token, 0)
        row = ((row + matched) | (row - matched)) & full
    return length - row.bit_count()


class Pool:
    """Texts that a new one is compared with. Looking one up in 50,000 instructions takes some milliseconds."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self._tokens: list[array[int]] = []
        self._lengths: array[int] = array("i")
        # the second "the" of a text is another feature than the first: shared features bound the subsequence
        self._postings: dict[tuple[int, int], array[int]] = {}
        self.extend(texts)

    def __len__(self) -> int:
        return len(self._tokens)

    def extend(self, texts: Sequence[str]) -> None:
        """Take in texts; their places go on from those that are there."""
        if not texts:
            return
        found = words(texts)
        hashes: list[int] = found.hashes.tolist()
        start = 0
        for count in found.counts.tolist():
            self._add(hashes[start : start + count])
            start += count

    def _add(self, tokens: list[int]) -> None:
        place = len(self._tokens)
        self._tokens.append(array("Q", tokens))
        self._lengths.append(len(tokens))
        for feature in _features(tokens):
            self._postings.setdefault(feature, array("i")).append(place)

    def nearest(self, text: str, most: int = 10) -> list[Near]:
        """The `most` nearest texts, nearest first; those that share no word are in no list."""
        import numpy as np

        tokens: list[int] = words([text]).hashes.tolist()
        lists = [one for feature in _features(tokens) if (one := self._postings.get(feature)) is not None]
        if not tokens or not lists:
            return []
        shared = np.bincount(np.concatenate([np.array(one) for one in lists]), minlength=len(self))
        bounds = 2 * shared / (len(tokens) + np.array(self._lengths))
        masks, length = _masks(tokens), len(tokens)
        found: list[Near] = []
        for place in _descending(bounds):
            if len(found) >= most and bounds[place] <= found[most - 1].score:
                break
            other = self._tokens[place]
            score = 2 * common_length(masks, length, other) / (length + len(other))
            found.append(Near(int(place), score))
            found.sort(key=lambda near: (-near.score, near.place))
            del found[most:]
        return [near for near in found if near.score > 0]


def _features(tokens: Sequence[int]) -> list[tuple[int, int]]:
    seen: dict[int, int] = {}
    features = []
    for token in tokens:
        number = seen.get(token, 0)
        seen[token] = number + 1
        features.append((token, number))
    return features


def _descending(bounds: object) -> Iterable[int]:
    """The places from the highest bound down; sorted in parts, because a few are nearly always enough."""
    import numpy as np

    values = np.asarray(bounds)
    size = 256
    if len(values) > size:
        top = np.argpartition(-values, size)[:size]
        yield from top[np.lexsort((top, -values[top]))]
        rest = np.argsort(-values, kind="stable")
        head = set(top.tolist())
        yield from (place for place in rest if place not in head)
    else:
        yield from np.argsort(-values, kind="stable")
