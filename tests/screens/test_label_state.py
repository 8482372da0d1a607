"""What keys mean on the label screen, without a screen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.records.pair import PairView
from flywheel_tui.records.rubric import Answer, Question, Rating, Reason, Rubric, RubricKind
from flywheel_tui.records.sitting import Earlier, Item
from flywheel_tui.stages.cards import Card, VerdictCard
from screens.label_fields import edit_fields, edited
from screens.label_state import LabelState, Mode, NotNow

REASONS = tuple(Reason(key=str(n), name=name, label=name.title()) for n, name in enumerate(("wrong", "rude", "cut"), 1))
SCORED = Rubric(name="default", version=1, kind=RubricKind.SCORED, rating=Rating(), reasons=REASONS)
PAIRWISE = Rubric(name="preference", version=1, kind=RubricKind.PAIRWISE, reasons=REASONS)
BINARY = Rubric(
    name="yes_no",
    version=1,
    kind=RubricKind.BINARY,
    reasons=REASONS,
    questions=(Question(id="S1", text="safe?", gate=True), Question(id="A1", text="right?")),
)


def pair(**changes: Any) -> PairView:
    made = PairView(
        id=7, pair_id=7, dataset="demo", dataset_id=1, position=7, uid="U", kind="sft", instruction="ask", input=None,
        output="tell", body={}, meta={}, category=None, tags=(), source="a.jsonl", line=7, author=None, length=7,
        version=1, status="open", reviewer=None, flagged=False, score=None, passed=None, findings=0,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def mine(**changes: Any) -> CurrentLabel:
    made = CurrentLabel(
        uid=b"m" * 16, pair=7, version=7, reviewer="ana", source="human", status="approved", preference=None,
        rating=None, answers={}, reasons=(), note=None, tags=(), flagged=False, blind=True, answered=1, active_ms=1,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def state(rubric: Rubric = SCORED, card: Card | None = None, item: Item | None = None, **options: Any) -> LabelState:
    made = LabelState(rubric, **options)
    made.show(item or Item(7), card or Card(pair=pair()))
    return made


def preferring(seed: int) -> LabelState:
    card = Card(pair=pair(kind="preference", body={"rejected": "other"}))
    return state(PAIRWISE, card, Item(7, None, seed))


@pytest.mark.parametrize(
    ("decided", "repeating", "revealed", "adjudicating", "blind", "verdicts", "labels"),
    [
        (False, False, False, False, True, False, False),
        (True, False, False, False, True, True, True),
        (True, True, False, False, True, False, False),
        (False, False, True, False, True, True, False),
        (False, False, False, True, True, False, True),
        (False, False, False, False, False, True, False),
    ],
    ids=["at first", "decided", "shown again", "judge asked for", "settling", "not blind"],
)
def test_what_others_said_is_visible_only_when_it_decides_nothing(
    decided: bool, repeating: bool, revealed: bool, adjudicating: bool, blind: bool, verdicts: bool, labels: bool
) -> None:
    item = Item(7, repeat_of=Earlier(b"m" * 16, "approved", None)) if repeating else Item(7)
    made = state(card=Card(pair=pair(), mine=mine() if decided else None), item=item, blind=blind)
    made.revealed, made.adjudicating = revealed, adjudicating
    assert (made.verdicts_visible, made.labels_visible) == (verdicts, labels)


def test_approve_and_skip_say_it_at_once() -> None:
    assert state().approve().status == "approved"
    assert state().skip().status == "skipped"


def test_a_rejection_with_one_reason_is_two_keys() -> None:
    s = state()
    assert s.reject() is None and s.mode is Mode.REJECT
    said = s.digit("2")
    assert said is not None and (said.status, said.reasons) == ("rejected", ("rude",))
    assert s.mode is Mode.READ


def test_a_rejection_for_several_reasons() -> None:
    s = state()
    s.reject()
    s.collect()
    for key in ("1", "3", "1", "2"):
        assert s.digit(key) is None
    assert s.confirm().reasons == ("cut", "rude"), "pressed twice is not chosen"
    s = state()
    s.reject(several=True)
    s.digit("1")
    assert s.reject() is not None, "r again confirms too"


def test_a_rejection_without_reason() -> None:
    s = state()
    s.reject()
    assert s.confirm().reasons == ()
    assert state(msgspec.structs.replace(SCORED, reasons=())).reject() is not None


def test_escape_from_rejecting_leaves_nothing_behind() -> None:
    s = state()
    s.reject(several=True)
    s.digit("1")
    assert s.escape() and s.mode is Mode.READ
    assert s.approve().reasons == () and not s.unsaved
    assert not s.escape()


def test_digits_rate_where_the_rubric_asks_and_go_out_with_the_decision() -> None:
    s = state()
    assert s.digit("4") is None and s.unsaved
    assert s.approve().rating == 4
    s.digit("4")
    assert s.pending.rating is None, "the same digit takes the rating back"
    with pytest.raises(NotNow, match="1 to 5"):
        s.digit("9")


def test_digits_are_reasons_where_no_rating_is_asked() -> None:
    s = preferring(0)
    assert s.digit("1") is None
    said = s.prefer("left")
    assert said.reasons == ("wrong",) and said.preference == "a"
    with pytest.raises(NotNow, match="no reason 9"):
        s.digit("9")


@pytest.mark.parametrize(
    ("seed", "side", "stored"),
    [
        (0, "left", "a"),
        (0, "right", "b"),
        (1, "left", "b"),
        (1, "right", "a"),
        (1, "tie", "tie"),
        (0, "neither", "neither"),
    ],
)
def test_preferences_are_stored_by_slot_whatever_the_order(seed: int, side: str, stored: str) -> None:
    said = preferring(seed).prefer(side)
    assert said.preference == stored
    assert said.status == {"tie": "skipped", "neither": "rejected"}.get(stored, "approved")


def test_sides_belong_to_preference_pairs_and_approval_to_the_others() -> None:
    with pytest.raises(NotNow, match="only one answer"):
        state().prefer("left")
    with pytest.raises(NotNow, match="which answer"):
        preferring(0).approve()


def test_questions_one_after_the_other() -> None:
    s = state(BINARY)
    assert s.asking and s.question == 0
    s.answer(Answer.NO)
    assert s.failed_gate and s.question == 1
    s.answer(Answer.NA)
    assert not s.asking
    with pytest.raises(NotNow, match="all questions"):
        s.answer(Answer.YES)
    s.back_to_question()
    s.answer(Answer.YES)
    assert s.approve().answers == {"S1": "NO", "A1": "YES"}


def test_the_verdict_is_hidden_until_one_has_decided_or_asked() -> None:
    verdict = VerdictCard(score=8.0, passed=True, scores={}, rationale="fine", tag="t", model="m")
    s = state(card=Card(pair=pair(), verdict=verdict))
    assert not s.judge_visible
    assert (s.approve().blind, s.approve().revealed) == (True, False)
    s.toggle_judge()
    assert s.judge_visible
    assert (s.approve().blind, s.approve().revealed) == (False, True)
    assert state(card=Card(pair=pair(), verdict=verdict, mine=mine())).judge_visible
    assert state(card=Card(pair=pair(), verdict=verdict), blind=False).judge_visible
    repeat = Item(7, Earlier(b"m" * 16, "approved", None))
    again = state(card=Card(pair=pair(), verdict=verdict, mine=mine()), item=repeat)
    assert not again.judge_visible, "the second answer is to be free of it too"


def test_a_repetition_hides_the_first_answer() -> None:
    repeat = Item(7, Earlier(b"m" * 16, "approved", None))
    s = state(card=Card(pair=pair(), mine=mine(rating=5, reasons=("cut",))), item=repeat)
    assert s.pending.rating is None and s.pending.reasons == []
    assert s.leaving() is None


def test_remarks_keep_the_decision() -> None:
    card = Card(pair=pair(), mine=mine(status="rejected", reasons=("cut",), note="hm", tags=("x",)))
    said = state(card=card).flag()
    assert said.stay and said.flagged
    assert (said.status, said.reasons, said.note, said.tags) == ("rejected", ("cut",), "hm", ("x",))
    assert state(card=card).set_note("hm") is None
    assert state(card=card).set_tags("y,  x ,y, ").tags == ("y", "x")  # type: ignore[union-attr]
    with pytest.raises(NotNow, match="longer"):
        state(card=card).set_tags("x" * 41)


def test_a_remark_that_is_taken_back_is_said_so() -> None:
    card = Card(pair=pair(), mine=mine(status=None, flagged=True))
    said = state(card=card).flag()
    assert not said.flagged and said.note == "", "an empty note: this label says nothing any more"


def test_the_last_decision_again() -> None:
    s = state()
    with pytest.raises(NotNow, match="no decision"):
        s.repeat_last()
    s.reject()
    s.said(s.digit("3"))  # type: ignore[arg-type]
    s.show(Item(8), Card(pair=pair(id=8)))
    assert (s.repeat_last().status, s.repeat_last().reasons) == ("rejected", ("cut",))
    p = preferring(0)
    p.said(p.prefer("left"))
    with pytest.raises(NotNow, match="shuffled"):
        p.repeat_last()
    p.said(p.prefer("tie"))
    assert p.repeat_last().preference == "tie"


def test_what_was_not_decided_is_written_on_leaving() -> None:
    s = state()
    assert s.leaving() is None
    s.digit("2")
    said = s.leaving()
    assert said is not None and said.stay and said.rating == 2 and said.status is None


def test_a_dispute_can_be_settled_and_nothing_else() -> None:
    with pytest.raises(NotNow, match="nobody disagrees"):
        state().adjudicate()
    s = state(card=Card(pair=pair(status="disputed"), mine=mine()))
    s.adjudicate()
    assert s.approve().adjudicate
    assert s.escape() and not s.adjudicating


def test_an_edit_names_what_changed_and_the_conversation_follows() -> None:
    messages = [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "tell"}]
    s = state(card=Card(pair=pair(body={"messages": messages})))
    fields = s.begin_edit()
    assert [field.name for field in fields] == ["output", "instruction"] and s.mode is Mode.EDIT
    assert s.finish_edit({"output": "tell", "instruction": "ask"}) is None
    s.begin_edit()
    said = s.finish_edit({"output": "tell all", "instruction": "ask"})
    assert said is not None and said.status == "edited" and said.edit is not None
    assert said.edit["output"] == "tell all"
    assert said.edit["body"]["messages"][1]["content"] == "tell all"  # type: ignore[index]
    assert messages[1]["content"] == "tell", "the pair itself is not touched"


def test_both_answers_of_a_preference_pair_can_be_edited() -> None:
    made = pair(kind="preference", body={"rejected": "other", "undecided": True})
    assert [field.name for field in edit_fields(made)] == ["output", "rejected", "instruction"]
    changes = edited(made, {"output": "tell", "rejected": "better"})
    assert changes == {"body": {"rejected": "better", "undecided": True}}


@pytest.mark.parametrize(
    "act",
    [
        lambda s: s.approve(), lambda s: s.skip(), lambda s: s.reject(), lambda s: s.digit("1"), lambda s: s.flag(),
        lambda s: s.prefer("left"), lambda s: s.set_note("x"), lambda s: s.adjudicate(), lambda s: s.begin_edit(),
        lambda s: s.toggle_judge(), lambda s: s.repeat_last(), lambda s: s.answer(Answer.YES),
    ],
)  # fmt: skip
def test_without_a_pair_every_key_says_why_it_does_nothing(act: Any) -> None:
    s = state()
    s.nothing()
    with pytest.raises(NotNow):
        act(s)
