"""A judge's calibration as a screen holds it: read once, then every threshold answers from sums alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.records.calibration import Calibration, Counts, Number, ThresholdAnswer
from flywheel_tui.stages import calibrate as stage
from flywheel_tui.stages import calibrate_words as words
from flywheel_tui.stages.calibrate_measure import corrected_pass_rate, labels_needed, named, threshold_of
from flywheel_tui.store import calibration as store
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.records.calibration import CalibrateOptions
    from flywheel_tui.stages.calibrate import Labelled
    from flywheel_tui.stats.confusion import Confusion
    from flywheel_tui.stats.thresholds import Sweep
    from flywheel_tui.store.calibration import Floats
    from flywheel_tui.workspace import Workspace

MOST_LINES = 200
"""Thresholds that a screen steps over; more different scores are taken evenly by rank."""
CELLS: dict[tuple[int, int], str] = {(1, 1): "tp", (1, 0): "fn", (0, 1): "fp", (0, 0): "tn"}


class RunLine(msgspec.Struct, frozen=True, kw_only=True):
    """A judge run that can be measured."""

    tag: str
    judge: str
    kind: str
    created: int


class Curve(NamedTuple):
    """Precision and recall at every threshold (None where undefined), thresholds in rising order."""

    lines: list[float]
    precision: list[float | None]
    recall: list[float | None]


def runs_of(workspace: Workspace, name: str) -> list[RunLine]:
    """The judge runs of a data set, the newest first. Raises NotFoundError."""
    connection = workspace.store.read()
    found = judging.list_runs(connection, get_dataset(connection, name).id)
    return [
        RunLine(tag=run.tag, judge=run.judge.name if run.judge else "unknown", kind=run.kind, created=run.created)
        for run in reversed(found)
    ]


class Desk:
    """A run beside people's labels, all in memory. `at` answers within a frame, however many labels there are.

    `found` is the judge at its own word. `exact` says whether `at` gives final intervals: where labels come from
    families, or were drawn with known probabilities, the intervals of `settled` (for a thread) replace them.
    """

    def __init__(self, read: Labelled, found: Calibration) -> None:
        self.read, self.found = read, found
        self.lines: list[float] = []
        self.curve = Curve([], [], [])
        self.guarantee: ThresholdAnswer | None = None
        self.exact = found.families == found.pairs and not found.weighted_labels
        self._sweep: Sweep | None = None
        self._answers: dict[float, Calibration] = {}
        if not read.preference and read.joined.score is not None and read.verdicts.score is not None:
            self._prepare(read.verdicts.score)

    def _prepare(self, scores: Floats) -> None:
        import numpy as np

        sweep = self.read.sweep()
        known = scores[~np.isnan(scores)]
        if not len(sweep) or not len(known):
            return
        self._sweep, self._known = sweep, np.sort(known)
        self._fixed = self._unread()
        self.lines = sweep.thresholds(MOST_LINES)[::-1].tolist()
        self.curve = self._curve(sweep)
        options = msgspec.structs.replace(self.read.options, threshold="auto")
        self.guarantee = threshold_of(self.read.joined, self.read.verdicts, self.read.families, options)

    def _unread(self) -> Confusion:
        """Replies that could not be read count as the policy says at every threshold."""
        import numpy as np

        from flywheel_tui.stats.confusion import confusion

        joined = self.read.joined
        assert joined.score is not None
        unread = np.isnan(joined.score) & ~np.isin(joined.version, self.read.verdicts.version)
        return confusion(joined.truth[unread].astype(bool), joined.said[unread].astype(bool))

    def _curve(self, sweep: Sweep) -> Curve:
        import numpy as np

        from flywheel_tui.stats import tables

        stack = sweep.tables(self.lines) + self._fixed.table

        def plain(values: Floats) -> list[float | None]:
            return [None if np.isnan(value) else float(value) for value in values]

        return Curve(self.lines, plain(tables.precision(stack)), plain(tables.recall(stack)))

    @property
    def movable(self) -> bool:
        """Whether there are scores to move a threshold over."""
        return self._sweep is not None

    def at(self, line: float | None) -> Calibration:
        """What holds where scores at or above `line` pass; None: the judge's own word. Only sums are looked at, and
        what was answered once is kept.
        """
        if line is None or self._sweep is None:
            return self.found
        if line not in self._answers:
            self._answers[line] = self._at(self._sweep, line)
        return self._answers[line]

    def prepare(self, line: float | None) -> None:
        """Have the steps beside a threshold ready before they are asked for; a few milliseconds, for a thread."""
        if line is None or self._sweep is None:
            return
        at = self.nearest(line)
        for place in (at + 1, at - 1):
            if 0 <= place < len(self.lines):
                self.at(self.lines[place])

    def _at(self, sweep: Sweep, line: float) -> Calibration:
        from flywheel_tui.stats.confusion import Confusion, rates_of_counts

        moved = sweep.at(line)
        c = Confusion(*(a + b for a, b in zip(moved, self._fixed, strict=True)))
        options = msgspec.structs.replace(self.read.options, threshold=line)
        rates = rates_of_counts(c, level=options.confidence)
        passed, judged = len(self._known) - int(self._known.searchsorted(line)), len(self._known)
        rate: Number | None = None
        if c.n and not self.found.weighted_labels:
            rate = corrected_pass_rate(c, passed, judged, options.confidence)
        left_out = msgspec.structs.replace(self.found.left_out, no_score=len(self.read.joined.truth) - int(c.n))
        moved_to = msgspec.structs.replace(
            self.found, options=options, pairs=int(c.n), rates=named(rates), weighted={}, pass_rate=rate,
            counts=Counts(tp=int(c.tp), fp=int(c.fp), tn=int(c.tn), fn=int(c.fn)), left_out=left_out,
            threshold=ThresholdAnswer(
                value=line, guaranteed=False, coverage=passed / judged, labels_needed=None,
                sentence=f"The threshold {line:g} was given: it carries no guarantee.",
            ),
            no_skill=rates.majority_accuracy, labels_needed=labels_needed(c, options),
        )  # fmt: skip
        return msgspec.structs.replace(moved_to, headline=words.headline(moved_to))

    def settled(self, workspace: Workspace, line: float) -> Calibration:
        """The same with intervals over families and weighted figures: seconds for a million, so for a thread."""
        options = msgspec.structs.replace(self.read.options, threshold=line)
        return stage.measured(workspace, self.read._replace(options=options), keep=False)

    def nearest(self, line: float) -> int:
        """The place of the step that is nearest to a threshold."""
        return min(range(len(self.lines)), key=lambda at: abs(self.lines[at] - line))

    def pairs(self, workspace: Workspace, truth: int, said: int, line: float | None) -> list[int]:
        """The pairs of one cell of the matrix, as `pairs_in` gives them."""
        return stage.pairs_in(workspace, self.read, truth, said, threshold=line)


def open_desk(workspace: Workspace, name: str, options: CalibrateOptions, *, keep: bool = True) -> Desk:
    """Read and measure a run; `keep` writes the measurement down, as `flywheel calibrate` does. For a thread.

    Raises as `stages.calibrate.labelled` does.
    """
    read = stage.labelled(workspace, name, options, scores=True)
    return Desk(read, stage.measured(workspace, read, keep=keep))


def mark_of(workspace: Workspace, name: str, tag: str) -> str:
    """What the figures of a run stand on, in short: another mark means that they may be others now. For a thread."""
    connection = workspace.store.read()
    dataset = get_dataset(connection, name)
    run = judging.get_run(connection, dataset.id, tag)
    return f"{store.verdicts_mark(connection, run.id)}-{store.last_event(connection, dataset.id)}"


def pairs_of(workspace: Workspace, name: str) -> int:
    """How many pairs a data set has. Raises NotFoundError."""
    return get_dataset(workspace.store.read(), name).pairs


def keep_threshold(workspace: Workspace, desk: Desk, line: float | None) -> Calibration:
    """Write a threshold (None: the judge's own word) down as the judge's calibration on these labels."""
    options = msgspec.structs.replace(desk.read.options, threshold=line)
    return stage.measured(workspace, desk.read._replace(options=options), keep=True)
