"""`repetition`: answers that run in a loop, or that say the same lines over and over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, ClassVar, NamedTuple

from flywheel_tui.stages.validate.base import Candidate, Check, Found, check

_GRAM = 3
_CHARACTERS = 60_000
_LONG_WORD = 30
_SHORT = 200
_PROBE = 22


def _comes_back(text: str) -> bool:
    """Whether any of some short stretches stands there three times: one of them lies in every loop worth the name."""
    size = len(text)
    places = [size * tenth // 10 for tenth in (1, 3, 5, 7, 9)]
    return any(text.count(text[at : at + _PROBE]) >= 3 for at in (*places, size - _PROBE - 8))


class Loop(NamedTuple):
    """A unit that stands `times` times in a row from `start` to `end` (characters)."""

    start: int
    end: int
    times: int
    unit: str


@check
class Repetition(Check):
    """`times` is how often a unit must stand in a row, `share` how much of the answer the loop must be."""

    name = "repetition"
    about = "degenerate answers: looping words, sentences, lines or characters"
    options: ClassVar[dict[str, Any]] = {"times": 4, "share": 0.3}

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        for row in rows:
            for field, text in row.answers():
                if len(text) >= 40 and (found := self._found(text)):
                    severity, start, end, message = found
                    yield Found(row.id, severity, field, start, end, message)

    def _found(self, text: str) -> tuple[str, int, int, str] | None:
        if len(text) > _SHORT and not _comes_back(text):
            return None
        words = text.split()
        longest = max(map(len, words), default=0)
        if len(text) <= _SHORT and len(set(words)) * 2 > len(words) and longest <= _LONG_WORD:
            # half of the words are new in any short text that goes somewhere
            return None
        part = text if len(text) <= _CHARACTERS else text[-_CHARACTERS:]
        offset = len(text) - len(part)
        loop = longest_loop(part, self.settings["times"])
        if longest > _LONG_WORD and (run := longest_run(part, self.settings["times"])):
            loop = max(loop, run, key=lambda one: one.end - one.start) if loop else run
        if loop:
            size = loop.end - loop.start
            share = size / len(part)
            at_end = loop.end >= len(part.rstrip()) - 3
            if share >= self.settings["share"] or (at_end and size >= 60):
                severity = "error" if at_end and (share >= 0.5 or loop.times >= 8) else "warning"
                shown = loop.unit if len(loop.unit) <= 60 else loop.unit[:59] + "…"
                return severity, offset + loop.start, offset + loop.end, f"{shown!r} {loop.times} times in a row"
        return self._lines(part, offset)

    def _lines(self, text: str, offset: int) -> tuple[str, int, int, str] | None:
        """Lines that come back again and again, though not in a row."""
        lines = [line.strip() for line in text.split("\n")]
        counts = Counter(line for line in lines if len(line) >= 20 and any(map(str.isalpha, line[:40])))
        if not counts:
            return None
        line, times = counts.most_common(1)[0]
        again = sum(len(one) * (count - 1) for one, count in counts.items())
        if times < 5 or again < 0.6 * len(text):
            return None
        at = offset + text.find(line)
        return "warning", at, at + len(line), f"the lines repeat: this one stands {times} times"


def longest_loop(text: str, least: int) -> Loop | None:
    """The longest stretch of words that repeats with one period, at least `least` times; linear in the text.

    Where a gram of words comes back at the same distance as the gram before it did, the text repeats with that period.
    """
    words = _words(text)
    folded = [word.casefold() for word, _ in words]
    last: dict[tuple[str, ...], int] = {}
    best: tuple[int, int, int] | None = None
    period = length = 0
    for at, gram in enumerate(zip(*(islice(folded, n, None) for n in range(_GRAM)), strict=False)):
        distance = at - last.get(gram, at)
        last[gram] = at
        length = length + 1 if distance and distance == period else int(bool(distance))
        period = distance
        if length:
            size = length + period + _GRAM - 1
            if size >= least * period and (best is None or size > best[0]):
                best = (size, at, period)
    if best is None:
        return None
    size, at, period = best
    first = at + _GRAM - size
    start = words[first][1]
    word, place = words[at + _GRAM - 1]
    second = words[first + period][1]
    unit = " ".join(text[start:second].split())
    # rows of a table, rules, matrices and the like repeat what is no word
    if size < 8 or not any(map(str.isalpha, unit)):
        return None
    return Loop(start, place + len(word), size // period, unit)


def _words(text: str) -> list[tuple[str, int]]:
    """The words with their places."""
    found = []
    at = 0
    for word in text.split():
        at = text.index(word, at)
        found.append((word, at))
        at += len(word)
    return found


def longest_run(text: str, least: int) -> Loop | None:
    """The longest stretch within a long word that repeats with a period of at most 40 characters.

    For loops without blanks: `hahahaha`, and writing that has none.
    """
    best: Loop | None = None
    for word, place in _words(text):
        if len(word) <= _LONG_WORD:
            continue
        last: dict[str, int] = {}
        period = length = 0
        for at in range(len(word) - 3):
            gram = word[at : at + 4]
            distance = at - last.get(gram, at)
            last[gram] = at
            length = length + 1 if distance and distance == period else int(bool(distance))
            period = distance
            size = length + period + 3
            if not length or period > 40 or size < max(least * period, 24) or (best and size <= best.end - best.start):
                continue
            start = at + 4 - size
            unit = word[start : start + period]
            if any(map(str.isalpha, unit)):
                best = Loop(place + start, place + at + 4, size // period, unit)
    return best
