"""One thing to do, and its keys."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do, and the keys that do it (comma-separated)."""

    id: str
    keys: str
    action: str
    words: str
    help: str
    footer: bool = False
    priority: bool = False

    def binding(self) -> Binding:
        """The Textual binding."""
        return Binding(
            self.keys, self.action, self.words, show=self.footer, priority=self.priority, tooltip=self.help, id=self.id
        )
