"""The label screen's own thread: everything that reads or writes for it, one thing after another, and what lies ready.

Textual's threads are shared by the whole program and may all be busy; a label must not wait for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from flywheel_tui.errors import FlywheelError
from flywheel_tui.records.sitting import Item
from flywheel_tui.stages.cards import Card
from flywheel_tui.stages.session import LabelSession, Prepared
from screens.label_widgets.lines import Palette
from screens.label_widgets.panes import Showing, panes_of
from screens.label_widgets.paper import Area, Box, boxes_of

if TYPE_CHECKING:
    from flywheel_tui.store.labels import Undoable

P = ParamSpec("P")
R = TypeVar("R")


class Look(NamedTuple):
    """All that the picture of a pair depends on besides the pair."""

    area: Area
    showing: Showing
    palette: Palette


class Sheet(NamedTuple):
    """A pair that is ready to be shown."""

    item: Item
    card: Card
    boxes: list[Box]


class Desk:
    """One thread over one session at a time."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="label")
        self._papers: dict[int, tuple[Card, Look, list[Box]]] = {}
        self._ahead: Future[None] | None = None
        self._closed = False

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do something in the thread and wait for it. Once closed, it is as if whoever asks had been cancelled."""
        if self._closed:
            raise asyncio.CancelledError
        self._stop_ahead()
        return await asyncio.wrap_future(self._pool.submit(work, *args, **kwargs))

    def close(self) -> None:
        """No more work; what is under way is finished."""
        self._closed = True
        self._stop_ahead()
        self._pool.shutdown(wait=True)

    # -- in the thread ------------------------------------------------------------------------------------------------

    def current(self, session: LabelSession, look: Look) -> Sheet | None:
        """What is to be shown now; None at the end of the queue."""
        item = session.item()
        if item is None:
            return None
        card = session.card(item.pair)
        return Sheet(item, card, self.paper(card, item, look))

    def commit(self, session: LabelSession, prepared: Prepared, look: Look, *, stay: bool) -> Sheet | None:
        """Write a decision; when it is on disk, what is to be shown next (the same pair, to `stay`).

        Raises what `LabelSession.commit` raises; then nothing has changed.
        """
        item = session.item()
        session.commit(prepared)
        session.committed(prepared)
        if stay:
            there = item if item is not None and item.pair == prepared.decision.pair else Item(prepared.decision.pair)
            card = session.card(prepared.decision.pair)
            return Sheet(there, card, self.paper(card, there, look))
        session.advance()
        return self.current(session, look)

    def undo(self, session: LabelSession) -> Undoable | None:
        """Take back the newest action, and go to its pair."""
        found = session.undo()
        if found is not None and found.pair is not None:
            at = session.find(found.pair)
            if at is None:
                session.visit(found.pair)
            else:
                session.go_to(at)
        return found

    def paper(self, card: Card, item: Item, look: Look) -> list[Box]:
        """The boxes of a pair, laid out; those made before where nothing changed."""
        look = look._replace(
            showing=look.showing._replace(swapped=card.pair.kind == "preference" and item.seed & 1 == 1)
        )
        kept = self._papers.get(card.pair.id)
        if kept is not None and kept[0] is card and kept[1] == look:
            return kept[2]
        boxes = boxes_of(panes_of(card, look.showing), look.area, look.palette)
        self._papers[card.pair.id] = (card, look, boxes)
        return boxes

    # -- ahead --------------------------------------------------------------------------------------------------------

    def look_ahead(self, session: LabelSession, look: Look) -> None:
        """Get ready what will be asked for next, once nothing else is waiting."""
        self._stop_ahead()
        if not self._closed:
            self._ahead = self._pool.submit(self._fetch_ahead, session, look)

    def _stop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None

    def _fetch_ahead(self, session: LabelSession, look: Look) -> None:
        try:
            cards = session.prefetch()
        except FlywheelError:
            return  # what is wrong is said when the pair itself is asked for
        for card in cards:
            self.paper(card, session.item_of(card.pair.id), look)
        keep = {card.pair.id for card in cards} | ({item.pair} if (item := session.item()) else set())
        self._papers = {pair: paper for pair, paper in self._papers.items() if pair in keep}
