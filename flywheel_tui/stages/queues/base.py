"""What an order of the queue is, what it may look at, and the registry."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.store import calibration as truth_store
from flywheel_tui.store import calibrations, judging
from flywheel_tui.store import queues as store
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.store.calibration import Verdicts
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.store.judging import RunRow
    from flywheel_tui.store.queues import HumanLabel, Ints
    from flywheel_tui.store.views import ViewQuery
    from flywheel_tui.workspace import Workspace

GROUP = "flywheel_tui.queue_orders"
BATCH = 200
"""How many pairs an order that depends on the labels so far ranks at a time: later labels would rank them anew."""
PASSING = frozenset(("approved", "edited"))


class Place(NamedTuple):
    """How a pair of a sample was drawn: its version then, its stratum, and the probability it had."""

    version: int
    stratum: str
    inclusion: float


class Ordered(msgspec.Struct, frozen=True, kw_only=True):
    """The pairs to label, in order; `note` says in a sentence what they are. `places`: only those of a sample."""

    pairs: array[int]
    note: str
    places: dict[int, Place] = {}


class Order(NamedTuple):
    """An order of the queue: its name, the letter that chooses it, what it is for, and how it is made."""

    name: str
    letter: str
    about: str
    make: Callable[[Situation], Ordered]


ORDERS: dict[str, Order] = {}
_BUILT_IN = ("informative", "judges", "samples", "opinions", "errors")


def order(name: str, letter: str, about: str) -> Callable[[Callable[[Situation], Ordered]], Callable[..., Ordered]]:
    """Register an order of the queue."""

    def register(make: Callable[[Situation], Ordered]) -> Callable[[Situation], Ordered]:
        ORDERS[name] = Order(name, letter, about, make)
        return make

    return register


def orders() -> dict[str, Order]:
    """Every order, ours first."""
    for name in _BUILT_IN:
        import_module(f"flywheel_tui.stages.queues.{name}")
    for entry in entry_points(group=GROUP):
        if entry.name not in ORDERS:
            entry.load()
    return ORDERS


def is_order(name: str) -> bool:
    """Whether this is one of the orders made here."""
    return name in orders()


def make_order(workspace: Workspace, query: ViewQuery, reviewer: str) -> Ordered:
    """The queue of a reviewer in the order that the query names. Reads much: not for the event loop.

    Raises NotFoundError for an unknown order, and what opening a view raises.
    """
    if not is_order(query.order):
        raise NotFoundError("order of the queue", query.order, list(ORDERS))
    return ORDERS[query.order].make(Situation(workspace, query, reviewer))


class Situation:
    """What an order may look at; each part is read when it is asked for."""

    def __init__(self, workspace: Workspace, query: ViewQuery, reviewer: str) -> None:
        self.workspace, self.query, self.reviewer = workspace, query, reviewer
        self.connection: Connection = workspace.store.read()
        self.dataset_id = get_dataset(self.connection, query.dataset).id

    @cached_property
    def pairs(self) -> Ints:
        """The pairs that the filter and the search leave, as they lie in the data set."""
        import numpy as np

        from flywheel_tui.stages import views

        base = msgspec.structs.replace(self.query, order="as is")
        if base.plain:
            return self._all[0]
        return np.asarray(views.ids_of(self.workspace, base), np.int64)

    @cached_property
    def _all(self) -> tuple[Ints, Ints]:
        return store.versions(self.connection, self.dataset_id)

    @cached_property
    def current(self) -> dict[int, int]:
        """The current version of each pair."""
        roots, versions = self._all
        return dict(zip(roots.tolist(), versions.tolist(), strict=True))

    @cached_property
    def labels(self) -> list[HumanLabel]:
        """What people have decided."""
        return store.human_labels(self.connection, self.dataset_id)

    @cached_property
    def mine(self) -> frozenset[int]:
        """The pairs that this reviewer has decided on."""
        return frozenset(label.root for label in self.labels if label.reviewer == self.reviewer)

    @cached_property
    def decided(self) -> frozenset[int]:
        """The pairs that anybody has decided on."""
        return frozenset(label.root for label in self.labels)

    @cached_property
    def truth(self) -> dict[int, bool]:
        """Whether people pass a version, by version: the majority of those who did not skip; draws are left out."""
        votes: dict[int, int] = {}
        for label in self.labels:
            if label.status != "skipped":
                votes[label.version] = votes.get(label.version, 0) + (1 if label.status in PASSING else -1)
        return {version: vote > 0 for version, vote in votes.items() if vote}

    @cached_property
    def runs(self) -> list[RunRow]:
        """The judge runs over the data set, the newest first."""
        found = judging.list_runs(self.connection, self.dataset_id)
        return sorted(found, key=lambda run: (run.updated or run.created, run.id), reverse=True)

    def verdicts(self, run: RunRow) -> Verdicts:
        """What a run says, with scores."""
        return truth_store.verdicts(self.connection, run.id, scores=True)

    @cached_property
    def latest(self) -> Verdicts | None:
        """What the newest run says; None without one."""
        return next((found for run in self.runs if len((found := self.verdicts(run)).version)), None)

    @cached_property
    def threshold(self) -> float:
        """The score from which a pair passes: the one that was calibrated last for the newest run, else the setting."""
        if self.runs:
            for row in calibrations.kept(self.connection, self.dataset_id):
                found = row.calibration.threshold
                if row.judge_run_id == self.runs[0].id and found is not None and found.value is not None:
                    return found.value
        return self.workspace.settings.quality_min_score

    def open_pairs(self, *, mine_only: bool = False) -> Ints:
        """The pairs nobody has decided on (with `mine_only`: this reviewer has not)."""
        import numpy as np

        done = self.mine if mine_only else self.decided | self.mine
        return self.pairs[~np.isin(self.pairs, np.fromiter(done, np.int64, len(done)))] if done else self.pairs

    def versions_of(self, pairs: Iterable[int]) -> list[int]:
        """The current versions of pairs."""
        current = self.current
        return [current[int(pair)] for pair in pairs]


def as_queue(pairs: Sequence[int] | Ints) -> array[int]:
    """Pairs as a queue holds them."""
    return array("q", [int(pair) for pair in pairs])
