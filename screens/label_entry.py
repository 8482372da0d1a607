"""The text fields of the label screen: one line for notes, tags and numbers, and one text at a time to edit.

Keys reach them through the screen's line of keys, so that what is typed quickly lands where it was meant.
"""

from __future__ import annotations

from typing import Protocol, cast

from textual import events
from textual.widgets import Input, TextArea

from screens.glyphs import Faithful
from screens.label_pump import KeyPump

CONTROLS = frozenset({"escape", "enter", "tab", "shift+tab", "ctrl+s"})
TEXT_CONTROLS = CONTROLS - {"enter"}


class HasPump(Protocol):
    """A screen with a line of keys."""

    pump: KeyPump


def _waits(field: Input | TextArea, event: events.Event, controls: frozenset[str]) -> bool:
    """Whether a key goes into the screen's line instead of into the field at once."""
    if not isinstance(event, events.Key) or event.is_forwarded:
        return False
    pump = cast(HasPump, field.screen).pump
    if pump.inside or not (pump.busy or event.key in controls):
        return False
    pump.put(event)
    return True


class EntryLine(Faithful, Input):
    """One line."""

    controls = CONTROLS

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, compact=True, select_on_focus=False)

    def _forward_event(self, event: events.Event) -> None:
        if not _waits(self, event, self.controls):
            super()._forward_event(event)


class EntryText(Faithful, TextArea):
    """A text of the pair, to be edited in place."""

    controls = TEXT_CONTROLS

    def __init__(self, *, id: str) -> None:
        super().__init__("", id=id, soft_wrap=True, show_line_numbers=False, tab_behavior="focus", compact=True)

    def _forward_event(self, event: events.Event) -> None:
        if not _waits(self, event, self.controls):
            super()._forward_event(event)
