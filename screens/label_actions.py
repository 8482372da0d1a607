"""What each key of the label screen decides. The screen itself (label.py) shows, writes and keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from flywheel_tui.records.rubric import Answer
from flywheel_tui.records.sitting import Statement
from screens.label_looking import LabelLooking
from screens.label_state import Mode, NotNow
from screens.label_widgets.status import Say
from screens.widgets.dialogs import ConfirmDialog

if TYPE_CHECKING:
    from flywheel_tui.store.labels import Undoable

T = TypeVar("T")
_ON_A_PAIR = frozenset(
    [
        "approve",
        "skip",
        "edit",
        "editor",
        "note",
        "tags",
        "flag",
        "more",
        "zen",
        "details",
        "digit",
        "finding",
        "findings",
        "lineage",
        "reject",
        "reject_several",
        "repeat",
    ]
)
_IN_A_QUEUE = frozenset(["step", "number", "order", "bulk", "summary", "undo"])


class LabelActions(LabelLooking):
    """The actions that say something of the pair at hand, take it back, or leave."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what cannot be done now."""
        state = self.state
        has_pair = state is not None and state.card is not None
        if action == "question":
            return has_pair and state is not None and state.asking
        if action == "note":
            return has_pair
        if action == "question_back":
            return has_pair and state is not None and bool(state.rubric.questions)
        if action == "prefer":
            return has_pair and state is not None and state.preferring
        if action == "approve" and state is not None and state.preferring:
            return state.adjudicating
        if action == "judge":
            return has_pair and state is not None and state.card is not None and state.card.verdict is not None
        if action == "adjudicate":
            return state is not None and (state.disputed or state.adjudicating)
        if action == "second_answer":
            return self._other_answer is not None
        if action == "save":
            return state is not None and state.mode is Mode.EDIT
        if action in ("several", "confirm"):
            rejecting = state is not None and state.mode is Mode.REJECT
            return rejecting or (action == "confirm" and self._stuck is not None)
        if action in _ON_A_PAIR:
            return has_pair
        if action in _IN_A_QUEUE:
            return self.session is not None
        return True

    # -- decisions ----------------------------------------------------------------------------------------------------

    async def _say_it(self, make: Callable[[], Statement | None]) -> None:
        """Make a statement of a key, and write it where there is one."""

        async def job() -> None:
            self._refuse_while_stuck()
            if (said := make()) is not None:
                await self.write(said)
            else:
                self.show_side()

        await self.act(job)

    def _refuse_while_stuck(self) -> None:
        if self._stuck is not None:
            raise NotNow("the last decision is not saved: enter tries again, escape drops it")
        if self.state is None:
            raise NotNow("no data set is chosen: press D")

    async def action_approve(self) -> None:
        """The pair is good."""
        await self._say_it(lambda: self.states.approve())

    async def action_reject(self) -> None:
        """The pair is not good; ask why."""
        await self._say_it(lambda: self.states.reject())

    async def action_reject_several(self) -> None:
        """The pair is not good, for several reasons."""
        await self._say_it(lambda: self.states.reject(several=True))

    async def action_skip(self) -> None:
        """The reviewer cannot tell."""
        await self._say_it(lambda: self.states.skip())

    async def action_digit(self, key: str) -> None:
        """A rating or a reason."""
        await self._say_it(lambda: self.states.digit(key))

    async def action_several(self) -> None:
        """Collect reasons."""

        async def job() -> None:
            self.states.collect()

        await self.act(job)

    async def action_confirm(self) -> None:
        """Reject with what was collected; or try again what was not saved."""

        async def job() -> None:
            if self._stuck is not None:
                await self.retry()
            else:
                await self.write(self.states.confirm())

        await self.act(job)

    async def action_prefer(self, side: str) -> None:
        """One of two answers, both or none."""
        await self._say_it(lambda: self.states.prefer(side))

    async def action_repeat(self) -> None:
        """As before."""
        await self._say_it(lambda: self.states.repeat_last())

    async def action_flag(self) -> None:
        """Ask for a second opinion."""
        await self._say_it(lambda: self.states.flag())

    async def action_question(self, answer: str) -> None:
        """Answer the question at hand."""

        async def job() -> None:
            self._refuse_while_stuck()
            self.states.answer(Answer(answer))
            self.show_side()

        await self.act(job)
        self.refresh_bindings()

    async def action_question_back(self) -> None:
        """To the question before."""

        async def job() -> None:
            self.states.back_to_question()
            self.show_side()

        await self.act(job)
        self.refresh_bindings()

    async def action_adjudicate(self) -> None:
        """The next decision settles the dispute."""

        async def job() -> None:
            self.states.adjudicate()
            self.states.details = self.states.adjudicating and not self.board.has_side
            self.show_side()
            if self.states.adjudicating:
                self._say = Say("settle it: a, r or s holds over everybody's label; escape leaves it open", "$judge")

        await self.act(job)
        self.refresh_bindings()

    async def action_second_answer(self) -> None:
        """Let the second answer to a pair that was shown twice hold."""

        async def job() -> None:
            now = self.session
            if self._other_answer is None or now is None:
                raise NotNow("there is no second answer to take")
            pair, said = self._other_answer
            card = await self._desk.run(now.card, pair)
            prepared = now.prepare(card, msgspec.structs.replace(said, stay=True))
            await self._desk.run(now.commit, prepared)
            now.committed(prepared)
            self._other_answer = None
            self._say = Say("the new answer holds now", "$approve")

        await self.act(job)

    def done_words(self, said: Statement) -> Say:
        """What was just decided."""
        mark = self.shell.glyphs.mark(said.status or "open")
        sides = {"tie": "a tie", "neither": "both bad", "a": "a choice", "b": "a choice"}
        words = sides.get(said.preference or "", mark.word)
        return Say(f"{mark.glyph} {words} · u undoes", f"${mark.token}")

    async def action_undo(self) -> None:
        """Take back the newest action, and go there."""

        async def job() -> None:
            self._refuse_while_stuck()
            assert self.session is not None
            found = await self._desk.run(self._desk.undo, self.session)
            if found is None:
                self._say = Say("nothing is left to undo", "$edit")
                return
            await self.show_current()
            self._say = Say(self._undone_words(found), "$accent")

        await self.act(job)

    def _undone_words(self, found: Undoable) -> str:
        if found.what == "batch":
            return f"undone: {found.status} on {found.changed:,} pairs at once"
        what = found.status or "a remark"
        if found.what == "adjudicate":
            what = f"the settled dispute ({found.status})"
        card = self._sheet.card if self._sheet is not None else None
        where = ""
        if card is not None and self.session is not None and card.pair.dataset != self.session.query.dataset:
            where = f" in {card.pair.dataset}"
        return f"undone: {what}{where}; this is the pair"

    # -- stepping back -----------------------------------------------------------------------------------------------

    async def action_escape(self) -> None:
        """Step back."""

        async def job() -> None:
            if self._stuck is not None:
                if await self.ask(
                    ConfirmDialog("drop it?", "The decision that could not be saved is lost then.", "Drop")
                ):
                    self._stuck = None
                    self.shell.clear_banner("label")
                    await self.show_current()
                return
            if self.state is None or not self.state.escape():
                if await self.leave_pair():
                    await self.shell.action_back()
                return
            self.close_fields()
            self._follow_zen()
            self.show_side()

        await self.act(job)
