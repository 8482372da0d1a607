"""Pages, scans and orders of views; and that no query of a screen scans the table of pairs."""

from __future__ import annotations

import re
import sqlite3
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import ConflictError, ExpressionError, NotFoundError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import gather, search_index, views
from flywheel_tui.stages.label import decide
from flywheel_tui.stages.views import ORDERS, ViewQuery
from flywheel_tui.store import datasets, pairs, search, sources
from flywheel_tui.store import views as store
from flywheel_tui.workspace import Workspace


def _fill(workspace: Workspace, name: str, drafts: list[Draft]) -> None:
    with workspace.store.tx() as connection:
        dataset = datasets.create_dataset(connection, name, drafts[0].kind)
        source = sources.add_source(
            connection, dataset.id, name="a.jsonl", format="jsonl", layout="alpaca", fingerprint=None
        )
        pairs.insert_drafts(connection, dataset.id, source, pairs.prepare(drafts), pairs.Occurrences())


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.open(tmp_path / "w", create=True)
    _fill(made, "other", [Draft(instruction=f"elsewhere {n}", output="z") for n in range(7)])
    _fill(
        made,
        "demo",
        [Draft(instruction=f"question {n} zebra{n % 5}", output="x" * (n % 13), line=n + 1) for n in range(250)],
    )
    return made


def _say(workspace: Workspace, row: views.PairRow, status: str, edit: dict[str, str] | None = None) -> None:
    decide(
        workspace,
        Decision(
            uid=new_uid(), pair=row.id, version=row.pair_id, reviewer="ana", status=status, answered=now_us(), edit=edit
        ),
    )


def _rows(workspace: Workspace, **changes: object) -> list[views.PairRow]:
    view = views.open_view(workspace, ViewQuery(dataset="demo", **changes))  # type: ignore[arg-type]
    views.build(workspace, view)
    assert view.complete
    assert view.found == len(view)
    return views.page(workspace, view, 0, len(view))


def test_a_plain_view_is_complete_at_once_and_holds_no_ids(workspace: Workspace) -> None:
    view = views.open_view(workspace, ViewQuery(dataset="demo"))
    assert (view.complete, view.ids, len(view)) == (True, None, 250)
    page = views.page(workspace, view, 120, 10)
    assert [row.instruction.split()[1] for row in page] == [str(n) for n in range(120, 130)]
    assert views.page(workspace, view, 245, 10)[-1].instruction.startswith("question 249")


def test_every_order_holds_every_pair_once(workspace: Workspace) -> None:
    everything = {row.id for row in _rows(workspace)}
    for order in ORDERS:
        found = [row.id for row in _rows(workspace, order=order)]
        assert len(found) == 250, order
        assert set(found) == everything, order


def test_orders_sort_as_they_say(workspace: Workspace) -> None:
    rows = _rows(workspace)
    for number, status in ((3, "approved"), (40, "rejected"), (9, "approved")):
        _say(workspace, rows[number], status)
    lengths = [row.length for row in _rows(workspace, order="length")]
    assert lengths == sorted(lengths, reverse=True)
    assert [row.id for row in _rows(workspace, order="newest labels")][:3] == [rows[n].id for n in (9, 40, 3)]
    assert [row.status for row in _rows(workspace, order="status")][-3:] == ["approved", "approved", "rejected"]
    unlabelled_last = [row.id for row in _rows(workspace, order="unlabelled first", reviewer="ana")][-3:]
    assert unlabelled_last == [rows[n].id for n in (3, 9, 40)]
    assert [row.id for row in _rows(workspace, order="unlabelled first", reviewer="bo")][:4] == [
        row.id for row in rows[:4]
    ]


def test_scores_come_highest_first_and_missing_ones_last(workspace: Workspace) -> None:
    rows = _rows(workspace)
    with workspace.store.tx() as connection:
        for number, score in ((10, 2.5), (20, 9.0), (30, 9.0), (200, 7.0)):
            connection.execute("UPDATE pair_current SET score = ? WHERE id = ?", (score, rows[number].id))
    for query in ({"order": "score"}, {"order": "score", "filter": "id > 0"}):
        scores = [row.score for row in _rows(workspace, **query)]
        assert scores[:5] == [9.0, 9.0, 7.0, 2.5, None]
        assert len(scores) == 250


