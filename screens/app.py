"""The workstation's shell: places, themes, keymap, the header's facts, and the bridge to the store. No feature.

To add a screen see `screens/places.py`; its keys go to `screens/acts/`; `screens/work_screen.py` says what the
shell calls. Style sheets: `NAME.tcss` beside `NAME.py`, named in the screen's `CSS_PATH`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, work
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.reactive import reactive
from textual.screen import Screen

from flywheel_tui.errors import FlywheelError
from flywheel_tui.identity import now_us
from flywheel_tui.stages import views
from flywheel_tui.text import visible
from screens.bindings import bindings_of, check_keymap, key_of, show_key
from screens.bridge import POLL_SECONDS, StoreBridge
from screens.glyphs import SIGNS, Glyphs
from screens.key_line import KeyEnd, KeyLine, Typed
from screens.palette import ActProvider
from screens.places import PANELS, PLACES, BrowseRequest, LabelRequest, load, place_named
from screens.terminal import run
from screens.themes import ROW_CURSOR, THEMES, TOKEN_DEFAULTS
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.store.views import ViewQuery
    from flywheel_tui.workspace import Workspace


class FlywheelApp(StoreBridge):
    """The workstation over one workspace."""

    TITLE = "flywheel"
    CSS_PATH = Path(__file__).with_name("app.tcss")
    COMMANDS: ClassVar[set[Any]] = {ActProvider}
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("app")
    ENABLE_COMMAND_PALETTE = True

    dataset: reactive[str] = reactive("")

    def __init__(
        self,
        workspace: Workspace,
        *,
        dataset: str | None = None,
        reviewer: str | None = None,
        clock: Callable[[], int] = now_us,
        start: str = "",
        request: BrowseRequest | LabelRequest | None = None,
        worker: bool = True,
    ) -> None:
        """`clock` gives microseconds UTC; `start` names the place to begin with, `request` what to show there;
        `worker=False` starts no worker process for what is put in the queue here.

        Raises NotFoundError for an unknown data set, InputError for settings that are off.
        """
        no_color = bool(os.environ.get("NO_COLOR"))
        super().__init__()
        self.workspace, self.clock, self.worker = workspace, clock, worker
        self.settings = workspace.settings
        check_keymap(self.settings.keymap)
        self.reviewer = reviewer or workspace.reviewer
        self.glyphs = Glyphs(self.settings.glyphs == "ascii")
        self.crash_folder = workspace.root / "reports"
        self._trail: list[str] = []
        self._key_line = KeyLine(self, self._deliver, self._handle_exception)
        self._goto_keys = key_of("app.goto", self.settings.keymap).split(",")
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "flywheel-mono" if no_color else self._known_theme(self.settings.theme)
        for place in PLACES:
            self.add_mode(place.name, place.make)
        names = [row.name for row in views.list_datasets(workspace)]
        if dataset is not None:
            views.get_dataset(workspace, dataset)
        self.set_reactive(FlywheelApp.dataset, dataset or (names[0] if len(names) == 1 else ""))
        self._start, self._request = start or ("browse" if dataset else "datasets"), request
        self._problem = self._problem_with_theme(self.settings.theme)

    # -- look

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tokens, for themes that do not name them."""
        return TOKEN_DEFAULTS | {"row-cursor": ROW_CURSOR[self.current_theme.dark]}

    def get_line_filters(self) -> Sequence[LineFilter]:
        """In ASCII where the settings say so, whatever widget a line comes from."""
        filters = super().get_line_filters()
        return [*filters, SIGNS] if self.glyphs.ascii else filters

    def _known_theme(self, name: str) -> str:
        return name if name in self.available_themes else THEMES[0].name

    def _problem_with_theme(self, name: str) -> str:
        return "" if name in self.available_themes else f"no theme named {name!r} (flywheel.toml); using {self.theme}"

    def action_next_theme(self) -> None:
        """Go round the three themes."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]
        self.hint(f"theme {self.theme}; keep it with theme = {self.theme!r} in flywheel.toml")

    # -- life

    async def on_mount(self) -> None:
        """Take the keymap, go to the first place, begin to listen to the store."""
        self.set_keymap(self.settings.keymap)
        await self.go(self._start, self._request)
        self.set_interval(POLL_SECONDS, self.poll)
        if self._problem:
            self.call_after_refresh(self.hint, self._problem)

    @property
    def facts(self) -> list[str]:
        """What the header tells, the least important first."""
        facts = [
            self.workspace.root.name or str(self.workspace.root),
            f"reviewer {self.reviewer}",
            self.dataset,
            self.jobs_under_way,
            f"! {self.back_ends_down}" if self.back_ends_down else "",
        ]
        return [visible(fact, multiline=False, limit=40) for fact in facts if fact]

    def watch_dataset(self) -> None:
        """Draw the header again."""
        self.refresh_chrome()

    # -- getting about

    async def go(self, name: str, request: Any = None, *, back: bool = False) -> None:
        """Show a place and tell it what was asked for; unless going `back`, escape returns here."""
        if place_named(name) is None:
            self.hint(f"there is no place named {name}")
            return
        if not back and (base := self.base_screen) is not None and name != base.PLACE:
            self._trail = [*(before for before in self._trail if before != base.PLACE), base.PLACE]
            if not self.dataset:
                self.dataset = base.offered(name)
        await self.switch_mode(name)
        if (base := self.base_screen) is not None:
            base.refresh_chrome()  # what the header tells may have changed while another place was shown
            base.arrive(request)

    async def action_go(self, name: str) -> None:
        """Go to a place."""
        await self.go(name)

    async def action_neighbour(self, by: int) -> None:
        """Go to the tab on the left (-1) or right (1)."""
        names = [place.name for place in PLACES]
        base = self.base_screen
        at = names.index(base.PLACE) if base is not None and base.PLACE in names else 0
        await self.go(names[(at + by) % len(names)])

    async def on_event(self, event: events.Event) -> None:
        """Keys go one after the other; where the screen lets them wait itself, it does."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif self._key_line.busy or not (isinstance(self.screen, WorkScreen) and self.screen.KEYS_IN_LINE):
            await self._key_line.put(event)
        else:
            await self._deliver(event)

    async def _deliver(self, event: Typed) -> None:
        """`g` opens its panel before the next key is looked at: `g l`, typed fast, must do nothing else."""
        if isinstance(event, events.Key) and self._is_goto(event.key):
            await self.action_goto()
        else:
            await super().on_event(event)

    def on_key_end(self, message: KeyEnd) -> None:
        """The key before this has come through."""
        message.stop()
        message.arrived = True

    def on_unmount(self) -> None:
        """No key is waited for any more."""
        self._key_line.stop()

    def _is_goto(self, key: str) -> bool:
        base = self.base_screen
        if key not in self._goto_keys or base is None or self.screen is not base or base.KEYS_IN_LINE:
            return False
        return self.focused is None or not self.focused.check_consume_key(key, key if len(key) == 1 else None)

    async def action_goto(self) -> None:
        """Ask for the next letter."""
        from screens.goto import GotoScreen

        def chosen(name: str | None) -> None:
            if name:
                self.run_worker(self.go(name), group="goto", exclusive=True, exit_on_error=False, description="go to")

        await self.push_screen(GotoScreen(), chosen)

    async def action_back(self) -> None:
        """Go to the place one came from."""
        if self._trail:
            await self.go(self._trail.pop(), back=True)
        else:
            self.hint("nowhere to step back to; q leaves")

    def action_help_quit(self) -> None:
        """ctrl+c ends many a program, and here nothing: say what does."""
        keys = key_of("app.quit", self.settings.keymap).split(",")
        self.hint(f"{' or '.join(show_key(key) for key in keys)} leaves; everything decided is on disk")

    def action_help(self) -> None:
        """Every key of this screen."""
        from screens.help import HelpScreen, keys_by_id

        base = self.base_screen
        place = place_named(base.PLACE) if base is not None else None
        self.push_screen(HelpScreen(keys_by_id(self.screen), place.title if place else "keys"))

    @work(group="rubric", exclusive=True, exit_on_error=False, description="open a rubric")
    async def action_rubric(self) -> None:
        """Choose a rubric and edit it."""
        from screens.rubric import RubricScreen, choose_rubric, text_of

        if (name := await choose_rubric(self)) is None:
            return
        try:
            text = text_of(self, name)
        except (FlywheelError, OSError, UnicodeDecodeError) as error:
            self.hint(str(error))
            return
        await self.push_screen(RubricScreen(name or "new", text, self.dataset or None))

    @work(group="leave", exclusive=True, exit_on_error=False, description="leave")
    async def action_leave(self) -> None:
        """Ask the screen that is shown, save, end."""
        if (base := self.base_screen) is None or await base.may_leave():
            await self.save_work()
            self.exit()

    async def save_work(self) -> None:
        """The program ends: every place that is open keeps what is half done."""
        for stack in self._screen_stacks.values():
            for screen in stack:
                if isinstance(screen, WorkScreen):
                    await screen.save_work()

    async def on_key(self, event: events.Key) -> None:
        """A key that nothing takes is seen: a word in the footer."""
        active = self.screen.active_bindings.get(event.key)
        if active is None or not active.enabled:
            shown = show_key(event.key)
            self.hint(f"{shown} does nothing here; ? lists the keys")

    # -- what one screen asks of another

    @property
    def can_label(self) -> bool:
        """Whether this version has a screen to label on."""
        return place_named("label") is not None

    @property
    def can_bulk(self) -> bool:
        """Whether this version can label many at once."""
        return "bulk" in PANELS

    async def open_browse(self, query: ViewQuery, start: int | None = None) -> None:
        """Show a view in Browse, with the cursor on pair `start`."""
        await self.go("browse", BrowseRequest(query, start))

    async def open_label(
        self, query: ViewQuery, start: int | None = None, marked: list[int] | None = None, *, seen: bool = False
    ) -> None:
        """Label a view, from pair `start`; only the `marked` pairs, where given; `seen` as in LabelRequest."""
        await self.go("label", LabelRequest(query, start, marked, seen))

    def open_bulk(self, query: ViewQuery, marked: list[int] | None = None, *, seen: bool = False) -> None:
        """Label everything of a view (or its marked pairs) at once."""
        screen: Screen[None] = load(PANELS["bulk"])(query, marked, seen=seen)
        self.push_screen(screen)


def start(
    workspace: Workspace,
    *,
    dataset: str | None = None,
    reviewer: str | None = None,
    worker: bool = True,
    label: ViewQuery | None = None,
) -> int:
    """Run the workstation in this terminal, on the label screen where `label` says what; the exit code."""
    if label is None:
        return run(FlywheelApp(workspace, dataset=dataset, reviewer=reviewer, worker=worker))
    request = LabelRequest(label)
    return run(
        FlywheelApp(workspace, dataset=label.dataset, reviewer=reviewer, worker=worker, start="label", request=request)
    )


def show_keys() -> int:
    """Show which key chords this terminal really sends; the exit code of the process."""
    from screens.keys import main

    return main()
