"""A sitting without a screen: order, resuming, time, repetitions, undo, and what stays after the process ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel_tui.errors import ConflictError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.records.sitting import Statement
from flywheel_tui.stages.drafts import Draft as HalfTyped
from flywheel_tui.stages.drafts import draft_path, drop_draft, load_draft, save_draft
from flywheel_tui.stages.label import current_label
from flywheel_tui.stages.pace import ActiveClock, Pace
from flywheel_tui.stages.session import LabelSession
from flywheel_tui.stages.sitting_start import last_query, start
from flywheel_tui.store.datasets import create_dataset
from flywheel_tui.store.pairs import Occurrences, insert_drafts, prepare
from flywheel_tui.store.views import ViewQuery
from flywheel_tui.workspace import Workspace

APPROVED = Statement(status="approved")
REJECTED = Statement(status="rejected", reasons=("incomplete",))


class FakeClock:
    """Microseconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


def fill(workspace: Workspace, name: str, drafts: list[Draft]) -> None:
    """A data set with these pairs."""
    with workspace.store.tx() as connection:
        dataset = create_dataset(connection, name, drafts[0].kind if drafts else "sft").id
        source = connection.execute(
            "INSERT INTO source (dataset_id, name, format, created) VALUES (?, 'test', 'jsonl', 1) RETURNING id",
            (dataset,),
        ).fetchone()[0]
        if drafts:
            insert_drafts(connection, dataset, source, prepare(drafts), Occurrences())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "work", create=True) as found:
        fill(found, "demo", [Draft(instruction=f"question {n}", output=f"answer {n}", line=n) for n in range(1, 41)])
        yield found


def say(session: LabelSession, statement: Statement = APPROVED) -> int:
    """Decide on the pair at hand and go on; the pair."""
    item = session.item()
    assert item is not None
    card = session.card(item.pair)
    session.shown(item, card)
    prepared = session.prepare(card, statement)
    session.commit(prepared)
    session.committed(prepared)
    session.advance()
    return item.pair


def test_goes_through_the_queue_and_counts(workspace: Workspace, clock: FakeClock) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana", clock=clock)
    decided = [say(session) for _ in range(40)]
    assert decided == sorted(decided) and len(set(decided)) == 40
    assert session.at_end and session.item() is None
    assert session.decided == 40
    summary = session.finish()
    assert summary.figures.by_status == {"approved": 40} and summary.left == 0


def test_resumes_after_a_kill_behind_the_last_decision(workspace: Workspace) -> None:
    first = start(workspace, ViewQuery(dataset="demo"), "ana")
    last = [say(first) for _ in range(7)][-1]
    # no finish(): the process is gone
    again = start(workspace, ViewQuery(dataset="demo"), "ana")
    item = again.item()
    assert item is not None and item.pair == last + 1
    assert again.decided == 7
    assert start(workspace, ViewQuery(dataset="demo"), "ben").index == 0
    assert last_query(workspace, "ana") == ViewQuery(dataset="demo")
    assert last_query(workspace, "ben") is None


def test_resumes_at_the_pair_that_was_left_undecided(workspace: Workspace) -> None:
    first = start(workspace, ViewQuery(dataset="demo"), "ana")
    say(first)
    first.step(5)
    left_at = first.item()
    first.finish()
    again = start(workspace, ViewQuery(dataset="demo"), "ana")
    assert again.item() is not None and again.item().pair == left_at.pair  # type: ignore[union-attr]


@pytest.mark.parametrize("order", ["random", "unlabelled first"])
def test_other_orders_resume_without_showing_a_pair_twice(workspace: Workspace, order: str) -> None:
    query = ViewQuery(dataset="demo", order=order, seed=7, reviewer="ana")
    first = start(workspace, query, "ana")
    before = [say(first) for _ in range(15)]
    again = start(workspace, query, "ana")
    after = [say(again) for _ in range(25)]
    assert sorted(before + after) == sorted(set(before + after)) and len(before + after) == 40


def test_marked_pairs_only(workspace: Workspace) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana", marked=[5, 3, 9], first=3)
    assert [say(session), say(session)] == [3, 9] and session.at_end


def test_time_counts_without_pauses(workspace: Workspace, clock: FakeClock) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana", clock=clock)
    item = session.item()
    assert item is not None
    card = session.card(item.pair)
    session.shown(item, card)
    clock.wait(10)
    session.touch()
    clock.wait(3600)
    prepared = session.prepare(card, APPROVED)
    assert prepared.decision.active_ms == 70_000, "ten seconds, and of the hour only `pause_after` (60 s)"
    assert prepared.decision.presented == clock.now - 3_610_000_000


def test_a_clock_set_back_does_not_lose_a_label(workspace: Workspace, clock: FakeClock) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana", clock=clock)
    pair = say(session)
    clock.wait(-86_400)
    later = start(workspace, ViewQuery(dataset="demo"), "ana", first=pair, clock=clock)
    say(later, REJECTED)
    label = current_label(workspace, pair, "ana")
    assert label is not None and label.status == "rejected"


