"""`?`: every key that works on this screen now, with the id that changes it in `flywheel.toml`."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from screens.bindings import GROUPS, show_key
from screens.safe import safe_text

WIDTH, AROUND = 112, 5
"""Columns of the panel at most (94 % of the screen, as in app.tcss), and those of border, padding and scroll bar."""


def keys_by_id(screen: Screen[object]) -> dict[str, list[str]]:
    """The keys that work on a screen now, as the keymap has them, by binding id."""
    found: dict[str, list[str]] = {}
    for key, active in screen.active_bindings.items():
        if active.binding.id and active.enabled:
            found.setdefault(active.binding.id, []).append(key)
    return found


class HelpScreen(ModalScreen[None]):
    """A list to read; any of escape, ? and q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,f1", "close", "close", id="help.close"),
        Binding("down,j", "scroll_help(1)", "down", show=False),
        Binding("up,k", "scroll_help(-1)", "up", show=False),
        Binding("pagedown,space", "scroll_help(10)", "page down", show=False),
        Binding("pageup", "scroll_help(-10)", "page up", show=False),
    ]

    def __init__(self, keys: dict[str, list[str]], title: str) -> None:
        super().__init__()
        self._keys, self._title = keys, title

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-panel") as panel:
            panel.border_title = safe_text(f"keys – {self._title}", multiline=False)
            panel.border_subtitle = Content("esc closes · change keys by their id under [keymap] in flywheel.toml")
            yield Static(self._listing())

    def _listing(self) -> Content:
        lines: list[Content] = []
        room = min(WIDTH, self.app.size.width * 94 // 100) - AROUND
        groups = sorted(GROUPS.items(), key=lambda item: (item[0] == "app", item[0] == "table"))
        for _, (title, acts) in groups:
            rows = [act for act in acts if act.id in self._keys]
            if not rows:
                continue
            if lines:
                lines.append(Content(""))
            lines.append(Content.styled(title, "bold"))
            for act in rows:
                keys = "  ".join(show_key(key) for key in self._keys[act.id])
                line = Content.assemble((f" {keys:<12} ", "bold $accent"), act.help)
                gap = room - line.cell_length - len(act.id)
                under = (
                    "\n" + " " * (room - len(act.id))
                    if gap < 1
                    else " " * min(gap, 76 - line.cell_length if line.cell_length < 74 else 2)
                )
                lines.append(Content.assemble(line, under, (act.id, "$muted")))
        return Content("\n").join(lines)

    def action_close(self) -> None:
        """Close the list."""
        self.dismiss(None)

    def action_scroll_help(self, lines: int) -> None:
        """Scroll by some lines."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
