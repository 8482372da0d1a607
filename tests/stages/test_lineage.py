"""The story of a pair."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, say, sft

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.stages.label import undo_last
from flywheel_tui.stages.lineage import trace
from flywheel_tui.store import lineage
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "w", sft(6)) as made:
        yield made


def link(workspace: Workspace, *edges: tuple[int, int]) -> None:
    with workspace.store.tx() as connection:
        connection.executemany(
            "INSERT INTO edge VALUES (?, ?, 'evolved', 'evol-instruct', NULL, 'a-teacher', NULL, 0)", edges
        )


def test_versions_and_labels(workspace: Workspace) -> None:
    pair = add_pairs(workspace, sft(6))[0]
    say(workspace, pair, "edited", edit={"output": "two"})
    say(workspace, pair, "edited", edit={"output": "three"})
    say(workspace, pair, "rejected", reviewer="ben", reasons=("wrong", "short"), note="no")
    undo_last(workspace, "ben")
    found = trace(workspace, str(pair))
    assert [(version.version, version.output, version.current) for version in found.versions] == [
        (1, "answer 1", False), (2, "two", False), (3, "three", True),
    ]  # fmt: skip
    assert [version.supersedes for version in found.versions] == [None, pair, found.versions[1].pair_id]
    assert [(event.reviewer, event.action, event.status, event.undone) for event in found.labels] == [
        ("ana", "label", "edited", False), ("ana", "label", "edited", False), ("ben", "label", "rejected", True),
        ("ben", "undo", None, False),
    ]  # fmt: skip
    assert found.labels[2].reasons == ("wrong", "short") and found.labels[2].note == "no"
    assert found.ancestors == () and found.descendants == ()


def test_every_name_of_a_pair_finds_it(workspace: Workspace) -> None:
    pair = add_pairs(workspace, sft(6))[0]
    say(workspace, pair, "edited", edit={"output": "two"})
    first, second = trace(workspace, str(pair)).versions
    for name in (str(second.pair_id), first.uid, second.uid, first.uid.lower()):
        assert trace(workspace, name).pair.id == pair


def test_a_pair_of_several_data_sets_must_be_told_apart(workspace: Workspace) -> None:
    mine = add_pairs(workspace, sft(6))[0]
    other = add_pairs(workspace, sft(2), "other")[0]
    uid = trace(workspace, str(mine)).pair.uid
    with pytest.raises(UsageError, match=r"several data sets hold the pair .*: demo, other; name one with -d"):
        trace(workspace, uid)
    assert trace(workspace, uid, dataset="other").pair.id == other
    with pytest.raises(UsageError, match="is in the data set demo, not in other"):
        trace(workspace, str(mine), dataset="other")


@pytest.mark.parametrize("name", ["", "x", "-1", "1.5", "٣", "0" * 25 + "U", "9" * 30])
def test_what_is_no_name_is_told(workspace: Workspace, name: str) -> None:
    with pytest.raises(UsageError, match="neither the number of a pair nor a uid"):
        trace(workspace, name)


@pytest.mark.parametrize("name", ["0", "999", "0" * 26])
def test_what_is_not_there_is_told(workspace: Workspace, name: str) -> None:
    with pytest.raises(NotFoundError, match="no pair named"):
        trace(workspace, name)


def test_back_to_the_seed_and_down_to_the_last(workspace: Workspace) -> None:
    one, two, three, four, five, six = add_pairs(workspace, sft(6))
    link(workspace, (two, one), (three, two), (four, three), (five, three), (three, six))
    say(workspace, three, "edited", edit={"output": "new"})
    edited = trace(workspace, str(three)).versions[1].pair_id
    link(workspace, (six, edited))
    found = trace(workspace, str(three))
    assert [relative.pair_id for relative in found.ancestors] == [two, six]
    assert [relative.pair_id for relative in found.ancestors[0].beyond] == [one]
    assert [relative.pair_id for relative in found.descendants] == [four, five, six]
    assert found.ancestors[0].recipe == "evol-instruct" and found.ancestors[0].teacher == "a-teacher"


def test_a_circle_ends(workspace: Workspace) -> None:
    one, two, three, *_ = add_pairs(workspace, sft(6))
    link(workspace, (two, one), (three, two), (one, three))
    (first,) = trace(workspace, str(one)).descendants
    assert (first.pair_id, first.beyond[0].pair_id) == (two, three)
    (again,) = first.beyond[0].beyond
    assert (again.pair_id, again.seen, again.beyond) == (one, True, [])


def test_a_crowd_of_relatives_is_bounded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "MAX_PAIRS", 3)
    ids = add_pairs(workspace, sft(6))
    link(workspace, *((child, parent) for parent, child in pairwise(ids)))
    depth, level = 0, trace(workspace, str(ids[0])).descendants
    while level:
        depth, level = depth + 1, tuple(level[0].beyond)
    assert depth == 4, "three followed, one more named"


def test_findings_verdicts_and_failures(workspace: Workspace) -> None:
    pair = add_pairs(workspace, sft(6))[0]
    with workspace.store.tx() as connection:
        connection.execute(
            "INSERT INTO finding (dataset_id, pair_id, check_name, check_version, severity, field, message, created)"
            " VALUES (1, ?, 'pii', 1, 'error', 'output', 'an e-mail address', 0)",
            (pair,),
        )
        connection.execute(
            "INSERT INTO judge_run (id, dataset_id, tag, judge_id, created)"
            " VALUES (1, 1, 'first', NULL, 0), (2, 1, 'second', NULL, 0)"
        )
        connection.execute(
            "INSERT INTO verdict (judge_run_id, pair_id, score, passed, created) VALUES (1, ?, 8.5, 1, 2)", (pair,)
        )
        connection.execute(
            "INSERT INTO judge_error (judge_run_id, pair_id, kind, detail, created) VALUES (2, ?, 'timeout', '9 s', 1)",
            (pair,),
        )
    found = trace(workspace, str(pair))
    assert [(finding.check, finding.field) for finding in found.findings] == [("pii", "output")]
    assert [(verdict.tag, verdict.score, verdict.error) for verdict in found.verdicts] == [
        ("second", None, "timeout: 9 s"), ("first", 8.5, None),
    ]  # fmt: skip
