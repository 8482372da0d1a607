"""A cap on what a job may spend: reserved before a call is sent, settled when it is answered; reached, the job pauses.

Reservations are written in blocks before the calls they are for, so that a process that is killed can have spent no
more than is on the account. What it had reserved counts as spent when the job is taken up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from flywheel_tui.llm.budget import Hold, MemoryLedger
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.store import judge_jobs
from flywheel_tui.store.judge_jobs import Money

if TYPE_CHECKING:
    from flywheel_tui.llm.protocol import Reply, Request
    from flywheel_tui.store.db import Store
    from flywheel_tui.store.versions import Reader

BLOCK = 16
"""Calls whose cost is reserved at once, while there is room."""
_ENDLESS = 2**60
_TICK_S = 0.02


class Budget(MemoryLedger):
    """The account of one job, kept in the store. Caps are in millionths of a dollar and in tokens; None is no cap."""

    def __init__(self, store: Store, job_id: int, cap_micro: int | None, cap_tokens: int | None) -> None:
        super().__init__(budget_micro=cap_micro, budget_tokens=cap_tokens)
        self._store, self._job_id = store, job_id
        with store.tx() as connection:
            self._cost, self._tokens = judge_jobs.open_budget(connection, job_id)
        self._reserved = Money(0, 0)
        """What the store says is reserved: never less than what is held."""

    def reserve(self, cost_micro: int | None, tokens: int) -> Hold:
        """Set aside what one call may cost at most. Raises BackendFault of kind `cost_cap`."""
        hold = super().reserve(cost_micro, tokens)
        if self._held_cost > self._reserved.micro or self._held_tokens > self._reserved.tokens:
            left = self._left()
            self._reserved = Money(
                self._held_cost + min((cost_micro or 0) * BLOCK, left.micro),
                self._held_tokens + min(tokens * BLOCK, left.tokens),
            )
            with self._store.tx() as connection:
                self.write(connection)
        return hold

    def write(self, connection: Reader) -> None:
        """Put both sides of the account into the store, in the transaction of what was paid for."""
        judge_jobs.book(connection, self._job_id, Money(self._cost, self._tokens), self._reserved)

    def close(self) -> None:
        """Give back what no call holds any more."""
        for hold in list(self._holds.values()):
            self.uncertain(hold)
        self._reserved = Money(0, 0)
        with self._store.tx() as connection:
            self.write(connection)

    def _take(self, hold: Hold) -> bool:
        if not super()._take(hold):
            return False
        # what was spent is on the account as spent now: the reservation shrinks with it
        self._reserved = Money(
            max(self._reserved.micro - (hold.cost_micro or 0), self._held_cost),
            max(self._reserved.tokens - hold.tokens, self._held_tokens),
        )
        return True

    def _left(self) -> Money:
        micro = _ENDLESS if self.cap_micro is None else self.cap_micro - self._cost - self._held_cost
        tokens = _ENDLESS if self.cap_tokens is None else self.cap_tokens - self._tokens - self._held_tokens
        return Money(max(micro, 0), max(tokens, 0))


async def ask_within(
    account: MemoryLedger, complete: Callable[[Request], Awaitable[Reply]], request: Request
) -> Reply:  # fmt: skip
    """The reply to a request. Where the account does not hold another call, it waits for those under way, which may
    turn out cheaper than what is set aside for them. Raises BackendFault, of kind `cost_cap` where none is under way.
    """
    while True:
        try:
            return await complete(request)
        except BackendFault as fault:
            if fault.kind != "cost_cap" or account.idle:
                raise
        await asyncio.sleep(_TICK_S)
