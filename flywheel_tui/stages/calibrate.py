"""Measure a judge against people: only blind human labels, every figure with its n and an interval."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.records.calibration import (
    SPLITS,
    TIES,
    UNREADABLE,
    VOTES,
    CalibrateOptions,
    Calibration,
    KeptCalibration,
    LeftOut,
    policies_for,
    policy_named,
)
from flywheel_tui.stages import calibrate_words as words
from flywheel_tui.stages.calibrate_alarm import ANCHOR_TAG, alarm_lines, anchor_points, expired
from flywheel_tui.stages.calibrate_bias import audit
from flywheel_tui.stages.calibrate_measure import NO_ANSWER, Joined, measure_preferences, measure_verdicts
from flywheel_tui.stages.human_truth import Truth, human_truth, pass_codes
from flywheel_tui.stages.judge.stability import stability
from flywheel_tui.store import calibration as store
from flywheel_tui.store import calibrations, judging
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.records.bias import BiasAudit, Stability
    from flywheel_tui.stats.thresholds import Sweep
    from flywheel_tui.store.calibration import Verdicts
    from flywheel_tui.store.datasets import DatasetRow
    from flywheel_tui.store.judging import RunRow
    from flywheel_tui.workspace import Workspace


def check_options(options: CalibrateOptions) -> None:
    """Raise UsageError for what cannot be asked."""
    pass_codes(options.approved_is)
    if not 0 < options.target < 1:
        raise UsageError(f"--target-precision lies between 0 and 1, not {options.target:g}")
    if not 0 < options.confidence < 1:
        raise UsageError(f"--confidence lies between 0 and 1, not {options.confidence:g}")
    if options.unreadable is not None:
        policy_named(options.unreadable)
    if options.votes not in VOTES:
        raise UsageError(f"--votes is one of: {', '.join(VOTES)}")
    if options.ties not in TIES:
        raise UsageError(f"--ties is one of: {', '.join(TIES)}")
    if options.split not in SPLITS:
        raise UsageError(f"no split {options.split!r}; there are: {', '.join(SPLITS)}")
    given = options.threshold
    if isinstance(given, str) and given != "auto":
        raise UsageError(f"--threshold takes a number or auto, not {given!r}")
    if isinstance(given, float) and not math.isfinite(given):
        raise UsageError("--threshold takes a finite number or auto")


class Labelled(NamedTuple):
    """A run beside people's decisions, all read at one moment: what every figure is computed from."""

    options: CalibrateOptions
    dataset: DatasetRow
    run: RunRow
    mark: str
    preference: bool
    verdicts: Verdicts
    truth: Truth
    joined: Joined
    families: dict[int, bytes]
    stability: Stability | None = None
    in_prompts: int = 0
    ties: int = 0

    def sweep(self) -> Sweep:
        """Every threshold at once, for a screen that moves it. Raises UsageError where scores were not asked for."""
        from flywheel_tui.stats.thresholds import Sweep

        if self.joined.score is None or self.preference:
            raise UsageError("there are no scores here to move a threshold over")
        return Sweep(self.joined.truth, self.joined.score)


def labelled(workspace: Workspace, name: str, options: CalibrateOptions, *, scores: bool = False) -> Labelled:
    """Read a run and the labels on it; `scores` reads them even where no threshold is asked for.

    Raises NotFoundError for an unknown data set, run or reviewer, UsageError for options that do not go together.
    """
    check_options(options)
    connection = workspace.store.read()
    dataset = get_dataset(connection, name)
    run = judging.get_run(connection, dataset.id, options.tag)
    with store.one_moment(connection):
        scores = scores or options.threshold is not None or options.ratings
        verdicts = store.verdicts(connection, run.id, scores=scores)
        missing = store.missing_verdicts(connection, run.id)
        mark = store.verdicts_mark(connection, run.id)
        preference = bool((verdicts.preference > 0).any()) and _has_preferences(connection, dataset.id)
        truth = _truth(connection, dataset.id, options, preference)
        truth, in_prompts = _without_examples(connection, truth, run, options)
        families = store.families(connection, dataset.id)
        steady = stability(connection, run)
    options = _resolved(options, run, preference)
    _check_kind(options, preference)
    joined = _policy(
        _join(truth, verdicts, missing, preference), missing, truth, options.unreadable or "leave-out", preference
    )
    joined, ties = _without_ties(joined) if preference and options.ties == "leave-out" else (joined, 0)
    return Labelled(
        options, dataset, run, mark, preference, verdicts, truth, joined, families, steady, in_prompts, ties
    )


