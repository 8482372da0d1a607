"""The findings of one pair as a list beside it; the one that was stepped to is marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from screens.glyphs import Glyphs
from screens.widgets.finding_text import counts_line, finding_line

if TYPE_CHECKING:
    from flywheel_tui.stages.views import FindingSpan


class FindingsPanel(VerticalScroll, can_focus=False):
    """Severity, check, field and message of each finding, in the order in which `n` goes through them."""

    def __init__(self, glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def show(self, findings: Sequence[FindingSpan], here: FindingSpan | None = None) -> None:
        """Show these; `here` is marked and scrolled to."""
        lines = [finding_line(each, self._glyphs, here=each is here) for each in findings]
        self.border_title = Content.assemble("findings  ", counts_line(findings, self._glyphs))
        self.border_subtitle = "n next · N previous · s only pairs like this" if findings else ""
        body = self.query_one(Static)
        body.update(
            Content("\n").join(lines) if lines else Content.styled("no check found anything in this pair", "$muted")
        )
        width = max(self.scrollable_content_region.width, 20)
        above = 0
        for each, line in zip(findings, lines, strict=True):
            if each is here:
                break
            above += line.get_height({}, width)
        self.scroll_to(y=above if here is not None else 0, animate=False)
