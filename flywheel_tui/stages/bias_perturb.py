"""A judge is shown in another form what it has judged: how often does its verdict flip where nothing else changed?

The other forms are a data set of their own beside the first, so that they are judged by an ordinary judge job (price
first, budgets, cache, resumed) and never counted, labelled or exported with the pairs that they were made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import ConflictError, UsageError
from flywheel_tui.records.bias import FormBias
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.bias_forms import FORMS
from flywheel_tui.stages.calibrate_measure import number
from flywheel_tui.stages.judge.options import JudgeOptions
from flywheel_tui.stages.judge.plan import make_judge
from flywheel_tui.stats.sampling import BottomK
from flywheel_tui.store import bias as store
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import judging, pairs, sources
from flywheel_tui.store.versions import read_versions

if TYPE_CHECKING:
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.store.datasets import DatasetRow
    from flywheel_tui.store.judging import RunRow
    from flywheel_tui.workspace import Workspace

LEAST_PAIRS = 100
"""So many pairs are taken where nobody says how many: a flip rate of 2 % is seen from about a hundred on."""
SOURCE, SUFFIX = "forms", "-forms"


class FormsOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to audit: the run `tag` of a data set, in these forms, on a random part of what it has judged."""

    dataset: str
    tag: str
    forms: tuple[str, ...] = tuple(FORMS)
    pairs: int = LEAST_PAIRS
    seed: int = 0
    rubric: str = ""


def forms_named(text: str) -> tuple[str, ...]:
    """The forms in a list with commas, or all. Raises UsageError for an unknown one."""
    names = tuple(FORMS) if text == "all" else tuple(name.strip() for name in text.split(",") if name.strip())
    if unknown := [name for name in names if name not in FORMS]:
        raise UsageError(f"no form {unknown[0]!r}; there are: {', '.join(FORMS)}, or all")
    return names


def prepare(workspace: Workspace, options: FormsOptions) -> JudgeOptions:
    """Make the data set of the other forms (what is there already stays) and the options of the job that judges it.

    Raises UsageError for a run that cannot be asked again (recorded, a jury, preferences, another rubric by now,
    examples in its prompt), ConflictError where the name is taken.
    """
    connection = workspace.store.read()
    dataset = dataset_store.get_dataset(connection, options.dataset)
    run = judging.get_run(connection, dataset.id, options.tag)
    again = _the_same_judge(workspace, dataset, run, options)
    chosen: BottomK[int] = BottomK(options.pairs, options.seed)
    for version in sorted(judging.judged_versions(connection, run.id)):
        chosen.add(version, version)
    drafts = _drafts(connection, sorted(version for _, version in chosen.items()), options.forms)
    if not drafts:
        raise UsageError(f"no judged pair of {dataset.name} has an answer that these forms change")
    target = _target(workspace, dataset)
    with workspace.store.tx() as writer:
        source = sources.add_source(writer, target.id, name=SOURCE, format=SOURCE, layout=SOURCE, fingerprint=None)
        added = pairs.insert_drafts(writer, target.id, source, pairs.prepare(drafts), pairs.Occurrences())
        sources.finish_source(writer, source, rows=len(drafts), added=added, rejected=0, notes=[])
    return again


def _the_same_judge(workspace: Workspace, dataset: DatasetRow, run: RunRow, options: FormsOptions) -> JudgeOptions:
    judge = run.judge
    if judge is None or run.kind != "judge":
        raise UsageError(f"the run {run.tag} was not asked here: only a judge that can be asked again is audited so")
    if judge.params.get("few_shot"):
        raise UsageError(f"the judge of {run.tag} was shown examples of {dataset.name}; audit it without --few-shot")
    if judge.params.get("orders") != 1:
        raise UsageError("forms are for judges of single answers; calibrate --bias audits both orders of preferences")
    rubric = options.rubric or judging.kept_rubric(workspace.store.read(), judge.rubric).name
    again = JudgeOptions(
        dataset=dataset.name + SUFFIX, tag=run.tag, backend=judge.backend, model=judge.model, rubric=rubric,
        temperature=judge.params["temperature"], max_tokens=judge.params["max_tokens"],
    )  # fmt: skip
    made = make_judge(workspace, dataset, again, judge.backend, judge.model).judge
    if made.hash != judge.hash:
        raise UsageError(
            f"the judge of {run.tag} cannot be made again: its rubric {rubric!r} or a setting has changed since; name"
            " the file of the rubric with --rubric, or judge anew"
        )
    return again


def _target(workspace: Workspace, dataset: DatasetRow) -> DatasetRow:
    name = dataset.name + SUFFIX
    with workspace.store.tx() as writer:
        known = {row.name: row for row in dataset_store.list_datasets(writer)}
        if name not in known:
            return dataset_store.create_dataset(writer, name, dataset.kind)
        if not store.made_of_forms(writer, known[name].id, SOURCE):
            raise ConflictError(f"there is a data set {name!r} that is none of other forms; rename it first")
        return known[name]


def _drafts(connection: Connection, versions: Sequence[int], forms: Sequence[str]) -> list[Draft]:
    drafts: list[Draft] = []
    for row in read_versions(connection, versions):
        if row.output is None or row.body:
            continue
        for name in forms:
            if (changed := FORMS[name].turn(row.output)) is not None:
                meta = {"form": name, "of": row.id}
                drafts.append(
                    Draft(kind=row.kind, instruction=row.instruction, input=row.input, output=changed, meta=meta,
                          tags=["other form"], line=len(drafts) + 1)
                )  # fmt: skip
    return drafts


def flips(workspace: Workspace, dataset: DatasetRow, run: RunRow, level: float) -> tuple[FormBias, ...]:
    """What became of the run's verdicts in each other form that the same judge has judged."""
    from flywheel_tui.stats.bias import perturb

    connection = workspace.store.read()
    known = {row.name: row for row in dataset_store.list_datasets(connection)}
    target = known.get(dataset.name + SUFFIX)
    other = judging.find_run(connection, target.id, run.tag) if target is not None else None
    if other is None or other.judge is None or run.judge is None or other.judge.hash != run.judge.hash:
        return ()
    rows = store.forms(connection, run.id, other.id)
    found = []
    for name in [name for name in FORMS if any(row.form == name for row in rows)]:
        here = [row for row in rows if row.form == name]
        rate, up, down = perturb([row.before for row in here], [row.after for row in here], level)
        found.append(FormBias(form=name, about=FORMS[name].about, flips=number(rate), to_pass=up, to_fail=down))
    return tuple(found)
