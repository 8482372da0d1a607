"""What places with a list and the details of one record share: reading in a thread, the cursor, the empty state."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Static

from flywheel_tui.errors import FlywheelError
from screens.safe import safe_text
from screens.widgets.dialogs import TextDialog
from screens.widgets.record_table import Cell, Column, RecordTable
from screens.work_screen import WorkScreen

T = TypeVar("T")
D = TypeVar("D")
R = TypeVar("R")
PAUSE_SECONDS = 0.15
"""At least so long between two readings."""


class Ledger(WorkScreen, Generic[T, D]):
    """A list of records of type T above (beside, where there is room) the details D of the one at the cursor.

    A subclass says what the columns are, how records and details are read (in a thread), and how both are drawn.
    """

    CSS_PATH: ClassVar[Any] = Path(__file__).with_name("ledger.tcss")
    COLUMNS: ClassVar[Sequence[Column]] = ()
    EMPTY: ClassVar[str] = ""
    """What is said where there is no record: what to do next."""
    LOOK_SECONDS: ClassVar[float] = 0.0
    """How often to read again without anybody committing; 0 is never."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, T] = {}
        self.details: tuple[str, D] | None = None
        self._reading = self._stale = self._known = False
        self._wanted: str | None = None

    # -- what a subclass says

    def read(self) -> Sequence[tuple[str, T]]:
        """Every record with its key; called in a thread. Raises FlywheelError."""
        raise TypeError("a ledger says how it is read")

    def read_details(self, record: T) -> D:
        """What is shown of one record; called in a thread. Raises FlywheelError."""
        raise TypeError("a ledger says how details are read")

    def cells(self, record: T) -> Sequence[Cell]:
        """The row of a record: a cell for each of COLUMNS."""
        raise TypeError("a ledger says how a record is drawn")

    def picture(self, record: T, details: D, width: int) -> Content:
        """The details, drawn."""
        raise TypeError("a ledger says how details are drawn")

    def head(self) -> Content:
        """The line above the list."""
        return Content("")

    # -- the screen

    def compose_body(self) -> ComposeResult:
        yield Static("", id="ledger-head", markup=False)
        with Container(id="ledger"):
            yield RecordTable(self.COLUMNS)
            with VerticalScroll(id="ledger-details", can_focus=False):
                yield from self.compose_details()
                yield Static("", id="ledger-text", markup=False)
        yield Static(safe_text(self.EMPTY), id="ledger-state", classes="state", markup=False)

    def compose_details(self) -> ComposeResult:
        """Widgets above the text of the details."""
        yield from ()

    @property
    def table(self) -> RecordTable:
        """The list."""
        return self.query_one(RecordTable)

    @property
    def current(self) -> T | None:
        """The record at the cursor."""
        key = self.table.current if self.is_mounted else None
        return self.records.get(key) if key is not None else None

    def on_mount(self) -> None:
        """Read again now and then, where the place wants it."""
        if self.LOOK_SECONDS:
            self.set_interval(self.LOOK_SECONDS, self._look)

    def _look(self) -> None:
        if self.shell.work_screen is self:
            self.store_changed()

    def arrive(self, request: Any) -> None:
        """Read; with a request, put the cursor on that record."""
        self._wanted = None if request is None else str(request)
        self.call_after_refresh(self._arrive)

    def _arrive(self) -> None:
        self.table.focus()
        self.store_changed()

    def on_resize(self) -> None:
        """Other columns fit now."""
        self.call_after_refresh(self.show)

    def store_changed(self) -> None:
        """Read again in a thread, as often as it can and a few times a second at most."""
        self._stale = True
        if not self._reading:
            self._reading = True
            self._read()

    @work(group="ledger", exit_on_error=False, description="read the list")
    async def _read(self) -> None:
        try:
            while self._stale:
                self._stale = False
                self.records, self._known = dict(await asyncio.to_thread(self.read)), True
                self.show()
                self._wanted = None
                await self._read_details()
                if self._stale:
                    await asyncio.sleep(PAUSE_SECONDS)
            self.shell.clear_banner(self.PLACE)
        except FlywheelError as error:
            self.shell.show_banner(self.PLACE, str(error))
        finally:
            self._reading = False

    async def _read_details(self) -> None:
        key, record = self.table.current, self.current
        if key is None or record is None:
            self.details = None
        else:
            read = await asyncio.to_thread(self.read_details, record)
            if self.table.current != key:  # the cursor went on meanwhile: `_follow` reads for where it is now
                return
            self.details = key, read
        self.show_details()

    def show(self) -> None:
        """Draw the list."""
        self.set_class(self._known and not self.records, "-empty")
        self.table.show([(key, self.cells(record)) for key, record in self.records.items()])
        if self._wanted is not None and self._wanted in self.records:  # it may be drawn before it was read
            self.table.go_to(self._wanted)
            self._wanted = None
        self.query_one("#ledger-head", Static).update(self.head())  # safe: Content of our words and safe_text
        self.show_details()
        self.refresh_bindings()

    def show_details(self) -> None:
        """Draw the details of the record at the cursor, where they are there already."""
        box, record = self.query_one("#ledger-details", VerticalScroll), self.current
        content = Content("")
        if record is not None and self.details is not None and self.details[0] == self.table.current:
            content = self.picture(record, self.details[1], max(box.content_size.width, 20))
        box.query_one("#ledger-text", Static).update(content)  # safe: Content, made by picture

    @on(DataTable.RowHighlighted)
    def _highlighted(self) -> None:
        self.refresh_bindings()
        key = self.table.current
        if key is not None and (self.details is None or self.details[0] != key):
            self.query_one("#ledger-details", VerticalScroll).scroll_home(animate=False)
            self._follow()

    @work(group="details", exclusive=True, exit_on_error=False, description="read the details")
    async def _follow(self) -> None:
        try:
            await self._read_details()
        except FlywheelError as error:
            self.shell.show_banner(self.PLACE, str(error))

    def action_scroll_details(self, by: int) -> None:
        """Scroll the details by some lines."""
        self.query_one("#ledger-details", VerticalScroll).scroll_relative(y=by, animate=False)

    # -- doing something

    async def do(self, work: Callable[[], R], said: Callable[[R], str]) -> R | None:
        """Do something in a thread, say what came of it, and read again; None where it failed (which is said)."""
        try:
            found = await asyncio.to_thread(work)
        except FlywheelError as error:
            self.shell.notify(safe_text(str(error)).plain, severity="error", timeout=15, markup=False)
            self.store_changed()
            return None
        self.hint(said(found))
        self.store_changed()
        return found

    async def ask_reason(self, title: str, hint: str = "") -> str | None:
        """A line of words that is not empty; None where the person thought better of it."""
        hint = hint or "in a few words; your name is kept with it"
        dialog = TextDialog(title, hint=hint, check=lambda value: "" if value.strip() else "a reason is needed")
        answer = await self.app.push_screen_wait(dialog)
        return answer.strip() if answer else None
