"""The drift alarm: a judge's errors on the anchor pairs, summed from run to run (CUSUM), and what expires by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from flywheel_tui.store import calibration as store
from flywheel_tui.store import judging

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings
    from flywheel_tui.stages.human_truth import Truth
    from flywheel_tui.store.calibration import Ints
    from flywheel_tui.store.calibrations import CalibrationRow
    from flywheel_tui.store.connection import Connection

ANCHOR_TAG = "anchor"
"""The pairs with this tag are the anchor set: judged again by every run, never used in prompts."""
LEAST_ANCHORS = 20
"""With fewer labelled anchors in the first run its error rate says nothing."""
SLACK, ALPHA = 0.05, 0.05
"""The rise of the error rate that is let pass, and how often the alarm may go off where nothing has changed."""


class Watched(NamedTuple):
    """A run on labelled anchor pairs: which versions, and whether the judge is wrong about each."""

    tag: str
    judge: str
    created: int
    version: Ints
    wrong: Any


class Point(NamedTuple):
    """The sum after a run, the limit that it must not exceed, and whether it did within this run."""

    tag: str
    judge: str
    created: int
    total: float
    limit: float
    alarm: bool


def watch(runs: Sequence[Watched]) -> dict[str, Point]:
    """The sums by tag, judge by judge (back end and model): the first run of each gives the rate for the others.

    Pairs are taken in an order that says nothing about them. A judge with too few anchors, or one run, is left out.
    """
    import numpy as np

    from flywheel_tui.stats.drift import cusum, cusum_limit

    found: dict[str, Point] = {}
    for judge in dict.fromkeys(run.judge for run in runs):
        first, *later = (run for run in runs if run.judge == judge and len(run.version))
        if len(first.version) < LEAST_ANCHORS or not later:
            continue
        baseline = (float(first.wrong.sum()) + 0.5) / (len(first.version) + 1)
        errors, ends = [], []
        for run in later:
            order = np.argsort((run.version * 2_654_435_761) % 2**32, kind="stable")
            errors += run.wrong[order].astype(float).tolist()
            ends.append(len(errors))
        limit = cusum_limit(baseline, len(errors), SLACK, ALPHA, len(first.version))
        sums = cusum(errors, baseline, SLACK, limit).sums
        start = 0
        for run, end in zip(later, ends, strict=True):
            alarm = max(sums[start:end]) > limit
            found[run.tag] = Point(run.tag, judge, run.created, sums[end - 1], limit, alarm)
            start = end
    return found


def anchor_points(connection: Connection, dataset_id: int, truth: Truth) -> dict[str, Point]:
    """The sums of every judge on the pairs that are tagged as anchors and that people decided on."""
    import numpy as np

    anchors = store.tagged_versions(connection, dataset_id, ANCHOR_TAG)
    if not anchors:
        return {}
    said = dict(zip(truth.version.tolist(), truth.said.tolist(), strict=True))
    by_run: dict[int, list[tuple[int, bool]]] = {}
    for row in store.said_on(connection, dataset_id, [version for version in anchors if version in said]):
        by_run.setdefault(row.run_id, []).append((row.version, row.passed != bool(said[row.version])))
    runs = []
    for run in judging.list_runs(connection, dataset_id):
        rows = by_run.get(run.id, [])
        name = run.judge.name if run.judge else "unknown"
        runs.append(
            Watched(run.tag, name, run.created, np.array([version for version, _ in rows], np.int64),
                    np.array([wrong for _, wrong in rows], bool))
        )  # fmt: skip
    return watch([run for run in runs if len(run.version)])


def expired(
    connection: Connection, row: CalibrationRow, judge: str, points: dict[str, Point], settings: Settings, now: int
) -> list[str]:
    """Why a calibration no longer holds although nothing that it stands on has changed: age, use, the drift alarm.

    An alarm speaks against what was measured before it: the run that set it off may be measured anew.
    """
    from flywheel_tui.stats.drift import stale_reasons

    found = row.calibration
    reasons = stale_reasons(
        {}, {}, age=timedelta(microseconds=max(now - row.created, 0)),
        new_items=store.judged_since(connection, found.judge_hash, found.verdicts_mark, row.created),
        most_items=settings.calibration_items, most_age=timedelta(days=settings.calibration_days),
    )  # fmt: skip
    late = [point for point in points.values() if point.alarm and point.judge == judge and point.created > row.created]
    return reasons + [f"the drift alarm went off in the run {point.tag}" for point in late[:1]]


def alarm_lines(points: dict[str, Point]) -> list[str]:
    """What is to be said of alarms, the newest first."""
    ordered = sorted((point for point in points.values() if point.alarm), key=lambda point: -point.created)
    return [
        f"drift alarm: {point.judge} is wrong about the anchor pairs more often than at first, by the run {point.tag}"
        f" (CUSUM {point.total:.1f}, limit {point.limit:.1f})"
        for point in ordered
    ]
