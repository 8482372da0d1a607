"""The command palette: everything that a key can do here, the places, and the themes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider

from screens.bindings import all_acts, show_key
from screens.places import PLACES
from screens.themes import THEMES

if TYPE_CHECKING:
    from textual.types import IgnoreReturnCallbackType


class ActProvider(Provider):
    """Commands made from the bindings that work on the screen under the palette."""

    def _commands(self) -> Iterator[tuple[str, str, IgnoreReturnCallbackType]]:
        acts = {act.id: act for act in all_acts()}
        seen: set[str] = set()
        found = self.screen.active_bindings.items()
        for key, active in sorted(found, key=lambda item: (item[1].binding.id or "").startswith("table.")):
            act = acts.get(active.binding.id or "")
            if act is None or act.id in seen or not active.enabled or act.id == "app.palette":
                continue
            seen.add(act.id)
            run = partial(self.app.run_action, active.binding.action, active.node)
            yield act.help, f"{show_key(key)}   {act.id}", run
        for place in PLACES:
            yield f"go to {place.title}", place.about, partial(self.app.run_action, f"app.go({place.name!r})")
        for theme in THEMES:
            yield f"theme {theme.name}", "colours", partial(setattr, self.app, "theme", theme.name)

    async def discover(self) -> Hits:
        """Everything, before anything is typed."""
        for words, about, run in self._commands():
            yield DiscoveryHit(words, run, help=about)

    async def search(self, query: str) -> Hits:
        """The commands that match what is typed."""
        matcher = self.matcher(query)
        for words, about, run in self._commands():
            if (score := max(matcher.match(words), matcher.match(about) * 0.9)) > 0:
                yield Hit(score, matcher.highlight(words), run, help=about)
