"""Two labels by one name on one pair: both are shown, and the person chooses."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.records.rubric import Rubric
from flywheel_tui.records.sitting import Statement
from screens.glyphs import Glyphs
from screens.safe import safe_text


class ConflictDialog(ModalScreen[str]):
    """Answers `mine` or `theirs`; escape lets the label that is on disk stand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "choose('mine')", "mine"),
        Binding("k,escape,enter", "choose('theirs')", "keep"),
    ]

    def __init__(self, why: str, said: Statement, found: CurrentLabel | None, rubric: Rubric, glyphs: Glyphs) -> None:
        super().__init__()
        self._why, self._said, self._found, self._rubric, self._glyphs = why, said, found, rubric, glyphs

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = "two labels for one pair"
            box.border_subtitle = "nothing was written yet"
            yield Static(safe_text(self._why), classes="dialog-text")
            yield Static(self._offered("m", "write yours ", self._said), classes="dialog-text")
            if self._found is not None:
                yield Static(self._offered("k", "keep the one there", self._found), classes="dialog-text")
            else:
                yield Static(Content("k keep it as it is: the label there was taken back"), classes="dialog-text")

    def _offered(self, key: str, words: str, label: Statement | CurrentLabel) -> Content:
        mark = self._glyphs.mark(label.status or "open")
        names = {reason.name: reason.label for reason in self._rubric.reasons}
        told = [names.get(reason, reason) for reason in label.reasons]
        told += [f"prefers {label.preference}"] if label.preference else []
        told += [f"rating {label.rating}"] if label.rating is not None else []
        told += [label.note] if label.note else []
        return Content.assemble(
            (f"{key} ", "bold $accent"),
            f"{words}  ",
            (f"{mark.glyph} {mark.word}", f"bold ${mark.token}"),
            safe_text("  " + "; ".join(told), multiline=False, limit=300, style="$muted"),
        )

    def action_choose(self, answer: str) -> None:
        """Close with the answer."""
        self.dismiss(answer)
