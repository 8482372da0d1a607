"""The dialog before rows are generated: recipe, seeds, teachers, how many, for how much; a preview on demand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, Static

from flywheel_tui.errors import FlywheelError, NotFoundError, UsageError
from flywheel_tui.stages.back_ends import NAMES, BackEndState, ask_all
from flywheel_tui.stages.generate.options import GenerateOptions, Price, teacher_of
from flywheel_tui.stages.generate.recipe import Recipe, load_recipes
from screens.generate_start import PreviewScreen, placed, price_words
from screens.judge_dialog import Chooser, state_words
from screens.judge_start import parse_budget
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

WAIT_SECONDS = 0.3
"""A price is reckoned when nothing was typed for so long."""
PREVIEW_ROWS = 3
_SEEDS = {
    "nothing": "none needed",
    "documents": "a folder of documents, or a data set",
}


def default_words(default: object) -> str:
    """What holds where a field is left empty, as people write it."""
    if isinstance(default, bool):
        return "yes; or no" if default else "no; or yes"
    return "one of " + ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)


class GenerateDialog(ModalScreen[GenerateOptions | None]):
    """Answers with what to make, or None."""

    CSS_PATH = Path(__file__).with_name("generate_dialog.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("enter", "start", "start", show=False),
        Binding("f3", "preview", "preview", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(
        self, workspace: Workspace, into: str = "", *, recipe: str = "self-instruct", seeds: str = "", **settings: str
    ) -> None:
        super().__init__()
        self._workspace, self._into, self._seeds, self._settings = workspace, into, seeds, settings
        self._recipes: dict[str, type[Recipe]] = dict(sorted(load_recipes(external=True).items()))
        self._begin = recipe if recipe in self._recipes else next(iter(self._recipes))
        self._most = max(len(cls.options) for cls in self._recipes.values())
        self._states: dict[str, BackEndState] = {}
        self._timer: Timer | None = None
        self._price: Price | None = None
        self._refused = ""
        """Why there is no price."""
        self._agreed: GenerateOptions | None = None
        """The preview whose cost has been said."""
        self._asked_early = False
        """A preview was asked for while the price was being reckoned."""

    def compose(self) -> ComposeResult:
        names = list(self._recipes)
        settings = self._workspace.settings
        backend = settings.default_judge_backend if settings.default_judge_backend in NAMES else NAMES[-1]
        with Vertical(classes="dialog", id="generate") as box:
            box.border_title = safe_text("generate rows", multiline=False)
            box.border_subtitle = "enter starts · f3 preview · up down field · left right choose · esc"
            for label, field in (
                ("recipe", Chooser(names, names.index(self._begin), id="recipe")),
                ("seeds", Input(self._seeds, id="seeds", compact=True)),
                (
                    "into",
                    Input(self._into, id="into", compact=True, placeholder="a data set, made where it is missing"),
                ),
                ("back end", Chooser(NAMES, NAMES.index(backend), id="backend")),
                (
                    "teachers",
                    Input("", id="models", compact=True, placeholder="its own; or model, back end:model, …"),
                ),
                ("rows", Input("100", id="count", compact=True, type="integer")),
                ("temperature", Input("", id="temperature", compact=True, placeholder="by template; 0 to 2")),
                ("budget", Input("", id="budget", compact=True, placeholder="no cap; 0.50 is dollars, 200k tokens")),
            ):
                with Horizontal(classes="field"):
                    yield Static(label, classes="label", markup=False)
                    yield field
                if label == "recipe":
                    yield Static("", id="generate-about", markup=False)
                if label == "back end":
                    yield Static("", id="generate-state", markup=False)
            for number in range(self._most):
                with Horizontal(classes="field -absent", id=f"setting-{number}"):
                    yield Static("", classes="label", markup=False)
                    yield Input("", compact=True)
            yield Static("", id="generate-forecast", markup=False)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Look who answers; begin on the recipe."""
        self.query_one("#recipe").focus()
        self._show_recipe()
        self._look_around()
        self._later()

    # -- the recipe and who answers -----------------------------------------------------------------------------------

    @property
    def recipe(self) -> type[Recipe]:
        """The recipe that is chosen."""
        return self._recipes[self.query_one("#recipe", Chooser).value]

    @property
    def backend(self) -> str:
        """The back end for teachers that name none."""
        return self.query_one("#backend", Chooser).value

    def _show_recipe(self) -> None:
        """What it is for, and its own fields; no other recipe's."""
        cls = self.recipe
        about = f"{cls.about} Makes {cls.kind} rows."
        self.query_one("#generate-about", Static).update(safe_text(about, multiline=False, limit=300))
        self.query_one("#seeds", Input).placeholder = _SEEDS.get(
            cls.needs, "a data set, a file, a shipped list, or words between commas"
        )
        names = list(cls.options)
        for number in range(self._most):
            row = self.query_one(f"#setting-{number}")
            row.set_class(number >= len(names), "-absent")
            field = row.query_one(Input)
            field.disabled = number >= len(names)
            field.value = ""
            if number < len(names):
                default = cls.options[names[number]]
                choices = default_words(default)
                hint = cls.hints.get(names[number], "")
                words = names[number].replace("_", " ")
                row.query_one(".label", Static).update(safe_text(words, multiline=False, limit=13))
                field.placeholder = "; ".join(part for part in (choices, hint) if part)
                field.value = self._settings.get(names[number], "")

    @work(group="back ends", exclusive=True, exit_on_error=False, description="look which back ends answer")
    async def _look_around(self) -> None:
        self._show_state()
        states = await asyncio.to_thread(ask_all, self._workspace.settings)
        self._states = {state.name: state for state in states}
        self._show_state()

    def _show_state(self) -> None:
        models = [name.strip() for name in self.query_one("#models", Input).value.split(",") if name.strip()]
        if models and all(teacher_of(name, "").backend for name in models):
            self.query_one("#generate-state", Static).update("is not asked: every teacher names its own")
            return
        words = state_words(self.backend, self._states, "makes rows by template, no model: every row says so")
        self.query_one("#generate-state", Static).update(words)  # safe: made of safe_text

    # -- what it takes ------------------------------------------------------------------------------------------------

    @on(Chooser.Changed)
    def _chosen(self, event: Chooser.Changed) -> None:
        self._show_state()
        if self.query_one("#recipe").has_focus:
            self._show_recipe()
        self._changed()

    @on(Input.Changed, "#models")
    def _teachers(self) -> None:
        self._show_state()

    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one(".dialog-hint", Static).update("")
        self._price, self._refused, self._agreed, self._asked_early = None, "", None, False
        self._later()

    def _later(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(WAIT_SECONDS, self._reckon)

    def options(self) -> GenerateOptions:
        """What the fields say; without a data set as for an estimate. Raises UsageError."""
        fields = ("seeds", "into", "models", "count", "temperature", "budget")
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in fields}
        usd, tokens = parse_budget(values["budget"])
        if not values["count"].isdecimal() or not values["count"].isascii():
            raise UsageError("rows: a number from 1 up")
        try:
            temperature = float(values["temperature"]) if values["temperature"] else None
        except ValueError:
            raise UsageError("temperature: a number between 0 and 2 such as 0.7") from None
        own: dict[str, Any] = {}
        for number, name in enumerate(self.recipe.options):
            if value := self.query_one(f"#setting-{number}").query_one(Input).value.strip():
                own[name] = placed(value)
        seeds = "" if self.recipe.instead_of_seeds else placed(values["seeds"])
        models = tuple(name.strip() for name in values["models"].split(",") if name.strip())
        return GenerateOptions(
            recipe=self.recipe.name, into=values["into"], seeds=seeds, count=int(values["count"]),
            backend=self.backend, models=models, temperature=temperature, budget_usd=usd, budget_tokens=tokens,
            options=own,
        )  # fmt: skip

    def _by_templates(self, options: GenerateOptions) -> bool:
        return all(teacher.backend == "offline" for teacher in options.teachers())

    @work(group="price", exclusive=True, exit_on_error=False, description="say what the rows would take")
    async def _reckon(self) -> None:
        from flywheel_tui.stages.generate.run import estimated

        box = self.query_one("#generate-forecast", Static)
        try:
            options = self.options()
            report = await asyncio.to_thread(
                estimated, self._workspace, msgspec.structs.replace(options, estimate=True).checked()
            )
        except FlywheelError as error:
            self._refused = str(error)
            # half a name is no mistake while it is typed
            typing = isinstance(error, NotFoundError) and self.query_one("#seeds").has_focus
            box.update(safe_text(str(error), multiline=False, limit=400, style="$muted" if typing else "$text-error"))
            return
        self._price = report.price
        if report.price is not None:
            price = price_words(report.price, by_templates=self._by_templates(options))
            seeds = safe_text(f"; {report.seeds}" if report.seeds else "", multiline=False, limit=160, style="$muted")
            box.update(Content.assemble(price, seeds))  # safe: our own words, and safe_text
        if self._asked_early:
            self._asked_early = False
            self.action_preview()

    # -- preview and answers ------------------------------------------------------------------------------------------

    def action_preview(self) -> None:
        """Say what a few rows cost; the second press asks for them. Templates cost nothing and are asked at once."""
        try:
            options = msgspec.structs.replace(self.options(), preview=PREVIEW_ROWS).checked()
        except FlywheelError as error:
            self._say(safe_text(str(error), style="$text-error"))
            return
        if self._price is None:
            self._asked_early = not self._refused
            self._say(safe_text(self._refused or "the price is being reckoned …", style="$edit"))
            return
        if not self._by_templates(options) and self._agreed != options:
            self._agreed = options
            words = price_words(self._price, by_templates=False, rows=PREVIEW_ROWS)
            self._say(Content.assemble("preview: ", words, "; f3 again asks"))
            return
        self._make_preview(options)

    @work(group="preview", exclusive=True, exit_on_error=False, description="make a few rows to look at")
    async def _make_preview(self, options: GenerateOptions) -> None:
        from flywheel_tui.stages.generate.run import generate

        self._say(Content(f"making {PREVIEW_ROWS} rows …"))
        try:
            report = await asyncio.to_thread(generate, self._workspace, options)
        except FlywheelError as error:
            self._say(safe_text(str(error), limit=400, style="$text-error"))
            return
        self._say(Content(""))
        if self.is_current:
            self.app.push_screen(PreviewScreen(report))

    def _say(self, words: Content) -> None:
        self.query_one(".dialog-hint", Static).update(words)  # safe: made of safe_text

    @on(Input.Submitted)
    def action_start(self) -> None:
        """Make them, where they can be made."""
        try:
            options = self.options().checked()
        except FlywheelError as error:
            self._say(safe_text(str(error), limit=400, style="$text-error"))
            return
        self._start(options)

    @work(group="start", exclusive=True, exit_on_error=False, description="look whether the rows can be made")
    async def _start(self, options: GenerateOptions) -> None:
        from flywheel_tui.stages.generate.run import check

        try:
            await asyncio.to_thread(check, self._workspace, options)
        except FlywheelError as error:
            self._say(safe_text(str(error), limit=400, style="$text-error"))
            return
        if self.is_current:
            self.dismiss(options)

    def action_cancel(self) -> None:
        """Make nothing."""
        self.dismiss(None)
