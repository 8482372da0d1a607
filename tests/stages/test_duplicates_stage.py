"""Decisions on clusters of duplicates: one batch each, nothing else said of a pair lost, undone by one key."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel_tui.errors import NotFoundError
from flywheel_tui.records.label import Decision
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import duplicates, label, views
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.store import datasets, pairs, sources
from flywheel_tui.workspace import Workspace

SAME = "Bring the parcel to the counter of the depot before the end of the week, with the card and a passport"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    rows = [
        Draft(instruction="Where?", output=SAME, line=1),
        Draft(instruction="Where?", output=SAME, line=2),
        Draft(instruction="WHERE", output=f"{SAME}!", line=3),
        Draft(instruction="Where?", output=f"{SAME} of yours.", line=4),
        Draft(instruction="Else?", output="Something that stands alone.", line=5),
    ]
    with Workspace.open(tmp_path / "ws", create=True) as opened:
        with opened.store.tx() as connection:
            dataset = datasets.create_dataset(connection, "d", "sft", [])
            source = sources.add_source(
                connection, dataset.id, name="f", format="jsonl", layout="alpaca", fingerprint="f"
            )
            pairs.insert_drafts(connection, dataset.id, source, pairs.prepare(rows), pairs.Occurrences())
        options = ValidateOptions(dataset="d", checks=("dedup", "neardup"), fail_on="never", helpers=0)
        validate(opened, options)
        yield opened


def ids(workspace: Workspace) -> list[int]:
    return [row[0] for row in workspace.store.read().execute("SELECT id FROM pair_current ORDER BY position")]


def statuses(workspace: Workspace) -> str:
    rows = workspace.store.read().execute("SELECT status FROM pair_current ORDER BY position")
    return " ".join(row[0] for row in rows)


def say(workspace: Workspace, pair: int, status: str | None, **more: object) -> None:
    decision = Decision(uid=os.urandom(16), pair=pair, version=pair, reviewer="ana", status=status, answered=1)
    label.decide(workspace, __import__("msgspec").structs.replace(decision, **more))


def test_clusters_hold_copies_and_not_what_is_only_alike(workspace: Workspace) -> None:
    [exact] = duplicates.clusters(workspace, "d", "dedup")
    assert (exact.pairs, exact.left) == (3, 3)
    members = duplicates.members(workspace, "d", "dedup", exact.kept)
    assert [member.position for member in members] == [1, 2, 3]
    [near] = duplicates.clusters(workspace, "d", "neardup")
    assert near.pairs == 4
    with pytest.raises(NotFoundError):
        duplicates.members(workspace, "d", "dedup", 999)


def test_similarity_is_that_of_the_check(workspace: Workspace) -> None:
    first, second, _, fourth, fifth = (views.detail(workspace, pair) for pair in ids(workspace))
    assert duplicates.similarity(first, second) == 1
    assert 0.8 <= duplicates.similarity(first, fourth) < 1
    assert duplicates.similarity(first, fifth) < 0.2
    message = duplicates.members(workspace, "d", "neardup", first.pair_id)[-1].message
    assert f"{int(duplicates.similarity(first, fourth) * 100)} %" in message


def test_keeping_one_rejects_the_others_as_one_batch(workspace: Workspace) -> None:
    members = ids(workspace)[:3]
    assert duplicates.settle(workspace, members, {members[1]}, "ana") == 2
    assert statuses(workspace) == "rejected open rejected open open"
    mine = label.current_label(workspace, members[0], "ana")
    assert mine is not None
    assert mine.reasons == ("duplicate",)
    assert duplicates.settle(workspace, members, {members[1]}, "ana") == 0
    found = label.undo_last(workspace, "ana")
    assert found is not None
    assert (found.what, found.changed) == ("batch", 2)
    assert statuses(workspace) == "open open open open open"
    assert label.undo_last(workspace, "ana") is None


def test_what_else_was_said_of_a_pair_stays(workspace: Workspace) -> None:
    members = ids(workspace)[:3]
    say(workspace, members[1], "approved", rating=4, note="fine", tags=("gold",), flagged=True)
    duplicates.settle(workspace, members, {members[0]}, "ana")
    mine = label.current_label(workspace, members[1], "ana")
    assert mine is not None
    assert (mine.status, mine.rating, mine.note, mine.tags, mine.flagged) == ("rejected", 4, "fine", ("gold",), True)
    duplicates.settle(workspace, members, {members[1]}, "ana")
    mine = label.current_label(workspace, members[1], "ana")
    assert mine is not None
    assert (mine.status, mine.reasons, mine.note) == (None, (), "fine")
    assert statuses(workspace) == "rejected open rejected open open"


def test_another_reason_to_reject_survives_keeping(workspace: Workspace) -> None:
    members = ids(workspace)[:3]
    say(workspace, members[0], "rejected", reasons=("wrong", "duplicate"))
    duplicates.settle(workspace, members, {members[0]}, "ana")
    mine = label.current_label(workspace, members[0], "ana")
    assert mine is not None
    assert (mine.status, mine.reasons) == ("rejected", ("wrong",))


def test_keeping_all_tags_them_and_settles_the_cluster(workspace: Workspace) -> None:
    members = ids(workspace)[:3]
    assert duplicates.settle(workspace, members, set(members), "ana") == 3
    assert statuses(workspace) == "open open open open open"
    [cluster] = duplicates.clusters(workspace, "d", "dedup")
    assert cluster.left == 0
    assert duplicates.copies(workspace, "d") == []
    assert list(views.ids_of(workspace, views.ViewQuery(dataset="d", filter="'distinct' in tags"))) == members
    label.undo_last(workspace, "ana")
    [cluster] = duplicates.clusters(workspace, "d", "dedup")
    assert cluster.left == 3


def test_copies_leave_one_of_each_whatever_was_rejected_before(workspace: Workspace) -> None:
    first, second, third, *_ = ids(workspace)
    assert duplicates.copies(workspace, "d") == [second, third]
    say(workspace, first, "rejected")
    assert duplicates.copies(workspace, "d") == [third]
    say(workspace, second, "rejected")
    assert duplicates.copies(workspace, "d") == []


def test_an_edited_pair_is_no_copy_any_more(workspace: Workspace) -> None:
    _, second, third, *_ = ids(workspace)
    say(workspace, second, "edited", edit={"output": "Something else altogether."})
    assert duplicates.copies(workspace, "d") == [third]
