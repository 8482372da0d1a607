"""Scores beside ratings: the same numbers as scipy and scikit-learn give, blind ratings alone, nothing made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.records.calibration import CalibrateOptions, Calibration
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.workspace import Workspace

SCORES = [1, 2, 3, 4, 5, 4, 3, 2, 1, 5, 2, 4]
ANA = [1, 2, 3, 5, 5, 3, 3, 1, 2, 4, 2, 4]
BO = [2, 2, 4, 5, 4, 3, 2, 1, 2, 5, 2, 4]


def _rated(folder: Path) -> Workspace:
    workspace = make_workspace(folder, sft(len(SCORES) + 1))
    ids = pair_ids(workspace)
    judged(workspace, "a", dict(zip(ids, SCORES, strict=False)))
    for pair, one, two in zip(ids, ANA, BO, strict=False):
        say(workspace, pair, None, rating=one)
        say(workspace, pair, None, reviewer="bo", rating=two)
    say(workspace, ids[-1], None, rating=3)
    return workspace


def _measure(workspace: Workspace, **options: Any) -> Calibration:
    return calibrate(workspace, "demo", CalibrateOptions(tag="a", **options))


def test_correlations_with_the_mean_of_the_ratings(tmp_path: Path) -> None:
    scipy = pytest.importorskip("scipy.stats")
    with _rated(tmp_path / "w") as workspace:
        told = _measure(workspace, ratings=True).ratings
        assert told is not None
        mean = [(one + two) / 2 for one, two in zip(ANA, BO, strict=True)]
        assert (told.n, told.ratings) == (12, 24)
        assert told.pearson.value == pytest.approx(scipy.pearsonr(SCORES, mean).statistic)
        assert told.spearman.value == pytest.approx(scipy.spearmanr(SCORES, mean).statistic)
        assert told.kendall.value == pytest.approx(scipy.kendalltau(SCORES, mean).statistic)
        assert told.spearman.low is not None
        assert told.spearman.high is not None
        assert told.spearman.low < told.spearman.high
        # the means are no whole grades
        assert (told.kappa.value, bool(told.kappa.why)) == (None, True)


def test_one_persons_whole_grades_have_a_weighted_kappa(tmp_path: Path) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    with _rated(tmp_path / "w") as workspace:
        told = _measure(workspace, ratings=True, reviewer="ana").ratings
        assert told is not None
        assert told.kappa.value == pytest.approx(metrics.cohen_kappa_score(SCORES, ANA, weights="quadratic"))
        assert told.same.value == pytest.approx(sum(a == b for a, b in zip(SCORES, ANA, strict=True)) / 12)


def test_a_rating_made_in_sight_is_left_out_and_ratings_alone_are_no_decisions(tmp_path: Path) -> None:
    with _rated(tmp_path / "w") as workspace:
        found = _measure(workspace)
        assert "--approve-from" in found.headline
        say(workspace, pair_ids(workspace)[0], None, rating=5, blind=False)
        told = _measure(workspace, ratings=True).ratings
        assert told is not None
        assert told.ratings == 23
