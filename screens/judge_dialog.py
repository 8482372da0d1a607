"""The dialog before a judge run: who judges, by which rubric, how many pairs, for how much; it says what that takes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Static

from flywheel_tui.errors import FlywheelError, UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.stages.back_ends import NAMES, BackEndState, ask_all
from flywheel_tui.stages.judge.forecast import Forecast, forecast
from flywheel_tui.stages.judge.options import JudgeOptions
from flywheel_tui.stages.rubric import rubric_files
from screens.judge_start import forecast_words, parse_budget
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

WAIT_SECONDS = 0.25
"""A forecast is made when nothing was typed for so long."""
FEW = 200
"""Data sets of so many pairs are judged whole unless something else is chosen."""
_BY_KIND = "the one for this kind of data"


class Scope(NamedTuple):
    """How many pairs: the words, and the options they stand for."""

    words: str
    estimate: bool = False
    sample: float | None = None
    retry: bool = False


SCOPES: tuple[Scope, ...] = (
    Scope("a sample first: 5 %, then what the rest would take", estimate=True),
    Scope("all that have not been judged"),
    Scope("a random tenth", sample=0.1),
    Scope("again those without a verdict", retry=True),
)


class Chooser(Widget, can_focus=True):
    """One of several on one line: left and right go round."""

    class Changed(Message):
        """Another one was chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "step(-1)", show=False),
        Binding("right,l,space", "step(1)", show=False),
    ]

    def __init__(self, words: Sequence[str], chosen: int = 0, *, id: str) -> None:
        super().__init__(id=id)
        self._words, self.chosen = list(words), chosen

    @property
    def value(self) -> str:
        """The words that are chosen."""
        return self._words[self.chosen]

    def choose(self, value: str) -> None:
        """Choose by the words."""
        if value in self._words and value != self.value:
            self.action_step(self._words.index(value) - self.chosen)

    def render(self) -> Content:
        """The words between arrows."""
        style = "bold $accent" if self.has_focus else "$muted"
        words = safe_text(self.value, multiline=False, limit=80, style="bold" if self.has_focus else "")
        return Content.assemble(("< ", style), words, (" >", style))

    def action_step(self, by: int) -> None:
        """The next one, or the one before."""
        self.chosen = (self.chosen + by) % len(self._words)
        self.refresh()
        self.post_message(self.Changed())

    def on_click(self, event: events.Click) -> None:
        """The next one."""
        self.action_step(1)


def state_words(backend: str, states: Mapping[str, BackEndState], offline: str) -> Content:
    """Who answers there; `offline` are the words about the back end that asks nobody."""
    if backend == "offline":
        return Content.styled(offline, "$edit")
    if not states:
        return Content.styled("looking which back ends answer …", "$muted")
    state = states[backend]
    if state.health is None:
        return safe_text(state.setup, multiline=False, limit=200, style="$edit")
    health = state.health
    if not state.usable:
        remedy = f"; {health.remedy}" if health.remedy else ""
        return safe_text(f"does not answer: {health.text}{remedy}", multiline=False, limit=300, style="$reject")
    models = f": {', '.join(health.models[:6])}" if health.models else ""
    return safe_text(f"{health.text}{models}", multiline=False, limit=200, style="$approve")


