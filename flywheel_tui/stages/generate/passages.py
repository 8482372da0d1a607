"""Documents cut into passages, and the passages that are nearest to a question without answering it."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from flywheel_tui.stages.generate.recipe import Seed

_PARAGRAPH = re.compile(r"\n\s*\n")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[^\s])")
_WORD = re.compile(r"[^\W_]+")
_K1, _B = 1.2, 0.75
"""The usual constants of BM25 (Robertson & Zaragoza 2009)."""


class Passage(NamedTuple):
    """A stretch of a document. `place` counts passages over all documents, `number` those of its document (from 1)."""

    place: int
    document: int
    number: int
    title: str
    text: str


def passages_of(documents: Sequence[Seed], longest: int = 160, shortest: int = 25) -> list[Passage]:
    """The passages of documents: whole paragraphs together up to `longest` words; headings become their titles.

    A paragraph that is longer is cut between sentences; what is shorter than `shortest` words joins its neighbour or,
    alone in its document, is left out.
    """
    found: list[Passage] = []
    for place, document in enumerate(documents):
        cut = _cut(document.input or document.instruction, longest, shortest)
        for number, (heading, text) in enumerate(cut, 1):
            title = document.instruction if not heading or heading == document.instruction else f"{document.instruction}: {heading}"  # fmt: skip  # noqa: E501
            found.append(Passage(len(found), place, number, title.strip() or f"document {place + 1}", text))
    return found


def _cut(text: str, longest: int, shortest: int) -> list[tuple[str, str]]:
    pieces: list[tuple[str, str]] = []
    heading, count = "", 0
    held: list[str] = []

    def close() -> None:
        nonlocal held, count
        if held:
            pieces.append((heading, "\n\n".join(held)))
        held, count = [], 0

    for paragraph in _PARAGRAPH.split(text.replace("\r\n", "\n")):
        lines = paragraph.strip("\n").split("\n")
        if match := _HEADING.match(lines[0]):
            close()
            heading, lines = match[1], lines[1:]
        for part in _parts("\n".join(lines).strip(), longest):
            size = len(part.split())
            if count and count + size > longest:
                close()
            held.append(part)
            count += size
    close()
    return _joined(pieces, longest, shortest)


def _parts(paragraph: str, longest: int) -> list[str]:
    """A paragraph, or the stretches of whole sentences that are no longer than that."""
    if not paragraph:
        return []
    if len(paragraph.split()) <= longest:
        return [paragraph]
    parts: list[str] = []
    held: list[str] = []
    for sentence in _SENTENCE.split(paragraph):
        if held and len(" ".join([*held, sentence]).split()) > longest:
            parts.append(" ".join(held))
            held = []
        held.append(sentence)
    return [*parts, " ".join(held)]


def _joined(pieces: list[tuple[str, str]], longest: int, shortest: int) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for heading, text in pieces:
        small = len(text.split()) < shortest
        if made and (small or len(made[-1][1].split()) < shortest) and len(f"{made[-1][1]} {text}".split()) <= longest:
            before, earlier = made[-1]
            shown = text if not heading or heading == before else f"{heading}\n{text}"
            made[-1] = (before, f"{earlier}\n\n{shown}")
        else:
            made.append((heading, text))
    return [one for one in made if len(one[1].split()) >= min(shortest, 8)]


class Neighbours:
    """BM25 over passages."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._lengths: list[int] = []
        self._where: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, passage in enumerate(passages):
            counted = Counter(_words(f"{passage.title}\n{passage.text}"))
            self._lengths.append(sum(counted.values()))
            for word, count in counted.items():
                self._where[word].append((place, count))
        self._mean = sum(self._lengths) / max(len(self._lengths), 1)

    def nearest(self, text: str, *, but: int) -> list[Passage]:
        """The other passages, those that share most with a text first; those that share nothing are not in it."""
        scores: dict[int, float] = defaultdict(float)
        total = len(self._passages)
        for word in set(_words(text)):
            found = self._where.get(word, ())
            if not found:
                continue
            weight = math.log(1 + (total - len(found) + 0.5) / (len(found) + 0.5))
            for place, count in found:
                norm = _K1 * (1 - _B + _B * self._lengths[place] / self._mean)
                scores[place] += weight * count * (_K1 + 1) / (count + norm)
        scores.pop(but, None)
        return [self._passages[place] for place in sorted(scores, key=lambda place: (-scores[place], place))]


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
