"""Selections: which pairs, as of one moment, in short reads; and the rows behind them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import add_pairs, make_workspace, say, sft
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import NotFoundError
from flywheel_tui.expressions import parse
from flywheel_tui.identity import new_uid, now_us, show_uid
from flywheel_tui.records.pair import Draft
from flywheel_tui.store import dataset_diff, export_rows, selections
from flywheel_tui.store.export_rows import Columns, read_rows, show_uids
from flywheel_tui.store.selections import EVERYTHING, select_pairs, where_of
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "w", sft(30)) as made:
        yield made


def read(workspace: Workspace, where: str | None = None, columns: Columns = Columns()) -> list[export_rows.ExportRow]:  # noqa: B008
    connection = workspace.store.read()
    selection = select_pairs(connection, 1, where_of(parse(where)) if where else EVERYTHING)
    return [row for chunk in selection.chunks(7) for row in read_rows(connection, chunk, columns)]


@settings(deadline=None)
@given(st.lists(st.binary(min_size=16, max_size=16), max_size=40))
def test_many_uids_are_shown_as_one_is(uids: list[bytes]) -> None:
    assert show_uids(uids) == [show_uid(uid) for uid in uids]


def test_the_ends_of_the_range_of_uids() -> None:
    uids = [bytes(16), b"\xff" * 16, os.urandom(16)] * 400
    assert show_uids(uids) == [show_uid(uid) for uid in uids]


@pytest.mark.parametrize("size", [1, 7, 29, 30, 31, 2000])
def test_windows_cover_every_position_once(workspace: Workspace, size: int) -> None:
    connection = workspace.store.read()
    windows = list(selections.position_windows(connection, 1, size))
    positions = [row[0] for row in connection.execute("SELECT position FROM pair_current ORDER BY position")]
    covered = [[place for place in positions if after < place <= upto] for after, upto in windows]
    assert [place for window in covered for place in window] == positions
    assert all(len(window) <= size for window in covered) and len(windows) == -(-30 // size)


def test_an_empty_data_set_has_no_windows(workspace: Workspace) -> None:
    assert list(selections.position_windows(workspace.store.read(), 99)) == []
    assert len(select_pairs(workspace.store.read(), 99)) == 0


def test_a_filter_keeps_what_it_says(workspace: Workspace) -> None:
    ids = add_pairs(workspace, sft(30))
    for pair in ids[:4]:
        say(workspace, pair, "rejected")
    assert [row.id for row in read(workspace, "label == 'rejected'")] == ids[:4]
    assert [row.id for row in read(workspace, "instruction == 'pair 9: what is it?'")] == [ids[8]]
    assert [row.line for row in read(workspace)] == list(range(1, 31))
    selection = select_pairs(workspace.store.read(), 1)
    assert selection.statuses() == {"open": 26, "rejected": 4}


def test_first_pairs_reads_no_further_than_it_must(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    windows = list(selections.position_windows(workspace.store.read(), 1, 5))
    monkeypatch.setattr(selections, "position_windows", lambda *_: iter(windows))
    asked: list[str] = []
    connection = workspace.store.read()
    connection.set_trace_callback(asked.append)
    try:
        found = selections.first_pairs(connection, 1, where_of(parse("length > 0")), 3, offset=1)
    finally:
        connection.set_trace_callback(None)
    assert list(found.roots) == [2, 3, 4]
    assert sum(text.startswith("SELECT c.id") for text in asked) == 1
    assert list(selections.first_pairs(connection, 1, EVERYTHING, 3, offset=28).roots) == [29, 30]


def test_an_edit_and_a_label_after_the_selection_do_not_show(workspace: Workspace) -> None:
    connection = workspace.store.read()
    selection = select_pairs(connection, 1)
    pair = selection.roots[2]
    say(workspace, pair, "edited", edit={"output": "better"})
    say(workspace, selection.roots[3], "rejected")
    row, other = read_rows(connection, selection, Columns())[2:4]
    assert (row.output, row.version, row.status, row.uid) == ("answer 3", 1, "open", show_uid(row.raw_uid))
    assert other.status == "open"
    now = read(workspace)[2]
    assert (now.output, now.version, now.status) == ("better", 2, "edited")


def test_a_commit_while_the_list_is_taken_takes_it_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = add_pairs(workspace, sft(30))
    connection, calls = workspace.store.read(), 0

    def disturb_once(found: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:  # the first two windows are read; both of these pairs lie in one of each side
            say(workspace, ids[0], "approved")
            say(workspace, ids[29], "approved")

    found = list(selections.position_windows(connection, 1, 10))
    assert len(found) == 3
    monkeypatch.setattr(selections, "position_windows", lambda *_: iter(found))
    selection = select_pairs(connection, 1, EVERYTHING, on_progress=disturb_once)
    assert selection.statuses() == {"open": 28, "approved": 2}, "never one of the two"
    assert calls == 6


def test_where_somebody_writes_all_the_time_one_transaction_reads_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = add_pairs(workspace, sft(30))
    connection = workspace.store.read()
    found = list(selections.position_windows(connection, 1, 10))
    monkeypatch.setattr(selections, "position_windows", lambda *_: iter(found))
    turn = 0

    def disturb(count: int) -> None:
        nonlocal turn
        turn += 1
        if count == 10:
            status = ("approved", "rejected")[turn % 2]
            say(workspace, ids[0], status)
            say(workspace, ids[29], status)

    selection = select_pairs(connection, 1, EVERYTHING, on_progress=disturb)
    statuses = selection.status_list()
    assert statuses[0] == statuses[29]
    assert not connection.in_transaction


def plan(workspace: Workspace, query: str, parameters: Any) -> list[str]:
    return [row[3] for row in workspace.store.read().execute("EXPLAIN QUERY PLAN " + query, parameters)]


@pytest.mark.parametrize("where", [None, "label == 'open'", "'x' in tags", "length > 3 and category == 'a'"])
def test_no_listing_scans_pairs(workspace: Workspace, where: str | None) -> None:
    condition = where_of(parse(where)) if where else EVERYTHING
    steps = plan(workspace, selections.selection_sql(condition), (1, 0, 10, *condition.parameters))
    assert not [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step], steps
    assert any(re.search(r"INDEX pair_current_by_\w+ .*position>\? AND position<\?\)", step) for step in steps), steps


@pytest.mark.parametrize("columns", [Columns(False), Columns(True, True), Columns(True, True, 3)])
def test_no_reading_of_rows_scans_pairs(workspace: Workspace, columns: Columns) -> None:
    steps = plan(workspace, export_rows.rows_sql(columns), ("[1]",))
    assert [step for step in steps if step.startswith("SCAN")] == ["SCAN j VIRTUAL TABLE INDEX 1:"]


def test_the_comparison_scans_no_pairs(workspace: Workspace) -> None:
    steps = plan(workspace, dataset_diff._COMPARED, {"one": 1, "other": 2, "after": 0, "upto": 9})
    assert not [step for step in steps if step.startswith("SCAN")], steps


def test_preferences_most_votes_draws_and_adjudication(tmp_path: Path) -> None:
    drafts = [
        Draft(kind="preference", instruction=f"q{n}", output="a", body={"rejected": "b", "undecided": True})
        for n in range(5)
    ]
    with make_workspace(tmp_path / "w", drafts) as workspace:
        ids = add_pairs(workspace, drafts)
        for pair, votes in zip(ids, ("aab", "ab", "b", "", "ab"), strict=True):
            for number, vote in enumerate(votes):
                say(workspace, pair, "approved", reviewer=f"r{number}", preference=vote)
        say(workspace, ids[3], "approved", reviewer="m", preference="a", source="judge")
        from flywheel_tui.records.label import Decision
        from flywheel_tui.stages.label import adjudicate

        adjudicate(workspace, Decision(uid=new_uid(), pair=ids[4], version=ids[4], reviewer="chief", status="approved",
                                       preference="b", answered=now_us()))  # fmt: skip
        rows = read(workspace)
        export_rows.add_preferences(workspace.store.read(), rows)
        assert [row.preference for row in rows] == ["a", "split", "b", None, "b"]


def test_originals_are_the_first_version(workspace: Workspace) -> None:
    pair = add_pairs(workspace, sft(30))[0]
    say(workspace, pair, "edited", edit={"output": "second"})
    say(workspace, pair, "edited", edit={"output": "third"})
    rows = read(workspace)
    export_rows.add_originals(workspace.store.read(), rows)
    assert rows[0].output == "third" and rows[0].original == ("pair 1: what is it?", None, "answer 1")
    assert all(row.original is None for row in rows[1:])


def test_scores_of_a_named_judge_run(workspace: Workspace) -> None:
    with workspace.store.tx() as connection:
        for number, tag in ((1, "one"), (2, "two")):
            statement = "INSERT INTO judge_run (id, dataset_id, tag, created) VALUES (?, 1, ?, 0)"
            connection.execute(statement, (number, tag))
        connection.execute(
            "INSERT INTO verdict (id, judge_run_id, pair_id, score, passed, scores, created)"
            " VALUES (1, 1, 3, 4.5, 0, '{\"style\":2}', 0), (2, 2, 3, 9, 1, NULL, 0)"
        )
        connection.execute(
            "UPDATE pair_current SET score = 9, passed = 1, verdict_id = 2, judge_run_id = 2 WHERE id = 3"
        )
    connection = workspace.store.read()
    run = selections.judge_run_id(connection, 1, "one")
    by_run = select_pairs(connection, 1, where_of(parse("scores['overall'] < 5 and scores['style'] == 2"), run))
    assert list(by_run.roots) == [3]
    assert not len(select_pairs(connection, 1, where_of(parse("scores['overall'] < 5"))))
    (row,) = read_rows(connection, by_run, Columns(judge_run=run))
    assert (row.score, row.passed, row.scores) == (4.5, 0, '{"style":2}')
    (latest,) = read_rows(connection, by_run, Columns())
    assert (latest.score, latest.passed) == (9.0, 1)
    with pytest.raises(NotFoundError, match="no judge run named 'x'; there are: one, two"):
        selections.judge_run_id(connection, 1, "x")
