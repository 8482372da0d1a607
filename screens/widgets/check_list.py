"""The list of checks in the validation report: a row a check, pairs by severity, and one severity that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from screens.bindings import bindings_of
from screens.glyphs import Glyphs
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.overview import CheckLine

COLUMNS = ("", "error", "warning", "info")
"""What can be chosen: all pairs, or those of one severity."""
_NAME, _TIME = 14, 13
_COUNTS = (7, 10, 12, 8)
"""Widths of the counts."""


class CheckList(Vertical):
    """A heading, and rows that scroll. Everything is drawn again when something changes: there are few rows."""

    BINDINGS: ClassVar[list[BindingType]] = bindings_of("table")
    can_focus = True

    class Moved(Message):
        """Another check or severity is chosen."""

    class Opened(Message):
        """A row was clicked twice."""

    def __init__(self, glyphs: Glyphs, time_words: Callable[[int], str]) -> None:
        super().__init__()
        self._glyphs, self._time_words = glyphs, time_words
        self._lines: Sequence[CheckLine] = ()
        self._cursor = self._column = 0

    def compose(self) -> ComposeResult:
        yield Static("", id="check-head", markup=False)
        with VerticalScroll(id="check-rows", can_focus=False):
            yield Static("", id="check-body", markup=False)

    @property
    def current(self) -> CheckLine | None:
        """The check at the cursor."""
        return self._lines[self._cursor] if self._cursor < len(self._lines) else None

    @property
    def severity(self) -> str:
        """The severity that is chosen; '' for all."""
        return COLUMNS[self._column]

    def show(self, lines: Sequence[CheckLine]) -> None:
        """Show these checks; the cursor stays on its check."""
        name = self.current.name if self.current else ""
        self._lines = lines
        self._cursor = next((at for at, line in enumerate(lines) if line.name == name), 0)
        self.redraw()

    # -- drawing ------------------------------------------------------------------------------------------------------

    def redraw(self) -> None:
        """Draw all rows."""
        bar = max(min(self.size.width - _NAME - sum(_COUNTS) - _TIME - 5, 24), 0)
        self.query_one("#check-head", Static).update(self._head(bar))
        rows = [self._row(line, at == self._cursor, bar) for at, line in enumerate(self._lines)]
        self.query_one("#check-body", Static).update(Content("\n").join(rows))
        scroll = self.query_one("#check-rows")
        top, room = scroll.scroll_offset.y, max(scroll.size.height, 1)
        if not top <= self._cursor < top + room:
            scroll.scroll_to(y=self._cursor if self._cursor < top else self._cursor - room + 1, animate=False)

    def on_resize(self) -> None:
        """Other widths."""
        self.redraw()

    def _head(self, bar: int) -> Content:
        parts: list[Content] = [Content(f"  {'check':<{_NAME}}")]
        for at, severity in enumerate(COLUMNS):
            words = "pairs" if not severity else f"{severity}s" if severity != "info" else severity
            glyph = f"{self._glyphs.mark(severity).glyph} " if severity else ""
            cell = f"{glyph}{words}"
            width = _COUNTS[at]
            style = "bold reverse" if at == self._column else ""
            parts += [Content(" " * (width - len(cell))), Content.styled(cell, style)]
        parts.append(Content(" " * (bar + 2) + f"{'last looked':>{_TIME}}"))
        return Content("").join(parts).truncate(max(self.size.width - 1, 1))

    def _row(self, line: CheckLine, here: bool, bar: int) -> Content:
        glyph = self._glyphs.mark("cursor").glyph if here else " "
        parts: list[Content] = [
            Content.styled(f"{glyph} ", "bold $accent"),
            safe_text(f"{line.name[:_NAME]:<{_NAME}}", multiline=False, limit=_NAME + 8, style="bold" if here else ""),
        ]
        for at, severity in enumerate(COLUMNS):
            count = line.pairs.get(severity, 0) if severity else line.total
            token = f"${self._glyphs.mark(severity).token}" if severity else ""
            words = f"{count:,}" if count else "–" if line.at else ""
            style = f"{token if count else '$muted'}{' bold underline' if here and at == self._column else ''}"
            parts += [Content(" " * (_COUNTS[at] - len(words))), Content.styled(words, style)]
        share = line.total / max(each.total for each in self._lines) if line.total else 0.0
        parts.append(
            Content.styled("  " + (self._glyphs.bar(share, bar) if line.total and bar else " " * bar), "$accent")
        )
        parts.append(Content.styled(f"{self._when(line):>{_TIME}}", "$edit" if line.behind != 0 else "$muted"))
        width = max(self.size.width - 1, 1)
        row = Content("").join(parts).truncate(width, pad=True)
        return row.stylize("on $row-cursor") if here else row

    def _when(self, line: CheckLine) -> str:
        if line.note.startswith("failed"):
            return "failed"
        if line.at is None:
            return "never"
        if line.behind is None:
            return "out of date"
        return f"{line.behind:,} new" if line.behind else self._time_words(line.at)

    # -- keys and mouse -----------------------------------------------------------------------------------------------

    def action_cursor(self, by: int) -> None:
        """Some rows up or down."""
        at = min(max(self._cursor + by, 0), max(len(self._lines) - 1, 0))
        if at != self._cursor:
            self._cursor = at
            self.redraw()
            self.post_message(self.Moved())

    def action_page(self, by: int) -> None:
        """A screenful up or down."""
        self.action_cursor(by * max(self.query_one("#check-rows").size.height - 1, 1))

    def action_edge(self, side: int) -> None:
        """The first (-1) or the last (1) row."""
        self.action_cursor(side * len(self._lines))

    def choose(self, by: int) -> None:
        """The severity on the left or right."""
        self._column = min(max(self._column + by, 0), len(COLUMNS) - 1)
        self.redraw()
        self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; the second opens."""
        scroll = self.query_one("#check-rows")
        at = event.screen_y - scroll.region.y + scroll.scroll_offset.y
        if scroll.region.contains(event.screen_x, event.screen_y) and 0 <= at < len(self._lines):
            again = at == self._cursor
            self.action_cursor(at - self._cursor)
            if again and event.chain > 1:
                self.post_message(self.Opened())
