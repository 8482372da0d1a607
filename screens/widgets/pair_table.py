"""A table over any number of pairs. It asks its source for the rows it draws, and draws only those.

Drawn by Textual's line API: no row is ever a widget. A cursor step draws two lines again; a page of rows is asked for
when its first row is drawn, so the source may read it from the database there and then (one page, no more).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar, Protocol

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from flywheel_tui.records.pair import PairRow
from flywheel_tui.text import first_line, visible
from screens.bindings import bindings_of
from screens.glyphs import Faithful, Glyphs
from screens.widgets.pair_columns import Columns, divide

_TOKENS = ("approve", "reject", "skip", "edit", "judge", "muted", "accent")


class RowSource(Protocol):
    """Where the table's rows come from."""

    def row(self, index: int) -> PairRow | None:
        """The row, or None while it is not there."""

    def is_marked(self, pair: int) -> bool:
        """Whether a person marked it."""


class Shape(Protocol):
    """What the table's columns depend on."""

    mixed: bool
    scored: bool
    found: bool


def _cell(text: str, width: int) -> str:
    """`text` in exactly `width` cells; a cut is shown."""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)


class TableHead(Widget):
    """The names of the columns; stays while the table scrolls."""

    columns: reactive[Columns | None] = reactive(None)

    def render_line(self, y: int) -> Strip:
        """The only line."""
        if self.columns is None:
            return Strip.blank(self.size.width, self.rich_style)
        c = self.columns
        parts = [" ", "#".rjust(c.number), " ", _cell("status", c.status)]
        for name, width in (("score", c.score), ("find", c.findings)):
            if width:
                parts += [" ", name.rjust(width)]
        if c.kind:
            parts += [" ", _cell("kind", c.kind)]
        parts += [" ", _cell("instruction", c.text)]
        if c.answer:
            parts += [" ", _cell("response", c.answer)]
        if c.tags:
            parts += [" ", _cell("tags", c.tags)]
        return Strip([Segment("".join(parts), self.rich_style)]).adjust_cell_length(self.size.width, self.rich_style)


