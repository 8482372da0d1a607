"""The widget that the label screen is drawn on: one widget, so that going to the next pair is one repaint.

It shows a status line, boxes (screens/label_widgets/paper.py) and two lines for prompts. Nothing in it is a widget of
its own; the text fields of the screen lie above it while one types.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from screens.glyphs import Faithful
from screens.label_widgets.lines import Line, Palette, painted
from screens.label_widgets.panes import Pane
from screens.label_widgets.paper import Area, Box, boxes_of

PROMPT_ROWS = 2
SIDE_FROM = 100
"""Columns from which there is room for what stands beside the pair."""


class Board(Faithful, Widget):
    """Boxes of text with a line above and two below."""

    class Resized(Message):
        """There is another amount of room, or the colours changed: the boxes have to be laid out again."""

    class Touched(Message):
        """The mouse was used here."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        super().__init__()
        self._ascii = ascii_only
        self._palette: Palette | None = None
        self._main: list[Box] = []
        self._side: list[Box] = []
        self._over: list[Box] = []
        self._status = self._prompt = Content("")
        self._prompt_lines: list[Line] = []
        self._drawn: list[Line] = []
        self._kept_lines: dict[int, tuple[Pane, int, list[Line]]] = {}
        self._notice = ""
        self._focus = ""
        self.bare = False
        """Nothing but the pair."""

    # -- room ---------------------------------------------------------------------------------------------------------

    @property
    def palette(self) -> Palette:
        """The colours of the theme."""
        if self._palette is None:
            self._palette = Palette.of_widget(self)
        return self._palette

    @property
    def has_side(self) -> bool:
        """Whether there is room beside the pair."""
        return self.size.width >= SIDE_FROM and not self.bare

    @property
    def body(self) -> Area:
        """Where boxes may be."""
        width, height = self.size
        return Area(0, 0, width, height) if self.bare else Area(0, 1, width, max(height - 1 - PROMPT_ROWS, 3))

    @property
    def main_area(self) -> Area:
        """The room of the pair."""
        body = self.body
        return body._replace(width=body.width - self.side_area.width) if self.has_side else body

    @property
    def side_area(self) -> Area:
        """The room beside it; all of the body where there is no room beside it."""
        body = self.body
        if not self.has_side:
            return body
        width = min(max(body.width * 3 // 10, 32), 52)
        return Area(body.width - width, body.y, width, body.height)

    def on_resize(self) -> None:
        """Tell the screen."""
        self.post_message(self.Resized())

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._palette = None
        if self.is_mounted and self.size:
            self.post_message(self.Resized())

    # -- what is shown ------------------------------------------------------------------------------------------------

    def show_pair(self, boxes: Sequence[Box], *, keep: bool = False) -> None:
        """Another pair: all boxes from their beginning; `keep`: the same pair, each box where it was."""
        scrolls = {self._key(box): box.scroll for box in self._main} if keep else {}
        self._notice, self._main = "", list(boxes)
        for box in boxes:
            box.scroll = min(scrolls.get(self._key(box), 0), box.most)
        self._redraw()

    def show_side(self, panes: Sequence[Pane], *, over: bool = False) -> None:
        """What stands beside the pair, or over it where there is no room beside it."""
        scrolls = {box.pane.title.plain: box.scroll for box in (*self._side, *self._over)}
        self._side, self._over = [], []
        if over or self.has_side:
            boxes = boxes_of([(pane,) for pane in panes], self.side_area, self.palette, self._kept_lines)
            for box in boxes:
                box.scroll = min(scrolls.get(box.pane.title.plain, 0), box.most)
            if over and not self.has_side:
                self._over = boxes
            else:
                self._side = boxes
        self._redraw()

    def show_notice(self, text: str) -> None:
        """There is no pair: say what to do next."""
        self._notice, self._main, self._side, self._over = text, [], [], []
        self._redraw()

    def show_status(self, status: Content) -> None:
        """The line above."""
        self._status = status
        self._redraw()

    def show_prompt(self, prompt: Content) -> None:
        """The lines below."""
        if not prompt.is_same(self._prompt) or not self._prompt_lines:
            self._prompt = prompt
            self._prompt_lines = painted(prompt, self.size.width, self.palette)[:PROMPT_ROWS]
        self._redraw()

    def relaid(self) -> None:
        """The room changed: everything is drawn anew."""
        self._prompt_lines, self._drawn = [], []
        self._kept_lines.clear()

    @property
    def boxes(self) -> list[Box]:
        """The boxes shown, in the order of the focus."""
        return self._over or [*self._main, *self._side]

    def box_of(self, field: str) -> Box | None:
        """The box of a text of the pair."""
        return next((box for box in self._main if box.pane.field == field), None)

    @property
    def text(self) -> str:
        """All that is drawn, as text."""
        return "\n".join("".join(segment.text for segment in line) for line in self._drawn)

    # -- focus and scrolling ------------------------------------------------------------------------------------------

    @property
    def focused_box(self) -> Box | None:
        """The box that scrolls: the one chosen, else the answer (the heaviest)."""
        chosen = next((box for box in self.boxes if self._key(box) == self._focus), None)
        if chosen is not None:
            return chosen
        main = self._over or self._main
        return max(main, key=lambda box: (box.most > 0, box.pane.weight), default=None)

    @staticmethod
    def _key(box: Box) -> str:
        return box.pane.field or box.pane.title.plain.partition(" · ")[0]

    def focus_next_box(self, by: int = 1) -> None:
        """The focus goes on to the next box."""
        boxes, here = self.boxes, self.focused_box
        if boxes:
            at = boxes.index(here) if here in boxes else -1
            self._focus = self._key(boxes[(at + by) % len(boxes)])
            self._redraw()

    def scroll_box(self, lines: int, box: Box | None = None) -> bool:
        """Scroll a box (the one with the focus); whether anything moved."""
        box = box or self.focused_box
        if box is None or not box.scroll_by(lines):
            return False
        self._redraw()
        return True

    def show_here(self) -> bool:
        """Scroll to the finding that stands out; False where it is not among what is drawn."""
        for box in self._main:
            for at, line in enumerate(box.lines):
                if any(segment.style is not None and segment.style.reverse for segment in line):
                    box.scroll = min(max(at - box.room // 3, 0), box.most)
                    self._focus = self._key(box)
                    self._redraw()
                    return True
        return False

    def scroll_pages(self, pages: int) -> bool:
        """Scroll by almost the height of the box."""
        box = self.focused_box
        return box is not None and self.scroll_box(pages * max(box.room - 1, 1), box)

    def _box_at(self, x: int, y: int) -> Box | None:
        for box in self.boxes:
            a = box.area
            if a.x <= x < a.x + a.width and a.y <= y < a.y + a.height:
                return box
        return None

    def on_click(self, event: events.Click) -> None:
        """The box under the mouse takes the focus."""
        self.post_message(self.Touched())
        if (box := self._box_at(event.x, event.y)) is not None:
            self._focus = self._key(box)
            self._redraw()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Scroll the box under the mouse."""
        self._wheel(event, 3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Scroll the box under the mouse."""
        self._wheel(event, -3)

    def _wheel(self, event: events.MouseEvent, lines: int) -> None:
        self.post_message(self.Touched())
        if (box := self._box_at(event.x, event.y)) is not None:
            self.scroll_box(lines, box)
        event.stop()

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _redraw(self) -> None:
        """Paint the lines that have changed, and no others: most of a frame is spent on each line that is painted."""
        if not self.is_mounted:
            return
        width, height = self.size
        focused = self.focused_box
        lines = [self._compose_line(y, width, height, focused) for y in range(height)]
        if len(lines) != len(self._drawn):
            self._drawn = lines
            self.refresh()
            return
        changed = [y for y, line in enumerate(lines) if line != self._drawn[y]]
        self._drawn = lines
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        if y < len(self._drawn):
            return Strip(self._drawn[y])
        return Strip.blank(self.size.width, self.palette.base)

    def _compose_line(self, y: int, width: int, height: int, focused: Box | None) -> Line:
        palette = self.palette
        if not self.bare:
            if y == 0:
                return painted(self._status.truncate(width), width, palette)[0]
            if y >= height - PROMPT_ROWS:
                at = y - (height - PROMPT_ROWS)
                shown = self._prompt_lines
                return shown[at] if at < len(shown) else [Segment(" " * width, palette.base)]
        if self._notice:
            return self._notice_line(y, width, height, palette)
        line: Line = []
        x = 0
        for box in self.boxes:
            area = box.area
            if area.y <= y < area.y + area.height:
                if area.x > x:
                    line.append(Segment(" " * (area.x - x), palette.base))
                line += box.line(y - area.y, box is focused, palette, self._ascii)
                x = area.x + area.width
        if x < width:
            line.append(Segment(" " * (width - x), palette.base))
        return line

    def _notice_line(self, y: int, width: int, height: int, palette: Palette) -> Line:
        lines = self._notice.split("\n")
        at = y - max((height - len(lines)) // 2, 1)
        line = lines[at] if 0 <= at < len(lines) else ""
        left = max((width - cell_len(line)) // 2, 0)
        return painted(Content.styled(" " * left + line, "$muted").truncate(width), width, palette)[0]
