"""The longest shared run of characters, against looking for it everywhere."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stats import substrings
from flywheel_tui.stats.substrings import Substrings

words = st.text(alphabet="abcd", max_size=14)


@settings(deadline=None, max_examples=300)
@given(st.lists(words, max_size=6), words)
def test_as_by_looking_everywhere(corpus: list[str], text: str) -> None:
    runs = {"", *(text[a:b] for a in range(len(text)) for b in range(a, len(text) + 1))}
    assert Substrings(corpus).longest(text) == max(len(run) for run in runs if not run or any(run in t for t in corpus))


def test_texts_are_kept_apart() -> None:
    assert Substrings(["abc", "def"]).longest("abcdef") == 3


def test_a_corpus_that_is_too_large_is_cut_and_says_so() -> None:
    before = substrings.MOST_CHARACTERS
    try:
        substrings.MOST_CHARACTERS = 10
        found = Substrings(["12345", "67890", "more"])
        assert found.left_out == 1 and found.longest("67890") == 5 and found.longest("more") == 0
    finally:
        substrings.MOST_CHARACTERS = before
