"""The confusion matrix and its rates: published figures, degenerate labels, invariances, scikit-learn where it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stats import prf, tables
from flywheel_tui.stats.arrays import coded, numbered
from flywheel_tui.stats.confusion import Confusion, class_rates, confusion, rates

FLAGS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def test_the_contract() -> None:
    assert prf([True, True, False, False], [True, False, True, False]) == {
        "precision": 0.5, "recall": 0.5, "f1": 0.5, "accuracy": 0.5, "tp": 1, "fp": 1, "tn": 1, "fn": 1,
    }  # fmt: skip


def test_cats_and_dogs() -> None:
    """8 cats and 4 dogs: TP 6, FN 2, FP 1, TN 3 (the worked example of the phi coefficient)."""
    r = rates([1] * 8 + [0] * 4, [1] * 6 + [0] * 2 + [1] + [0] * 3)
    assert r.confusion == Confusion(6, 1, 3, 2)
    assert r.mcc.value == pytest.approx(0.478091, abs=1e-6)
    assert r.f1.value == pytest.approx(0.8)
    assert r.precision.value == pytest.approx(6 / 7) and r.precision.n == 7
    assert r.specificity.value == pytest.approx(0.75) and r.specificity.n == 4
    assert r.youden.value == pytest.approx(0.5) and r.lr_plus == pytest.approx(3) and r.lr_minus == pytest.approx(1 / 3)
    assert r.majority_accuracy == pytest.approx(2 / 3) == r.prevalence


def test_doc_vectors() -> None:
    assert float(tables.mcc(tables.crosstab(np.array([1, 1, 1, 0]), np.array([1, 0, 1, 1]), 2))) == pytest.approx(
        -1 / 3
    )
    r = rates([0, 1, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1])
    assert r.balanced_accuracy.value == pytest.approx(0.625)


def test_what_is_undefined_is_none_with_a_reason() -> None:
    nothing = rates([], [])
    assert nothing.accuracy.value is None and nothing.accuracy.why == "no labels" and nothing.prevalence is None
    never = rates([True, False, True], [False, False, False])
    assert never.precision.value is None and never.precision.why == "the judge passed nothing"
    assert never.mcc.value is None and never.recall.value == 0
    assert prf([True], [False])["precision"] is None
    all_pass = rates([True] * 5, [True] * 5)
    assert all_pass.specificity.value is None and all_pass.kappa.value is None and all_pass.accuracy.value == 1


def test_what_is_not_yes_or_no_is_refused() -> None:
    with pytest.raises(UsageError, match="labels must all be true or false"):
        confusion([True, None], [True, True])
    with pytest.raises(UsageError, match="differ in length"):
        confusion([True], [True, False])
    with pytest.raises(UsageError, match="verdicts"):
        confusion([1, 0], [2, 0])


@given(FLAGS, st.integers(0, 10**6))
@settings(deadline=None, max_examples=50)
def test_order_does_not_matter_and_counts_add_up(pairs: list[tuple[bool, bool]], seed: int) -> None:
    truth, said = map(list, zip(*pairs, strict=True))
    c = confusion(truth, said)
    assert c.n == len(pairs) and c.tp + c.fn == sum(truth) and c.tp + c.fp == sum(said)
    order = np.random.default_rng(seed).permutation(len(pairs))
    assert confusion(np.array(truth)[order], np.array(said)[order]) == c
    turned = confusion(~np.array(truth), ~np.array(said))
    assert (turned.tp, turned.fp, turned.tn, turned.fn) == (c.tn, c.fn, c.tp, c.fp)
    doubled = confusion(truth, said, [2.0] * len(pairs))
    assert doubled == Confusion(*(2 * count for count in c))


@given(FLAGS)
@settings(deadline=None, max_examples=40)
def test_as_scikit_learn_has_it(pairs: list[tuple[bool, bool]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, said = map(list, zip(*pairs, strict=True))
    table = confusion(truth, said).table
    assert (metrics.confusion_matrix(truth, said, labels=[False, True]) == table).all()
    for ours, theirs in (
        (tables.precision(table), metrics.precision_score(truth, said, zero_division=np.nan)),
        (tables.recall(table), metrics.recall_score(truth, said, zero_division=np.nan)),
        (tables.specificity(table), metrics.recall_score(truth, said, pos_label=False, zero_division=np.nan)),
        (tables.f_beta(table, 0.5), metrics.fbeta_score(truth, said, beta=0.5, zero_division=np.nan)),
    ):
        assert float(ours) == pytest.approx(theirs, nan_ok=True)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abc")), min_size=1, max_size=50))
@settings(deadline=None, max_examples=40)
def test_macro_means_as_scikit_learn_has_them(pairs: list[tuple[str, str]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, said = map(list, zip(*pairs, strict=True))
    ours = class_rates(truth, said)
    theirs = metrics.precision_recall_fscore_support(truth, said, average="macro", zero_division=0)
    assert (ours.macro_precision, ours.macro_recall, ours.macro_f1) == pytest.approx(theirs[:3])
    assert ours.accuracy == pytest.approx(metrics.accuracy_score(truth, said))


def test_missing_sides_are_left_out_of_class_rates() -> None:
    found = class_rates([1, 2, None, 0], [1, 0, 2, None])
    assert found.categories == (0, 1, 2) and found.table.sum() == 2 and found.accuracy == 0.5
    assert class_rates([], []).accuracy is None
    assert class_rates([None], [1]).macro_f1 is None


def test_weights_and_families() -> None:
    truth, said = np.array([1, 1, 0, 0] * 30, bool), np.array([1, 0, 1, 0] * 30, bool)
    weights = np.where(said, 3.0, 1.0)
    r = rates(truth, said, weights, families=np.arange(120) // 4)
    assert r.accuracy.value == pytest.approx(0.5) and r.recall.value == pytest.approx(0.75)
    assert r.pass_rate.value == pytest.approx(0.75)
    assert r.kappa.n == 120 and r.f1.value == pytest.approx(2 * 0.5 * 0.75 / 1.25)


def test_coding_of_values() -> None:
    assert coded([True, False], [False, False]).categories == (False, True)
    assert coded([True, True]).categories == (False, True)
    assert coded([3, 1, 3]).categories == (1, 3)
    assert coded([10**12, -5]).categories == (-5, 10**12)
    assert [c.tolist() for c in coded([1.5, float("nan")], [2.0, 1.5]).codes] == [[0, -1], [1, 0]]
    mixed = coded([1, "1", None])
    assert len(mixed.categories) == 2 and mixed.codes[0].tolist() == [0, 1, -1]
    assert coded([], []).categories == ()
    assert coded(["low", "high"], categories=["low", "mid", "high"]).codes[0].tolist() == [0, 2]
    with pytest.raises(UsageError, match="'odd' is not one of"):
        coded(["odd"], categories=["low"])
    assert numbered([5, 900, 5])[0].tolist() == [0, 1, 0]
    assert numbered(["b", "a", None])[1] == 3 and numbered([])[1] == 0
