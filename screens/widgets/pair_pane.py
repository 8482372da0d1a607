"""A pane that shows one pair whole. Made once; `show` only changes its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.glyphs import FaithfulText, Glyphs
from screens.widgets.finding_text import HERE_STYLE, reading_order
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
        self._here: int | None = None
        self._content = Content("")
        self._content_at: int | None = None
        self.first = ""
        """The check whose findings come first."""
        self.listed = True
        """Whether the findings are listed below the texts."""

    def compose(self) -> ComposeResult:
        yield FaithfulText("", markup=False)

    @property
    def pair(self) -> PairView | None:
        """What is shown."""
        return self._shown[0] if self._shown else None

    @property
    def has_more(self) -> bool:
        """Whether the text was cut."""
        return self._has_more

    @property
    def findings(self) -> Sequence[FindingSpan]:
        """What was found in the pair, in reading order."""
        return self._shown[1] if self._shown else ()

    @property
    def here(self) -> FindingSpan | None:
        """The finding that one has stepped to."""
        return self.findings[self._here] if self._here is not None and self._here < len(self.findings) else None

    def show(self, pair: PairView, findings: Sequence[FindingSpan] = ()) -> None:
        """Show a pair from its beginning (where it is the same pair, stay at the place)."""
        if self.pair is None or self.pair.id != pair.id:
            self._limit, self._here = LIMIT, None
            self.scroll_to(y=0, animate=False)
        self._shown = (pair, reading_order(findings, self.first))
        self._draw()

    def step(self, by: int) -> bool:
        """To the next (1) or the previous (-1) finding of this pair; False where there is none further on."""
        count = len(self.findings)
        at = (0 if by > 0 else count - 1) if self._here is None else self._here + by
        if not 0 <= at < count:
            return False
        self._here = at
        self._draw()
        self._scroll_to_here()
        return True

    def _scroll_to_here(self) -> None:
        """Bring the place of the finding to a third of the height."""
        found = self.here
        if found is None or found.start is None:
            return
        if self._content_at is None:
            self.more()  # it lies beyond what is shown
        if self._content_at is not None:
            lines = self._content[: self._content_at].get_height({}, max(self.scrollable_content_region.width, 20))
            self.scroll_to(y=max(lines - 1 - self.size.height // 3, 0), animate=False)

    def show_nothing(self, text: str) -> None:
        """Say why there is nothing."""
        self._shown, self._has_more, self._here = None, False, None
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
        content, self._has_more = pair_content(
            *self._shown, glyphs=self._glyphs, limit=self._limit, here=self.here, listed=self.listed
        )
        self._content = content
        self._content_at = next((span.start for span in content.spans if span.style == HERE_STYLE), None)
        self.border_title = facts_line(self._shown[0], self._glyphs)
        self.border_subtitle = "m shows more" if self._has_more else ""
        self.query_one(Static).update(content)
