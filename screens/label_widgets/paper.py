"""Panes to boxes: how much room each gets, and its lines. Needs no widget, so it can be done ahead in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual.content import Content

from screens.label_widgets.lines import Line, Palette, painted
from screens.label_widgets.panes import Pane, Row

LEAST = 3
"""Rows of a box: its borders and one line."""
_ROUND = "╭╮╰╯─│"
_PLAIN = "++++-|"


class Area(NamedTuple):
    """A part of the screen, in cells."""

    x: int
    y: int
    width: int
    height: int


@dataclass
class Box:
    """A pane with its place and its lines. `scroll` is the first line shown."""

    pane: Pane
    area: Area
    lines: list[Line]
    scroll: int = 0
    _drawn: dict[tuple[int, bool, int], Line] = field(default_factory=dict, repr=False)

    @property
    def room(self) -> int:
        """Lines that fit."""
        return max(self.area.height - 2, 0)

    @property
    def most(self) -> int:
        """The furthest that it scrolls."""
        return max(len(self.lines) - self.room, 0)

    def scroll_by(self, lines: int) -> bool:
        """Scroll; whether anything moved."""
        before, self.scroll = self.scroll, min(max(self.scroll + lines, 0), self.most)
        return self.scroll != before

    def line(self, y: int, focused: bool, palette: Palette, ascii_only: bool) -> Line:
        """The line `y` of the box, borders included."""
        key = (y, focused, self.scroll)
        if (found := self._drawn.get(key)) is None:
            if len(self._drawn) > 4 * self.area.height:
                self._drawn.clear()
            found = self._drawn[key] = self._draw(y, focused, palette, _PLAIN if ascii_only else _ROUND)
        return found

    def _draw(self, y: int, focused: bool, palette: Palette, corners: str) -> Line:
        width, border = self.area.width, palette.of(("$accent",) if focused else ("$border",))
        if y == 0:
            return self._edge(corners[0], corners[4], corners[1], self.pane.title, palette, focused)
        if y == self.area.height - 1:
            return self._edge(corners[2], corners[4], corners[3], self._below(), palette, focused, behind=True)
        side = corners[5]
        at = self.scroll + y - 1
        inner = self.lines[at] if at < len(self.lines) else [Segment(" " * (width - 4), palette.base)]
        return [Segment(f"{side} ", border), *inner, Segment(f" {side}", border)]

    def _below(self) -> Content:
        below = len(self.lines) - self.scroll - self.room
        words = []
        if self.scroll:
            words.append(f"{self.scroll} above")
        if below > 0:
            words.append(f"{below} below")
        if self.pane.cut:
            words.append("+ more")
        return Content.styled(" · ".join(words), "$muted")

    def _edge(
        self, left: str, rule: str, right: str, words: Content, palette: Palette, focused: bool, *, behind: bool = False
    ) -> Line:
        """A border with words in it, at its beginning or (`behind`) at its end."""
        width, border = self.area.width, palette.of(("$accent",) if focused else ("$border",))
        room = width - 5
        if not words.plain or room < 3:
            return [Segment(left + rule * (width - 2) + right, border)]
        if cell_len(words.plain) > room:
            words = words.truncate(room, ellipsis=True)
        size = cell_len(words.plain)
        inner = painted(words, size, palette)[0]
        before, after = (width - 5 - size, 1) if behind else (0, width - 4 - size)
        return [Segment(f"{left}{rule * before} ", border), *inner, Segment(f" {rule * after}{right}", border)]


def shares(needs: Sequence[int], weights: Sequence[int], total: int) -> list[int]:
    """Rows for each of several things: what each needs where that is little, the rest by weight.

    Where everything fits, the heaviest takes what is over. Always adds up to `total`, if that leaves each `LEAST`.
    """
    count = len(needs)
    given = [0] * count
    left, waiting = total, set(range(count))
    while waiting:
        whole = sum(weights[at] for at in waiting)
        modest = {at for at in waiting if needs[at] <= max(left * weights[at] / whole, LEAST)}
        if not modest:
            for at in sorted(waiting):
                given[at] = max(int(left * weights[at] / whole), LEAST)
            break
        for at in modest:
            given[at] = max(needs[at], LEAST)
            left -= given[at]
        waiting -= modest
    heaviest = max(range(count), key=lambda at: (weights[at], at)) if count else 0
    if count:
        given[heaviest] = max(given[heaviest] + total - sum(given), LEAST)
    return given


Kept = dict[int, tuple[Pane, int, list[Line]]]
"""Lines of panes by the pane's identity, with the pane itself (so that its identity stays taken) and their width."""


def _lines_of(pane: Pane, width: int, palette: Palette, kept: Kept | None) -> list[Line]:
    if kept is None:
        return painted(pane.body, width, palette)
    found = kept.get(id(pane))
    if found is None or found[0] is not pane or found[1] != width:
        if len(kept) > 32:
            kept.clear()
        found = kept[id(pane)] = (pane, width, painted(pane.body, width, palette))
    return found[2]


def boxes_of(rows: Sequence[Row], area: Area, palette: Palette, kept: Kept | None = None) -> list[Box]:
    """The boxes of some rows of panes in an area, top to bottom and left to right. `kept`: lines made before."""
    drawn: list[list[tuple[Pane, int, int, list[Line]]]] = []
    for row in rows:
        each, over = divmod(area.width, len(row))
        x, found_row = area.x, []
        for number, pane in enumerate(row):
            width = each + (number < over)
            found_row.append((pane, x, width, _lines_of(pane, max(width - 4, 1), palette, kept)))
            x += width
        drawn.append(found_row)
    needs = [max(len(lines) for _, _, _, lines in row) + 2 for row in drawn]
    weights = [max(pane.weight for pane in row) for row in rows]
    found, y = [], area.y
    for placed, height in zip(drawn, shares(needs, weights, area.height), strict=True):
        height = min(height, area.y + area.height - y)
        if height < LEAST:
            break
        found += [Box(pane, Area(x, y, width, height), lines) for pane, x, width, lines in placed]
        y += height
    return found
