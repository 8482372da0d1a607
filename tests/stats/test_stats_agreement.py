"""Coefficients of agreement: published tables, slow references, invariances, and tables on which they are undefined."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import cohens_kappa, pearson
from flywheel_tui.stats.agreement import agreement, explain, kappa_interval, percent_agreement
from flywheel_tui.stats.bands import band, memberships, plain_band
from flywheel_tui.stats.correlation import correlation, kendall, ranks, spearman
from flywheel_tui.stats.raters import ac1, fleiss, kripp, randolph, tally, tally_units

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)
UNITS = st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=1, max_size=20)
FLEISS = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip
N = None
KRIPP = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
    [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
]


def spread(table: list[list[int]]) -> tuple[list[int], list[int]]:
    cells = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    return [i for i, _ in cells], [j for _, j in cells]


def test_kappa_vectors() -> None:
    assert cohens_kappa([True, False, True, False], [True, True, True, False]) == 0.5
    assert cohens_kappa(*spread([[20, 5], [10, 15]])) == pytest.approx(0.4)
    words = (
        ["negative", "positive", "negative", "neutral", "positive"],
        ["negative", "positive", "negative", "neutral", "negative"],
    )
    assert cohens_kappa(*words) == pytest.approx(0.6875)
    a, b = [0, 1, 2, 3, 4, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 3, 3, 1, 1, 1]
    assert cohens_kappa(a, b, weights="linear") == pytest.approx(0.8)
    assert cohens_kappa(a, b, weights="quadratic") == pytest.approx(0.914286, abs=1e-6)


def test_large_sample_interval() -> None:
    figure = kappa_interval([[20, 5], [10, 15]])
    assert (figure.value, figure.low, figure.high) == pytest.approx((0.4, 0.151092, 0.648908), abs=1e-6)
    assert kappa_interval([[9, 0], [0, 0]]).value is None and kappa_interval([[0, 0], [0, 0]]).why == "no items"


def test_the_bootstrap_is_near_the_large_sample_interval() -> None:
    whole = agreement(*spread([[200, 50], [100, 150]]))
    large = kappa_interval(whole.table)
    assert (whole.kappa.low, whole.kappa.high) == pytest.approx((large.low, large.high), abs=0.01)


def test_the_paradox_is_explained() -> None:
    first, second = spread([[90, 5], [5, 0]])
    whole = agreement(first, second)
    assert whole.kappa.value == pytest.approx(-0.052632, abs=1e-6)
    assert whole.ac1.value == pytest.approx(0.889503, abs=1e-6)
    assert whole.percent.value == 0.9 and whole.pabak.value == pytest.approx(0.8)
    assert whole.by_class == (pytest.approx(180 / 190), 0)
    paradox = whole.paradox
    assert paradox is not None and paradox.headline == "AC1"
    assert paradox.prevalence_index == 0.9 and paradox.bias_index == 0
    assert "90% of the items" in paradox.sentence and "-0.05" in paradox.sentence and "0.89" in paradox.sentence
    balanced = explain([[45, 5], [5, 45]])
    assert balanced is not None and balanced.headline == "kappa" and not balanced.sentence
    alike = explain([[7, 0], [0, 0]], [True, False])
    assert alike is not None and "cannot be computed" in alike.sentence
    assert explain([[0, 0], [0, 0]]) is None


def test_fleiss_and_krippendorff_tables() -> None:
    assert fleiss(FLEISS).value == pytest.approx(0.209931, abs=1e-6)
    assert randolph(FLEISS).value == pytest.approx(0.222527, abs=1e-6)
    found = tally(KRIPP)
    values = [float(v) for v in found.categories]
    for metric, alpha in (("nominal", 0.743421), ("ordinal", 0.815388), ("interval", 0.849107), ("ratio", 0.797403)):
        figure = kripp(found.counts, metric, values)
        assert figure.value == pytest.approx(alpha, abs=1e-6) and figure.n == 11
        assert figure.low < figure.value < figure.high
    gwet = ac1(found.counts)
    assert gwet.value == pytest.approx(0.775444, abs=1e-6)
    assert (gwet.high - gwet.value) / 1.96 == pytest.approx((1 - 0.775444) / 1.96, abs=1e-6)  # cut off at 1
    assert (gwet.value - gwet.low) / 1.959964 == pytest.approx(0.143, abs=5e-4)
    units = [[row[item] for row in KRIPP] for item in range(12)]
    assert (tally_units(units).counts == found.counts).all()


def test_what_is_undefined() -> None:
    assert cohens_kappa([], []) is None and cohens_kappa([1, 1], [1, 1]) is None
    assert percent_agreement([None], [1]) is None
    nothing = agreement([None, 1], [1, None])
    assert nothing.n == 0 and nothing.missing == 2 and nothing.kappa.value is None and nothing.paradox is None
    alike = agreement(["a"] * 3, ["a"] * 3)
    assert alike.percent.value == 1 and alike.kappa.value is None and "single category" in alike.kappa.why
    assert fleiss([]).value is None
    assert "different numbers" in fleiss([[1, 1], [2, 1]]).why
    assert fleiss([[1, 0]]).why == "no item has answers of two raters"
    assert "all answers are the same" in kripp([[3, 0], [2, 0]]).why
    assert kripp([[1, 0], [0, 1]]).value is None and ac1([[1, 0]]).value is None and ac1([[3], [3]]).value is None
    sure = agreement([True] * 5, [True] * 5)
    assert sure.ac1.value == 1 and sure.kappa.value is None and sure.by_class == (None, 1)
    many = agreement(list(range(70)), list(range(70)))
    assert many.kappa.value == 1 and many.kappa.low is None and "bins" in many.kappa.why


@given(PAIRS)
@settings(deadline=None, max_examples=60)
def test_kappa_against_its_definition(pairs: list[tuple[int, int]]) -> None:
    first, second = map(list, zip(*pairs, strict=True))
    n = len(pairs)
    for weights, apart in (("none", lambda i, j: i != j), ("linear", lambda i, j: abs(i - j))):
        found = sum(apart(a, b) for a, b in pairs) / n
        chance = sum(apart(a, b) for a in first for b in second) / n**2
        ours = cohens_kappa(first, second, weights=weights, categories=[0, 1, 2, 3])
        assert ours == (pytest.approx(1 - found / chance) if chance else None)
    assert cohens_kappa(second, first) == pytest.approx(cohens_kappa(first, second))
    turned = {0: 2, 1: 0, 2: 3, 3: 1}
    assert cohens_kappa([turned[a] for a in first], [turned[b] for b in second]) == pytest.approx(
        cohens_kappa(first, second)
    )
    whole = agreement(first, second, times=100)
    for figure in (whole.kappa, whole.ac1, whole.alpha, whole.scott_pi, whole.pabak):
        assert figure.value is None or -1.0001 <= figure.value <= 1.0001
        assert figure.low is None or figure.low <= figure.high
    if first == second and whole.kappa.value is not None:
        assert whole.kappa.value == whole.alpha.value == whole.ac1.value == 1


@given(PAIRS)
@settings(deadline=None, max_examples=30)
def test_two_raters_are_a_case_of_many(pairs: list[tuple[int, int]]) -> None:
    first, second = map(list, zip(*pairs, strict=True))
    whole, counts = agreement(first, second, times=50), tally([first, second]).counts
    assert kripp(counts, times=50).value == pytest.approx(whole.alpha.value)
    assert fleiss(counts, times=50).value == pytest.approx(whole.scott_pi.value)
    if whole.ac1.value is not None:
        assert ac1(counts).value == pytest.approx(whole.ac1.value)


def slow_alpha(units: list[list[int]], metric: str) -> float | None:
    """Krippendorff's alpha as the mean difference within items over the mean difference of all pairs of answers."""
    units = [unit for unit in units if len(unit) > 1]
    pool = sorted(answer for unit in units for answer in unit)
    if not pool:
        return None

    def apart(a: int, b: int) -> float:
        if metric == "nominal":
            return float(a != b)
        if metric == "interval":
            return (a - b) ** 2
        a, b = sorted((a, b))
        between = sum(a <= v <= b for v in pool)
        return (between - (pool.count(a) + pool.count(b)) / 2) ** 2

    within = sum(2 * sum(apart(a, b) for a, b in combinations(unit, 2)) / (len(unit) - 1) for unit in units) / len(pool)
    over = 2 * sum(apart(a, b) for a, b in combinations(pool, 2)) / (len(pool) * (len(pool) - 1))
    return 1 - within / over if over else None


