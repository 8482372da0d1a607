"""Ingest: nothing dropped in silence, nothing taken in twice, nothing half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import pair_ids, say
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.ingest import IngestOptions, IngestSummary, ingest, preview
from flywheel_tui.workspace import Workspace


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def take(workspace: Workspace, path: Path, name: str = "demo", **options: Any) -> IngestSummary:
    return ingest(workspace, IngestOptions(source=str(path), name=name, **options))


def test_the_same_file_again_adds_nothing_and_keeps_labels(tmp_path: Path) -> None:
    rows = [{"instruction": f"q{n}", "output": "a"} for n in range(5)]
    file = write(tmp_path / "a.jsonl", rows)
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        assert take(workspace, file).added == 5
        say(workspace, pair_ids(workspace)[0], "approved")
        again = take(workspace, file)
        assert (again.added, again.known) == (0, 5)
        assert len(pair_ids(workspace)) == 5


def test_exact_duplicates_within_a_file_are_kept_for_dedup_to_find(tmp_path: Path) -> None:
    same = {"instruction": "q", "output": "a"}
    file = write(tmp_path / "a.jsonl", [same, same, {"instruction": "other", "output": "b"}, same])
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        assert take(workspace, file).added == 4
        assert take(workspace, file).added == 0
        lines = workspace.store.read().execute("SELECT line FROM pair ORDER BY id").fetchall()
        assert lines == [(1,), (2,), (3,), (4,)]


@settings(max_examples=25, deadline=None)
@given(first=st.lists(st.integers(0, 5), max_size=30), second=st.lists(st.integers(0, 5), max_size=30))
def test_taking_in_two_files_keeps_each_content_as_often_as_the_file_that_has_it_most(
    tmp_path_factory: pytest.TempPathFactory, first: list[int], second: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("twice")
    with Workspace.open(folder / "w", create=True) as workspace:
        for name, numbers in (("a", first), ("b", second), ("a", first)):
            if numbers:
                rows = [{"instruction": f"q{n}", "output": "a"} for n in numbers]
                take(workspace, write(folder / f"{name}.jsonl", rows), append=True)
        stored = [row[0] for row in workspace.store.read().execute("SELECT instruction FROM pair")]
        for n in range(6):
            assert stored.count(f"q{n}") == max(first.count(n), second.count(n))
        positions = [row[0] for row in workspace.store.read().execute("SELECT position FROM pair_current ORDER BY id")]
        assert positions == list(range(1, len(stored) + 1)), "positions are dense"
        counters = dict(workspace.store.read().execute("SELECT name, value FROM counter"))
        assert counters.get("pairs", 0) == counters.get("open", 0) == len(stored)


def test_bad_rows_are_counted_named_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(
        b'{"instruction": "q", "output": "a"}\n{"instruction": 1\n\xff\xfe\n{"instruction": "r", "output": {}}\n'
    )
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        summary = take(workspace, file)
        assert (summary.added, summary.rejected) == (1, 3)
        assert sorted(summary.places.values()) == [(2,), (3,), (4,)]
        assert not any("at at" in reason for reason in summary.reasons)
        assert summary.rejects is not None
        kept = [json.loads(line) for line in Path(summary.rejects).read_text().splitlines()]
        assert [row["line"] for row in kept] == [2, 3, 4]
        assert all(row["reason"] and row["remedy"] and row["raw"] for row in kept)
        assert Path(summary.rejects).stat().st_mode & 0o777 == 0o600


def test_stop_at_the_first_bad_row_keeps_what_came_before_and_goes_on_from_there(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    good = [json.dumps({"instruction": f"q{n}", "output": "a"}) for n in range(4)]
    file.write_text("\n".join([*good[:2], "{", *good[2:]]))
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        with pytest.raises(InputError, match=r"a\.jsonl:3"):
            take(workspace, file, on_error="stop")
        assert len(pair_ids(workspace)) == 2
        file.write_text("\n".join(good))
        assert take(workspace, file, on_error="stop").added == 2


def test_a_file_of_which_nothing_can_be_taken_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"instruction": \n{"x\n')
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        with pytest.raises(InputError, match=r"a\.jsonl:1"):
            take(workspace, file)
        for table in ("dataset", "source", "pair"):
            assert workspace.store.read().execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        assert list((workspace.root / "rejects").iterdir()) == []


def test_another_file_needs_append(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        take(workspace, write(tmp_path / "a.jsonl", [{"instruction": "q", "output": "a"}]))
        other = write(tmp_path / "b.jsonl", [{"instruction": "r", "output": "a"}])
        with pytest.raises(UsageError, match="--append"):
            take(workspace, other)
        assert take(workspace, other, append=True).added == 1


def test_limit_tags_kind_and_map(tmp_path: Path) -> None:
    rows = [{"frage": f"q{n}", "antwort": "a"} for n in range(10)]
    file = write(tmp_path / "a.jsonl", rows)
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        mapping = {"instruction": "frage", "output": "antwort"}
        summary = take(workspace, file, limit=3, tags=("de", "x"), mapping=mapping)
        assert summary.added == 3
        tags = workspace.store.read().execute("SELECT DISTINCT tags FROM pair_current").fetchall()
        assert tags == [('["de","x"]',)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "Bad Name"}, "cannot name a data set"),
        ({"kind": "poem"}, "no kind 'poem'"),
        ({"limit": 0}, "from 1 up"),
        ({"on_error": "maybe"}, "skip or stop"),
    ],
)
def test_odd_options_are_refused_before_anything_is_read(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with Workspace.open(tmp_path / "w", create=True) as workspace, pytest.raises(UsageError, match=message):
        ingest(workspace, IngestOptions(**({"source": "missing.jsonl", "name": "demo"} | options)))


def test_preview_writes_nothing_and_shows_what_would_come(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [{"instruction": "q", "output": "a", "extra": 1}, {"odd": 1}])
    found = preview(IngestOptions(source=str(file), name="demo"))
    assert (found.format, found.layout, found.kinds) == ("jsonl", "alpaca", {"sft": 1})
    assert [reject.line for reject in found.rejects] == [2]
    assert found.columns == ("instruction", "output", "extra", "odd")
    assert not (tmp_path / "w").exists()


def test_a_stop_half_way_leaves_whole_batches_and_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", [{"instruction": f"q{n} " + "x" * 400, "output": "a"} for n in range(9000)])

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with Workspace.open(tmp_path / "w", create=True) as workspace:
        options = IngestOptions(source=str(file), name="demo")
        with pytest.raises(KeyboardInterrupt):
            ingest(workspace, options, on_progress=stop)
        some = len(pair_ids(workspace))
        assert 0 < some < 9000
        (notes,) = workspace.store.read().execute("SELECT notes FROM source").fetchone()
        assert "goes on from there" in msgspec.json.decode(notes)[0]
        assert ingest(workspace, options).added == 9000 - some


@pytest.mark.shared
@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        (
            [
                "gpteacher/roleplay-simple-deduped-roleplay-dataset.json",
                "gpteacher/toolformer-dedupe-only-dataset.json",
            ],
            10819,
        ),
        (["pandalm/testset-v1.json"], 999),
        (["gsm8k/test.jsonl"], 1319),
    ],
)  # fmt: skip
def test_real_sets(shared_data: Path, tmp_path: Path, files: list[str], pairs: int) -> None:
    with Workspace.open(tmp_path / "w", create=True) as workspace:
        for file in files:
            take(workspace, shared_data / file, append=True)
        assert len(pair_ids(workspace)) == pairs
