"""How fast and how many at once: token buckets for requests and tokens a minute, and a gate that learns from 429."""

from __future__ import annotations

import asyncio
from collections import deque

from flywheel_tui.llm.clock import Clock, SystemClock


class TokenBucket:
    """At most `per_minute` units in any minute, plus the tenth that may gather while idle.

    It starts empty: a full bucket and its refill together would let twice the limit through in the first minute.
    """

    def __init__(self, per_minute: float, *, clock: Clock | None = None) -> None:
        if per_minute <= 0:
            raise ValueError("a limit must be above 0")
        self._clock = clock or SystemClock()
        self.per_minute = per_minute
        self._level = 0.0
        self._updated = self._clock.now()
        self._turn = asyncio.Lock()

    async def take(self, units: float = 1.0) -> None:
        """Wait until `units` are there and take them. More than a minute's worth is taken as a minute's worth."""
        units = min(units, self.per_minute)
        async with self._turn:
            self._refill(units)
            while self._level < units - 1e-9:
                await self._clock.sleep((units - self._level) * 60.0 / self.per_minute)
                self._refill(units)
            self._level -= units

    def settle(self, reserved: float, used: float) -> None:
        """Give back what a call reserved and did not use, or take what it used beyond that."""
        self._refill(0)
        self._level = min(self._level + reserved - used, self.per_minute / 10)

    def _refill(self, wanted: float) -> None:
        now = self._clock.now()
        gathered = self._level + (now - self._updated) * self.per_minute / 60.0
        self._level = min(gathered, max(self.per_minute / 10, wanted, 1.0))
        self._updated = now


class Gate:
    """How many calls run at once: at most `ceiling`, which may be changed at any time, and fewer after a 429.

    Additive increase, multiplicative decrease: a 429 halves the number (once for all calls that were under way
    together), each answered call adds a part of one until the ceiling is reached again.
    """

    def __init__(self, ceiling: int, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._ceiling = max(1, ceiling)
        self._limit = float(self._ceiling)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._decreased = float("-inf")
        self._closed_until = float("-inf")

    @property
    def ceiling(self) -> int:
        """What the person set."""
        return self._ceiling

    @property
    def limit(self) -> int:
        """What is let through now."""
        return max(1, int(self._limit))

    @property
    def running(self) -> int:
        """Calls inside."""
        return self._running

    @property
    def waiting(self) -> int:
        """Calls before the gate."""
        return sum(not waiter.done() for waiter in self._waiting)

    def set_ceiling(self, ceiling: int) -> None:
        """Change the number while calls run: more are let in at once, fewer as calls end."""
        grown = ceiling > self._ceiling
        self._ceiling = max(1, ceiling)
        self._limit = float(self._ceiling) if grown else min(self._limit, float(self._ceiling))
        self._wake()

    async def enter(self) -> float:
        """Wait for a place, first come first served; returns the moment of entry for `slow_down`."""
        if self._running >= self.limit or self._waiting:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self.leave()
                raise
        else:
            self._running += 1
        try:
            while (left := self._closed_until - self._clock.now()) > 0:
                await self._clock.sleep(left)
        except asyncio.CancelledError:
            self.leave()
            raise
        return self._clock.now()

    def leave(self) -> None:
        """Give the place back."""
        self._running -= 1
        self._wake()

    def went_well(self) -> None:
        """An answered call: a part of one more may run."""
        if self._limit < self._ceiling:
            self._limit = min(self._limit + 1.0 / self._limit, float(self._ceiling))
            self._wake()

    def slow_down(self, entered: float, pause: float | None = None) -> None:
        """A 429 for a call that entered at that moment; `pause` keeps everybody out for so many seconds."""
        now = self._clock.now()
        if entered >= self._decreased:
            self._limit = max(1.0, self._limit / 2)
            self._decreased = now
        if pause:
            self._closed_until = max(self._closed_until, now + pause)

    def _wake(self) -> None:
        while self._waiting and self._running < self.limit:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._running += 1
                waiter.set_result(None)
