"""Separated values: quoted line breaks, right line numbers, no guessing, and bad rows kept apart."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.readers import Limits

cell = st.text(st.characters(exclude_characters="\0\r", exclude_categories=("Cs",)), max_size=15) | st.sampled_from(
    ['"', ",", "\n", ' " ', '""', "a,b", ";", "\t", "\n\n"]
)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=20),
    end=st.sampled_from(["\n", "\r\n"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)
def test_what_is_written_is_read_with_its_line(read, tmp_path: Path, rows, end: str, delimiter: str) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    lines = []
    for row in rows:
        lines.append(out.getvalue().count("\n") + 1)
        writer.writerow(row)
    path = tmp_path / "rows.csv"
    path.write_bytes(out.getvalue().encode())
    found = read(path)
    assert found.rows == [dict(zip("abc", row, strict=True)) for row in rows]
    assert found.lines == lines
    assert not found.rejects
    for line, (offset, raw) in zip(lines, found.places, strict=True):
        assert path.read_bytes()[offset:].startswith(raw)
        assert path.read_bytes()[:offset].count(b"\n") + 1 == line


def test_quotes_commas_and_line_breaks_in_cells(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b\r\n"x, y","say ""hi"""\r\n"two\r\nlines",\r\n\r\n3,4')
    found = read(path)
    assert found.rows == [{"a": "x, y", "b": 'say "hi"'}, {"a": "two\r\nlines", "b": ""}, {"a": "3", "b": "4"}]
    assert found.lines == [2, 3, 6]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"1", "it has 1 cells where the header names 2 columns"),
        (b"1,2,3", "it has 3 cells where the header names 2 columns"),
        (b"1,\xff", "it is not UTF-8"),
        (b"1,\x00", "NUL"),
        (b'1,"x"y', "its quotes are off"),
    ],
)
def test_a_bad_row_is_a_reject_and_the_rest_goes_on(read, tmp_path: Path, bad: bytes, said: str) -> None:
    data = b'a,b\n"two\nlines",x\n' + bad + b"\n5,6\n"
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    found = read(path)
    assert found.lines == [2, 5]
    (reject,) = found.rejects
    assert (reject.line, reject.byte_offset, reject.raw) == (4, data.index(bad), bad)
    assert said in reject.reason


def test_an_unclosed_quote_costs_one_line(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,"never closed\n2,x\n"3","y"\n4,z\n')
    found = read(path)
    assert [row["a"] for row in found.rows] == ["2", "3", "4"]
    assert found.lines == [3, 4, 5]
    assert [(reject.line, reject.raw) for reject in found.rejects] == [(2, b'1,"never closed')]


def test_an_unclosed_quote_at_the_end_or_before_much_is_bounded(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('a,b\n1,"open\n' + "2,x\n" * 3000)
    found = read(path, limits=Limits(row_bytes=1000))
    assert len(found.rows) == 3000
    assert [reject.line for reject in found.rejects] == [2]


def test_every_line_with_an_open_quote_is_settled_in_reasonable_time(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n" + 'x,"open\n' * 3000)
    found = read(path, limits=Limits(row_bytes=20_000))
    assert not found.rows
    assert {reject.line for reject in found.rejects} <= set(range(2, 3002))


def test_a_cell_over_the_cap_is_a_reject(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"a,b\n1,{'x' * 5000}\n2,y\n")
    found = read(path, limits=Limits(row_bytes=1000))
    assert (found.lines, [reject.line for reject in found.rejects]) == ([3], [2])
    path.write_text(f"a,b\n1,{'x' * 300_000}\n2,y\n")
    assert len(read(path).rows) == 2


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("a;b", ["a", "b"]),
        ("a\tb", ["a", "b"]),
        ("a,b;c", ["a", "b;c"]),
        ('"a;x",b', ["a;x", "b"]),
    ],
)
def test_the_delimiter_is_taken_from_a_clear_header_only(read, tmp_path: Path, header: str, columns) -> None:
    delimiter = "," if "," in header else header[1]
    path = tmp_path / "rows.csv"
    path.write_text(f"{header}\n1{delimiter}2\n")
    assert list(read(path).rows[0]) == columns


def test_a_header_with_blanks_after_commas_says_that_cells_have_them_too(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('id, name\n1, "Ann, B"\n')
    assert read(path).rows == [{"id": "1", "name": "Ann, B"}]


def test_a_column_without_a_name_is_kept_only_where_it_holds_something(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,\n1,2,\n3,4,5\n")
    assert read(path).rows == [{"a": "1", "b": "2"}, {"a": "3", "b": "4", "column_3": "5"}]


def test_tsv_marks_gzip_and_utf16(read, tmp_path: Path) -> None:
    text = "a\tb\nä,1\t2\n"
    for name, data in {
        "rows.tsv": text.encode(),
        "mark.tsv": b"\xef\xbb\xbf" + text.encode(),
        "rows.tsv.gz": gzip.compress(text.encode()),
        "wide.tsv": text.encode("utf-16"),
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert read(path).rows == [{"a": "ä,1", "b": "2"}], name


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no rows"),
        (b"a,b\n", "no rows"),
        (b"a,b,a\n1,2,3\n", "the header names 'a' more than once"),
        (b"a,\xff\n1,2\n", "the header is not UTF-8"),
        (b'a,"b\n1,2\n', "the header cannot be read"),
        (b"a,b\r1,2\r3,4\r", "bare carriage returns"),
        (b",,\n1,2,3\n", "names no columns"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(read, tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read(path)
    assert said in str(caught.value)
    assert caught.value.file == str(path)
    assert caught.value.remedy


def test_a_delimiter_of_two_characters_is_refused(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a||b\n")
    with pytest.raises(UsageError, match="one character"):
        read(path, delimiter="||")
