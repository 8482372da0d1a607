"""The pairs whose label would teach most: where a model of the labels is unsure and judges differ, spread out."""

from __future__ import annotations

from flywheel_tui.stages.queues.base import BATCH, Ordered, Situation, as_queue, order
from flywheel_tui.stages.queues.features import Features, enough, features, predicted
from flywheel_tui.stages.queues.judges import disagreement

POOL = 4_000
"""Pairs that are looked at: a sample of the open ones where there are more."""
LEARNT_FROM = 2_000
CANDIDATES = 3
"""Of the most doubtful, this many times what is asked for are spread over."""


@order("most informative", "i", "what a label would teach most about")
def most_informative(situation: Situation) -> Ordered:
    """The most doubtful pairs of a pool, each the farthest from those before it (k-center: Sener, Savarese 2018)."""
    import numpy as np

    from flywheel_tui.stats.active import kcenter, uncertainty

    chance = np.random.default_rng(situation.query.seed)
    pairs = situation.open_pairs()
    if len(pairs) > POOL:
        pairs = pairs[np.sort(chance.choice(len(pairs), POOL, replace=False))]
    if not len(pairs):
        return Ordered(pairs=as_queue([]), note="everything here has a label")
    labelled = np.array(sorted(situation.truth)[-LEARNT_FROM:], np.int64)
    versions = np.asarray(situation.versions_of(pairs), np.int64)
    found = features(situation, np.concatenate([labelled, versions]))
    known = Features(found.vectors[: len(labelled)], found.judge[: len(labelled)])
    asked = Features(found.vectors[len(labelled) :], found.judge[len(labelled) :])
    truth = np.array([situation.truth[version] for version in labelled.tolist()], bool)
    learnt = enough(truth)
    doubt = uncertainty(predicted(known, truth, asked) if learnt else asked.judge)
    entropy, _, judges = disagreement(situation, pairs)
    doubt = doubt + entropy
    size = min(BATCH, len(pairs))
    candidates = np.sort(np.argsort(-doubt, kind="stable")[: CANDIDATES * size])
    order = kcenter(asked.vectors[candidates], size, seed=situation.query.seed)
    # the most doubtful first, among those that were chosen to lie apart
    chosen = candidates[order]
    chosen = chosen[np.argsort(-doubt[chosen], kind="stable")]
    source = f"{len(truth):,} labels" if learnt else "verdicts" if situation.latest is not None else "texts alone"
    more = f" and {judges} judges" if judges > 1 else ""
    return Ordered(pairs=as_queue(pairs[chosen]), note=f"the {size:,} most informative pairs by {source}{more}")
