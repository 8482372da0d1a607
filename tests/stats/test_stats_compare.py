"""Comparisons, tests that may be watched, gates, drift, label order, evaluation."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import active, drift, evaluation, gates, paired, sequential, tables
from flywheel_tui.stats.arrays import Figure


def test_mcnemar_vectors() -> None:
    assert paired.mcnemar_exact(10, 2).p == pytest.approx(0.0385742, abs=1e-7)
    assert paired.mcnemar_chi2(121, 59).statistic == pytest.approx(21.3556, abs=1e-4)
    assert paired.mcnemar_chi2(86, 150).statistic == pytest.approx(17.3559, abs=1e-4)
    assert paired.mcnemar_exact(0, 0).p == 1 and paired.mcnemar_chi2(0, 0).p is None
    assert paired.paired_counts([1, 1, 0, 0], [1, 0, 1, 0]) == (1, 1, 1, 1)
    assert paired.sign_test(0, 2000).p < 1e-300 or paired.sign_test(0, 2000).p == 0


@given(st.integers(0, 40), st.integers(0, 40))
@settings(deadline=None, max_examples=60)
def test_the_sign_test_is_the_coin(wins: int, losses: int) -> None:
    n = wins + losses
    tail = sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n
    assert paired.sign_test(wins, losses, "greater").p == pytest.approx(tail)
    assert paired.sign_test(wins, losses).p == pytest.approx(paired.sign_test(losses, wins).p)
    assert paired.sign_test(wins, losses, "less").p == pytest.approx(paired.sign_test(losses, wins, "greater").p)


def test_independent_arms() -> None:
    figure, test = paired.two_proportions(5, 83, 12, 99)
    assert test.p == pytest.approx(0.159182, abs=1e-6) and figure.low < 0 < figure.high
    # statsmodels prints 0.152158: its estimate under H0 is not the likeliest (see the test of the estimate below)
    assert paired.noninferiority(180, 200, 184, 200).p == pytest.approx(0.150943, abs=1e-6)
    assert paired.two_proportions(0, 0, 1, 2)[0].value is None
    assert paired.two_proportions(2, 2, 3, 3)[1].p == 1
    assert paired.noninferiority(0, 0, 1, 2).p is None
    assert paired.noninferiority(500, 500, 500, 500).p < 0.001
    assert paired.noninferiority(50, 100, 90, 100).p > 0.99


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 60), st.integers(0, 60), st.floats(0.001, 0.4))
@settings(deadline=None, max_examples=60)
def test_the_restricted_estimate_is_the_likeliest(n1: int, n2: int, x1: int, x2: int, margin: float) -> None:
    x1, x2 = min(x1, n1), min(x2, n2)
    p1, p2 = paired._restricted(x1, n1, x2, n2, -margin)
    assert p1 - p2 == pytest.approx(-margin, abs=1e-6)

    def likelihood(p: np.ndarray) -> np.ndarray:
        q = p + margin
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = [k * np.log(v) if k else 0 * v for k, v in ((x1, p), (n1 - x1, 1 - p), (x2, q), (n2 - x2, 1 - q))]
        return sum(parts)

    grid = np.linspace(1e-9, 1 - margin - 1e-9, 4001)
    best = likelihood(grid).max()
    assert likelihood(np.array([np.clip(p1, 1e-9, 1 - margin - 1e-9)]))[0] >= best - 1e-6 * abs(best) - 1e-6


def test_paired_differences() -> None:
    first, second = np.r_[np.ones(60), np.zeros(40)], np.r_[np.ones(40), np.zeros(60)]
    found = paired.paired_difference(first, second)
    assert found.value == pytest.approx(0.2) and found.low > 0.1 and found.n == 100
    alike = paired.paired_difference(first, second, families=np.arange(100) // 20)
    assert alike.high - alike.low > found.high - found.low
    assert paired.paired_difference([None], [1]).value is None
    truth = np.tile([1, 0], 50)
    gap = paired.table_difference(truth, truth, second, tables.mcc)
    assert gap.value == pytest.approx(1 - float(tables.mcc(tables.crosstab(truth, second.astype(int), 2))))
    same = paired.table_difference(truth, second, second, tables.mcc)
    assert same.value == 0 and same.low == same.high == 0
    assert paired.table_difference([], [], [], tables.mcc).value is None
    assert paired.wilcoxon([1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 0]).p == pytest.approx(0.03125)
    assert paired.wilcoxon([1, 2], [1, 2]).p == 1


def test_anytime_valid_vectors() -> None:
    assert [sequential.evalue_sign(s, n) for s, n in ((9, 10), (10, 10), (8, 8))] == pytest.approx(
        [9.309091, 93.090909, 28.444444], abs=1e-6
    )
    assert sequential.msprt(1000, 0.05, 0.25, 0.01) == pytest.approx(2.360070, abs=1e-6)
    assert sequential.msprt(1000, 0.10, 0.25, 0.01) == pytest.approx(2985.577, abs=1e-3)
    assert sequential.evalue_sign(0, 0) == 1 == sequential.msprt(0, 0.3, 0.25, 0.01)
    assert sequential.always_valid_p([0.5, 4.0, 2.0, 0.0]) == [1.0, 0.25, 0.25, 0.25]
    with pytest.raises(UsageError):
        sequential.evalue_sign(3, 2)
    with pytest.raises(UsageError):
        sequential.msprt(1, 0.1, 0.25, 0)


def test_an_e_value_is_a_fair_bet_however_often_one_looks() -> None:
    for n in (1, 5, 30):
        mean = sum(math.comb(n, s) * sequential.evalue_sign(s, n) for s in range(n + 1)) / 2**n
        assert mean == pytest.approx(1)
    wins = (np.random.default_rng(0).random((1000, 300)) < 0.5).cumsum(axis=1)
    crossed = sum(max(sequential.evalue_sign(int(row[n - 1]), n) for n in range(5, 301, 5)) >= 20 for row in wins)
    assert crossed / 1000 <= 0.05


def test_gates() -> None:
    assert gates.rate_gate("p", 59, 59, 0.95).verdict == "PASS"
    between = gates.rate_gate("p", 9, 10, 0.8)
    assert between.verdict == "INCONCLUSIVE" and between.labels_needed and "more labels" in between.why
    assert gates.rate_gate("p", 10, 100, 0.9).verdict == "FAIL"
    assert gates.zero_failures_gate("s", 0, 299, 0.01).verdict == "PASS"
    assert gates.zero_failures_gate("s", 0, 298, 0.01).verdict == "INCONCLUSIVE"
    assert gates.zero_failures_gate("s", 0, 40, 0.01).labels_needed == 259
    assert gates.zero_failures_gate("s", 1, 10**6, 0.01).verdict == "FAIL"
    assert gates.zero_failures_gate("s", 0, 0, 1.0).verdict == "INCONCLUSIVE"
    for value, expected in ((0.2, "PASS"), (-0.3, "FAIL"), (0.05, "INCONCLUSIVE")):
        assert gates.figure_gate("d", Figure(value, value - 0.1, value + 0.1, 50), 0).verdict == expected
    assert gates.figure_gate("d", Figure(None, why="no labels"), 0).why == "d: no labels"


@given(st.lists(st.sampled_from(list(gates.Verdict)), max_size=6), st.booleans())
@settings(deadline=None)
def test_only_all_passes_pass(verdicts: list[gates.Verdict], stale: bool) -> None:
    found = gates.gate([gates.Gate("g", verdict, "") for verdict in verdicts], stale=stale)
    assert (found == "PASS") == (bool(verdicts) and set(verdicts) == {gates.Verdict.PASS} and not stale)
    assert (found == "FAIL") == (gates.Verdict.FAIL in verdicts)


@given(st.floats(0.01, 0.99))
@settings(deadline=None)
def test_nothing_passes_on_no_labels(target: float) -> None:
    assert gates.rate_gate("p", 0, 0, target).verdict == gates.Verdict.INCONCLUSIVE
    assert gates.figure_gate("p", Figure(1.0, 1.0, 1.0, 0), target).verdict == gates.Verdict.INCONCLUSIVE


def test_tiers() -> None:
    assert [gates.tier(p).name for p in (0.95, 0.94, 0.85, 0.7, 0.69, None)] == [
        "gold", "silver", "silver", "bronze", "rejected", "rejected",
    ]  # fmt: skip
    assert gates.tier(0.1, adjudicated=True).name == "platinum" and gates.tier(None, by_person=True).name == "gold"
    with pytest.raises(UsageError):
        gates.tier(7.0)


def test_drift() -> None:
    assert drift.psi([0.25] * 4, [0.1, 0.2, 0.3, 0.4]) == pytest.approx(0.228217, abs=1e-6)
    assert drift.jensen_shannon([1.0, 0.0], [0.5, 0.5]) == pytest.approx(0.464501404, abs=1e-9)
    assert drift.psi([10, 0], [5, 5]) > 0.25 and drift.psi([], []) is None and drift.psi([0], [1]) is None
    assert [drift.psi_word(v) for v in (None, 0.0, 0.1, 0.3)] == ["unknown", "stable", "watch", "act"]
    assert drift.jensen_shannon([0, 0], [1, 1]) is None and drift.jensen_shannon([1, 2], [2, 4]) == 0
    found = drift.anchors(
        [True] * 10 + [False] * 5 + [None], [False] * 8 + [True] * 2 + [False] * 6, [9.0] * 16, [5.0] * 16
    )
    assert (found.n, found.to_pass, found.to_fail) == (15, 0, 8) and found.verdicts.p == pytest.approx(2 / 256)
    assert found.scores is not None and found.scores.p < 0.001
    assert drift.anchors([], []).flip_rate is None
    rng = np.random.default_rng(0)
    assert drift.score_drift(rng.normal(size=300), rng.normal(1, 1, 300)).p < 1e-6
    assert drift.score_drift([], [1]).p is None
    wrong = [0] * 50 + [1] * 20
    alarm = drift.cusum(wrong, 0.1)
    assert alarm.alarm is not None and 50 < alarm.alarm < 56 and drift.cusum([0] * 50, 0.1).alarm is None
    with pytest.raises(UsageError):
        drift.psi([-1, 2], [1, 1])


def test_when_a_calibration_no_longer_holds() -> None:
    then = {"judge": "m1", "rubric": "3"}
    fresh = {"age": timedelta(days=3), "new_items": 10, "most_items": 100}
    assert drift.stale_reasons(then, dict(then), **fresh) == []
    assert drift.stale_reasons(then, {"judge": "m2", "rubric": "3"}, **fresh) == ["judge has changed"]
    old = drift.stale_reasons(then, then, age=timedelta(days=31), new_items=1000, most_items=100, alarm=True)
    assert old == ["it is 31 days old", "1,000 pairs were judged since", "the drift alarm went off"]


def test_label_order() -> None:
    assert active.uncertainty([0.5, 0.9, float("nan")]) == pytest.approx([1, 0.2, 1])
    assert list(np.argsort(-active.near_threshold([7.2, 3.0, None, 6.9], 7.0))) == [3, 0, 1, 2]
    assert active.vote_entropy([[1, 1, 1], [0, 0, 0]]) == pytest.approx([1.098612, 0], abs=1e-6)
    issues = active.label_issues([0, 0, 0, 0, 1, 1, 1, 1, 0, 1], [0.1, 0.2, 0.15, 0.3, 0.9, 0.8, 0.85, 0.7, 0.95, 0.05])
    assert set(issues.tolist()) == {8, 9}
    assert len(active.label_issues([1, 1], [0.1, 0.2])) == 0
    with pytest.raises(UsageError):
        active.label_issues([1, 0], [0.1, None])
    points = np.array([[0.0], [1.0], [10.0], [11.0], [5.0]])
    assert active.kcenter(points, 2, start=[0]).tolist() == [3, 4]
    assert sorted(active.kcenter(points, 99).tolist()) == [0, 1, 2, 3, 4]
    assert active.kcenter(np.zeros((4, 1)), 3, start=[1]).tolist() == [0, 2, 3]


def test_when_to_stop() -> None:
    same = [True, False] * 50
    assert active.stop_kappa([same] * 4) == (1.0, True, 0.0)
    assert active.stop_kappa([same] * 3).kappa is None
    assert active.stop_kappa([[True] * 5] * 4).settled
    other = [not v for v in same[:10]] + same[10:]
    restless = active.stop_kappa([same, other, same, other])
    assert not restless.settled and restless.kappa == pytest.approx(0.8)
    assert restless.largest_change_of_f == pytest.approx(1)
    n = np.array([50, 100, 200, 400, 800])
    curve = active.learning_curve(n, 0.9 - 0.8 * n**-0.5)
    assert (curve.a, curve.b, curve.c) == pytest.approx((0.9, 0.8, 0.5), abs=1e-6)
    assert curve.gain == pytest.approx(0.8 * (800**-0.5 - 850**-0.5), abs=1e-6)
    assert active.learning_curve([1, 2], [0.5, 0.6]).gain is None
    assert active.learning_curve([50, 100, 200], [0.9, 0.8, 0.7]).gain == 0


def test_length_controlled_win_rate() -> None:
    gap, wins = np.repeat([1, -1], [80, 20]), np.repeat([1, 0, 1, 0], [60, 20, 10, 10])
    found = evaluation.lc_winrate(wins, gap, np.zeros(100))
    assert found.raw.value == 0.7 and found.controlled == pytest.approx(0.633975, abs=1e-4)
    turned = evaluation.lc_winrate(1 - wins, np.zeros(100), gap)
    assert turned.controlled == pytest.approx(1 - found.controlled, abs=1e-6)
    same = evaluation.lc_winrate(np.full(10, 0.5), range(10), range(10))
    assert same.controlled == 0.5 and same.why
    bought = evaluation.lc_winrate(np.repeat([1, 0, 1, 0], [81, 9, 1, 9]), np.repeat([1, -1], [90, 10]), np.zeros(100))
    assert bought.suspicious and bought.controlled < 0.72
    assert evaluation.lc_winrate([], [], []).controlled is None
    assert evaluation.lc_winrate([1, 1], [1, 2], [3, 5]).why == "every comparison came out the same"


def test_perplexity_and_forgetting() -> None:
    assert evaluation.ppl([2 * math.log(4), math.log(4)], [2, 1]) == pytest.approx(4)
    assert evaluation.ppl([], []) is None and evaluation.bits_per_byte([], []) is None
    assert evaluation.bits_per_byte([math.log(2) * 8], [4]) == pytest.approx(2)
    assert evaluation.forgetting([0.5, 0.75, None], 0.7).value == pytest.approx(0.05)
    assert evaluation.forgetting([], 0.7).value is None and evaluation.forgetting([0.5], None).value is None
