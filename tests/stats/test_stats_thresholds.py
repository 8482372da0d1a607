"""Thresholds: every one at once, the best, and the proven ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import tables
from flywheel_tui.stats.confusion import confusion, rates
from flywheel_tui.stats.guarantee import (
    Step,
    conformal_threshold,
    labels_needed,
    likely_fails,
    ltt_threshold,
    p_of_errors,
    two_thresholds,
)
from flywheel_tui.stats.intervals import clopper_lower
from flywheel_tui.stats.thresholds import Sweep, choose, sweep

SCORED = st.lists(st.tuples(st.booleans(), st.integers(0, 10).map(lambda v: v / 2)), min_size=1, max_size=60)


def test_documented_sweep() -> None:
    thresholds, values = sweep([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    assert list(thresholds) == [0.8, 0.4, 0.35, 0.1]
    assert list(values) == pytest.approx([0.833333, 0.5, 0.714286, 0.555556], abs=1e-6)


@given(SCORED, st.floats(-1, 6), st.booleans())
@settings(deadline=None, max_examples=80)
def test_a_sweep_is_the_confusion_at_every_threshold(
    items: list[tuple[bool, float]], threshold: float, heavy: bool
) -> None:
    truth, scores = map(np.array, zip(*items, strict=True))
    weights = np.arange(1.0, len(items) + 1) if heavy else None
    lines = Sweep(truth, scores, weights)
    assert lines.at(threshold) == pytest.approx(confusion(truth, scores >= threshold, weights))
    for line, table in zip(lines.thresholds(), lines.tables(lines.thresholds()), strict=True):
        assert np.allclose(table, confusion(truth, scores >= line, weights).table)


def test_missing_scores_are_counted_and_in_no_figure() -> None:
    lines = Sweep([True, False, True], [0.9, float("nan"), None])
    assert (lines.missing, len(lines)) == (2, 1) and lines.at(0.5).n == 1
    nothing = Sweep([], [])
    assert nothing.at(3).n == 0 and choose(nothing) is None and len(nothing.thresholds()) == 0
    assert nothing.rates(1).accuracy.value is None
    assert choose(Sweep([True, True], [1, 2]), "youden") is None


def test_figures_at_a_threshold_are_those_of_the_verdicts() -> None:
    rng = np.random.default_rng(3)
    truth = rng.random(500) < 0.6
    scores = np.round(rng.normal(6, 1, 500) + truth, 1)
    assert Sweep(truth, scores).rates(6.5) == rates(truth, scores >= 6.5)
    with pytest.raises(UsageError, match="weighted"):
        Sweep(truth, scores, np.ones(500)).rates(6.5)
    assert len(Sweep(truth, scores).thresholds(most=10)) == 10


@given(SCORED)
@settings(deadline=None, max_examples=50)
def test_the_choice_is_the_best_of_all(items: list[tuple[bool, float]]) -> None:
    truth, scores = map(np.array, zip(*items, strict=True))
    best = choose(Sweep(truth, scores), "cost", cost_false_pass=3)
    assert best is not None

    def cost(line: float) -> float:
        c = confusion(truth, scores >= line)
        return 3 * c.fp + c.fn

    assert -best.value == min(cost(line) for line in scores)
    half = choose(Sweep(truth, scores))
    every = sweep(truth, scores)[1]
    assert half is None or half.value == pytest.approx(np.nanmax(every))
    with pytest.raises(UsageError, match="no aim named"):
        choose(Sweep(truth, scores), "luck")  # type: ignore[arg-type]


def stepped() -> tuple[np.ndarray, np.ndarray]:
    scores = np.repeat([0.9, 0.6, 0.3], [200, 100, 100])
    truth = np.repeat([1, 0, 1, 0, 1, 0], [194, 6, 75, 25, 20, 80])
    return scores, truth


def test_fixed_sequence_vectors() -> None:
    scores, truth = stepped()
    assert p_of_errors(5, 100, 0.9) == pytest.approx(0.0575769) and p_of_errors(4, 200, 0.95) == pytest.approx(
        0.026447, abs=1e-6
    )
    tested = [
        p_of_errors(int(((scores >= t) & (truth == 0)).sum()), int((scores >= t).sum()), 0.9) for t in (0.8, 0.5, 0.2)
    ]
    assert tested == pytest.approx([0.000148112, 0.622510, 1.0], abs=1e-6)
    assert [clopper_lower(n - k, n) for n, k in ((200, 6), (300, 31))] == pytest.approx([0.941650, 0.863093], abs=1e-6)
    found = ltt_threshold(scores, scores, truth, 0.9, grid=[0.8, 0.5, 0.2], start=0)
    assert found.threshold == 0.8 and [s.fp for s in found.path] == [6, 31] and found.coverage == 0.5
    assert "precision is at least 90%" in found.why


def test_none_yet_says_what_would_settle_it() -> None:
    scores, truth = stepped()
    few = ltt_threshold(scores, scores[::20], truth[::20], 0.9, grid=[0.8], start=0)
    assert few.threshold is None and few.labels_needed is not None and few.labels_needed > 0
    assert "None yet" in few.why and "more labels" in few.why
    poor = ltt_threshold(scores, scores, truth, 0.9, grid=[0.2], start=0)
    assert poor.threshold is None and poor.labels_needed is None and "better judge" in poor.why
    empty = ltt_threshold(scores, [], [], 0.9)
    assert empty.threshold is None and empty.path[0].p == 1
    assert ltt_threshold([], [], []).why == "there are no scores to draw thresholds from"
    with pytest.raises(UsageError, match="between 0 and 1"):
        ltt_threshold(scores, scores, truth, 1.0)


@pytest.mark.parametrize(
    ("fp", "n", "says", "more"),
    [(0, 0, "no labelled pair scores 8 or above", 29), (0, 2, "about 27 more labels would settle it", 27),
     (1, 1, "too few to tell", None), (1, 3, "too few to tell", None), (30, 60, "a better judge is needed", None)],
)  # fmt: skip
def test_few_labels_do_not_call_for_a_better_judge(fp: int, n: int, says: str, more: int | None) -> None:
    found = ltt_threshold([1.0, 8.0, 9.0], [8.0] * n, [False] * fp + [True] * (n - fp), grid=[8.0], start=0)
    assert (found.threshold, found.labels_needed) == (None, more)
    assert says in found.why


@given(st.integers(0, 60), st.integers(0, 5))
@settings(deadline=None, max_examples=50)
def test_the_labels_asked_for_would_do(n: int, fp: int) -> None:
    fp = min(fp, n)
    more = labels_needed(Step(0.5, n, fp, 1.0), n, 0.9, 0.05)
    share = likely_fails(Step(0.5, n, fp, 1.0), 0.9)
    assert (more is None) == (share >= 0.1) or share > 0.099
    if more is not None and p_of_errors(math.floor(share * n), n, 0.9) > 0.05:
        assert p_of_errors(math.floor(share * (n + more)), n + more, 0.9) <= 0.05


@pytest.mark.parametrize(("n", "target"), [(150, 0.85), (300, 0.8)])
def test_the_promise_is_kept(n: int, target: float) -> None:
    """A mediocre judge (AUROC .75, 70 % pass): the proven precision is too low in at most delta of the runs."""
    rng = np.random.default_rng(11)
    violated = found = naive = 0
    apart = math.sqrt(2) * 0.6745

    def draw(size: int) -> tuple[np.ndarray, np.ndarray]:
        y = rng.random(size) < 0.7
        return rng.normal(0, 1, size) + apart * y, y

    big_s, big_y = draw(200_000)
    for _ in range(250):
        s, y = draw(n)
        pool = rng.choice(big_s, 2000)
        answer = ltt_threshold(pool, s, y, target)
        if answer.threshold is not None:
            found += 1
            violated += big_y[big_s >= answer.threshold].mean() < target
        lines, precision = sweep(y, s, tables.precision)
        loosest = lines[np.flatnonzero(precision >= target)[-1]] if (precision >= target).any() else math.inf
        naive += bool((big_s >= loosest).any()) and big_y[big_s >= loosest].mean() < target
    assert violated / 250 <= 0.05 < naive / 250
    assert found > 20


def test_two_thresholds_leave_the_middle_to_people() -> None:
    rng = np.random.default_rng(2)
    y = rng.random(3000) < 0.5
    s = rng.normal(0, 1, 3000) + 2.0 * y
    found = two_thresholds(s, s[:1500], y[:1500], target_ppv=0.9, target_npv=0.9)
    assert found.low is not None and found.high is not None and found.low <= found.high
    assert y[s >= found.high].mean() > 0.88 and (~y[s < found.low]).mean() > 0.88
    assert 0 < found.abstained < 1
    assert found.abstained == pytest.approx(((s < found.high) & (s >= found.low)).mean())
    nothing = two_thresholds(s, s[:5], y[:5])
    assert nothing.low is None and nothing.high is None and nothing.abstained == 1


def test_conformal_risk_is_kept_on_average() -> None:
    rng = np.random.default_rng(4)
    risks = []
    for _ in range(300):
        y = rng.random(100) < 0.6
        s = rng.normal(0, 1, 100) + y
        line = conformal_threshold(s, y, 0.1)
        assert line is not None
        fresh = rng.random(2000) < 0.6
        scores = rng.normal(0, 1, 2000) + fresh
        risks.append(((scores >= line) & ~fresh).mean())
    assert 0.05 < np.mean(risks) <= 0.1
    assert conformal_threshold([1, 2], [True, False], 0.1) is None
    assert conformal_threshold([1.0] * 10, [False] * 10, 0.1) == math.inf
