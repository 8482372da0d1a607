"""Texts to hashes of their words, many texts at once, without a Python object for any word.

A word is a run of letters, digits, marks and underscores, in lower case. In scripts that put no space between words
(Han, kana, Thai, Lao, Khmer, Burmese) every character is a word. Texts that are not ASCII are NFKC-normalised and
case-folded first, so that full-width letters and composed accents equal their plain forms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHUNK_CHARACTERS = 400_000
"""Texts joined before they are taken apart: the arrays of one chunk stay in the processor's cache."""

_UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x2FDF), (0x3040, 0x30FF), (0x31F0, 0x31FF),
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0x1B000, 0x1B16F),
    (0x20000, 0x3FFFF),
)  # fmt: skip
_OUTSIDE, _WORD, _ALONE = 0, 1, 2
_LONG_WORD = 64
_BELOW = 0x40000


class Words(NamedTuple):
    """The words of some texts: `hashes` (64 bits each, in order) and how many each text has."""

    hashes: NDArray[np.uint64]
    counts: NDArray[np.int64]


class Chunk(NamedTuple):
    """Texts joined by NUL (one before, one after): their bytes, where words start and end, where texts end."""

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    ends_of_texts: NDArray[np.int64]


def words(texts: Sequence[str]) -> Words:
    """The words of every text, as 64-bit hashes; equal words have equal hashes whatever texts they stand in."""
    import numpy as np

    hashes: list[NDArray[np.uint64]] = []
    counts: list[NDArray[np.int64]] = []
    for chunk in chunks(texts):
        hashes.append(word_hashes(chunk))
        counts.append(np.diff(np.searchsorted(chunk.starts, chunk.ends_of_texts), prepend=0))
    if not hashes:
        return Words(np.empty(0, np.uint64), np.empty(0, np.int64))
    return Words(np.concatenate(hashes), np.concatenate(counts))


def chunks(texts: Sequence[str], characters: int = CHUNK_CHARACTERS) -> Iterator[Chunk]:
    """The texts in their order, some at a time; ASCII ones and others never share a chunk."""
    start, size, ascii_only = 0, 0, True
    for index, text in enumerate(texts):
        plain = text.isascii()
        if index > start and (size > characters or plain is not ascii_only):
            yield _chunk(texts[start:index], ascii_only)
            start, size = index, 0
        ascii_only = plain
        size += len(text) + 1
    if start < len(texts):
        yield _chunk(texts[start:], ascii_only)


def _chunk(texts: Sequence[str], plain: bool) -> Chunk:
    import numpy as np

    joined = "\0".join(texts)
    if joined.count("\0") != len(texts) - 1:
        joined = "\0".join([text.replace("\0", " ") for text in texts])
    if plain:
        data = np.frombuffer(f"\0{joined.lower()}\0{_PAD}".encode(), np.uint8)
        classes = _classes()[:128][data]
    else:
        if not unicodedata.is_normalized("NFKC", joined):
            joined = unicodedata.normalize("NFKC", joined)
        joined = f"\0{joined.casefold()}\0{_PAD}"
        data = np.frombuffer(joined.encode("utf-8", "surrogatepass"), np.uint8)
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        classes = _classes()[np.minimum(codes, _BELOW)]
    # a word starts where a letter follows none, and at every character that is a word alone
    inside = classes != _OUTSIDE
    edge = inside[1:] != inside[:-1]
    alone = classes == _ALONE
    if not plain and alone.any():
        touching = inside[1:] & inside[:-1] & (alone[1:] | alone[:-1])
        starts = np.flatnonzero((edge & inside[1:]) | touching) + 1
        ends = np.flatnonzero((edge & inside[:-1]) | touching) + 1
    else:
        borders = np.flatnonzero(edge) + 1
        starts, ends = borders[::2], borders[1::2]
    if not plain:
        widths = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
        offsets = np.concatenate([[0], np.cumsum(widths)])
        starts, ends = offsets[starts], offsets[ends]
    return Chunk(data, starts, ends, np.flatnonzero(data == 0)[1 : len(texts) + 1])


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each word of a text stands, in characters of the text as it is; as many as `words` finds.

    Where normalising changes the number of characters, a word's span is that of the stretch without blanks around it.
    """
    import numpy as np

    if text.isascii() or len(_folded(text)) == len(text):
        spans: list[tuple[int, int]] = []
        for chunk in chunks([text]):
            places = np.cumsum((chunk.data & 0xC0) != 0x80) - 2  # the NUL before the text is not of it
            spans += zip(places[chunk.starts].tolist(), (places[chunk.ends - 1] + 1).tolist(), strict=True)
        return spans
    spans = []
    for match in _STRETCH.finditer(text):
        stretch = match.group()
        if stretch.isascii() or len(_folded(stretch)) == len(stretch):
            spans += [(match.start() + start, match.start() + end) for start, end in word_spans(stretch)]
        else:
            spans += [match.span()] * int(words([stretch]).counts[0])
    return spans


_STRETCH = re.compile(r"\S+")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


_PAD = "\0" * (_LONG_WORD + 8)


@lru_cache(maxsize=1)
def _classes() -> Any:
    """What every code point is: outside of words, part of a word, a word alone. The last entry stands for the rest."""
    import numpy as np

    table = np.zeros(_BELOW + 1, np.uint8)
    for code in range(0x33480):
        category = unicodedata.category(chr(code))
        if category[0] in "LNM" or code == 0x5F:
            table[code] = _WORD
    for first, last in _UNSPACED:
        part = table[first : last + 1]
        part[part == _WORD] = _ALONE
    return table


def word_hashes(chunk: Chunk) -> NDArray[np.uint64]:
    """A 64-bit hash of every word of a chunk: eight of its bytes at a time, so that the cost goes by words."""
    import numpy as np

    eights = np.ndarray((len(chunk.data) - 7,), np.dtype("<u8"), chunk.data, strides=(1,))
    lengths = chunk.ends - chunk.starts
    hashes = mixed(eights[chunk.starts] & _masks()[np.minimum(lengths, 8)])
    rest = np.flatnonzero(lengths > 8)
    offset = 8
    while len(rest) and offset < _LONG_WORD:
        piece = eights[chunk.starts[rest] + offset] & _masks()[np.minimum(lengths[rest] - offset, 8)]
        hashes[rest] = mixed(hashes[rest] + piece)
        offset += 8
        rest = rest[lengths[rest] > offset]
    for index in rest:
        whole = chunk.data[chunk.starts[index] : chunk.ends[index]].tobytes()
        hashes[index] = int.from_bytes(blake2b(whole, digest_size=8).digest(), "little")
    return hashes


@lru_cache(maxsize=1)
def _masks() -> Any:
    import numpy as np

    return np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)


def mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Well-spread hashes of 64-bit values (the finaliser of MurmurHash3, S. Vigna's constants for splitmix64)."""
    import numpy as np

    values = values + np.uint64(0x9E3779B97F4A7C15)
    values ^= values >> np.uint64(30)
    values *= np.uint64(0xBF58476D1CE4E5B9)
    values ^= values >> np.uint64(27)
    values *= np.uint64(0x94D049BB133111EB)
    values ^= values >> np.uint64(31)
    return values
