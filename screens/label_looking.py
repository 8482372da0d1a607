"""What the keys of the label screen do that decide nothing: moving, choosing a queue, showing more or less."""

from __future__ import annotations

import msgspec

from flywheel_tui.stages import views
from flywheel_tui.stages.queues import orders
from screens.label_drafts import LabelDrafts
from screens.label_state import NotNow
from screens.label_widgets.status import Say
from screens.widgets.dialogs import Choice, ChoiceDialog
from screens.widgets.finding_text import reading_order

_ORDERS = (
    Choice("as is", "as is", "the order of the file", "a"),
    Choice("random", "random", "shuffled, the same every time", "r"),
    Choice("unlabelled first", "unlabelled first", "what you have not decided on yet", "u"),
)


class LabelLooking(LabelDrafts):
    """The actions that change what is shown, and nothing else."""

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
                await self.begin(query, marked=self._marked, seen=now.seen and self._marked is not None)

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
                self.shell.open_bulk(self.session.query, self._marked, seen=self.session.seen)

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

    async def action_lineage(self) -> None:
        """Where the pair comes from and what became of it. What others said of it stays hidden as beside the pair."""
        from flywheel_tui.stages.lineage import trace
        from screens.lineage_tree import LineageScreen

        async def job() -> None:
            state = self.states
            if state.card is None:
                raise NotNow("there is no pair here")
            found = await self._desk.run(trace, self.shell.workspace, str(state.card.pair.id))
            tree = LineageScreen(found, labels=state.labels_visible, verdicts=state.verdicts_visible, opens=False)
            await self.ask(tree)

        await self.act(job)

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
