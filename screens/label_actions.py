"""What each key of the label screen does. The screen itself (label.py) shows, writes and keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import msgspec

from flywheel_tui.records.rubric import Answer
from flywheel_tui.records.sitting import Statement
from flywheel_tui.stages import views
from flywheel_tui.stages.queues import orders
from screens.label_drafts import LabelDrafts
from screens.label_state import Mode, NotNow
from screens.label_widgets.status import Say
from screens.widgets.dialogs import Choice, ChoiceDialog, ConfirmDialog
from screens.widgets.finding_text import reading_order

if TYPE_CHECKING:
    from flywheel_tui.store.labels import Undoable

T = TypeVar("T")
_ORDERS = (
    Choice("as is", "as is", "the order of the file", "a"),
    Choice("random", "random", "shuffled, the same every time", "r"),
    Choice("unlabelled first", "unlabelled first", "what you have not decided on yet", "u"),
)
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
    ]
)


class LabelActions(LabelDrafts):
    """The actions behind `label.*` bindings."""

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

    # -- moving -------------------------------------------------------------------------------------------------------

    async def action_step(self, by: int) -> None:
        """A neighbour."""

        async def job() -> None:
            if not await self.leave_pair() or self.session is None:
                return
            if self.session.step(by):
                await self.show_current()
            else:
                self._say = Say("this is the first pair" if by < 0 else "this is the end of the queue", "$edit")

        await self.act(job)

    async def action_page(self, pages: int) -> None:
        """Scroll by a page."""
        self.board.scroll_pages(pages)

    async def action_line(self, lines: int) -> None:
        """Scroll by lines."""
        self.board.scroll_box(lines)

    async def action_pane(self, by: int) -> None:
        """Another box scrolls."""
        self.board.focus_next_box(by)

    async def action_order(self) -> None:
        """Another order of the queue."""

        async def job() -> None:
            now = self.session
            if now is None:
                raise NotNow("no data set is chosen: press D")
            made = await self._desk.run(orders)
            choices = [*_ORDERS, *(Choice(name, name, one.about, one.letter) for name, one in made.items())]
            order = await self.ask(ChoiceDialog("queue", choices, now.query.order))
            if order and order != now.query.order:
                query = msgspec.structs.replace(now.query, order=order, reviewer=self.shell.reviewer)
                await self.begin(query, marked=self._marked)

        await self.act(job)

    async def action_dataset(self) -> None:
        """Another data set."""

        async def job() -> None:
            rows = await self._desk.run(views.list_datasets, self.shell.workspace)
            if not rows:
                raise NotNow("there is no data set yet; take pairs in: g d, then i")
            choices = [Choice(row.name, row.name, f"{row.kind}, {row.pairs:,} pairs") for row in rows]
            name = await self.ask(ChoiceDialog("data set", choices, self.shell.dataset))
            if name:
                self.shell.dataset = name
                query = await self._desk.run(self._usual_query)
                if query is not None:
                    await self.begin(query)

        await self.act(job)

    async def action_bulk(self) -> None:
        """Label all pairs of the queue at once."""

        async def job() -> None:
            if self.session is None:
                raise NotNow("no data set is chosen: press D")
            if await self.leave_pair():
                self.shell.open_bulk(self.session.query, self._marked)

        await self.act(job)

    # -- views --------------------------------------------------------------------------------------------------------

    async def action_judge(self) -> None:
        """Show the verdict."""

        async def job() -> None:
            self.states.toggle_judge()
            self.show_side()
            if not self.board.has_side and not self.states.details:
                self.states.details = True
                self.show_side()

        await self.act(job)

    async def _toggle(self, name: str) -> None:
        async def job() -> None:
            state = self.states
            setattr(state, name, not getattr(state, name))
            self.show_side()

        await self.act(job)

    async def action_guidelines(self) -> None:
        """The guidelines of the rubric."""
        await self._toggle("guidelines")

    async def action_details(self) -> None:
        """What stands beside the pair, where there is no room beside it."""
        if self.board.has_side:
            self.hint("it stands beside the pair already; tab goes to it")
        else:
            await self._toggle("details")

    async def action_findings(self) -> None:
        """The findings alone."""
        await self._toggle("findings")

    async def action_finding(self, by: int) -> None:
        """To the next or the previous finding; its message stands below the pair."""

        async def job() -> None:
            state = self.states
            found = reading_order(state.card.findings) if state.card is not None else []
            if not found:
                raise NotNow("no check found anything in this pair")
            at = found.index(state.here) + by if state.here in found else (0 if by > 0 else -1)
            state.here = here = found[at % len(found)]
            state.findings = state.findings and self.board.has_side  # else it would lie over the place
            await self._again()
            if here.start is not None and not self.board.show_here() and not state.open:
                state.open = True
                await self._again()
                self.board.show_here()
            mark = self.shell.glyphs.mark(here.severity)
            field = f" in {here.field.removeprefix('body.')}" if here.field else ""
            place = f"{at % len(found) + 1}/{len(found)}"
            words = f"{place} {mark.glyph} {mark.word} {here.check}{field}: {here.message}"
            self._say = Say(words, f"${mark.token}")

        await self.act(job)

    async def action_zen(self) -> None:
        """Nothing but the pair."""
        await self._toggle("zen")
        if self.state is not None:
            self._follow_zen()

    def _follow_zen(self) -> None:
        zen = self.state is not None and self.state.zen
        if self.board.bare != zen:
            self.board.bare = zen
            self.set_class(zen, "-zen")
            self.on_board_resized()

    async def action_more(self) -> None:
        """Unfold, or fold."""

        async def job() -> None:
            self.states.open = not self.states.open
            await self._again()

        await self.act(job)

    async def action_summary(self) -> None:
        """How it went so far."""
        from screens.label_summary import SummaryDialog

        async def job() -> None:
            if self.session is None:
                raise NotNow("no data set is chosen: press D")
            summary = await self._desk.run(self.session.summary)
            await self.ask(SummaryDialog(summary, self.shell.glyphs, leaving=False))

        await self.act(job)

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
