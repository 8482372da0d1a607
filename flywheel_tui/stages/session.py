"""A sitting at the label screen, without the screen: which pair is next, what was shown, how long it took, how it went.

Of a `LabelSession` everything that reads or writes the database is a function of this module or a method that says so:
a screen runs those in its own thread, one at a time. All else only changes the object and is quick.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.records.sitting import Earlier, Item, Statement
from flywheel_tui.stages import label
from flywheel_tui.stages.cards import Card, Stamp, load_card, stamp_of
from flywheel_tui.stages.label import Outcome, Presented
from flywheel_tui.stages.label_queue import Queue, count_decided, encode_queue
from flywheel_tui.stages.labels_needed import Needed, labels_needed
from flywheel_tui.stages.pace import ActiveClock, Pace
from flywheel_tui.store import sessions as session_store
from flywheel_tui.store.views import ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.store.labels import Undoable
    from flywheel_tui.store.sessions import SittingFigures
    from flywheel_tui.workspace import Workspace

REPEAT_GAP = 10
"""Decisions that lie between a pair and its repetition, at least: what was said must no longer be in mind."""
PREFETCH = 3
DAY_US = 86_400_000_000
PRESENTED_LIMIT = 200


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A decision on its way to the disk; writing it twice writes it once."""

    decision: Decision
    expected: bytes | None
    checked: bool
    action: str
    presented: tuple[Presented, ...]
    was_decided: bool
    took_us: int | None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A sitting, for the person who leaves it. Times in seconds of active time."""

    figures: SittingFigures
    active: float
    per_minute: float | None
    median: float | None
    left: int
    total: int

    @property
    def decided(self) -> int:
        """How many decisions stand."""
        return sum(self.figures.by_status.values())


class LabelSession:
    """Where a reviewer is in a queue, and what there is to say about it."""

    def __init__(
        self,
        workspace: Workspace,
        query: ViewQuery,
        queue: Queue,
        reviewer: str,
        *,
        decided: int,
        index: int,
        clock: Callable[[], int] = now_us,
    ) -> None:
        """Use `sitting_start.start`."""
        settings = workspace.settings
        self.workspace, self.query, self.queue, self.reviewer = workspace, query, queue, reviewer
        self.uid = new_uid()
        self.index, self.decided = index, decided
        self.clock = clock
        self.started = clock()
        self.time = ActiveClock(settings.pause_after, self.started)
        self.pace = Pace()
        self.repeats = 0
        self.blind = settings.blind
        self.seen = False
        """Whether the pairs of this sitting were chosen by what a judge said: no label here is blind then."""
        self.needed: Needed | None = None
        """How many more labels would settle what labelling is for; None while nobody has counted."""
        self.saved = False
        """Whether the database knows of this sitting: it is written with the first decision, or on leaving."""
        self._share = settings.self_check
        self._break_us = settings.break_after * 60_000_000
        self._rng = random.Random(self.uid)
        self._mine: dict[int, Earlier] = {}
        self._repeated: set[int] = set()
        self._cards: dict[int, tuple[Stamp, Card]] = {}
        self._due: Item | None = None
        self._item: Item | None = None
        self._presented: list[Presented] = []
        self._shown_at = self.started
        self._active_at = 0
        self._last_answer = 0

    def __len__(self) -> int:
        return len(self.queue)

    @property
    def at_end(self) -> bool:
        """Whether the last pair is behind."""
        return self.index >= len(self.queue) and self._due is None

    @property
    def repeating(self) -> bool:
        """Whether the pair shown is one of those shown twice."""
        return self._item is not None and self._item.repeat_of is not None

    # -- reading (not for the event loop)

    def item(self) -> Item | None:
        """What is to be shown now; None at the end of the queue."""
        if self._due is not None:
            return self._due
        if self.index >= len(self.queue):
            return None
        return self.item_of(self.queue.at(self.index))

    def item_of(self, pair: int) -> Item:
        """A pair as it stands in the queue."""
        return Item(pair, None, self._seed(pair))

    def _seed(self, pair: int, salt: bytes = b"") -> int:
        """A recorded number that says which answer of a preference pair is on the left."""
        return int.from_bytes(blake2b(self.uid + pair.to_bytes(8, "big") + salt, digest_size=4).digest(), "big") >> 1

    def card(self, pair: int) -> Card:
        """The card of a pair: the one fetched before where nothing has happened to it since. Raises NotFoundError."""
        stamp = stamp_of(self.workspace, pair)
        kept = self._cards.get(pair)
        if kept is None or kept[0] != stamp:
            kept = self._cards[pair] = (stamp, load_card(self.workspace, pair, self.reviewer))
        return kept[1]

    def prefetch(self) -> list[Card]:
        """Fetch what will be asked for soon, and forget the rest; the likeliest first."""
        total = len(self.queue)
        ahead = range(self.index + 1, min(self.index + 1 + PREFETCH, total))
        pairs = [self.queue.at(at) for at in (*ahead, self.index - 1) if 0 <= at < total]
        # what is kept is looked at again when it is shown
        found = [self._cards[pair][1] if pair in self._cards else self.card(pair) for pair in pairs]
        here = {item.pair} if (item := self.item()) else set()
        self._cards = {pair: kept for pair, kept in self._cards.items() if pair in here or pair in pairs}
        return found

    def find(self, pair: int) -> int | None:
        """The place of a pair in this queue, or None."""
        return self.queue.index_of(pair)

    # -- moving (these only change the object)

    def advance(self) -> None:
        """On to the next place, after a decision."""
        if self._due is not None and self._item == self._due:
            self._due = None
            return
        self.index = min(self.index + 1, len(self.queue))

    def step(self, by: int) -> bool:
        """To a neighbour without deciding; False at the ends. A repetition that was due is given up."""
        aside, self._due = self._due is not None, None
        there = self.index + by - (aside and by > 0)
        if not 0 <= there <= len(self.queue):
            return aside
        moved, self.index = there != self.index, there
        return moved or aside

    def visit(self, pair: int) -> None:
        """To a pair that is not in this queue (it was undone); the next step comes back to the queue."""
        self._due = self.item_of(pair)

    def go_to(self, index: int) -> None:
        """To a place by its number (from 0). Raises UsageError where there is none."""
        if not 0 <= index < len(self.queue):
            raise UsageError(f"there are pairs 1 to {len(self.queue):,} in this queue")
        self._due, self.index = None, index

    # -- showing and deciding

    def touch(self) -> None:
        """A key or a scroll: somebody is there."""
        self.time.touch(self.clock())

    def shown(self, item: Item, card: Card) -> None:
        """A pair is on the screen now."""
        now = self.clock()
        self.time.touch(now)
        self._item = item
        self._shown_at, self._active_at = now, self.time.active_us
        self._presented.append(
            Presented(uid=new_uid(), pair=item.pair, version=card.pair.pair_id, reviewer=self.reviewer,
                      policy=self.query.order, session=self.uid, at=now)
        )  # fmt: skip

    def answer_after(self, last: int) -> None:
        """The clock may have been set back since `last`: what is decided now must still count as later.

        A label from more than a day ahead came from a machine whose clock is wrong, and is left alone.
        """
        if last - self.clock() < DAY_US:
            self._last_answer = max(self._last_answer, last)

    def prepare(self, card: Card, said: Statement) -> Prepared:
        """The decision that a statement about the pair shown makes, timed and numbered."""
        now = self.clock()
        self.time.touch(now)
        # A clock that was set back must not make a new label older than the one it replaces.
        self._last_answer = max(now, self._last_answer + 1, card.mine.answered + 1 if card.mine else 0)
        took = self.time.active_us - self._active_at
        item = self._item if self._item is not None and self._item.pair == card.pair.id else Item(card.pair.id)
        mine = card.mine
        place = self.queue.places.get(card.pair.id)
        drawn = place is not None and place.version == card.pair.pair_id
        decision = Decision(
            uid=new_uid(), pair=card.pair.id, version=card.pair.pair_id, reviewer=self.reviewer, status=said.status,
            preference=said.preference, rating=said.rating, answers=said.answers or None, reasons=said.reasons,
            note=said.note, tags=said.tags, flagged=said.flagged, blind=said.blind and not self.seen,
            revealed=said.revealed, policy=self.query.order, stratum=place.stratum if place and drawn else None,
            inclusion=place.inclusion if place and drawn else None,
            seed=item.seed if card.pair.kind == "preference" else None, session=self.uid, presented=self._shown_at,
            answered=self._last_answer, active_ms=None if said.stay else took // 1000,
            repeat_of=item.repeat_of.uid if item.repeat_of and not said.stay else None, edit=said.edit,
        )  # fmt: skip
        return Prepared(
            decision=decision,
            expected=mine.uid if mine else None,
            checked=not said.adjudicate,
            action="adjudicate" if said.adjudicate else "label",
            presented=tuple(self._presented[-PRESENTED_LIMIT:]),
            was_decided=card.decided,
            took_us=None if said.stay else took,
        )

    def commit(self, prepared: Prepared) -> Outcome:
        """Write a prepared decision; on disk when this returns. Reads and writes: not for the event loop.

        Raises ConflictError where the pair was labelled elsewhere since it was shown, StoreError and its kind where the
        database cannot take it: nothing is written then, and the same `prepared` may be tried again.
        """
        self.ensure_saved()
        return label.decide(
            self.workspace,
            prepared.decision,
            presented=prepared.presented,
            action=prepared.action,
            **({"expected": prepared.expected} if prepared.checked else {}),
        )

    def committed(self, prepared: Prepared) -> None:
        """The decision is on disk: count it, and now and then ask for an earlier one again."""
        decision = prepared.decision
        done = {event.uid for event in prepared.presented}
        self._presented = [event for event in self._presented if event.uid not in done]
        if prepared.took_us is None:
            return
        self.pace.decided(self.time.active_us, prepared.took_us)
        self._active_at = self.time.active_us
        if decision.repeat_of is not None:
            self.repeats += 1
            return
        if not prepared.was_decided and decision.status is not None:
            self.decided += 1
            if self.needed is not None and (kept := self._cards.get(decision.pair)) is not None:
                self.needed.counted(kept[1], decision)
        self._mine.pop(decision.pair, None)
        self._mine[decision.pair] = Earlier(decision.uid, decision.status, decision.preference)
        self._plan_repeat()

    def _plan_repeat(self) -> None:
        candidates = [pair for pair in list(self._mine)[:-REPEAT_GAP] if pair not in self._repeated]
        if self._share <= 0 or self._due is not None or not candidates or self._rng.random() >= self._share:
            return
        pair = self._rng.choice(candidates)
        self._repeated.add(pair)
        self._due = Item(pair, self._mine[pair], self._seed(pair, b"again"))

    def undo(self) -> Undoable | None:
        """Take back the newest thing this reviewer did, here or in an earlier sitting; None: there is nothing left.

        Reads and writes: not for the event loop.
        """
        self.ensure_saved()
        found = label.undo_last(self.workspace, self.reviewer, session=self.uid)
        if found is not None:
            self._due = None
            mine = self._mine.get(found.pair) if found.pair is not None else None
            if found.pair is not None and mine is not None and mine.uid == found.uid:
                del self._mine[found.pair]
                self.pace.taken_back()
            self.decided = count_decided(self.workspace, self.queue, self.reviewer)
            self.needed = labels_needed(self.workspace, self.query.dataset)
        return found

    # -- beginning and end (these write)

    def ensure_saved(self) -> None:
        """Let the database know of this sitting."""
        if self.saved:
            return
        with self.workspace.store.tx(durable=True) as connection:
            session_store.insert_session(
                connection, self.uid, self.reviewer, self.queue.dataset_id, encode_queue(self.query), None, self.started
            )
        self.saved = True

    def finish(self) -> Summary:
        """Write what was shown and where to go on; the summary of the sitting."""
        if self._presented or self.saved:
            self.ensure_saved()
            item = self.item()
            with self.workspace.store.tx(durable=True) as connection:
                label.write_presented(connection, self._presented)
                session_store.end_session(connection, self.uid, item.pair if item else None, self.clock())
            self._presented = []
        return self.summary()

    def summary(self) -> Summary:
        """How the sitting went so far. Reads: not for the event loop."""
        return Summary(
            figures=session_store.figures(self.workspace.store.read(), self.uid, self.reviewer, self.started),
            active=self.time.active_us / 1_000_000,
            per_minute=self.pace.per_minute(self.time.active_us),
            median=self.pace.median_seconds,
            left=max(len(self.queue) - self.decided, 0),
            total=len(self.queue),
        )

    # -- how it goes

    @property
    def per_minute(self) -> float | None:
        """Decisions a minute over the last ten minutes of active time."""
        return self.pace.per_minute(self.time.active_us)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest of the queue takes at this pace."""
        return self.pace.seconds_left(self.time.active_us, max(len(self.queue) - self.decided, 0))

    @property
    def break_due(self) -> bool:
        """Whether it is time for a break (setting `break_after`)."""
        return 0 < self._break_us <= self.time.since_break_us
