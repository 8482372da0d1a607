"""A circuit breaker per server and model: after some failures in a row nobody knocks for a while, then one does."""

from __future__ import annotations

from typing import Literal

from flywheel_tui.llm.clock import Clock, SystemClock
from flywheel_tui.llm.faults import INFRASTRUCTURE, UNTIL_A_PERSON_ACTS, BackendFault

State = Literal["closed", "open", "half-open", "locked"]


class Breaker:
    """`closed` lets calls through; five failures of the server in a row make it `open` for 30 s, then one call is let
    through (`half-open`) and decides. A refused key or an empty account makes it `locked` until `reset()`."""

    def __init__(self, *, failures: int = 5, rest: float = 30.0, clock: Clock | None = None) -> None:
        self._most, self._rest, self._clock = failures, rest, clock or SystemClock()
        self._in_a_row = 0
        self._open_until: float | None = None
        self._probing = False
        self._lock: BackendFault | None = None

    @property
    def state(self) -> State:
        """What the next call would meet."""
        if self._lock is not None:
            return "locked"
        if self._open_until is None:
            return "closed"
        return "open" if self._probing or self._clock.now() < self._open_until else "half-open"

    def enter(self) -> None:
        """Ask to make a call. Raises BackendFault without one being made."""
        if self._lock is not None:
            raise BackendFault(self._lock.kind, f"not asked again: {self._lock.message}", retryable=False)
        if self._open_until is None:
            return
        left = self._open_until - self._clock.now()
        if left > 0 or self._probing:
            wait = max(left, 1.0)
            raise BackendFault(
                "overloaded", f"{self._in_a_row} calls failed in a row; asked again in {wait:.0f} s", retry_after=wait
            )
        self._probing = True

    def succeeded(self) -> None:
        """The call was answered."""
        self._in_a_row, self._open_until, self._probing = 0, None, False

    def failed(self, fault: BackendFault) -> None:
        """The call failed."""
        if fault.kind in UNTIL_A_PERSON_ACTS:
            self._lock = fault
        elif fault.kind in INFRASTRUCTURE:
            self._in_a_row += 1
            if self._probing or self._in_a_row >= self._most:
                self._open_until = self._clock.now() + self._rest
        elif self._probing or fault.kind != "rate_limited":
            # The server was there to say no.
            self._in_a_row, self._open_until = 0, None
        self._probing = False

    def left(self) -> None:
        """The call was given up by us: nothing is known of the server."""
        self._probing = False

    def reset(self) -> None:
        """Close it: a person has mended what was wrong."""
        self._in_a_row, self._open_until, self._probing, self._lock = 0, None, False, None


class Breakers:
    """The breakers of all servers and models."""

    def __init__(self, *, failures: int = 5, rest: float = 30.0, clock: Clock | None = None) -> None:
        self._failures, self._rest, self._clock = failures, rest, clock
        self._all: dict[tuple[str, str], Breaker] = {}

    def of(self, server: str, model: str) -> Breaker:
        """The breaker of a server and model."""
        found = self._all.get((server, model))
        if found is None:
            found = Breaker(failures=self._failures, rest=self._rest, clock=self._clock)
            self._all[(server, model)] = found
        return found

    def states(self) -> dict[tuple[str, str], State]:
        """How they all stand."""
        return {key: breaker.state for key, breaker in self._all.items()}
