"""ROUGE-L against the textbook's dynamic program, and a pool against comparing everything."""

from __future__ import annotations

import random
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stats.rouge import Pool, rouge_l

LETTERS = st.lists(st.sampled_from("abcde"), max_size=14)


def slow(one: list[str], two: list[str]) -> float:
    table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(two):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return 2 * table[-1][-1] / (len(one) + len(two)) if one and two else 0.0


@settings(deadline=None, max_examples=400)
@given(LETTERS, LETTERS)
def test_it_is_the_longest_common_subsequence(one: list[str], two: list[str]) -> None:
    assert rouge_l(" ".join(one), " ".join(two)) == slow(one, two)


def test_the_published_example() -> None:
    one = "The quick brown fox jumps over the lazy dog"
    two = "The quick brown dog jumps on the log."
    # the README of rouge-score has .588235 with its stemmer; no word of these changes by it in order
    assert round(rouge_l(one, two), 6) == 0.588235


@settings(deadline=None, max_examples=100)
@given(st.lists(LETTERS, min_size=1, max_size=40), LETTERS, st.integers(1, 12))
def test_the_nearest_are_those_of_comparing_with_all(texts: list[list[str]], asked: list[str], most: int) -> None:
    pool = Pool([" ".join(text) for text in texts[: len(texts) // 2]])
    pool.extend([" ".join(text) for text in texts[len(texts) // 2 :]])
    found = pool.nearest(" ".join(asked), most)
    scores = sorted((slow(text, asked) for text in texts), reverse=True)
    assert [near.score for near in found] == [score for score in scores[:most] if score > 0]
    assert all(slow(texts[near.place], asked) == near.score for near in found)


def test_fifty_thousand_instructions_are_looked_through_in_milliseconds() -> None:
    chance = random.Random(3)
    words = [f"w{number}" for number in range(4000)] + ["the", "a", "of", "to", "in", "write", "for", "and"] * 300
    texts = [" ".join(chance.choices(words, k=chance.randrange(6, 30))) for _ in range(50_000)]
    pool = Pool(texts)
    started = time.process_time()
    for text in texts[:20]:
        assert pool.nearest(f"{text} and more")[0].score > 0.7
    assert (time.process_time() - started) / 20 < 1, "seconds for one look-up"
