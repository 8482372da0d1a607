"""Writing what comes of work items: rows, lineage, the state of the item, answers for the cache and the account, in one
short transaction. A process that is killed repeats what was in flight and nothing that was written."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.stages.generate.options import Figures
from flywheel_tui.store import claims, generation, judge_jobs, response_cache
from flywheel_tui.store.generation import NewRow, NoRow
from flywheel_tui.store.response_cache import Cached

if TYPE_CHECKING:
    from collections.abc import Callable

    from flywheel_tui.llm.protocol import Reply
    from flywheel_tui.records.job import Claim
    from flywheel_tui.stages.budget import Budget
    from flywheel_tui.workspace import Workspace

ITEMS = 50
AFTER_S, PAID_AFTER_S = 1.0, 0.02


class Counts(msgspec.Struct, kw_only=True):
    """What a job has done so far, over all its attempts; kept in the job's row, in the transaction it counts."""

    new: int = 0
    items: int = 0
    calls: int = 0
    hits: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micro: int = 0
    unpriced: bool = False
    rejected: dict[str, int] = {}
    failed: dict[str, int] = {}
    teachers: dict[str, int] = {}
    variants: dict[str, int] = {}

    def reply(self, reply: Reply) -> None:
        """Count an answer that was paid for."""
        self.calls += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
        self.cost_micro += reply.cost_micro or 0
        self.unpriced = self.unpriced or reply.cost_micro is None


class Finished(NamedTuple):
    """A work item that is over."""

    key: str
    rows: list[NewRow]
    no: NoRow | None = None


class Recorder:
    """Collects and writes. Without a job (`preview`) only answers and the account are written."""

    def __init__(
        self, workspace: Workspace, *, job_id: int | None, claim: Claim | None, dataset_id: int, recipe: str,
        budget: Budget | None, cycle: int | None, writes_rows: bool,
        on_written: Callable[[Finished, list[int]], None],
    ) -> None:  # fmt: skip
        self._workspace, self._job_id, self._claim, self._dataset_id = workspace, job_id, claim, dataset_id
        self._recipe, self._budget, self._cycle, self._writes_rows = recipe, budget, cycle, writes_rows
        self._on_written = on_written
        self._finished: list[Finished] = []
        self._answers: list[Cached] = []
        self._since: float | None = None
        self._paid = False
        self._cost_written = 0
        self.counts = Counts()
        self.live: dict[str, Any] = {}
        if job_id is not None and (before := judge_jobs.live(workspace.store.read(), job_id).get("tally")):
            self.counts = msgspec.convert(before, Counts)
        self._cost_written = self.counts.cost_micro

    def windows(self) -> list[Figures]:
        """The figures of variety that earlier attempts at the job came to."""
        if self._job_id is None:
            return []
        shown = judge_jobs.live(self._workspace.store.read(), self._job_id)
        return msgspec.convert(shown.get("variety", []), list[Figures])

    def add(self, finished: Finished) -> None:
        """Take in an item that is over."""
        self.counts.items += 1
        if finished.no is not None:
            rejected = self.counts.rejected
            rejected[finished.no.rule] = rejected.get(finished.no.rule, 0) + 1
        self._finished.append(finished)
        self._begin(paid=True)
        if len(self._finished) >= ITEMS:
            self.flush()

    def fail(self, kind: str) -> None:
        """Count an item that the service failed; it stays open."""
        self.counts.failed[kind] = self.counts.failed.get(kind, 0) + 1

    def keep(self, answer: Cached) -> None:
        """Take in an answer for the cache."""
        self._answers.append(answer)
        self._begin(paid=True)

    def _begin(self, *, paid: bool) -> None:
        self._paid = self._paid or paid
        if self._since is None:
            self._since = time.monotonic()

    def due(self) -> bool:
        """Whether something has waited long enough."""
        return self._since is not None and time.monotonic() - self._since >= (PAID_AFTER_S if self._paid else AFTER_S)

    def flush(self) -> None:
        """Write what is there. Raises StaleClaimError where the job belongs to somebody else: then nothing is."""
        finished, answers = self._finished, self._answers
        self._finished, self._answers, self._since, self._paid = [], [], None, False
        written: list[tuple[Finished, list[int]]] = []
        with self._workspace.store.tx(durable=False) as connection:
            if self._claim is not None:
                judge_jobs.require_claim(connection, self._claim)
            if answers:
                response_cache.keep(connection, answers)
            if self._job_id is not None:
                for one in finished if self._writes_rows else ():
                    written.append((one, self._write(connection, one)))
                self._account(connection)
        for one, ids in written:
            self._on_written(one, ids)

    def _write(self, connection: Any, one: Finished) -> list[int]:
        assert self._job_id is not None and self._claim is not None
        if not claims.item_done(self._workspace.store, self._claim, one.key):
            return []
        ids: list[int] = []
        no = one.no
        if one.rows:
            source = generation.source_of_job(connection, self._dataset_id, self._job_id, self._recipe)
            ids = generation.write_made(
                connection, self._dataset_id, source, self._job_id, one.key, one.rows, self._cycle
            )
            self._count(one, ids)
            if not ids:
                no = NoRow("duplicate", "another job wrote the same row first", "", one.rows[0].variant, {})
        if no is not None:
            generation.write_rejected(connection, self._job_id, one.key, no)
        return ids

    def _count(self, one: Finished, ids: list[int]) -> None:
        counts = self.counts
        counts.new += len(ids)
        for row in one.rows[: len(ids)]:
            counts.teachers[row.teacher] = counts.teachers.get(row.teacher, 0) + 1
            if row.variant is not None:
                counts.variants[row.variant] = counts.variants.get(row.variant, 0) + 1

    def _account(self, connection: Any) -> None:
        assert self._job_id is not None
        if self._budget is not None:
            self._budget.write(connection)
        more = self.counts.cost_micro - self._cost_written
        self._cost_written = self.counts.cost_micro
        judge_jobs.add_cost(connection, self._job_id, more)
        tally: dict[str, Any] = msgspec.to_builtins(self.counts)
        flat = {name: value for name, value in tally.items() if not isinstance(value, dict)}
        judge_jobs.show_live(connection, self._job_id, {**self.live, "counts": flat, "tally": tally})
