"""The judge run: known answers from the cache at once, the rest asked by a number of tasks that can change any time.

What was judged is known from the verdicts themselves, so a run that is stopped at any moment (or killed) goes on from
there. A pair that could not be judged is written as such, with the reason; only a person's wish asks about it again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import Cancelled, Paused
from flywheel_tui.identity import now_us
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.records.judgment import WHOLE_SERVICE, Judged, Missing, NoVerdict, Use
from flywheel_tui.stages.budget import Budget
from flywheel_tui.stages.judge.ask import Answered, Asker, Question, judged
from flywheel_tui.stages.judge.plan import Asked, Pairs
from flywheel_tui.stages.judge.prompt import Text, can_judge
from flywheel_tui.stages.judge.record import Recorder
from flywheel_tui.stages.judge.rules import RuleJudge
from flywheel_tui.stages.judge.service import Service
from flywheel_tui.stages.judge.work import Line, Work
from flywheel_tui.store import judge_jobs, response_cache
from flywheel_tui.store.judging import Row
from flywheel_tui.store.versions import VersionRow, read_versions

if TYPE_CHECKING:
    from flywheel_tui.llm.protocol import Reply
    from flywheel_tui.records.task import Task
    from flywheel_tui.stages.judge.options import JudgeReport
    from flywheel_tui.workspace import Workspace

CHUNK = 250
TICK_S, LAST_TICK_S = 0.02, 0.002
LOOK_EVERY_S = 0.3
SHOW_EVERY_S = 0.5
GONE_AFTER_S, NEVER_THERE_AFTER_S = 90.0, 20.0
"""Silence (while the breaker of the service is open) after which a job stops: it did answer before, it never did."""
DRAIN_S, LAST_S = 30.0, 2.0
"""How long calls under way are waited for where a job is paused; and where it is cancelled or its worker stops."""
_FROM_CACHE = Use(cached=1)
_REST = "the rest was not asked, go on with: flywheel jobs resume (or the same command)"


async def _others_turn() -> None:
    """Let answers that have come be taken in: what is prepared for later calls must not make them wait."""
    await asyncio.sleep(0)


class JudgePaused(Paused):
    """The job cannot go on until a person acts; what was finished is kept. `report` says how far it came."""

    report: JudgeReport | None = None


class BudgetSpent(JudgePaused):
    """What may be spent is spent."""


class BackEndFailed(JudgePaused):
    """The service refuses or does not answer; the pairs that were not asked about are not touched."""

    exit_code = 3


class Engine:
    """One attempt at judging some pairs. `service` is None for the judge by rules."""

    def __init__(
        self, workspace: Workspace, asked: Asked, pairs: Pairs, recorder: Recorder, *, service: Service | None,
        budget: Budget | None, concurrency: int, task: Task | None, job_id: int | None, repeat: int = 0,
    ) -> None:  # fmt: skip
        self._workspace, self._pairs, self._recorder, self._task = workspace, pairs, recorder, task
        self._service, self._budget, self._job_id = service, budget, job_id
        self._prompt = asked.prompt
        self._rules = RuleJudge(asked.prompt, asked.pass_at) if service is None else None
        self.asker = Asker(
            asked.prompt, backend=asked.judge.backend, model=asked.judge.model, sampling=asked.sampling,
            pass_at=asked.pass_at, repeat=repeat,
        )  # fmt: skip
        self._limit, self._base_limit = concurrency, concurrency
        self._queue = Line()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verdicts")
        self._workers: set[asyncio.Task[None]] = set()
        self._in_flight = self._unread = 0
        self._checked = False
        self._stop: Exception | None = None
        self._looked = self._showed = 0.0
        recorder.counts.skipped = 0
        self._total = len(pairs.versions) + recorder.counts.done

    def run(self) -> None:
        """Judge. Raises Cancelled or Paused where somebody asked for it, a budget is spent or the service is gone."""
        if self._rules is not None:
            self._by_rules(self._rules)
            return
        asyncio.run(self._go())

    def unanswered(self) -> Iterator[Question]:
        """Every request that the cache cannot answer, pair by pair; nothing is written."""
        for _, rows in self._chunks():
            texts = (Text(*row[:6]) for row in rows)
            asked = [one for text in texts if not self._prompt.too_large(text) for one in self.asker.questions(text)]
            known = response_cache.look_up(self._workspace.store.read(), [question.key for question in asked])
            yield from (question for question in asked if question.key not in known)
        self._recorder.counts.skipped = 0

    # -- reading -----------------------------------------------------------------------------------------------------

    def _chunks(self) -> Iterator[tuple[list[int], list[VersionRow]]]:
        connection = self._workspace.store.read()
        for start in range(0, len(self._pairs.versions), CHUNK):
            versions = self._pairs.versions[start : start + CHUNK]
            rows = read_versions(connection, versions)
            roots = dict(zip(versions, self._pairs.roots[start : start + CHUNK], strict=True))
            fitting = [row for row in rows if can_judge(self._prompt.rubric, row.kind, row.output, row.body)]
            self._recorder.counts.skipped += len(rows) - len(fitting)
            yield [roots[row.id] for row in fitting], fitting

    def _by_rules(self, rules: RuleJudge) -> None:
        for roots, rows in self._chunks():
            for start in range(0, len(rows), 100):
                part = rows[start : start + 100]
                outcomes = rules.judge([Text(*row[:6]) for row in part])
                for root, row, outcome in zip(roots[start : start + 100], part, outcomes, strict=True):
                    self._recorder.add(Row(root, row.id, outcome))
                self._say()
        self._recorder.flush()

    # -- asking ------------------------------------------------------------------------------------------------------

    async def _go(self) -> None:
        assert self._service is not None
        self._service.begin(self._limit, self._budget)
        async with self._tending():
            for roots, rows in self._chunks():
                left = await self._look_up(roots, rows)
                if left and not self._checked:
                    await self._check()
                for work in left:
                    self._queue.put_nowait(work)
                self._tend()
                while self._queue.qsize() > self._enough() and self._stop is None:
                    await asyncio.sleep(TICK_S)
                await _others_turn()
                if self._stop is not None:
                    return
            while (waiting := self._queue.qsize()) + self._in_flight + self._unread and self._stop is None:
                await asyncio.sleep(TICK_S if waiting else LAST_TICK_S)
            self._tell()

    async def _check(self) -> None:
        """Knock once before thousands of pairs are sent. Raises BackEndFailed where nobody is there."""
        assert self._service is not None
        self._checked = True
        health = await self._service.check()
        if not health.reachable or health.key == "refused":
            self._recorder.flush()
            said = health.text or f"{self._service.name} cannot be reached"
            raise BackEndFailed(f"{said}; {health.remedy or _REST}")

    def _enough(self) -> int:
        """Pairs that wait for a free call before the next ones are read: what is answered in a few ticks."""
        return max(CHUNK // 2, 2 * self._limit)

    async def _look_up(self, roots: list[int], rows: list[VersionRow]) -> list[Work]:
        """Settle what the cache knows, or what cannot be sent; the rest is to be asked."""
        await _others_turn()
        asker, recorder = self.asker, self._recorder
        asked: list[tuple[int, int, list[Question]]] = []
        for root, row in zip(roots, rows, strict=True):
            text = Text(*row[:6])
            if self._prompt.too_large(text):
                detail = "the pair is longer than what is sent to a judge"
                outcome = NoVerdict(kind=Missing.TOO_LARGE.value, detail=detail)
                recorder.add(Row(root, row.id, Judged(outcome=outcome)))
            else:
                asked.append((root, row.id, asker.questions(text)))
        await _others_turn()
        keys = [question.key for _, _, questions in asked for question in questions]
        answers = response_cache.look_up(self._workspace.store.read(), keys)
        left: list[Work] = []
        for root, version, questions in asked:
            known = {
                question.key: Answered(asker.cached(question, answers[question.key]), _FROM_CACHE)
                for question in questions
                if question.key in answers
            }
            if len(known) == len(questions):
                recorder.add(Row(root, version, judged(questions, known)))
            else:
                left.append(Work(asker, root, version, questions, known))
        return left

    async def _work(self) -> None:
        """Call after call. An answer is looked at in the loop's next turn, after the calls that follow were sent: all
        that came together would wait for each other else."""
        loop = asyncio.get_running_loop()
        while self._stop is None and len(self._workers) <= self._limit:
            work = await self._queue.get()
            came = await self._call(work)
            if isinstance(came, BackendFault):
                # what it means for the calls that follow is to be known before they are sent
                self._take_in(work, came)
            elif came is not None:
                self._unread += 1
                loop.call_soon(self._take_in, work, came)
                if self._unread > self._limit:
                    await asyncio.sleep(0)  # a back end that answers at once: nothing would be read before the last

    async def _call(self, work: Work) -> Reply | BackendFault | None:
        """What comes of the request that is next, within the budget; None where there is none left."""
        assert self._service is not None
        if work.asking is None:
            self._recorder.counts.misses += 1
        request = work.next().request()
        self._in_flight += 1
        try:
            while True:
                try:
                    return await self._service.complete(request)
                except BackendFault as fault:
                    if self._budget is None or fault.kind != "cost_cap":
                        return fault
                # calls under way may turn out cheaper than what is set aside for them
                if self._budget.idle:
                    self._stop = self._stop or BudgetSpent(self._budget_words())
                if self._stop is not None:
                    self._recorder.counts.misses -= 1
                    return None  # the pair is as if nobody had looked at it
                await asyncio.sleep(TICK_S)
        finally:
            self._in_flight -= 1

    def _take_in(self, work: Work, came: Reply | BackendFault) -> None:
        """Read an answer; where the pair needs another one, that is asked for first, or at once by a job that stops."""
        self._unread -= not isinstance(came, BackendFault)
        try:
            if self._complete(work, came):
                return
            if self._stop is None:
                self._queue.put_nowait(work)
            else:
                self._workers.add(asyncio.get_running_loop().create_task(self._finish(work)))
        except Exception as error:
            self._stop = self._stop or error

    async def _finish(self, work: Work) -> None:
        while (came := await self._call(work)) is not None and not self._complete(work, came):
            pass

    def _complete(self, work: Work, came: Reply | BackendFault) -> bool:
        """Take in what came; whether nothing more is to be asked about the pair."""
        asking = work.next()
        found = asking.take(came)
        if found is None:
            return False
        work.asking, work.answered[asking.question.key] = None, found
        if found.keep is not None:
            self._recorder.keep(found.keep)
        if isinstance(found.outcome, NoVerdict):
            self._mind(found.outcome)
        elif not work.whole:
            return False
        if self._stop is None or not self._not_about_the_pair(work.answered):
            self._recorder.add(work.row())
        return True

    def _budget_words(self) -> str:
        assert self._budget is not None
        spent, job = self._budget.spent(), self._job_id
        return (
            f"the budget is spent: ${spent.cost_micro / 1e6:.4f} and {spent.tokens:,} tokens; raise it with: flywheel"
            f" judge --job {job} --budget-usd X (or --budget-tokens N), then go on with: flywheel jobs resume {job}"
        )

    def _mind(self, outcome: NoVerdict) -> None:
        """Notice a refused key or an empty account: every other pair would get the same answer."""
        if outcome.kind in WHOLE_SERVICE:
            self._stop = self._stop or BackEndFailed(f"{outcome.detail}; {_REST}")

    def _is_gone(self) -> None:
        """Notice a service that answers nobody: what is waiting for it stays unjudged instead of failing."""
        assert self._service is not None
        silent, ever = self._service.silent_s()
        if silent > (GONE_AFTER_S if ever else NEVER_THERE_AFTER_S):
            self._stop = self._stop or BackEndFailed(
                f"{self._service.name} has not answered for {silent:.0f} s; {_REST}"
            )

    def _not_about_the_pair(self, answered: dict[bytes, Answered]) -> bool:
        """Whether a job that stops leaves this pair as if it had not been asked about."""
        kinds = {one.outcome.kind for one in answered.values() if isinstance(one.outcome, NoVerdict)}
        return bool(kinds & {Missing.CANCELLED, Missing.COST_CAP})

    # -- tending -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _tending(self) -> AsyncIterator[None]:
        tender = asyncio.create_task(self._tend_always())
        try:
            yield
            await self._drain()
            self._recorder.flush()
        except BaseException:
            await self._end(tender)
            self._recorder.flush()
            raise
        await self._end(tender)
        if self._stop is not None:
            self._recorder.flush()
            raise self._stop

    async def _drain(self) -> None:
        """Calls under way are paid for: where a person lays the job aside, take their answers in before it ends."""
        if not isinstance(self._stop, Cancelled) or isinstance(self._stop, JudgePaused):
            return
        until = time.monotonic() + (DRAIN_S if getattr(self._task, "asked", None) == "pause" else LAST_S)
        while self._in_flight + self._unread and time.monotonic() < until:
            if not self._recorder.due_in():
                self._recorder.flush()
            await asyncio.sleep(TICK_S)

    async def _end(self, tender: asyncio.Task[None]) -> None:
        for running in (tender, *self._workers):
            running.cancel()
        await asyncio.gather(tender, *self._workers, return_exceptions=True)
        self._thread.shutdown()
        if self._budget is not None:
            self._budget.close()
        if self._service is not None:
            await self._service.aclose()

    async def _tend_always(self) -> None:
        while self._stop is None:
            self._tend()
            await asyncio.sleep(min(TICK_S, self._recorder.due_in() or TICK_S))

    def _tend(self) -> None:
        """Write what is due, hear what people want, keep the number of tasks."""
        try:
            for worker in [worker for worker in self._workers if worker.done()]:
                self._workers.discard(worker)
                if not worker.cancelled() and (error := worker.exception()) is not None:
                    raise error
            now = time.monotonic()
            if now - self._looked >= LOOK_EVERY_S:
                self._looked = now
                self._hear()
                self._is_gone()
            if self._show(now) or not self._recorder.due_in():
                self._recorder.flush_aside(self._thread)
            self._say()
            wanted = min(self._limit, self._queue.qsize() + self._in_flight)
            while len(self._workers) < wanted:
                self._workers.add(asyncio.create_task(self._work()))
        except Exception as error:
            self._stop = self._stop or error

    def _hear(self) -> None:
        if self._job_id is None:
            return
        set_now = judge_jobs.steering(self._workspace.store.read(), self._job_id)
        self._limit = int(set_now.get("concurrency", self._base_limit))
        if self._service is not None:
            self._service.set_concurrency(self._limit)
        if self._budget is not None:
            self._budget.cap_micro = set_now.get("budget_micro", self._budget.cap_micro)
            self._budget.cap_tokens = set_now.get("budget_tokens", self._budget.cap_tokens)

    def _show(self, now: float) -> bool:
        """Whether there are figures to write."""
        if now - self._showed < SHOW_EVERY_S:
            return False
        self._showed = now
        figures: dict[str, Any] = self._service.figures() if self._service is not None else {}
        self._recorder.live = {
            "at": now_us(), "in_flight": self._in_flight, "concurrency": self._limit, "waiting": self._queue.qsize(),
            "service": figures,
        }  # fmt: skip
        return True

    def _tell(self) -> None:
        if self._task is not None:
            counts = self._recorder.counts
            self._task.progress(counts.done + counts.skipped, self._total, "judging")

    def _say(self) -> None:
        self._tell()
        if self._task is not None:
            self._task.check()
