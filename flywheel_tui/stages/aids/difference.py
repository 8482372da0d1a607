"""Where two answers differ, in words."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

Spans = list[tuple[int, int]]

WORDS_LIMIT = 1_200
"""Longer texts are not compared: the time grows with the square of the length."""
_WORD = re.compile(r"\w+|[^\w\s]")


def differing_words(one: str, other: str) -> tuple[Spans, Spans] | None:
    """The stretches (start, end) of each text that the other has not; None where the texts are too long to compare.

    Stretches join over the white space between them. Answers that have less than half of their words in common have no
    stretches: with everything highlighted nothing is.
    """
    ours = list(_WORD.finditer(one))
    theirs = list(_WORD.finditer(other))
    if len(ours) > WORDS_LIMIT or len(theirs) > WORDS_LIMIT:
        return None
    words, their_words = [match.group() for match in ours], [match.group() for match in theirs]
    matcher = SequenceMatcher(None, words, their_words, autojunk=False)
    if matcher.quick_ratio() < 0.2:
        return [], []
    left: Spans = []
    right: Spans = []
    common = 0
    for tag, first, last, their_first, their_last in matcher.get_opcodes():
        if tag == "equal":
            common += last - first
            continue
        if first < last:
            left.append((ours[first].start(), ours[last - 1].end()))
        if their_first < their_last:
            right.append((theirs[their_first].start(), theirs[their_last - 1].end()))
    if common * 2 < min(len(words), len(their_words)):
        return [], []
    return left, right
