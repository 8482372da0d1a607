"""The policy around each call: who may go when, how often it is tried, what it may cost, and what is counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from flywheel_tui.llm.breaker import Breaker, Breakers
from flywheel_tui.llm.budget import Hold, Ledger, MemoryLedger
from flywheel_tui.llm.clock import Clock, SystemClock
from flywheel_tui.llm.faults import ASKED_AGAIN, PERHAPS_BILLED, BackendFault
from flywheel_tui.llm.figures import Figures, Snapshot
from flywheel_tui.llm.limits import Gate, TokenBucket
from flywheel_tui.llm.prices import Price, PriceTable
from flywheel_tui.llm.protocol import Backend, ListsPrices, Message, Reply, Request
from flywheel_tui.llm.retry_after import LONGEST_WAIT
from flywheel_tui.llm.tokens import reserve_for

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

T = TypeVar("T")
_QUOTED = 2000
_GRACE = 1.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How calls are made. Times in seconds; limits of None are none.

    The wait before try n+1 is drawn evenly from 0 to `first_wait`·2ⁿ, at most `longest_wait`, and never shorter than
    what the server asked for. `call_deadline` holds for one call, `deadline` for one question with all its tries.
    """

    concurrency: int = 4
    tries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 30.0
    call_deadline: float = 600.0
    deadline: float = 1800.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None


