"""The rubric editor: the YAML on one side, three real pairs on the other; what is wrong is said while one types."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Static, TextArea

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages.back_ends import NAMES
from flywheel_tui.stages.rubric import named_rubric, parse_rubric, rubric_files, save_rubric
from flywheel_tui.stages.rubric_preview import (
    NEW,
    Preview,
    Tried,
    kind_words,
    next_version,
    outcome_words,
    preview,
    try_on_three,
)
from screens.bindings import bindings_of
from screens.reader import Reader
from screens.safe import safe_text
from screens.widgets.dialogs import Choice, ChoiceDialog

if TYPE_CHECKING:
    from flywheel_tui.records.rubric import Rubric
    from screens.app import FlywheelApp

WAIT_SECONDS = 0.3
_NEW = "+"
_MARKS = {"passed": "approved", "failed": "rejected", "no verdict": "no verdict"}


class SentReader(Reader):
    """What a judge is told under the rubric."""

    def __init__(self, text: str) -> None:
        super().__init__("what the judge is told")
        self._said = text

    def read(self) -> Content:
        """The whole of it."""
        return safe_text(self._said, limit=200_000)


class RubricScreen(ModalScreen[str | None]):
    """Edit one rubric. Answers with its name where it was saved, else None."""

    CSS_PATH = Path(__file__).with_name("rubric.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("rubric")
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012

    def __init__(self, name: str, text: str, dataset: str | None) -> None:
        super().__init__()
        self._name, self._text, self._dataset = name, text, dataset
        self._saved_name: str | None = None
        self._backend = "offline"
        self._found: Preview | None = None
        self._error: Content | None = None
        self._busy = False
        self._timer: Timer | None = None

    @property
    def shell(self) -> FlywheelApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        with Vertical(id="rubric-box") as box:
            box.border_title = safe_text(f"rubric {self._name}", multiline=False, limit=60)
            box.border_subtitle = "^s saves · f5 tries it · f6 who judges · f7 what is sent · esc closes"
            with Container(id="rubric-panes"):
                yield TextArea(
                    self._text, id="rubric-text", language=None, show_line_numbers=True, tab_behavior="focus"
                )
                with VerticalScroll(id="rubric-side"):
                    yield Static("", markup=False)
            yield Static("", id="rubric-state", markup=False)

    def on_mount(self) -> None:
        """Look at it at once."""
        self.query_one(TextArea).focus()
        self._look()

    # -- while one types ----------------------------------------------------------------------------------------------

    @on(TextArea.Changed)
    def _typed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(WAIT_SECONDS, self._look)

    @property
    def text(self) -> str:
        """What stands in the editor."""
        return self.query_one(TextArea).text

    @property
    def changed(self) -> bool:
        """Whether there is something that is not saved."""
        return self.text != self._text

    @work(group="rubric", exclusive=True, exit_on_error=False, description="read the rubric")
    async def _look(self) -> None:
        try:
            found = await asyncio.to_thread(preview, self.shell.workspace, self.text, self._dataset)
            before, self._error = self._found, None
            if before is None or not before.by or before.rubric.hash != found.rubric.hash:
                self._found = found  # what was judged under these very words stays
        except FlywheelError as error:
            self._error = safe_text(str(error), multiline=False, limit=300, style="$text-error")
        self._show()

    def _show(self) -> None:
        glyphs, found = self.shell.glyphs, self._found
        if self._error is not None:
            state = Content.assemble(f"{glyphs.mark('error').glyph} ", self._error)
        elif found is not None:
            mark = glyphs.mark("edited") if self.changed else glyphs.mark("approved")
            words = "not saved" if self.changed else "saved"
            state = Content.assemble(
                (f"{mark.glyph} {words}", f"${mark.token}"), "  ",
                safe_text(found.rubric.title, multiline=False, limit=60, style="bold"),
                f"  {found.rubric.kind.value}, {kind_words(found.rubric)}  ",
                (f"hash {found.rubric.hash[:8]}", "$muted"),
            )  # fmt: skip
        else:
            state = Content("reading …")
        self.query_one("#rubric-state", Static).update(state)  # safe: Content of our words and safe_text
        self.query_one("#rubric-side Static", Static).update(self._pairs())  # safe: Content, made of safe_text

    def _pairs(self) -> Content:
        found = self._found
        if found is None:
            return Content("")
        if self._busy:
            head = Content.styled(f"asking {self._backend} …", "$accent")
        elif found.by:
            head = Content.assemble(
                ("judged by ", "$muted"), safe_text(found.by, multiline=False, limit=60, style="bold")
            )
        else:
            head = Content.assemble((f"f5 asks {self._backend} about these pairs", "$muted"))
        if not found.pairs:
            where = f"of {self._dataset}" if self._dataset else "here: no data set is chosen"
            return Content.assemble(head, "\n\n", f"no pair {where} has what this rubric asks about")
        return Content("\n\n").join([head, *(self._pair(one) for one in found.pairs)])

    def _pair(self, one: Tried) -> Content:
        glyphs = self.shell.glyphs
        people = glyphs.mark(one.status)
        lines = [
            Content.assemble(
                (f"pair {one.pair}  ", "$muted"), ("people: ", "$muted"),
                (f"{people.glyph} {people.word}", f"${people.token}"),
            ),
            safe_text(one.instruction, multiline=False, limit=160),
        ]  # fmt: skip
        state, said = outcome_words(one.outcome)
        if state:
            mark = glyphs.mark(_MARKS[state])
            lines.append(Content.assemble(
                (f"{mark.glyph} {state}  ", f"bold ${mark.token}"), safe_text(said, multiline=False, limit=500)
            ))  # fmt: skip
        return Content("\n").join(lines)

    # -- keys ---------------------------------------------------------------------------------------------------------

    @work(group="try", exclusive=True, exit_on_error=False, description="try the rubric on three pairs")
    async def action_try(self) -> None:
        """Ask about the three pairs."""
        if self._dataset is None:
            self._error = Content.styled("no data set is chosen: esc, then D or g d", "$text-error")
            self._show()
            return
        self._busy, self._error = True, None
        self._show()
        try:
            self._found = await asyncio.to_thread(
                try_on_three, self.shell.workspace, self.text, self._dataset, backend=self._backend
            )
        except FlywheelError as error:
            self._error = safe_text(str(error), multiline=False, limit=300, style="$text-error")
        self._busy = False
        self._show()

    @work(group="choose", exclusive=True)
    async def action_judge(self) -> None:
        """Another back end."""
        choices = [Choice(name, name, key=str(number)) for number, name in enumerate(NAMES, 1)]
        chosen = await self.app.push_screen_wait(ChoiceDialog("who judges", choices, self._backend))
        if chosen:
            self._backend = chosen
            self._show()

    def action_sent(self) -> None:
        """What is sent."""
        if self._found is not None:
            parts = [self._found.system, *(one.sent for one in self._found.pairs[:1])]
            self.app.push_screen(SentReader("\n\n".join(parts)))

    @work(group="save", exclusive=True, exit_on_error=False, description="save the rubric")
    async def action_save(self) -> None:
        """Write it as the next version."""
        try:
            text, rubric = await asyncio.to_thread(self._write, self.text)
        except FlywheelError as error:
            self._error = safe_text(str(error), multiline=False, limit=300, style="$text-error")
            self._show()
            return
        self._text, self._saved_name, self._error = text, rubric.name, None
        if text != self.text:
            area = self.query_one(TextArea)
            at = area.cursor_location
            area.load_text(text)
            area.move_cursor(at)
        self._look()

    def _write(self, text: str) -> tuple[str, Rubric]:
        workspace = self.shell.workspace
        name = parse_rubric(text, "the rubric").name
        saved = named_rubric(workspace, name) if name in rubric_files(workspace) else None
        raised = next_version(text, saved)
        return raised, save_rubric(workspace, raised, replace=True)

    @work(group="leave", exclusive=True)
    async def action_leave(self) -> None:
        """Close, not without a word about what is unsaved."""
        if self.changed:
            choices = [
                Choice("stay", "go on writing", key="g"),
                Choice("drop", "close and lose what was typed", key="d"),
            ]
            if await self.app.push_screen_wait(ChoiceDialog("this is not saved", choices, "stay")) != "drop":
                return
        self.dismiss(self._saved_name)


async def choose_rubric(app: FlywheelApp) -> str | None:
    """Ask which one: its name, "" for a new one, None for none."""
    names = sorted(await asyncio.to_thread(rubric_files, app.workspace))
    choices = [*(Choice(name, name) for name in names), Choice(_NEW, "a new rubric", "questions to begin with", "n")]
    chosen = await app.push_screen_wait(ChoiceDialog("rubric", choices))
    return "" if chosen == _NEW else chosen


def text_of(app: FlywheelApp, name: str) -> str:
    """What the editor begins with: the file as a person wrote it. Raises OSError where it is gone."""
    return rubric_files(app.workspace)[name].read_text("utf-8-sig") if name else NEW