def test_the_same_prepared_decision_is_written_once(workspace: Workspace) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana")
    item = session.item()
    assert item is not None
    card = session.card(item.pair)
    session.shown(item, card)
    prepared = session.prepare(card, APPROVED)
    assert session.commit(prepared).new
    assert not session.commit(prepared).new
    count = workspace.store.read().execute("SELECT count(*) FROM label_event").fetchone()[0]
    assert count == 2, "one answered, one presented"


def test_a_label_from_another_window_is_a_conflict(workspace: Workspace) -> None:
    one = start(workspace, ViewQuery(dataset="demo"), "ana")
    item = one.item()
    assert item is not None
    card = one.card(item.pair)
    one.shown(item, card)
    say(start(workspace, ViewQuery(dataset="demo"), "ana"), REJECTED)
    with pytest.raises(ConflictError):
        one.commit(one.prepare(card, APPROVED))
    assert one.card(item.pair).mine.status == "rejected"  # type: ignore[union-attr]  # the kept card was stale


def test_repeats_measure_and_never_overwrite(workspace: Workspace, clock: FakeClock) -> None:
    workspace.__dict__["settings"] = workspace.settings.model_copy(update={"self_check": 0.5})
    session = start(workspace, ViewQuery(dataset="demo"), "ana", clock=clock)
    shown: list[int] = []
    differing = 0
    while (item := session.item()) is not None:
        shown.append(item.pair)
        if item.repeat_of is None:
            say(session)
            continue
        gap = len(shown) - 1 - shown.index(item.pair)
        assert gap > 10, "what was said must be out of mind"
        differing += 1
        say(session, REJECTED if differing % 2 else APPROVED)
    assert session.repeats == len(shown) - 40 > 3
    statuses = {current_label(workspace, pair, "ana").status for pair in shown}  # type: ignore[union-attr]
    assert statuses == {"approved"}, "the first answer holds"
    figures = session.summary().figures
    assert (figures.repeated, figures.agreed) == (session.repeats, session.repeats // 2)
    assert figures.by_status == {"approved": 40}


def test_undo_reaches_into_earlier_sittings(workspace: Workspace) -> None:
    first = start(workspace, ViewQuery(dataset="demo"), "ana")
    decided = [say(first) for _ in range(20)]
    again = start(workspace, ViewQuery(dataset="demo"), "ana")
    undone = [again.undo() for _ in range(20)]
    assert [found.pair for found in undone if found] == decided[::-1]
    assert again.decided == 0 and again.undo() is None


def test_moving_stops_at_the_ends(workspace: Workspace) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana")
    assert not session.step(-1)
    session.go_to(39)
    assert session.step(1) and session.item() is None, "one step behind the last pair is the end of the queue"
    assert not session.step(1)
    assert session.step(-1) and session.item() is not None
    with pytest.raises(UsageError, match="1 to 40"):
        session.go_to(40)


def test_prefetch_reads_the_neighbours(workspace: Workspace) -> None:
    session = start(workspace, ViewQuery(dataset="demo"), "ana")
    session.go_to(10)
    assert [card.pair.id for card in session.prefetch()] == [12, 13, 14, 10]
    session.go_to(39)
    assert [card.pair.id for card in session.prefetch()] == [39]


def test_pace_looks_at_ten_minutes_of_active_time() -> None:
    pace, minute = Pace(), 60_000_000
    assert pace.per_minute(0) is None
    for number in range(1, 121):
        pace.decided(number * minute // 6, minute // 6)  # six a minute, for twenty minutes
    assert pace.per_minute(20 * minute) == pytest.approx(6.1, abs=0.1)
    assert pace.seconds_left(20 * minute, 61) == pytest.approx(600, abs=20)
    assert pace.median_seconds == pytest.approx(10)


def test_a_break_is_due_after_work_and_not_after_a_rest() -> None:
    clock = ActiveClock(60, 0)
    for second in range(1, 3001):
        clock.touch(second * 1_000_000)
    assert clock.since_break_us == clock.active_us == 3_000_000_000
    clock.touch(3_000_000_000 + 400_000_000)
    assert clock.since_break_us == 0 and clock.active_us == 3_060_000_000


def test_half_typed_work_is_kept_for_its_owner(workspace: Workspace) -> None:
    draft = HalfTyped(pair=3, dataset="demo", version=3, kind="edit", texts={"output": "half\nof it"})
    path = save_draft(workspace, "ana/../x", draft)
    assert path.parent == workspace.root / "drafts" and path.stat().st_mode & 0o777 == 0o600
    assert load_draft(workspace, "ana/../x") == draft
    assert load_draft(workspace, "ben") is None
    drop_draft(workspace, "ana/../x")
    assert load_draft(workspace, "ana/../x") is None
    draft_path(workspace, "ben").write_text("{not json")
    assert load_draft(workspace, "ben") is None