class PairTable(Faithful, ScrollView, can_focus=True):
    """Rows of pairs with a cursor. Messages: `Moved` (the cursor is on another row), `Opened` (enter, double click)."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "pair-table--cursor",
        "pair-table--marked",
        *(f"pair-table--{token}" for token in _TOKENS),
    }

    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

        def can_replace(self, message: Message) -> bool:
            """Only where the cursor ended matters."""
            return isinstance(message, PairTable.Moved)

    class Opened(Message):
        """A row was chosen with the mouse."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, source: RowSource, shape: Shape, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._source, self._shape, self._glyphs = source, shape, glyphs
        self._count = 0
        self._columns: Columns | None = None
        self._strips: OrderedDict[tuple[int, bool], Strip] = OrderedDict()
        self._styles: dict[str, Style] = {}

    # -- what the screen says -----------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._count

    def set_count(self, count: int) -> None:
        """There are so many rows now; what is drawn already stays."""
        if count != self._count:
            self._count = count
            self._layout()
            if self.cursor >= count:
                self.cursor = max(count - 1, 0)
            self.refresh()

    def set_source(self, source: RowSource, shape: Shape) -> None:
        """Show other rows, from the same place."""
        self._source, self._shape = source, shape
        self.redraw()

    def redraw(self) -> None:
        """The rows have changed: draw those that are visible again."""
        self._strips.clear()
        self._layout()
        self.refresh()

    def redraw_row(self, index: int) -> None:
        """One row has changed."""
        for focused in (False, True):
            self._strips.pop((index, focused), None)
        self.refresh_line(index)

    def visible_rows(self) -> range:
        """The rows on screen."""
        top = self.scroll_offset.y
        return range(top, min(top + max(self.size.height, 1), self._count))

    # -- layout -------------------------------------------------------------------------------------------------------

    def _layout(self) -> None:
        width = self.scrollable_content_region.width
        if not width:
            return
        columns = divide(
            width, self._count, mixed=self._shape.mixed, scored=self._shape.scored, found=self._shape.found
        )
        if columns != self._columns:
            self._columns = columns
            self._strips.clear()
            for head in self.screen.query(TableHead):
                head.columns = columns
        self.virtual_size = Size(width, self._count)

    def on_resize(self) -> None:
        """Divide the width again and keep the cursor in sight."""
        self._strips.clear()
        self._layout()
        self.call_after_refresh(self._keep_in_sight)

    def notify_style_update(self) -> None:
        """Another theme."""
        super().notify_style_update()
        self._styles.clear()
        self._strips.clear()

    # -- the cursor ---------------------------------------------------------------------------------------------------

    def validate_cursor(self, cursor: int) -> int:
        """Within the rows."""
        return max(min(cursor, self._count - 1), 0)

    def watch_cursor(self, before: int, after: int) -> None:
        """Draw two lines, scroll where needed, tell the screen."""
        self._strips.pop((before, True), None)
        self.refresh_line(before)
        self.refresh_line(after)
        self._keep_in_sight()
        self.post_message(self.Moved(after))

    def _keep_in_sight(self) -> None:
        height = max(self.size.height, 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, immediate=True)

    def action_cursor(self, by: int) -> None:
        """Some rows up or down."""
        self.cursor += by

    def action_page(self, by: int) -> None:
        """A screenful up or down; the cursor keeps its place on the screen."""
        rows = max(self.size.height - 1, 1) * by
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, immediate=True)
        self.cursor += rows

    def action_edge(self, side: int) -> None:
        """The first (-1) or the last (1) row."""
        self.cursor = 0 if side < 0 else self._count - 1

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor, a double click opens."""
        index = self.scroll_offset.y + event.y
        if event.y < 0 or index >= self._count:
            return
        self.cursor = index
        if event.chain == 2:
            self.post_message(self.Opened(index))

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _style(self, token: str) -> Style:
        if token not in self._styles:
            self._styles[token] = self.get_component_rich_style(f"pair-table--{token}", partial=True)
        return self._styles[token]

    def render_line(self, y: int) -> Strip:
        """One line of the window."""
        index = self.scroll_offset.y + y
        width = self.scrollable_content_region.width
        if index >= self._count or self._columns is None:
            return Strip.blank(width, self.rich_style)
        here = index == self.cursor
        if (strip := self._strips.get((index, here))) is not None:
            return strip
        row = self._source.row(index)
        if row is None:
            return Strip([Segment(f"  {index + 1:,} …", self._style("muted"))]).adjust_cell_length(
                width, self.rich_style
            )
        strip = self._draw(index, row, here, self._columns).adjust_cell_length(width, self._base(here))
        self._strips[index, here] = strip
        if len(self._strips) > 600:
            self._strips.popitem(last=False)
        return strip

    def _base(self, here: bool) -> Style:
        return self.rich_style + self._style("cursor") if here else self.rich_style

    def _draw(self, index: int, row: PairRow, here: bool, c: Columns) -> Strip:
        base = self._base(here)
        plain = base.bold is True and here

        def styled(token: str) -> Style:
            # on the cursor's line the theme may ask for one style throughout (reverse video)
            return base + self._style(token) if not (here and base.reverse) else base

        marked = self._source.is_marked(row.id)
        glyph = self._glyphs.mark("marked").glyph if marked else (self._glyphs.mark("cursor").glyph if here else " ")
        mark = self._glyphs.mark(row.status)
        flag = self._glyphs.mark("flagged").glyph if row.flagged else " "
        status = _cell(f"{mark.glyph} {mark.word}", c.status - 1) + flag
        segments = [
            Segment(glyph, styled("accent")),
            Segment(f"{index + 1:,}".rjust(c.number) + " ", styled("muted")),
            Segment(status + " ", styled(mark.token)),
        ]
        if c.score:
            score = "" if row.score is None else f"{row.score:.1f}"
            segments.append(Segment(score.rjust(c.score) + " ", base))
        if c.findings:
            found = f"{self._glyphs.mark(row.severity).glyph}{row.findings}" if row.severity and row.findings else ""
            token = self._glyphs.mark(row.severity).token if row.severity else "muted"
            segments.append(Segment(found.rjust(c.findings) + " ", styled(token)))
        if c.kind:
            segments.append(Segment(_cell(row.kind, c.kind) + " ", styled("muted")))
        segments.append(Segment(_cell(first_line(row.instruction, c.text + 8), c.text), base + Style(bold=plain)))
        if c.answer:
            segments.append(Segment(" " + _cell(first_line(row.output, c.answer + 8), c.answer), styled("muted")))
        if c.tags:
            tags = visible(", ".join(row.tags), multiline=False, limit=c.tags + 8)
            segments.append(Segment(" " + _cell(tags, c.tags), styled("muted")))
        return Strip(segments)
