"""The dialog before a run of cycles: what to begin from, how pairs are made and judged, how far, for how much."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from flywheel_tui.cycle import desk
from flywheel_tui.cycle.options import TRAIN, Budget, CycleOptions
from flywheel_tui.errors import FlywheelError, UsageError
from flywheel_tui.stages.back_ends import NAMES
from screens.judge_dialog import Chooser
from screens.judge_start import parse_budget
from screens.safe import safe_text

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SETTINGS = "as in the settings"
MORE_HINT = "0.50 is dollars, 200k tokens, 30 min; several parted by commas"
_MINUTES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(min|minutes?|h|hours?)\s*")


def parse_limits(text: str) -> Budget:
    """A budget of what a person typed: dollars, tokens, minutes, parted by commas. Raises UsageError."""
    found: dict[str, float | int] = {}
    for part in text.split(","):
        if minutes := _MINUTES.fullmatch(part):
            found["minutes"] = float(minutes[1]) * (60 if minutes[2].startswith("h") else 1)
            continue
        usd, tokens = parse_budget(part)
        found |= {name: value for name, value in (("usd", usd), ("tokens", tokens)) if value is not None}
    return Budget(**found).checked("budget")  # type: ignore[arg-type]


class StartDialog(ModalScreen[CycleOptions | None]):
    """Answers with what to turn, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "cancel"),
        Binding("enter", "start", "start", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("down", "app.focus_next", show=False),
    ]
    CSS_PATH = Path(__file__).with_name("cycles.tcss")

    def __init__(self, workspace: Workspace) -> None:
        super().__init__()
        self._workspace = workspace

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog", id="cycles-start") as box:
            box.border_title = "begin a run of cycles"
            box.border_subtitle = "enter begins · up down field · left right choose · esc"
            for label, field in self._fields():
                with Horizontal(classes="field"):
                    yield Static(Content(label), classes="label", markup=False)
                    yield field
            yield Static("", classes="dialog-hint", markup=False)

    def _fields(self) -> list[tuple[str, Widget]]:
        settings, recipes = self._workspace.settings, desk.recipes()
        first = recipes.index("instruction") if "instruction" in recipes else 0
        backs = [SETTINGS, *NAMES]

        def line(id: str, value: str = "", words: str = "", kind: str = "text") -> Input:
            return Input(value, id=id, compact=True, placeholder=words, type=kind)  # type: ignore[arg-type]

        return [
            ("seeds", line("seeds", words="parted by commas; none: the approved scenarios alone")),
            ("grows", line("into", "flywheel", "the data set that grows")),
            ("recipe", Chooser(recipes, first, id="recipe")),
            ("pairs", line("count", words="in each cycle; none: one a seed", kind="integer")),
            ("made by", Chooser(backs, id="backend")),
            ("model", line("model", words="the back end's own")),
            ("judged by", Chooser(backs, id="judge_backend")),
            ("judge model", line("judge_model", words="the back end's own")),
            ("cycles", line("max_cycles", str(settings.max_cycles), "at most", "integer")),
            ("labels", line("labels", words="asked in each cycle; none: 0, or 20 to train", kind="integer")),
            ("train", Chooser(TRAIN, id="train")),
            ("base model", line("base", words="a folder; only where something is trained")),
            ("held out", line("heldout", words="data sets nothing may repeat; the first measures what is trained")),
            ("budget", line("budget", words="no cap; 0.50 is dollars, 200k tokens, 30 min; or several")),
        ]  # fmt: skip

    def on_mount(self) -> None:
        """Begin with the seeds."""
        self.query_one("#seeds").focus()

    def options(self) -> CycleOptions:
        """What the fields say. Raises UsageError."""

        def text(name: str) -> str:
            return self.query_one(f"#{name}", Input).value.strip()

        def number(name: str, otherwise: int | None) -> int | None:
            if not (said := text(name)):
                return otherwise
            if not said.isdecimal():
                raise UsageError(f"{said!r} is no number from 0 up")
            return int(said)

        def chosen(name: str) -> str:
            value = self.query_one(f"#{name}", Chooser).value
            return "" if value == SETTINGS else value

        return CycleOptions(
            seeds=tuple(part.strip() for part in text("seeds").split(",") if part.strip()),
            into=text("into") or "flywheel", recipe=chosen("recipe"), count=number("count", 0) or 0,
            backend=chosen("backend"), model=text("model"), judge_backend=chosen("judge_backend"),
            judge_model=text("judge_model"), labels=number("labels", None), train=chosen("train"), base=text("base"),
            heldout=tuple(part.strip() for part in text("heldout").split(",") if part.strip()),
            max_cycles=number("max_cycles", None) or self._workspace.settings.max_cycles,
            budget=parse_limits(text("budget")),
        )  # fmt: skip

    @on(Input.Changed)
    @on(Chooser.Changed)
    def _changed(self) -> None:
        self._say("")

    def _say(self, problem: str) -> None:
        self.query_one(".dialog-hint", Static).update(safe_text(problem, style="$text-error"))

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_start()

    @work(group="check", exclusive=True, exit_on_error=False, description="check a run of cycles")
    async def action_start(self) -> None:
        """Begin, where it can begin."""
        try:
            options = self.options()
            found = await asyncio.to_thread(desk.checked_start, self._workspace, options)
        except FlywheelError as error:
            self._say(str(error))
        else:
            self.dismiss(found)

    def action_cancel(self) -> None:
        """Begin nothing."""
        self.dismiss(None)
