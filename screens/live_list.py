"""The lines that scroll by on Live: the newest on top. With the cursor off the top they stand still, to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.widget import Widget

from screens.bindings import bindings_of
from screens.widgets.keeps_focus import KeepsFocus

Line = tuple[int | None, Content]
"""A pair to open (None: nothing), and what is shown."""


class NewestList(KeepsFocus, Widget, can_focus=True):
    """Drawn, not composed: a new line moves no widget."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[Line] = []
        self._cursor = self._top = 0
        self._of: object = None
        self._title = ""

    @property
    def held(self) -> bool:
        """Whether a person reads, so that nothing moves."""
        return self._cursor > 0

    @property
    def current(self) -> int | None:
        """The pair of the line at the cursor."""
        return self._lines[self._cursor][0] if self._cursor < len(self._lines) else None

    def show(self, of: object, title: str, lines: Sequence[Line]) -> None:
        """Show the lines of something (a job) under a title; lines of the same are left alone while they are held."""
        if (of, title) != self._of:
            self._of, self._title, self._cursor, self._top = (of, title), title, 0, 0
            self._draw_title()
        elif self.held:
            return
        self._lines = list(lines)
        self.refresh()

    def render(self) -> Content:
        """The lines that fit."""
        width, height = self.size
        if not self._lines or not height:
            return Content()
        rows = []
        for at, (_, line) in enumerate(self._lines[self._top : self._top + height], self._top):
            row = Content.assemble(" ", line).truncate(width, ellipsis=True, pad=True)
            rows.append(row.stylize("on $row-cursor") if at == self._cursor and self.has_focus else row)
        return Content("\n").join(rows)

    def _move(self, to: int) -> None:
        height = max(self.size.height, 1)
        self._cursor = min(max(to, 0), max(len(self._lines) - 1, 0))
        self._top = min(max(self._top, self._cursor - height + 1), self._cursor)
        self._draw_title()
        self.screen.refresh_bindings()
        self.refresh()

    def _draw_title(self) -> None:
        self.border_title = Content(f"{self._title}{', held: home follows again' if self.held else ''}")

    def action_cursor(self, by: int) -> None:
        """Some lines up or down."""
        self._move(self._cursor + by)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self._move(self._cursor + by * max(self.size.height - 1, 1))

    def action_edge(self, side: int) -> None:
        """The newest (-1), or the oldest (1) line."""
        self._move(0 if side < 0 else len(self._lines) - 1)
