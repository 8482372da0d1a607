"""When rows grow alike: each rule of the watch, and what leaves it quiet."""

from __future__ import annotations

from generate_helpers import phrase

from flywheel_tui.stages.generate.options import Figures
from flywheel_tui.stages.generate.watch import Variety, measure, verdict


def figures(vendi: float = 0.9, distinct2: float = 0.9, nearest: float = 0.2, alike: float = 0.0) -> Figures:
    return Figures(rows=50, vendi=vendi, distinct2=distinct2, nearest=nearest, alike=alike)


def test_two_falls_of_a_tenth_are_a_trend_and_one_is_not() -> None:
    assert "the Vendi score per row fell twice" in verdict([figures(0.9), figures(0.8), figures(0.7)])
    assert "distinct-2 fell twice" in verdict([figures(), figures(distinct2=0.8), figures(distinct2=0.7)])
    assert verdict([figures(0.9), figures(0.7), figures(0.65)]) == "", "the second fall is smaller than a tenth"
    assert verdict([figures(0.9), figures(0.6)]) == ""
    assert verdict([figures(0.9), figures(0.95), figures(0.7)]) == ""


def test_rising_similarity_and_redundancy() -> None:
    rising = [figures(nearest=value) for value in (0.3, 0.36, 0.45)]
    assert "nearer to known ones: ROUGE-L 0.30, 0.36, 0.45" in verdict(rising)
    assert verdict([figures(nearest=value) for value in (0.1, 0.15, 0.2)]) == ""
    assert "6% of the pairs" in verdict([figures(alike=0.06)]) and verdict([figures(alike=0.05)]) == ""


def test_a_window_of_different_texts_and_one_of_the_same() -> None:
    varied = measure([phrase(number, 30) for number in range(40)], [0.2] * 40)
    same = measure([f"{phrase(3, 30)} {phrase(number, 2)}" for number in range(40)], [0.9] * 40)
    assert varied.vendi > 4 * same.vendi and varied.alike == 0 and same.alike > 0.3
    assert varied.distinct2 > same.distinct2 and same.nearest == 0.9


def test_a_window_is_looked_at_when_it_is_full() -> None:
    watch = Variety(window=10)
    said = [watch.add("the very same text each time", 0.5) for _ in range(10)]
    assert said[:9] == [""] * 9 and "100% of the pairs" in said[9]
    assert not watch.texts and len(watch.history) == 1