def pairs_in(
    workspace: Workspace, found: Labelled, truth: int, said: int, *, threshold: float | None = None
) -> list[int]:
    """The numbers of the pairs in one cell of the table: people say `truth`, the judge says `said` (0 fail, 1 pass;
    codes of preferences), at a threshold where one is given.
    """
    import numpy as np

    joined = found.joined
    judge = joined.said
    if threshold is not None and joined.score is not None:
        judge = np.where(np.isnan(joined.score), -1, joined.score >= threshold)
    here = joined.version[(joined.truth == truth) & (judge == said)]
    return store.pairs_of(workspace.store.read(), here.tolist())


def calibrate(
    workspace: Workspace, name: str, options: CalibrateOptions, *, keep: bool = True, bias: bool = False
) -> Calibration:
    """Measure the run `options.tag` of the data set `name` against people, and keep what came of it.

    `bias` adds the audit of what moves the judge besides quality.

    Raises as `labelled` does. No labels, or labels of one class only, are no error: the figures that cannot be given
    say why.
    """
    read = labelled(workspace, name, options, scores=bias)
    return measured(workspace, read, keep=keep, bias=audit(workspace, read) if bias else None)


def measured(workspace: Workspace, read: Labelled, *, keep: bool = True, bias: BiasAudit | None = None) -> Calibration:
    """Measure what was read, and keep what came of it. At another threshold: replace `read.options` first."""
    options, run, truth, joined = read.options, read.run, read.truth, read.joined
    connection = workspace.store.read()
    measure = measure_preferences if read.preference else measure_verdicts
    fields = measure(joined, read.verdicts, read.families, options)
    left_out = LeftOut(
        not_blind=truth.not_blind, picked=truth.picked,
        adjudications_not_blind=truth.adjudications_not_blind, skipped=truth.skipped,
        disputed=truth.disputed, no_verdict=joined.no_verdict, not_judged=joined.not_judged,
        no_score=fields.pop("no_score", 0), in_prompts=read.in_prompts, ties=read.ties,
    )  # fmt: skip
    judge_hash = run.judge.hash if run.judge else ""
    labels_hash, reported = truth.hash, judge_hash if options.split == "report" else None
    found = Calibration(
        dataset=read.dataset.name, tag=run.tag, judge=run.judge.name if run.judge else "unknown",
        judge_hash=judge_hash, labels_hash=labels_hash, verdicts_mark=read.mark, options=options, left_out=left_out,
        looks=calibrations.looks(connection, labels_hash, judge_hash),
        report_looks=calibrations.report_looks(connection, read.dataset.id, reported),
        stability=read.stability, bias=bias, **fields,
    )  # fmt: skip
    if options.per_criterion:
        from flywheel_tui.stages.calibrate_criteria import criteria_lines

        found = msgspec.structs.replace(found, criteria=criteria_lines(connection, run.id, read.dataset.id, joined))
    rated = False
    if options.ratings:
        from flywheel_tui.stages.calibrate_ratings import ratings_of

        found = msgspec.structs.replace(found, ratings=ratings_of(connection, read))
    elif not found.pairs:
        rated = store.has_ratings(connection, read.dataset.id)
    headline = words.headline(found, rated=rated)
    alarms = () if read.preference else alarm_lines(anchor_points(connection, read.dataset.id, truth))
    found = msgspec.structs.replace(found, headline=headline, remarks=(*alarms, *words.remarks(found)))
    if keep:
        with workspace.store.tx(durable=False) as writing:
            calibrations.write(writing, read.dataset.id, run.id, found)
    return found


