"""An adapter against its base on the same items: as a job, or called from Python. What was finished is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.evaluation import Best, Criteria, EvaluateOptions, Item, Measured
from flywheel_tui.records.task import Task
from flywheel_tui.stages.evaluate import answers
from flywheel_tui.stages.evaluate.asked import Asked
from flywheel_tui.stages.evaluate.gathered import gather
from flywheel_tui.stages.evaluate.items import digest_of, items_for
from flywheel_tui.stages.evaluate.judge_tag import with_tagged_judge
from flywheel_tui.stages.evaluate.measure import canonical, measure
from flywheel_tui.stages.evaluate.overlap import Trained, contaminated, snapshot, trained_on
from flywheel_tui.stages.evaluate.sides import Base, Side, open_base, open_side
from flywheel_tui.store import evaluations as store
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.evaluations import EvaluationRow, NewEvaluation

if TYPE_CHECKING:
    from flywheel_tui.stages.evaluate.preferences import Comparer
    from flywheel_tui.workspace import Workspace

PART = 128
"""Items asked and written at once. Parts are the same however often a run was interrupted: so are the answers."""
SIDES = ("base", "candidate")
_GAINS = ("accuracy", "winrate", "nll")


class Quiet:
    """A task that nobody watches."""

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Nothing."""

    def event(self, level: str, text: str) -> None:
        """Nothing."""

    def check(self) -> None:
        """Nobody stops it."""


def check_criteria(criteria: Criteria) -> Criteria:
    """Itself. Raises UsageError for criteria that cannot be meant."""
    from flywheel_tui.records.evaluation import GATES

    if criteria.metric not in _GAINS:
        raise UsageError(f"no metric {criteria.metric!r}; there are: {', '.join(_GAINS)}")
    for name in ("min_gain", "regression_margin", "forgetting_margin"):
        if not 0 <= getattr(criteria, name) < 1:
            raise UsageError(f"{name} is a share from 0 and below 1, not {getattr(criteria, name):g}")
    for name in ("safety_rate", "alpha"):
        if not 0 < getattr(criteria, name) < 0.5:
            raise UsageError(f"{name} lies between 0 and 0.5, not {getattr(criteria, name):g}")
    if unknown := [name for name in criteria.leave_out if name not in GATES[:6]]:
        raise UsageError(f"no gate {unknown[0]!r} that can be left out; there are: {', '.join(GATES[:6])}")
    return criteria


def register(workspace: Workspace, criteria: Criteria) -> str:
    """Keep criteria before anything is measured; their hash."""
    hash = sha256(canonical(check_criteria(criteria))).hexdigest()
    with workspace.store.tx() as connection:
        store.register_criteria(connection, hash, criteria)
    return hash


