"""A small program that shows one hostile text in every kind of widget; run on a pseudo-terminal by the tests.

python torture_app.py SHOW|BARE|BUSY|STUBBORN NAMES_OF_PAYLOADS_OR_*
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import (
    Checkbox,
    DataTable,
    Input,
    Label,
    OptionList,
    RichLog,
    Select,
    Static,
    TabbedContent,
    TabPane,
    TextArea,
    Tree,
)
from textual.widgets.option_list import Option
from torture import PAYLOADS

from screens.safe import safe_rich, safe_text
from screens.terminal import SafeApp, run


class TortureApp(SafeApp[None]):
    """One text, every sink that the workstation uses."""

    CSS = """
    #raw, Static, Label { height: auto; max-height: 4; }
    DataTable, TextArea, OptionList, Tree, RichLog { height: 4; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("n", "next_text", "the next text"),
        ("q", "quit", "leave"),
        ("x", "crash", "fail"),
        ("m", "leave_with_message", "leave, saying it"),
    ]

    def __init__(self, mode: str, texts: list[str]) -> None:
        super().__init__()
        self.painted = 0
        self.mode, self.texts = mode, ["QQ " + text for text in texts]

    @property
    def text(self) -> str:
        return self.texts[0]

    def get_line_filters(self) -> Sequence[LineFilter]:
        # BARE shows that the tests would see a leak.
        return App.get_line_filters(self) if self.mode == "BARE" else super().get_line_filters()

    def compose(self) -> ComposeResult:
        text = self.text
        with VerticalScroll(can_focus=True):
            yield Static("starting", id="state")
            # Raw on purpose: these never pass through safe_text, so only the filter stands before the terminal.
            yield Static(Content(text), id="raw")
            yield Input(value=text, placeholder=text)
            yield TextArea(text)
            yield Static(safe_text(text), id="shown")
            yield Label(safe_text(text, multiline=False))
            yield DataTable()
            yield OptionList(Option(safe_text(text)), Option(safe_text(text, limit=40)))
            yield Checkbox(safe_text(text, multiline=False))
            yield Select([(safe_text(text, multiline=False), 1)], value=1)
            yield Tree(safe_rich(text))
            yield RichLog()
            with TabbedContent(), TabPane(safe_text(text, multiline=False)):
                yield Static(safe_text(text))

    def on_mount(self) -> None:
        self.fill()
        if self.mode == "BUSY":
            self.set_interval(0.01, self.paint_something)

    def paint_something(self) -> None:
        self.painted += 1
        self.query_one("#raw", Static).update(Content(f"{self.painted} times"))

    async def action_next_text(self) -> None:
        self.texts.pop(0)
        await self.recompose()
        self.fill()

    def fill(self) -> None:
        text = self.text
        table = self.query_one(DataTable)
        table.add_column(safe_rich(text))
        table.add_row(safe_rich(text), label=safe_rich(text))
        self.query_one(RichLog).write(safe_rich(text, multiline=True))
        self.query_one(Tree).root.add_leaf(safe_rich(text))
        self.query_one(Tree).root.expand()
        self.query_one("#shown").border_title = safe_text(text, multiline=False)
        self.query_one("#shown").styles.border = ("solid", "white")
        self.query_one("#shown").tooltip = safe_text(text)
        self.query_one(VerticalScroll).focus()
        self.clear_notifications()
        self.notify(text, title=text)
        self.call_after_refresh(lambda: self.query_one("#state", Static).update(f"READY {len(self.texts)}."))

    def action_crash(self) -> None:
        api_key = "sk-" + "canary0local0variable0"
        raise RuntimeError(f"failed {self.text} with a key of {len(api_key)} characters, token=canary-in-message")

    def action_leave_with_message(self) -> None:
        self.exit(return_code=4, message=self.text)

    async def save_work(self) -> None:
        Path(os.environ["HOME"], "saved").write_text("saved", encoding="utf-8")
        if self.mode in ("STUBBORN", "BUSY"):
            await asyncio.sleep(60 if self.mode == "STUBBORN" else 1)


if __name__ == "__main__":
    wanted = list(PAYLOADS) if sys.argv[2] == "*" else sys.argv[2].split(",")
    sys.exit(run(TortureApp(sys.argv[1], [PAYLOADS.get(name, name) for name in wanted])))
