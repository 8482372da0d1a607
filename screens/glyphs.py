"""State is a glyph, a word and a colour: never a colour alone. ASCII for terminals that lack the glyphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.widget import Widget


class Mark(NamedTuple):
    """How a state is drawn; `token` names a colour of the theme without its dollar sign."""

    glyph: str
    word: str
    token: str


_UNICODE = {
    "open": Mark("·", "open", "muted"),
    "approved": Mark("✓", "approved", "approve"),
    "rejected": Mark("✗", "rejected", "reject"),
    "skipped": Mark("↷", "skipped", "skip"),
    "edited": Mark("✎", "edited", "edit"),
    "disputed": Mark("≠", "disputed", "judge"),
    "flagged": Mark("⚑", "flagged", "edit"),
    "no verdict": Mark("∅", "no verdict", "muted"),
    "marked": Mark("▌", "marked", "accent"),
    "cursor": Mark("›", "here", "accent"),
    "error": Mark("✗", "error", "reject"),
    "warning": Mark("!", "warning", "edit"),
    "info": Mark("i", "info", "muted"),
    "busy": Mark("⟳", "under way", "accent"),
    "queued": Mark("◦", "queued", "muted"),
    "running": Mark("►", "running", "accent"),
    "stopping": Mark("►", "stopping", "edit"),
    "paused": Mark("=", "paused", "edit"),
    "done": Mark("✓", "done", "approve"),
    "failed": Mark("✗", "failed", "reject"),
    "cancelled": Mark("∅", "cancelled", "skip"),
    "dead": Mark("✗", "dead", "reject"),
    "lost": Mark("!", "lost", "edit"),
    "idle": Mark("◦", "idle", "muted"),
}
_ASCII = {
    "open": ".",
    "approved": "+",
    "rejected": "x",
    "skipped": ">",
    "edited": "e",
    "disputed": "#",
    "flagged": "!",
    "no verdict": "-",
    "marked": "*",
    "cursor": ">",
    "error": "x",
    "busy": "~",
    "queued": ".",
    "running": ">",
    "stopping": ">",
    "done": "+",
    "failed": "x",
    "cancelled": "-",
    "dead": "x",
    "idle": ".",
}
_BAR = {False: ("█", "▏▎▍▌▋▊▉", "·"), True: ("#", "", ".")}


class Glyphs:
    """The set of glyphs in use."""

    def __init__(self, ascii_only: bool = False) -> None:
        self.ascii = ascii_only

    def mark(self, state: str) -> Mark:
        """The mark of a state; KeyError for a word that is no state."""
        mark = _UNICODE[state]
        return mark._replace(glyph=_ASCII.get(state, mark.glyph)) if self.ascii else mark

    def bar(self, share: float, width: int) -> str:
        """A bar of `width` cells filled to `share` (0 to 1); something above nothing always shows."""
        full, eighths, empty = _BAR[self.ascii]
        cells = min(max(share, 0.0), 1.0) * width
        if 0 < cells < 1 and not eighths:
            cells = 1.0
        whole = int(cells)
        part = int((cells - whole) * 8)
        if share > 0 and whole == 0 and part == 0:
            part = 1
        drawn = full * whole + (eighths[part - 1] if part and eighths and whole < width else "")
        return drawn + empty * (width - len(drawn))

    def blocks(self, values: list[int], height_steps: int = 8) -> str:
        """One column a value, as high as its share of the largest."""
        steps = " .:|#" if self.ascii else " ▁▂▃▄▅▆▇█"
        top = max(values, default=0)
        if not top:
            return " " * len(values)
        last = len(steps) - 1
        return "".join(steps[max(1, round(value / top * last)) if value else 0] for value in values)


_FRAMES = str.maketrans(
    dict.fromkeys(range(9472, 9600), "+")
    | dict.fromkeys(map(ord, "─━┄┅┈┉╌╍═╴╶╸╺╼╾▔▀"), "-")
    | dict.fromkeys(map(ord, "│┃┆┇┊┋╎╏║╵╷╹╻╽╿▏▎▍▌▐▕"), "|")
    | dict.fromkeys(map(ord, "▁▂"), ".")
    | dict.fromkeys(map(ord, "▃▄"), ":")
    | dict.fromkeys(map(ord, "▅▆▋▊▉"), "|")
    | dict.fromkeys(map(ord, "▇█▓"), "#")
)
"""Frames, bars and columns: one character for one, so that nothing moves."""
_SIGNS = str.maketrans("…–—·•→←↑↓×●✓✗›‹", "~---*><^vxO+x><")
"""Signs of our own words."""


class AsciiFilter(LineFilter):
    """Draws for a terminal that lacks the glyphs: frames and bars, and with `signs` the signs between words too."""

    def __init__(self, *, signs: bool) -> None:
        super().__init__()
        self._table = _FRAMES | _SIGNS if signs else _FRAMES

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments in ASCII, as far as our own drawing goes."""
        return [
            each if each.control or each.text.isascii() else each._replace(text=each.text.translate(self._table))
            for each in segments
        ]


FRAMES, SIGNS = AsciiFilter(signs=False), AsciiFilter(signs=True)


# Textual takes styles and bindings from the first base that is a widget: this must be none
class Faithful(Widget if TYPE_CHECKING else object):  # type: ignore[misc]
    """Shows texts of pairs: their dashes and arrows are what people judge, and stay whatever `glyphs` says."""

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Frames only, where the shell draws in ASCII."""
        return [FRAMES if each is SIGNS else each for each in super().get_line_filters()]


class FaithfulText(Faithful, Static):
    """A text of a pair."""
