"""Jobs: long work as rows that any process can take up, watch and stop."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec


class State(StrEnum):
    """Where a job stands. `failed`: it said no; `dead`: its workers died too often; both can be retried."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"


STATES: tuple[str, ...] = tuple(state.value for state in State)
ACTIVE: tuple[str, ...] = ("queued", "running", "paused")
SLOTS: tuple[str, ...] = ("cpu", "network", "gpu")


class Claim(NamedTuple):
    """The right to write for a job: who holds it, in which attempt. Anything older is refused by the store."""

    job_id: int
    owner: str
    attempt: int


class Sample(NamedTuple):
    """How far a job was at a time (microseconds UTC)."""

    at: int
    done: int
    phase: str | None


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is; `rate` in units a second, `eta_s` in seconds, None where nothing can be said yet."""

    done: int = 0
    total: int | None = None
    phase: str | None = None
    rate: float | None = None
    eta_s: float | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of long work. Times are microseconds UTC; `wanted` is what a person asked of a running job."""

    id: int
    uid: bytes
    kind: str
    title: str
    args: dict[str, Any]
    state: str
    slot: str
    priority: int
    attempt: int
    max_attempts: int
    done: int
    unit: str
    cost_micro: int
    created: int
    updated: int
    dataset_id: int | None = None
    dataset: str | None = None
    wanted: str | None = None
    owner: str | None = None
    lease_until: int | None = None
    total: int | None = None
    phase: str | None = None
    result: dict[str, Any] | None = None
    error: str | None = None
    started: int | None = None
    finished: int | None = None
    rate: float | None = None
    eta_s: float | None = None

    @property
    def claim(self) -> Claim:
        """The right to write that goes with this record (of a job that was claimed)."""
        return Claim(self.id, self.owner or "", self.attempt)

    @property
    def active(self) -> bool:
        """Whether it may still change without a person doing something about it, or waits for one (paused)."""
        return self.state in ACTIVE

    def stalled(self, now: int) -> bool:
        """Running by the book, but its worker has not been heard of for a whole lease."""
        return self.state == State.RUNNING and (self.lease_until or 0) < now


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened to a job; `level` is info, warning or error."""

    id: int
    job_id: int
    at: int
    level: str
    text: str


def progress_of(samples: Sequence[Sample], done: int, total: int | None, phase: str | None) -> Progress:
    """Rate and remaining time from the samples of one attempt, oldest first.

    Only the newest unbroken run of the present phase counts: a new phase counts from zero in its own units. The rate
    is the difference of the ends over the time between them, so that bursts are smoothed over the whole window.
    """
    run: list[Sample] = []
    for sample in reversed(samples):
        if sample.phase != phase or (run and sample.done > run[-1].done):
            break
        run.append(sample)
    rate = eta = None
    if len(run) > 1 and run[0].at > run[-1].at:
        rate = (run[0].done - run[-1].done) * 1e6 / (run[0].at - run[-1].at)
        if total is not None and rate > 0:
            eta = max(total - done, 0) / rate
    return Progress(done=done, total=total, phase=phase, rate=rate, eta_s=eta)