class Client:
    """Asks a back end under a policy. One for each back end and event loop; it is made to be asked many times at once.

    `async with Client(backend) as client:` closes the back end at the end.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        policy: Policy | None = None,
        ledger: Ledger | None = None,
        prices: PriceTable | None = None,
        breakers: Breakers | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.backend, self.policy = backend, policy or Policy()
        self.ledger: Ledger = ledger or MemoryLedger()
        self.prices = prices or PriceTable({})
        self._clock = clock or SystemClock()
        self._breakers = breakers or Breakers(clock=self._clock)
        self._rng = rng or random.Random()
        self.gate = Gate(self.policy.concurrency, clock=self._clock)
        self.figures = Figures(self._clock)
        self._listed: dict[str, Price | None] = {}
        self._requests = self._bucket(self.policy.requests_per_minute)
        self._tokens = self._bucket(self.policy.tokens_per_minute)

    def _bucket(self, per_minute: float | None) -> TokenBucket | None:
        return None if per_minute is None else TokenBucket(per_minute, clock=self._clock)

    def set_concurrency(self, calls: int) -> None:
        """Change how many calls run at once, while they run."""
        self.gate.set_ceiling(calls)

    async def complete(self, request: Request) -> Reply:
        """The reply to a request, after retries where these can help. Raises BackendFault."""
        reply, _ = await self.ask(request, lambda reply: reply)
        return reply

    async def ask(self, request: Request, read: Callable[[Reply], T]) -> tuple[Reply, T]:
        """The reply and what `read` makes of it.

        `read` raises BackendFault of kind `bad_json`, `bad_schema` or `out_of_range` for an answer of the wrong form:
        the model is then told so and asked once more. Raises BackendFault.
        """
        self.figures.asked += 1
        try:
            reply = await self._with_retries(request)
            try:
                found = read(reply)
            except BackendFault as fault:
                if fault.kind not in ASKED_AGAIN:
                    raise
                self.figures.fault(fault)
                reply = await self._with_retries(corrected(request, reply, fault))
                found = self._read_again(read, reply)
        except BaseException:
            self.figures.failed += 1
            raise
        self.figures.answered += 1
        return reply, found

    def _read_again(self, read: Callable[[Reply], T], reply: Reply) -> T:
        try:
            return read(reply)
        except BackendFault as fault:
            self.figures.fault(fault)
            raise

    async def _with_retries(self, request: Request) -> Reply:
        deadline = self._clock.now() + self.policy.deadline
        number = 0
        while True:
            outcome = await self._attempt(request, deadline)
            if isinstance(outcome, Reply):
                return outcome
            number += 1
            wait = self._wait_before_next(outcome, number, deadline)
            if wait is None:
                raise outcome
            await self._clock.sleep(wait)

    def _wait_before_next(self, fault: BackendFault, number: int, deadline: float) -> float | None:
        """Seconds until the next try, or None to give up; a wait that is too long is noted in the fault."""
        if not fault.retryable:
            return None
        asked = fault.retry_after or 0.0
        if asked > LONGEST_WAIT:
            fault.retry_at = self._clock.wall() + asked
            moment = datetime.fromtimestamp(fault.retry_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            fault.args = (f"{fault.message}; the server asks to come back at {moment} ({fault.kind})",)
            fault.retryable = False
            return None
        if number >= self.policy.tries:
            return None
        most = min(self.policy.first_wait * 2 ** (number - 1), self.policy.longest_wait)
        wait = max(self._rng.uniform(0.0, most), asked)
        return wait if self._clock.now() + wait < deadline else None

    async def _attempt(self, request: Request, deadline: float) -> Reply | BackendFault:
        """One call. A fault is handed back, not raised: the next line of the caller decides what it means."""
        reserve = reserve_for(request)
        breaker = self._breakers.of(self._server(), request.model or self.backend.model)
        if self._requests is not None:
            await self._requests.take()
        if self._tokens is not None:
            await self._tokens.take(sum(reserve))
        entered = await self.gate.enter()
        try:
            left = deadline - self._clock.now()
            if left <= 0:
                return BackendFault("timeout", "no place became free before the deadline", retryable=False)
            return await self._counted(request, reserve, left, breaker, entered)
        finally:
            self.gate.leave()

    async def _counted(
        self, request: Request, reserve: tuple[int, int], left: float, breaker: Breaker, entered: float
    ) -> Reply | BackendFault:
        try:
            cost = await self._price_ahead(request, *reserve)
            hold = self.ledger.reserve(cost, sum(reserve))
        except BackendFault as fault:
            self.figures.fault(fault)
            return fault
        try:
            breaker.enter()
        except BackendFault as fault:
            self.ledger.release(hold)
            self.figures.fault(fault)
            return fault
        self.figures.attempts += 1
        try:
            reply = await self._call(request, min(left, request.timeout or self.policy.call_deadline))
        except BackendFault as fault:
            self._failed(request, fault, hold, breaker, entered)
            return fault
        except BaseException as error:
            breaker.left()
            self.ledger.uncertain(hold)
            if isinstance(error, asyncio.CancelledError):
                self.figures.faults["cancelled"] += 1
            raise
        return self._answered(request, reply, hold, breaker)

    async def _call(self, request: Request, seconds: float) -> Reply:
        """Ask the back end; the deadline holds even for one that keeps none."""
        request = msgspec.structs.replace(request, timeout=seconds)
        if getattr(self.backend, "keeps_deadline", False):
            return await self.backend.complete(request)
        try:
            async with asyncio.timeout(seconds + _GRACE):
                return await self.backend.complete(request)
        except TimeoutError:
            pass
        raise BackendFault("timeout", f"no answer within {seconds:g} s")

    def _answered(self, request: Request, reply: Reply, hold: Hold, breaker: Breaker) -> Reply:
        breaker.succeeded()
        self.gate.went_well()
        if reply.cost_micro is None:
            cost = self._cost(request, reply.tokens_in, reply.tokens_out)
            reply = msgspec.structs.replace(reply, cost_micro=cost)
        self.ledger.settle(hold, reply.cost_micro, reply.tokens_in + reply.tokens_out)
        self._settle_tokens(hold, reply.tokens_in + reply.tokens_out)
        self.figures.reply(reply)
        return reply

    def _failed(self, request: Request, fault: BackendFault, hold: Hold, breaker: Breaker, entered: float) -> None:
        breaker.failed(fault)
        self.figures.fault(fault)
        if fault.kind == "rate_limited":
            pause = fault.retry_after if (fault.retry_after or 0) <= LONGEST_WAIT else None
            self.gate.slow_down(entered, pause)
        if fault.tokens_in is not None or fault.tokens_out is not None:
            used = (fault.tokens_in or 0, fault.tokens_out or 0)
            cost = self._cost(request, *used)
            self.ledger.settle(hold, cost, sum(used))
            self.figures.billed(*used, cost)
            self._settle_tokens(hold, sum(used))
        elif fault.kind in PERHAPS_BILLED:
            self.ledger.uncertain(hold)
        else:
            self.ledger.release(hold)
            self._settle_tokens(hold, 0)

    def _settle_tokens(self, hold: Hold, used: int) -> None:
        if self._tokens is not None:
            self._tokens.settle(hold.tokens, used)

    async def _price_ahead(self, request: Request, tokens_in: int, tokens_out: int) -> int | None:
        """The most that a call may cost; servers that publish their prices are asked once for each model."""
        cost = self._cost(request, tokens_in, tokens_out)
        if cost is None and isinstance(self.backend, ListsPrices):
            model = request.model or self.backend.model
            if model not in self._listed:
                self._listed[model] = await self.backend.listed_price(model)
            cost = self._cost(request, tokens_in, tokens_out)
        return cost

    def _cost(self, request: Request, tokens_in: int, tokens_out: int) -> int | None:
        model = request.model or self.backend.model
        price = self.prices.price(self.backend.place, model) or self._listed.get(model)
        return None if price is None else price.cost_micro(tokens_in, tokens_out)

    def _server(self) -> str:
        endpoint = getattr(self.backend, "endpoint", None)
        return endpoint.base_url if endpoint is not None else self.backend.place

    def snapshot(self) -> Snapshot:
        """How it stands now."""
        counted = self.figures
        return Snapshot(
            in_flight=self.gate.running,
            waiting=self.gate.waiting,
            concurrency=self.gate.limit,
            ceiling=self.gate.ceiling,
            asked=counted.asked,
            answered=counted.answered,
            failed=counted.failed,
            attempts=counted.attempts,
            faults=dict(counted.faults),
            p50_ms=counted.latency(0.5),
            p95_ms=counted.latency(0.95),
            per_second=counted.per_second(),
            tokens_in=counted.tokens_in,
            tokens_out=counted.tokens_out,
            cost_micro=counted.cost_micro,
            unpriced=counted.unpriced,
            breaker=self._breakers.of(self._server(), self.backend.model).state,
        )

    def reset_breaker(self) -> None:
        """Ask again after a person has mended the key or the account."""
        self._breakers.of(self._server(), self.backend.model).reset()

    async def aclose(self) -> None:
        """Close the back end."""
        await self.backend.aclose()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def policy_of(settings: Settings, **changes: Any) -> Policy:
    """The policy that the settings ask for: `judge_concurrency` calls at once, `judge_timeout` seconds for each."""
    seconds = settings.judge_timeout
    policy = Policy(concurrency=settings.judge_concurrency, call_deadline=seconds, deadline=3 * seconds)
    return msgspec.structs.replace(policy, **changes)


def corrected(request: Request, reply: Reply, fault: BackendFault) -> Request:
    """The request again, with the answer and what was wrong with it."""
    told = f"That answer cannot be used: {fault.message}. Give the JSON object that was asked for and nothing else."
    more = (Message("assistant", reply.text[:_QUOTED]), Message("user", told))
    return msgspec.structs.replace(request, messages=(*request.messages, *more))
