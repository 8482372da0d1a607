"""Something long to read over a place: the details of a job, the log of a worker. Both follow what happens."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.jobs import overview
from screens.bindings import bindings_of
from screens.safe import safe_text
from screens.widgets.job_text import details_content

if TYPE_CHECKING:
    from screens.app import FlywheelApp

FOLLOW_SECONDS = 0.5


class Reader(ModalScreen[None]):
    """A box that scrolls; subclasses say what is in it. It is read again twice a second."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("reader")
    AT_END: ClassVar[bool] = False
    """Whether it begins at its end and stays there while one is there."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title, self._text = title, ""

    @property
    def shell(self) -> FlywheelApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog reader", can_focus=False) as box:
            box.border_title = safe_text(self._title, multiline=False, limit=100)
            box.border_subtitle = self.subtitle
            yield Static("", markup=False)

    @property
    def subtitle(self) -> Content:
        """The keys, at the bottom."""
        return Content("esc closes · ↑ ↓ pgup pgdn")

    def on_mount(self) -> None:
        """Read, and go on reading."""
        self.follow()
        self.set_interval(FOLLOW_SECONDS, self.follow)

    def read(self) -> Content:
        """What is shown; called in a thread. Raises FlywheelError."""
        return Content()

    @work(group="reader", exclusive=True, exit_on_error=False, description="read what is shown")
    async def follow(self) -> None:
        """Read again; drawn only where something changed."""
        try:
            content = await asyncio.to_thread(self.read)
        except FlywheelError as error:
            content = safe_text(str(error), style="$text-error")
        if content.plain == self._text:
            return
        box, first = self.query_one(VerticalScroll), not self._text
        at_end = box.scroll_offset.y >= box.max_scroll_y
        self._text = content.plain
        self.query_one(Static).update(content)  # safe: Content, made by read
        box.border_title = safe_text(self._title, multiline=False, limit=100)
        if self.AT_END and (first or at_end):
            self.call_after_refresh(box.scroll_end, animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only logs have others beside them."""
        return action != "other"

    def action_close(self) -> None:
        """Back to the place."""
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        """Some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def action_scroll_page(self, by: int) -> None:
        """A screenful."""
        box = self.query_one(VerticalScroll)
        box.scroll_relative(y=by * max(box.size.height - 1, 1), animate=False)

    def action_edge(self, side: int) -> None:
        """The beginning or the end."""
        box = self.query_one(VerticalScroll)
        box.scroll_to(y=0 if side < 0 else box.max_scroll_y, animate=False)


class JobReader(Reader):
    """Everything about one job."""

    def __init__(self, job: int, title: str) -> None:
        super().__init__(f"job {job} – {title}")
        self._job = job

    def read(self) -> Content:
        """Arguments, result, error, events."""
        found = overview.details(self.shell.workspace, self._job)
        return details_content(found, self.shell.glyphs, self.shell.clock(), dataset=overview.dataset_of(found.job))


class LogReader(Reader):
    """The newest lines of a log; the others are to the left and right."""

    AT_END = True

    def __init__(self, name: str) -> None:
        super().__init__(_log_title(name))
        self._log_name = name

    @property
    def subtitle(self) -> Content:
        """The keys, at the bottom."""
        return Content("esc closes · ← → other logs · ↑ ↓ pgup pgdn")

    def read(self) -> Content:
        """The end of the file."""
        lines = overview.tail(self.shell.workspace.root, self._log_name)
        return safe_text("\n".join(lines), limit=60_000) if lines else Content.styled("(empty)", "$muted")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There may be others."""
        return True

    def action_other(self, by: int) -> None:
        """The log before or after."""
        names = overview.logs(self.shell.workspace.root)
        if names:
            at = names.index(self._log_name) if self._log_name in names else 0
            self._log_name = names[(at + by) % len(names)]
            self._title, self._text = _log_title(self._log_name), ""
            self.follow()


def _log_title(name: str) -> str:
    return "log of the pool" if name == "pool" else f"log of worker {name}"
