"""Money and tokens: reserved before a call, settled after it, so that a budget is overshot by one call at most."""

from __future__ import annotations

import itertools
from typing import Protocol

import msgspec

from flywheel_tui.llm.faults import BackendFault


class Hold(msgspec.Struct, frozen=True):
    """What is reserved for one call: millionths of a dollar (None: no price known) and tokens."""

    id: int
    cost_micro: int | None
    tokens: int


class Spent(msgspec.Struct, frozen=True):
    """How a ledger stands. `uncertain` counts calls that broke off: their reserve is counted as spent."""

    cost_micro: int = 0
    tokens: int = 0
    calls: int = 0
    unpriced: int = 0
    uncertain: int = 0
    held_micro: int = 0
    held_tokens: int = 0


class Ledger(Protocol):
    """Where reserves and costs are written; a store writes them in the transaction of the work they belong to."""

    def reserve(self, cost_micro: int | None, tokens: int) -> Hold:
        """Set aside. Raises BackendFault of kind `cost_cap` where the budget does not hold it."""
        ...

    def settle(self, hold: Hold, cost_micro: int | None, tokens: int) -> None:
        """The call was answered and cost that."""
        ...

    def release(self, hold: Hold) -> None:
        """The call cost nothing."""
        ...

    def uncertain(self, hold: Hold) -> None:
        """The call broke off and may have been billed: count what was set aside."""
        ...

    def spent(self) -> Spent:
        """How it stands."""
        ...


class MemoryLedger:
    """A ledger of this process: the account itself, which a ledger in a store adds its writing to.

    Caps are in millionths of a dollar and in tokens; None is no cap. A money budget takes no call whose price is
    unknown: that could cost anything.
    """

    def __init__(self, *, budget_micro: int | None = None, budget_tokens: int | None = None) -> None:
        self.cap_micro, self.cap_tokens = budget_micro, budget_tokens
        self._holds: dict[int, Hold] = {}
        self._numbers = itertools.count(1)
        self._cost = self._tokens = self._calls = self._unpriced = self._uncertain = 0
        self._held_cost = self._held_tokens = 0

    @property
    def idle(self) -> bool:
        """Whether no call holds anything: then a refusal is final."""
        return not self._holds

    def reserve(self, cost_micro: int | None, tokens: int) -> Hold:
        """Set aside what one call may cost at most. Raises BackendFault of kind `cost_cap`."""
        if self.cap_micro is not None:
            if cost_micro is None:
                raise BackendFault(
                    "cost_cap", "a budget in money is set and this model has no price; add it to prices.toml"
                )
            if self._cost + self._held_cost + cost_micro > self.cap_micro:
                raise BackendFault("cost_cap", f"the budget of ${self.cap_micro / 1e6:,.4f} is used up")
        if self.cap_tokens is not None and self._tokens + self._held_tokens + tokens > self.cap_tokens:
            raise BackendFault("cost_cap", f"the budget of {self.cap_tokens:,} tokens is used up")
        hold = Hold(next(self._numbers), cost_micro, tokens)
        self._holds[hold.id] = hold
        self._held_cost += cost_micro or 0
        self._held_tokens += tokens
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

    def _take(self, hold: Hold) -> bool:
        """Whether the hold still stood: settling one twice changes nothing."""
        if self._holds.pop(hold.id, None) is None:
            return False
        self._held_cost -= hold.cost_micro or 0
        self._held_tokens -= hold.tokens
        return True

    def spent(self) -> Spent:
        """How it stands."""
        return Spent(
            cost_micro=self._cost, tokens=self._tokens, calls=self._calls, unpriced=self._unpriced,
            uncertain=self._uncertain, held_micro=self._held_cost, held_tokens=self._held_tokens,
        )  # fmt: skip
