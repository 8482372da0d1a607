"""What becomes of a statement: on disk before the screen moves on; kept, said and tried again where that fails."""

from __future__ import annotations

from abc import abstractmethod

import msgspec

from flywheel_tui.errors import ConflictError, FlywheelError
from flywheel_tui.records.sitting import Statement
from flywheel_tui.stages.session import Prepared
from screens.label_actions import LabelActions
from screens.label_conflict import ConflictDialog
from screens.label_desk import Look, Sheet
from screens.label_state import NotNow
from screens.label_widgets.status import Say

BANNER = "label"


class LabelWriting(LabelActions):
    """Writing, failing, trying again."""

    @property
    @abstractmethod
    def look(self) -> Look:
        """How pairs are drawn now."""

    @abstractmethod
    def show_sheet(self, sheet: Sheet | None, *, stay: bool = False) -> None:
        """A pair that is ready, or the end of the queue."""

    async def write(self, said: Statement) -> None:
        """Put a statement on disk, then show what follows. What cannot be written is kept, said, and tried again."""
        state, now = self._state, self._session
        assert state is not None and now is not None and state.card is not None
        await self._write(now.prepare(state.card, said), said)

    async def _write(self, prepared: Prepared, said: Statement) -> None:
        state, now = self._state, self._session
        assert state is not None and now is not None
        try:
            sheet = await self._desk.run(self._desk.commit, now, prepared, self.look, stay=said.stay)
        except ConflictError as error:
            self._stuck = None
            self.shell.clear_banner(BANNER)
            await self.settle_conflict(prepared, said, str(error))
            return
        except FlywheelError as error:
            self._stick(prepared, said, str(error))
            return
        self._stuck = None
        self.shell.clear_banner(BANNER)
        state.said(said)
        differs = self._differs(prepared, said)
        if said.stay:
            self.show_sheet(sheet, stay=True)
        else:
            state.open = False
            self.show_sheet(sheet)
            self._say = differs or self.done_words(said)

    def _differs(self, prepared: Prepared, said: Statement) -> Say | None:
        """After a repetition: whether the second answer was the first one."""
        self._other_answer = None
        item = self._sheet.item if self._sheet is not None else None
        if item is None or said.stay or prepared.decision.repeat_of is None or item.repeat_of is None:
            return None
        earlier = item.repeat_of
        if earlier.agrees(prepared.decision):
            return Say("the same as before", "$approve")
        self._other_answer = (item.pair, said)
        before = earlier.preference or earlier.status or "nothing"
        return Say(f"before you said {before}, which still holds; c takes the new answer", "$edit")

    def _stick(self, prepared: Prepared, said: Statement, why: str) -> None:
        self._stuck = (prepared, said)
        dropped = self.pump.drop()
        lost = f" ({dropped} later keys were not taken)" if dropped else ""
        self.shell.show_banner(BANNER, f"not saved: {why}{lost} · enter tries again, escape drops it")

    async def retry(self) -> None:
        """Try again to write what could not be written."""
        if self._stuck is not None:
            prepared, said = self._stuck
            await self._write(prepared, said)

    async def leave_pair(self) -> bool:
        """Before another pair is shown: write what was said of this one. False where that did not work."""
        state, now = self._state, self._session
        if self._stuck is not None:
            raise NotNow("the last decision is not saved: enter tries again, escape drops it")
        if state is None or now is None or state.card is None or (said := state.leaving()) is None:
            return True
        await self.write(said)
        return self._stuck is None and not state.unsaved

    async def settle_conflict(self, prepared: Prepared, said: Statement, why: str) -> None:
        """Somebody with this name has labelled the pair elsewhere: show both labels, let the person choose."""
        state, now = self._state, self._session
        assert state is not None and now is not None
        self.pump.drop()
        card = await self._desk.run(now.card, prepared.decision.pair)
        answer = await self.ask(ConflictDialog(why, said, card.mine, state.rubric, self.shell.glyphs))
        state.renew(card)
        if answer == "mine":
            uid = card.mine.uid if card.mine else None
            await self._write(msgspec.structs.replace(prepared, expected=uid), said)
        else:
            await self.show_current()
            self._say = Say("the label from elsewhere stands", "$edit")
