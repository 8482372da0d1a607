"""The join of similar sets: against all pairs compared in Python, on made-up and on hostile sets."""

from __future__ import annotations

import random
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stats import setgroups, setjoin
from flywheel_tui.stats.clusters import Forest
from flywheel_tui.stats.comparing import Join
from flywheel_tui.stats.setjoin import similar_pairs
from flywheel_tui.stats.sets import Sets, jaccard
from flywheel_tui.stats.shingles import character_shingles, word_shingles

SETS = st.lists(st.frozensets(st.integers(0, 25), max_size=14), max_size=25)


def as_sets(sets: list[frozenset[int]]) -> Sets:
    keys = [number << 32 | element for number, one in enumerate(sets) for element in one]
    return Sets.of_keys(np.array(keys, np.uint64), len(sets))


def similarity(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 0.0


def expected(sets: list[frozenset[int]], threshold: float) -> dict[tuple[int, int], float]:
    """All pairs; of equal sets only those with the first, and others only of first ones."""
    first: dict[frozenset[int], int] = {}
    for number, one in enumerate(sets):
        first.setdefault(one, number)
    found = {}
    for (i, a), (j, b) in combinations(enumerate(sets), 2):
        if a and b and similarity(a, b) >= threshold and first[a] == i and (a == b or first[b] == j):
            found[i, j] = similarity(a, b)
    return found


def as_dict(join: Join) -> dict[tuple[int, int], float]:
    found = dict(zip(zip(join.left.tolist(), join.right.tolist(), strict=True), join.similarity.tolist(), strict=True))
    assert len(found) == len(join.left)
    return found


@given(SETS, st.sampled_from([0.2, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0]))
@settings(deadline=None, max_examples=300)
def test_every_pair_is_found_and_no_other(sets: list[frozenset[int]], threshold: float) -> None:
    join = similar_pairs(as_sets(sets), threshold)
    assert as_dict(join) == pytest.approx(expected(sets, threshold))
    assert join.left_out == 0


@given(SETS, st.sampled_from([0.3, 0.5, 0.8]))
@settings(deadline=None, max_examples=150)
def test_clusters_are_the_same_when_every_group_is_a_large_one(sets: list[frozenset[int]], threshold: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(setjoin, "LARGEST_GROUP", 2)
        join = similar_pairs(as_sets(sets), threshold)
    true = expected(sets, threshold)
    found = as_dict(join)
    assert all(true[pair] == pytest.approx(value) for pair, value in found.items())
    assert roots(len(sets), found) == roots(len(sets), true)


def roots(size: int, pairs: dict[tuple[int, int], float]) -> list[int]:
    forest = Forest(size)
    forest.join(np.array([a for a, _ in pairs], np.int64), np.array([b for _, b in pairs], np.int64))
    return forest.roots(np.arange(size)).tolist()


def test_the_threshold_itself_counts() -> None:
    sets = as_sets([frozenset(range(9)), frozenset(range(1, 10))])  # 8 of 10
    assert similar_pairs(sets, 0.8).similarity.tolist() == [0.8]
    assert len(similar_pairs(sets, 0.8000001).left) == 0


@pytest.mark.parametrize("threshold", [0, -1, 1.01, float("nan")])
def test_thresholds_that_are_none(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        similar_pairs(as_sets([]), threshold)


@given(st.integers(1, 60), st.data())
@settings(deadline=None, max_examples=100)
def test_forest_finds_the_smallest_of_each_cluster(size: int, data: st.DataObject) -> None:
    number = st.integers(0, size - 1)
    links = data.draw(st.lists(st.tuples(number, number), max_size=80))
    parents = list(range(size))
    for a, b in links:
        low, high = sorted((parents[a], parents[b]))
        parents = [low if parent == high else parent for parent in parents]
    assert roots(size, dict.fromkeys(links, 1.0)) == parents


def test_a_long_chain_is_one_cluster_soon() -> None:
    numbers = np.arange(200_000)
    order = np.random.default_rng(1).permutation(len(numbers) - 1)
    forest = Forest(len(numbers))
    started = time.process_time()
    forest.join(numbers[:-1][order], numbers[1:][order])
    assert not forest.roots(numbers).any()
    assert time.process_time() - started < 10


WORDS = [f"w{number}" for number in range(3_000)]
_chance = random.Random(5)
BOILERPLATE = " ".join(_chance.choices(WORDS, k=200))
PIECES = [[" ".join(_chance.choices(WORDS, k=8)) for _ in range(8)] for _ in range(6)]
HOSTILE = {
    "identical": lambda number: BOILERPLATE,
    "one number differs": lambda number: f"{BOILERPLATE[:300]} {number} {BOILERPLATE[300:420]}",
    "boilerplate and a little": lambda number: BOILERPLATE + " " + " ".join(_chance.choices(WORDS, k=12)),
    "boilerplate and a lot": lambda number: BOILERPLATE + " " + " ".join(_chance.choices(WORDS, k=70)),
    "put together from pieces": lambda number: " ".join(_chance.choice(piece) for piece in PIECES),
    "few words": lambda number: " ".join(_chance.choices(WORDS[:6], k=60)),
    "nothing": lambda number: "…",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_stay_bounded(name: str) -> None:
    sets, _ = word_shingles([HOSTILE[name](number) for number in range(8_000)])
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    started = time.process_time()
    join = similar_pairs(sets, 0.8, tick)
    assert time.process_time() - started < 20
    assert ticks > 0
    clusters = len(set(roots(8_000, as_dict(join))))
    if name in ("identical", "one number differs", "boilerplate and a little"):
        assert clusters == 1
    if name in ("boilerplate and a lot", "nothing"):
        assert clusters == 8_000
    if name != "put together from pieces":
        assert join.left_out == 0 or name == "few words"


def test_what_tick_raises_ends_the_work() -> None:
    sets, _ = word_shingles([HOSTILE["one number differs"](number) for number in range(500)])

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        similar_pairs(sets, 0.8, stop)


def test_comparisons_given_up_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setgroups, "ROUNDS", 1)
    monkeypatch.setattr(setgroups, "_LISTED", 10)
    sets, _ = word_shingles([HOSTILE["few words"](number) for number in range(2_000)])
    assert similar_pairs(sets, 0.5).left_out > 0


def test_word_shingles_of_short_texts() -> None:
    sets, counts = word_shingles(["a b c d", "A, b; C. d!", "a b", "a b", "a", "", "b a"])
    assert counts.tolist() == [4, 4, 2, 2, 1, 0, 2]
    assert sets.sizes.tolist() == [2, 2, 1, 1, 1, 0, 1]
    one, two = np.array([0, 2, 2, 2]), np.array([1, 3, 4, 6])
    assert jaccard(sets, one, two).tolist() == [1, 1, 0, 0]


@given(st.lists(st.text("ab c.,é東京", max_size=20), max_size=8))
@settings(deadline=None, max_examples=200)
def test_character_shingles_are_those_of_the_words_joined_by_blanks(texts: list[str]) -> None:
    def plain(text: str) -> set[str]:
        joined = ""
        for character in text:
            joined += character if character.isalnum() else " "
        joined = " ".join(joined.split())
        return {joined[k : k + 3] for k in range(max(len(joined) - 2, 1))} if joined else set()

    sets = character_shingles(texts)
    shown = [plain(text) for text in texts]
    assert sets.sizes.tolist() == [len(one) for one in shown]
    for i, j in combinations(range(len(texts)), 2):
        union = shown[i] | shown[j]
        value = len(shown[i] & shown[j]) / len(union) if union else 0
        assert jaccard(sets, np.array([i]), np.array([j]))[0] == pytest.approx(value)
