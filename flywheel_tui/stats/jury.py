"""Several judges, one verdict: majority, mean, log-odds weights, Dawid and Skene with gold, Bradley and Terry."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.arrays import as_floats, same_length
from flywheel_tui.stats.logistic import sigmoid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values


class Vote(NamedTuple):
    """What most judges said; `winner` is None where nobody voted or the top is split (`tied` then names them)."""

    winner: Any
    share: float | None
    votes: int
    tied: tuple[Any, ...] = ()


class Consensus(NamedTuple):
    """Dawid and Skene: posteriors (items, q), shares of the classes (q,), each judge's matrix (judges, q, q).

    `errors[j, k, l]` is P(judge j says l | truth is k). Rows of items without a vote are the shares of the classes.
    Judges of one family err together, so that the posteriors are too sure: calibrate them before use.
    """

    posterior: Floats
    shares: Floats
    errors: Floats
    rounds: int
    settled: bool


def majority(votes: Sequence[Any]) -> Vote:
    """The plurality of one item's votes; None is no vote. A tie is a tie and never settled by the alphabet.

    >>> majority(["yes", "yes", "no", None])
    Vote(winner='yes', share=0.6666666666666666, votes=3, tied=())
    >>> majority([True, False]).tied
    (True, False)
    """
    counts = Counter(vote for vote in votes if vote is not None and vote == vote)
    total = counts.total()
    if not total:
        return Vote(None, None, 0)
    top = max(counts.values())
    winners = tuple(vote for vote, count in counts.items() if count == top)
    return Vote(winners[0] if len(winners) == 1 else None, top / total, total, winners if len(winners) > 1 else ())


def mean_scores(scores: Values, *, middle: bool = False) -> Floats:
    """Mean (or median) score of every item over its judges (items, judges); None and NaN are left out, NaN is none."""
    import numpy as np

    table = as_floats(scores).reshape(len(scores), -1)
    found = np.full(len(table), np.nan)
    some = ~np.isnan(table).all(axis=1)
    if some.any():
        found[some] = (np.nanmedian if middle else np.nanmean)(table[some], axis=1)
    return found


def log_odds_weights(tp: Values, fp: Values, fn: Values, tn: Values) -> tuple[Floats, Floats]:
    """What a pass and a fail vote of each judge are worth: ln TPR/(1 - TNR) and ln (1 - TPR)/TNR, counts plus ½ each.

    Nitzan, Paroush 1982: the best weights where judges err independently of each other.
    """
    import numpy as np

    hits, false, missed, right = (as_floats(counts) + 0.5 for counts in (tp, fp, fn, tn))
    tpr, tnr = hits / (hits + missed), right / (right + false)
    return np.log(tpr / (1 - tnr)), np.log((1 - tpr) / tnr)


def log_odds_vote(votes: Values, weights: tuple[Values, Values], prior: float = 0.5) -> Floats:
    """P(pass) (items,) of votes (items, judges) of 1, 0 and NaN or None (no vote), by weights of `log_odds_weights`.

    `prior` is the share of passes; an item without votes keeps it.
    """
    import numpy as np

    table = as_floats(votes)
    up, down = as_floats(weights[0]), as_floats(weights[1])
    if not 0 < prior < 1:
        raise UsageError(f"a prior lies between 0 and 1, not {prior}")
    if table.ndim != 2 or table.shape[1] != len(up):
        raise UsageError(f"votes of shape (items, {len(up)} judges) are needed")
    worth = np.where(np.isnan(table), 0.0, np.where(table > 0, up, down))
    return sigmoid(math.log(prior / (1 - prior)) + worth.sum(axis=1))


def vote_counts(items: Values, judges: Values, codes: Values, shape: tuple[int, int, int]) -> Floats:
    """Counts (items, judges, q) for `dawid_skene` from three columns of numbers, one entry for each vote."""
    import numpy as np

    same_length(items, judges, codes)
    many, number, q = shape
    places = (np.asarray(items, np.int64) * number + np.asarray(judges, np.int64)) * q + np.asarray(codes, np.int64)
    return np.bincount(places, minlength=many * number * q).reshape(shape).astype(float)


def dawid_skene(
    counts: Values,
    gold: Values | None = None,
    *,
    smoothing: float = 0.0,
    most_rounds: int = 1000,
    tolerance: float = 1e-8,
) -> Consensus:
    """Truths and judges' confusion matrices together, by EM (Dawid, Skene 1979), from counts (items, judges, q).

    `gold` (items,) holds the class that people found, -1 where they did not look: gold is clamped in every round.
    `smoothing` adds that many votes to every cell of the matrices (½ where judges saw few items). Needs three judges,
    or gold; starts from each item's shares of votes.
    """
    import numpy as np

    votes = np.asarray(counts, float)
    if votes.ndim != 3:
        raise UsageError("counts of shape (items, judges, categories) are needed")
    items, judges, q = votes.shape
    fixed = np.full(items, -1) if gold is None else np.asarray(gold, np.int64)
    if len(fixed) != items or (items and int(fixed.max()) >= q):
        raise UsageError(f"gold names one of {q} classes, or -1, for each of {items} items")
    if not votes.any() and not (fixed >= 0).any():
        return Consensus(
            np.full((items, q), 1 / max(q, 1)), np.full(q, 1 / max(q, 1)), np.zeros((judges, q, q)), 0, True
        )
    total = votes.sum(axis=1)
    said = total.sum(axis=1)
    posterior = np.where(said[:, None] > 0, total / np.maximum(said, 1)[:, None], 1 / q)
    known = np.flatnonzero(fixed >= 0)
    posterior[known] = np.eye(q)[fixed[known]]
    seen = (said > 0) | (fixed >= 0)
    settled, rounds = False, 0
    while rounds < most_rounds and not settled:
        rounds += 1
        shares, errors = _maximised(votes, posterior, seen, smoothing)
        fresh = _expected(votes, shares, errors)
        fresh[known] = np.eye(q)[fixed[known]]
        settled = float(abs(fresh - posterior).max()) < tolerance
        posterior = fresh
    shares, errors = _maximised(votes, posterior, seen, smoothing)
    return Consensus(posterior, shares, errors, rounds, settled)


def _maximised(votes: Floats, posterior: Floats, seen: NDArray[np.bool_], smoothing: float) -> tuple[Floats, Floats]:
    """Shares of the classes, and the judges' matrices (judges, q, q), from the posteriors."""
    import numpy as np

    items, judges, q = votes.shape
    errors = (posterior.T @ votes.reshape(items, judges * q)).reshape(q, judges, q).transpose(1, 0, 2) + smoothing
    rows = errors.sum(axis=2, keepdims=True)
    return posterior[seen].mean(axis=0), np.where(rows > 0, errors / np.where(rows > 0, rows, 1), 1 / q)


