"""Intervals against published tables, and what must hold for any counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import bootstrap, intervals, tables
from flywheel_tui.stats.weighted import design_effect, inclusion_weights, kish, mean_figure, weighted_rate


@st.composite
def proportions(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 400))
    return draw(st.integers(0, n)), n


@pytest.mark.parametrize(
    ("x", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0, 0.1611), (0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_published_table(x: int, n: int, score: tuple[float, float], exact: tuple[float, float]) -> None:
    """Newcombe (1998), table I."""
    assert intervals.wilson(x, n) == pytest.approx(score, abs=6e-5)
    assert intervals.clopper_pearson(x, n) == pytest.approx(exact, abs=6e-5)


def test_newcombe_difference() -> None:
    assert intervals.newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=6e-5)
    assert intervals.newcombe(0, 0, 3, 4) == (-1, 1)


def test_nine_of_ten_and_nothing() -> None:
    assert intervals.wilson(9, 10) == pytest.approx((0.596, 0.982), abs=5e-4)
    assert intervals.wilson(0, 0) == (0, 1) == intervals.clopper_pearson(0, 0) == intervals.jeffreys(0, 0)
    with pytest.raises(UsageError, match="3 of 2"):
        intervals.wilson(3, 2)


@given(proportions(), st.floats(0.5, 0.999))
@settings(deadline=None, max_examples=60)
def test_every_interval_holds_the_share_and_grows_with_the_level(counts: tuple[int, int], level: float) -> None:
    x, n = counts
    for method in (intervals.wilson, intervals.clopper_pearson, intervals.jeffreys):
        low, high = method(x, n, level)
        assert 0 <= low <= x / n <= high <= 1
        wider = method(x, n, (1 + level) / 2)
        assert wider.low <= low + 1e-12 and wider.high >= high - 1e-12
        mirrored = method(n - x, n, level)
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-9)


@given(proportions(), st.floats(0.01, 0.5))
@settings(deadline=None, max_examples=60)
def test_the_exact_bound_is_the_binomial_tail(counts: tuple[int, int], delta: float) -> None:
    x, n = counts
    bound = intervals.clopper_lower(x, n, delta)
    tail = sum(math.comb(n, k) * bound**k * (1 - bound) ** (n - k) for k in range(x, n + 1))
    assert tail == pytest.approx(delta if x else 1.0, rel=1e-6)
    assert intervals.clopper_upper(n - x, n, delta) == pytest.approx(1 - bound)


def test_bootstrap_on_counts_is_the_bootstrap_on_rows() -> None:
    rng = np.random.default_rng(1)
    first = rng.random(300) < 0.6
    second = first ^ (rng.random(300) < 0.2)
    families = np.repeat(np.arange(100), 3)

    def kappa(rows: np.ndarray) -> float:
        return float(tables.kappa(tables.crosstab(first[rows].astype(int), second[rows].astype(int), 2)))

    slow = bootstrap.cluster_bootstrap(kappa, families, times=3000, seed=3)
    features = bootstrap.cells(first * 2 + second, 4, None, families)
    fast = bootstrap.interval(features, lambda s: tables.kappa(s.reshape(-1, 2, 2)), times=20_000, seed=4, bca=False)
    assert fast.value == pytest.approx(slow.value)
    assert (fast.low, fast.high) == pytest.approx((slow.low, slow.high), abs=0.015)
    assert fast.n == slow.n == 100
    corrected = bootstrap.interval(features, lambda s: tables.kappa(s.reshape(-1, 2, 2)), seed=4)
    assert corrected.method == "bootstrap, BCa" and (corrected.low, corrected.high) != (fast.low, fast.high)


def test_bca_agrees_with_scipy() -> None:
    from scipy import stats

    first = np.repeat([1, 1, 0, 0], (40, 6, 9, 25))
    second = np.repeat([1, 0, 1, 0], (40, 6, 9, 25))

    def kappa(a: np.ndarray, b: np.ndarray) -> float:
        return float(tables.kappa(tables.crosstab(a, b, 2)))

    theirs = stats.bootstrap(
        (first, second), kappa, paired=True, vectorized=False, n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    ours = bootstrap.interval(
        bootstrap.cells(first * 2 + second, 4, None, None), lambda s: tables.kappa(s.reshape(-1, 2, 2)), times=40_000
    )
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_the_same_seed_gives_the_same_interval() -> None:
    features = bootstrap.cells(np.array([0, 1, 2, 3] * 20), 4, None, None)
    draw = [bootstrap.interval(features, lambda s: tables.mcc(s.reshape(-1, 2, 2)), seed=s) for s in (1, 1, 2)]
    assert draw[0] == draw[1] != draw[2]


def test_what_has_no_interval_says_why() -> None:
    features = bootstrap.cells(np.array([3, 3, 3]), 4, None, None)
    assert bootstrap.interval(features, lambda s: tables.mcc(s.reshape(-1, 2, 2))).why == "undefined on these labels"
    lone = bootstrap.cells(np.array([0, 3, 3]), 4, None, np.array([7, 7, 7]))
    figure = bootstrap.interval(lone, lambda s: tables.mcc(s.reshape(-1, 2, 2)))
    assert figure.value == 1 and figure.low is None and "spread" in figure.why
    rare = bootstrap.cells(np.array([0, 3]), 4, None, None)
    figure = bootstrap.interval(rare, lambda s: tables.mcc(s.reshape(-1, 2, 2)))
    assert figure.low is None and "of 2000 resamples" in figure.why
    assert bootstrap.cluster_bootstrap(lambda rows: 1.0, []).why == "no items"


def test_equal_weights_are_the_plain_rate() -> None:
    plain = weighted_rate([1, 1, 0, 1, 0] * 20, [4.0] * 100)
    assert plain.value == pytest.approx(0.6)
    assert (plain.low, plain.high) == pytest.approx(intervals.wilson(60, 100), abs=0.003)


def test_labels_without_a_probability_are_in_no_estimate() -> None:
    weights = inclusion_weights([0.5, 0.1, None, 1.0])
    assert list(weights) == [2, 10, 0, 1]
    figure = weighted_rate([1, 0, 1, 1], weights)
    assert figure.value == pytest.approx(3 / 13) and figure.n == 3
    assert weighted_rate([1, 1], [0, 0]).value is None
    with pytest.raises(UsageError, match="inclusion probability"):
        inclusion_weights([0.0])


def test_unequal_sampling_is_undone_and_covered() -> None:
    """A stratum that is labelled nine times as often pulls the raw mean, not the estimate; the interval covers."""
    rng = np.random.default_rng(5)
    truth = np.r_[rng.random(9000) < 0.95, rng.random(1000) < 0.3]
    pi = np.r_[np.full(9000, 0.01), np.full(1000, 0.09)]
    raw, covered = [], 0
    for _ in range(300):
        taken = rng.random(10_000) < pi
        figure = weighted_rate(truth[taken], 1 / pi[taken])
        raw.append(truth[taken].mean())
        covered += figure.low <= truth.mean() <= figure.high
    assert np.mean(raw) < truth.mean() - 0.2
    assert covered / 300 > 0.92


def test_families_that_hang_together_widen_the_interval() -> None:
    families = np.repeat(np.arange(40), 5)
    values = np.repeat(np.arange(40) % 2, 5)
    alone, together = weighted_rate(values, np.ones(200)), weighted_rate(values, np.ones(200), families=families)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert design_effect(values, families).value == pytest.approx(5)
    assert design_effect(values, np.arange(200)).value == 1
    assert design_effect([], []).value is None and design_effect([1, 0], [3, 3]).value is None


def test_effective_number_of_weights() -> None:
    assert kish([1, 1, 1, 1]) == 4 and kish([1, 0, 0]) == 1 and kish([]) == 0
    figure = mean_figure([1, 2, 3, 4])
    assert figure.value == 2.5 and figure.low < 2.5 < figure.high
    assert mean_figure([]).value is None and mean_figure([3]).low is None
