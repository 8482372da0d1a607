"""Labels that look wrong: confident learning over what people decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel_tui.stages.queues.base import Ordered, Situation, as_queue, order
from flywheel_tui.stages.queues.features import LEAST, enough, features, out_of_fold

if TYPE_CHECKING:
    from flywheel_tui.store.queues import Ints

MOST = 20_000
WORTH_A_LOOK = 0.5
"""Labels less likely than this are shown after those that confident learning doubts."""


@order("label errors", "e", "decisions that look wrong")
def label_errors(situation: Situation) -> Ordered:
    """Labels whose class is doubted out of fold, then the other unlikely ones (Northcutt, Jiang, Chuang 2021).

    Where there are too few labels to fit a model, those that the newest judge contradicts.
    """
    import numpy as np

    from flywheel_tui.stats.active import label_issues, label_quality

    shown = set(situation.pairs.tolist())
    root_of = {label.version: label.root for label in situation.labels if label.root in shown}
    versions = np.array(sorted(version for version in situation.truth if version in root_of)[-MOST:], np.int64)
    truth = np.array([situation.truth[version] for version in versions.tolist()], bool)
    if not len(versions):
        return Ordered(pairs=as_queue([]), note="nobody has approved or rejected anything here yet")
    known = features(situation, versions)
    if enough(truth):
        p = out_of_fold(known, truth, situation.query.seed)
        first, source = label_issues(truth, p), "a model of all labels"
    else:
        p = known.judge
        first, source = np.zeros(0, np.int64), f"the judge alone: fewer than {LEAST} labels of a kind"
    quality = np.nan_to_num(label_quality(truth, np.nan_to_num(p, nan=0.5)), nan=1.0)
    rest = np.flatnonzero(quality < WORTH_A_LOOK)
    rest = rest[~np.isin(rest, first)]
    found: Ints = np.concatenate([first, rest[np.argsort(quality[rest], kind="stable")]]).astype(np.int64)
    pairs = list(dict.fromkeys(root_of[version] for version in versions[found].tolist()))
    return Ordered(pairs=as_queue(pairs), note=f"{len(pairs):,} of {len(versions):,} labels look doubtful by {source}")
