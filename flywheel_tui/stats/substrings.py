"""The longest run of characters that a text shares with any of many others."""

from __future__ import annotations

from collections.abc import Iterable

MOST_CHARACTERS = 4_000_000
"""Of the corpus: an automaton takes a few hundred bytes for each character."""


class Substrings:
    """A suffix automaton (Blumer et al. 1985) over texts that are kept apart: linear in their characters.

    >>> Substrings(["the answer is 42", "no"]).longest("an answer was given")
    8
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._link, self._length = [-1], [0]
        self.left_out = 0
        size = 0
        for text in texts:
            if size + len(text) > MOST_CHARACTERS:
                self.left_out += 1
                continue
            size += len(text)
            last = 0
            for letter in text:
                last = self._add(last, letter)

    def _add(self, last: int, letter: str) -> int:
        """Append a letter after the state `last`; the new state. Each text begins at the root again."""
        following, links, lengths = self._next, self._link, self._length
        known = following[last].get(letter)
        if known is not None and lengths[known] == lengths[last] + 1:
            return known
        made = -1
        if known is None:
            made = self._state({}, lengths[last] + 1)
            while last >= 0 and letter not in following[last]:
                following[last][letter] = made
                last = links[last]
            if last < 0:
                links[made] = 0
                return made
            known = following[last][letter]
            if lengths[known] == lengths[last] + 1:
                links[made] = known
                return made
        copy = self._state(dict(following[known]), lengths[last] + 1)
        links[copy], links[known] = links[known], copy
        if made >= 0:
            links[made] = copy
        while last >= 0 and following[last].get(letter) == known:
            following[last][letter] = copy
            last = links[last]
        return made if made >= 0 else copy

    def _state(self, following: dict[str, int], length: int) -> int:
        self._next.append(following)
        self._link.append(0)
        self._length.append(length)
        return len(self._next) - 1

    def longest(self, text: str) -> int:
        """How many characters the longest run has that also stands in one of the texts."""
        state = length = best = 0
        for letter in text:
            while state and letter not in self._next[state]:
                state = self._link[state]
                length = self._length[state]
            if letter in self._next[state]:
                state = self._next[state][letter]
                length += 1
            else:
                length = 0
            best = max(best, length)
        return best
