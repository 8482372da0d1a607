"""The figures of diversity: published numbers, and properties that any data must show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stats.diversity import (
    distinct_n,
    evenness,
    grid,
    jensen_shannon,
    self_bleu,
    vendi,
    vendi_of_texts,
)
from flywheel_tui.stats.kmeans import assigned, centres
from flywheel_tui.stats.sampling import BottomK
from flywheel_tui.stats.tfidf import cosines, nearest_texts, neighbours, projected, tfidf, unit

SENTENCES = ["the cat sat on the mat today", "the cat sat on the rug today", "a dog ran in the park quickly"]


def test_vendi_has_its_published_values() -> None:
    points = np.array([0, 0, 10, 10, 20, 20.0])
    assert vendi(np.exp(-abs(points[:, None] - points))) == pytest.approx(2.9999, abs=1e-3)
    assert vendi(np.eye(5)) == pytest.approx(5)
    assert vendi(np.ones((4, 4))) == pytest.approx(1)
    assert vendi(np.zeros((0, 0))) == 0


def test_vendi_of_texts_counts_what_differs() -> None:
    assert vendi_of_texts(["one two", "three four", "five six"]) == pytest.approx(3)
    assert vendi_of_texts(["one two"] * 7) == pytest.approx(1, abs=1e-4)
    assert vendi_of_texts(["one two", "One, two!", "five six", "five six"]) == pytest.approx(2, abs=1e-4)
    assert 1 < vendi_of_texts(SENTENCES) < 3


def test_distinct_n_has_its_published_values() -> None:
    assert distinct_n(["a b", "a c"], 1).share == 0.75
    assert distinct_n(["a b", "a c"], 2).share == 1
    assert distinct_n(["a", ""], 2) == (0, 0)
    assert distinct_n(["same same same same"], 1) == (0.25, 1)


def test_adjusted_distinct_n_does_not_fall_with_the_amount_of_text() -> None:
    chance = np.random.default_rng(2)
    texts = [" ".join(f"w{k}" for k in chance.integers(0, 300, 40)) for _ in range(400)]
    few, many = distinct_n(texts[:20], 1), distinct_n(texts, 1)
    assert many.share < few.share / 4
    assert many.expectation_adjusted == pytest.approx(1, abs=0.05)
    assert few.expectation_adjusted == pytest.approx(1, abs=0.1)


def test_self_bleu_is_that_of_sacrebleu() -> None:
    assert self_bleu(SENTENCES) == pytest.approx(45.0864, abs=1e-4)
    assert self_bleu(["one two three four five"] * 3) == pytest.approx(100)
    assert self_bleu(["a b c d e", "f g h i j"]) == 0
    assert math.isnan(self_bleu(["alone"]))
    assert math.isnan(self_bleu(["alone", "", "…"]))


def test_self_bleu_punishes_texts_shorter_than_the_others() -> None:
    # by hand: "a b c d" against "a b c d e f g h": all of 1..4 words match, brevity e^(1 - 8/4)
    longer = "a b c d e f g h"
    precisions = [4 / 8, 3 / 7, 2 / 6, 1 / 5]
    back = 100 * math.prod(precisions) ** 0.25
    assert self_bleu(["a b c d", longer]) == pytest.approx((100 * math.exp(-1) + back) / 2)


def test_evenness_and_distance() -> None:
    assert evenness([5, 5, 5, 5]) == pytest.approx(1)
    assert evenness([20, 0, 0, 0]) == 0
    assert evenness([3]) == evenness([]) == 1
    assert jensen_shannon([1, 0], [0.5, 0.5]) == pytest.approx(0.464501404)
    assert jensen_shannon([2, 6], [1, 3]) == 0


def test_grid_lists_the_cells_that_nothing_fills() -> None:
    counts = {("a", "x", None): 2, ("b", "y", None): 1, ("c", None, None): 4}
    found = grid(counts, ("topic", "style", "difficulty"))
    assert found.axes == {"topic": ["a", "b", "c"], "style": ["x", "y"]}
    assert found.cells == [(("a", "x"), 2), (("b", "y"), 1)]
    assert found.empty == [("a", "y"), ("b", "x"), ("c", "x"), ("c", "y")]
    assert grid({}, ("topic",)) == ({}, [], [])
    assert grid({(None,): 3}, ("topic",)) == ({}, [], [])
    assert grid({(str(k), str(k)): 1 for k in range(200)}, ("topic", "style")).empty == []


def test_tfidf_is_the_formula() -> None:
    vectors = tfidf(["a a b", "b c", "", "B, c!"])
    assert cosines(vectors, np.array([1, 0, 0, 2]), np.array([3, 1, 0, 0])) == pytest.approx([1, _by_hand(), 1, 0])


def _by_hand() -> float:
    a, b, c = (1 + math.log(5 / (1 + df)) for df in (1, 3, 2))
    one = {"a": (1 + math.log(2)) * a, "b": b}
    two = {"b": b, "c": c}
    return one["b"] * two["b"] / math.hypot(*one.values()) / math.hypot(*two.values())


def test_projection_keeps_cosines_and_the_nearest_is_found() -> None:
    chance = np.random.default_rng(4)
    texts = [" ".join(f"w{int(k)}" for k in chance.zipf(1.3, 30) % 2_000) for _ in range(500)]
    texts += [" ".join([*text.split()[:25], *(f"new{number}" for _ in range(5))]) for number, text in enumerate(texts)]
    vectors = tfidf(texts)
    dense = projected(vectors)
    assert np.allclose(np.linalg.norm(dense, axis=1), 1, atol=1e-4)
    one, two = np.triu_indices(len(texts), 1)
    exact = cosines(vectors, one, two)
    errors = (dense @ dense.T)[one, two] - exact
    assert abs(errors.mean()) < 0.01
    assert errors.std() < 0.06
    best = np.full((len(texts), len(texts)), -1.0)
    best[one, two] = best[two, one] = exact
    nearest, cosine = nearest_texts(texts)
    assert np.allclose(cosine, best[np.arange(len(texts)), nearest])
    near = best.max(axis=1) > 0.6
    assert near.sum() > 500
    assert (cosine[near] >= best.max(axis=1)[near] - 1e-9).mean() > 0.99


def test_neighbours_are_never_oneself() -> None:
    dense = unit(np.array([[1, 0], [1, 0.001], [0, 1], [0, 0]], np.float32))
    found = neighbours(dense, 2)
    assert found.nearest[:3, 0].tolist() == [1, 0, 1]
    assert all(row not in found.nearest[row] for row in range(4))


def test_clusters_are_the_directions_that_were_planted() -> None:
    chance = np.random.default_rng(3)
    directions = unit(chance.normal(size=(4, 32)).astype(np.float32))
    truth = chance.integers(0, 4, 400)
    points = unit(directions[truth] + 0.05 * chance.normal(size=(400, 32)).astype(np.float32))
    own = assigned(points, centres(points, 4, seed=1))
    assert len({(int(a), int(b)) for a, b in zip(own, truth, strict=True)}) == 4
    assert len(centres(unit(np.ones((9, 3), np.float32)), 4)) == 1


@given(st.lists(st.integers(0, 1_000), max_size=60), st.integers(1, 20), st.randoms())
@settings(deadline=None)
def test_a_sample_knows_no_order(keys: list[int], size: int, chance: object) -> None:
    one, two = BottomK[int](size, 3), BottomK[int](size, 3)
    for key in keys:
        one.add(key, -key)
    different = sorted(set(keys))
    chance.shuffle(different)  # type: ignore[attr-defined]
    for key in different:
        two.add(key, -key)
    assert one.items() == two.items()
    assert len(one.items()) == min(size, len(different))
    assert two.seen == len(different)


def test_a_sample_is_fair() -> None:
    hits = np.zeros(40)
    for seed in range(3_000):
        sample = BottomK[None](10, seed)
        for key in range(40):
            sample.add(key, None)
        hits[[key for key, _ in sample.items()]] += 1
    assert abs(hits / 3_000 - 0.25).max() < 0.04
