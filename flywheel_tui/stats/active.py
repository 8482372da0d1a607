"""Which pairs to label next, when to stop, and which labels look wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.errors import UsageError
from flywheel_tui.stats.agreement import cohens_kappa
from flywheel_tui.stats.arrays import as_flags, as_floats, same_length

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.stats.arrays import Floats, Values

STABLE = 0.99


class Stop(NamedTuple):
    """Whether predictions have settled: the mean kappa of successive models, and how much F can still change."""

    kappa: float | None
    settled: bool
    largest_change_of_f: float | None


class Curve(NamedTuple):
    """A learning curve a - b·n^(-c) and the gain of the next labels by it; all None where it could not be fitted."""

    a: float | None
    b: float | None
    c: float | None
    gain: float | None


def uncertainty(p: Values) -> Floats:
    """1 - |2p - 1| (n,): 1 where the judge is undecided, 0 where it is sure; NaN (no verdict) counts as undecided.

    >>> uncertainty([0.5, 0.9, 0.0]).round(3).tolist()
    [1.0, 0.2, 0.0]
    """
    import numpy as np

    unsure: Floats = np.nan_to_num(1 - abs(2 * as_floats(p) - 1), nan=1.0)
    return unsure


def near_threshold(scores: Values, threshold: float) -> Floats:
    """-|score - threshold| (n,): the nearest first when sorted from the top; NaN (no verdict) last."""
    import numpy as np

    nearness: Floats = np.nan_to_num(-abs(as_floats(scores) - threshold), nan=-np.inf)
    return nearness


def vote_entropy(counts: Values) -> Floats:
    """-Σ (v/C)·ln(v/C) of votes (items, q) in nats (Settles 2009): how much judges disagree; 0 without votes.

    >>> vote_entropy([[1, 1, 1], [3, 0, 0]]).round(6).tolist()
    [1.098612, 0.0]
    """
    import numpy as np

    votes = np.asarray(counts, float)
    total = votes.sum(axis=1, keepdims=True)
    share = votes / np.where(total > 0, total, 1)
    entropy: Floats = -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) + 0.0
    return entropy


def kcenter(vectors: Values, k: int, start: Values | None = None, seed: int = 0) -> NDArray[np.int64]:
    """k items, each the farthest from all chosen before: at most twice the best radius (Sener, Savarese 2018).

    `vectors` (n, d); `start` holds the places that are labelled already (without any, the first is drawn by the seed).
    """
    import numpy as np

    x = np.asarray(vectors, float)
    chosen = [] if start is None else np.asarray(start, np.int64).tolist()
    fresh: list[int] = []
    apart = np.full(len(x), np.inf)
    for place in chosen:
        apart = np.minimum(apart, ((x - x[place]) ** 2).sum(axis=1))
    while len(fresh) < min(k, len(x) - len(set(chosen))):
        nothing = not chosen and not fresh
        place = int(np.random.default_rng(seed).integers(len(x))) if nothing else int(apart.argmax())
        fresh.append(place)
        apart = np.minimum(apart, ((x - x[place]) ** 2).sum(axis=1))
        apart[[*chosen, *fresh]] = -1
    return np.array(fresh, np.int64)


def stop_kappa(predictions: list[Values], batches: int = 3, at: float = STABLE) -> Stop:
    """Stabilising predictions (Bloodgood, Vijay-Shanker 2009): mean kappa of successive models on one stop set.

    `predictions` are verdicts on the same unlabelled pairs after each batch; the last `batches` steps count. F changes
    by at most 4(1 - κ)/κ. Identical predictions of a single class count as kappa 1.
    """
    if len(predictions) < batches + 1:
        return Stop(None, False, None)
    steps = []
    for before, after in zip(predictions[-batches - 1 : -1], predictions[-batches:], strict=True):
        kappa = cohens_kappa(before, after)
        steps.append(1.0 if kappa is None else kappa)
    mean = sum(steps) / len(steps)
    return Stop(mean, mean >= at, 4 * (1 - mean) / mean if mean > 0 else None)


def learning_curve(labels: Values, accuracy: Values, more: int = 50) -> Curve:
    """Least squares of accuracy = a - b·n^(-c), b ≥ 0, c within 0.05 … 2, and the gain of `more` labels by it.

    Needs three different n. For each c the line in n^(-c) is exact, so that only c is searched.
    """
    import numpy as np

    same_length(labels, accuracy)
    n, y = as_floats(labels), as_floats(accuracy)
    if len(np.unique(n)) < 3 or bool((n <= 0).any()):
        return Curve(None, None, None, None)
    best: tuple[float, float, float, float] | None = None
    for c in np.linspace(0.05, 2, 391).tolist():
        x = n**-c
        dx = x - x.mean()
        b = max(0.0, -float(dx @ y) / float(dx @ dx))
        a = float(y.mean()) + b * float(x.mean())
        loss = float(((y - a + b * x) ** 2).sum())
        if best is None or loss < best[0]:
            best = (loss, a, b, c)
    assert best is not None
    _, a, b, c = best
    last = float(n.max())
    return Curve(a, b, c, b * (last**-c - (last + more) ** -c))


def label_quality(truth: Values, p: Values) -> Floats:
    """Self-confidence (Northcutt, Jiang, Chuang 2021): the out-of-fold probability of the label that was given (n,)."""
    import numpy as np

    same_length(truth, p)
    quality: Floats = np.where(as_flags(truth), as_floats(p), 1 - as_floats(p))
    return quality


def label_issues(truth: Values, p: Values) -> NDArray[np.int64]:
    """Places of labels that look wrong, worst first, by confident learning (Northcutt, Jiang, Chuang 2021).

    A label is doubted where the other class reaches the mean self-confidence of that class's own labels, and is the
    likelier one. `p` (n,) are out-of-fold probabilities of a pass. Empty for a single class.
    """
    import numpy as np

    same_length(truth, p)
    y, pass_ = as_flags(truth, "labels"), as_floats(p)
    if bool((~((pass_ >= 0) & (pass_ <= 1))).any()):
        raise UsageError("probabilities lie within 0 and 1, none missing")
    if not y.any() or y.all():
        return np.zeros(0, np.int64)
    as_pass, as_fail = pass_[y].mean(), (1 - pass_[~y]).mean()
    doubted = np.where(y, (1 - pass_ >= as_fail) & (pass_ < 0.5), (pass_ >= as_pass) & (pass_ > 0.5))
    places = np.flatnonzero(doubted)
    return places[np.argsort(label_quality(y, pass_)[places], kind="stable")]
