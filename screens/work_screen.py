"""What every place of the workstation has: a header, a footer, and a cover for terminals that are too small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from screens.widgets.status_line import FooterLine, HeaderLine

if TYPE_CHECKING:
    from screens.app import FlywheelApp


class WorkScreen(Screen[None]):
    """A screen with a tab. Subclasses say what is inside (`compose_body`) and what it reacts to.

    The shell calls `arrive(request)` whenever one goes here, `store_changed()` when anybody (this program too) has
    committed to the database, at most ten times a second, and `may_leave()` before the program ends.
    """

    PLACE: ClassVar[str] = ""
    KEYS_IN_LINE: ClassVar[bool] = False
    """Whether this screen itself lets a key wait until the one before has done all it does."""
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012
        (0, "-tiny"),
        (60, "-narrow"),
        (100, "-normal"),
        (140, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (34, "-tall")]  # noqa: RUF012

    @property
    def shell(self) -> FlywheelApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        yield HeaderLine(self.PLACE)
        yield from self.compose_body()
        yield FooterLine()
        yield Static(
            "This window is too small.\n\nAt least 60 columns and 16 rows are needed:\n"
            "make it larger, or its font smaller.\n\nNothing is lost; q leaves.",
            id="too-small",
            markup=False,
        )

    def compose_body(self) -> ComposeResult:
        """The widgets between header and footer."""
        yield from ()

    def arrive(self, request: Any) -> None:
        """One came here; `request` is what the other screen asked for, or None."""

    def offered(self, place: str) -> str:
        """The data set to show in `place` where none was chosen yet; '' where this screen offers none."""
        return ""

    def store_changed(self) -> None:
        """Somebody committed: read again what is visible, no more."""

    async def save_work(self) -> None:
        """The program ends, by a key, a signal or an error: write down what is not yet on disk, quickly."""

    async def may_leave(self) -> bool:
        """Whether the program may end now; a place to show a summary (push_screen_wait is fine here)."""
        return True

    def hint(self, text: str) -> None:
        """A brief word in the footer."""
        self.query_one(FooterLine).flash(text)

    def refresh_chrome(self) -> None:
        """Draw header and footer again."""
        self.query_one(HeaderLine).refresh()
        self.query_one(FooterLine).refresh()
