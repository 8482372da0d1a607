"""How many more labels would settle the question that labelling is for; kept up to date with each decision.

With a judge the question is whether what it passes is right often enough (`CalibrateOptions.target`, one-sided at its
confidence); without one it is the share of pairs that people pass, to within ± 5 points.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.label import PICKING_ORDERS
from flywheel_tui.stages.human_truth import judged_batches
from flywheel_tui.store import judging
from flywheel_tui.store import queues as store
from flywheel_tui.store.calibration import picked_events
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.records.label import Decision
    from flywheel_tui.stages.cards import Card
    from flywheel_tui.workspace import Workspace

HALF_WIDTH = 0.05
_OPTIONS = CalibrateOptions(tag="")


class Needed(msgspec.Struct, kw_only=True):
    """Blind labels so far: `labels` that answer the question, `passed` of them. `tag`: the judge, None without one."""

    tag: str | None
    labels: int
    passed: int
    pairs: int
    """How many pairs could be labelled to answer it."""
    target: float = _OPTIONS.target
    confidence: float = _OPTIONS.confidence

    count: int | None = None
    """Labels still needed; 0: settled, None: no number in sight."""

    def __post_init__(self) -> None:
        self.count = self._more()

    def _more(self) -> int | None:
        from flywheel_tui.stats.planner import ci_n, labels_to_decide

        left = max(self.pairs - self.labels, 0)
        if self.tag is not None:
            more = labels_to_decide(self.passed, self.labels, self.target, 1 - self.confidence)
            return None if more is None else min(more, left)
        share = (self.passed + 0.5) / (self.labels + 1)
        return min(max(math.ceil(ci_n(share, HALF_WIDTH)) - self.labels, 0), left)

    @property
    def sentence(self) -> str:
        """What the labels would settle."""
        count = self.count
        if self.tag is None:
            about = f"the share of pairs that people pass, to within ± {HALF_WIDTH:.0%}"
        else:
            about = f"whether {self.tag} is right about {self.target:.0%} of the pairs it passes"
        if count is None:
            return f"no number of labels in sight settles {about}: it is all but exactly that"
        if count == 0:
            return f"{self.labels:,} labels settle {about}"
        return f"about {count:,} more labels settle {about}"

    def counted(self, card: Card, decision: Decision) -> None:
        """A decision was written: count it where it answers the question."""
        if not decision.blind or decision.revealed or decision.policy in PICKING_ORDERS:
            return
        if decision.status in (None, "skipped") or card.decided:
            return
        if self.tag is not None and (card.verdict is None or card.verdict.tag != self.tag or not card.verdict.passed):
            return
        self.labels += 1
        self.passed += decision.status == "approved"
        self.count = self._more()


def labels_needed(workspace: Workspace, dataset: str) -> Needed:
    """Where labelling of a data set stands. Reads every label of people: not for the event loop."""
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    runs = judging.list_runs(connection, row.id)
    run = max(runs, key=lambda found: (found.updated or found.created, found.id), default=None)
    batches = judged_batches(connection, row.id)
    picked = picked_events(connection, row.id).tolist()
    labels, passed = store.blind_counts(connection, row.id, run.id if run else None, batches, picked)
    pairs = judging.tally(connection, run.id).passed if run else row.pairs
    return Needed(tag=run.tag if run else None, labels=labels, passed=passed, pairs=pairs)