class JudgeDialog(ModalScreen[JudgeOptions | None]):
    """Answers with what to run, or None."""

    CSS_PATH = Path(__file__).with_name("judge_dialog.tcss")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("enter", "start", "start", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]

    def __init__(self, workspace: Workspace, dataset: str, *, pairs: int = 0, where: str = "") -> None:
        super().__init__()
        self._workspace, self._dataset, self._where = workspace, dataset, where
        self._scope = 0 if pairs > FEW else 1
        self._states: dict[str, BackEndState] = {}
        self._filled = ""
        """The model that was filled in by us: another back end may replace it."""
        self._touched = False
        self._timer: Timer | None = None
        self._found: Forecast | None = None
        self._refused = ""
        """Why there is no forecast."""

    def compose(self) -> ComposeResult:
        settings = self._workspace.settings
        rubrics = [_BY_KIND, *sorted(rubric_files(self._workspace))]
        begin = settings.default_judge_backend if settings.default_judge_backend in NAMES else NAMES[-1]
        with Vertical(classes="dialog", id="judge") as box:
            box.border_title = safe_text(f"judge {self._dataset}", multiline=False, limit=60)
            box.border_subtitle = "enter starts · up down field · left right choose · esc"
            for label, field in (
                ("back end", Chooser(NAMES, NAMES.index(begin), id="backend")),
                ("model", Input("", id="model", compact=True, placeholder="the back end's own")),
                ("rubric", Chooser(rubrics, id="rubric")),
                ("pairs", Chooser([scope.words for scope in SCOPES], self._scope, id="scope")),
                (
                    "only where",
                    Input(self._where, id="where", compact=True, placeholder="every pair; or an expression"),
                ),
                ("tag", Input("", id="tag", compact=True, placeholder="made of back end and model")),
                ("at once", Input(str(settings.judge_concurrency), id="calls", compact=True, type="integer")),
                ("budget", Input("", id="budget", compact=True, placeholder="no cap; 0.50 is dollars, 200k tokens")),
            ):
                with Horizontal(classes="field"):
                    yield Static(label, classes="label", markup=False)
                    yield field
                if label == "back end":
                    yield Static("", id="judge-state", markup=False)
            yield Static("", id="judge-forecast", markup=False)
            yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        """Look who answers; begin on the back end."""
        self.query_one("#backend").focus()
        self._look_around()
        self._later()

    # -- who answers --------------------------------------------------------------------------------------------------

    @property
    def backend(self) -> str:
        """The back end that is chosen."""
        return self.query_one("#backend", Chooser).value

    @work(group="back ends", exclusive=True, exit_on_error=False, description="look which back ends answer")
    async def _look_around(self) -> None:
        self._show_state()
        states = await asyncio.to_thread(ask_all, self._workspace.settings)
        self._states = {state.name: state for state in states}
        settings = self._workspace.settings
        if not self._touched and settings.default_judge_backend not in NAMES:
            first = next((state.name for state in states if state.usable and state.name != "local"), NAMES[-1])
            self.query_one("#backend", Chooser).choose(first)
            self._touched = False
        self._show_state()
        self._fill_model()

    def _show_state(self) -> None:
        self.query_one("#judge-state", Static).update(self._state_words())  # safe: made of safe_text

    def _state_words(self) -> Content:
        return state_words(
            self.backend, self._states, "fixed rules, no model: they see form, not whether an answer is right"
        )

    def _fill_model(self) -> None:
        """The model of this back end, unless a person typed one."""
        field, settings = self.query_one("#model", Input), self._workspace.settings
        if field.value and field.value != self._filled:
            return
        health = self._states[self.backend].health if self.backend in self._states else None
        listed = health.models[0] if health is not None and health.models and self.backend != "openrouter" else ""
        set_in = getattr(settings, f"{self.backend}_model", "")
        self._filled = "" if self.backend == "offline" else set_in or listed
        field.value = self._filled

    # -- what it takes ------------------------------------------------------------------------------------------------

    @on(Chooser.Changed)
    @on(Input.Changed)
    def _changed(self) -> None:
        self.query_one(".dialog-hint", Static).update("")
        self._found, self._refused = None, ""
        self._later()

    @on(Chooser.Changed)
    def _chosen(self) -> None:
        self._touched = True
        self._show_state()
        self._fill_model()

    def _later(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(WAIT_SECONDS, self._forecast)

    def options(self) -> JudgeOptions:
        """What the fields say. Raises UsageError."""
        scope = SCOPES[self.query_one("#scope", Chooser).chosen]
        rubric = self.query_one("#rubric", Chooser)
        values = {name: self.query_one(f"#{name}", Input).value.strip() for name in ("model", "tag", "where", "calls")}
        usd, tokens = parse_budget(self.query_one("#budget", Input).value)
        offline = self.backend == "offline"
        if values["where"]:
            parse(values["where"])
        if not values["calls"].isdecimal():
            raise UsageError("at once: a number of calls from 1 to 1024")
        return JudgeOptions(
            dataset=self._dataset, backend=self.backend, model="" if offline else values["model"], tag=values["tag"],
            rubric="" if rubric.chosen == 0 else rubric.value, where=values["where"] or None, sample=scope.sample,
            estimate=scope.estimate, retry=scope.retry, concurrency=int(values["calls"]), budget_usd=usd,
            budget_tokens=tokens,
        ).checked()  # fmt: skip

    @work(group="forecast", exclusive=True, exit_on_error=False, description="say what a judge run would take")
    async def _forecast(self) -> None:
        box = self.query_one("#judge-forecast", Static)
        self._found = None
        try:
            found = await asyncio.to_thread(forecast, self._workspace, self.options())
        except FlywheelError as error:
            self._refused = str(error)
            box.update(safe_text(str(error), multiline=False, limit=400, style="$text-error"))
            return
        self._found = found
        box.update(forecast_words(found))  # safe: our own words and safe_text

    # -- answers ------------------------------------------------------------------------------------------------------

    @on(Input.Submitted)
    def action_start(self) -> None:
        """Run it, where it can be run."""
        try:
            options = self.options()
        except FlywheelError as error:
            problem = str(error)
        else:
            problem = self._found.problem if self._found is not None else self._refused
            if self._found is not None and not problem and not self._found.pairs:
                problem = "no pair is left to be asked about"
        if problem:
            self.query_one(".dialog-hint", Static).update(safe_text(problem, style="$text-error"))
            return
        self.dismiss(options)

    def action_cancel(self) -> None:
        """Run nothing."""
        self.dismiss(None)
