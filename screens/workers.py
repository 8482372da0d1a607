"""Workers: the queue and history of long work, who works on it, and what happened to the job at the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.jobs import overview
from screens.bindings import bindings_of
from screens.reader import JobReader, LogReader, Reader
from screens.safe import safe_text
from screens.widgets.dialogs import ConfirmDialog
from screens.widgets.job_table import JobTable
from screens.widgets.job_text import event_lines, job_head, summary, workers_content, workers_title
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.jobs.overview import Overview
    from flywheel_tui.records.job import Job, JobEvent

LOOK_SECONDS = 1.0
"""How often workers, leases and ages are looked at, for which nobody commits."""
PAUSE_SECONDS = 0.1
"""At least so long between two readings."""
MOST_JOBS = 2_000
_EMPTY = """No job yet.

Long work goes through here: taking in, checks, exports, judging.
Press g d for the data sets; there i takes in a file, v runs checks.

Workers start by themselves with the first job,
and go on when this window closes."""
_ALL_ENDED = """Nothing runs or waits.

Press h to see the {ended:,} jobs that have ended."""


class WorkersScreen(WorkScreen):
    """A row a job; below it who is alive, and the newest events of the job at the cursor."""

    PLACE = "workers"
    CSS_PATH = Path(__file__).with_name("workers.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("workers")

    def __init__(self) -> None:
        super().__init__()
        self._found: Overview | None = None
        self._events: tuple[int, list[JobEvent]] = (0, [])
        self._ended, self._limit = True, overview.PAGE
        self._slots = self._asking = 0
        self._reading = self._stale = False

    def compose_body(self) -> ComposeResult:
        yield Static("", id="workers-summary", markup=False)
        yield JobTable(self.shell.glyphs)
        yield Static(_EMPTY, id="workers-state", classes="state", markup=False)
        with Vertical(id="workers-below"):
            with VerticalScroll(id="workers-alive", can_focus=False) as alive:
                alive.border_title = Content("workers")
                yield Static("", markup=False)
            yield Static("", id="workers-job", markup=False)

    @property
    def table(self) -> JobTable:
        """The list."""
        return self.query_one(JobTable)

    # -- coming here and reading --------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Look at the workers once a second, while this is what is shown."""
        self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self.shell.work_screen is self:
            self.store_changed()

    def arrive(self, request: object) -> None:
        """Read queue and workers."""
        self.call_after_refresh(self._arrive)

    def _arrive(self) -> None:
        self.table.focus()
        self.store_changed()

    def on_resize(self) -> None:
        """Other columns fit now."""
        if self._found is not None:
            self.call_after_refresh(self._show, self._found)

    def store_changed(self) -> None:
        """Read again, in a thread, as often as the thread can and at most ten times a second."""
        self._stale = True
        if not self._reading:
            self._reading = True
            self._read()

    @work(group="overview", exit_on_error=False, description="read the queue")
    async def _read(self) -> None:
        try:
            while self._stale:
                self._stale = False
                asked = self._ended, self._limit
                found = await asyncio.to_thread(overview.overview, self.shell.workspace, ended=asked[0], limit=asked[1])
                if asked == (self._ended, self._limit):
                    self._show(found)
                    await self._read_events()
                else:
                    self._stale = True
                if self._stale:
                    await asyncio.sleep(PAUSE_SECONDS)
            self.shell.clear_banner("queue")
        except FlywheelError as error:
            self.shell.show_banner("queue", str(error))
        finally:
            self._reading = False

    async def _read_events(self) -> None:
        if (job := self.table.current) is not None:
            told = await asyncio.to_thread(overview.events_of, self.shell.workspace, job.id)
            self._events = job.id, told
        self._show_job()

    def _show(self, found: Overview) -> None:
        self._found = found
        if not self._asking:
            self._slots = found.slots
        now, empty = self.shell.clock(), not found.jobs
        if empty:
            ended = found.total
            self.query_one("#workers-state", Static).update(
                Content(_ALL_ENDED.format(ended=ended) if ended else _EMPTY)
            )
        self.set_class(empty, "-empty")
        lost = found.lost | {job.id for job in found.jobs if job.stalled(now)}
        self.table.show(found.jobs, frozenset(lost), now)
        glyphs = self.shell.glyphs
        line = summary(found, glyphs, ended=self._ended)
        self.query_one("#workers-summary", Static).update(line)  # safe: numbers and our own words
        alive = self.query_one("#workers-alive", VerticalScroll)
        alive.border_title = workers_title(found, self._slots)
        room = max(alive.content_size.width, 40)
        alive.query_one(Static).update(workers_content(found, glyphs, now, room))
        self._show_job()
        self.refresh_bindings()

    def _show_job(self) -> None:
        pane, job = self.query_one("#workers-job", Static), self.table.current
        if job is None or self._found is None:
            pane.border_title = Content("job")
            pane.update(Content())
            return
        pane.border_title = safe_text(f"job {job.id} – {job.title}", multiline=False, limit=100)
        lost = job.id in self._found.lost or job.stalled(self.shell.clock())
        lines = [job_head(job, self.shell.glyphs, lost)]
        if self._events[0] == job.id:
            told = event_lines(self._events[1])
            room = max(pane.content_size.height - 1, 1)
            lines += told[-room:]
        width = max(pane.content_size.width, 20)
        cut = [line.truncate(width, ellipsis=True) for line in lines]
        pane.update(Content("\n").join(cut))  # safe: lines of Content, made by job_text

    @on(DataTable.RowHighlighted)
    def _highlighted(self) -> None:
        self._show_job()
        self.refresh_bindings()
        if self.table.current is not None and self.table.current.id != self._events[0]:
            self._follow_cursor()

    @work(group="events", exclusive=True, exit_on_error=False, description="read the events of a job")
    async def _follow_cursor(self) -> None:
        await self._read_events()

    # -- actions ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        found = self._found
        job = self.table.current if self.is_mounted and found is not None else None
        if action == "details":
            return job is not None
        if action in ("cancel", "pause"):
            return job is not None and job.active
        if action == "retry":
            return job is not None and job.state in overview.RETRYABLE
        if action == "slots" and parameters == (-1,):
            return self._slots > 1
        if action == "older":
            return self._ended and found is not None and len(found.jobs) < min(found.total, MOST_JOBS)
        if action == "ended":
            return found is not None and found.total > 0
        return True

    @on(DataTable.RowSelected)
    def _selected(self) -> None:
        self.action_details()

    def action_details(self) -> None:
        """Arguments, result, error, events."""
        if (job := self.table.current) is not None:
            self._open(JobReader(job.id, job.title))

    def action_log(self) -> None:
        """The log of the worker that has this job; else the first there is."""
        names = overview.logs(self.shell.workspace.root)
        if not names:
            self.hint("no worker has written a log yet")
            return
        job = self.table.current
        workers = self._found.workers if self._found is not None else ()
        its = [each.name for each in workers if job is not None and each.job == job.id and each.name in names]
        self._open(LogReader((its or names)[0]))

    def _open(self, reader: Reader) -> None:
        self.app.push_screen(reader)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="cancel a job")
    async def action_cancel(self) -> None:
        """Ask, then stop it at its next safe point."""
        if (job := self.table.current) is None:
            return
        text = safe_text(job.title, multiline=False, limit=200) + Content(
            "\n\nWhat it has finished is kept; R puts it back into the queue."
        )
        if await self.app.push_screen_wait(ConfirmDialog(f"cancel job {job.id}?", text, "Cancel it", "Let it be")):
            await self._steer(lambda: overview.cancel(self.shell.workspace, job.id))

    @work(group="steer", exit_on_error=False, description="pause or resume a job")
    async def action_pause(self) -> None:
        """Lay it aside at its next safe point, or have it go on."""
        if (job := self.table.current) is not None:
            start = self.shell.worker
            await self._steer(lambda: overview.pause_or_resume(self.shell.workspace, job.id, start=start))

    @work(group="steer", exit_on_error=False, description="retry a job")
    async def action_retry(self) -> None:
        """Put it back into the queue; it goes on from what it had finished."""
        if (job := self.table.current) is not None:
            start = self.shell.worker
            await self._steer(lambda: overview.retry(self.shell.workspace, job.id, start=start))

    async def _steer(self, do: Callable[[], Job]) -> None:
        try:
            job = await asyncio.to_thread(do)
        except FlywheelError as error:
            self.shell.notify(safe_text(str(error)).plain, severity="error", timeout=15, markup=False)
            self.store_changed()
            return
        later = f", {job.wanted} at its next safe point" if job.wanted else ""
        self.hint(f"job {job.id}: {job.state}{later}")
        self.store_changed()

    @work(group="steer", exit_on_error=False, description="change the number of workers")
    async def action_slots(self, by: int) -> None:
        """One worker more or less; where jobs wait and nobody works, `+` starts the workers there should be."""
        nobody = self._found is not None and self._found.nobody
        if not (nobody and by > 0):
            self._slots = max(self._slots + by, 1)
        start = self.shell.worker or (nobody and by > 0)
        self._asking += 1
        try:
            # the newest wish, so that quick presses end in the right number whichever thread comes last
            self._slots = await asyncio.to_thread(
                lambda: overview.want_workers(self.shell.workspace, self._slots, start=start)
            )
        except FlywheelError as error:
            self.shell.notify(safe_text(str(error)).plain, severity="error", timeout=15, markup=False)
        else:
            self.hint(f"workers: {self._slots}")
        finally:
            self._asking -= 1
        self.store_changed()

    def action_ended(self) -> None:
        """Hide or show the jobs that have ended."""
        self._ended = not self._ended
        self.store_changed()

    def action_older(self) -> None:
        """One page more of the history."""
        self._limit = min(self._limit + overview.PAGE, MOST_JOBS)
        self.store_changed()

    def action_refresh(self) -> None:
        """Read again."""
        self.store_changed()
        self.hint("read again")
