"""How a sitting went: shown on leaving, and at any time with a key."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from flywheel_tui.stages.session import Summary
from flywheel_tui.text import human_duration
from screens.glyphs import Glyphs


class SummaryDialog(ModalScreen[bool]):
    """Answers whether to leave."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,q,y", "answer(True)", "leave"),
        Binding("escape,n", "answer(False)", "stay"),
    ]

    def __init__(self, summary: Summary, glyphs: Glyphs, *, leaving: bool) -> None:
        super().__init__()
        self._summary, self._glyphs, self._leaving = summary, glyphs, leaving

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="summary-panel") as box:
            box.border_title = "this sitting"
            box.border_subtitle = "q leaves · esc goes on labelling" if self._leaving else "esc closes"
            yield Static(self._figures())

    def _figures(self) -> Content:
        summary, figures = self._summary, self._summary.figures
        rows: list[tuple[str, Content]] = []
        parts = []
        for status in ("approved", "rejected", "edited", "skipped"):
            if count := figures.by_status.get(status, 0):
                mark = self._glyphs.mark(status)
                parts.append(Content.assemble((f"{mark.glyph} {count:,} {mark.word}", f"${mark.token}")))
        decided = Content.assemble((f"{summary.decided:,}", "bold"), "   ", Content("  ").join(parts))
        rows.append(("decided", decided))
        if figures.flagged:
            rows.append(("flagged", Content(f"{figures.flagged:,} for a second opinion")))
        rows.append(("time", Content(f"{human_duration(summary.active)} at the keyboard, pauses left out")))
        if summary.per_minute is not None:
            rows.append(("pace", Content(f"{summary.per_minute:.0f} a minute over the last ten minutes")))
        if summary.median is not None:
            rows.append(("a decision", Content(f"{human_duration(summary.median)} (median)")))
        if figures.repeated:
            share = figures.agreed / figures.repeated
            rows.append(
                ("with yourself", Content(f"{figures.agreed} of {figures.repeated} repeated alike ({share:.0%})"))
            )
        rows.append(("left", Content(f"{summary.left:,} of {summary.total:,} pairs undecided")))
        return Content("\n").join([Content.assemble((f"{name:<14}", "$muted"), words) for name, words in rows])

    def action_answer(self, leave: bool) -> None:
        """Close."""
        self.dismiss(leave)