def test_random_is_the_same_for_the_same_seed_and_stable_when_pairs_are_added(workspace: Workspace) -> None:
    first = [row.id for row in _rows(workspace, order="random", seed=7)]
    assert first == [row.id for row in _rows(workspace, order="random", seed=7)]
    assert first != [row.id for row in _rows(workspace, order="random", seed=8)]
    assert first != sorted(first)
    with workspace.store.tx() as connection:
        dataset = datasets.get_dataset(connection, "demo")
        more = [Draft(instruction=f"late {n}", output="y") for n in range(50)]
        pairs.insert_drafts(connection, dataset.id, 2, pairs.prepare(more), pairs.Occurrences())
    known = set(first)
    assert [row.id for row in _rows(workspace, order="random", seed=7) if row.id in known] == first


def test_a_filter_keeps_what_matches_in_chunks_and_can_be_stopped(workspace: Workspace) -> None:
    rows = _rows(workspace, filter="length < 20 and 'zebra3' in instruction")
    assert rows
    assert all("zebra3" in row.instruction and row.length < 20 for row in rows)
    view = views.open_view(workspace, ViewQuery(dataset="demo", filter="length > 0"))
    views.build(workspace, view, cancelled=lambda: True)
    assert (view.complete, len(view)) == (False, 0)


def test_what_is_off_is_refused_with_our_errors(workspace: Workspace) -> None:
    with pytest.raises(ExpressionError) as refused:
        views.open_view(workspace, ViewQuery(dataset="demo", filter="nonsense > 1"))
    assert refused.value.column == 1
    with pytest.raises(NotFoundError, match="demo, other"):
        views.open_view(workspace, ViewQuery(dataset="nowhere"))
    with pytest.raises(NotFoundError):
        views.detail(workspace, 10_000)


def test_growth_is_told_while_a_view_is_gathered(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "_FIRST_WINDOW", 64)
    monkeypatch.setattr(gather, "_LARGEST", 64)
    sizes: list[int] = []
    view = views.open_view(workspace, ViewQuery(dataset="demo", filter="id > 0"))
    views.build(workspace, view, on_growth=lambda grown: sizes.append(len(grown)))
    assert sizes[0] == 64
    assert sizes[-1] == 250
    assert sizes == sorted(sizes)


def test_a_pair_is_found_again_in_every_view(workspace: Workspace) -> None:
    target = _rows(workspace)[77].id
    for order in ORDERS:
        view = views.build(workspace, views.open_view(workspace, ViewQuery(dataset="demo", order=order)))
        at = views.index_of(workspace, view, target)
        assert at is not None
        assert views.page(workspace, view, at, 1)[0].id == target
    other = views.open_view(workspace, ViewQuery(dataset="other"))
    for elsewhere in (target, _rows(workspace)[3].id):
        assert views.index_of(workspace, other, elsewhere) is None, "its place in its own data set is none here"


def test_ids_between_rows_are_those_of_the_view(workspace: Workspace) -> None:
    for order in ("as is", "random"):
        view = views.build(workspace, views.open_view(workspace, ViewQuery(dataset="demo", order=order)))
        expected = [row.id for row in views.page(workspace, view, 5, 20)]
        assert [number for chunk in views.ids_between(workspace, view, 5, 24) for number in chunk] == expected
    assert len(views.ids_of(workspace, ViewQuery(dataset="demo"))) == 250


# -- search ------------------------------------------------------------------------------------------------------------


def test_search_finds_words_prefixes_and_phrases(workspace: Workspace) -> None:
    search_index.build(workspace)
    assert not search_index.is_behind(workspace)
    assert len(_rows(workspace, search="zebra3 ")) == 50
    assert len(_rows(workspace, search="zeb")) == 250
    assert [row.instruction for row in _rows(workspace, search='"question 17"')] == ["question 17 zebra2"]
    assert _rows(workspace, search="zebra3 elsewhere") == []
    assert len(_rows(workspace, search="zebra3 ", filter="length > 25", order="length")) > 0


@pytest.mark.parametrize(
    "typed", ['"', '""', "*", "NEAR(", "a AND", "col:x", "-x", "^", "(", "{a b}:c", "\0", "x\0y", "\ud800", "'", "+ +"]
)
def test_no_operator_can_be_typed(workspace: Workspace, typed: str) -> None:
    search_index.build(workspace)
    _rows(workspace, search=typed)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=30))
def test_every_text_is_a_query_or_nothing(typed: str) -> None:
    match = search.match_query(typed)
    if match is not None:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE VIRTUAL TABLE f USING fts5 (t)")
        connection.execute("SELECT rowid FROM f WHERE f MATCH ?", (match,)).fetchall()
        connection.close()


