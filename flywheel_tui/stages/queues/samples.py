"""The calibration sample: drawn once by strata with known probabilities, and labelled to its end.

What is measured on it holds for everything it was drawn from (Neyman 1934; Horvitz, Thompson 1952): every label carries
its stratum and its inclusion probability.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.queues.base import Ordered, Place, Situation, as_queue, order
from flywheel_tui.stages.queues.judges import places_of
from flywheel_tui.stages.queues.opinions import overlaps
from flywheel_tui.store import queues as store
from flywheel_tui.store.queues import SampleItem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flywheel_tui.store.queues import Ints, Sample
    from flywheel_tui.store.views import ViewQuery
    from flywheel_tui.workspace import Workspace

SIZE = 200
LEAST_OF_A_STRATUM = 5
_GUESS = {"passed": 0.85, "near, passed": 0.65, "near, failed": 0.35, "failed": 0.15}
"""What share of a stratum people are taken to pass before there are labels."""
NEAR = 0.2
"""The nearest fifth of the scores on either side of the threshold are strata of their own: the line lies there."""


def draw_sample(workspace: Workspace, query: ViewQuery, *, size: int = SIZE, seed: int = 0) -> Sample:
    """Draw a new sample of the pairs of a view and keep it; the queue "calibration sample" goes through it.

    Labels are spread by Neyman's allocation over strata of the newest judge's verdicts, at least 5 for each. Pairs that
    have labels already are drawn like others: leaving them out would bend what is measured. Raises UsageError where the
    view is empty or the size is not positive.
    """
    if size < 1:
        raise UsageError(f"a sample holds at least one pair, not {size}")
    situation = Situation(workspace, query, workspace.settings.reviewer)
    pairs = situation.pairs
    if not len(pairs):
        raise UsageError(
            f"there are no pairs to draw from in {query.dataset}" + (" under this filter" * bool(query.filter))
        )
    versions, items = _drawn(situation, pairs, size, seed)
    run = situation.runs[0] if situation.latest is not None else None
    with workspace.store.tx() as connection:
        store.keep_sample(
            connection, situation.dataset_id,
            [SampleItem(int(pairs[at]), int(versions[at]), name, pi) for at, name, pi in items],
            run_id=run.id if run else None, expression=query.filter, population=len(pairs), seed=seed,
            threshold=situation.threshold if run else None,
        )  # fmt: skip
    found = store.newest_sample(workspace.store.read(), situation.dataset_id, query.filter)
    assert found is not None
    return found


def _drawn(situation: Situation, pairs: Ints, size: int, seed: int) -> tuple[Ints, list[tuple[int, str, float]]]:
    """The places that were drawn, in random order, with their strata and probabilities."""
    import numpy as np

    from flywheel_tui.stats.stratified import neyman, stratified_sample, whole

    versions = np.asarray(situation.versions_of(pairs), np.int64)
    strata = strata_of(situation, versions)
    names, owner, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    share = np.array([_passing(situation, versions[owner == number], str(name)) for number, name in enumerate(names)])
    wanted = neyman(sizes / sizes.sum(), np.sqrt(share * (1 - share)), min(size, len(pairs)))
    floor = np.minimum(sizes, LEAST_OF_A_STRATUM)
    if floor.sum() < size:
        spare = np.maximum(wanted - floor, 0)
        wanted = floor + spare * (min(size, len(pairs)) - floor.sum()) / max(float(spare.sum()), 1e-9)
    drawn = stratified_sample(owner, whole(wanted, sizes), seed)
    shuffled = np.random.default_rng(seed).permutation(len(drawn.items))
    return versions, [(int(drawn.items[at]), str(strata[drawn.items[at]]), float(drawn.pi[at])) for at in shuffled]


def strata_of(situation: Situation, versions: Ints) -> NDArray[np.str_]:
    """The stratum of each version: passed or failed by the newest judge, near the threshold or far from it."""
    import numpy as np

    from flywheel_tui.stats.active import near_threshold

    said = situation.latest
    if said is None:
        return np.full(len(versions), "not judged", object)
    at, known = places_of(said.version, versions)
    passed = said.passed[at]
    names = np.where(passed, "passed", "failed").astype(object)
    if said.score is not None and bool((~np.isnan(said.score[at][known])).any()):
        nearness = near_threshold(said.score[at], situation.threshold)
        for side in (True, False):
            members = np.flatnonzero(known & (passed == side) & np.isfinite(nearness))
            nearest = members[np.argsort(-nearness[members], kind="stable")[: int(len(members) * NEAR)]]
            names[nearest] = "near, passed" if side else "near, failed"
    names[~known] = "not judged"
    return names


def _passing(situation: Situation, versions: Ints, name: str) -> float:
    """The share of a stratum that people pass: what labels say, drawn towards a guess while there are few."""
    said = [situation.truth[version] for version in versions.tolist() if version in situation.truth]
    guess = _GUESS.get(name, 0.5)
    return (sum(said) + 4 * guess) / (len(said) + 4)


@order("calibration sample", "c", "drawn by strata, with known odds")
def calibration_sample(situation: Situation) -> Ordered:
    """The newest sample drawn under this filter (one of 200 pairs is drawn where there is none), in its random order.

    With several reviewers each pair goes to whoever comes first, but for the share that several people label. Pairs
    with labels from before the draw are in it too: leaving them out would bend what is measured.
    """
    workspace, settings = situation.workspace, situation.workspace.settings
    sample = store.newest_sample(situation.connection, situation.dataset_id, situation.query.filter)
    if sample is None:
        sample = draw_sample(workspace, situation.query, seed=situation.query.seed)
    current = situation.current
    places = {
        item.root: Place(item.version, item.stratum, item.inclusion)
        for item in store.sample_items(situation.connection, sample.id)
        if current.get(item.root) == item.version
    }
    done = store.labels_of_samples(situation.connection, situation.dataset_id)
    mine = {root for root, reviewer in done if reviewer == situation.reviewer}
    taken = {root for root, _ in done} - mine
    share = settings.overlap
    pairs = [root for root in places if root not in taken or overlaps(root, situation.dataset_id, share)]
    of = f" by strata of {sample.run}" if sample.run else ""
    note = f"sample {sample.id}: {sample.size:,} of {sample.population:,} pairs{of}, {len(pairs):,} for you"
    return Ordered(pairs=as_queue(pairs), note=note, places=places)
