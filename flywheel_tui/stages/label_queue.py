"""The pairs that a sitting goes through, in their order."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.stages import views
from flywheel_tui.stages.queues.base import Place, make_order
from flywheel_tui.store import sessions as session_store
from flywheel_tui.store.views import ORDERS, ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class Queue:
    """The pairs to label, in order. A plain view needs no list: the number of a row gives its pair."""

    def __init__(
        self, workspace: Workspace, query: ViewQuery, marked: Sequence[int] | None, reviewer: str = ""
    ) -> None:
        """Reads the whole list where one is needed: not for the event loop."""
        self._workspace = workspace
        self._view = views.open_view(workspace, query)
        self.note = ""
        """What the queue holds, in a sentence, where its order does not say so."""
        self.places: dict[int, Place] = {}
        """How each pair was drawn, where the queue is a sample."""
        if marked is not None:
            self._view.ids = array("q", marked)
        elif query.order not in ORDERS:
            ordered = make_order(workspace, query, reviewer)
            self._view.ids, self.note, self.places = ordered.pairs, ordered.note, ordered.places
        elif not query.plain:
            views.build(workspace, self._view)

    def __len__(self) -> int:
        return len(self._view)

    @property
    def dataset_id(self) -> int:
        """The number of the data set."""
        return self._view.dataset_id

    def at(self, index: int) -> int:
        """The pair at a place (from 0); reads one row where the view has no list."""
        if self._view.ids is not None:
            return self._view.ids[index]
        return views.page(self._workspace, self._view, index, 1)[0].id

    def index_of(self, pair: int) -> int | None:
        """The place of a pair; reads one row where the view has no list."""
        return views.index_of(self._workspace, self._view, pair)

    def count_of(self, pairs: list[int]) -> int:
        """How many of these pairs of the data set are in the queue."""
        if self._view.ids is None:
            return len(pairs)
        if len(pairs) * 20 < len(self._view.ids):
            sought = set(pairs)
            return sum(1 for pair in self._view.ids if pair in sought)
        ordered = sorted(pairs)
        last = len(ordered)
        return sum(1 for pair in self._view.ids if (at := bisect_left(ordered, pair)) < last and ordered[at] == pair)


def encode_queue(query: ViewQuery) -> str:
    """The words by which the same queue is known again."""
    return msgspec.json.encode(query, order="sorted").decode()


def undecided(workspace: Workspace, query: ViewQuery, reviewer: str) -> list[int]:
    """The pairs of a view that a reviewer has not decided on, in its order, whatever others said of them."""
    dataset = views.get_dataset(workspace, query.dataset)
    done = set(session_store.decided_pairs(workspace.store.read(), dataset.id, reviewer))
    return [pair for pair in views.ids_of(workspace, query) if pair not in done]


def count_decided(workspace: Workspace, queue: Queue, reviewer: str) -> int:
    """How many pairs of a queue a reviewer has decided on."""
    return queue.count_of(session_store.decided_pairs(workspace.store.read(), queue.dataset_id, reviewer))
