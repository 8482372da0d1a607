"""What a job function holds while it runs: how to say how far it is, and how to learn that it shall stop."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from flywheel_tui.errors import Cancelled, Paused, StaleClaimError
from flywheel_tui.identity import now_us
from flywheel_tui.records.job import Job, Progress, Sample, progress_of
from flywheel_tui.store import claims
from flywheel_tui.store.db import Store
from flywheel_tui.store.jobs import add_event

WRITE_EVERY_S = 0.25
LOOK_EVERY_S = 0.25
SHOW_EVERY_S = 0.1


class Task:
    """One attempt at a job. Its methods may be called from any thread of the job.

    Everything here raises StaleClaimError once the job belongs to somebody else; a job function lets that through.
    """

    def __init__(
        self,
        store: Store,
        job: Job,
        *,
        on_progress: Callable[[Progress], None] | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.store, self.job, self.claim, self.redact = store, job, job.claim, redact
        self.asked: str | None = None
        """Why the job shall stop: 'cancel', 'pause', or 'stop' where its worker is going; None where it shall not."""
        self.lost: StaleClaimError | None = None
        self._on_progress = on_progress
        self._lock = threading.Lock()
        self._done, self._total, self._phase = job.done, job.total, job.phase
        self._unwritten = False
        self._written_at = self._looked_at = self._shown_at = float("-inf")
        self._samples: deque[Sample] = deque([Sample(now_us(), job.done, job.phase)], maxlen=300)

    # -- for the job function ----------------------------------------------------------------------------------------

    def progress(self, done: int, total: int | None = None, phase: str | None = None) -> None:
        """Say how far the job is, as often as wanted: it is written at most four times a second.

        `total=None` keeps the total said before, `phase=None` the phase. `done` counts within the phase.
        """
        now = time.monotonic()
        with self._lock:
            self._done = done
            self._total = self._total if total is None else total
            self._phase = self._phase if phase is None else phase
            self._unwritten = True
            write = now - self._written_at >= WRITE_EVERY_S
            show = self._on_progress is not None and now - self._shown_at >= SHOW_EVERY_S
            if write:
                self._written_at = now
            if show:
                self._shown_at = now
        if write:
            self.flush()
        if show:
            self.show()

    def event(self, level: str, text: str) -> None:
        """Note something that a person should be able to read later; level is info, warning or error."""
        add_event(self.store, self.job.id, level, self.redact(text))

    def check(self) -> None:
        """Call at every safe point, between two items or batches: raises Cancelled, or Paused, when asked to stop.

        Let it through after tidying up; what was finished is kept and the job goes on from there.
        """
        if self.lost is not None:
            raise self.lost
        now = time.monotonic()
        if self.asked is None and now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._hear(claims.wanted(self.store, self.claim))
        if self.asked == "cancel":
            raise Cancelled(f"job {self.job.id} was cancelled; what was finished is kept")
        if self.asked == "pause":
            raise Paused(f"job {self.job.id} is paused; go on with: flywheel jobs resume {self.job.id}")
        if self.asked is not None:
            raise Paused(f"the worker of job {self.job.id} is stopping; another one goes on")

    def item_done(self, key: str, *, detail: str | None = None) -> bool:
        """Mark an item done; False where an earlier attempt had done it (then write nothing for it).

        Call it inside the `workspace.store.tx()` that writes what the item made: both land, or neither.
        """
        return claims.item_done(self.store, self.claim, key, detail=detail)

    def done_items(self) -> set[str]:
        """The items that earlier attempts have done: skip these."""
        return claims.done_items(self.store, self.job.id)

    # -- for whoever runs it -----------------------------------------------------------------------------------------

    @property
    def position(self) -> tuple[int, int | None]:
        """(done, total) as said last."""
        return self._done, self._total

    def stop(self, reason: str) -> None:
        """Ask the job to stop at its next safe point: 'cancel', 'pause' or 'stop'."""
        self.asked = self.asked or reason

    def beat(self, lease_s: float) -> None:
        """Renew the lease and hear what is wanted; a loss is kept and raised at the next safe point."""
        try:
            self._hear(claims.heartbeat(self.store, self.claim, lease_s=lease_s))
        except StaleClaimError as error:
            self.lost = error

    def flush(self) -> None:
        """Write the progress that was said last, where it is not written yet."""
        with self._lock:
            if not self._unwritten:
                return
            self._unwritten = False
            done, total, phase = self._done, self._total, self._phase
        self._hear(claims.progress(self.store, self.claim, done, total, phase))

    def show(self) -> None:
        """Hand the present progress to whoever watches in this process."""
        if self._on_progress is not None:
            self._samples.append(Sample(now_us(), self._done, self._phase))
            self._on_progress(progress_of(self._samples, self._done, self._total, self._phase))

    def _hear(self, asked: str | None) -> None:
        if asked is not None:
            self.stop(asked)
