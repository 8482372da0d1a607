"""Pass rates of the whole from few labels, the label planner, samples with known probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import planner, stratified
from flywheel_tui.stats.arrays import Figure
from flywheel_tui.stats.estimate import (
    Stratum,
    aipw,
    begg_greenes,
    effective_labels,
    poststrat,
    poststrat_beta,
    ppi_mean,
    rg_lee_ci,
    rogan_gladen,
)
from flywheel_tui.stats.intervals import clopper_lower

TRUTH = np.repeat([1, 0, 1, 0], [60, 10, 5, 25])
JUDGED = np.repeat([1, 0], [70, 30])
REST = np.repeat([1, 0], [720, 280])


def test_ppi_vectors() -> None:
    for weight, expected in (
        (None, (0.650694, 0.663014, 0.590668, 0.735360)),
        (1.0, (1.0, 0.67, 0.589747, 0.750253)),
        (0.0, (0.0, 0.65, 0.556516, 0.743484)),
    ):
        found = ppi_mean(TRUTH, JUDGED, REST, weight=weight)
        assert (found.weight, *found.figure[:3]) == pytest.approx(expected, abs=1e-6)
    best = ppi_mean(TRUTH, JUDGED, REST)
    assert effective_labels(TRUTH.var(), best.figure) == pytest.approx(167, abs=1)
    assert effective_labels(0.2, Figure(1.0)) is None
    assert ppi_mean([1], [1], REST).figure.value is None and ppi_mean([1, 0], [1, 0], []).figure.value is None
    assert ppi_mean([1, 0], [1, 1], [1, 1]).weight == 0


def test_rogan_gladen_vectors() -> None:
    assert rogan_gladen(23 / 150, 0.89, 0.96) == pytest.approx(0.050980, abs=1e-6)
    assert rogan_gladen(0.4, 0.7, 0.9) == pytest.approx(1 / 6)
    assert rg_lee_ci(0.4, 0.7, 0.9, 1000, 200, 200) == pytest.approx((0.056351, 0.262733), abs=1e-6)
    assert rogan_gladen(0.72, 25 / 35, 60 / 65) == pytest.approx(0.681379, abs=1e-6)
    assert rg_lee_ci(0.72, 25 / 35, 60 / 65, 1000, 35, 65) == pytest.approx((0.564486, 0.797356), abs=1e-6)
    assert rogan_gladen(0.5, 0.5, 0.5) is None and rg_lee_ci(0.5, 0.4, 0.5, 100, 50, 50) is None
    assert rogan_gladen(0.05, 0.9, 0.9) == 0 and rogan_gladen(0.99, 0.9, 0.9) == 1


def test_poststratified_vectors() -> None:
    found = poststrat_beta(60, 10, 5, 25, 720, 1000, draws=200_000)
    assert found.value == pytest.approx(0.661839, abs=1e-6)
    assert (found.low, found.lower, found.high) == pytest.approx((0.5867, 0.5996, 0.7309), abs=2e-3)
    assert found.labels == 100 and found.worth is not None and found.worth > 130
    assert begg_greenes(0.72, 0.9, 0.8) == pytest.approx((0.920455, 0.756757), abs=1e-6)
    assert begg_greenes(0.0, 0.5, 1.0) == (None, 1.0)


def test_no_labels_and_no_verdicts() -> None:
    wide = poststrat_beta(0, 0, 0, 0, 720, 1000)
    assert wide.low is not None and wide.high is not None and wide.high - wide.low > 0.8 and "prior" in wide.why
    assert poststrat([Stratum(0, 0, 0)]).value is None and poststrat([]).value is None
    one = poststrat([Stratum(9, 1, 100)])
    assert one.value == pytest.approx(9.5 / 11)
    with pytest.raises(UsageError, match="negative"):
        poststrat([Stratum(-1, 0, 3)])


def test_the_interval_covers_where_the_judge_is_lenient() -> None:
    """30 labels, 95 % pass, a judge with TPR .95 and TNR .6: the raw rate is off, the interval covers (500 seeds)."""
    rng = np.random.default_rng(8)
    covered = raw = 0
    for seed in range(500):
        y = rng.random(1030) < 0.95
        f = np.where(y, rng.random(1030) < 0.95, rng.random(1030) < 0.4)
        few, judged = y[:30], f[:30]
        found = poststrat_beta(
            (few & judged).sum(), (~few & judged).sum(), (few & ~judged).sum(), (~few & ~judged).sum(),
            f[30:].sum(), 1000, draws=2000, seed=seed,
        )  # fmt: skip
        assert found.low is not None and found.high is not None
        covered += found.low <= 0.95 <= found.high
        raw += abs(f.mean() - 0.95) < 0.01
    assert covered / 500 >= 0.93 and raw / 500 < 0.1


def test_active_inference_is_unbiased() -> None:
    rng = np.random.default_rng(9)
    y = rng.random(4000) < 0.8
    f = np.clip(np.where(y, 0.75, 0.45) + rng.normal(0, 0.1, 4000), 0, 1)
    pi = stratified.pps(stratified.uncertainty_sizes(f), 400)
    values, covered = [], 0
    for seed in range(200):
        drawn = np.zeros(4000, bool)
        drawn[stratified.poisson_sample(pi, seed).items] = True
        found = aipw(f, np.where(drawn, y, np.nan), drawn, pi)
        values.append(found.value)
        covered += found.low <= y.mean() <= found.high
    assert np.mean(values) == pytest.approx(y.mean(), abs=0.005) and covered >= 184
    assert aipw([0.5], [1], [True], [1.0]).value is None
    with pytest.raises(UsageError, match="inclusion probability"):
        aipw([0.5, 0.5], [1, 1], [True, False], [1.0, 0.0])
    with pytest.raises(UsageError, match="no label yet"):
        aipw([0.5, 0.5], [None, 1], [True, False], [1.0, 0.5])


def test_acceptance_table() -> None:
    assert planner.acceptance_table() == {
        0.8: [14, 22, 30, 37, 44, 50],
        0.85: [19, 30, 40, 50, 59, 68],
        0.9: [29, 46, 61, 76, 89, 103],
        0.95: [59, 93, 124, 153, 181, 208],
        0.99: [299, 473, 628, 773, 913, 1049],
    }


@given(st.floats(0.5, 0.99), st.integers(0, 8))
@settings(deadline=None, max_examples=40)
def test_one_label_fewer_does_not_prove_it(target: float, errors: int) -> None:
    n = planner.min_n(target, errors)
    assert clopper_lower(n - errors, n) >= target
    assert n - 1 < errors or clopper_lower(n - 1 - errors, n - 1) < target


def test_planner_vectors() -> None:
    assert planner.ci_n(0.5, 0.05) == pytest.approx(384.1459, abs=1e-4)
    assert planner.ci_n(0.9, 0.05) == pytest.approx(138.2925, abs=1e-4)
    assert planner.connor_n(0.15, 0.05) == pytest.approx(154.5986, abs=1e-4)
    assert planner.two_rates_n(0.5, 0.75) == pytest.approx(76.7, abs=0.05)
    assert planner.two_rates_power(0.5, 0.75, 50) == pytest.approx(0.740, abs=5e-4)
    assert planner.connor_n(0.1, 0.1) == math.inf == planner.two_rates_n(0.5, 0.5) == planner.repeats_n(1, 0)
    assert planner.repeats_n(0.04, 0.05) == pytest.approx((1.959964 + 0.841621) ** 2 * 0.04 / 0.0025, rel=1e-5)
    assert planner.repeats_n(0.04, 0.05, within_a=0.1, repeats_a=10) == pytest.approx(planner.repeats_n(0.05, 0.05))
    now, after = planner.width_after(45, 50, 50)
    assert after < now and planner.width_after(0, 0, 50)[0] == 1
    with pytest.raises(UsageError, match="not a share"):
        planner.min_n(1.0, 0)


def test_labels_still_needed() -> None:
    assert planner.labels_to_decide(59, 59, 0.95) == 0
    more = planner.labels_to_decide(40, 41, 0.9)
    assert more is not None and 0 < more < 60
    assert planner.labels_to_decide(10, 100, 0.9) == 0  # refuted already
    assert planner.labels_to_decide(0, 0, 0.5) is None


def test_neyman_vectors() -> None:
    assert stratified.neyman([0.7, 0.2, 0.1], [0.3, 0.5, 0.4], 100) == pytest.approx([60, 28.571429, 11.428571])
    found = stratified.stratified_rate([57, 20.3, 2.2], [60, 29, 11], [700, 200, 100])
    assert found.value == pytest.approx(0.825)
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(0.029232, abs=1e-6)
    assert stratified.neyman([0.5, 0.5], [0, 0], 10).tolist() == [5, 5]
    assert stratified.whole([60, 28.571, 11.429], [1000, 1000, 5]).tolist() == [63, 32, 5]
    assert stratified.stratified_rate([0], [0], [5]).why == "a stratum has no label"
    assert stratified.stratified_rate([1], [1], [5]).low is None
    assert stratified.stratified_rate([3, 3], [3, 3], [5, 5]).low is None


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(0, 5), st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_stratified_samples(strata: list[int], each: int, seed: int) -> None:
    names = sorted(set(strata))
    sample = stratified.stratified_sample(strata, [each] * len(names), seed)
    assert len(set(sample.items.tolist())) == len(sample.items)
    for name in names:
        size = strata.count(name)
        inside = [pi for item, pi in zip(sample.items, sample.pi, strict=True) if strata[item] == name]
        assert len(inside) == min(each, size) and all(pi == min(each, size) / size for pi in inside)
    again = stratified.stratified_sample(strata, [each] * len(names), seed)
    assert (again.items == sample.items).all()


def test_every_item_of_a_stratum_is_as_likely() -> None:
    strata = np.array([0] * 6 + [1] * 3)
    hits = np.zeros(9)
    for seed in range(3000):
        hits[stratified.stratified_sample(strata, [2, 1], seed).items] += 1
    assert hits / 3000 == pytest.approx(np.full(9, 1 / 3), abs=0.03)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0.1, 60))
@settings(deadline=None, max_examples=60)
def test_pps_keeps_to_the_budget(sizes: list[float], budget: float) -> None:
    pi = stratified.pps(sizes, budget, 0.02)
    assert ((pi >= 0.02) & (pi <= 1)).all()
    reachable = len(sizes) if min(sizes) > 1e-9 else None
    if reachable and 0.02 * len(sizes) <= budget <= len(sizes):
        assert pi.sum() == pytest.approx(budget, rel=1e-6)
    assert len(stratified.pps([], 3)) == 0
    with pytest.raises(UsageError, match="not negative"):
        stratified.pps([-1.0], 1)


def test_families_never_straddle_splits() -> None:
    families = np.arange(9000) // 3
    shares = {"prompt-dev": 0.15, "calibrate": 0.425, "report": 0.425}
    split = stratified.split_by_family(families, shares, 7)
    assert all(len(set(split[i : i + 3])) == 1 for i in range(0, 9000, 3))
    assert (split == "report").mean() == pytest.approx(0.425, abs=0.03)
    assert (stratified.split_by_family(families[3000:], shares, 7) == split[3000:]).all()
    with pytest.raises(UsageError, match="at least one split"):
        stratified.split_by_family(families, {})
