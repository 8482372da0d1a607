"""Texts as sets of shingles: hashes of every run of n words, or of n characters where a text is short."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flywheel_tui.stats.sets import Sets
from flywheel_tui.stats.words import chunks, mixed, word_hashes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.words import Chunk


def word_shingles(texts: Sequence[str], n: int = 3) -> tuple[Sets, NDArray[np.int64]]:
    """The sets of word n-grams of the texts, and how many words each text has.

    A text of fewer than n words has one shingle of all of them; a text without words has none.
    """
    import numpy as np

    parts: list[Sets] = []
    counts: list[NDArray[np.int64]] = []
    for chunk in chunks(texts):
        hashes = word_hashes(chunk)
        of_text = np.diff(np.searchsorted(chunk.starts, chunk.ends_of_texts), prepend=0)
        parts.append(_shingled(hashes, of_text, n))
        counts.append(of_text)
    return Sets.joined(parts), np.concatenate(counts) if counts else np.empty(0, np.int64)


def character_shingles(texts: Sequence[str], n: int = 3) -> Sets:
    """The sets of character n-grams of the texts, of their words joined by one blank.

    A text of fewer than n characters has one shingle of all of them; a text without words has none.
    """
    return Sets.joined([_characters(chunk, n) for chunk in chunks(texts)])


def _characters(chunk: Chunk, n: int) -> Sets:
    """Of each word its characters and a blank before it; the blank before the first word of a text is left out."""
    import numpy as np

    lead = (chunk.data & 0xC0) != 0x80
    edges = np.zeros(len(chunk.data) + 1, np.int8)
    np.add.at(edges, chunk.starts, 1)
    np.add.at(edges, chunk.ends, -1)
    at = np.flatnonzero((np.cumsum(edges[:-1], dtype=np.int8) > 0) & lead)
    eights = np.ndarray((len(chunk.data) - 7,), np.dtype("<u8"), chunk.data, strides=(1,))
    widths = 1 + (chunk.data[at] >= 0xC0).astype(np.int64) + (chunk.data[at] >= 0xE0) + (chunk.data[at] >= 0xF0)
    codes = eights[at] & ((np.uint64(1) << (8 * widths).astype(np.uint64)) - np.uint64(1))
    texts_of_words = np.searchsorted(chunk.ends_of_texts, chunk.starts)
    spaced = chunk.starts[1:][(texts_of_words[1:] == texts_of_words[:-1]) & (chunk.starts[1:] > chunk.ends[:-1])]
    codes = np.insert(codes, np.searchsorted(at, spaced), np.uint64(32))
    of_text = np.bincount(np.searchsorted(chunk.ends_of_texts, at), minlength=len(chunk.ends_of_texts))
    of_text += np.bincount(np.searchsorted(chunk.ends_of_texts, spaced), minlength=len(chunk.ends_of_texts))
    return _shingled(mixed(codes), of_text, n)


def _shingled(tokens: NDArray[np.uint64], counts: NDArray[np.int64], n: int) -> Sets:
    """The set of runs of n tokens of each text; tokens follow one another text by text."""
    import numpy as np

    filled = np.flatnonzero(counts)
    ends = np.cumsum(counts)
    sizes = np.maximum(counts - n + 1, np.minimum(counts, 1))
    owners = np.repeat(np.arange(len(counts)), sizes)
    first = np.arange(len(owners)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(ends - counts, sizes)
    padded = np.concatenate([tokens, np.zeros(n, np.uint64)])
    combined = padded[first].copy()
    short = counts[filled].min(initial=n) < n
    left = ends[owners] - first if short else None
    for offset in range(1, n):
        following = padded[first + offset]
        if left is not None:
            following = np.where(left > offset, following, np.uint64(0))
        combined *= np.uint64(0x9E3779B97F4A7C15)
        combined += following
    keys = (owners.astype(np.uint64) << np.uint64(32)) | (mixed(combined) >> np.uint64(32))
    return Sets.of_keys(keys, len(counts))