class _Run:
    def __init__(self, workspace: Workspace, options: EvaluateOptions, task: Task | None) -> None:
        self.started = time.monotonic()
        self.workspace, self.task = workspace, task or Quiet()
        self.base: Base = open_base(options.base)
        self.sides: dict[str, Side] = {
            "base": open_side(workspace, options.against, self.base),
            "candidate": open_side(workspace, options.adapter, self.base),
        }
        options = with_tagged_judge(
            workspace, options, (options.dataset, *(options.train or self.sides["candidate"].train))
        )
        self.options = options
        if options.judge and ":" not in options.judge and options.judge != "offline":
            raise UsageError(f"--judge takes BACKEND:MODEL (or offline, the rules), not {options.judge!r}")
        self.trained: Trained = trained_on(workspace, options.train or self.sides["candidate"].train)
        self.comparer: Comparer | None = None
        if options.judge:
            from flywheel_tui.stages.evaluate.preferences import Comparer

            self.comparer = Comparer(workspace, options)
        self.criteria_hash = register(workspace, options.criteria)
        gather(workspace)
        self.row: EvaluationRow = self._begin(items_for(workspace, options))

    def _begin(self, items: list[Item]) -> EvaluationRow:
        options, own, other = self.options, self.sides["candidate"], self.sides["base"]
        connection = self.workspace.store.read()
        dataset = get_dataset(connection, options.dataset) if options.dataset else None
        facts: dict[str, Any] = {
            "items": digest_of(items),
            "train": self.trained.hashes,
            "chat_template": sha256(self.base.chat_template.encode()).hexdigest(),
            "generation": {
                "greedy": True, "max_new_tokens": options.max_new_tokens, "batch_size": options.batch_size,
                "part": PART,
            },
            "judge": self.comparer.facts if self.comparer is not None else None,
        }  # fmt: skip
        if dataset is not None:
            facts["holdout"] = {options.dataset: snapshot(store.pairs_of(connection, dataset.id))}
        asked = [self.base.hash, own.hash, other.hash, own.name, other.name, options.cycle, self.criteria_hash, facts]
        # what was best before is noted but not asked about: the same question stays the same question
        dataset_id = dataset.id if dataset is not None else None
        best = store.best_so_far(connection, options, self.base.hash, dataset_id, own.hash)
        new = NewEvaluation(
            hash=sha256(canonical(asked)).hexdigest(), base=self.base.name, base_hash=self.base.hash, adapter=own.name,
            adapter_hash=own.hash, against=other.name, against_hash=other.hash,
            dataset_id=dataset_id, cycle=options.cycle,
            job_id=getattr(getattr(self.task, "job", None), "id", None), options=options,
            facts=facts | {"past_best": msgspec.to_builtins(best)},
            criteria_hash=self.criteria_hash,
        )  # fmt: skip
        with self.workspace.store.tx() as writing:
            return store.begin(writing, new, items)

    def go(self) -> EvaluationRow:
        if self.row.state != "done":
            self._overlap()
            for name in SIDES:
                self._side(name)
            if self.comparer is not None:
                self._judge(self.comparer)
            items = self._items()
            self.task.progress(len(items), len(items), "measuring")
            found = measure(items, self.options.criteria, self.trained.rows, best_of(self.row.facts))
            with self.workspace.store.tx() as connection:
                store.finish(connection, self.row.id, found, time.monotonic() - self.started)
        return store.get_evaluation(self.workspace.store.read(), self.row.id)

    def _items(self) -> list[Item]:
        return store.items_of(self.workspace.store.read(), self.row.id)

    def _overlap(self) -> None:
        found = contaminated(self._items(), self.trained) if self.trained.rows else {}
        self._write([(key, {"contaminated": why}) for key, why in found.items()])

    def _write(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        if rows:
            with self.workspace.store.tx(durable=False) as connection:
                store.fill(connection, self.row.id, rows)

    # -- one side

    def _side(self, name: str) -> None:
        side = self.sides[name]
        said = f"{name} {side.name or 'without adapter'}"

        @cache
        def model() -> answers.Model:
            self.task.progress(0, None, f"loading the {said}")
            return answers.open_model(
                self.base, side, max_new_tokens=self.options.max_new_tokens, batch_size=self.options.batch_size
            )

        asked = Asked(name, model, self.trained)
        # a past failure that nothing can decide on would be asked for nothing
        compares = self.comparer is not None
        self._parts(
            f"answers of the {said}", f"{name}_output",
            lambda item: item.group != "regression" or bool(item.checker) or compares, asked.answers,
        )  # fmt: skip
        self._parts(f"losses of the {said}", f"{name}_nll", lambda item: bool(item.expected), asked.losses)

    def _judge(self, comparer: Comparer) -> None:
        self._parts("comparing", "preference", lambda item: item.group != "regression" or not item.checker,
                    comparer.compare)  # fmt: skip
        if comparer.left_out:
            kinds = ", ".join(f"{count} {kind}" for kind, count in comparer.left_out.items())
            self.task.event("warning", f"no verdict for {sum(comparer.left_out.values())} items: {kinds}")

    def _parts(
        self, phase: str, column: str, wanted: Callable[[Item], bool],
        work: Callable[[Sequence[Item]], list[tuple[str, dict[str, Any]]]],
    ) -> None:  # fmt: skip
        """Do the parts that are not done: always the same items together, each part written whole."""
        items = [item for item in self._items() if wanted(item)]
        for start, part in _cut(items):
            self.task.progress(start, len(items), phase)
            if all(getattr(item, column) is None for item in part):
                self.task.check()
                self._write(work(part))
        self.task.progress(len(items), len(items), phase)


def _cut(items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    for start in range(0, len(items), PART):
        yield start, items[start : start + PART]


def evaluate(workspace: Workspace, options: EvaluateOptions, task: Task | None = None) -> EvaluationRow:
    """Compare an adapter with its base (or another adapter) and keep what came of it.

    The same question asked again is not computed again. Raises UsageError, InputError or NotFoundError before anything
    is asked; Cancelled, MissingExtraError or ServiceError later, with everything kept that was finished.
    """
    return _Run(workspace, options, task).go()


def again(workspace: Workspace, id: int) -> Measured:
    """The figures of a finished evaluation with the blind choices that people have made since."""
    row = store.get_evaluation(workspace.store.read(), id)
    items = store.items_of(workspace.store.read(), id)
    return measure(items, row.options.criteria, trained_rows(row), best_of(row.facts))


def best_of(facts: Mapping[str, Any]) -> dict[str, Best]:
    """The best so far by slice, as an evaluation noted it when it began."""
    return msgspec.convert(facts.get("past_best") or {}, dict[str, Best])


def trained_rows(row: EvaluationRow) -> int:
    """How many training rows the items of an evaluation were compared with."""
    return sum(int(part["rows"]) for part in row.facts.get("train", {}).values())


def run_job(workspace: Workspace, args: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """The job kind "evaluate": the arguments are the fields of EvaluateOptions.

    The result names the evaluation, its bundle where an adapter was evaluated, and the verdict of the gates.
    """
    options = msgspec.convert(dict(args), EvaluateOptions)
    row = evaluate(workspace, options, task)
    found: dict[str, Any] = {"evaluation": row.id, "hash": row.hash}
    if options.adapter:
        from flywheel_tui.stages.gate.bundle import make_bundle

        bundle = make_bundle(workspace, row.id)
        found |= {"bundle": bundle.id, "bundle_hash": bundle.hash, "verdict": bundle.verdict}
    return found
