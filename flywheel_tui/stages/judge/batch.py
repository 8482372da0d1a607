"""Judging by a provider's batch API: what the cache does not know is handed over in batches, and waited for.

The answers go to the response cache, from which the ordinary run takes its verdicts; only what came back in a wrong
form is asked one by one. A batch is written down before it is sent and found again after a kill: nothing is paid twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from flywheel_tui.errors import Cancelled, Paused
from flywheel_tui.identity import new_uid
from flywheel_tui.llm.batches import MAX_REQUESTS, PRICE_SHARE, Batches, BatchState
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.prices import load_prices
from flywheel_tui.llm.protocol import Reply
from flywheel_tui.llm.tokens import reserve_for
from flywheel_tui.records.judgment import Use, Verdict
from flywheel_tui.stages.judge.ask import Asker, Question
from flywheel_tui.stages.judge.engine import BackEndFailed, BudgetSpent, Engine, JudgePaused
from flywheel_tui.stages.judge.read import read_reply
from flywheel_tui.store import provider_batches as store
from flywheel_tui.store.response_cache import Cached

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.stages.budget import Budget
    from flywheel_tui.stages.judge.record import Recorder
    from flywheel_tui.store.provider_batches import OpenBatch
    from flywheel_tui.workspace import Workspace

T = TypeVar("T")
FIRST_LOOK_S, LAST_LOOK_S = 1.0, 60.0
"""Seconds between two looks at a batch: soon at first, then ever later."""
RETRIES = 5
_TICK_S = 0.2


class Collected(NamedTuple):
    """What came of one batch: answers for the cache, how many requests got any answer, and what all of them cost."""

    answers: list[Cached]
    answered: int
    use: Use
    unpriced: bool


class BatchRun:
    """The batches of one run."""

    def __init__(
        self, workspace: Workspace, run_id: int, engine: Engine, batches: Batches, recorder: Recorder, *,
        budget: Budget | None, task: Task | None,
    ) -> None:  # fmt: skip
        self._workspace, self._run_id, self._engine, self._batches = workspace, run_id, engine, batches
        self._recorder, self._budget, self._task = recorder, budget, task
        self._prices = load_prices(workspace.root)
        self._order: dict[bytes, int] = {}
        self._spent = ""

    @property
    def asker(self) -> Asker:
        """What makes requests and their keys."""
        return self._engine.asker

    async def run(self) -> None:
        """Hand over, wait, collect. Raises Cancelled or Paused where somebody asked for it (batches go on at the
        provider unless it is cancelled), BudgetSpent, BackEndFailed."""
        try:
            await self._go()
        finally:
            await self._batches.aclose()

    async def _go(self) -> None:
        out = store.open_batches(self._workspace.store.read(), self._run_id)
        waited_for = {key for batch in out for key in batch.keys}
        out = [found for batch in out if (found := await self._found(batch)) is not None]
        for part in self._parts(waited_for):
            if (sent := await self._send(part, out)) is None:
                break
            out.append(sent)
        missing = 0
        for batch in out:
            missing += await self._wait(batch, out)
        if self._spent:
            raise BudgetSpent(self._spent)
        if missing:
            raise JudgePaused(
                f"{missing:,} requests were not answered within the provider's time;"
                " go on with: flywheel jobs resume (they are sent again)"
            )

    def _parts(self, waited_for: set[bytes]) -> Iterator[list[Question]]:
        """The questions that neither the cache knows nor a batch holds, so many at a time."""
        part: list[Question] = []
        for question in self._engine.unanswered():
            self._order[question.key] = question.sent.order
            if question.key in waited_for:
                continue
            waited_for.add(question.key)
            part.append(question)
            if len(part) == MAX_REQUESTS:
                yield part
                part = []
            self._look()
        if part:
            yield part

    def _look(self) -> None:
        if self._task is not None:
            self._task.check()

    # -- sending -----------------------------------------------------------------------------------------------------

    async def _send(self, part: list[Question], out: list[OpenBatch]) -> OpenBatch | None:
        """Hand a part over; None where the budget has no room for it."""
        requests = [(question.key.hex(), self.asker.request(question.sent)) for question in part]
        micro = tokens = 0
        for _, request in requests:
            tokens_in, tokens_out = reserve_for(request)
            cost, _ = self._cost(tokens_in, tokens_out)
            micro, tokens = micro + cost, tokens + tokens_in + tokens_out
        if not self._room(micro, tokens, out):
            return None
        label, backend = new_uid().hex(), self._batches.backend
        keys = [question.key for question in part]
        with self._workspace.store.tx() as connection:
            number = store.intend(connection, self._run_id, label, backend.name, backend.place, keys, micro, tokens)
        batch = next(one for one in store.open_batches(self._workspace.store.read(), self._run_id) if one.id == number)
        remote = await self._submit(batch, lambda: self._batches.submit(label, requests))
        return self._sent(batch, remote)

    def _sent(self, batch: OpenBatch, remote: str) -> OpenBatch:
        with self._workspace.store.tx() as connection:
            store.sent(connection, batch.id, remote)
        return msgspec.structs.replace(batch, remote=remote)

    async def _submit(self, batch: OpenBatch, submit: Callable[[], Awaitable[str]]) -> str:
        """Send it once: where no answer arrived, look whether the provider has it before sending it again."""
        wait = FIRST_LOOK_S
        for attempt in range(1, RETRIES + 1):
            try:
                return await submit()
            except BackendFault as fault:
                if not fault.retryable or attempt == RETRIES:
                    with self._workspace.store.tx() as connection:
                        store.lost(connection, batch.id)
                    raise BackEndFailed(f"the batch was not taken: {fault}") from None
            await self._sleep(wait)
            wait = min(wait * 2, LAST_LOOK_S)
            if (remote := await self._known(batch)) is not None:
                return remote
        raise AssertionError("the last attempt returns or raises")

    async def _known(self, batch: OpenBatch) -> str | None:
        return await self._patiently(lambda: self._batches.find(batch.label, len(batch.keys), batch.created))

    async def _found(self, batch: OpenBatch) -> OpenBatch | None:
        """A batch of an earlier process: the provider's name of it, or None where it never arrived there."""
        if batch.remote is not None:
            return batch
        remote = await self._known(batch)
        if remote is not None:
            return self._sent(batch, remote)
        with self._workspace.store.tx() as connection:
            store.lost(connection, batch.id)
        return None

    def _room(self, micro: int, tokens: int, out: list[OpenBatch]) -> bool:
        """Whether the budget has room for a batch beside those that are out."""
        budget = self._budget
        if budget is None:
            return True
        spent = budget.spent()
        micro += spent.cost_micro + sum(batch.estimate_micro for batch in out)
        tokens += spent.tokens + sum(batch.estimate_tokens for batch in out)
        over = (budget.cap_micro is not None and micro > budget.cap_micro) or (
            budget.cap_tokens is not None and tokens > budget.cap_tokens
        )
        if over:
            self._spent = (
                f"the next batch may take the job to ${micro / 1e6:.4f} and {tokens:,} tokens, over its budget; raise"
                " it with: flywheel judge --job N --budget-usd X, then go on with: flywheel jobs resume N"
            )
        return not over

    def _cost(self, tokens_in: int, tokens_out: int) -> tuple[int, bool]:
        """What a call costs in a batch (millionths of a dollar), and whether its price is unknown."""
        backend = self._batches.backend
        found = self._prices.cost_micro(backend.place, self.asker.model or backend.model, tokens_in, tokens_out)
        return (0, True) if found is None else (round(found * PRICE_SHARE), False)

    # -- waiting and collecting --------------------------------------------------------------------------------------

    async def _wait(self, batch: OpenBatch, out: list[OpenBatch]) -> int:
        """Wait until a batch has ended, and take its answers in; how many of its requests have none."""
        assert batch.remote is not None
        remote, wait = batch.remote, FIRST_LOOK_S
        while True:
            state = await self._patiently(lambda: self._batches.state(remote))
            if state.phase == "failed":
                with self._workspace.store.tx() as connection:
                    store.lost(connection, batch.id)
                raise BackEndFailed(f"the provider refused the batch: {state.detail}")
            if state.phase == "ended":
                return await self._collect(batch, state)
            if self._task is not None:
                self._task.progress(state.answered, len(batch.keys), f"waiting for batch {out.index(batch) + 1}")
            await self._sleep(wait, cancel=out)
            wait = min(wait * 1.5, LAST_LOOK_S)

    async def _collect(self, batch: OpenBatch, state: BatchState) -> int:
        assert batch.remote is not None
        remote = batch.remote
        answers = await self._patiently(lambda: self._batches.answers(remote, state))
        expected = set(batch.keys)
        found = self._read((key, answer) for name, answer in answers if (key := _key(name)) in expected)
        counts = self._recorder.counts
        counts.calls += found.answered
        counts.tokens_in += found.use.tokens_in
        counts.tokens_out += found.use.tokens_out
        counts.cost_micro += found.use.cost_micro
        counts.unpriced = counts.unpriced or found.unpriced
        if self._budget is not None:
            self._budget.settle(
                self._budget.reserve(0, 0), found.use.cost_micro, found.use.tokens_in + found.use.tokens_out
            )
        for answer in found.answers:
            self._recorder.keep(answer)
        self._recorder.flush(also=lambda connection: store.collected(connection, batch.id, found.answered))
        return len(batch.keys) - found.answered

    def _read(self, answers: Iterator[tuple[bytes, Reply | BackendFault]]) -> Collected:
        kept: list[Cached] = []
        answered, use, unpriced = 0, Use(), False
        for key, reply in answers:
            answered += 1
            if isinstance(reply, BackendFault):
                use += Use(tokens_in=reply.tokens_in or 0, tokens_out=reply.tokens_out or 0)
                continue
            cost, unknown = self._cost(reply.tokens_in, reply.tokens_out)
            unpriced = unpriced or unknown
            use += Use(tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, cost_micro=cost)
            order = self._order.get(key, 0)
            outcome = read_reply(self.asker.prompt, reply.text, reply.finish_reason, order, self.asker.pass_at)
            if isinstance(outcome, Verdict):
                kept.append(Cached(key, reply.text, reply.model, reply.tokens_in, reply.tokens_out, cost))
        return Collected(kept, answered, use, unpriced)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Ask the provider, again where that can help. Raises BackEndFailed."""
        wait = FIRST_LOOK_S
        for attempt in range(1, RETRIES + 1):
            try:
                return await call()
            except BackendFault as fault:
                if not fault.retryable or attempt == RETRIES:
                    raise BackEndFailed(f"the batch could not be asked for: {fault}") from None
            await self._sleep(wait)
            wait = min(wait * 2, LAST_LOOK_S)
        raise AssertionError("the last attempt returns or raises")

    async def _sleep(self, seconds: float, cancel: list[OpenBatch] | None = None) -> None:
        """Wait, with an ear for people; a job that is cancelled stops its batches at the provider."""
        end = asyncio.get_running_loop().time() + seconds
        while True:
            try:
                self._look()
            except Cancelled as wish:
                if cancel and not isinstance(wish, Paused):
                    for batch in cancel:
                        await self._stop(batch)
                raise
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                return
            await asyncio.sleep(min(left, _TICK_S))

    async def _stop(self, batch: OpenBatch) -> None:
        if batch.remote is not None:
            with suppress(BackendFault):
                await self._batches.cancel(batch.remote)


def _key(name: str) -> bytes:
    try:
        return bytes.fromhex(name)
    except ValueError:
        return b""
