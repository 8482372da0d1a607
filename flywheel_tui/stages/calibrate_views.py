"""What else is asked of a judge: whether its scores mean what they say, whether it drifts, whether it may stand in."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.records.calibration import CalibrateOptions, Number
from flywheel_tui.stages.calibrate_alarm import ANCHOR_TAG, Watched, alarm_lines, watch
from flywheel_tui.stages.calibrate_measure import family_numbers, number
from flywheel_tui.stages.human_truth import counted_labels, human_truth, pass_codes
from flywheel_tui.store import calibration as store
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.stages.calibrate import Labelled
    from flywheel_tui.store.calibration import Ints
    from flywheel_tui.workspace import Workspace

MOST_ITEMS = 20_000
MOST_RUNS = 12
DRIFT_BINS = 10


class BinLine(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of a reliability diagram: `n` pairs said to pass with `predicted`, of which `observed` did."""

    n: int
    predicted: float
    observed: float
    low: float
    high: float


class Reliability(msgspec.Struct, frozen=True, kw_only=True):
    """How well scores, turned into probabilities, foretell people's passes; `why` says why there is none."""

    kind: str
    n: int
    why: str = ""
    bins: tuple[BinLine, ...] = ()
    ece: float | None = None
    worst: float | None = None
    brier: float | None = None
    skill: float | None = None
    auroc: float | None = None
    steps: tuple[tuple[float, float], ...] = ()
    """Scores and the probability of passing that they stand for."""


def reliability_of(read: Labelled) -> Reliability:
    """Recalibrated scores against people: each pair's probability comes from the labels of other families only."""
    import numpy as np

    from flywheel_tui.stats import probability
    from flywheel_tui.stats.recalibration import cross_fitted, fit_recalibrator

    joined = read.joined
    if read.preference or joined.score is None:
        return Reliability(kind="none", n=0, why="a judge that prefers one of two gives no scores to calibrate")
    kept = ~np.isnan(joined.score)
    scores, truth = joined.score[kept], joined.truth[kept].astype(bool)
    if not len(scores):
        return Reliability(kind="none", n=0, why="no labelled pair has a score")
    fitted = fit_recalibrator(scores, truth)
    area = probability.auroc(truth, scores)
    if fitted.kind == "none":
        return Reliability(kind="none", n=len(scores), why=fitted.why, auroc=area)
    p = cross_fitted(scores, truth, fitted.kind, families=family_numbers(joined.version[kept], read.families))
    if p is None:
        return Reliability(kind="none", n=len(scores), why="too few labels of both classes", auroc=area)
    gaps = probability.ece(truth, p)
    marks = np.unique(np.quantile(scores, np.linspace(0, 1, 6), method="nearest"))
    return Reliability(
        kind=fitted.kind, n=len(scores), auroc=area,
        bins=tuple(BinLine(n=b.n, predicted=b.predicted, observed=b.observed, low=b.low, high=b.high)
                   for b in probability.reliability(truth, p)),
        ece=gaps.ece if gaps else None, worst=gaps.mce if gaps else None, brier=probability.brier(truth, p),
        skill=probability.brier_skill(truth, p),
        steps=tuple(zip(marks.tolist(), fitted(marks).tolist(), strict=True)),
    )  # fmt: skip


class DriftLine(msgspec.Struct, frozen=True, kw_only=True):
    """One run on the anchor pairs: right how often, and what changed against the run before it."""

    tag: str
    judge: str
    created: int
    accuracy: Number
    shared: int
    to_pass: int
    to_fail: int
    p: float | None
    stability: float | None
    word: str
    cusum: float | None = None
    """The sum of its errors over those of the judge's first run; None for the first run, or too few labels."""
    limit: float | None = None
    alarm: bool = False


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """Runs in the order of their making. `anchors` counts the pairs; `tagged` says whether they carry the tag."""

    anchors: int
    tagged: bool
    lines: tuple[DriftLine, ...]
    sentence: str
    alarms: tuple[str, ...] = ()


