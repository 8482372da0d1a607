"""Parquet: values as JSON has them, a thousand rows at a time, and bombs refused."""

from __future__ import annotations

import builtins
import datetime
import decimal
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError, MissingExtraError
from flywheel_tui.stages.readers import Limits

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def test_rows_and_values(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    columns = {
        "instruction": ["a", "b", None],
        "n": [1, 2, 3],
        "score": [0.5, float("nan"), float("inf")],
        "messages": [[{"role": "user", "content": "x"}], [], None],
        "when": [datetime.datetime(2024, 1, 2, 3, 4), None, None],
        "price": [decimal.Decimal("1.50"), None, None],
        "blob": [b"\x00\x01", None, None],
    }
    parquet.write_table(pyarrow.table(columns), path)
    found = read(path)
    assert found.rows[0] == {
        "instruction": "a",
        "n": 1,
        "score": 0.5,
        "messages": [{"role": "user", "content": "x"}],
        "when": "2024-01-02T03:04:00",
        "price": "1.50",
        "blob": "AAE=",
    }
    assert [row["score"] for row in found.rows] == [0.5, None, None]
    assert found.lines == [1, 2, 3]
    assert found.source.unit == "row"


def test_batches_are_small_and_progress_reaches_the_end(tmp_path: Path) -> None:
    from flywheel_tui.stages.readers import open_source

    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"a": list(range(3500))}), path)
    source = open_source(path)
    batches = list(source.rows())
    assert [len(batch.rows) for batch in batches] == [1000, 1000, 1000, 500]
    assert [batch.lines[0] for batch in batches] == [1, 1001, 2001, 3001]
    assert batches[-1].position == source.size


def test_a_row_that_cannot_be_stored_is_a_reject(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    bad = pyarrow.array([b"ok", b"\xff\xfe", b"fine"], pyarrow.binary()).cast(pyarrow.string(), safe=False)
    parquet.write_table(pyarrow.table({"a": bad}), path)
    found = read(path)
    assert (found.lines, [reject.line for reject in found.rejects]) == ([1, 3], [2])
    parquet.write_table(pyarrow.table({"a": ["x", "nul\0", "y"]}), path)
    found = read(path)
    assert (found.lines, [reject.line for reject in found.rejects]) == ([1, 3], [2])
    assert "U+0000" in found.rejects[0].reason


def test_a_table_that_grows_beyond_the_cap_is_refused(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.table({"a": ["x" * 500] * 40_000}), path)
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match="grows to more than"):
        read(path, limits=Limits(ratio=100, free_bytes=2 << 20))
    with pytest.raises(InputError, match="40,000 rows"):
        read(path, limits=Limits(table_rows=1000))
    assert len(read(path).rows) == 40_000


def test_what_is_no_parquet_is_refused(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    for data in (b"", b"PAR1 nothing PAR1", b"a,b\n1,2\n"):
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            read(path)
        assert str(path) in str(caught.value)


def test_two_columns_of_one_name_are_refused(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pyarrow.Table.from_arrays([pyarrow.array([1]), pyarrow.array([2])], names=["a", "a"])
    parquet.write_table(table, path)
    with pytest.raises(InputError, match="more than one column named 'a'"):
        read(path)


def test_without_pyarrow_the_extra_is_named(read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1")
    real = builtins.__import__

    def refuse(name: str, *args: object, **more: object) -> object:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"flywheel-tui\[parquet\]"):
        read(path)
