"""Judging a data set: as a job, or called from Python. What is printed about it is counted from the store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.job import Claim, Job
from flywheel_tui.records.judgment import INFRASTRUCTURE, WHOLE_SERVICE
from flywheel_tui.records.task import Task
from flywheel_tui.stages.budget import Budget
from flywheel_tui.stages.judge import service as services
from flywheel_tui.stages.judge.engine import Engine, JudgePaused
from flywheel_tui.stages.judge.options import Estimate, JudgeOptions, JudgeReport, default_tag, rate_of
from flywheel_tui.stages.judge.plan import Asked, Pairs, make_judge, pairs_to_ask, pairs_to_repeat
from flywheel_tui.stages.judge.record import Counts, Recorder
from flywheel_tui.stages.judge.rules import BACKEND as RULES
from flywheel_tui.stages.judge.rules import VERSION as RULES_VERSION
from flywheel_tui.stages.judge.rules import can_answer
from flywheel_tui.stages.judge.service import Service
from flywheel_tui.stages.judge.stability import stability
from flywheel_tui.stages.judge.work import alone_at
from flywheel_tui.store import judge_jobs, judging
from flywheel_tui.store.datasets import DatasetRow, get_dataset
from flywheel_tui.store.judging import RunRow, Tally

if TYPE_CHECKING:
    from flywheel_tui.llm.batches import Batches
    from flywheel_tui.workspace import Workspace


class JobTask(Task, Protocol):
    """What a running job hands to this stage."""

    job: Job
    claim: Claim

    def stop(self, reason: str) -> None:
        """Ask the job to stop: 'pause' or 'cancel'."""


class _Run:
    def __init__(self, workspace: Workspace, options: JudgeOptions, task: JobTask | None) -> None:
        self.started = time.monotonic()
        self.workspace, self.options, self.task = workspace, options.checked(), task
        self.chosen = ""
        self.job_id = task.job.id if task is not None else None
        self.dataset: DatasetRow = get_dataset(workspace.store.read(), options.dataset)
        self.service = self._service()
        self.batches: Batches | None = None
        if self.options.batch:
            if self.service is None:
                raise UsageError("--batch hands requests to a provider, and rules ask nobody: leave it out")
            self.batches = self.service.batches()
        backend = self.service.name if self.service is not None else RULES
        model = self.service.model if self.service is not None else RULES_VERSION
        self.asked: Asked = make_judge(workspace, self.dataset, options, backend, model)
        if self.service is None and not can_answer(self.asked.prompt.rubric):
            name = self.asked.prompt.rubric.name
            raise UsageError(f"no question of the rubric {name!r} is one that rules can answer")
        if self.service is None and self.options.repeat > 1:
            raise UsageError("--repeat asks a model how stable it is; rules always say the same")
        self.tag = options.tag or default_tag(self.asked.judge.name)
        self.run = self._open()
        self.pairs: Pairs = pairs_to_ask(workspace, self.dataset, options, self.run, self.job_id)
        self.recorder: Recorder

    def _service(self) -> Service | None:
        name = self.options.backend or self.workspace.settings.default_judge_backend
        if not name or name == "auto":
            from flywheel_tui.llm.choice import choose_backend

            choice = choose_backend(self.workspace.settings)
            if self.task is not None:
                self.task.event("info", f"back end chosen: {choice}")
            name, self.chosen = choice.name, f" ({choice.reason})"
            if not self.options.model:
                self.options = msgspec.structs.replace(self.options, model=choice.model)
        if name == RULES:
            return None
        return services.open_service(self.workspace, name, self.options.model, self.options.backend_options)

    def _open(self) -> RunRow:
        asked = {"where": self.options.where, "sample": self.options.sample, "max_pairs": self.options.max_pairs,
                 "seed": self.options.seed, "estimate": self.options.estimate}  # fmt: skip
        with self.workspace.store.tx() as connection:
            before = judging.find_run(connection, self.dataset.id, self.tag)
            times = max(self.options.repeat, before.settings.get("repeat", 1) if before is not None else 1)
            asked["repeat"] = times if times > 1 else None
            return judging.open_run(
                connection, self.dataset.id, self.tag, self.asked.judge, self.asked.prompt.rubric,
                settings={name: value for name, value in asked.items() if value},
            )  # fmt: skip

    def go(self) -> JudgeReport:
        budget = self._budget()
        claim = self.task.claim if self.task is not None else None
        with alone_at(self.workspace, self.run.id, self.tag):
            self.recorder = Recorder(self.workspace, self.run.id, job_id=self.job_id, claim=claim, budget=budget)
            engine = self._engine(self.pairs, budget)
            try:
                if self.batches is not None:
                    asyncio.run(self._by_batches(engine, self.batches, budget))
                engine.run()
                if not self.options.estimate:
                    self._again(budget)
            except JudgePaused as stopped:
                stopped.report = self.report(str(stopped))
                raise
        return self.report()

    def _engine(self, pairs: Pairs, budget: Budget | None, repeat: int = 0) -> Engine:
        concurrency = self.options.concurrency or self.workspace.settings.judge_concurrency
        return Engine(
            self.workspace, self.asked, pairs, self.recorder, service=self.service, budget=budget,
            concurrency=concurrency, task=self.task, job_id=self.job_id, repeat=repeat,
        )  # fmt: skip

    def _again(self, budget: Budget | None) -> None:
        """Ask the same again, as often as was wished, about the pairs that have a verdict."""
        skipped = self.recorder.counts.skipped
        for repeat in range(1, self.options.repeat):
            pairs = pairs_to_repeat(self.workspace, self.dataset, self.options, self.run, repeat)
            self.recorder.repeat = repeat
            self._engine(pairs, budget, repeat).run()
        self.recorder.counts.skipped = skipped

    async def _by_batches(self, engine: Engine, batches: Batches, budget: Budget | None) -> None:
        from flywheel_tui.stages.judge.batch import BatchRun

        run = BatchRun(self.workspace, self.run.id, engine, batches, self.recorder, budget=budget, task=self.task)
        await run.run()

    def _budget(self) -> Budget | None:
        options = self.options
        if self.job_id is None or self.service is None:
            return None
        steering = judge_jobs.steering(self.workspace.store.read(), self.job_id)
        micro = round(options.budget_usd * 1e6) if options.budget_usd is not None else None
        micro, tokens = steering.get("budget_micro", micro), steering.get("budget_tokens", options.budget_tokens)
        if micro is None and tokens is None:
            return None
        if micro is not None and not self.service.priced:
            raise UsageError(
                f"no price is known for {self.asked.judge.name}, so --budget-usd cannot be kept; add it to"
                " prices.toml in the workspace, or use --budget-tokens"
            )
        return Budget(self.workspace.store, self.job_id, micro, tokens)

    def report(self, stopped: str = "") -> JudgeReport:
        """What is in the store now."""
        seconds = time.monotonic() - self.started
        counts = self.recorder.counts
        return report_of(
            self.workspace, self.dataset, self.tag, counts, asked=len(self.pairs.versions), seconds=seconds,
            estimate=self._estimate(counts, seconds) if self.options.estimate else None, stopped=stopped,
        )  # fmt: skip

    def _estimate(self, counts: Counts, seconds: float) -> Estimate:
        tally = judging.tally(self.workspace.store.read(), self.run.id)
        rate, low, high = rate_of(tally)
        sampled = tally.judged + tally.unjudged
        left = max(self.pairs.matched - sampled, 0)
        askings = left * self.options.repeat + tally.judged * (self.options.repeat - 1)
        run = judging.get_run(self.workspace.store.read(), self.dataset.id, self.tag)
        # where the sample was judged before, what the run took for it is known; the time it took is not
        done = counts.done or sampled
        micro = counts.cost_micro if counts.done else run.cost_micro
        tokens = counts.tokens_in + counts.tokens_out if counts.done else run.tokens_in + run.tokens_out
        each = askings / done if done else 0.0
        return Estimate(
            sampled=sampled, left=left, pass_rate=rate, low=low, high=high, cost_usd=micro * each / 1e6,
            tokens=round(tokens * each), seconds=seconds * each if counts.done else None,
        )  # fmt: skip


class Announced(NamedTuple):
    """What a job is going to do: its options with everything chosen, in a sentence for a person."""

    options: JudgeOptions
    tag: str
    network: bool
    sentence: str


def announce(workspace: Workspace, options: JudgeOptions) -> Announced:
    """Choose the back end and the tag, count the pairs. Nothing is asked; raises what `judge` would raise at once."""
    run = _Run(workspace, options, None)
    if run.service is not None:
        run.service.close()
    chosen = msgspec.structs.replace(run.options, backend=run.asked.judge.backend, tag=run.tag)
    count = len(run.pairs.versions)
    again = " again" if options.retry else ""
    times = f", {options.repeat} times each" if options.repeat > 1 else ""
    sentence = f"Judging {count:,} pairs{again} with {run.asked.judge.name}{run.chosen}{times}"
    return Announced(chosen, run.tag, run.service is not None, sentence)


def judge(workspace: Workspace, options: JudgeOptions, task: JobTask | None = None) -> JudgeReport:
    """Judge what is still to be judged of a data set.

    Raises UsageError, InputError or NotFoundError before anything is asked; Cancelled or Paused (a wish, a spent
    budget), BackEndFailed (the service refuses or is gone) with everything kept that was finished.
    """
    return _Run(workspace, options, task).go()


def run_job(workspace: Workspace, args: Mapping[str, Any], task: JobTask) -> dict[str, Any]:
    """The job kind "judge": the arguments are the fields of JudgeOptions. The result is the report."""
    try:
        report = judge(workspace, msgspec.convert(dict(args), JudgeOptions), task)
    except JudgePaused:
        # the job waits for a person, it is not given to another worker
        task.stop("pause")
        raise
    result: dict[str, Any] = msgspec.to_builtins(report)
    return result


def report_of(
    workspace: Workspace, dataset: DatasetRow, tag: str, counts: Counts, *, asked: int, seconds: float,
    estimate: Estimate | None = None, stopped: str = "",
) -> JudgeReport:  # fmt: skip
    """The report about a run, counted from the store; `counts` are those of one job."""
    connection = workspace.store.read()
    run = judging.get_run(connection, dataset.id, tag)
    tally = judging.tally(connection, run.id)
    rate, low, high = rate_of(tally)
    who = run.judge
    return JudgeReport(
        dataset=dataset.name, tag=tag, backend=who.backend if who else "", model=who.model if who else "",
        judge=who.hash if who else "", rubric=str(who.params.get("rubric", "")) if who else "", asked=asked,
        done=counts.done, skipped=counts.skipped, judged=tally.judged, passed=tally.passed, pass_rate=rate, low=low,
        high=high, scored=tally.scored, average=tally.mean, missing=tally.missing, unjudged=tally.unjudged,
        both_orders=tally.both_orders, inconsistent=tally.inconsistent,
        preferences=tally.preferences, hits=counts.hits, misses=counts.misses,
        writes=counts.writes, calls=counts.calls, tokens_in=counts.tokens_in, tokens_out=counts.tokens_out,
        cost_usd=counts.cost_micro / 1e6, unpriced=counts.unpriced, seconds=round(seconds, 3),
        failed_for_all=_failed_for_all(tally, counts), stopped=stopped, estimate=estimate, settings=run.settings,
        stability=stability(connection, run),
    )  # fmt: skip


def _failed_for_all(tally: Tally, counts: Counts) -> bool:
    """Whether every pair of this job failed, and because of the service."""
    if not counts.missing or counts.verdicts:
        return False
    return set(tally.missing) <= INFRASTRUCTURE | WHOLE_SERVICE | {"http_4xx", "other"}
