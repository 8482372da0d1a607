"""The one line on top and the one line at the bottom.

Both are drawn, not composed: when keys, jobs or figures change nothing is mounted and nothing moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget

from flywheel_tui.text import visible
from screens.bindings import all_acts, show_key
from screens.places import PLACES

if TYPE_CHECKING:
    from textual.screen import Screen

    from screens.app import FlywheelApp

FLASH_SECONDS = 2.5
FACTS_SHARE = 0.6
"""Of a line too narrow for all: at most so much of it tells facts."""
ALL_TABS = sum(len(place.title) + 2 for place in PLACES) + 2
_DECLARED = {act.id: number for number, act in enumerate(all_acts())}


def _width_of(facts: list[str]) -> int:
    """Columns that the facts take, with what parts them from each other and from the tabs."""
    return sum(cell_len(fact) + 3 for fact in facts)


class HeaderLine(Widget):
    """The tabs, then workspace, data set, reviewer and jobs; all of it gives way to what must not be missed."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place
        self._tabs: list[tuple[int, int, str]] = []

    def render(self) -> Content:
        """Tabs on the left, facts on the right: what goes on here matters more than tabs far from this one."""
        app: FlywheelApp = self.app  # type: ignore[assignment]
        width = self.size.width
        if app.banner:
            text = f" ✗ {app.banner}" if not app.glyphs.ascii else f" x {app.banner}"
            return Content.styled(visible(text, multiline=False, limit=500)[:width].ljust(width), "bold $error reverse")
        facts = app.facts
        room = max(width - ALL_TABS, round(width * FACTS_SHARE))
        while facts and _width_of(facts) > room:
            facts = facts[1:]
        tabs, used = self._draw_tabs(width - _width_of(facts))
        right = "   ".join(facts)
        gap = max(width - used - cell_len(right) - 1, 0)
        return Content.assemble(tabs, " " * gap, (right, "$muted"))

    def _draw_tabs(self, width: int) -> tuple[Content, int]:
        """The tabs that fit, the current one always among them."""
        current = next((number for number, place in enumerate(PLACES) if place.name == self._place), 0)
        first, last = 0, len(PLACES)
        while sum(len(place.title) + 2 for place in PLACES[first:last]) > width - 2 and last - first > 1:
            if current - first > last - 1 - current:
                first += 1
            else:
                last -= 1
        parts: list[tuple[str, str]] = [("‹" if first else " ", "$muted")]
        self._tabs, x = [], 1
        for place in PLACES[first:last]:
            title = f" {place.title} "
            parts.append((title, "bold $accent reverse" if place.name == self._place else "$foreground"))
            self._tabs.append((x, x + len(title), place.name))
            x += len(title)
        parts.append(("›" if last < len(PLACES) else " ", "$muted"))
        return Content.assemble(*parts), x + 1

    async def on_click(self, event: events.Click) -> None:
        """A tab was clicked."""
        for start, end, name in self._tabs:
            if start <= event.x < end:
                await self.app.run_action(f"app.go({name!r})")


class FooterLine(Widget):
    """The keys that do something now; a brief answer to a key that does nothing takes their place."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"footer-line--key"}

    def __init__(self) -> None:
        super().__init__()
        self._message = ""
        self._timer: Timer | None = None
        self._keys: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Follow the bindings of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_changed)

    def _bindings_changed(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.refresh()

    def flash(self, text: str) -> None:
        """Show `text` for a moment."""
        self._message = visible(text, multiline=False, limit=400)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(FLASH_SECONDS, self._clear)
        self.refresh()

    @property
    def message(self) -> str:
        """What is being said at the moment, or ''."""
        return self._message

    def _clear(self) -> None:
        self._message = ""
        self.refresh()

    def render(self) -> Content:
        """The hints that fit, in the order of the bindings; the last one is always `?`."""
        width = self.size.width
        if self._message:
            return Content.styled(f" {self._message}"[:width], "bold $accent")
        hints = self._hints()
        help_hint = [hint for hint in hints if hint[2] == "keys"]
        room = width - sum(len(shown) + len(words) + 3 for _, shown, words in help_hint)
        parts: list[tuple[str, str]] = [(" ", "")]
        self._keys, x = [], 1
        for key, shown, words in [hint for hint in hints if hint[2] != "keys"] + help_hint:
            size = cell_len(shown) + 1 + len(words) + 2
            if x + size > room + (size if words == "keys" else 0) + 1:
                continue
            parts += [(shown, "bold $accent"), (f" {words}  ", "$muted")]
            self._keys.append((x, x + size - 2, key))
            x += size
        return Content.assemble(*parts)

    def _hints(self) -> list[tuple[str, str, str]]:
        """`(key, key as shown, words)`: those of the screen first, those that hold everywhere last."""
        found: dict[tuple[bool, str], tuple[str, str, str]] = {}
        order: dict[tuple[bool, str], int] = {}
        for key, active in self.screen.active_bindings.items():
            binding = active.binding
            if not (binding.show and active.enabled) or self._is_typed(key):
                continue
            slot = (active.node is self.app, binding.action)
            # a keymap puts the keys it changes last; the table of keys says where they stand
            order.setdefault(slot, _DECLARED.get(binding.id or "", len(_DECLARED)))
            hint = (key, show_key(key), binding.description)
            if slot not in found or len(hint[1]) < len(found[slot][1]):
                found[slot] = hint
        return [found[slot] for slot in sorted(found, key=lambda slot: (slot[0], order[slot]))]

    def _is_typed(self, key: str) -> bool:
        """Whether the field that has the focus takes this key as text."""
        focused = self.screen.focused
        shown = show_key(key)
        return focused is not None and focused.check_consume_key(key, shown if len(shown) == 1 else None)

    def on_click(self, event: events.Click) -> None:
        """A hint was clicked: as if its key had been pressed."""
        for start, end, key in self._keys:
            if start <= event.x < end:
                self.app.simulate_key(key)