def _resolved(options: CalibrateOptions, run: RunRow, preference: bool) -> CalibrateOptions:
    """Where no policy is given, the one that recorded judgments were taken in with holds, else leaving out."""
    if options.unreadable is not None:
        return msgspec.structs.replace(options, unreadable=policy_named(options.unreadable))
    kept = policy_named(str(run.settings.get("unparsed") or "leave-out"))
    kept = kept if kept in policies_for(preference) else "leave-out"
    return msgspec.structs.replace(options, unreadable=kept)


def _has_preferences(connection: Any, dataset_id: int) -> bool:
    return bool((store.human_labels(connection, dataset_id, events=False).preference > 0).any())


def _truth(connection: Any, dataset_id: int, options: CalibrateOptions, preference: bool) -> Truth:
    found = human_truth(
        connection, dataset_id, preference=preference, approved_is=options.approved_is, reviewer=options.reviewer,
        include_unblinded=options.include_unblinded, include_picked=options.include_picked, scripts=options.scripts,
        each=options.votes == "each",
    )  # fmt: skip
    return found if options.split == "all" else _of_split(connection, found, options.split)


def _without_examples(connection: Any, truth: Truth, run: RunRow, options: CalibrateOptions) -> tuple[Truth, int]:
    """The labels without those of the split for prompts, where the judge was shown examples out of it: it cannot be
    measured on what it was told. Also how many were left out.
    """
    if options.split != "all" or not _shown_examples(run):
        return truth, 0
    kept = _splits(connection, truth) != "prompt-dev"
    return _kept(truth, kept), int((~kept).sum())


def _shown_examples(run: RunRow) -> bool:
    return run.judge is not None and bool(run.judge.params.get("few_shot"))


def _of_split(connection: Any, truth: Truth, split: str) -> Truth:
    """The labels of one split: no family straddles two."""
    return _kept(truth, _splits(connection, truth) == split)


def _splits(connection: Any, truth: Truth) -> Any:
    import numpy as np

    from flywheel_tui.stages.judge.few_shot import splits_of

    return np.array(splits_of(store.family_names(connection, truth.version.tolist())), np.str_)


def _kept(truth: Truth, kept: Any) -> Truth:
    return truth._replace(version=truth.version[kept], said=truth.said[kept], inclusion=truth.inclusion[kept])


def _check_kind(options: CalibrateOptions, preference: bool) -> None:
    if preference and options.threshold is not None:
        raise UsageError("a threshold is for scores of single answers; these verdicts prefer one of two")
    if preference and options.unreadable == "fail":
        raise UsageError("unreadable replies of a preference judge are left out, wrong, or a tie; not a fail")
    if not preference and options.ties != "count":
        raise UsageError("--ties is for preferences; a judge of single answers sees none")
    if not preference and options.unreadable == "tie":
        raise UsageError("unreadable replies of a judge of single answers are left out, wrong, or a fail; not a tie")


def _join(truth: Truth, verdicts: Verdicts, missing: dict[int, str], preference: bool) -> Joined:
    import numpy as np

    place = np.searchsorted(verdicts.version, truth.version)
    hit = np.zeros(len(truth.version), bool)
    if len(verdicts.version):
        hit = verdicts.version[np.minimum(place, len(verdicts.version) - 1)] == truth.version
    place = place[hit]
    without = truth.version[~hit].tolist()
    kinds = Counter(missing[version] for version in without if version in missing)
    said = verdicts.preference if preference else verdicts.passed
    return Joined(
        truth.version[hit], truth.said[hit], said[place].astype(np.int64),
        None if verdicts.score is None else verdicts.score[place], truth.inclusion[hit],
        dict(kinds.most_common()), len(without) - kinds.total(),
    )  # fmt: skip


