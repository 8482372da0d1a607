"""Data sets as a whole: the list, the figures, the rows, the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, say, sft

from flywheel_tui.errors import ExpressionError, NotFoundError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import datasets
from flywheel_tui.store import dataset_figures
from flywheel_tui.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with make_workspace(tmp_path / "w", sft(10)) as made:
        yield made


def test_the_list(workspace: Workspace) -> None:
    ids = add_pairs(workspace, sft(10))
    for pair in ids[:3]:
        say(workspace, pair, "approved", answered=2_000_000_000_000_000)
    add_pairs(workspace, [Draft(kind="preference", instruction="q", output="a", body={"rejected": "b"})], "a-second")
    second, demo = datasets.overview(workspace)
    assert (demo.name, demo.pairs, demo.open, demo.labelled) == ("demo", 10, 7, pytest.approx(0.3))
    assert demo.active == 2_000_000_000_000_000 and demo.sources == ("made",)
    assert (second.name, second.kind, second.labelled) == ("a-second", "preference", 0)


def test_an_empty_data_set_is_listed_and_described(workspace: Workspace) -> None:
    from flywheel_tui.store.datasets import create_dataset

    with workspace.store.tx() as connection:
        create_dataset(connection, "empty", "sft")
    listed = datasets.overview(workspace)[1]
    assert (listed.name, listed.pairs, listed.labelled) == ("empty", 0, None)
    found = datasets.info(workspace, "empty")
    assert found.shape == dataset_figures.Shape(looked_at=0, kinds={}, lengths=None) and found.statuses == {}


def test_the_figures(workspace: Workspace) -> None:
    ids = add_pairs(workspace, [*sft(10), Draft(kind="rag", instruction="x" * 100)])
    say(workspace, ids[0], "approved", reviewer="ana")
    say(workspace, ids[0], "rejected", reviewer="ben")
    say(workspace, ids[1], None, reviewer="ben", note="hm", flagged=True)
    with workspace.store.tx() as connection:
        connection.executemany(
            "INSERT INTO finding (dataset_id, pair_id, check_name, check_version, severity, message, created)"
            " VALUES (1, ?, 'pii', 1, ?, 'm', 0)",
            [(ids[0], "error"), (ids[1], "error"), (ids[2], "info")],
        )
        connection.execute(
            "INSERT INTO judge_run (id, dataset_id, tag, judge_id, created) VALUES (1, 1, 'first', NULL, 0)"
        )
        connection.executemany(
            "INSERT INTO verdict (judge_run_id, pair_id, score, passed, created) VALUES (1, ?, ?, ?, 0)",
            [(ids[0], 8.0, 1), (ids[1], 4.0, 0), (ids[2], None, 0)],
        )
        connection.execute(
            "INSERT INTO judge_error (judge_run_id, pair_id, kind, detail, created) VALUES (1, ?, 'timeout', '', 0)",
            (ids[3],),
        )
    found = datasets.info(workspace, "demo")
    assert found.statuses == {"open": 10, "disputed": 1} and found.flagged == 1
    assert found.labels == {"ana": {"approved": 1}, "ben": {"rejected": 1, "no status": 1}}
    assert found.findings == {"pii": {"error": 2, "info": 1}}
    (run,) = found.judge_runs
    assert (run.tag, run.judged, run.passed, run.errors, run.mean) == ("first", 3, 1, 1, 6.0)
    assert found.shape.kinds == {"sft": 10, "rag": 1} and found.shape.looked_at == 11
    assert found.shape.lengths == dataset_figures.Lengths(min=27, median=27, p95=100, max=100)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 10, 11])
def test_the_shape_is_of_a_sample_spread_over_the_whole(workspace: Workspace, count: int) -> None:
    shape = dataset_figures.shape(workspace.store.read(), 1, count)
    step = max(-(-10 // count), 1)
    assert shape.looked_at == len(range(0, 10, step)) <= count


def test_rejects_of_this_data_set_only(workspace: Workspace) -> None:
    folder = workspace.folder("rejects")
    for name in ("demo-0123456789.jsonl", "demo-two-0123456789.jsonl", "demo-x.jsonl"):
        (folder / name).write_text("")
    assert datasets.info(workspace, "demo").rejects == (str(folder / "demo-0123456789.jsonl"),)


def test_rows(workspace: Workspace) -> None:
    ids = add_pairs(workspace, sft(10))
    say(workspace, ids[4], "rejected")
    found, warnings = datasets.rows(workspace, "demo", limit=3, offset=8)
    assert [pair.id for pair in found] == ids[8:] and warnings == []
    found, _ = datasets.rows(workspace, "demo", where="label == 'rejected'")
    assert [(pair.id, pair.status) for pair in found] == [(ids[4], "rejected")]
    _, warnings = datasets.rows(workspace, "demo", where="1 == 1")
    assert warnings and "names no field" in warnings[0]
    with pytest.raises(ExpressionError):
        datasets.rows(workspace, "demo", where="label ==")
    with pytest.raises(NotFoundError):
        datasets.rows(workspace, "nope")


def test_the_comparison(workspace: Workspace) -> None:
    one = add_pairs(workspace, sft(10))
    other = add_pairs(workspace, [*sft(8)[2:], *sft(2, "other")], "other")  # 6 of demo's and 2 of its own
    say(workspace, one[2], "approved")
    say(workspace, other[1], "rejected")
    say(workspace, one[4], "edited", edit={"output": "x"})
    say(workspace, other[2], "edited", edit={"output": "y"})
    say(workspace, one[5], "edited", edit={"output": "same"})
    say(workspace, other[3], "edited", edit={"output": "same"})
    seen: list[tuple[int, int]] = []
    found = datasets.diff(workspace, "demo", "other", on_progress=lambda done, total: seen.append((done, total)))
    assert (found.only_in_one, found.only_in_other, found.in_both, found.changed) == (4, 2, 6, 1)
    assert found.relabelled == {"approved -> open": 1, "open -> rejected": 1}
    assert [example.one for example in found.examples["only_in_one"]] == [one[0], one[1], one[8], one[9]]
    assert [(example.one, example.other) for example in found.examples["changed"]] == [(one[4], other[2])]
    assert seen[-1] == (18, 18)
    same = datasets.diff(workspace, "demo", "demo")
    assert (same.only_in_one, same.only_in_other, same.in_both, same.changed, same.relabelled) == (0, 0, 10, 0, {})


def test_removing_hides_and_restoring_brings_back(workspace: Workspace) -> None:
    say(workspace, add_pairs(workspace, sft(10))[0], "approved")
    datasets.remove(workspace, "demo")
    assert datasets.overview(workspace) == []
    assert datasets.restore(workspace, "demo").counts["approved"] == 1
