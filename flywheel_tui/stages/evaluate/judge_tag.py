"""The judge of an earlier run as that of an evaluation: back end, model, and its rubric where that compares two."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.rubric import Rubric, RubricKind
from flywheel_tui.store import evidence, judging
from flywheel_tui.store.datasets import list_datasets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flywheel_tui.records.evaluation import EvaluateOptions
    from flywheel_tui.store.judging import RunRow
    from flywheel_tui.workspace import Workspace


class Tagged(NamedTuple):
    """The judge of a run: `name` is `backend:model`; `rubric` None where its own one scores single answers."""

    name: str
    rubric: Rubric | None


def with_tagged_judge(workspace: Workspace, options: EvaluateOptions, datasets: Sequence[str]) -> EvaluateOptions:
    """Options that name the judge of the run `judge_tag`; as they are where no tag is given.

    Raises UsageError where a judge is named as well, or the run was not made by one that can be asked.
    """
    if not options.judge_tag:
        return options
    if options.judge:
        raise UsageError("--judge and --judge-tag name two judges; use one of them")
    return msgspec.structs.replace(options, judge=tagged(workspace, options.judge_tag, datasets).name)


def tagged(workspace: Workspace, tag: str, datasets: Sequence[str] = ()) -> Tagged:
    """The judge of the run with this tag: in these data sets first, else in any.

    Raises NotFoundError that lists the known tags, UsageError for recorded verdicts and juries.
    """
    run = _run(workspace, tag, datasets)
    if run.kind != "judge" or run.judge is None or run.judge.backend == "checkers":
        raise UsageError(f"the run {tag} is no single judge that can be asked again ({run.kind}); use --judge")
    body = evidence.rubric_body(workspace.store.read(), run.judge.rubric) if run.judge.rubric else None
    rubric = msgspec.convert(body, Rubric) if body else None
    if rubric is not None and rubric.kind is not RubricKind.PAIRWISE:
        rubric = None
    name = run.judge.backend if run.judge.backend == "offline" else run.judge.name
    return Tagged(name, msgspec.structs.replace(rubric, hash=run.judge.rubric) if rubric else None)


def _run(workspace: Workspace, tag: str, datasets: Sequence[str]) -> RunRow:
    connection = workspace.store.read()
    rows = sorted(list_datasets(connection), key=lambda row: row.name not in datasets)
    found = [run for row in rows if (run := judging.find_run(connection, row.id, tag)) is not None]
    if not found:
        raise NotFoundError("judge run", tag, sorted({run.tag for row in rows
                                                      for run in judging.list_runs(connection, row.id)}))  # fmt: skip
    first = [run for run in found if run.dataset_id in {row.id for row in rows if row.name in datasets}] or found
    if len({run.judge.hash if run.judge else "" for run in first}) > 1:
        raise UsageError(f"several judges made runs with the tag {tag}; name one with --judge BACKEND:MODEL")
    return first[0]