def _policy(joined: Joined, missing: dict[int, str], truth: Truth, policy: str, preference: bool) -> Joined:
    """Count the replies that could not be read as the policy says."""
    import numpy as np

    unread = np.array([version for version, kind in missing.items() if kind in UNREADABLE], np.int64)
    here = np.isin(truth.version, unread) & ~np.isin(truth.version, joined.version)
    if policy == "leave-out" or not here.any():
        return joined
    wrong = np.full(int(here.sum()), NO_ANSWER) if preference else 1 - truth.said[here]
    tie = np.full(int(here.sum()), store.PREFERENCE_CODES["tie"])
    said = {"wrong": wrong, "tie": tie, "fail": np.zeros(int(here.sum()), np.int64)}[policy]
    score = None if joined.score is None else np.concatenate([joined.score, np.full(len(said), np.nan)])
    left = {kind: count for kind, count in joined.no_verdict.items() if kind not in UNREADABLE}
    return Joined(
        np.concatenate([joined.version, truth.version[here]]), np.concatenate([joined.truth, truth.said[here]]),
        np.concatenate([joined.said, said]), score, np.concatenate([joined.inclusion, truth.inclusion[here]]),
        left, joined.not_judged,
    )  # fmt: skip


def _without_ties(joined: Joined) -> tuple[Joined, int]:
    """Only where people and the judge name one of the two answers; also how many were left out."""
    import numpy as np

    tied = [store.PREFERENCE_CODES["tie"], store.PREFERENCE_CODES["neither"]]
    kept = ~(np.isin(joined.truth, tied) | np.isin(joined.said, tied))
    part = joined._replace(
        version=joined.version[kept], truth=joined.truth[kept], said=joined.said[kept],
        score=None if joined.score is None else joined.score[kept], inclusion=joined.inclusion[kept],
    )  # fmt: skip
    return part, int((~kept).sum())


def kept_calibrations(workspace: Workspace, name: str) -> list[KeptCalibration]:
    """Every calibration of a data set, the newest first, each with what has changed since it was made.

    Nothing is marked in the database: hashes are compared, so that no change goes by unseen.
    """
    connection = workspace.store.read()
    dataset = get_dataset(connection, name)
    runs = {run.id: run for run in judging.list_runs(connection, dataset.id)}
    hashes: dict[tuple[Any, ...], str] = {}
    anchored = bool(store.tagged_versions(connection, dataset.id, ANCHOR_TAG))
    points = anchor_points(connection, dataset.id, human_truth(connection, dataset.id)) if anchored else {}
    now, settings = now_us(), workspace.settings
    out = []
    for row in calibrations.kept(connection, dataset.id):
        found, run = row.calibration, runs[row.judge_run_id]
        options = found.options
        key = (
            options.approved_is, options.reviewer, options.include_unblinded, options.include_picked, options.split,
            options.scripts, options.votes, found.kind, _shown_examples(run),
        )  # fmt: skip
        if key not in hashes:
            hashes[key] = _hash_now(connection, dataset.id, run, found)
        stale = []
        if (run.judge.hash if run.judge else "") != found.judge_hash:
            stale.append("the judge has changed")
        if hashes[key] != found.labels_hash:
            stale.append("the labels have changed")
        if store.verdicts_mark(connection, run.id) != found.verdicts_mark:
            stale.append("the run holds other verdicts")
        held = points if found.kind == "verdict" else {}
        stale += expired(connection, row, run.judge.name if run.judge else "unknown", held, settings, now)
        out.append(KeptCalibration(id=row.id, created=row.created, calibration=found, stale=tuple(stale)))
    return out


def _hash_now(connection: Any, dataset_id: int, run: RunRow, found: Calibration) -> str:
    if found.options.reviewer and found.options.reviewer not in store.reviewers(connection, dataset_id):
        return ""
    truth = _truth(connection, dataset_id, found.options, found.kind == "preference")
    return _without_examples(connection, truth, run, found.options)[0].hash
