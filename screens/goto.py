"""The "go to" panel: after `g` it names the next letter of each place."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from screens.places import PLACES


class GotoScreen(ModalScreen[str | None]):
    """Answers with the name of a place, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(place.letter, f"choose({place.name!r})", place.title, id=f"goto.{place.name}") for place in PLACES),
        Binding("escape,g", "choose('')", "stay", id="goto.stay"),
    ]

    def compose(self) -> ComposeResult:
        lines = [
            Content.assemble((f" {place.letter} ", "bold $accent"), f" {place.title:<11}", (place.about, "$muted"))
            for place in PLACES
        ]
        panel = Static(Content("\n").join(lines), id="goto-panel")
        panel.border_title = "go to"
        panel.border_subtitle = "esc stays"
        yield panel

    def action_choose(self, name: str) -> None:
        """Close, with the place chosen."""
        self.dismiss(name or None)

    def on_click(self) -> None:
        """A click beside the panel closes it."""
        self.dismiss(None)
