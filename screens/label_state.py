"""What the label screen knows, without a widget: the pair at hand, what was said of it, and what a key means now.

A method that ends a thought answers with a `Statement` to be written; one that is out of place raises `NotNow` with the
sentence to show. Nothing here waits, draws or reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from flywheel_tui.records.label import Preference
from flywheel_tui.records.rubric import Answer, Rubric, RubricKind
from flywheel_tui.records.sitting import Item, Statement
from flywheel_tui.stages.cards import Card
from flywheel_tui.store.views import FindingSpan
from screens.label_blind import Blindness
from screens.label_fields import EditField, edit_fields, edited

TAG_LENGTH = 40
TAGS = 30


class NotNow(Exception):
    """A key that means nothing at the moment; its text says why, or what would."""


class Mode(StrEnum):
    """What the keys mean."""

    READ = "read"
    REJECT = "reject"
    NOTE = "note"
    TAGS = "tags"
    GOTO = "goto"
    EDIT = "edit"
    KEEP = "keep"
    """The edit is left with something changed: save it, drop it, or go on?"""


@dataclass
class Pending:
    """What was said of the pair and not yet written: it goes out with the decision, or on leaving the pair."""

    rating: int | None = None
    answers: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


class LabelState(Blindness):
    """The pair at hand and the keys pressed on it."""

    def __init__(self, rubric: Rubric, *, blind: bool = True) -> None:
        self.rubric, self.blind = rubric, blind
        self.card: Card | None = None
        self.item: Item | None = None
        self.mode = Mode.READ
        self.pending = Pending()
        self.several = False
        """While rejecting: digits collect reasons instead of deciding at once."""
        self.question = 0
        self.revealed = self.adjudicating = False
        self.zen = self.open = self.guidelines = self.details = self.findings = False
        self.here: FindingSpan | None = None
        self.last: Statement | None = None
        self.edit_of: tuple[EditField, ...] = ()

    # -- the pair -----------------------------------------------------------------------------------------------------

    def show(self, item: Item, card: Card) -> None:
        """Another pair is at hand: nothing is said of it yet."""
        self.item, self.card = item, card
        self.mode = Mode.READ
        self.several = self.revealed = self.adjudicating = self.open = False
        self.here = None
        self.pending = self._as_written()
        self.question = self._first_open_question()

    def nothing(self) -> None:
        """There is no pair: the queue is empty or at its end."""
        self.item = self.card = None
        self.mode = Mode.READ

    def renew(self, card: Card) -> None:
        """The same pair, read again: what was said of it so far and is not written yet stays."""
        unsaved, self.card = self.unsaved, card
        if not unsaved:
            self.pending = self._as_written()

    @property
    def preferring(self) -> bool:
        """Whether the question is which of two answers is better."""
        return self.card is not None and self.card.pair.kind == "preference"

    @property
    def swapped(self) -> bool:
        """Whether answer b is on the left: by the recorded seed, so that it can be told afterwards."""
        return self.preferring and self.item is not None and bool(self.item.seed & 1)

    @property
    def disputed(self) -> bool:
        """Whether reviewers disagree about this pair."""
        return self.card is not None and self.card.pair.status == "disputed"

    @property
    def asks_rating(self) -> bool:
        """Whether digits rate."""
        return self.rubric.rating is not None

    @property
    def unsaved(self) -> bool:
        """Whether something was said of this pair that is not written yet."""
        return self.card is not None and self.pending != self._as_written()

    def _as_written(self) -> Pending:
        """What the reviewer's label on disk says of the pair."""
        mine = self.card.mine if self.card is not None and not self.repeating else None
        if mine is None:
            return Pending()
        return Pending(rating=mine.rating, answers=dict(mine.answers), reasons=list(mine.reasons))

    # -- decisions ----------------------------------------------------------------------------------------------------

    def approve(self) -> Statement:
        """The pair is good."""
        if self.preferring and not self.adjudicating:
            raise NotNow("which answer is better? h left, l right, = tie, x both bad")
        return self._decide("approved")

    def skip(self) -> Statement:
        """The reviewer cannot tell."""
        return self._decide("skipped")

    def reject(self, *, several: bool = False) -> Statement | None:
        """Ask for the reason; without reasons in the rubric, reject at once. Pressed again it rejects without one."""
        self._card()
        if not self.rubric.reasons:
            return self._decide("rejected")
        if self.mode is Mode.REJECT:
            return self.confirm()
        self.mode, self.several = Mode.REJECT, several
        return None

    def collect(self) -> None:
        """From now on digits collect reasons."""
        if self.mode is not Mode.REJECT:
            raise NotNow("press r first; then a digit names the reason")
        self.several = True

    def digit(self, key: str) -> Statement | None:
        """A reason while rejecting; else the rating, or, where the rubric asks for none, a reason to keep in mind."""
        self._card()
        if self.mode is Mode.REJECT or not self.asks_rating:
            return self._reason(key)
        rating = self.rubric.rating
        assert rating is not None
        if not rating.min <= int(key) <= rating.max:
            raise NotNow(f"ratings go from {rating.min} to {rating.max}")
        self.pending.rating = None if self.pending.rating == int(key) else int(key)
        return None

    def _reason(self, key: str) -> Statement | None:
        reason = self.rubric.reason(key)
        if reason is None:
            listed = " ".join(reason.key for reason in self.rubric.reasons)
            raise NotNow(
                f"no reason {key}; there are {listed}" if listed else "this rubric has neither rating nor reasons"
            )
        if self.mode is Mode.REJECT and not self.several:
            self.pending.reasons = [reason.name]
            return self._decide("rejected")
        if reason.name in self.pending.reasons:
            self.pending.reasons.remove(reason.name)
        else:
            self.pending.reasons.append(reason.name)
        return None

    def confirm(self) -> Statement:
        """Reject with the reasons collected, or with none."""
        if self.mode is not Mode.REJECT:
            raise NotNow("nothing to confirm here")
        if not self.several:
            self.pending.reasons = []
        return self._decide("rejected")

    def prefer(self, side: str) -> Statement:
        """`left`, `right`, `tie` or `neither`; stored by the slots a and b, whatever the order on the screen."""
        self._card()
        if not self.preferring:
            raise NotNow("there is only one answer here; a approves it, r rejects it")
        if side == "tie":
            return self._decide("skipped", Preference.TIE)
        if side == "neither":
            return self._decide("rejected", Preference.NEITHER)
        first = (side == "left") != self.swapped
        return self._decide("approved", Preference.A if first else Preference.B)

    def repeat_last(self) -> Statement:
        """The same decision as the one before: status, reasons, rating and answers, no remarks and no side."""
        card = self._card()
        if self.last is None or self.last.status is None:
            raise NotNow("there is no decision to repeat yet")
        if self.last.status == "edited":
            raise NotNow("an edit cannot be repeated")
        if self.last.preference in (Preference.A, Preference.B) or (self.preferring and self.last.status == "approved"):
            raise NotNow("the sides are shuffled: choose h or l")
        if self.last.preference is not None and not self.preferring:
            raise NotNow("there is only one answer here")
        self.pending.reasons = list(self.last.reasons)
        self.pending.rating = self.last.rating if self.last.rating is not None else self.pending.rating
        if self.rubric.kind is RubricKind.BINARY and card is not None:
            self.pending.answers = dict(self.last.answers)
        return self._decide(self.last.status, self.last.preference)

    def adjudicate(self) -> None:
        """The next decision settles the dispute, over everybody's own label."""
        self._card()
        if self.adjudicating:
            self.adjudicating = False
        elif not self.disputed:
            raise NotNow("nobody disagrees about this pair")
        else:
            self.adjudicating = True

    def _decide(self, status: str, preference: str | None = None, edit: dict[str, object] | None = None) -> Statement:
        said = self._statement(status, preference, edit=edit)
        self.mode, self.several = Mode.READ, False
        return said

    # -- remarks ------------------------------------------------------------------------------------------------------

    def flag(self) -> Statement:
        """Ask for a second opinion, or no longer."""
        card = self._card()
        return self._remark(flagged=not (card.mine is not None and card.mine.flagged))

    def set_note(self, text: str) -> Statement | None:
        """Keep a note; an empty one takes it back. None where nothing changes."""
        card = self._card()
        self.mode = Mode.READ
        before = (card.mine.note if card.mine else None) or ""
        return None if text.strip() == before else self._remark(note=text.strip())

    def set_tags(self, text: str) -> Statement | None:
        """Keep tags, separated by commas. None where nothing changes."""
        card = self._card()
        tags = tuple(dict.fromkeys(tag for part in text.split(",") if (tag := " ".join(part.split()))))
        if long := next((tag for tag in tags if len(tag) > TAG_LENGTH), None):
            raise NotNow(f"{long[:20]}… is longer than {TAG_LENGTH} characters")
        if len(tags) > TAGS:
            raise NotNow(f"at most {TAGS} tags")
        self.mode = Mode.READ
        before = card.mine.tags if card.mine else ()
        return None if tags == before else self._remark(tags=tags)

    def leaving(self) -> Statement | None:
        """What was said of the pair and must be written before another one is shown; None where there is nothing."""
        return self._remark() if self.unsaved and not self.repeating else None

    def _remark(self, **changes: object) -> Statement:
        """The label as it stands with something changed; the pair stays at hand."""
        mine = self._card().mine
        said = self._statement(mine.status if mine else None, mine.preference if mine else None)
        said = msgspec.structs.replace(said, stay=True, adjudicate=False, **changes)
        if said.status is None and not (said.note or said.tags or said.flagged or said.rating or said.answers):
            return msgspec.structs.replace(said, note="")
        return said

    def _statement(
        self, status: str | None, preference: str | None, edit: dict[str, object] | None = None
    ) -> Statement:
        card = self._card()
        mine = card.mine
        keep_reasons = status == "rejected" or preference is not None or status is None
        return Statement(
            status=status,
            preference=preference,
            rating=self.pending.rating,
            answers=dict(self.pending.answers),
            reasons=tuple(self.pending.reasons) if keep_reasons else (),
            note=mine.note if mine else None,
            tags=mine.tags if mine else (),
            flagged=mine.flagged if mine else False,
            edit=edit,
            blind=not self.judge_visible,
            revealed=self.revealed,
            adjudicate=self.adjudicating,
        )

    # -- questions ----------------------------------------------------------------------------------------------------

    @property
    def asking(self) -> bool:
        """Whether a question of the rubric is waiting for y, n or -."""
        return self.card is not None and self.mode is Mode.READ and self.question < len(self.rubric.questions)

    def answer(self, said: Answer) -> None:
        """Answer the question at hand; on to the next that is open."""
        self._card()
        if not self.rubric.questions:
            raise NotNow("this rubric asks no questions")
        if not self.asking:
            raise NotNow("all questions are answered; backspace goes back to one")
        self.pending.answers[self.rubric.questions[self.question].id] = said.value
        self.question = self._next_question(self.question + 1)

    def back_to_question(self, by: int = -1) -> None:
        """To the question before (or after) the one at hand."""
        if not self.rubric.questions:
            raise NotNow("this rubric asks no questions")
        self.question = min(max(self.question + by, 0), len(self.rubric.questions) - 1)

    def _first_open_question(self) -> int:
        return self._next_question(0)

    def _next_question(self, first: int) -> int:
        for at in range(first, len(self.rubric.questions)):
            if self.rubric.questions[at].id not in self.pending.answers:
                return at
        return len(self.rubric.questions)

    @property
    def failed_gate(self) -> bool:
        """Whether a question that is a veto was answered NO."""
        return any(
            question.gate and self.pending.answers.get(question.id) == Answer.NO for question in self.rubric.questions
        )

    # -- views --------------------------------------------------------------------------------------------------------

    def toggle_judge(self) -> None:
        """Show the verdict; the label will say that it had been seen."""
        card = self._card()
        if card.verdict is None:
            raise NotNow("no judge has looked at this pair")
        if self.judge_visible and not self.revealed:
            raise NotNow("the verdict is shown already")
        self.revealed = True

    # -- edits --------------------------------------------------------------------------------------------------------

    def begin_edit(self) -> tuple[EditField, ...]:
        """The texts that can be edited, the response first."""
        self.edit_of = edit_fields(self._card().pair)
        self.mode = Mode.EDIT
        return self.edit_of

    def finish_edit(self, texts: dict[str, str]) -> Statement | None:
        """The edit as a decision; None (and back to reading) where nothing was changed."""
        changes = edited(self._card().pair, texts)
        if not changes:
            self.mode = Mode.READ
            return None
        return self._decide("edited", edit=changes)

    def edit_changed(self, texts: dict[str, str]) -> bool:
        """Whether these texts differ from those of the pair."""
        return bool(edited(self._card().pair, texts))

    # -- escape -------------------------------------------------------------------------------------------------------

    def escape(self) -> bool:
        """Step back out of what is open; False where nothing is."""
        if self.mode is Mode.KEEP:
            self.mode = Mode.EDIT
            return True
        if self.mode is not Mode.READ:
            if self.mode is Mode.REJECT:
                self.pending.reasons = self._as_written().reasons
            self.mode, self.several = Mode.READ, False
            return True
        for name in ("adjudicating", "guidelines", "findings", "details", "zen"):
            if getattr(self, name):
                setattr(self, name, False)
                return True
        return False

    def said(self, statement: Statement) -> None:
        """A statement was written."""
        if not statement.stay:
            self.last = statement

    def _card(self) -> Card:
        if self.card is None:
            raise NotNow("there is no pair here")
        return self.card
