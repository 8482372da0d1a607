"""A cap on what a job may spend: reserved before a call is sent, settled when it is answered; reached, the job pauses.

Reservations are written in blocks before the calls they are for, so that a process that is killed can have spent no
more than is on the account. What it had reserved counts as spent when the job is taken up again.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from flywheel_tui.llm.budget import Hold, Spent
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.store import judge_jobs
from flywheel_tui.store.judge_jobs import Money

if TYPE_CHECKING:
    from flywheel_tui.store.db import Store
    from flywheel_tui.store.versions import Reader

BLOCK = 16
"""Calls whose cost is reserved at once, while there is room."""
_ENDLESS = 2**60


class Budget:
    """The account of one job (a `Ledger`). Caps are in millionths of a dollar and in tokens; None is no cap."""

    def __init__(self, store: Store, job_id: int, cap_micro: int | None, cap_tokens: int | None) -> None:
        self._store, self._job_id = store, job_id
        self.cap_micro, self.cap_tokens = cap_micro, cap_tokens
        with store.tx() as connection:
            before = judge_jobs.open_budget(connection, job_id)
        self._cost, self._tokens = before
        self._held_cost = self._held_tokens = 0
        self._holds: dict[int, Hold] = {}
        self._numbers = itertools.count(1)
        self._reserved = Money(0, 0)
        """What the store says is reserved: never less than what is held."""
        self._calls = self._unpriced = self._uncertain = 0

    @property
    def idle(self) -> bool:
        """Whether no call holds anything: then a refusal is final."""
        return not self._holds

    def reserve(self, cost_micro: int | None, tokens: int) -> Hold:
        """Set aside what one call may cost at most. Raises BackendFault of kind `cost_cap`."""
        if self.cap_micro is not None and cost_micro is None:
            raise BackendFault(
                "cost_cap", "a budget in money is set and this model has no price; add it to prices.toml"
            )
        micro = cost_micro or 0
        left = self._left()
        if micro > left.micro or tokens > left.tokens:
            raise BackendFault("cost_cap", "the budget is used up")
        hold = Hold(next(self._numbers), cost_micro, tokens)
        self._holds[hold.id] = hold
        self._held_cost += micro
        self._held_tokens += tokens
        if self._held_cost > self._reserved.micro or self._held_tokens > self._reserved.tokens:
            self._reserved = Money(
                self._held_cost + min(micro * BLOCK, left.micro - micro),
                self._held_tokens + min(tokens * BLOCK, left.tokens - tokens),
            )
            with self._store.tx() as connection:
                self.write(connection)
        return hold

    def settle(self, hold: Hold, cost_micro: int | None, tokens: int) -> None:
        """The call was answered and cost that."""
        if self._take(hold):
            self._cost += cost_micro or 0
            self._tokens += tokens
            self._calls += 1
            self._unpriced += cost_micro is None

    def release(self, hold: Hold) -> None:
        """The call cost nothing."""
        self._take(hold)

    def uncertain(self, hold: Hold) -> None:
        """The call broke off and may have been billed: what was set aside counts."""
        if self._take(hold):
            self._cost += hold.cost_micro or 0
            self._tokens += hold.tokens
            self._uncertain += 1

    def spent(self) -> Spent:
        """How it stands, earlier attempts of the job included."""
        return Spent(
            cost_micro=self._cost, tokens=self._tokens, calls=self._calls, unpriced=self._unpriced,
            uncertain=self._uncertain, held_micro=self._held_cost, held_tokens=self._held_tokens,
        )  # fmt: skip

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
        if self._holds.pop(hold.id, None) is None:
            return False
        self._held_cost -= hold.cost_micro or 0
        self._held_tokens -= hold.tokens
        # what was spent is on the account as spent now: the reservation shrinks with it
        self._reserved = Money(
            max(self._reserved.micro - (hold.cost_micro or 0), self._held_cost),
            max(self._reserved.tokens - hold.tokens, self._held_tokens),
        )
        return True

    def _left(self) -> Money:
        micro = _ENDLESS if self.cap_micro is None else self.cap_micro - self._cost - self._held_cost
        tokens = _ENDLESS if self.cap_tokens is None else self.cap_tokens - self._tokens - self._held_tokens
        return Money(micro, tokens)
