"""Choosing blind: a request and two answers side by side, nobody told whose they are; the result at the end only."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content, Span
from textual.screen import ModalScreen
from textual.widgets import Static

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages.aids.difference import differing_words
from flywheel_tui.stages.gate import blind
from flywheel_tui.stages.gate.blind import BlindResult, Shown
from screens.bindings import bindings_of
from screens.gate_text import sitting
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace
    from screens.app import FlywheelApp

STYLE = "bold underline $edit"
CHOSEN = {"first": "left", "second": "right", "tie": "a tie", "neither": "both bad (counts as a tie does)"}
Spans = list[tuple[int, int]]


class Question(NamedTuple):
    """What is shown, and the stretches in which the answers differ (None: too long to compare)."""

    shown: Shown
    spans: tuple[Spans, Spans] | None


class BlindDialog(ModalScreen[None]):
    """One sitting, from where it is to its end or until one leaves it."""

    CSS_PATH = Path(__file__).with_name("blind_dialog.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("blind")

    def __init__(self, workspace: Workspace, test: int) -> None:
        super().__init__()
        self._workspace, self._test = workspace, test
        self._question: Question | None = None
        self._busy = True
        self._over = False

    @property
    def shell(self) -> FlywheelApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="blind") as box:
            box.border_title = safe_text(f"blind comparison {self._test}")
            box.border_subtitle = "h left · l right · = tie · x both bad · j k scroll · esc later"
            yield Static("", id="blind-progress", markup=False)
            with VerticalScroll(id="blind-request", can_focus=False):
                yield Static("", markup=False)
            with Horizontal(id="blind-answers"):
                for side, key in (("left", "h"), ("right", "l")):
                    with VerticalScroll(id=f"blind-{side}", can_focus=False) as pane:
                        pane.border_title = Content.assemble((side.capitalize(), "bold"), (f" · {key}", "bold $accent"))
                        yield Static("", markup=False)
            yield Static("", id="blind-result", markup=False)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Show the first one that is left."""
        self._next()

    @work(group="blind", exit_on_error=False, description="show the next two answers")
    async def _next(self) -> None:
        try:
            question = await asyncio.to_thread(_question, self._workspace, self._test)
            result = None if question else await asyncio.to_thread(blind.result, self._workspace, self._test)
        except FlywheelError as error:
            self._say(str(error), "$text-error")
            return
        self._question = question
        if question is not None:
            self._show(question)
        elif result is not None:
            self._finish(result)
        self._busy = False

    def _show(self, question: Question) -> None:
        shown = question.shown
        done = shown.number - 1
        bar = self.shell.glyphs.bar(done / max(shown.of, 1), 20)
        remark = "   too long to mark the differences" if question.spans is None else ""
        self.query_one("#blind-progress", Static).update(Content.assemble(
            (f"{shown.number} of {shown.of}", "bold"), "  ", (bar, "$accent"),
            ("   which is better? a choice stands", "$muted"), (remark, "$edit"),
        ))  # fmt: skip
        turns = [
            Content.assemble(
                safe_text(f"{turn.get('role', '')}: " if len(shown.messages) > 1 else "", multiline=False, limit=40,
                          style="$muted"),
                safe_text(turn.get("content", "")),
            )
            for turn in shown.messages
        ]  # fmt: skip
        self._fill("#blind-request", Content("\n").join(turns))
        marks: tuple[Spans, Spans] = question.spans or ([], [])
        for side, text, spans in (("left", shown.first, marks[0]), ("right", shown.second, marks[1])):
            body = safe_text(text, highlights=[Span(start, end, STYLE) for start, end in spans])
            self._fill(f"#blind-{side}", body if text.strip() else Content.styled("(empty)", "$muted italic"))

    def _fill(self, name: str, content: Content) -> None:
        pane = self.query_one(name, VerticalScroll)
        pane.query_one(Static).update(content)  # safe: made by safe_text
        pane.scroll_home(animate=False)

    def _finish(self, result: BlindResult) -> None:
        self._over = True
        self.add_class("-over")
        self.query_one("#blind", Vertical).border_subtitle = "esc closes"
        self.query_one("#blind-progress", Static).update(Content.styled(f"all {result.planned} are chosen", "bold"))
        lines = sitting(result, self.shell.glyphs)
        self.query_one("#blind-result", Static).update(Content("\n").join(lines))  # safe: our own words and safe_text
        self._say("it counts as human labels when a judge's win rate is corrected", "$muted")

    def _say(self, text: str, style: str) -> None:
        self.query_one(".dialog-hint", Static).update(safe_text(text, multiline=False, limit=300, style=style))

    # -- keys ---------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Nothing is chosen once all is chosen."""
        return not (self._over and action in ("choose", "scroll"))

    @work(group="choose", exit_on_error=False, description="keep a blind choice")
    async def action_choose(self, choice: str) -> None:
        """Keep it on disk, then show the next. A key that comes before the next is seen chooses nothing."""
        if self._busy or self._question is None:
            return
        self._busy = True
        try:
            await asyncio.to_thread(blind.choose, self._workspace, self._test, self._question.shown.key, choice)
        except FlywheelError as error:
            self._busy = False
            self._say(str(error), "$text-error")
            return
        self._say(f"kept: {CHOSEN[choice]}", "$muted")
        self._next()

    def action_scroll(self, by: int) -> None:
        """Both answers at once."""
        for side in ("left", "right"):
            self.query_one(f"#blind-{side}", VerticalScroll).scroll_relative(y=by, animate=False)

    def action_close(self) -> None:
        """Leave it; what was chosen is kept."""
        self.dismiss(None)

    def on_key(self, event: events.Key) -> None:
        """A key that does nothing is seen."""
        active = self.active_bindings.get(event.key)
        if active is None or not active.enabled:
            self._say(f"{event.key} does nothing here", "$muted")


def _question(workspace: Workspace, test: int) -> Question | None:
    shown = blind.shown(workspace, test)
    return None if shown is None else Question(shown, differing_words(shown.first, shown.second))