def drift_of(workspace: Workspace, name: str, options: CalibrateOptions, *, preference: bool = False) -> Drift:
    """The runs of a data set on its anchor pairs (tag `anchor`), or on the labelled pairs where none carries it.

    With `preference` a run is right where it prefers what people prefer, and a verdict turns where it comes to name
    answer a, or no longer does.
    """
    import numpy as np

    connection = workspace.store.read()
    dataset = get_dataset(connection, name)
    with store.one_moment(connection):
        truth = human_truth(
            connection, dataset.id, preference=preference, approved_is=options.approved_is,
            include_unblinded=options.include_unblinded, include_picked=options.include_picked,
        )  # fmt: skip
        anchors = np.array(store.tagged_versions(connection, dataset.id, ANCHOR_TAG), np.int64)
        runs = judging.list_runs(connection, dataset.id)[-MOST_RUNS:]
        said = [store.verdicts(connection, run.id, scores=True) for run in runs]
    tagged = bool(len(anchors))
    pairs = anchors if tagged else truth.version
    lines, before, watched = [], None, []
    for run, verdicts in zip(runs, said, strict=True):
        kept = np.isin(verdicts.version, pairs)
        answer = verdicts.preference if preference else verdicts.passed.astype(np.int64)
        now = _Said(verdicts.version[kept], verdicts.passed[kept], answer[kept],
                    None if verdicts.score is None or preference else verdicts.score[kept])  # fmt: skip
        lines.append(_drift_line(run, now, before, truth))
        shared, ours, theirs = np.intersect1d(now.version, truth.version, assume_unique=True, return_indices=True)
        wrong = now.answer[ours] != truth.said[theirs]
        watched.append(Watched(run.tag, lines[-1].judge, run.created, shared, wrong))
        before = now
    points = watch([run for run in watched if len(run.version)])
    lines = [
        msgspec.structs.replace(line, cusum=point.total, limit=point.limit, alarm=point.alarm)
        if (point := points.get(line.tag)) else line
        for line in lines
    ]  # fmt: skip
    sentence, alarms = _drift_sentence(lines, tagged), tuple(alarm_lines(points))
    return Drift(anchors=len(pairs), tagged=tagged, lines=tuple(lines), sentence=sentence, alarms=alarms)


class _Said:
    """What a run says of the anchor pairs."""

    def __init__(self, version: Ints, passed: Any, answer: Ints, score: Any) -> None:
        self.version, self.passed, self.answer, self.score = version, passed, answer, score


def _drift_line(run: judging.RunRow, now: _Said, before: _Said | None, truth: Any) -> DriftLine:
    import numpy as np

    from flywheel_tui.stats import drift
    from flywheel_tui.stats.arrays import Figure, undefined
    from flywheel_tui.stats.intervals import wilson

    _, ours, theirs = np.intersect1d(now.version, truth.version, assume_unique=True, return_indices=True)
    right = int(np.count_nonzero(now.answer[ours] == truth.said[theirs]))
    n = len(ours)
    accuracy = Figure(right / n, *wilson(right, n), n, "Wilson") if n else undefined("no labels")
    line = DriftLine(
        tag=run.tag, judge=run.judge.name if run.judge else "unknown", created=run.created, accuracy=number(accuracy),
        shared=0, to_pass=0, to_fail=0, p=None, stability=None, word="first",
    )  # fmt: skip
    if before is None:
        return line
    _, here, there = np.intersect1d(now.version, before.version, assume_unique=True, return_indices=True)
    found = drift.anchors(before.passed[there], now.passed[here])
    stability = None
    if now.score is not None and before.score is not None:
        stability = _stability(before.score[there], now.score[here])
    return msgspec.structs.replace(
        line,
        shared=found.n,
        to_pass=found.to_pass,
        to_fail=found.to_fail,
        p=found.verdicts.p,
        stability=stability,
        word=drift.psi_word(stability),
    )


def _stability(before: Any, now: Any) -> float | None:
    """The population stability index of two lists of scores, over tenths of the one before."""
    import numpy as np

    from flywheel_tui.stats.drift import psi

    before, now = before[~np.isnan(before)], now[~np.isnan(now)]
    if not len(before) or not len(now):
        return None
    edges = np.unique(np.quantile(before, np.linspace(0, 1, DRIFT_BINS + 1)[1:-1]))
    bins = len(edges) + 1
    return psi(
        np.bincount(np.searchsorted(edges, before, side="right"), minlength=bins),
        np.bincount(np.searchsorted(edges, now, side="right"), minlength=bins),
    )


