"""Many patterns over one text in linear time: one pass of an RE2 set says which can match, only those are run.

RE2 has no backtracking, so no text can make it slow; Python's `re` never sees more than a short piece around a hit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final, NamedTuple

_MAX_MEMORY: Final = 256 << 20
_AROUND: Final = 48  # characters before and after a hit that a rule may look at


class Hit(NamedTuple):
    """One match: span in characters, its text, and what stands directly before and after."""

    start: int
    end: int
    text: str
    before: str
    after: str


class Placed(NamedTuple):
    """A span with what is said about it; a lower rank is surer."""

    start: int
    end: int
    rank: int
    said: Any


class Pattern(NamedTuple):
    """`regex` is RE2 syntax; its first group, where there is one, is the span. `accept` answers what is to be said
    about a hit, None where it is none after all. `gate` is a simpler pattern that matches wherever `regex` does."""

    regex: str
    accept: Callable[[Hit], Any]
    gate: str | None = None


def options(case_sensitive: bool = True) -> Any:
    """Settings of RE2 for this program: silent (its log would be written over the screen), with room for large sets."""
    import re2

    chosen = re2.Options()
    chosen.log_errors = False
    chosen.max_mem = _MAX_MEMORY
    chosen.case_sensitive = case_sensitive
    return chosen


class PatternSet:
    """Patterns that are looked for together. `scan` answers each accepted hit, in no particular order."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        import re2

        self._patterns = [(re2.compile(p.regex, options()), p.accept) for p in patterns]
        self._set = re2.Set.SearchSet(options())
        for pattern in patterns:
            self._set.Add(pattern.gate or pattern.regex)
        self._set.Compile()

    def scan(self, text: str) -> Iterator[tuple[Hit, Any]]:
        """`(hit, what accept said)` for every accepted hit in the text."""
        data = text.encode("utf-8", "replace")
        which = self._set.Match(data)
        if not which:
            return
        for index in which:
            pattern, accept = self._patterns[index]
            for start, end in _spans(pattern, data, text):
                hit = Hit(start, end, text[start:end], text[max(0, start - _AROUND) : start], text[end : end + _AROUND])
                said = accept(hit)
                if said is not None:
                    yield hit, said


def _spans(pattern: Any, data: bytes, text: str) -> Iterator[tuple[int, int]]:
    """Spans of a pattern in characters, although RE2 counts bytes."""
    group = 1 if pattern.groups else 0
    if len(data) == len(text):
        for match in pattern.finditer(data):
            yield match.span(group)
        return
    byte, char = 0, 0
    for match in pattern.finditer(data):
        first, last = match.span(group)
        char += len(data[byte:first].decode("utf-8", "replace"))
        start = char
        char += len(data[first:last].decode("utf-8", "replace"))
        byte = last
        yield start, char


def without_overlaps(found: Sequence[Placed]) -> list[Placed]:
    """Of hits that overlap the one with the lowest rank stays, of equals the longer; sorted by place."""
    kept: list[Placed] = []
    for hit in sorted(found, key=lambda f: (f.rank, f.start - f.end)):
        at = bisect_left(kept, hit.start, key=attrgetter("start"))
        if (at == 0 or kept[at - 1].end <= hit.start) and (at == len(kept) or kept[at].start >= hit.end):
            kept.insert(at, hit)
    return kept
