"""The dialogs that screens share: yes or no, a line of text, one of several.

Use them with `await self.app.push_screen_wait(...)` inside a `@work` method. `escape` always answers None (no).
Titles and choices are shown as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, OptionList, Static
from textual.widgets.option_list import Option

from screens.safe import safe_text


class ConfirmDialog(ModalScreen[bool]):
    """A question with two answers; the focus is on the safe one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,n", "answer(False)", "no"),
        Binding("y", "answer(True)", "yes"),
        Binding("left,right", "app.focus_next", "other", show=False),
    ]

    def __init__(self, title: str, text: str | Content, yes: str = "Yes", no: str = "No") -> None:
        super().__init__()
        self._title, self._text, self._yes, self._no = title, text, yes, no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = safe_text(self._title, multiline=False)
            yield Static(
                self._text if isinstance(self._text, Content) else safe_text(self._text), classes="dialog-text"
            )
            with Horizontal(classes="dialog-buttons"):
                yield Button(Content(f"{self._no} (n)"), id="no", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", compact=True)

    def on_mount(self) -> None:
        """Focus on the safe answer."""
        self.query_one("#no").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, answer: bool) -> None:
        """Answer by a letter."""
        self.dismiss(answer)


class TextDialog(ModalScreen[str | None]):
    """A line of text; `check` returns what is wrong with it, or ''."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "cancel", "cancel")]

    def __init__(
        self,
        title: str,
        value: str = "",
        *,
        hint: str = "",
        check: Callable[[str], str] | None = None,
        placeholder: str = "",
    ) -> None:
        super().__init__()
        self._title, self._value, self._hint = title, value, hint
        self._check, self._placeholder = check, placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = safe_text(self._title, multiline=False)
            box.border_subtitle = "enter takes it · esc cancels"
            yield Input(self._value, placeholder=self._placeholder, compact=True)
            yield Static(safe_text(self._hint), classes="dialog-hint")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        problem = self._check(event.value) if self._check and event.value else ""
        hint = self.query_one(".dialog-hint", Static)
        hint.update(safe_text(problem, style="$text-error") if problem else safe_text(self._hint))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        if problem := self._check(event.value) if self._check else "":
            self.query_one(".dialog-hint", Static).update(safe_text(problem, style="$text-error"))
            return
        self.dismiss(event.value)

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)


class Choice(NamedTuple):
    """One of several: what is answered, what is shown, a remark, and a letter that chooses it at once."""

    id: str
    words: str
    about: str = ""
    key: str = ""


class ChoiceDialog(ModalScreen[str | None]):
    """One of several: arrows and enter, or the letter in front of it. Answers the id of the choice."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("j", "move(1)", show=False),
        Binding("k", "move(-1)", show=False),
    ]

    def __init__(self, title: str, choices: Sequence[Choice], current: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._choices, self._current, self._hint = title, choices, current, hint
        for choice in choices:
            if choice.key:
                self._bindings.bind(choice.key, f"pick({choice.id!r})", choice.words, show=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = safe_text(self._title, multiline=False)
            box.border_subtitle = "enter takes it · esc cancels"
            options: list[Option] = []
            widest = max((len(choice.words) for choice in self._choices), default=0)
            for choice in self._choices:
                line = Content.assemble(
                    (f"{choice.key or ' '} ", "bold $accent"),
                    safe_text(choice.words, multiline=False, limit=80),
                    " " * (min(widest, 80) - len(choice.words) + 2),
                    safe_text(choice.about, multiline=False, limit=120, style="$muted"),
                )
                options.append(Option(line, id=f"choice-{len(options)}"))
            yield OptionList(*options, compact=True, markup=False)
            if self._hint:
                yield Static(safe_text(self._hint), classes="dialog-hint")

    def on_mount(self) -> None:
        """Start on what holds now."""
        ids = [choice.id for choice in self._choices]
        self.query_one(OptionList).highlighted = ids.index(self._current) if self._current in ids else 0

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index].id)

    def action_pick(self, choice: str) -> None:
        """Chosen by its letter."""
        self.dismiss(choice)

    def action_move(self, by: int) -> None:
        """Move as the arrows do."""
        options = self.query_one(OptionList)
        if by > 0:
            options.action_cursor_down()
        else:
            options.action_cursor_up()

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.dismiss(None)
