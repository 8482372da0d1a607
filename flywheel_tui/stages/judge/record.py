"""Writing what comes of a judge job: short transactions, each with the verdicts, their cache entries and the account.

What was paid for is written within a fiftieth of a second, everything else within a second or 200 rows: a process that
is killed repeats what was in flight and little that was answered before. While calls are under way a thread writes, one
transaction at a time, so that answers are taken in and the next calls sent meanwhile.
"""

from __future__ import annotations

import time
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from flywheel_tui.records.job import Claim
from flywheel_tui.records.judgment import NoVerdict, Use
from flywheel_tui.store import judge_jobs, judging, response_cache
from flywheel_tui.store.judging import Row
from flywheel_tui.store.response_cache import Cached

if TYPE_CHECKING:
    from collections.abc import Callable

    from flywheel_tui.stages.budget import Budget
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.workspace import Workspace

ROWS = 200
AFTER_S = 1.0
PAID_AFTER_S = 0.02


class Counts(msgspec.Struct, kw_only=True):
    """What a job has done so far, over all its attempts: kept in the job's row, in the transaction it counts."""

    done: int = 0
    skipped: int = 0
    verdicts: int = 0
    missing: int = 0
    hits: int = 0
    misses: int = 0
    writes: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micro: int = 0
    latency_ms: int = 0
    unpriced: bool = False


class _Batch(NamedTuple):
    """What one transaction writes, with the counts as they are once it is written."""

    rows: list[Row]
    answers: list[Cached]
    repeat: int
    live: dict[str, Any]


class Recorder:
    """Collects what came of pairs and writes it in batches."""

    def __init__(
        self, workspace: Workspace, run_id: int, *, job_id: int | None = None, claim: Claim | None = None,
        budget: Budget | None = None,
    ) -> None:  # fmt: skip
        self._workspace, self._run_id, self._job_id, self._claim = workspace, run_id, job_id, claim
        self._budget = budget
        self._rows: list[Row] = []
        self._answers: list[Cached] = []
        self._since: float | None = None
        self._paid = False
        self._writing: Future[None] | None = None
        self.repeat = 0
        """Which time the pairs are asked about: 0 counts, the others say how stable the judge is."""
        self.counts = Counts()
        self.live: dict[str, Any] = {}
        if job_id is not None and (before := judge_jobs.live(workspace.store.read(), job_id).get("counts")):
            self.counts = msgspec.convert(before, Counts)

    def add(self, row: Row) -> None:
        """Take in what came of one pair."""
        self._rows.append(row)
        use = row.judged.use
        self._begin(paid=use.asked > 0)
        counts = self.counts
        counts.done += 1
        counts.hits += use.cached
        counts.calls += use.asked
        counts.tokens_in += use.tokens_in
        counts.tokens_out += use.tokens_out
        counts.cost_micro += use.cost_micro
        counts.latency_ms += use.latency_ms
        if isinstance(row.judged.outcome, NoVerdict):
            counts.missing += 1
        else:
            counts.verdicts += 1
        if len(self._rows) >= ROWS:
            self.flush()

    def keep(self, answer: Cached) -> None:
        """Take in an answer for the cache: kept even where the other half of its pair never comes."""
        self._answers.append(answer)
        self.counts.writes += 1
        self._begin(paid=True)

    def _begin(self, *, paid: bool) -> None:
        self._paid = self._paid or paid
        if self._since is None:
            self._since = time.monotonic()

    def due_in(self) -> float:
        """Seconds until what is there has waited long enough and is to be written: 0 is now."""
        if self._since is None:
            return AFTER_S
        return max(self._since + (PAID_AFTER_S if self._paid else AFTER_S) - time.monotonic(), 0.0)

    def flush(self, also: Callable[[Connection], None] | None = None) -> None:
        """Write what is there, and what `also` writes, in one transaction; what a thread is writing comes first.

        Raises StaleClaimError where the job belongs to somebody else: then nothing is written.
        """
        self._written()
        self._write(self._batch(), also)

    def flush_aside(self, thread: Executor) -> None:
        """Let a thread write what is there; where it is still at it, that waits for the next call.

        Raises what became of the last writing. What people pay by is written here and now, with its account.
        """
        if self._budget is not None:
            self.flush()
        elif self._writing is None or self._writing.done():
            self._written()
            self._writing = thread.submit(self._write, self._batch())

    def _written(self) -> None:
        """Wait for the thread. Raises what it raised."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _batch(self) -> _Batch:
        live = {**self.live, "counts": msgspec.to_builtins(self.counts)}
        batch = _Batch(self._rows, self._answers, self.repeat, live)
        self._rows, self._answers, self._since, self._paid = [], [], None, False
        return batch

    def _write(self, batch: _Batch, also: Callable[[Connection], None] | None = None) -> None:
        with self._workspace.store.tx(durable=also is not None) as connection:
            if self._claim is not None:
                judge_jobs.require_claim(connection, self._claim)
            if batch.rows:
                judging.write_rows(connection, self._run_id, batch.rows, self._job_id, repeat=batch.repeat)
            if batch.answers:
                response_cache.keep(connection, batch.answers)
            if also is not None:
                also(connection)
            if self._job_id is not None:
                if self._budget is not None:
                    self._budget.write(connection)
                judge_jobs.show_live(connection, self._job_id, batch.live)


def spent_of(counts: Counts) -> Use:
    """What a job has used."""
    return Use(
        asked=counts.calls, cached=counts.hits, tokens_in=counts.tokens_in, tokens_out=counts.tokens_out,
        cost_micro=counts.cost_micro, latency_ms=counts.latency_ms,
    )  # fmt: skip
