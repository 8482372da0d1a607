"""A table of records: a row a record, known by its key; the cursor stays on its record, columns follow the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import DataTable

from screens.bindings import bindings_of
from screens.safe import safe_rich
from screens.widgets.keeps_focus import KeepsFocus


class Column(NamedTuple):
    """A column: its heading and width; `right` aligns numbers. One with `grows` takes the room that is left.

    `rank` 0 is always there; others as the room allows, the smallest first.
    """

    name: str
    width: int
    right: bool = False
    grows: bool = False
    rank: int = 0


class Cell(NamedTuple):
    """A cell: text of any origin, and the token of its colour ('' for none)."""

    text: str
    token: str = ""


LEAST_GROWN = 16


class RecordTable(KeepsFocus, DataTable[Text], inherit_bindings=False):
    """The list; its keys are those of every table here."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")

    def __init__(self, columns: Sequence[Column], *, id: str | None = None) -> None:
        super().__init__(cursor_type="row", cell_padding=1, id=id)
        self._columns = tuple(columns)
        self._layout: dict[str, int] = {}
        self._drawn: dict[str, list[Text]] = {}
        self._order: list[str] = []
        self._records: Sequence[tuple[str, Sequence[Cell]]] = ()

    def on_mount(self) -> None:
        """A scrollbar that appears after the table was scrolled does not know where it is."""
        self.watch(self, "show_vertical_scrollbar", self._place_thumb, init=False)

    def _place_thumb(self) -> None:
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.position = self.scroll_y

    def on_resize(self) -> None:
        """Other columns fit now."""
        if self._records and self._wanted() != self._layout:
            self.show(self._records)

    @property
    def current(self) -> str | None:
        """The key of the record at the cursor."""
        return self._order[self.cursor_row] if 0 <= self.cursor_row < len(self._order) else None

    def show(self, records: Sequence[tuple[str, Sequence[Cell]]]) -> None:
        """Show these records in this order: a cell for each column. Only what changed is drawn again."""
        chosen, at, self._records = self.current, self.cursor_row, records
        layout = self._wanted()
        order = [key for key, _ in records]
        if layout != self._layout or order != self._order:
            self._lay_out(layout)
        for key, cells in records:
            self._put(key, [cell for cell, column in zip(cells, self._columns, strict=True) if column.name in layout])
        self._order = order
        if order:
            row = order.index(chosen) if chosen in order else min(max(at, 0), len(order) - 1)
            if row != self.cursor_row:
                self.move_cursor(row=row, animate=False)

    def go_to(self, key: str) -> None:
        """Put the cursor on a record, where it is there."""
        if key in self._order:
            self.move_cursor(row=self._order.index(key), animate=False)

    def _wanted(self) -> dict[str, int]:
        room = self.size.width - 1
        chosen: set[str] = set()
        for column in sorted(self._columns, key=lambda column: column.rank):
            need = (LEAST_GROWN if column.grows else column.width) + 2
            if column.rank and need > room:
                continue
            room -= need
            chosen.add(column.name)
        return {
            column.name: LEAST_GROWN + max(room, 0) if column.grows else column.width
            for column in self._columns
            if column.name in chosen
        }

    def _lay_out(self, layout: dict[str, int]) -> None:
        self.clear(columns=True)
        self._drawn, self._layout = {}, layout
        for column in self._columns:
            if column.name in layout:
                heading = Text(column.name, justify="right" if column.right else "left")
                self.add_column(heading, key=column.name, width=layout[column.name])  # safe: our own words

    def _put(self, key: str, cells: Sequence[Cell]) -> None:
        columns = [column for column in self._columns if column.name in self._layout]
        made = []
        for column, cell in zip(columns, cells, strict=True):
            text = safe_rich(cell.text, style=self._colour(cell.token))
            text.truncate(self._layout[column.name], overflow="ellipsis")
            text.justify = "right" if column.right else "left"
            made.append(text)
        before = self._drawn.get(key)
        if before is None:
            self.add_row(*made, key=key)  # safe: made by safe_rich
        else:
            for column, old, new in zip(columns, before, made, strict=True):
                if old.plain != new.plain or old.style != new.style:
                    self.update_cell(key, column.name, new)  # safe: made by safe_rich
        self._drawn[key] = made

    def _colour(self, token: str) -> str:
        # a style that Rich does not know would end the program; themes of others may name colours in ANSI words
        colour = self.app.theme_variables.get(token, "") if token else ""
        return colour if colour.startswith("#") else ""

    # -- keys ---------------------------------------------------------------------------------------------------------

    def action_cursor(self, by: int) -> None:
        """Some rows up or down."""
        self.move_cursor(row=self.cursor_row + by, animate=False)

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_cursor(by * max(self.size.height - 2, 1))

    def action_edge(self, side: int) -> None:
        """The first (-1) or the last (1) row."""
        self.move_cursor(row=0 if side < 0 else self.row_count - 1, animate=False)
