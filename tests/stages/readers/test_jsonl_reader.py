"""JSON Lines: every object comes through, everything else is a reject with its place, and memory stays flat."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError
from flywheel_tui.stages.readers import Limits, open_source

no_nul = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | no_nul,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(no_nul, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(no_nul, values, max_size=4)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(objects, min_size=1, max_size=30), ascii_only=st.booleans(), end=st.sampled_from(["\n", "\r\n"]))
def test_what_is_written_is_read(read, tmp_path: Path, rows, ascii_only: bool, end: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows).encode())
    found = read(path)
    assert found.rows == rows
    assert found.lines == list(range(1, len(rows) + 1))
    assert not found.rejects


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.binary(max_size=40).filter(lambda raw: b"\n" not in raw), min_size=1, max_size=20))
def test_any_bytes_are_rows_or_rejects_with_their_place(read, tmp_path: Path, lines: list[bytes]) -> None:
    good = b'{"a": 1}'
    lines = [good, *lines, good]
    data = b"\n".join(lines)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    found = read(path)
    taken = sorted([*found.lines, *(reject.line for reject in found.rejects)])
    assert taken == [number for number, line in enumerate(lines, 1) if line.strip(b" \t\r\n\x0b\x0c")]
    for reject in found.rejects:
        assert lines[reject.line - 1].rstrip(b"\r") == reject.raw
        assert data[reject.byte_offset :].startswith(reject.raw)
        assert reject.reason and reject.remedy


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a": }', "not valid JSON (expecting value at column 7)"),
        (b'{"a": 1} {"a": 2}', "not valid JSON (extra data at column 10)"),
        (b'{"a": "\xff"}', "byte 8 (0xff) is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "is not UTF-8"),
        (b'{"a": "\x00"}', "NUL byte at column 8"),
        (b'{"a": "\\u0000"}', "U+0000"),
        (b'{"a": ["\\u0000"]}', "U+0000"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\\udc00x"}', "surrogate"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "deeper than 40"),
        (b'{"a": ' + b"[" * 90000 + b"]" * 90000 + b"}", "deeper than 40"),
        (b"[1, 2]", "it is a list, not an object"),
        (b"null", "it is null, not an object"),
        (b"7", "it is a number, not an object"),
    ],
)
def test_a_line_that_cannot_be_stored_is_a_reject(read, tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 3}\n')
    found = read(path)
    assert found.lines == [1, 3]
    (reject,) = found.rejects
    assert (reject.line, reject.byte_offset, reject.raw) == (2, 9, line[: 64 * 1024])
    assert said in reject.reason


def test_what_looks_hostile_but_is_fine_is_read(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [b'{"a": "\\\\u0000"}', b'{"a": "\\ud83d\\ude39"}', b'{"a": ' + b"[" * 39 + b"]" * 39 + b"}"]
    path.write_bytes(b"\n".join(rows))
    found = read(path)
    assert [row["a"] for row in found.rows][:2] == ["\\u0000", "\U0001f639"]
    assert len(found.rows) == 3 and not found.rejects


def test_the_last_of_two_equal_keys_counts(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1, "a": 2}\n')
    assert read(path).rows == [{"a": 2}]


def test_blank_lines_are_skipped_and_counted(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\n  \n{"a": 1}\r\n\r\n{"a": 2}\n\n')
    found = read(path)
    assert found.lines == [3, 5]
    assert found.places == [(4, b'{"a": 1}'), (16, b'{"a": 2}')]


def test_a_mark_a_gzip_and_other_encodings_are_read(read, tmp_path: Path) -> None:
    text = '{"a": "ä"}\n{"a": "€"}\nnot json\n'
    wanted = [{"a": "ä"}, {"a": "€"}]
    for name, data in {
        "bom.jsonl": b"\xef\xbb\xbf" + text.encode(),
        "le.jsonl": text.encode("utf-16"),
        "be.jsonl": b"\xfe\xff" + text.encode("utf-16-be"),
        "wide.jsonl": text.encode("utf-32"),
        "plain.jsonl.gz": gzip.compress(text.encode()),
        "both.jsonl.gz": gzip.compress(text.encode("utf-16")),
        "hidden.jsonl": gzip.compress(text.encode()),
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        found = read(path)
        assert found.rows == wanted, name
        assert [reject.line for reject in found.rejects] == [3], name


def test_offsets_count_the_mark(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\nbad\n')
    (reject,) = read(path).rejects
    assert reject.byte_offset == 12


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no rows"),
        (b"\n \n", "no rows"),
        ('{"a": 1}\n'.encode("utf-16-le"), "UTF-16 without a byte-order mark"),
        (b"\xff\xfe{\x00\x00\xd8", "not valid UTF-16"),
        (gzip.compress(b'{"a": 1}\n' * 1000, mtime=0)[:-20], "cannot be read to its end"),
        (b"\x1f\x8bnothing of the kind", "cannot be read to its end"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(read, tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.remedy


def test_a_decompression_bomb_is_refused(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": "' + b"x" * 5_000_000 + b'"}\n'))
    with pytest.raises(InputError, match="grows to more than 10 times"):
        read(path, limits=Limits(ratio=10, free_bytes=1 << 20))
    assert len(read(path).rows) == 1


def test_a_line_over_the_cap_is_a_reject_and_the_rest_goes_on(read, tmp_path: Path) -> None:
    long = b'{"a": "' + b"x" * 3_000_000 + b'"}'
    data = b'{"a": 1}\n' + long + b'\n{"a": 2}\n' + long + b'\n{"a": 3}\n' + long
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    limits = Limits(row_bytes=200_000)
    found = read(path, limits=limits)
    assert found.lines == [1, 3, 5]
    assert [reject.line for reject in found.rejects] == [2, 4, 6]
    for reject in found.rejects:
        assert data[reject.byte_offset :].startswith(b'{"a": "xxx')
        assert len(reject.raw) == 64 * 1024
        assert "longer than 200,000 bytes" in reject.reason
    assert [offset for offset, _ in found.places] == [0, len(long) + 10, 2 * len(long) + 20]
    assert len(read(path).rows) == 6


def test_a_line_over_the_cap_within_one_block_is_a_reject(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * 500 + b'"}\n{"a": 2}\n')
    found = read(path, limits=Limits(row_bytes=100))
    assert (found.lines, [reject.line for reject in found.rejects]) == ([2], [1])


def test_memory_stays_flat_over_a_long_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = msgspec.json.encode({"instruction": "i" * 200, "output": "o" * 800}) + b"\n"
    with path.open("wb") as file:
        for _ in range(60):
            file.write(row * 1000)
    tracemalloc.start()
    count = sum(len(batch.rows) for batch in open_source(path).rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 60_000
    assert peak < 16 << 20 < path.stat().st_size


def test_a_source_can_be_read_again_and_left_early(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n' * 300_000)
    source = open_source(path)
    assert next(source.rows()).lines[0] == 1
    assert sum(len(batch.rows) for batch in source.rows()) == 300_000
    assert source.size == path.stat().st_size


def test_an_array_under_the_suffix_of_lines_is_read(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('[\n{"a": 1},\n{"a": 2}\n]')
    found = read(path)
    assert found.rows == [{"a": 1}, {"a": 2}]
    assert found.source.unit == "element"
    assert "one JSON array" in found.source.remarks[0]
