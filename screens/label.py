"""Label: one pair, all of the screen, one key a decision. What a key means is in `label_state.py`, what is drawn in
`label_widgets/`, what is written in `flywheel_tui/stages/session.py`; here they meet.

A decision is awaited in the screen's own thread; keys pressed meanwhile wait in line; the screen moves on when it is on
disk, and not before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Event

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.sitting import Statement
from flywheel_tui.stages import drafts, sitting_start, views
from flywheel_tui.stages.rubric import rubric_for
from flywheel_tui.stages.session import LabelSession, Prepared
from flywheel_tui.store.views import ViewQuery
from screens.bindings import bindings_of, show_key
from screens.label_desk import Desk, Look, Sheet
from screens.label_entry import EntryLine, EntryText
from screens.label_pump import KeyPump
from screens.label_state import LabelState, Mode, NotNow
from screens.label_widgets.board import Board
from screens.label_widgets.panes import Pane, Showing
from screens.label_widgets.side import card_panes, findings_pane, guidelines_pane, rubric_pane
from screens.label_widgets.status import Say, prompt_lines, status_line
from screens.label_writing import LabelWriting
from screens.places import LabelRequest


class LabelScreen(LabelWriting):
    """The heart of the workstation."""

    PLACE = "label"
    KEYS_IN_LINE = True
    CSS_PATH = Path(__file__).with_name("label.tcss")
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("label")

    def __init__(self) -> None:
        super().__init__()
        self.pump = KeyPump(self._answer_key, self._failed)
        self._desk = Desk()
        self._session: LabelSession | None = None
        self._state: LabelState | None = None
        self._sheet: Sheet | None = None
        self._say: Say | None = None
        self._stuck: tuple[Prepared, Statement] | None = None
        self._other_answer: tuple[int, Statement] | None = None
        self._marked: list[int] | None = None
        self._facts: list[str] = []
        self._offered: tuple[bool, ...] = ()
        self._rubric: tuple[object, Pane] | None = None

    def compose_body(self) -> ComposeResult:
        yield Board(ascii_only=self.shell.glyphs.ascii)
        yield EntryLine(id="label-line")
        yield EntryText(id="label-text")

    # -- parts --------------------------------------------------------------------------------------------------------

    @property
    def board(self) -> Board:
        """What is drawn."""
        return self.query_one(Board)

    @property
    def line(self) -> EntryLine:
        """The field for notes, tags and numbers."""
        return self.query_one(EntryLine)

    @property
    def text(self) -> EntryText:
        """The field for an edit."""
        return self.query_one(EntryText)

    async def settled(self) -> None:
        """All keys so far have done what they do."""
        await self.pump.idle()

    # -- coming and going ---------------------------------------------------------------------------------------------

    def arrive(self, request: object) -> None:
        """Begin with what was asked for; else go on where one was."""
        self.pump.put(lambda: self._arrive(request))

    async def _arrive(self, request: object) -> None:
        asked = request if isinstance(request, LabelRequest) else None
        if asked is None and self._session is not None and self._session.query.dataset == self.shell.dataset:
            await self._refresh()
            return
        try:
            query = asked.query if asked else await self._desk.run(self._usual_query)
        except FlywheelError as error:
            self.board.show_notice(str(error))
            return
        if query is None:
            self.board.show_notice("No data set is chosen.\n\nPress D to choose one, or g d for the list.")
            return
        if asked is None:
            await self.begin(query)
        else:
            await self.begin(query, asked.start, asked.marked, seen=asked.seen)

    def _usual_query(self) -> ViewQuery | None:
        """What this reviewer labelled last in the data set of the header; else all of it, unlabelled pairs first."""
        workspace, reviewer = self.shell.workspace, self.shell.reviewer
        last = sitting_start.last_query(workspace, reviewer, self.shell.dataset or None)
        if last is not None or not self.shell.dataset:
            return last
        return ViewQuery(dataset=self.shell.dataset, order="unlabelled first", reviewer=reviewer)

    async def begin(
        self, query: ViewQuery, first: int | None = None, marked: list[int] | None = None, *, seen: bool = False
    ) -> None:
        """Another queue: leave the one before, read the new one, show its first pair."""
        if not await self.leave_pair():
            return
        await self._finish()
        if not self._sheet:
            self.board.show_notice("Gathering the pairs …")
        try:
            workspace = self.shell.workspace
            kind = (await self._desk.run(views.get_dataset, workspace, query.dataset)).kind
            rubric = await self._desk.run(rubric_for, workspace, kind)
            self._session = await self._desk.run(
                sitting_start.start,
                workspace,
                query,
                self.shell.reviewer,
                first=first,
                marked=marked,
                seen=seen,
                clock=self.shell.clock,
            )
        except FlywheelError as error:
            self._session = self._state = self._sheet = None
            self.board.show_notice(f"{error}\n\nPress D to choose a data set, or o for another order.")
            return
        self.shell.dataset = query.dataset
        self._marked = marked
        self._state = LabelState(rubric, blind=workspace.settings.blind)
        note = self._session.queue.note
        self._say = Say(note) if note else None
        await self.show_current()
        await self._offer_draft()

    async def _finish(self) -> None:
        if self._session is not None:
            try:
                await self._desk.run(self._session.finish)
            except FlywheelError as error:
                self.hint(str(error))

    def on_screen_resume(self) -> None:
        """Back from a dialog or another place: the pair may have changed there."""
        self.pump.put(self._refresh)

    def on_screen_suspend(self) -> None:
        """One goes elsewhere: write what was said of the pair, and where to go on."""
        if self.shell.base_screen is not self:
            self.pump.put(self._park)

    async def _park(self) -> None:
        with suppress(NotNow):
            await self.leave_pair()
        await self._finish()

    async def _refresh(self) -> None:
        """Read the pair again; what is being typed, and what was said of it, stays."""
        if self._session is None or self._sheet is None or self._stuck is not None:
            return
        sheet = await self._desk.run(self._desk.current, self._session, self.look)
        if sheet is not None and sheet.item == self._sheet.item:
            self.show_sheet(sheet, stay=True)
        elif self._state is not None and self._state.mode is Mode.READ:
            self.show_sheet(sheet)

    async def may_leave(self) -> bool:
        """Before the program ends: write what was said, show how it went."""
        from screens.label_summary import SummaryDialog

        await self.settled()
        if self._stuck is not None:
            self.hint("the last decision is not saved: enter tries again, escape drops it")
            return False
        if not await self.leave_pair():
            return False
        if self._session is None or not self._session.saved:
            return True
        summary = await self._desk.run(self._session.finish)
        leave: bool | None = await self.ask(SummaryDialog(summary, self.shell.glyphs, leaving=True))
        return bool(leave)

    async def save_work(self) -> None:
        """The program ends now: keep what is half done. Called for signals and errors, so it must be quick."""
        await asyncio.wait({asyncio.ensure_future(self.pump.idle())}, timeout=2)
        state = self._state
        if self._session is None or state is None:
            return
        if self._stuck is not None:
            await self._desk.run(self._keep_stuck)
        elif (half := self.half_typed()) is not None:
            await self._desk.run(drafts.save_draft, self.shell.workspace, self.shell.reviewer, half)
        elif (said := state.leaving()) is not None and state.card is not None:
            await self._desk.run(self._session.commit, self._session.prepare(state.card, said))
        await self._desk.run(self._session.finish)

    def _keep_stuck(self) -> None:
        assert self._session is not None and self._stuck is not None
        prepared, _ = self._stuck
        try:
            self._session.commit(prepared)
        except FlywheelError:
            decision = prepared.decision
            draft = drafts.Draft(
                pair=decision.pair, dataset=self._session.query.dataset, version=decision.version, kind="decision",
                decision=decision, action=prepared.action, at=decision.answered,
            )  # fmt: skip
            drafts.save_draft(self.shell.workspace, self.shell.reviewer, draft)

    def on_unmount(self) -> None:
        """The keys and the thread end with the screen."""
        self.pump.stop()
        self._desk.close()

    def _failed(self, error: Exception) -> None:
        self.app._handle_exception(error)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def _forward_event(self, event: Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded and self.is_current:
            self.pump.put(event)
        else:
            super()._forward_event(event)

    async def _answer_key(self, event: events.Key) -> None:
        if self._session is not None:
            self._session.touch()
        if self.app.screen is not self:
            self.app.post_message(event)  # a dialog opened meanwhile, or another place: the key is for it
            return
        focused = self.focused
        if isinstance(focused, EntryLine | EntryText):
            if event.key in focused.controls:
                await self.field_key(event.key)
            else:
                focused._forward_event(event)
                await self._until_taken(focused)
        elif self._state is not None and self._state.mode is Mode.KEEP and await self.keep_key(event.key):
            pass
        elif not await self.app._check_bindings(event.key):
            self.hint(f"{show_key(event.key)} does nothing here; ? lists the keys")

    async def _until_taken(self, field: EntryLine | EntryText) -> None:
        """The key has gone through the field's own queue."""
        taken = asyncio.Event()
        field.call_later(taken.set)
        await taken.wait()

    async def act(self, job: Callable[[], Awaitable[None]]) -> None:
        """Do what a key stands for, in its turn; what is out of place is said."""

        async def carefully() -> None:
            self._say = None
            try:
                await job()
            except (NotNow, FlywheelError) as error:
                self._say = Say(str(error), "$edit" if isinstance(error, NotNow) else "$text-error")
            self.show_words()
            if self._say is not None and self._state is None:
                self.hint(self._say.text)  # there is no pair yet whose lines could say it

        await self.pump.do(carefully)

    # -- showing ------------------------------------------------------------------------------------------------------

    @property
    def look(self) -> Look:
        """How pairs are drawn now."""
        opened = self._state is not None and self._state.open
        here = self._state.here if self._state is not None else None
        return Look(self.board.main_area, Showing(self.shell.glyphs, opened, here=here), self.board.palette)

    async def show_current(self) -> None:
        """Show what is next in the queue."""
        if self._session is None:
            return
        sheet = await self._desk.run(self._desk.current, self._session, self.look)
        self.show_sheet(sheet)

    def show_sheet(self, sheet: Sheet | None, *, stay: bool = False) -> None:
        """A pair that is ready, or the end of the queue. `stay`: the same pair, after a remark."""
        state, now = self._state, self._session
        assert state is not None and now is not None
        self._sheet = sheet
        if sheet is None:
            state.nothing()
            self.board.show_notice(self._end_words(now))
        else:
            if stay:
                state.renew(sheet.card)
            else:
                state.show(sheet.item, sheet.card)
                now.shown(sheet.item, sheet.card)
            self.board.show_pair(sheet.boxes, keep=stay)
            self.call_after_refresh(self._desk.look_ahead, now, self.look)
        self.show_side()
        self.show_words()

    @staticmethod
    def _end_words(now: LabelSession) -> str:
        if not len(now):
            why = now.queue.note or "no pair matches"
            return f"Nothing to label here: {why}.\n\nD chooses a data set, o another order, g b looks at it."
        left = len(now) - now.decided
        words = f"{left:,} of {len(now):,} pairs are undecided" if left else f"all {len(now):,} pairs are decided"
        return f"That was the last pair: {words}.\n\nk goes back   u undoes   o chooses an order   S shows the summary"

    def show_side(self) -> None:
        """What stands beside the pair."""
        state, sheet = self._state, self._sheet
        if state is None or sheet is None or state.zen:
            self.board.show_side([])
            return
        over = state.details or state.guidelines or state.findings
        if state.guidelines:
            panes = [guidelines_pane(state)]
        elif state.findings:
            panes = [findings_pane(sheet.card, state, self.shell.glyphs)]
        else:
            panes = [self._rubric_pane(state), *card_panes(sheet.card, state, self.shell.glyphs, self.shell.clock())]
        self.board.show_side(panes, over=over)

    def _rubric_pane(self, state: LabelState) -> Pane:
        """The rubric; the same one again while nothing in it changes."""
        said = state.pending
        key = (state.rubric, state.mode, state.question if state.asking else -1, said.rating, tuple(said.reasons),
               tuple(said.answers.items()))  # fmt: skip
        if self._rubric is None or self._rubric[0] != key:
            self._rubric = (key, rubric_pane(state, self.shell.glyphs))
        return self._rubric[1]

    def show_words(self) -> None:
        """The line above and those below."""
        if self._state is None or self._session is None:
            return
        glyphs = self.shell.glyphs
        self.board.show_status(status_line(self._session, self._state, glyphs, self.board.size.width))
        self.board.show_prompt(prompt_lines(self._state, self._say, glyphs))
        self._offer_keys(self._state)

    def _offer_keys(self, state: LabelState) -> None:
        """The footer follows what can be done with this pair; drawn again only where that has changed."""
        card = state.card
        offered = (
            card is not None, state.preferring, state.asking, state.disputed, state.adjudicating,
            card is not None and card.verdict is not None,
        )  # fmt: skip
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()

    def on_board_resized(self) -> None:
        """Lay the pair out anew."""
        self.board.relaid()
        self.pump.put(self._again)

    async def _again(self) -> None:
        if self._session is None or self._sheet is None or self._state is None:
            return
        item = self._sheet.item
        boxes = await self._desk.run(self._desk.paper, self._sheet.card, item, self.look)
        self._sheet = self._sheet._replace(boxes=boxes)
        self.board.show_pair(boxes, keep=True)
        self.show_side()
        self.show_words()
        if self._state.mode in (Mode.EDIT, Mode.KEEP):
            self.place_text()

    def refresh_chrome(self) -> None:
        """Draw the header again where it has something new to say: every label is a change of the store."""
        facts = [*self.shell.facts, self.shell.banner]
        if facts != self._facts:
            self._facts = facts
            super().refresh_chrome()

    def on_board_touched(self) -> None:
        """The mouse counts as being there."""
        if self._session is not None:
            self._session.touch()
