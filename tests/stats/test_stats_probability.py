"""Scores as probabilities: documented vectors, scikit-learn where it is, and what few labels do not carry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.logistic import logistic, logit, sigmoid
from flywheel_tui.stats.probability import (
    auroc,
    average_precision,
    brier,
    brier_skill,
    ece,
    log_loss,
    reliability,
    spiegelhalter,
)
from flywheel_tui.stats.recalibration import cross_fitted, fit_recalibrator, isotonic

JUDGED = st.lists(st.tuples(st.booleans(), st.integers(0, 8).map(lambda v: v / 8)), min_size=1, max_size=60)


def test_documented_vectors() -> None:
    assert brier([0, 1, 1, 0], [0.1, 0.9, 0.8, 0.3]) == pytest.approx(0.0375)
    assert auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == pytest.approx(5 / 6)
    assert log_loss([1, 0, 0, 1], [0.9, 0.1, 0.2, 0.65]) == pytest.approx(0.216162, abs=1e-6)
    bars = reliability([0] * 4 + [1] * 5, [0.1, 0.2, 0.3, 0.4, 0.65, 0.7, 0.8, 0.9, 1.0], 3, "uniform")
    assert [b.observed for b in bars] == [0, 0.5, 1] and [b.predicted for b in bars] == pytest.approx(
        [0.2, 0.525, 0.85]
    )
    assert ece([0, 0, 1, 1, 1], [0.25, 0.25, 0.55, 0.75, 0.75], 2, "uniform") == pytest.approx(
        (0.2900, 0.2918, 0.3167), abs=5e-5
    )
    assert isotonic([1, 2, 3, 4], [1, 3, 2, 4])[1].tolist() == [1, 2.5, 2.5, 4]


@given(JUDGED)
@settings(deadline=None, max_examples=50)
def test_as_scikit_learn_has_it(items: list[tuple[bool, float]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, p = map(list, zip(*items, strict=True))
    if len(set(truth)) == 2:
        assert auroc(truth, p) == pytest.approx(metrics.roc_auc_score(truth, p))
        assert average_precision(truth, p) == pytest.approx(metrics.average_precision_score(truth, p))
        assert log_loss(truth, p) == pytest.approx(metrics.log_loss(truth, p))
    assert brier(truth, p) == pytest.approx(metrics.brier_score_loss(truth, p))
    regression = pytest.importorskip("sklearn.isotonic").IsotonicRegression().fit(p, truth)
    places, heights = isotonic(p, np.array(truth, float))
    assert heights == pytest.approx(regression.predict(places))


@given(JUDGED, st.integers(1, 12), st.sampled_from(["uniform", "quantile"]))
@settings(deadline=None, max_examples=60)
def test_bins_hold_every_pair_once(items: list[tuple[bool, float]], bins: int, strategy: str) -> None:
    truth, p = map(list, zip(*items, strict=True))
    bars = reliability(truth, p, bins, strategy)  # type: ignore[arg-type]
    assert sum(b.n for b in bars) == len(items) and len(bars) <= bins
    assert sum(b.n * b.observed for b in bars) == pytest.approx(sum(truth))
    assert [b.predicted for b in bars] == sorted(b.predicted for b in bars)
    error = ece(truth, p, bins, strategy)  # type: ignore[arg-type]
    assert error is not None and 0 <= error.ece <= error.rmsce + 1e-12 <= error.mce + 2e-12 <= 1 + 3e-12


def test_what_is_undefined() -> None:
    assert reliability([], []) == [] and ece([], []) is None and brier([], []) is None and log_loss([], []) is None
    assert auroc([1, 1], [0.5, 0.6]) is None and average_precision([0, 0], [0.5, 0.6]) is None
    assert brier_skill([1, 1], [0.5, 0.6]) is None and spiegelhalter([1, 0], [0.5, 0.5]) is None
    with pytest.raises(UsageError, match="within 0 and 1"):
        brier([1], [7.0])
    with pytest.raises(UsageError, match="missing"):
        auroc([1, 0], [0.5, None])
    with pytest.raises(UsageError, match="one bin"):
        reliability([1], [0.5], -1)


def test_calibration_is_seen_and_mended() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(4000)
    y = rng.random(4000) < p
    right, boastful = spiegelhalter(y, p), spiegelhalter(y, sigmoid(3 * logit(p)))
    assert right is not None and boastful is not None and right.p > 0.05 > 1e-6 > boastful.p
    assert brier_skill(y, p) == pytest.approx(1 / 3, abs=0.05)
    for kind in ("platt", "isotonic"):
        mended = cross_fitted(sigmoid(3 * logit(p)), y, kind)  # type: ignore[arg-type]
        assert mended is not None
        before, after = ece(y, sigmoid(3 * logit(p))), ece(y, mended)
        assert before is not None and after is not None and after.ece < 0.04 < before.ece
        assert auroc(y, mended) == pytest.approx(auroc(y, p), abs=0.01)


def test_few_labels_carry_no_recalibrator() -> None:
    rng = np.random.default_rng(2)
    y = rng.random(2000) < 0.5
    s = rng.normal(5, 1, 2000) + y
    kinds = [fit_recalibrator(s[:n], y[:n]).kind for n in (0, 49, 50, 999, 1000, 2000)]
    assert kinds == ["none", "none", "platt", "platt", "isotonic", "isotonic"]
    with pytest.raises(UsageError, match="49 labels are too few"):
        fit_recalibrator(s[:49], y[:49])([5.0])
    assert fit_recalibrator([1.0] * 60, [True, False] * 30).why == "all scores are the same"
    assert fit_recalibrator(s[:60], [True] * 60).why == "all labels are of one class"
    assert cross_fitted(s[:20], y[:20]) is None
    mapped = fit_recalibrator(s[:500], y[:500])(np.array([0.0, 5.0, 10.0, np.nan]))
    assert 0 < mapped[0] < mapped[1] < mapped[2] < 1 and np.isnan(mapped[3])
    assert fit_recalibrator(np.r_[s[:60], np.nan], np.r_[y[:60], True]).n == 60


def test_folds_never_split_a_family() -> None:
    """A family's own labels must not teach its probabilities: with one odd family its scores stay unlearnt."""
    y = np.r_[np.tile([True, False], 100), np.ones(50, bool)]
    s = np.r_[np.tile([0.8, 0.2], 100), np.full(50, 0.05)]
    families = np.r_[np.arange(200), np.full(50, 999)]
    apart, leaking = cross_fitted(s, y, "isotonic", families=families), cross_fitted(s, y, "isotonic")
    assert apart is not None and leaking is not None
    assert apart[-1] < 0.1 < 0.3 < leaking[-1]


def test_logistic_regression_as_scikit_learn_has_it() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(400), rng.normal(size=(400, 2))])
    y = rng.random(400) < sigmoid(x @ np.array([0.3, -1.0, 2.0]))
    theirs = linear.LogisticRegression(C=1e8, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(x, y)
    ours = logistic(x, y)
    assert ours.settled and ours.coefficients == pytest.approx(theirs.coef_[0], abs=1e-4)
    separated = logistic(np.column_stack([np.ones(4), [0, 1, 2, 3]]), [0, 0, 1, 1])
    assert np.isfinite(separated.coefficients).all()
