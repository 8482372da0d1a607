"""The door between untrusted text and the terminal.

Whatever came from a model, a file or a person reaches a widget through `safe_text` (Textual) or `safe_rich` (DataTable
and Tree, which want Rich). Both carry text, never markup: a `str` given to a widget is parsed as markup, which can act
(`[@click=app.quit]`), crash (`[/b`) or lose text (`[INST]`). `SafeFilter` is the second lock, on everything that is
painted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.text import Text
from textual.color import Color
from textual.content import Content, Span
from textual.filter import LineFilter

from flywheel_tui.text import VisibleText, visible, visible_map

PLAIN_LINK = re.compile(r"https?://[!-~]{1,500}")
"""The only addresses that may become a link."""

_ACTS_OR_HIDES = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

# The blocks that floods of marks are made of; `visible` knows all of Unicode, this is only the second lock.
_FLOOD = re.compile(
    "(?<=[MARKS]{4})[MARKS]+".replace(
        "MARKS",
        "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
        "\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f",
    )
)


def safe_text(
    value: object, *, multiline: bool = True, limit: int = 20_000, style: str = "", highlights: Sequence[Span] = ()
) -> Content:
    """Untrusted text for a Textual widget, a border title, a tooltip, an option or a notification.

    `highlights` are spans in characters of the original text; they are moved to where those characters are shown.
    A number or a record is shown by its `str()`.
    """
    text = value if isinstance(value, str) else str(value)
    if not highlights:
        return Content.styled(visible(text, multiline=multiline, limit=limit), style)
    shown: VisibleText = visible_map(text, multiline=multiline, limit=limit)
    spans = [Span(*shown.span(span.start, span.end), span.style) for span in highlights]
    content = Content(shown.text, spans=[span for span in spans if span.start < span.end])
    return content.stylize_before(style) if style else content


def safe_rich(value: object, *, multiline: bool = False, limit: int = 200, style: str = "") -> Text:
    """Untrusted text for the widgets that want Rich: cells, headers and labels of a DataTable, nodes of a Tree."""
    text = value if isinstance(value, str) else str(value)
    return Text(visible(text, multiline=multiline, limit=limit), style=style, no_wrap=not multiline, end="")


class SafeFilter(LineFilter):
    """Takes what could act or hide out of every painted line, whatever widget it came from.

    The cells such a character took are filled with spaces, so that the layout stays. Links that are not plain http(s)
    lose their target.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, without anything that the terminal would obey."""
        return [self._disarmed(segment) for segment in segments]

    def _disarmed(self, segment: Segment) -> Segment:
        text, style, control = segment
        if control:
            return segment
        if not text.isascii():
            text = _FLOOD.sub("", text)
        if not text.isprintable():
            text = _ACTS_OR_HIDES.sub(lambda match: " " * cell_len(match.group()), text)
        if style is not None and style.link is not None and not PLAIN_LINK.fullmatch(style.link):
            style = style.update_link(None)
        return segment if text is segment.text and style is segment.style else Segment(text, style, control)