def _drift_sentence(lines: list[DriftLine], tagged: bool) -> str:
    where = "the anchor pairs" if tagged else f"the labelled pairs (no pair carries the tag {ANCHOR_TAG})"
    if len(lines) < 2:
        return f"One run cannot drift: judge {where} again in a later run."
    moved = [(one, two) for one, two in pairwise(lines) if two.p is not None and two.p <= 0.05]
    if moved:
        one, two = moved[-1]
        return (
            f"Between {one.tag} and {two.tag} more verdicts turned than chance explains (p = {two.p:.3f}): calibrate"
            f" again before {two.tag} is trusted."
        )
    compared = [line for line in lines[1:] if line.shared]
    if not compared:
        return f"No two runs in a row judged the same of {where}."
    if any(line.alarm for line in lines):
        return f"On {where} no run turned more verdicts than chance explains, and yet errors pile up from run to run."
    return f"No drift seen on {where}: no run turned more verdicts than chance explains."


class PersonLine(msgspec.Struct, frozen=True, kw_only=True):
    """The judge against one person: how often each is at least as near to the other people."""

    name: str
    n: int
    judge_wins: float
    person_wins: float
    p: float | None
    replaceable: bool


class StandIn(msgspec.Struct, frozen=True, kw_only=True):
    """The alternative annotator test. `passed` None: it cannot be made, and `sentence` says what is missing."""

    passed: bool | None
    omega: float | None
    rho: float | None
    eps: float
    people: tuple[PersonLine, ...]
    sentence: str


def stand_in(workspace: Workspace, read: Labelled, *, eps: float = 0.2) -> StandIn:
    """May this judge stand in for one more person (Calderon, Reichart, Dror 2025)? On pairs that two labelled."""
    import numpy as np

    from flywheel_tui.stats.altertest import alt_test

    connection, options = workspace.store.read(), read.options
    names = store.reviewers(connection, read.dataset.id)
    people: dict[Any, dict[Any, int]] = {}
    if len(names) > 1:
        columns = {who: _answers(connection, read, who) for who in names}
        versions, counts = np.unique(np.concatenate([v for v, _ in columns.values()]), return_counts=True)
        shared = versions[counts > 1][:MOST_ITEMS]
        for who, (version, answer) in columns.items():
            kept = np.isin(version, shared)
            people[who] = dict(zip(version[kept].tolist(), answer[kept].tolist(), strict=True))
    said = read.verdicts.preference if read.preference else read.verdicts.passed.astype(np.int64)
    if isinstance(options.threshold, float) and read.verdicts.score is not None:
        said = (read.verdicts.score >= options.threshold).astype(np.int64)
    wanted = np.isin(read.verdicts.version, np.array(sorted(set().union(*people.values())) if people else [], np.int64))
    judge = dict(zip(read.verdicts.version[wanted].tolist(), said[wanted].tolist(), strict=True))
    found = alt_test(judge, people, eps)
    lines = tuple(
        PersonLine(name=str(a.person), n=a.n, judge_wins=a.judge_wins, person_wins=a.person_wins, p=a.p,
                   replaceable=a.rejected) for a in found.people
    )  # fmt: skip
    sentence = _stand_in_sentence(found.passed, found.omega, len(lines), len(names), found.why)
    return StandIn(passed=found.passed, omega=found.omega, rho=found.rho, eps=eps, people=lines, sentence=sentence)


def _answers(connection: Any, read: Labelled, who: str) -> tuple[Ints, Ints]:
    import numpy as np

    options = read.options
    labels = counted_labels(
        connection, read.dataset.id, who, include_unblinded=options.include_unblinded,
        include_picked=options.include_picked,
    ).labels  # fmt: skip
    if read.preference:
        return labels.version[labels.preference > 0], labels.preference[labels.preference > 0]
    kept = np.isin(labels.status, (1, 2, 3))
    return labels.version[kept], np.isin(labels.status[kept], pass_codes(read.options.approved_is)).astype(np.int64)


def _stand_in_sentence(passed: bool | None, omega: float | None, tested: int, known: int, why: str) -> str:
    if passed is None or omega is None:
        if known < 2:
            return "This test needs people who labelled the same pairs: at least two, better three, 30 pairs each."
        return f"This test cannot be made yet: {why}."
    share = f"{omega * tested:.0f} of {tested} people"
    note = f" ({why})" if why else ""
    if passed:
        return f"It may stand in for one more person: at least as good as {share}, its low price considered{note}."
    return f"It may not stand in for a person: at least as good as only {share}, its low price considered{note}."
