"""Content to painted lines, quickly: wrapped to a width, in the colours of the theme, ready to be put on the screen.

Textual's own rendering keeps for every piece of a line where it came from (for selecting with the mouse), which costs
most of a frame for a page of text. Here nothing is kept but the colours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.content import Content
from textual.style import Style

if TYPE_CHECKING:
    from textual.widget import Widget

_WORD = re.compile("[^ ]* *")
Styles = tuple[str, ...]


class Palette:
    """The colours that style words stand for in the theme of the moment; safe to use from another thread."""

    def __init__(self, base: Style, variables: dict[str, str]) -> None:
        self._base, self._variables = base, variables
        self._known: dict[Styles, RichStyle] = {}
        self.base = self.of(())

    @classmethod
    def of_widget(cls, widget: Widget) -> Palette:
        """The colours on a widget's own background."""
        return cls(widget.visual_style, widget.app.theme_variables)

    def of(self, styles: Styles) -> RichStyle:
        """The colours of some style words over the background, the last word on top."""
        found = self._known.get(styles)
        if found is None:
            style = self._base
            for word in styles:
                style += Style.parse(word, self._variables)
            found = self._known[styles] = style.rich_style
        return found


Line = list[Segment]


def painted(content: Content, width: int, palette: Palette) -> list[Line]:
    """The lines of a content, each exactly `width` cells wide."""
    if width < 1:
        return []
    if "\t" in content.plain:
        content = content.expand_tabs(4)
    text = content.plain
    runs = _runs(content)
    lines: list[Line] = []
    run = 0
    for start, end, cells in _lines(text, width):
        while run + 1 < len(runs) and runs[run][1] <= start:
            run += 1
        segments = []
        at, number = start, run
        while at < end:
            _, stop, styles = runs[number]
            stop = min(stop, end)
            segments.append(Segment(text[at:stop], palette.of(styles)))
            at, number = stop, number + 1
        if cells < width:
            segments.append(Segment(" " * (width - cells), palette.base))
        lines.append(segments)
    return lines


def _runs(content: Content) -> list[tuple[int, int, Styles]]:
    """Stretches of the text with the style words that hold there; together they cover it."""
    length = len(content.plain)
    marks: dict[int, list[tuple[bool, int, str]]] = {}
    for number, span in enumerate(content.spans):
        if span.start < span.end and span.style:
            marks.setdefault(max(span.start, 0), []).append((True, number, str(span.style)))
            marks.setdefault(min(span.end, length), []).append((False, number, ""))
    runs: list[tuple[int, int, Styles]] = []
    holding: dict[int, str] = {}
    before = 0
    for at in sorted(marks):
        if at > before:
            runs.append((before, at, tuple(holding[key] for key in sorted(holding))))
            before = at
        for starts, number, style in marks[at]:
            if starts:
                holding[number] = style
            else:
                holding.pop(number, None)
    if before < length or not runs:
        runs.append((before, length, ()))
    return runs


def _lines(text: str, width: int) -> Iterator[tuple[int, int, int]]:
    """`(start, end, cells)` of each line: at most `width` cells, broken between words where that is possible."""
    start = 0
    for paragraph in text.split("\n"):
        if paragraph.isascii():
            yield from _ascii_lines(paragraph, start, width)
        else:
            yield from _wide_lines(paragraph, start, width)
        start += len(paragraph) + 1


def _ascii_lines(paragraph: str, start: int, width: int) -> Iterator[tuple[int, int, int]]:
    at, length = 0, len(paragraph)
    while length - at > width:
        cut = paragraph.rfind(" ", at, at + width + 1)
        if cut <= at:
            cut = after = at + width
        else:
            after = cut + 1
        yield start + at, start + cut, cut - at
        at = after
    yield start + at, start + length, length - at


def _wide_lines(paragraph: str, start: int, width: int) -> Iterator[tuple[int, int, int]]:
    first = at = 0
    cells = 0
    for match in _WORD.finditer(paragraph):
        word = match.group()
        if not word:
            continue
        bare = cell_len(word.rstrip())
        if cells and cells + bare > width:
            end = first + len(paragraph[first:at].rstrip())
            yield start + first, start + end, cell_len(paragraph[first:end])
            first, cells = at, 0
        if bare > width:
            *whole, rest = chop_cells(word.rstrip(), width)
            for piece in whole:
                yield start + first, start + first + len(piece), cell_len(piece)
                first += len(piece)
            cells = cell_len(rest) + cell_len(word) - bare
        else:
            cells += cell_len(word)
        at = match.end()
    end = len(paragraph)
    while cell_len(paragraph[first:end]) > width and end > first and paragraph[end - 1].isspace():
        end -= 1
    yield start + first, start + end, cell_len(paragraph[first:end])