def _expected(votes: Floats, shares: Floats, errors: Floats) -> Floats:
    """Posteriors (items, q) from shares and matrices."""
    import numpy as np

    items, judges, q = votes.shape
    worth = np.log(np.maximum(errors, 1e-300)).transpose(0, 2, 1).reshape(judges * q, q)
    score = np.log(np.maximum(shares, 1e-300)) + votes.reshape(items, judges * q) @ worth
    score -= score.max(axis=1, keepdims=True)
    likely = np.exp(score)
    posterior: Floats = likely / likely.sum(axis=1, keepdims=True)
    return posterior


def bradley_terry(wins: Values, *, prior: float = 0.0, most_rounds: int = 10_000) -> Floats | None:
    """Strengths θ (k,), mean 0, with P(i beats j) = sigmoid(θ_i - θ_j), from wins[i, j] (Hunter 2004, MM algorithm).

    `prior` adds that share of a win to every pair. None where the strengths are not finite: somebody never won, never
    lost, or two groups never met (a small prior mends it).

    >>> theta = bradley_terry([[0, 3], [1, 0]])
    >>> round(float(theta[0] - theta[1]), 6)
    1.098612
    """
    import numpy as np

    won = np.asarray(wins, float)
    k = len(won)
    if not k:
        return None
    if won.shape != (k, k):
        raise UsageError("wins are a square table: row i beat column j so often")
    won = np.where(np.eye(k, dtype=bool), 0.0, won + prior)
    if not _connected(won > 0):
        return None
    met = won + won.T
    strength = np.ones(k)
    for _ in range(most_rounds):
        fresh = won.sum(axis=1) / (met / (strength[:, None] + strength[None, :])).sum(axis=1)
        fresh /= math.exp(float(np.log(fresh).mean()))
        change = float(abs(fresh / strength - 1).max())
        strength = fresh
        if change < 1e-12:
            break
    return np.log(strength)


def _connected(beats: NDArray[np.bool_]) -> bool:
    """Whether a chain of wins leads from everybody to everybody."""
    import numpy as np

    reach = beats | np.eye(len(beats), dtype=bool)
    for _ in range(max(1, len(beats).bit_length())):
        reach = (reach.astype(float) @ reach) > 0
    return bool(reach.all())