@given(UNITS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_alpha_against_its_definition(units: list[list[int]], shuffler: object) -> None:
    found = tally_units(units, [0, 1, 2, 3])
    for metric in ("nominal", "ordinal", "interval"):
        ours = kripp(found.counts, metric, times=20).value
        expected = slow_alpha(units, metric)
        assert ours == (None if expected is None else pytest.approx(expected))
    shuffled = [sorted(unit, key=lambda _: shuffler.random()) for unit in units]  # type: ignore[attr-defined]
    assert kripp(tally_units(shuffled, [0, 1, 2, 3]).counts, times=20) == kripp(found.counts, times=20)


def test_families_widen_the_interval_of_many_raters() -> None:
    rng = np.random.default_rng(0)
    base = np.repeat(rng.integers(0, 2, 60), 5)
    wrong = np.repeat(rng.random(60) < 0.3, 5)
    counts = tally([base, np.where(wrong, 1 - base, base)]).counts
    families = np.repeat(np.arange(60), 5)
    alone, together = kripp(counts), kripp(counts, families=families)
    assert alone.value == together.value
    assert together.high - together.low > 1.6 * (alone.high - alone.low)


def test_bands() -> None:
    """The benchmark of a coefficient .67 with error .15 on Altman's scale is "moderate", not "good"."""
    assert [p for _, p in memberships(0.67, 0.15, "altman")][:3] == pytest.approx([0.18168, 0.67511, 0.96356], abs=1e-5)
    found = band(0.67, 0.15, "altman")
    assert found is not None and found.word == "moderate" and found.plain == "good"
    sure = band(0.67, 0.0)
    assert sure is not None and sure.word == "substantial" == plain_band(0.67)
    assert band(None, 0.1) is None and band(0.9, None).certainty is None  # type: ignore[union-attr]
    assert band(-1.0, 0.01).word == "poor"  # type: ignore[union-attr]
    with pytest.raises(UsageError, match="landis"):
        plain_band(0.5, "nobody")  # type: ignore[arg-type]


def test_correlation_vectors() -> None:
    assert pearson([1, 2, 3, 4], [1, 3, 2, 5]) == pytest.approx(0.8315, abs=5e-5)
    assert pearson([1, 2, 3, 4, 5, 6, 7], [10, 9, 2.5, 6, 4, 3, 2]) == pytest.approx(-0.828504, abs=1e-6)
    assert spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.820783, abs=1e-6)
    assert kendall([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) == pytest.approx(-0.471405, abs=1e-6)
    assert list(ranks(np.array([3.0, 1.0, 3.0]))) == [2.5, 1, 2.5]


def test_correlation_of_what_does_not_vary() -> None:
    for measure in (pearson, spearman, kendall):
        assert measure([], []) is None and measure([1], [2]) is None
        assert measure([1, 1, 1], [1, 2, 3]) is None
        assert measure([1, None, 2], [1, 5, float("nan")]) is None
        assert measure([1, 2, None], [1, 2, 9]) == pytest.approx(1)
    assert correlation([1, 1], [1, 2]).why == "one side does not vary"
    assert correlation([1, 2, 3], [1, 3, 2]).low is None
    assert correlation([1, 2, 3, 4], [2, 4, 6, 8])[:3] == (1, 1, 1)
    figure = correlation([1, 2, 3, 4, 5, 6, 7], [10, 9, 2.5, 6, 4, 3, 2])
    half = 1.959964 / math.sqrt(4)
    assert (figure.low, figure.high) == pytest.approx(
        (math.tanh(math.atanh(-0.828504) - half), math.tanh(math.atanh(-0.828504) + half)), abs=1e-5
    )


@given(
    st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=2, max_size=20),
    st.floats(0.1, 10),
)
@settings(deadline=None, max_examples=80)
def test_correlations_are_bounded_and_symmetric(pairs: list[tuple[float, float]], scale: float) -> None:
    x, y = map(list, zip(*pairs, strict=True))
    for measure in (pearson, spearman, kendall):
        value = measure(x, y)
        assert value is None or -1.000001 <= value <= 1.000001
        assert measure(y, x) == pytest.approx(value)
    if len(set(x)) > 1 and all(1e-100 < abs(v) < 1e100 for v in x):
        assert spearman([v * scale for v in x], x) is None or spearman(x, x) == pytest.approx(1)
