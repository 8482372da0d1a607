"""The bridge between the store and what is on screen: what others wrote, jobs, and banners that stay.

Everything goes through the database: it is asked ten times a second whether anybody has committed, and only then are
the visible page, the jobs and the header read again.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import work
from textual.reactive import reactive

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import live_health, views
from screens import jobs
from screens.terminal import SafeApp
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

POLL_SECONDS = 0.1
"""How often the database is asked whether anybody has committed (a matter of microseconds)."""


class StoreBridge(SafeApp[None]):
    """An app over a workspace that notices what others write, and tells what became of its jobs."""

    workspace: Workspace
    worker: bool
    banner: reactive[str] = reactive("")

    def __init__(self) -> None:
        super().__init__()
        self.jobs_under_way = self.back_ends_down = ""
        self._banners: dict[str, str] = {}
        self._watched: set[int] = set()
        self._seen_version = -1

    @property
    def base_screen(self) -> WorkScreen | None:
        """The place under any dialog."""
        stack = self.screen_stack
        return stack[0] if stack and isinstance(stack[0], WorkScreen) else None

    @property
    def work_screen(self) -> WorkScreen | None:
        """What a person sees under any dialog: the place, or a screen that opened over it."""
        return next((each for each in reversed(self.screen_stack) if isinstance(each, WorkScreen)), None)

    def poll(self) -> None:
        """Has anybody committed? Then read what is shown again."""
        try:
            version = self.workspace.store.data_version()
            if version == self._seen_version:
                return
            self._seen_version = version
            self.jobs_under_way = views.jobs_line(self.workspace)
            self.back_ends_down = live_health.down(self.workspace)
        except FlywheelError as error:
            self.show_banner("store", str(error))
            return
        self.clear_banner("store")
        for job in jobs.ended(self.workspace, self._watched):
            text, well = jobs.outcome(job)
            self.notify(text, severity="information" if well else "error", timeout=8 if well else 30)
        shown = self.work_screen
        if shown is not None and shown.is_mounted:
            shown.store_changed()
            shown.refresh_chrome()

    def show_banner(self, key: str, text: str) -> None:
        """Something that must not be missed (a label that could not be saved): stays until `clear_banner(key)`."""
        self._banners[key] = text
        self.banner = text

    def clear_banner(self, key: str) -> None:
        """What was wrong is right again."""
        if self._banners.pop(key, None) is not None:
            self.banner = next(reversed(self._banners.values()), "")

    def watch_banner(self) -> None:
        """Draw the header again."""
        self.refresh_chrome()

    def refresh_chrome(self) -> None:
        """Draw header and footer of the place shown again."""
        if self.is_running and (shown := self.work_screen) is not None and shown.is_mounted:
            shown.refresh_chrome()

    def hint(self, text: str) -> None:
        """A brief word in the footer of the place shown."""
        if (shown := self.work_screen) is not None and shown.is_mounted:
            shown.hint(text)

    @work(group="jobs", exit_on_error=False, description="put a job in the queue")
    async def start_job(self, kind: str, args: dict[str, Any], title: str) -> None:
        """Have something long done behind the screens; what became of it is said when it ends."""
        submit = partial(jobs.submit, self.workspace, kind, args, title=title, worker=self.worker)
        try:
            job = await asyncio.to_thread(submit)
        except FlywheelError as error:
            self.notify(str(error), severity="error", timeout=30)
            return
        self._watched.add(job.id)
        self._seen_version = -1
        self.hint(f"{title}: under way" if self.worker else f"{title}: queued; flywheel worker takes it up")
