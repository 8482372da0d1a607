"""The figures of a client while it works, for a screen to read at any moment."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

import msgspec

from flywheel_tui.llm.clock import Clock, SystemClock
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Reply

_KEPT = 1000
_RATE_SECONDS = 10.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How a client stands. Latencies (milliseconds) are of the last 1,000 replies, `per_second` of the last 10 s.

    `unpriced` counts replies whose cost is not known: where it is above 0, `cost_micro` is a lower bound.
    """

    in_flight: int
    waiting: int
    concurrency: int
    ceiling: int
    asked: int
    answered: int
    failed: int
    attempts: int
    faults: Mapping[str, int]
    p50_ms: float | None
    p95_ms: float | None
    per_second: float
    tokens_in: int
    tokens_out: int
    cost_micro: int
    unpriced: int
    breaker: str


class Figures:
    """Counts what happens; cheap enough to be called for every attempt."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self.asked = self.answered = self.failed = self.attempts = 0
        self.tokens_in = self.tokens_out = self.cost_micro = self.unpriced = 0
        self.faults: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=_KEPT)
        self._moments: deque[float] = deque(maxlen=20 * _KEPT)

    def reply(self, reply: Reply) -> None:
        """An attempt was answered."""
        self._latencies.append(reply.latency_ms)
        self._moments.append(self._clock.now())
        self.billed(reply.tokens_in, reply.tokens_out, reply.cost_micro)

    def billed(self, tokens_in: int, tokens_out: int, cost_micro: int | None) -> None:
        """Tokens that a server counted, with or without a usable answer."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        if cost_micro is None:
            self.unpriced += 1
        else:
            self.cost_micro += cost_micro

    def fault(self, fault: BackendFault) -> None:
        """An attempt failed."""
        self.faults[fault.kind] += 1

    def latency(self, share: float) -> float | None:
        """The latency below which that share of the last replies lies, in milliseconds."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def per_second(self) -> float:
        """Replies a second over the last ten seconds."""
        now = self._clock.now()
        while self._moments and self._moments[0] < now - _RATE_SECONDS:
            self._moments.popleft()
        if not self._moments:
            return 0.0
        return len(self._moments) / max(min(now - self._moments[0], _RATE_SECONDS), 0.1)
