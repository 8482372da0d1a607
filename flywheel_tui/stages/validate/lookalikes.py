"""Words that mix scripts so that they look like another word: `pаypal` with a Cyrillic а."""

from __future__ import annotations

import re
from collections.abc import Iterator

_FROM_CYRILLIC = "АВЕЅІЈКМНОРСТУХаеорсухѕіјһԁԛԝӏЗз"
_FROM_GREEK = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονυρκιϲ"
_LOOKALIKE = frozenset(_FROM_CYRILLIC + _FROM_GREEK)
_LATIN_TWINS = frozenset("ABEZHIKMNOPTYXCSJaceiopsxyjhdqwlkvu3")
_SEAM = re.compile("[A-Za-z][\u0370-\u03ff\u0400-\u052f]|[\u0370-\u03ff\u0400-\u052f][A-Za-z]")
_WORD = re.compile(r"[^\W_]+")
_LATIN = re.compile("[A-Za-z]")
_LONGEST = 64


def mixed_words(text: str) -> Iterator[tuple[str, int, int, str]]:
    """`(severity, start, end, message)` of each such word.

    Mixing alone is no fault (`μm`, `USBкабель`): the letters of the smaller script must all have a twin in the other.
    """
    done = 0
    for seam in _SEAM.finditer(text):
        if seam.start() < done:
            continue
        start, done = _word_around(text, seam.start())
        word = text[start:done]
        if done - start > _LONGEST:
            continue
        latin = [c for c in word if _LATIN.match(c)]
        other = [c for c in word if not c.isascii() and c.isalpha()]
        if len(word) < 4 or (len(latin) < 2 and len(other) < 3):
            continue
        few, twins = (other, _LOOKALIKE) if len(other) <= len(latin) else (latin, _LATIN_TWINS)
        if all(c in twins for c in few):
            codes = ", ".join(dict.fromkeys(f"U+{ord(c):04X}" for c in few[:4]))
            kind = "another script" if few is other else "the Latin script"
            yield "warning", start, done, f"look-alike letters of {kind} in a word ({codes})"


def _word_around(text: str, at: int) -> tuple[int, int]:
    """The word at a place, at most _LONGEST letters to either side."""
    before = text[max(0, at - _LONGEST) : at]
    start = at
    for character in reversed(before):
        if not (character.isalnum()):
            break
        start -= 1
    match = _WORD.match(text, at, at + 2 * _LONGEST)
    return start, match.end() if match else at + 1
