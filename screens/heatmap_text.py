"""The grid of a taxonomy as text: numbers with shades, totals, and what they say. A shade never stands alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content

from flywheel_tui.stages.generate.coverage import EDGE, Cell, key_of_cell
from flywheel_tui.text import visible
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.generate.coverage import Coverage
    from screens.glyphs import Glyphs

USUAL = (0.10, 0.15)
"""The usual share of edge cases."""
_SHADES = {False: "░▒▓█", True: ".:+#"}
_TOKENS = ("$muted", "$foreground", "$edit", "bold $accent")
_NAMES, _TOTAL, _LEAST, _MOST = 17, 6, 5, 13


class Place(NamedTuple):
    """A cell of what is shown: pairs in it, how many the shares want there, and the cells of the grid behind it."""

    topic: str
    column: str
    pairs: int
    wanted: int
    keys: tuple[str, ...]


class Heat(NamedTuple):
    """Topics by styles, or by difficulties; edge cases in the last column."""

    topics: tuple[str, ...]
    columns: tuple[str, ...]
    places: tuple[tuple[Place, ...], ...]

    @property
    def top(self) -> int:
        """The most pairs in one place."""
        return max((place.pairs for row in self.places for place in row), default=0)

    @property
    def flat(self) -> list[Place]:
        """Every place, row by row."""
        return [place for row in self.places for place in row]


def heat_of(found: Coverage, *, levels: bool) -> Heat:
    """What is shown of a coverage: by difficulty with `levels`, else by style."""
    columns = found.levels if levels else found.styles
    shown = (*columns, "edge cases") if found.edges else columns
    rows: list[tuple[Place, ...]] = []
    for topic in found.topics:
        behind = [
            [Cell(topic, style, name) for style in found.styles]
            if levels
            else [Cell(topic, name, level) for level in found.levels]
            for name in columns
        ]
        if found.edges:
            behind.append([Cell(topic, kind, EDGE) for kind in found.edges])
        places: list[Place] = []
        for name, cells in zip(shown, behind, strict=True):
            keys = tuple(key_of_cell(cell) for cell in cells)
            pairs, wanted = (sum(by.get(key, 0) for key in keys) for by in (found.counts, found.wanted))
            places.append(Place(topic, name, pairs, wanted, keys))
        rows.append(tuple(places))
    return Heat(found.topics, shown, tuple(rows))


def _cut(name: str, width: int) -> str:
    said = visible(name, multiline=False, limit=200).replace("_", " ")
    return said if len(said) <= width else f"{said[: width - 1]}~"


def _headers(name: str, width: int) -> tuple[str, str]:
    """A name over two lines of `width`."""
    said = visible(name, multiline=False, limit=200).replace("_", " ")
    first, _, second = said.partition(" ")
    if len(said) <= width:
        return "", said
    return (_cut(first, width), _cut(second, width)) if second else (said[:width], _cut(said[width:], width))


def _window(count: int, room: int, chosen: int) -> range:
    """The stretch that is shown when not all fit: with the chosen one in its middle where that can be."""
    first = min(max(chosen - room // 2, 0), max(count - room, 0))
    return range(first, min(first + room, count))


def _drawn(place: Place, top: int, width: int, chosen: bool, glyphs: Glyphs) -> Content:
    shades = _SHADES[glyphs.ascii]
    if place.pairs:
        step = min((place.pairs * len(shades) - 1) // top, len(shades) - 1)
        body, token = f"{shades[step]}{place.pairs:,}", _TOKENS[step]
    else:
        body, token = glyphs.mark("no verdict").glyph, "$reject"
    if chosen:
        return Content.styled(f"[{body}]".rjust(width), f"reverse {token}")
    return Content.styled(f"{body} ".rjust(width), token)


def draw(heat: Heat, chosen: tuple[int, int], glyphs: Glyphs, width: int, height: int) -> Content:
    """The grid in `width` columns and at most `height` lines, header and totals with it."""
    room = width - _NAMES - _TOTAL
    wide = min(max(room // len(heat.columns), _LEAST, len(f"{heat.top:,}") + 3), _MOST)
    columns = _window(len(heat.columns), max(room // wide, 1), chosen[1])
    rows = _window(len(heat.topics), max(height - 3, 1), chosen[0])
    heads = [_headers(heat.columns[at], wide - 1) for at in columns]
    lines = [
        Content.styled(" " * _NAMES + "".join(f"{head[at]} ".rjust(wide) for head in heads) + total, "$muted")
        for at, total in ((0, ""), (1, "total".rjust(_TOTAL)))
    ]
    for row in rows:
        parts = [Content.styled(_cut(heat.topics[row], _NAMES - 1).ljust(_NAMES), "bold" if row == chosen[0] else "")]
        parts += [_drawn(heat.places[row][at], heat.top, wide, (row, at) == chosen, glyphs) for at in columns]
        total = sum(place.pairs for place in heat.places[row])
        lines.append(Content.assemble(*parts, (f"{total:,}".rjust(_TOTAL), "bold")))
    sums = [sum(row[at].pairs for row in heat.places) for at in columns]
    whole = sum(place.pairs for place in heat.flat)
    below = "".join(f"{value:,} ".rjust(wide) for value in sums)
    lines.append(Content.styled(f"{'total':<{_NAMES}}{below}{whole:>{_TOTAL},}", "bold"))
    return Content("\n").join(lines)


def words(found: Coverage, heat: Heat, chosen: tuple[int, int], glyphs: Glyphs, *, levels: bool) -> Content:
    """The chosen cell, what is empty, and edge cases against the usual share."""
    at, dot = heat.places[chosen[0]][chosen[1]], "," if glyphs.ascii else " ·"
    flat, cross = heat.flat, "x" if glyphs.ascii else "×"

    def name(place: Place) -> str:
        return f"{place.topic} {cross} {place.column}".replace("_", " ")

    empty = sum(not place.pairs for place in flat)
    cells = len(found.wanted)
    emptiest = min(flat, key=lambda place: (place.pairs, -place.wanted))
    shades = _SHADES[glyphs.ascii]
    told = (
        f"{empty:,} of {len(flat):,} cells are empty ({found.empty:,} of {cells:,} with style and difficulty);"
        f" emptiest: {name(emptiest)}, {emptiest.pairs:,} of {emptiest.wanted:,} wanted{_edges(found)}."
    )
    outside = f"{dot} {found.outside:,} pairs are not of this grid" if found.outside else ""
    other = "styles" if levels else "difficulties"
    said = f"{name(at)}: {at.pairs:,} pairs, {at.wanted:,} wanted by the shares{_inside(found, at, glyphs)}"
    return Content("\n").join([
        safe_text(said, multiline=False, limit=400, style="bold"),
        safe_text(told, multiline=False, limit=1_000),
        Content.styled(
            f"{shades} up to {heat.top:,}, {glyphs.mark('no verdict').glyph} none{dot} tab {other}{outside}", "$muted"
        ),
    ])  # fmt: skip


def _inside(found: Coverage, place: Place, glyphs: Glyphs) -> str:
    """The cells of the grid behind a place, each with its pairs."""
    inside = [cell for cell in found.cells if key_of_cell(cell) in place.keys]
    if len(inside) < 2:
        return ""
    by_level = inside[0].style == inside[1].style
    none = glyphs.mark("no verdict").glyph
    told = (
        f"{cell.difficulty if by_level else cell.style} {found.counts.get(key_of_cell(cell), 0) or none}"
        for cell in inside
    )
    return f" ({', '.join(told)})".replace("_", " ")


def _edges(found: Coverage) -> str:
    if not found.edges or not found.rows:
        return ""
    edges = sum(count for key, count in found.counts.items() if key.endswith(f"/{EDGE}"))
    share, (low, high) = edges / found.rows, USUAL
    how = "fewer than" if share < low else "more than" if share > high else "within"
    return f"; edge cases are {share:.1%} of the rows, {how} the usual {low:.0%} to {high:.0%}"
