"""Live: one job as it runs – how far, how fast, what comes of it, who is asked – and the keys that steer it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError, NotFoundError
from flywheel_tui.jobs import overview
from flywheel_tui.jobs.process import owner_is_dead
from flywheel_tui.stages.live import LiveView, Watcher, ask_again, rows_of_job, step_concurrency
from flywheel_tui.stages.views import ViewQuery
from screens.bindings import bindings_of
from screens.jobs import submit
from screens.live_list import NewestList
from screens.live_text import (
    calls_lines,
    figure_lines,
    histogram_lines,
    job_lines,
    newest_lines,
    passing_lines,
    progress_line,
    spent_lines,
    title_line,
    word_line,
)
from screens.reader import JobReader
from screens.safe import safe_text
from screens.widgets.dialogs import ConfirmDialog
from screens.widgets.job_text import event_lines
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.records.job import Job, JobEvent

LOOK_SECONDS = 1.0
"""How often rates, ages and leases are looked at, for which nobody commits."""
PAUSE_SECONDS = 0.15
"""At least so long between two readings."""
EVENTS = 50
_EMPTY = """Nothing runs, and nothing has.

Press g d for the data sets: J has a judge score one,
v checks one, i takes a file in.

What runs is shown here, whoever started it,
and goes on when this window closes."""


class LiveScreen(WorkScreen):
    """A job at a time; the others are a key away."""

    PLACE = "live"
    CSS_PATH = Path(__file__).with_name("live.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("live")

    def __init__(self) -> None:
        super().__init__()
        self._watcher: Watcher | None = None
        self._jobs: list[Job] = []
        self._job_id: int | None = None
        self._view: LiveView | None = None
        self._events: list[JobEvent] = []
        self._reading = self._stale = self._lost = False
        self._steps = 0
        self._stepping = self._laid_out = False

    def compose_body(self) -> ComposeResult:
        yield Static("", id="live-title", markup=False)
        yield Static("", id="live-progress", markup=False)
        yield Static("", id="live-word", markup=False)
        with Horizontal(id="live-figures"):
            yield Static("", id="live-made", markup=False)
            yield Static("", id="live-calls", markup=False)
        yield NewestList()
        yield Static(_EMPTY, id="live-state", classes="state", markup=False)

    @property
    def newest(self) -> NewestList:
        """The lines that scroll by."""
        return self.query_one(NewestList)

    # -- coming here and reading --------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Look once a second, while this is what is shown."""
        self._watcher = Watcher(self.shell.workspace)
        self.set_interval(LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self.shell.work_screen is self:
            self.store_changed()

    def arrive(self, request: object) -> None:
        """Show the job with that number; without one, what was shown while it runs, else what runs."""
        if isinstance(request, int):
            self._choose(request)
        elif self._view is not None and not self._view.job.active:
            self._job_id = None
        self.call_after_refresh(self._arrive)

    def _arrive(self) -> None:
        self.newest.focus()
        self.store_changed()

    def on_resize(self) -> None:
        """Other lines fit now."""
        self.call_after_refresh(self._show)

    def store_changed(self) -> None:
        """Read again, in a thread, a few times a second at most."""
        self._stale = True
        if not self._reading:
            self._reading = True
            self._read()

    @work(group="live", exit_on_error=False, description="read a job")
    async def _read(self) -> None:
        try:
            while self._stale:
                self._stale = False
                asked = self._job_id
                found = await asyncio.to_thread(self._read_now, asked)
                if asked == self._job_id:
                    self._jobs, self._view, self._events, self._lost = found
                    self._job_id = self._view.job.id if self._view is not None else None
                    self._show()
                else:
                    self._stale = True
                if self._stale:
                    await asyncio.sleep(PAUSE_SECONDS)
            self.shell.clear_banner("live")
        except FlywheelError as error:
            self.shell.show_banner("live", str(error))
        finally:
            self._reading = False

    def _read_now(self, job_id: int | None) -> tuple[list[Job], LiveView | None, list[JobEvent], bool]:
        assert self._watcher is not None
        jobs = self._watcher.jobs()
        number = job_id if job_id is not None else (jobs[0].id if jobs else None)
        if number is None:
            return jobs, None, [], False
        try:
            view = self._watcher.view(number)
        except NotFoundError:
            return jobs, None, [], False
        job = view.job
        events = overview.events_of(self.shell.workspace, job.id, limit=EVENTS)
        lost = job.state == "running" and (job.stalled(self.shell.clock()) or owner_is_dead(job.owner or ""))
        return jobs, view, events, lost

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        view = self._view
        self.set_class(view is None, "-empty")
        if view is None:
            self._laid_out = False
            self.refresh_bindings()
            return
        if not self._laid_out:
            # the lines are cut to the size of their places, which come to be with the first of them
            self._laid_out = self.query_one("#live-made", Static).content_size.width > 0
            if self.is_current:
                self.set_timer(0.02, self._show)
        glyphs, now, width = self.shell.glyphs, self.shell.clock(), self.size.width
        numbers = [job.id for job in self._jobs]
        at = numbers.index(view.job.id) + 1 if view.job.id in numbers else len(numbers) + 1
        place = at, max(len(numbers), at)
        self._draw("#live-title", title_line(view, glyphs, place, self._lost, width))
        self._draw("#live-progress", progress_line(view, glyphs, width))
        self._draw("#live-word", word_line(view, self._events, self._lost, now))
        self._show_figures(view, now)
        self._show_newest(view, width)
        self.refresh_bindings()

    def _draw(self, which: str, content: Content) -> None:
        self.query_one(which, Static).update(content)  # safe: Content, made by live_text

    def _show_figures(self, view: LiveView, now: int) -> None:
        glyphs = self.shell.glyphs
        made, calls = self.query_one("#live-made", Static), self.query_one("#live-calls", Static)
        room, height = max(made.content_size.width, 20), max(made.content_size.height, 4)
        lines = figure_lines(view.figures)
        if view.passing is not None:
            made.border_title = safe_text(f"verdicts of {view.passing.tag}", multiline=False, limit=60)
            lines = passing_lines(view.passing, glyphs, room, height - len(lines)) + lines
        else:
            made.border_title = Content("so far")
            lines = lines or job_lines(view.job, view.dataset, now)
            if view.histogram is not None and view.histogram.total:
                lines += histogram_lines(view.histogram, glyphs, room, max(height - len(lines), 2))
        made.update(_fitted(lines, room))
        asked: list[Content] = []
        if view.calls is not None:
            asked += calls_lines(view.calls, view.steerable, glyphs)
        if view.spent is not None:
            asked += spent_lines(view.spent, glyphs)
        calls.border_title = Content("calls" if view.calls is not None else "cost" if asked else "calls")
        nobody = [Content.styled("nobody is asked: done on this machine", "$muted")]
        calls.update(_fitted(asked or nobody, max(calls.content_size.width, 20)))

    def _show_newest(self, view: LiveView, width: int) -> None:
        if view.newest:
            made = view.job.kind == "generate"
            lines = newest_lines(view.newest, self.shell.glyphs, wide=width >= 120, made=made)
            self.newest.show(view.job.id, "newest", lines)
        else:
            told = event_lines(self._events)[::-1]
            self.newest.show(view.job.id, "events", [(None, line) for line in told])

    # -- actions ------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        view = self._view if self.is_mounted else None
        if action == "refresh":
            return True
        if view is None and action in ("open", "label", "calls", "pause", "cancel", "retry", "job", "details"):
            return False
        if view is None:
            return True
        if action == "open":
            return self.newest.current is not None
        if action == "label":
            return view.job.kind == "generate" and _rows(view) > 0
        if action == "calls":
            return view.steerable is not None
        if action in ("pause", "cancel"):
            return view.job.active
        if action == "retry":
            return view.can_ask_again > 0 or view.job.state in overview.RETRYABLE
        if action == "job":
            return len(self._jobs) > 1
        return True

    async def action_open(self) -> None:
        """Look at the pair of the line at the cursor."""
        if self._view is not None and (pair := self.newest.current) is not None and self._view.dataset:
            self.shell.dataset = self._view.dataset
            query = ViewQuery(dataset=self._view.dataset, reviewer=self.shell.reviewer)
            await self.shell.open_browse(query, pair)

    async def action_label(self) -> None:
        """Label exactly the rows that this job made."""
        if self._view is None or not self._view.dataset:
            return
        dataset = self._view.dataset
        try:
            made = await asyncio.to_thread(rows_of_job, self.shell.workspace, self._view.job.id)
        except FlywheelError as error:
            self._say(error)
            return
        if not made:
            self.hint("no row of this job is on disk yet")
            return
        self.shell.dataset = dataset
        await self.shell.open_label(ViewQuery(dataset=dataset, reviewer=self.shell.reviewer), marked=made)

    def action_job(self, by: int) -> None:
        """Another job."""
        numbers = [job.id for job in self._jobs]
        if numbers:
            at = numbers.index(self._job_id) if self._job_id in numbers else 0
            self._choose(numbers[(at + by) % len(numbers)])
            self.store_changed()

    def _choose(self, number: int) -> None:
        if number != self._job_id:
            self._job_id, self._steps = number, 0

    @work(group="calls", exit_on_error=False, description="change the calls at once")
    async def action_calls(self, by: int) -> None:
        """More calls at once, or fewer: a step for each press, one after the other."""
        self._steps += by
        if self._stepping or self._view is None:
            return
        self._stepping, number = True, self._view.job.id
        try:
            while self._steps and number == self._job_id:
                step = 1 if self._steps > 0 else -1
                self._steps -= step
                now = await asyncio.to_thread(step_concurrency, self.shell.workspace, number, step)
                self.hint(f"job {number}: {now} calls at once")
        except FlywheelError as error:
            self._say(error)
        finally:
            self._stepping, self._steps = False, 0
        self.store_changed()

    @work(group="steer", exit_on_error=False, description="pause or resume a job")
    async def action_pause(self) -> None:
        """Lay it aside at its next safe point, or have it go on."""
        if self._view is not None:
            number, start = self._view.job.id, self.shell.worker
            await self._steer(lambda: overview.pause_or_resume(self.shell.workspace, number, start=start))

    @work(group="dialog", exclusive=True, exit_on_error=False, description="cancel a job")
    async def action_cancel(self) -> None:
        """Ask, then stop it at its next safe point."""
        if self._view is None:
            return
        job = self._view.job
        text = safe_text(job.title, multiline=False, limit=200) + Content(
            "\n\nWhat it has finished is kept; R puts it back into the queue."
        )
        if await self.app.push_screen_wait(ConfirmDialog(f"cancel job {job.id}?", text, "Cancel it", "Let it be")):
            await self._steer(lambda: overview.cancel(self.shell.workspace, job.id))

    @work(group="steer", exit_on_error=False, description="retry")
    async def action_retry(self) -> None:
        """Ask again about the pairs without a verdict; a job that failed or was cancelled goes back into the queue."""
        if self._view is None:
            return
        job, start = self._view.job, self.shell.worker
        if job.state in overview.RETRYABLE:
            await self._steer(lambda: overview.retry(self.shell.workspace, job.id, start=start))
            return
        await self._steer(lambda: self._ask_again(job, start))

    def _ask_again(self, job: Job, start: bool) -> Job:
        args, title = ask_again(self.shell.workspace, job.id)
        again = submit(
            self.shell.workspace, "judge", args, title=title, worker=start, dataset_id=job.dataset_id, slot=job.slot
        )
        self.app.call_from_thread(self._choose, again.id)
        return again

    async def _steer(self, do: Callable[[], Job]) -> None:
        try:
            job = await asyncio.to_thread(do)
        except FlywheelError as error:
            self._say(error)
        else:
            later = f", {job.wanted} at its next safe point" if job.wanted else ""
            self.hint(f"job {job.id}: {job.state}{later}")
        self.store_changed()

    def _say(self, error: FlywheelError) -> None:
        self.shell.notify(safe_text(str(error)).plain, severity="error", timeout=15, markup=False)

    def action_details(self) -> None:
        """Arguments, result, error, events."""
        if self._view is not None:
            reader: Any = JobReader(self._view.job.id, self._view.job.title)
            self.app.push_screen(reader)

    def action_refresh(self) -> None:
        """Read again."""
        self.store_changed()
        self.hint("read again")


def _rows(view: LiveView) -> float:
    """The rows that a generate job says it made, so far or in the end."""
    told = (view.job.result or {}).get("new") or view.figures.get("rows")
    return told if isinstance(told, int | float) else 0


def _fitted(lines: list[Content], width: int) -> Content:
    return Content("\n").join([line.truncate(width, ellipsis=True) for line in lines])
