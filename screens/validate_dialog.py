"""The dialog before a validation: which checks, what they are about, and the choices that matter most."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from flywheel_tui.errors import FlywheelError
from flywheel_tui.expressions import parse
from flywheel_tui.stages.validate import ValidateOptions
from flywheel_tui.stages.validate.overview import check_options
from screens.glyphs import Glyphs
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.overview import CheckChoice

Policy = Literal["strict", "warn", "off"]
POLICIES: tuple[Policy, ...] = ("strict", "warn", "off")
_POLICY_WORDS = {
    "strict": "personal data is an error",
    "warn": "personal data is a warning",
    "off": "not looked for",
}


_LINE = 70
"""Cells of a line: each check has one, what it is about in full stands below."""


class CheckPicker(OptionList):
    """Lines with a tick: space sets and takes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "tick", "tick", show=False),
        Binding("j", "cursor_down", show=False),
        Binding("k", "cursor_up", show=False),
    ]

    def __init__(self, choices: tuple[CheckChoice, ...], glyphs: Glyphs) -> None:
        self._choices, self._glyphs = choices, glyphs
        self.ticked = {choice.name for choice in choices if choice.ticked}
        self._widest = max((len(choice.name) for choice in choices), default=0)
        options = [Option(self._line(choice)) for choice in choices]
        super().__init__(*options, compact=True, markup=False)

    def _line(self, choice: CheckChoice) -> Content:
        on = choice.name in self.ticked
        sign = self._glyphs.mark("approved").glyph if on else " "
        return Content.assemble(
            ("[", "$muted"),
            (sign, "bold $accent"),
            ("] ", "$muted"),
            safe_text(f"{choice.name:<{self._widest}}  ", multiline=False, limit=60, style="bold" if on else ""),
            safe_text(choice.about, multiline=False, limit=120, style="$muted"),
        ).truncate(_LINE, ellipsis=True)

    def action_tick(self) -> None:
        """Tick the check at the cursor, or take its tick, and go on."""
        at = self.highlighted
        if at is not None:
            self.ticked ^= {self._choices[at].name}
            self._draw(at)
            if at + 1 < len(self._choices):
                self.action_cursor_down()

    def action_all(self) -> None:
        """Tick all of them; where all are, none."""
        names = {choice.name for choice in self._choices}
        self.ticked = set() if self.ticked == names else names
        for at in range(len(self._choices)):
            self._draw(at)

    def _draw(self, at: int) -> None:
        self.replace_option_prompt_at_index(at, self._line(self._choices[at]))


class ValidateDialog(ModalScreen[ValidateOptions | None]):
    """Answers with what to run, or None."""

    CSS_PATH = Path(__file__).with_name("validation.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("a", "all", "all checks", show=False),
        Binding("p", "policy", "personal data", show=False),
        Binding("w", "again", "which pairs", show=False),
    ]

    def __init__(
        self,
        dataset: str,
        choices: tuple[CheckChoice, ...],
        glyphs: Glyphs,
        *,
        policy: str = "warn",
        language: str = "",
    ) -> None:
        super().__init__()
        self._dataset, self._choices, self._glyphs = dataset, choices, glyphs
        self._policy: Policy = next((each for each in POLICIES if each == policy), "warn")
        self._language = language
        self._every_pair = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="validate") as box:
            box.border_title = safe_text(f"validate {self._dataset}", multiline=False)
            box.border_subtitle = "enter starts · space ticks · tab next field · esc cancels"
            yield CheckPicker(self._choices, self._glyphs)
            yield Static("", id="validate-about")
            yield Static("", id="validate-choices")
            with Horizontal(classes="field"):
                yield Static("language", classes="label")
                yield Input(self._language, id="language", compact=True, placeholder="any; or en, de, fr …")
            with Horizontal(classes="field"):
                yield Static("only pairs", classes="label")
                yield Input("", id="where", compact=True, placeholder="every pair; or an expression: length > 2000")
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Begin on the checks."""
        picker = self.query_one(CheckPicker)
        picker.highlighted = 0
        picker.focus()
        self._show()

    @on(OptionList.OptionHighlighted)
    def _highlighted(self, event: OptionList.OptionHighlighted) -> None:
        about = self._choices[event.option_index].about
        self.query_one("#validate-about", Static).update(safe_text(about, limit=300, style="$muted"))

    def _show(self) -> None:
        pairs = "every pair again" if self._every_pair else "new and changed pairs; what is known stays"
        lines = [
            Content.assemble(
                ("personal data ", "$muted"), ("p ", "bold $accent"), (self._policy, "bold"),
                (f"  {_POLICY_WORDS[self._policy]}", "$muted"),
            ),
            Content.assemble(("look at       ", "$muted"), ("w ", "bold $accent"), pairs),
        ]  # fmt: skip
        self.query_one("#validate-choices", Static).update(Content("\n").join(lines))

    def action_policy(self) -> None:
        """Strict, warn, off."""
        self._policy = POLICIES[(POLICIES.index(self._policy) + 1) % len(POLICIES)]
        self._show()

    def action_again(self) -> None:
        """New pairs, or every pair."""
        self._every_pair = not self._every_pair
        self._show()

    def action_all(self) -> None:
        """All checks, or none."""
        self.query_one(CheckPicker).action_all()

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one(".dialog-hint", Static).update("")

    @on(OptionList.OptionSelected)
    @on(Input.Submitted)
    def _submitted(self) -> None:
        ticked = self.query_one(CheckPicker).ticked
        where = self.query_one("#where", Input).value.strip()
        language = self.query_one("#language", Input).value.strip().lower()
        options = {"language": {"expected": language}} if language and "language" in ticked else {}
        problem = "" if ticked else "tick at least one check: space, or a for all"
        try:
            if where:
                parse(where)
            for name, chosen in options.items():
                check_options(name, chosen)
        except FlywheelError as error:
            problem = str(error)
        if problem:
            self.query_one(".dialog-hint", Static).update(safe_text(problem, style="$text-error"))
            return
        # unnamed, a check that lacks its package is left out and said; named, it is an error
        usual = {choice.name for choice in self._choices if choice.default}
        names = None if ticked == usual else tuple(choice.name for choice in self._choices if choice.name in ticked)
        self.dismiss(
            ValidateOptions(
                dataset=self._dataset, checks=names,
                options=options, where=where or None, again=self._every_pair,
                pii_policy=self._policy,
            )
        )  # fmt: skip

    def action_cancel(self) -> None:
        """Run nothing."""
        self.dismiss(None)
