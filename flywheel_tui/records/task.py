"""What a stage is given when it runs as a job: the way to say how far it is, and to hear that it should stop."""

from __future__ import annotations

from typing import Protocol


class Task(Protocol):
    """The job being worked on, as its stage sees it. Calls are cheap: they may be made for every batch."""

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Say how far it is; written at most a few times a second."""

    def event(self, level: str, text: str) -> None:
        """Leave a line (`info`, `warning`, `error`) in the job's log."""

    def check(self) -> None:
        """A safe point: raises Cancelled (or whatever ends the work here) where somebody asked for it."""
