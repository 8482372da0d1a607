"""Charts of what judges said, beside what people said; the figures are those of calibrate and compare."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from flywheel_tui.records.calibration import PASSING, CalibrateOptions
from flywheel_tui.records.chart import Chart
from flywheel_tui.store import calibration as store
from flywheel_tui.store import chart_rows, judging
from flywheel_tui.text import counted, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from flywheel_tui.records.calibration import Calibration, Comparison, Number, PairLine
    from flywheel_tui.stages.calibrate_views import Reliability
    from flywheel_tui.store.calibration import Floats
    from flywheel_tui.store.datasets import DatasetRow
    from flywheel_tui.store.judging import RunRow, Tally
    from flywheel_tui.workspace import Workspace

MOST_RUNS = 12
MOST_PANELS = 6
MOST_PEOPLE = 4
BINS = 10
WHOLE_SPAN = 20
"""Whole scores with no more than so many steps from the lowest to the highest have a bar for each step."""
MANY = 300
"""From so many independent scores on the normal interval of a mean is taken: drawing again would take long."""
UNJUDGED = "nothing to show: no judge has looked at this data set yet (flywheel judge)"


def judged_chart(workspace: Workspace, dataset: DatasetRow, name: str) -> Chart:
    """One of the charts in `JUDGED`, by name."""
    return _MAKERS[name](workspace, dataset)


def _runs(workspace: Workspace, dataset: DatasetRow, most: int) -> tuple[list[RunRow], str]:
    """The newest runs, the oldest of them first; and what to say where there are more."""
    runs = judging.list_runs(workspace.store.read(), dataset.id)
    return runs[-most:], f"the newest {most} of {len(runs):,} runs" if len(runs) > most else ""


def _shown(name: str) -> str:
    return visible(name, multiline=False, limit=40)


def _notes(*parts: str) -> str:
    return "; ".join(part.rstrip(".") for part in parts if part)


def _sentences(*parts: str) -> str:
    """One after another; the last as it is, for it may end in a command."""
    capital = [part[0].upper() + part[1:] for part in parts if part]
    return " ".join([*(f"{part.rstrip('.')}." for part in capital[:-1]), *capital[-1:]])


# -- verdicts


def _pass_fail(workspace: Workspace, dataset: DatasetRow) -> Chart:
    from flywheel_tui.stages.human_truth import human_truth

    connection = workspace.store.read()
    runs, more = _runs(workspace, dataset, MOST_RUNS)
    said = [_tallied(judging.tally(connection, run.id)) for run in runs]
    prefer = any("prefers a" in row or "prefers b" in row for row in said)
    people: dict[str, int] = {}
    edited = ""
    if prefer:
        truth = human_truth(connection, dataset.id, preference=True, include_unblinded=True, include_picked=True)
        codes = truth.said.tolist()
        people = {_preferred(word): codes.count(code) for code, word in enumerate(store.PREFERENCES) if code}
    if not any(people.values()):
        truth = human_truth(connection, dataset.id, approved_is=PASSING, include_unblinded=True, include_picked=True)
        passed = int(truth.said.sum())
        people = {"approved": passed, "rejected": len(truth.said) - passed}
        edited = "edited answers are among the approved"
    note = _notes("people: the majority of their labels, blind or not", edited) if any(people.values()) else ""
    rows = [people, *said]
    words = list(dict.fromkeys(word for row in (*said, people) for word in row))
    series = {word: tuple(float(row.get(word, 0)) for row in rows) for word in words}
    return Chart(
        name="pass_fail", title="Passes and fails by judge run, and by people", unit="pairs",
        labels=("people", *(_shown(run.tag) for run in runs)) if any(people.values()) or runs else (),
        series={word: values for word, values in series.items() if any(values)} if runs else {},
        note=_notes(more, note) if runs else UNJUDGED,
    )  # fmt: skip


def _tallied(tally: Tally) -> dict[str, int]:
    missing = {"no verdict": sum(tally.missing.values())}
    if tally.preferences:
        return {_preferred(word): tally.preferences.get(word, 0) for word in store.PREFERENCES if word} | missing
    return {"pass": tally.passed, "fail": tally.judged - tally.passed} | missing


def _preferred(word: str) -> str:
    return f"prefers {word}" if word in ("a", "b") else word


# -- scores


def _scores(workspace: Workspace, dataset: DatasetRow) -> Chart:
    import numpy as np

    connection = workspace.store.read()
    runs, more = _runs(workspace, dataset, MOST_PANELS)
    panels, without = [], []
    for run in runs:
        found = store.verdicts(connection, run.id, scores=True)
        scores = np.zeros(0) if found.score is None or (found.preference > 0).any() else found.score
        scores = scores[~np.isnan(scores)]
        if len(scores):
            panels.append(_histogram(run.tag, scores))
        else:
            without.append(_shown(run.tag))
    gone = f"no scores (a preference has none): {', '.join(without)}" if without else ""
    note = _notes(more, gone) if panels else gone or UNJUDGED
    return Chart(name="scores", title="Scores by judge run", unit="verdicts", panels=tuple(panels), note=note)


def _histogram(tag: str, scores: Floats) -> Chart:
    """How many verdicts have which score: a bar for each whole score, else ten steps of one width."""
    import numpy as np

    low, high = float(scores.min()), float(scores.max())
    if high - low <= WHOLE_SPAN and (scores == np.floor(scores)).all():
        steps = np.arange(low, high + 1)
        labels = [f"{step:g}" for step in steps.tolist()]
    else:
        # so weighed, ends far apart do not run over
        shares = np.linspace(0, 1, BINS + 1)
        steps = np.unique(low * (1 - shares) + high * shares)
        labels = [f"{one:.3g} – {two:.3g}" for one, two in pairwise(steps.tolist())] or [f"{low:.3g}"]
        steps = steps[:-1] if len(steps) > 1 else steps
    place = np.clip(np.searchsorted(steps, scores, side="right") - 1, 0, len(labels) - 1)
    counts = np.bincount(place, minlength=len(labels)).tolist()
    return Chart(
        name="scores", title=_shown(tag), unit="verdicts", labels=tuple(labels),
        series={"verdicts": tuple(float(count) for count in counts)}, note=f"{counted(len(scores), 'score')}",
    )  # fmt: skip


# -- criteria


def _criteria(workspace: Workspace, dataset: DatasetRow) -> Chart:
    connection = workspace.store.read()
    runs, more = _runs(workspace, dataset, MOST_PANELS)
    families = store.families(connection, dataset.id)
    panels, without = [], []
    for run in runs:
        scored: dict[str, tuple[list[int], list[float]]] = {}
        asked: set[str] = set()
        for row in store.criteria(connection, run.id, dataset.id):
            asked.update(row.answers)
            for name, score in row.scores.items():
                if score is not None:
                    versions, scores = scored.setdefault(name, ([], []))
                    versions.append(row.version)
                    scores.append(score)
        if not scored:
            without.append(_shown(run.tag))
            continue
        means = [_mean(versions, scores, families, name in asked) for name, (versions, scores) in scored.items()]
        panels.append(_means(run.tag, list(scored), means))
    gone = f"no scores by criterion: {', '.join(without)}" if without else ""
    note = _notes(more, gone) if panels else gone or UNJUDGED
    return Chart(name="criteria", title="Mean score of each criterion", unit="mean", panels=tuple(panels), note=note)


def _mean(versions: list[int], scores: list[float], families: dict[int, bytes], yes_no: bool) -> Number:
    """The mean of a criterion; the interval knows families, and of yes and no it is one of a share."""
    import numpy as np

    from flywheel_tui.stages.calibrate_measure import family_numbers, number
    from flywheel_tui.stats.bootstrap import distinct, interval
    from flywheel_tui.stats.weighted import mean_figure, weighted_rate

    values = np.array(scores)
    owners = family_numbers(np.array(versions, np.int64), families)
    if yes_no:
        return number(weighted_rate(values, np.ones(len(values)), families=owners))
    if owners is None and len(values) >= MANY:
        return number(mean_figure(values))
    features = distinct(np.stack([values, np.ones(len(values))], axis=1), owners)
    return number(interval(features, lambda sums: sums[:, 0] / sums[:, 1])._replace(n=len(values)))


def _means(tag: str, names: Sequence[str], means: Sequence[Number]) -> Chart:
    missing = float("nan")
    ranged = [mean.low is not None and mean.high is not None and mean.low < mean.high for mean in means]
    return Chart(
        name="criteria", title=_shown(tag), unit="mean", labels=tuple(_shown(name) for name in names),
        series={"mean": tuple(missing if mean.value is None else mean.value for mean in means)},
        low={"mean": tuple(mean.low if some and mean.low is not None else missing
                           for some, mean in zip(ranged, means, strict=True))},
        high={"mean": tuple(mean.high if some and mean.high is not None else missing
                            for some, mean in zip(ranged, means, strict=True))},
        texts={"mean": tuple(_ranged(mean, some) for some, mean in zip(ranged, means, strict=True))},
        note="with 95% intervals" if all(ranged) else "with 95% intervals, but where all scores are alike"
        if any(ranged) else "no intervals: the scores of each criterion are alike",
    )  # fmt: skip


def _ranged(figure: Number, ranged: bool) -> str:
    if figure.value is None:
        return f"n/a ({figure.why})"
    ends = f" [{figure.low:.2f}, {figure.high:.2f}]" if ranged else ""
    return f"{figure.value:.2f}{ends} n={figure.n:,.0f}"


# -- agreement


def _agreement(workspace: Workspace, dataset: DatasetRow) -> Chart:
    from flywheel_tui.stages.compare import Asked, compare

    connection = workspace.store.read()
    runs, more = _runs(workspace, dataset, MOST_PANELS)
    title = "Agreement between judge runs and people"
    people = store.reviewers(connection, dataset.id)
    said: Counter[str] = Counter()
    for who, _, count in chart_rows.labels_by_reviewer(connection, dataset.id, sys.maxsize):
        said[who] += count
    # scripts have labels, too
    busiest = sorted(people, key=lambda who: (-said[who], who))[:MOST_PEOPLE]
    asked = Asked(tags=tuple(run.tag for run in runs), reviewers=tuple(sorted(busiest)))
    if not runs or len(asked.tags) + len(asked.reviewers) < 2:
        why = UNJUDGED if not runs else "nothing to measure: agreement needs two runs, or a run and a person"
        return Chart(name="judge_agreement", title=title, unit="agreement", note=why)
    found = compare(workspace, dataset.name, asked, write=False)
    fewer = f"the {MOST_PEOPLE} people with the most labels" if len(people) > len(asked.reviewers) else ""
    return _matrix(found, title, _notes(more, fewer))


def _matrix(found: Comparison, title: str, more: str) -> Chart:
    """The lower half of the table of everyone against everyone; columns are numbered, for two may look alike."""
    names = [f"{at} {_shown(r.name)}{' (person)' * (r.what == 'reviewer')}" for at, r in enumerate(found.raters, 1)]
    count = len(names)
    lines = iter(found.matrix)
    cells = {(row, column): next(lines) for column in range(count) for row in range(column + 1, count)}
    values, texts = {}, {}
    for column in range(count - 1):
        here = [cells.get((row, column)) for row in range(1, count)]
        values[names[column]] = tuple(float("nan") if line is None else _share(line.agreement) for line in here)
        texts[names[column]] = tuple(_agreed(line) for line in here)
    alpha = found.alpha
    among = f"Krippendorff's alpha of all {alpha.value:.2f}" if alpha is not None and alpha.value is not None else ""
    what = "the same verdict" if found.kind == "verdict" else "the same preference"
    return Chart(
        name="judge_agreement", title=title, unit="agreement", kind="matrix", labels=tuple(names[1:]), series=values,
        texts=texts, note=_notes(f"share of common pairs with {what}, and Cohen's kappa", among, more, *found.remarks),
    )  # fmt: skip


def _share(figure: Number) -> float:
    return float("nan") if figure.value is None else figure.value


def _agreed(line: PairLine | None) -> str:
    if line is None:
        return ""
    if line.agreement.value is None:
        return "no common pairs"
    kappa = "n/a" if line.kappa.value is None else f"{line.kappa.value:.2f}"
    return f"{line.agreement.value:.0%}, kappa {kappa}, n={line.n:,}"


# -- calibration


def _calibration(workspace: Workspace, dataset: DatasetRow) -> Chart:
    from flywheel_tui.stages.calibrate import labelled, measured
    from flywheel_tui.stages.calibrate_views import reliability_of

    runs, _ = _runs(workspace, dataset, 1)
    title = "The newest judge run against people"
    if not runs:
        return Chart(name="calibration", title=title, unit="pairs", note=UNJUDGED)
    read = labelled(workspace, dataset.name, CalibrateOptions(tag=runs[0].tag), scores=True)
    found = measured(workspace, read, keep=False)
    title = f"{_shown(runs[0].tag)}, the newest judge run, against people"
    if not found.pairs:
        note = _sentences(found.headline, *found.remarks)
        return Chart(name="calibration", title=title, unit="pairs", note=note)
    panels = (_curve(reliability_of(read)), _confusion(found))
    return Chart(name="calibration", title=title, unit="pairs", panels=panels,
                 note=_sentences("Blind labels of people only", found.headline, *found.remarks))  # fmt: skip


def _curve(found: Reliability) -> Chart:
    title = "Reliability: the chance of passing that a score stands for, and the share that passed"
    if not found.bins:
        return Chart(name="calibration", title=title, unit="share", note=f"no curve: {found.why}")
    ends = tuple(bar.low for bar in found.bins), tuple(bar.high for bar in found.bins)
    error = "" if found.ece is None else f", expected calibration error {found.ece:.3f}"
    return Chart(
        name="calibration", title=title, unit="share that people passed", kind="curve",
        labels=tuple(f"{number}. n={bar.n:,}" for number, bar in enumerate(found.bins, 1)),
        series={"foretold": tuple(bar.predicted for bar in found.bins),
                "passed": tuple(bar.observed for bar in found.bins)},
        low={"passed": ends[0]}, high={"passed": ends[1]},
        texts={"foretold": tuple(f"{bar.predicted:.2f}" for bar in found.bins),
               "passed": tuple(f"{bar.observed:.2f} [{bar.low:.2f}, {bar.high:.2f}]" for bar in found.bins)},
        note=f"{counted(found.n, 'label')}{error}; each chance comes from the labels of other families",
    )  # fmt: skip


def _confusion(found: Calibration) -> Chart:
    """Rows are people's word, columns the judge's."""
    if found.counts is not None:
        c = found.counts
        table = {"people: pass": {"pass": c.tp, "fail": c.fn}, "people: fail": {"pass": c.fp, "fail": c.tn}}
        words: Iterable[str] = ("pass", "fail")
    else:
        table = {f"people: {word}": said for word, said in found.table.items()}
        words = dict.fromkeys(word for said in table.values() for word in said)
    counts = {f"judge: {word}": [said.get(word, 0) for said in table.values()] for word in words}
    return Chart(
        name="calibration", title="What people say and what the judge says", unit="pairs", kind="matrix",
        labels=tuple(table), series={word: tuple(map(float, column)) for word, column in counts.items()},
        texts={word: tuple(f"{count:,}" for count in column) for word, column in counts.items()},
        note=counted(found.pairs, "pair"),
    )  # fmt: skip


_MAKERS: dict[str, Callable[[Workspace, DatasetRow], Chart]] = {
    "pass_fail": _pass_fail, "scores": _scores, "criteria": _criteria, "judge_agreement": _agreement,
    "calibration": _calibration,
}  # fmt: skip
JUDGED = tuple(_MAKERS)
