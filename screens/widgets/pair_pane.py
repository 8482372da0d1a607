"""A pane that shows one pair whole. Made once; `show` only changes its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.glyphs import Glyphs
from screens.widgets.pair_text import LIMIT, facts_line, pair_content

if TYPE_CHECKING:
    from flywheel_tui.records.pair import PairView
    from flywheel_tui.stages.views import FindingSpan


class PairPane(VerticalScroll):
    """Facts on the border, the text inside; scrolls with the keys when it has the focus."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs
        self._limit = LIMIT
        self._shown: tuple[PairView, Sequence[FindingSpan]] | None = None
        self._has_more = False

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    @property
    def pair(self) -> PairView | None:
        """What is shown."""
        return self._shown[0] if self._shown else None

    @property
    def has_more(self) -> bool:
        """Whether the text was cut."""
        return self._has_more

    def show(self, pair: PairView, findings: Sequence[FindingSpan] = ()) -> None:
        """Show a pair from its beginning (where it is the same pair, stay at the place)."""
        if self.pair is None or self.pair.id != pair.id:
            self._limit = LIMIT
            self.scroll_to(y=0, animate=False)
        self._shown = (pair, findings)
        self._draw()

    def show_nothing(self, text: str) -> None:
        """Say why there is nothing."""
        self._shown, self._has_more = None, False
        self.border_title = ""
        self.border_subtitle = ""
        self.query_one(Static).update(Content.styled(text, "$muted"))

    def more(self) -> None:
        """Show ten times as much of a text that was cut."""
        self._limit *= 10
        self._draw()

    def _draw(self) -> None:
        if self._shown is None:
            return
        content, self._has_more = pair_content(*self._shown, glyphs=self._glyphs, limit=self._limit)
        self.border_title = facts_line(self._shown[0], self._glyphs)
        self.border_subtitle = "m shows more" if self._has_more else ""
        self.query_one(Static).update(content)
