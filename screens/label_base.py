"""What the parts of the label screen share: its pieces, and what one part asks of another."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from textual.screen import ModalScreen

from screens.label_state import LabelState, NotNow
from screens.work_screen import WorkScreen

if TYPE_CHECKING:
    from flywheel_tui.records.sitting import Statement
    from flywheel_tui.stages.session import LabelSession, Prepared
    from flywheel_tui.store.views import ViewQuery
    from screens.label_desk import Desk, Sheet
    from screens.label_entry import EntryLine, EntryText
    from screens.label_pump import KeyPump
    from screens.label_widgets.board import Board
    from screens.label_widgets.status import Say

T = TypeVar("T")


class LabelBase(WorkScreen):
    """The names; `label.py` says what they do."""

    pump: KeyPump
    _desk: Desk
    _session: LabelSession | None
    _state: LabelState | None
    _sheet: Sheet | None
    _say: Say | None
    _stuck: tuple[Prepared, Statement] | None
    _other_answer: tuple[int, Statement] | None
    _marked: list[int] | None

    @property
    def session(self) -> LabelSession | None:
        """The sitting; None before a data set was chosen."""
        return self._session

    @property
    def state(self) -> LabelState | None:
        """What is known of the pair shown."""
        return self._state

    @property
    def states(self) -> LabelState:
        """The same, where there must be one. Raises NotNow."""
        if self._state is None:
            raise NotNow("no data set is chosen: press D")
        return self._state

    @property
    @abstractmethod
    def board(self) -> Board:
        """What is drawn."""

    @property
    @abstractmethod
    def line(self) -> EntryLine:
        """The field for notes, tags and numbers."""

    @property
    @abstractmethod
    def text(self) -> EntryText:
        """The field for an edit."""

    @abstractmethod
    async def act(self, job: Callable[[], Awaitable[None]]) -> None:
        """Do what a key stands for, in its turn."""

    @abstractmethod
    async def write(self, said: Statement) -> None:
        """Put a statement on disk, then show what follows."""

    @abstractmethod
    async def retry(self) -> None:
        """Try again to write what could not be written."""

    @abstractmethod
    async def leave_pair(self) -> bool:
        """Write what was said of the pair; whether another may be shown."""

    @abstractmethod
    async def show_current(self) -> None:
        """Show what is next in the queue."""

    @abstractmethod
    def show_side(self) -> None:
        """What stands beside the pair."""

    @abstractmethod
    def show_words(self) -> None:
        """The line above and those below."""

    @abstractmethod
    def on_board_resized(self) -> None:
        """Lay the pair out anew."""

    @abstractmethod
    async def _again(self) -> None:
        """Draw the pair again, as it is to be shown now."""

    @abstractmethod
    def _usual_query(self) -> ViewQuery | None:
        """What to label where nothing was asked for."""

    @abstractmethod
    def _refuse_while_stuck(self) -> None:
        """Raises NotNow while a decision is not saved."""

    @abstractmethod
    async def begin(
        self, query: ViewQuery, first: int | None = None, marked: list[int] | None = None, *, seen: bool = False
    ) -> None:
        """Another queue."""

    async def ask(self, dialog: ModalScreen[T]) -> T | None:
        """Show a dialog and wait for its answer, without holding up the program.

        Keys typed after the one that opened it are for the dialog.
        """
        answered: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

        def take(answer: T | None) -> None:
            if not answered.done():
                answered.set_result(answer)

        await self.app.push_screen(dialog, take)
        for key in self.pump.take_keys():
            self.app.post_message(key)
        return await answered
