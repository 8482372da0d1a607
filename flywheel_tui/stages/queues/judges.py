"""Orders from what judges say: where they disagree, and where the score is all but the threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.stages.queues.base import Ordered, Situation, as_queue, order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.store.queues import Ints

NEAREST = 1_000


def places_of(versions: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    """Where each wanted version lies in the sorted `versions`, and whether it does."""
    import numpy as np

    if not len(versions):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(versions, wanted), len(versions) - 1)
    return at, versions[at] == wanted


def disagreement(situation: Situation, pairs: Ints) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Of each pair: the entropy of the judges' votes (nats), the spread of their scores, and how many judges voted.

    Votes are pass or fail, or the preferred answer. 0 where fewer than two judges have a verdict.
    """
    import numpy as np

    from flywheel_tui.stats.active import vote_entropy

    wanted = np.asarray(situation.versions_of(pairs), np.int64)
    votes = np.zeros((len(wanted), 6))
    low, high = np.full(len(wanted), np.inf), np.full(len(wanted), -np.inf)
    judges = 0
    for run in situation.runs:
        said = situation.verdicts(run)
        if not len(said.version):
            continue
        judges += 1
        at, known = places_of(said.version, wanted)
        choice = np.where(said.preference[at] > 0, said.preference[at] + 1, said.passed[at].astype(np.int64))
        np.add.at(votes, (np.flatnonzero(known), choice[known]), 1)
        if said.score is not None:
            score = said.score[at]
            scored = known & ~np.isnan(score)
            low[scored] = np.minimum(low[scored], score[scored])
            high[scored] = np.maximum(high[scored], score[scored])
    spread = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0.0)
    return vote_entropy(votes), spread, judges


@order("judges disagree", "d", "what judges are divided on")
def judges_disagree(situation: Situation) -> Ordered:
    """The largest vote entropy first, and within it the largest spread of scores."""
    import numpy as np

    pairs = situation.open_pairs(mine_only=True)
    entropy, spread, judges = disagreement(situation, pairs)
    split = np.flatnonzero(entropy > 0)
    best = split[np.lexsort((-spread[split], -entropy[split]))]
    if judges < 2:
        note = f"two judges are needed to disagree, and {judges} has judged these pairs: flywheel judge --tag OTHER"
    else:
        note = f"{len(best):,} pairs that {judges} judges disagree on, the most divided first"
    return Ordered(pairs=as_queue(pairs[best]), note=note)


@order("near threshold", "n", "scores at the line of pass and fail")
def near_the_threshold(situation: Situation) -> Ordered:
    """The nearest scores first: labels there decide where the line is drawn."""
    import numpy as np

    from flywheel_tui.stats.active import near_threshold

    pairs, said = situation.open_pairs(mine_only=True), situation.latest
    if said is None or said.score is None or bool(np.isnan(said.score).all()):
        return Ordered(pairs=as_queue([]), note="no judge has scored these pairs yet: flywheel judge")
    at, known = places_of(said.version, np.asarray(situation.versions_of(pairs), np.int64))
    nearness = np.where(known, near_threshold(said.score[at], situation.threshold), -np.inf)
    best = np.argsort(-nearness, kind="stable")[:NEAREST]
    best = best[np.isfinite(nearness[best])]
    note = f"the {len(best):,} pairs whose score is nearest to {situation.threshold:g}"
    return Ordered(pairs=as_queue(pairs[best]), note=note)