def test_the_index_goes_on_where_it_stopped_and_says_how_far_it_is(workspace: Workspace) -> None:
    assert search_index.share_indexed(workspace) == 0.0
    assert search.index_batch(workspace.store, 100) == 100
    assert 0 < search_index.share_indexed(workspace) < 1
    assert search_index.build(workspace) == 157
    assert search_index.build(workspace) == 0
    assert search_index.share_indexed(workspace) == 1.0
    workspace.store.read().execute("SELECT count(*) FROM pair_fts WHERE pair_fts MATCH 'zebra1'").fetchone()
    with workspace.store.tx() as connection:
        connection.execute("INSERT INTO pair_fts (pair_fts) VALUES ('integrity-check')")


def test_only_the_current_version_is_found(workspace: Workspace) -> None:
    row = _rows(workspace)[0]
    _say(workspace, row, "edited", {"output": "giraffes are tall"})
    search_index.build(workspace)
    assert [found.id for found in _rows(workspace, search="giraffes")] == [row.id]
    edited = _rows(workspace, search="giraffes")[0]
    _say(workspace, edited, "edited", {"output": "okapis are shy"})
    search_index.build(workspace)
    assert _rows(workspace, search="giraffes") == []
    assert [found.id for found in _rows(workspace, search="okapis", order="length")] == [row.id]
    assert views.detail(workspace, row.id).output == "okapis are shy"


def test_too_many_hits_come_in_file_order(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    search_index.build(workspace)
    monkeypatch.setattr(search, "RANKED_UP_TO", 10)
    view = views.build(workspace, views.open_view(workspace, ViewQuery(dataset="demo", search="zebra3 ")))
    assert "too many" in view.note
    rows = views.page(workspace, view, 0, len(view))
    assert [row.position for row in rows] == sorted(row.position for row in rows)
    assert len(rows) == 50


# -- saved views, figures ----------------------------------------------------------------------------------------------


def test_saved_views_come_back_and_names_are_used_once(workspace: Workspace) -> None:
    query = ViewQuery(dataset="demo", filter="length > 3", order="random", seed=4)
    views.save_view(workspace, "short ones", query)
    with pytest.raises(ConflictError, match="short ones"):
        views.save_view(workspace, "short ones", query)
    [saved] = views.saved_views(workspace, "demo")
    assert saved.query == query
    assert views.saved_views(workspace, "other") == []
    views.delete_view(workspace, saved.id)
    assert views.saved_views(workspace, "demo") == []


def test_summaries_count_nothing_and_tell_all(workspace: Workspace) -> None:
    _say(workspace, _rows(workspace)[0], "approved")
    [demo, other] = views.summaries(workspace)
    assert (demo.row.name, demo.row.pairs, round(demo.labelled, 3)) == ("demo", 250, 0.004)
    assert demo.activity > other.activity
    figures = views.figures(workspace, demo.row.id)
    assert len(figures.lengths) == 250
    assert figures.sources[0].name == "a.jsonl"


# -- plans -------------------------------------------------------------------------------------------------------------

_SCAN = re.compile(r"SCAN (?:p|pair|c|pair_current)\b(?! USING (?:COVERING )?INDEX)")


def test_no_query_of_a_screen_scans_the_pairs(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    search_index.build(workspace)
    seen: list[tuple[str, list[str]]] = []
    connection = workspace.store.read()

    class Explaining:
        def execute(self, query: str, parameters: object = ()) -> sqlite3.Cursor:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", parameters).fetchall()  # type: ignore[arg-type]
            seen.append((query, [row[3] for row in plan]))
            return connection.execute(query, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(workspace.store, "read", Explaining)
    for order in ORDERS:
        for more in ({}, {"filter": "length > 3 and 'x' in output"}, {"search": "zebra3 "}):
            _rows(workspace, order=order, **more)
    first = _rows(workspace)[0]
    views.rows_of(workspace, [first.id])
    views.detail(workspace, first.id)
    views.findings(workspace, first.pair_id)
    views.summaries(workspace)
    views.figures(workspace, 2)
    views.saved_views(workspace, "demo")
    search.progress(Explaining())  # type: ignore[arg-type]
    assert len(seen) > 40
    for query, plan in seen:
        assert not [step for step in plan if _SCAN.search(step)], (query, plan)


def test_the_ids_of_a_view_take_eight_bytes_each(workspace: Workspace) -> None:
    view = views.build(workspace, views.open_view(workspace, ViewQuery(dataset="demo", order="random")))
    assert isinstance(view.ids, array)
    assert view.ids.itemsize == 8
    assert store.bounds(workspace.store.read(), view.dataset_id)[1] == 250


def test_the_index_is_built_as_a_job(workspace: Workspace) -> None:
    from flywheel_tui.jobs import run_foreground

    assert run_foreground(workspace, "index", {}, title="index") == {"indexed": 257}
    assert not search_index.is_behind(workspace)
