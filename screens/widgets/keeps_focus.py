"""Lists that are hidden while they are empty, and have the keys again once they are seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget
else:
    Widget = object  # a second base that is a widget would hide the styles of the first


class KeepsFocus(Widget):
    """For the list of a screen: hidden, it loses the focus; seen again, it takes it, where nothing else has it."""

    def on_show(self) -> None:
        """Its loss may still be on its way to the screen; what is asked for here comes after that."""
        if self.screen.focused in (None, self):
            self.focus()
