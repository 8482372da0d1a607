"""Orders of the queue that are made from labels, verdicts and samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from factories import make_workspace, pair_ids, say
from judged import judged

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.calibration import CalibrateOptions
from flywheel_tui.records.pair import Draft
from flywheel_tui.records.sitting import Statement
from flywheel_tui.stages.calibrate import calibrate
from flywheel_tui.stages.labels_needed import labels_needed
from flywheel_tui.stages.queues import make_order, orders
from flywheel_tui.stages.queues.base import Situation
from flywheel_tui.stages.queues.samples import draw_sample, strata_of
from flywheel_tui.stages.sitting_start import start
from flywheel_tui.store.views import ViewQuery
from flywheel_tui.workspace import Workspace

TOPICS = ("rivers and lakes of the north", "cooking rice with salt", "sorting a list in python", "the moons of jupiter")


def drafts(count: int = 120) -> list[Draft]:
    """Pairs of four topics; every third answer is a bad one, and says so in its words."""
    return [
        Draft(instruction=f"tell me about {TOPICS[n % 4]} part {n}", line=n,
              output="nonsense gibberish broken" if n % 3 == 0 else f"a careful useful answer on {TOPICS[n % 4]}")
        for n in range(1, count + 1)
    ]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "work", drafts()) as found:
        yield found


def query(order: str, **more: object) -> ViewQuery:
    return ViewQuery(dataset="demo", order=order, **more)  # type: ignore[arg-type]


def queue(workspace: Workspace, order: str, reviewer: str = "ana", **more: object) -> list[int]:
    return list(make_order(workspace, query(order, **more), reviewer).pairs)


def test_an_unknown_order_names_those_there_are(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError, match="most informative"):
        make_order(workspace, query("best"), "ana")


@pytest.mark.parametrize("name", sorted(orders()))
def test_every_order_answers_on_an_empty_filter_and_without_judges(workspace: Workspace, name: str) -> None:
    if name == "calibration sample":
        with pytest.raises(UsageError, match="no pairs to draw from"):
            queue(workspace, name, filter="length > 99999")
    else:
        assert queue(workspace, name, filter="length > 99999") == []
    assert make_order(workspace, query(name), "ana").note


def test_judges_that_disagree_most_come_first(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", {ids[0]: 9, ids[1]: 9, ids[2]: 2, ids[3]: 8}, identity="one")
    assert queue(workspace, "judges disagree") == []
    judged(workspace, "two", {ids[0]: 9, ids[1]: 1, ids[2]: 8, ids[3]: 6.5}, identity="two")
    assert queue(workspace, "judges disagree") == [ids[1], ids[2], ids[3]]
    say(workspace, ids[1], "approved", "ana")
    assert queue(workspace, "judges disagree") == [ids[2], ids[3]]
    assert queue(workspace, "judges disagree", "ben")[0] == ids[1]


def test_the_nearest_to_the_threshold_come_first(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", dict(zip(ids[:4], (3.0, 7.1, 6.8, 9.5), strict=True)))
    assert queue(workspace, "near threshold") == [ids[1], ids[2], ids[3], ids[0]]


def test_second_opinions_leave_out_ones_own_and_what_nobody_has_seen(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    say(workspace, ids[5], "approved", "ben", flagged=True)
    say(workspace, ids[6], "approved", "ben")
    say(workspace, ids[6], "rejected", "cem")
    say(workspace, ids[7], "approved", "ana", flagged=True)
    assert queue(workspace, "second opinions")[:2] == [ids[5], ids[6]]
    assert ids[7] not in queue(workspace, "second opinions") and ids[7] in queue(workspace, "second opinions", "ben")
    for pair in ids[20:120]:
        say(workspace, pair, "approved", "ben")
    overlap = [pair for pair in queue(workspace, "second opinions") if pair in ids[20:120]]
    assert 8 <= len(overlap) <= 35, "a share of 0.2 of what ben labelled"
    assert overlap == [pair for pair in queue(workspace, "second opinions", "dan") if pair in ids[20:120]]
    for pair in overlap:
        say(workspace, pair, "approved", "ana")
    assert not set(overlap) & set(queue(workspace, "second opinions", "dan")), "two people are enough"


def test_the_most_informative_are_open_spread_out_and_the_same_again(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    first = make_order(workspace, query("most informative"), "ana")
    assert "texts alone" in first.note and len(set(first.pairs)) == 120
    for n, pair in enumerate(ids[:60], 1):
        say(workspace, pair, "rejected" if n % 3 == 0 else "approved", "ana")
    ordered = make_order(workspace, query("most informative"), "ana")
    assert "60 labels" in ordered.note and set(ordered.pairs) == set(ids[60:])
    assert list(ordered.pairs) == queue(workspace, "most informative")
    topics = {(ids.index(pair) + 1) % 4 for pair in list(ordered.pairs)[:20]}
    assert len(topics) == 4


def test_planted_label_errors_are_found_first(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    wrong = {ids[8], ids[20], ids[33]}
    for n, pair in enumerate(ids, 1):
        good = n % 3 != 0
        say(workspace, pair, "approved" if good != (pair in wrong) else "rejected", "ana")
    assert set(queue(workspace, "label errors")[:3]) == wrong


def test_few_labels_are_doubted_by_the_judge_alone(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", {ids[0]: 9, ids[1]: 2, ids[2]: 9})
    for pair, status in ((ids[0], "approved"), (ids[1], "approved"), (ids[2], "rejected")):
        say(workspace, pair, status)
    ordered = make_order(workspace, query("label errors"), "ana")
    assert set(ordered.pairs) == {ids[1], ids[2]} and "judge alone" in ordered.note


def test_a_sample_is_drawn_once_with_probabilities_that_add_up(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", {pair: 9 - (n % 5) for n, pair in enumerate(ids[:100])})
    sample = draw_sample(workspace, query("as is"), size=40, seed=3)
    assert (sample.population, sample.size, sample.run) == (120, 40, "one")
    ordered = make_order(workspace, query("calibration sample"), "ana")
    assert list(ordered.pairs) == queue(workspace, "calibration sample"), "the same sample again"
    assert sum(1 / place.inclusion for place in ordered.places.values()) == pytest.approx(120)
    assert {"not judged", "near, passed", "passed", "failed"} <= {place.stratum for place in ordered.places.values()}


def test_a_label_of_the_sample_carries_its_probability_and_others_do_not(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    judged(workspace, "one", {pair: 9 if n % 3 else 3 for n, pair in enumerate(ids, 1)})
    say(workspace, ids[0], "approved", "ana")
    draw_sample(workspace, query("as is"), size=30, seed=1)
    sitting = start(workspace, query("calibration sample"), "ana")
    for _ in range(30):
        item = sitting.item()
        assert item is not None
        card = sitting.card(item.pair)
        sitting.shown(item, card)
        bad = (ids.index(item.pair) + 1) % 3 == 0
        prepared = sitting.prepare(card, Statement(status="rejected" if bad else "approved"))
        sitting.commit(prepared)
        sitting.committed(prepared)
        sitting.advance()
    rows = workspace.store.read().execute(
        "SELECT stratum, inclusion FROM label_event WHERE action = 'label' AND inclusion IS NOT NULL"
    ).fetchall()  # fmt: skip
    assert len(rows) == 30 and all(stratum and 0 < pi <= 1 for stratum, pi in rows)
    assert start(workspace, query("calibration sample"), "ana").at_end
    found = calibrate(workspace, "demo", CalibrateOptions(tag="one"))
    assert found.weighted_labels == 30 and found.weighted["accuracy"].value == 1.0


def test_the_sample_is_shared_out_but_for_the_overlap(workspace: Workspace) -> None:
    draw_sample(workspace, query("as is"), size=60, seed=2)
    sitting = start(workspace, query("calibration sample"), "ana")
    for _ in range(60):
        item = sitting.item()
        assert item is not None
        card = sitting.card(item.pair)
        sitting.shown(item, card)
        prepared = sitting.prepare(card, Statement(status="approved"))
        sitting.commit(prepared)
        sitting.committed(prepared)
        sitting.advance()
    left = queue(workspace, "calibration sample", "ben")
    assert 3 <= len(left) <= 24


def test_the_weighted_rate_of_samples_is_right_on_average(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    good = {pair: n % 3 != 0 for n, pair in enumerate(ids, 1)}
    judged(workspace, "one", {pair: (9.0 if good[pair] else 3.0) + (n % 7) / 10 for n, pair in enumerate(ids)})
    situation = Situation(workspace, query("as is"), "ana")
    assert len(set(strata_of(situation, np.asarray(situation.versions_of(ids), np.int64)))) == 4
    rates = []
    for seed in range(40):
        draw_sample(workspace, query("as is"), size=25, seed=seed)
        places = make_order(workspace, query("calibration sample"), "ana").places
        weights = {pair: 1 / place.inclusion for pair, place in places.items()}
        rates.append(sum(weight * good[pair] for pair, weight in weights.items()) / sum(weights.values()))
    assert np.mean(rates) == pytest.approx(80 / 120, abs=0.02)


def test_an_edited_pair_leaves_the_sample(workspace: Workspace) -> None:
    draw_sample(workspace, query("as is"), size=20, seed=0)
    pair = queue(workspace, "calibration sample")[0]
    say(workspace, pair, "edited", "ben", edit={"output": "something else"})
    assert pair not in queue(workspace, "calibration sample")


def test_labels_still_needed_fall_as_labels_come(workspace: Workspace) -> None:
    ids = pair_ids(workspace)
    plain = labels_needed(workspace, "demo")
    assert plain.tag is None and plain.count == 120
    judged(workspace, "one", dict.fromkeys(ids, 9))
    needed = labels_needed(workspace, "demo")
    assert needed.tag == "one" and needed.count is not None and needed.count > 0
    for pair in ids[:29]:
        say(workspace, pair, "approved", answered=0)
    settled = labels_needed(workspace, "demo")
    assert (settled.labels, settled.passed, settled.count) == (29, 29, 0), "29 without an error prove 90 % at 95 %"


def test_the_count_follows_each_decision_of_a_sitting(workspace: Workspace) -> None:
    judged(workspace, "one", dict.fromkeys(pair_ids(workspace), 9))
    sitting = start(workspace, query("as is"), "ana")
    seen = []
    for _ in range(30):
        item = sitting.item()
        assert item is not None and sitting.needed is not None
        card = sitting.card(item.pair)
        sitting.shown(item, card)
        prepared = sitting.prepare(card, Statement(status="approved"))
        sitting.commit(prepared)
        sitting.committed(prepared)
        sitting.advance()
        seen.append(sitting.needed.count)
    fresh = labels_needed(workspace, "demo")
    assert seen[-1] == 0 == fresh.count and sitting.needed.labels == fresh.labels == 30
    sitting.undo()
    assert sitting.needed.labels == 29
