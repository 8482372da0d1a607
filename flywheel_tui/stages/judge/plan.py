"""What a judge job is about: the judge, its run, and the pairs that are still to be asked about."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.expressions import parse
from flywheel_tui.records.judgment import Judge
from flywheel_tui.records.rubric import Rubric
from flywheel_tui.stages.judge.few_shot import decided_pairs, pick_examples
from flywheel_tui.stages.judge.identity import Sampling, identity
from flywheel_tui.stages.judge.options import JudgeOptions
from flywheel_tui.stages.judge.prompt import Prompt
from flywheel_tui.stages.rubric import load_rubric, named_rubric, rubric_for
from flywheel_tui.stats.sampling import BottomK
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import DatasetRow
from flywheel_tui.store.judging import RunRow
from flywheel_tui.store.response_cache import nonce_secret
from flywheel_tui.store.selections import Selection, select_pairs, where_of

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

ESTIMATE_SHARE = 0.05
ESTIMATE_LEAST = 30


def rubric_named(workspace: Workspace, name: str, kind: str) -> Rubric:
    """The rubric to judge with: a file where `name` is a path, a known name, or the one for the kind of data."""
    if not name:
        return rubric_for(workspace, kind)
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return load_rubric(Path(name))
    return named_rubric(workspace, name)


class Asked(NamedTuple):
    """The judge that the options make, with what it asks by."""

    judge: Judge
    prompt: Prompt
    sampling: Sampling
    pass_at: float | None


def make_judge(workspace: Workspace, dataset: DatasetRow, options: JudgeOptions, backend: str, model: str) -> Asked:
    """The judge of a job. Raises InputError, NotFoundError or UsageError for a rubric that cannot be used."""
    rubric = rubric_named(workspace, options.rubric, dataset.kind)
    secret = nonce_secret(workspace.store)
    examples = pick_examples(workspace, dataset.id, options.few_shot, options.seed) if options.few_shot else ()
    prompt = Prompt(rubric, secret, examples)
    sampling = Sampling(temperature=options.temperature, max_tokens=options.max_tokens)
    pass_at = workspace.settings.quality_min_score if rubric.kind.value == "scored" else None
    return Asked(identity(backend, model, prompt, sampling, pass_at), prompt, sampling, pass_at)


class Pairs(NamedTuple):
    """The pairs that are to be asked about, and how many the filter (and the sample) chose in all."""

    roots: array[int]
    versions: array[int]
    chosen: int
    matched: int


def pairs_to_ask(
    workspace: Workspace, dataset: DatasetRow, options: JudgeOptions, run: RunRow | None, job_id: int | None
) -> Pairs:
    """Choose pairs. The choice hangs on the options alone, so that a job taken up again chooses the same."""
    connection = workspace.store.read()
    selection, matched = _selected(workspace, dataset, options)
    if run is None:
        return Pairs(selection.roots, selection.versions, len(selection), matched)
    judged = judging.judged_versions(connection, run.id)
    missing = judging.missing_versions(connection, run.id, not_of_job=job_id)
    mine = judging.missing_versions(connection, run.id) - missing
    if options.retry:
        left = [at for at, version in enumerate(selection.versions) if version in missing]
    else:
        over = judged | missing | mine
        left = [at for at, version in enumerate(selection.versions) if version not in over]
    return _pairs(selection, left, matched)


def pairs_to_repeat(
    workspace: Workspace, dataset: DatasetRow, options: JudgeOptions, run: RunRow, repeat: int
) -> Pairs:
    """The chosen pairs that have a verdict and were not yet answered about the `repeat`-th time (from 1)."""
    connection = workspace.store.read()
    selection, matched = _selected(workspace, dataset, options)
    judged = judging.judged_versions(connection, run.id) - judging.judged_versions(connection, run.id, repeat)
    return _pairs(selection, [at for at, version in enumerate(selection.versions) if version in judged], matched)


def _pairs(selection: Selection, places: Sequence[int], matched: int) -> Pairs:
    return Pairs(
        array("q", (selection.roots[at] for at in places)), array("q", (selection.versions[at] for at in places)),
        len(selection), matched,
    )  # fmt: skip


def _selected(workspace: Workspace, dataset: DatasetRow, options: JudgeOptions) -> tuple[Selection, int]:
    """The pairs that the options choose, and how many the filter alone would."""
    connection = workspace.store.read()
    where = where_of(parse(options.where)) if options.where else where_of(None)
    selection = select_pairs(connection, dataset.id, where)
    if options.split:
        wanted = {pair.text.version for pair in decided_pairs(workspace, dataset.id, options.split)}
        selection = _of(selection, [at for at, version in enumerate(selection.versions) if version in wanted])
    matched = len(selection)
    share = options.sample or (ESTIMATE_SHARE if options.estimate else None)
    if share is not None:
        size = max(math.ceil(share * matched), min(matched, ESTIMATE_LEAST) if options.estimate else 1)
        selection = _sampled(selection, size, options.seed)
    if options.max_pairs is not None:
        selection = selection.cut(0, options.max_pairs)
    return selection, matched


def _sampled(selection: Selection, size: int, seed: int) -> Selection:
    kept: BottomK[int] = BottomK(size, seed)
    for at, root in enumerate(selection.roots):
        kept.add(root, at)
    return _of(selection, sorted(at for _, at in kept.items()))


def _of(selection: Selection, places: Sequence[int]) -> Selection:
    statuses = selection.status_list()
    part = Selection()
    part.extend([(selection.roots[at], selection.versions[at], statuses[at]) for at in places])
    return part
