"""An adapter against its base on the same items: as a job, or called from Python. What was finished is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import Paused
from flywheel_tui.records.evaluation import Best, Criteria, EvaluateOptions, Item, Measured
from flywheel_tui.records.task import Task
from flywheel_tui.stages.budget import Budget
from flywheel_tui.stages.evaluate import answers
from flywheel_tui.stages.evaluate.asked import Asked
from flywheel_tui.stages.evaluate.gathered import gather
from flywheel_tui.stages.evaluate.items import is_compared, items_for
from flywheel_tui.stages.evaluate.measure import measure
from flywheel_tui.stages.evaluate.overlap import contaminated
from flywheel_tui.stages.evaluate.plan import PART, Plan, criteria_hash
from flywheel_tui.store import evaluations as store
from flywheel_tui.store import judge_jobs
from flywheel_tui.store.evaluations import EvaluationRow

if TYPE_CHECKING:
    from flywheel_tui.stages.evaluate.preferences import Comparer
    from flywheel_tui.stages.judge.run import JobTask
    from flywheel_tui.store.versions import Reader
    from flywheel_tui.workspace import Workspace

SIDES = ("base", "candidate")


class Quiet:
    """A task that nobody watches."""

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Nothing."""

    def event(self, level: str, text: str) -> None:
        """Nothing."""

    def check(self) -> None:
        """Nobody stops it."""


def register(workspace: Workspace, criteria: Criteria) -> str:
    """Keep criteria before anything is measured; their hash."""
    hash = criteria_hash(criteria)
    with workspace.store.tx() as connection:
        store.register_criteria(connection, hash, criteria)
    return hash


class _Run:
    def __init__(self, workspace: Workspace, options: EvaluateOptions, task: Task | None) -> None:
        self.started = time.monotonic()
        self.workspace, self.task = workspace, task or Quiet()
        self.plan = plan = Plan(workspace, options)
        self.options, self.comparer = plan.options, plan.comparer
        if self.comparer is not None:
            self.comparer.check_price(self.options)
        self.job_id: int | None = getattr(getattr(self.task, "job", None), "id", None)
        register(workspace, self.options.criteria)
        gather(workspace)
        items = items_for(workspace, self.options)
        new = plan.evaluation(items, self.job_id)
        with workspace.store.tx() as connection:
            self.row: EvaluationRow = store.begin(connection, new, items)

    def go(self) -> EvaluationRow:
        if self.row.state != "done":
            self._overlap()
            for name in SIDES:
                self._side(name)
            if self.comparer is not None:
                self._judge(self.comparer)
            items = self._items()
            self.task.progress(len(items), len(items), "measuring")
            found = measure(items, self.options.criteria, self.plan.trained.rows, best_of(self.row.facts))
            with self.workspace.store.tx() as connection:
                self._count(connection)
                store.finish(connection, self.row.id, found, time.monotonic() - self.started)
        return store.get_evaluation(self.workspace.store.read(), self.row.id)

    def _items(self) -> list[Item]:
        return store.items_of(self.workspace.store.read(), self.row.id)

    def _overlap(self) -> None:
        trained = self.plan.trained
        found = contaminated(self._items(), trained) if trained.rows else {}
        self._write([(key, {"contaminated": why}) for key, why in found.items()])

    def _write(self, rows: list[tuple[str, dict[str, Any]]]) -> None:
        if rows:
            with self.workspace.store.tx(durable=False) as connection:
                store.fill(connection, self.row.id, rows)
                self._count(connection)

    def _count(self, connection: Reader, *, written: bool = True) -> None:
        """Keep what the judge took since, with what it was for."""
        part = self.comparer.taken() if self.comparer is not None else None
        if part is None:
            return
        store.add_use(connection, self.row.id, part, written=written)
        if self.job_id is not None:
            judge_jobs.add_cost(connection, self.job_id, part.cost_micro)

    # -- one side

    def _side(self, name: str) -> None:
        side, base = self.plan.sides[name], self.plan.base
        said = f"{name} {side.name or 'without adapter'}"

        @cache
        def model() -> answers.Model:
            self.task.progress(0, None, f"loading the {said}")
            return answers.open_model(
                base, side, max_new_tokens=self.options.max_new_tokens, batch_size=self.options.batch_size
            )

        asked = Asked(name, model, self.plan.trained)
        # a past failure that nothing can decide on would be asked for nothing
        compares = self.comparer is not None
        self._parts(
            f"answers of the {said}", f"{name}_output",
            lambda item: item.group != "regression" or bool(item.checker) or compares, asked.answers,
        )  # fmt: skip
        self._parts(f"losses of the {said}", f"{name}_nll", lambda item: bool(item.expected), asked.losses)

    def _judge(self, comparer: Comparer) -> None:
        account = comparer.open_account(self.options, self.job_id, self.row.used)
        try:
            self._parts("comparing", "preference", is_compared, comparer.compare)
        except BaseException:
            with self.workspace.store.tx() as connection:
                self._count(connection, written=False)
            raise
        finally:
            if isinstance(account, Budget):
                account.close()
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
    is asked; Cancelled (BudgetSpent where the judge may spend no more), MissingExtraError or ServiceError later, with
    everything kept that was finished.
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


def run_job(workspace: Workspace, args: Mapping[str, Any], task: JobTask) -> dict[str, Any]:
    """The job kind "evaluate": the arguments are the fields of EvaluateOptions.

    The result names the evaluation, its bundle where an adapter was evaluated, and the verdict of the gates.
    """
    options = msgspec.convert(dict(args), EvaluateOptions)
    try:
        row = evaluate(workspace, options, task)
    except Paused:
        # a spent budget waits for a person, it is not given to another worker
        task.stop("pause")
        raise
    found: dict[str, Any] = {"evaluation": row.id, "hash": row.hash}
    if options.adapter:
        from flywheel_tui.stages.gate.bundle import make_bundle

        bundle = make_bundle(workspace, row.id)
        found |= {"bundle": bundle.id, "bundle_hash": bundle.hash, "verdict": bundle.verdict}
    return found
