"""Where a job of any kind shows what it is doing, and hears how many calls at once are wanted.

A stage makes one `Board` for its task and calls `show` as often as it likes: it is written twice a second at most, into
the row of the job, by the holder of the job only.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from flywheel_tui.identity import now_us
from flywheel_tui.records.job import Claim, Job
from flywheel_tui.records.live import Histogram, Newest
from flywheel_tui.store import judge_jobs

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SHOW_EVERY_S = 0.5
NEWEST = 50
"""Lines that are kept of what came out last."""


class Holder(Protocol):
    """A task, as far as this needs it."""

    job: Job
    claim: Claim


class Board:
    """What one attempt at a job shows of itself."""

    def __init__(self, workspace: Workspace, task: Holder) -> None:
        self._workspace, self._task = workspace, task
        self._now: dict[str, Any] = dict(judge_jobs.live(workspace.store.read(), task.job.id))
        self._written = float("-inf")

    @property
    def counts(self) -> dict[str, Any]:
        """The sums that earlier attempts at this job have shown: go on counting from them."""
        return dict(self._now.get("counts", {}))

    def show(
        self,
        *,
        in_flight: int | None = None,
        waiting: int | None = None,
        concurrency: int | None = None,
        service: object = None,
        counts: Mapping[str, int | bool] | None = None,
        figures: Mapping[str, str | float] | None = None,
        histogram: Histogram | None = None,
        newest: Iterable[Newest] = (),
        at_once: bool = False,
    ) -> None:
        """Show what is given; the rest stays as it was shown last. `service` is the `snapshot()` of a client.

        `newest` is added to what is there. With `at_once` it is written now (at the end of a phase). Raises
        StaleClaimError where the job belongs to somebody else by now.
        """
        given = {"in_flight": in_flight, "waiting": waiting, "concurrency": concurrency, "service": service,
                 "counts": counts, "figures": figures, "histogram": histogram}  # fmt: skip
        self._now |= {name: msgspec.to_builtins(value) for name, value in given.items() if value is not None}
        if lines := msgspec.to_builtins(list(newest)):
            self._now["newest"] = [*self._now.get("newest", ()), *lines][-NEWEST:]
        if at_once or time.monotonic() - self._written >= SHOW_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write it now."""
        self._written = time.monotonic()
        with self._workspace.store.tx(durable=False) as connection:
            judge_jobs.require_claim(connection, self._task.claim)
            judge_jobs.show_live(connection, self._task.job.id, {**self._now, "at": now_us()})

    def wanted_concurrency(self, otherwise: int) -> int:
        """How many calls at once people have asked for since the job was made; a read of one row."""
        return int(judge_jobs.steering(self._workspace.store.read(), self._task.job.id).get("concurrency", otherwise))
