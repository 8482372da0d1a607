"""Marks in Browse, and what is done with the marked pairs or the one at the cursor: label, judge, bulk, lineage."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from textual import on, work

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages import views
from flywheel_tui.stages.views import ViewQuery
from screens.browse_query import BrowseQuery
from screens.browse_state import BrowseState
from screens.places import BrowseRequest
from screens.widgets.pair_table import PairTable

MOST_NAMED = 90
"""So many pairs fit into an expression by their numbers."""


class BrowseOnwards(BrowseQuery):
    """The actions that mark pairs and take them elsewhere."""

    @abstractmethod
    def _show_summary(self) -> None:
        """Say how many pairs there are and are marked."""

    @abstractmethod
    def _current_id(self) -> int | None:
        """The pair at the cursor."""

    def action_mark(self) -> None:
        """Mark this pair and go on."""
        if self._state is not None:
            index = self.table.cursor
            self._state.toggle(index)
            self.table.redraw_row(index)
            self.table.cursor += 1
            self._show_summary()

    def action_range(self) -> None:
        """Begin a range, or mark it."""
        if self._state is None:
            return
        if self._state.anchor is None:
            self._state.anchor = self.table.cursor
            self._show_summary()
            self.hint("range begun: move, then V marks all from there to here")
        else:
            first, last = sorted((self._state.anchor, self.table.cursor))
            self._state.anchor = None
            self._mark_rows(first, last)

    def action_mark_all(self) -> None:
        """Mark everything that matches, or clear the marks."""
        if self._state is None:
            return
        if self._state.marks:
            self._state.marks.clear()
            self.table.redraw()
            self._show_summary()
        elif self._state.view.complete:
            self._mark_rows(0, len(self._state.view) - 1)
        else:
            self.hint("still looking; press * again when all are found")

    @work(group="marks", exclusive=True, exit_on_error=False, description="mark pairs")
    async def _mark_rows(self, first: int, last: int) -> None:
        state = self._state
        assert state is not None
        chunks = views.ids_between(self.shell.workspace, state.view, first, last)
        while (ids := await asyncio.to_thread(next, chunks, None)) is not None:
            state.mark(ids)
            self._show_summary()
        self.table.redraw()
        self.hint(f"{len(state.marks):,} marked; b labels them, enter goes through them")

    @on(PairTable.Opened)
    async def _opened(self) -> None:
        if self.check_action("label", ()):
            await self.action_label()

    async def action_label(self) -> None:
        """Label from here, or the marked pairs."""
        if self._state is not None:
            state = self._state
            await self.shell.open_label(state.query, self._current_id(), state.marked_ids(), seen=state.seen)

    @work(group="dialog", exclusive=True, exit_on_error=False, description="judge")
    async def action_judge(self) -> None:
        """Have what the filter matches judged, and watch."""
        from screens.judge_start import ask_and_judge

        if self._state is not None:
            where, pairs, note = self._to_be_judged(self._state)
            if note:
                self.hint(note)
            await ask_and_judge(self, self._state.query.dataset, pairs=pairs, where=where)

    def _to_be_judged(self, state: BrowseState) -> tuple[str, int, str]:
        """The marked pairs, else those shown: an expression for them, how many they are, and what it leaves out."""
        query, shown = state.query, len(state.view)
        few = state.marked_ids()
        if few is None and query.search and state.view.complete and shown <= MOST_NAMED:
            few = list(views.ids_of(self.shell.workspace, query))
        if few is not None and len(few) <= MOST_NAMED:
            return f"id in [{', '.join(map(str, few))}]", len(few), ""
        note = "a judge is asked by the filter alone: more marks or hits than that can be named are left out"
        return query.filter or "", shown, note if few is not None or query.search else ""

    @work(group="dialog", exclusive=True, exit_on_error=False, description="lineage")
    async def action_lineage(self) -> None:
        """The lineage of this pair as a tree; what is chosen in it is shown here."""
        from flywheel_tui.stages.lineage import trace
        from screens.lineage_tree import LineageScreen

        if (pair := self._current_id()) is None:
            self.hint("there is no pair here")
            return
        try:
            found = await asyncio.to_thread(trace, self.shell.workspace, str(pair))
        except FlywheelError as error:
            self.hint(str(error))
            return
        if (place := await self.shell.push_screen_wait(LineageScreen(found))) is not None:
            query = ViewQuery(dataset=place[0], reviewer=self.shell.reviewer)
            await self.shell.go("browse", BrowseRequest(query, place[1], pairs=[place[1]], words="from the lineage"))

    def action_bulk(self) -> None:
        """Label many at once."""
        if self._state is not None:
            self.shell.open_bulk(self._state.query, self._state.marked_ids(), seen=self._state.seen)
