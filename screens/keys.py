"""`flywheel-tui keys`: what this terminal really sends for each chord.

Terminals differ: many send the same bytes for enter and ctrl+enter, some keep alt or the function keys to themselves,
and tmux takes some away. This shows what arrives, so that a keymap can be chosen that works here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from importlib import import_module
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual._xterm_parser import XTermParser
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Static

from screens.safe import safe_rich
from screens.terminal import SafeApp, run

WANTED = (
    "ctrl+p", "ctrl+enter", "shift+enter", "alt+enter", "ctrl+s", "ctrl+z", "shift+tab", "escape",
    "ctrl+left", "ctrl+right", "shift+up", "shift+down", "alt+left", "alt+right", "alt+up", "alt+down",
    "pageup", "pagedown", "home", "end", "delete",
    *(f"f{number}" for number in range(1, 13)),
)  # fmt: skip
"""Chords that the workstation would like to have."""

_LEAVING = ("q", "ctrl+c")
_KEPT = 200


class ByteLog:
    """The bytes behind the keys, written down by the input thread and read by the app, oldest first."""

    def __init__(self) -> None:
        self._pending = ""
        self._keys: deque[tuple[str, str]] = deque(maxlen=_KEPT)

    def received(self, text: str) -> None:
        """Characters arrived from the terminal."""
        self._pending += text

    def became(self, message: Message) -> None:
        """The characters so far were understood as this message."""
        raw, self._pending = self._pending, ""
        if not isinstance(message, events.Key):
            return
        if message.character is not None and raw.startswith(message.character):
            raw, self._pending = message.character, raw[len(message.character) :]
        self._keys.append((message.key, raw))

    def take(self, key: str) -> str:
        """The characters that became the next `key`; empty when unknown."""
        while self._keys:
            name, raw = self._keys.popleft()
            if name == key:
                return raw
        return ""


class KeysApp(SafeApp[None]):
    """Shows each key as it arrives and which of the wanted ones were seen."""

    TITLE = "flywheel-tui keys"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = []
    CSS = """
    #help { height: auto; padding: 0 1; }
    #seen { height: auto; padding: 0 1; }
    #log { height: 1fr; }
    """

    def __init__(self, log: ByteLog | None = None) -> None:
        super().__init__()
        self.byte_log = log or ByteLog()
        self.seen: set[str] = set()
        self._last_key = ""

    def compose(self) -> ComposeResult:
        """A line of help, the wanted chords, and the log of what came."""
        yield Static("Press the keys that you would like to use. To leave, press q or ctrl+c twice.", id="help")
        yield Static(id="seen")
        table: DataTable[Text] = DataTable(id="log", cursor_type="none", zebra_stripes=True)
        table.can_focus = False
        yield table

    def on_mount(self) -> None:
        """Lay out the columns."""
        self.query_one("#log", DataTable).add_columns("key", "character", "bytes")
        self._show_seen()

    async def on_event(self, event: events.Event) -> None:
        """Take every key before any binding can: here a key is only looked at."""
        if isinstance(event, events.Key):
            event.stop()
            event.prevent_default()
            self._note(event)
        else:
            await super().on_event(event)

    def _note(self, event: events.Key) -> None:
        raw = self.byte_log.take(event.key)
        self.seen.update(event.aliases)
        table = self.query_one("#log", DataTable)
        table.add_row(safe_rich(event.key), safe_rich(event.character or ""), safe_rich(raw.encode().hex(" ")))
        if table.row_count > _KEPT:
            table.remove_row(next(iter(table.rows)))
        table.scroll_end(animate=False)
        self._show_seen()
        if event.key in _LEAVING and event.key == self._last_key:
            self.exit()
        self._last_key = event.key

    def _show_seen(self) -> None:
        parts: list[Content | tuple[str, str]] = []
        for chord in WANTED:
            parts.append(
                (f"✓\u00a0{chord}", "bold $text-success") if chord in self.seen else (f"·\u00a0{chord}", "dim")
            )
            parts.append(("   ", ""))
        count = sum(chord in self.seen for chord in WANTED)
        line = Content.assemble((f"seen {count} of {len(WANTED)}, · not seen yet\n", ""), *parts)
        self.query_one("#seen", Static).update(line)


def main() -> int:
    """Run the program on this terminal; returns its exit code."""
    log = ByteLog()
    _listen_to_the_parser(log)
    return run(KeysApp(log))


def _listen_to_the_parser(log: ByteLog) -> None:
    """Textual's key events do not carry the bytes they were made of; the parser that makes them is told to say so."""

    class ListeningParser(XTermParser):
        def feed(self, data: str) -> Iterable[Message]:
            # One by one, so that each key gets its own; an empty string is the end of the input.
            for character in data or [data]:
                log.received(character)
                yield from self._heard(super().feed(character))

        def tick(self) -> Iterable[Message]:
            yield from self._heard(super().tick())

        def _heard(self, messages: Iterable[Message]) -> Iterable[Message]:
            for message in messages:
                log.became(message)
                yield message

    try:
        driver: Any = import_module("textual.drivers.linux_driver")
    except ImportError:  # on Windows keys arrive as events, not as bytes
        return
    driver.XTermParser = ListeningParser
