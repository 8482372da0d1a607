"""What a running job shows of itself, beside how far it is: all parts are optional, every kind of job has what it has.

The same shape is written by the worker (`stages.live_board`) and read by whoever watches (`stages.live`). Unknown
fields are ignored, so that a face and a worker of different versions get along.
"""

from __future__ import annotations

import msgspec


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """A service that is asked. Latencies in milliseconds, `per_second` over the last ten seconds."""

    in_flight: int = 0
    waiting: int = 0
    concurrency: int = 0
    """How many calls may be under way now: fewer than asked for after a 429."""
    answered: int = 0
    failed: int = 0
    attempts: int = 0
    faults: dict[str, int] = {}
    """Attempts that failed, by kind; each was tried again, or its pair has no verdict."""
    p50_ms: float | None = None
    p95_ms: float | None = None
    per_second: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_micro: int = 0
    unpriced: int = 0
    breaker: str = "closed"

    @property
    def retries(self) -> int:
        """Attempts that were made again: a fault either is, or ends its call."""
        return max(sum(self.faults.values()) - self.failed, 0)


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts in bins of the same width from `low` to `high`."""

    label: str
    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.counts)


class Newest(msgspec.Struct, frozen=True, kw_only=True):
    """Something that just came out: a verdict, a generated pair, a finding. `at` in microseconds UTC.

    `passed` is None where there is nothing to pass; `kind` says why there is no verdict; `pair` is what to open.
    """

    text: str
    at: int = 0
    pair: int | None = None
    passed: bool | None = None
    score: float | None = None
    kind: str = ""
    note: str = ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """All that a job shows. `figures` are words of its own, in order: name and value (numbers or text)."""

    at: int = 0
    in_flight: int = 0
    waiting: int = 0
    concurrency: int = 0
    service: Calls | None = None
    counts: dict[str, int | bool] = {}
    """Sums over all attempts at the job: tokens_in, tokens_out, cost_micro, calls, hits, unpriced …"""
    figures: dict[str, str | int | float] = {}
    histogram: Histogram | None = None
    newest: tuple[Newest, ...] = ()
