"""A small model of what people pass, fitted on the labels so far: texts as vectors, and the newest judge's score."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.stages.queues.judges import places_of
from flywheel_tui.store import queues as store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stages.queues.base import Situation
    from flywheel_tui.store.queues import Ints

DIMENSIONS = 64
FOLDS = 5
LEAST = 10
"""Labels of each kind below which no model is fitted."""
RIDGE = 1.0
_NO_SCORE_PASS, _NO_SCORE_FAIL = 0.85, 0.15
"""What a verdict without a score is taken for, as a probability: a judge is right more often than not, never surely."""


class Features(NamedTuple):
    """`vectors` (n, 64) of length 1; `judge` (n,) the judge's probability of a pass, NaN without a verdict."""

    vectors: NDArray[np.float32]
    judge: NDArray[np.float64]

    def columns(self) -> NDArray[np.float64]:
        """The columns of the regression: a constant, the texts, what the judge says and whether it says anything."""
        import numpy as np

        from flywheel_tui.stats.logistic import logit

        known = ~np.isnan(self.judge)
        said = np.where(known, logit(np.where(known, self.judge, 0.5)), 0.0)
        return np.column_stack([np.ones(len(self.vectors)), self.vectors * 3.0, said, known.astype(float)])


def features(situation: Situation, versions: Ints) -> Features:
    """The features of versions."""
    from flywheel_tui.stats.tfidf import projected, tfidf

    vectors = projected(tfidf(store.texts(situation.connection, versions.tolist())), DIMENSIONS)
    return Features(vectors, judge_probability(situation, versions))


def judge_probability(situation: Situation, versions: Ints) -> NDArray[np.float64]:
    """The newest judge's probability that a version passes (n,); NaN where it has no verdict.

    A score is turned into one by its distance from the threshold in standard deviations of the scores.
    """
    import numpy as np

    from flywheel_tui.stats.logistic import sigmoid

    said = situation.latest
    if said is None:
        return np.full(len(versions), np.nan)
    at, known = places_of(said.version, versions)
    found = np.where(said.passed[at], _NO_SCORE_PASS, _NO_SCORE_FAIL)
    if said.score is not None and bool((~np.isnan(said.score)).any()):
        spread = float(np.nanstd(said.score)) or 1.0
        scored = ~np.isnan(said.score[at])
        found = np.where(scored, sigmoid(2 * (np.nan_to_num(said.score[at]) - situation.threshold) / spread), found)
    return np.where(known, found, np.nan)


def enough(truth: NDArray[np.bool_]) -> bool:
    """Whether there are labels of both kinds to learn from."""
    return int(truth.sum()) >= LEAST and int((~truth).sum()) >= LEAST


def predicted(known: Features, truth: NDArray[np.bool_], asked: Features) -> NDArray[np.float64]:
    """The probability of a pass of what is asked, by a regression on what is known."""
    from flywheel_tui.stats.logistic import logistic, sigmoid

    fit = logistic(known.columns(), truth.astype(float), ridge=RIDGE)
    return sigmoid(asked.columns() @ fit.coefficients)


def out_of_fold(known: Features, truth: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    """The probability of a pass of each labelled version by a regression that has not seen its label."""
    import numpy as np

    from flywheel_tui.stats.logistic import logistic, sigmoid

    columns, found = known.columns(), np.full(len(truth), np.nan)
    fold = np.empty(len(truth), np.int64)
    for kind in (True, False):
        members = np.random.default_rng(seed).permutation(np.flatnonzero(truth == kind))
        fold[members] = np.arange(len(members)) % FOLDS
    for number in range(FOLDS):
        held = fold == number
        fit = logistic(columns[~held], truth[~held].astype(float), ridge=RIDGE)
        found[held] = sigmoid(columns[held] @ fit.coefficients)
    return found
