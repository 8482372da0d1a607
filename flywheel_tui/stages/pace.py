"""How fast somebody works: active time with the pauses cut, decisions a minute, and what is left at that pace.

Times go in as microseconds (any clock that does not run backwards) and come out as microseconds or minutes, as named.
"""

from __future__ import annotations

from collections import deque
from statistics import median

WINDOW_US = 600_000_000
"""Pace is counted over the last ten minutes of active time."""
REST_US = 300_000_000
"""A pause this long is a break: the time until the next hint starts again."""
_LEAST_US = 5_000_000


class ActiveClock:
    """Adds up the time in which somebody was at the keyboard: of each gap at most `pause_after` seconds count."""

    def __init__(self, pause_after: float, now: int) -> None:
        self._pause_us = int(pause_after * 1_000_000)
        self._last = now
        self.active_us = 0
        self.since_break_us = 0

    def touch(self, now: int) -> None:
        """A key was pressed or the text was scrolled."""
        gap = max(now - self._last, 0)
        self._last = max(now, self._last)
        counted = min(gap, self._pause_us)
        self.active_us += counted
        self.since_break_us = 0 if gap >= REST_US else self.since_break_us + counted


class Pace:
    """The decisions of a sitting against its active time."""

    def __init__(self) -> None:
        self._marks: deque[int] = deque()
        self._times: list[int] = []

    def decided(self, active_us: int, took_us: int) -> None:
        """A decision was made when the active clock stood at `active_us`; it took `took_us` of active time."""
        self._marks.append(active_us)
        self._times.append(took_us)

    def taken_back(self) -> None:
        """The newest decision was undone: it counts no longer."""
        if self._marks:
            self._marks.pop()
        if self._times:
            self._times.pop()

    def per_minute(self, active_us: int) -> float | None:
        """Decisions a minute over the last ten minutes of active time; None before there is enough to tell."""
        while self._marks and self._marks[0] < active_us - WINDOW_US:
            self._marks.popleft()
        span = min(active_us, WINDOW_US)
        if len(self._marks) < 3 or span < _LEAST_US:
            return None
        return len(self._marks) * 60_000_000 / span

    def seconds_left(self, active_us: int, left: int) -> float | None:
        """How long `left` decisions take at this pace; None where there is no pace yet."""
        pace = self.per_minute(active_us)
        return None if not pace else left * 60 / pace

    @property
    def median_seconds(self) -> float | None:
        """The median active time of a decision."""
        return median(self._times) / 1_000_000 if self._times else None
