"""Texts as weighted bags of words, their cosines, and each text's nearest neighbours, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stats.sets import ranges
from flywheel_tui.stats.words import words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DIMENSIONS = 512
_ROWS_AT_ONCE = 512


class TfIdf(NamedTuple):
    """Unit vectors over features: text i has `features[bounds[i]:bounds[i + 1]]` (ascending) with `weights`."""

    features: NDArray[np.int64]
    weights: NDArray[np.float64]
    bounds: NDArray[np.int64]
    width: int


def tfidf(texts: Sequence[str]) -> TfIdf:
    """TF-IDF over words: (1 + ln tf) · (1 + ln((1 + n) / (1 + df))), each text scaled to length 1.

    A text without words is the zero vector.
    """
    import numpy as np

    found = words(texts)
    vocabulary, features = np.unique(found.hashes, return_inverse=True)
    owners = np.repeat(np.arange(len(texts)), found.counts)
    keys, occurrences = np.unique(owners * max(len(vocabulary), 1) + features, return_counts=True)
    owners, features = np.divmod(keys, max(len(vocabulary), 1))
    documents = np.bincount(features, minlength=len(vocabulary))
    rarity = 1 + np.log((1 + len(texts)) / (1 + documents))
    weights = (1 + np.log(occurrences)) * rarity[features]
    lengths = np.sqrt(np.bincount(owners, weights**2, minlength=len(texts)))
    weights /= lengths[owners]
    return TfIdf(features, weights, np.searchsorted(owners, np.arange(len(texts) + 1)), len(vocabulary))


def cosines(vectors: TfIdf, one: NDArray[np.int64], two: NDArray[np.int64]) -> NDArray[np.float64]:
    """The cosine of texts `one[k]` and `two[k]`."""
    import numpy as np

    sizes = np.diff(vectors.bounds)
    at_one, at_two = ranges(vectors.bounds[one], sizes[one]), ranges(vectors.bounds[two], sizes[two])
    number = np.arange(len(one)) * vectors.width
    keys_one = np.repeat(number, sizes[one]) + vectors.features[at_one]
    keys_two = np.repeat(number, sizes[two]) + vectors.features[at_two]
    _, left, right = np.intersect1d(keys_one, keys_two, assume_unique=True, return_indices=True)
    products = vectors.weights[at_one[left]] * vectors.weights[at_two[right]]
    pairs = np.repeat(np.arange(len(one)), sizes[one])[left]
    return np.bincount(pairs, products, minlength=len(one)).astype(np.float64)


def projected(vectors: TfIdf, dimensions: int = DIMENSIONS, seed: int = 0) -> NDArray[np.float32]:
    """Dense vectors of length 1 whose cosines are near those of the texts (random projection; Achlioptas 2003).

    The standard error of a cosine c is about (1 − c²) / √dimensions: 0.016 at 0.8 with 512.
    """
    import numpy as np

    chance = np.random.default_rng(seed)
    signs = chance.integers(0, 2, (max(vectors.width, 1), dimensions), np.int8) * np.int8(2) - np.int8(1)
    dense = np.zeros((len(vectors.bounds) - 1, dimensions), np.float32)
    for start in range(0, len(dense), _ROWS_AT_ONCE):
        bounds = vectors.bounds[start : start + _ROWS_AT_ONCE + 1]
        part = slice(bounds[0], bounds[-1])
        weighted = signs[vectors.features[part]] * vectors.weights[part, None].astype(np.float32)
        filled = np.flatnonzero(np.diff(bounds))
        if len(filled):
            dense[start + filled] = np.add.reduceat(weighted, bounds[filled] - bounds[0], axis=0)
    return unit(dense)


def unit(dense: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows scaled to length 1; rows of zeros stay."""
    import numpy as np

    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (dense / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled


class Neighbours(NamedTuple):
    """For each row its `nearest` rows (the best first) and their `cosine`; rows × k."""

    nearest: NDArray[np.int64]
    cosine: NDArray[np.float32]


def neighbours(dense: NDArray[np.float32], k: int = 1, tick: Callable[[], None] = lambda: None) -> Neighbours:
    """The k rows with the largest cosine to each row, itself excluded. Rows have length 1; there are more than k.

    Works on blocks of rows: memory is 512 · rows · 4 bytes beside the vectors.
    """
    import numpy as np

    count = len(dense)
    nearest, cosine = np.zeros((count, k), np.int64), np.zeros((count, k), np.float32)
    for start in range(0, count, _ROWS_AT_ONCE):
        tick()
        block = dense[start : start + _ROWS_AT_ONCE] @ dense.T
        here = np.arange(len(block))
        block[here, start + here] = -2
        best = np.argpartition(block, count - k, axis=1)[:, count - k :]
        values = np.take_along_axis(block, best, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        nearest[start + here] = np.take_along_axis(best, order, axis=1)
        cosine[start + here] = np.take_along_axis(values, order, axis=1)
    return Neighbours(nearest, cosine)


def nearest_texts(
    texts: Sequence[str], seed: int = 0, tick: Callable[[], None] = lambda: None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each text the nearest other one by TF-IDF and their cosine; at least two texts.

    The three nearest by random projection are compared exactly.
    """
    import numpy as np

    vectors = tfidf(texts)
    tick()
    k = min(3, len(texts) - 1)
    found = neighbours(projected(vectors, seed=seed), k, tick).nearest
    exact = np.zeros(found.shape)
    rows = np.arange(len(texts))
    for column in range(k):
        tick()
        exact[:, column] = cosines(vectors, rows, found[:, column])
    best = exact.argmax(axis=1)
    return found[rows, best], exact[rows, best]


def dense_cosines(texts: Sequence[str]) -> NDArray[np.float32]:
    """The cosines of the TF-IDF vectors of all pairs of texts, ones on the diagonal: for some 1,000 texts."""
    import numpy as np

    vectors = tfidf(texts)
    # features of one text only add nothing to a cosine of two texts, and the diagonal is 1
    counts = np.bincount(vectors.features, minlength=vectors.width)
    number = np.cumsum(counts > 1) - 1
    shared = counts[vectors.features] > 1
    owners = np.repeat(np.arange(len(texts)), np.diff(vectors.bounds))[shared]
    dense = np.zeros((len(texts), int(number[-1]) + 1 if len(number) else 0), np.float32)
    dense[owners, number[vectors.features[shared]]] = vectors.weights[shared]
    kernel = dense @ dense.T
    np.fill_diagonal(kernel, 1)
    return kernel
