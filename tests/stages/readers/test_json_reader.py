"""JSON documents: arrays, wrapped arrays, single objects, lines; and everything that is no table is refused."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import InputError
from flywheel_tui.stages.readers import Limits, json_file, jsonl, open_source
from flywheel_tui.stages.readers.stream import ByteStream

text = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20) | st.sampled_from(
    ['}, {"a": ', "]", "[", '"', "\\", '\\"}', "},{"]
)
nested = st.recursive(
    text | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
rows_of = st.lists(st.fixed_dictionaries({"a": nested, "b": text}, optional={"c": nested}), min_size=1, max_size=40)


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Make every reader meet the borders of blocks, which are a million bytes apart otherwise."""
    monkeypatch.setattr(ByteStream.blocks, "__defaults__", (size,))
    monkeypatch.setattr(json_file, "_HEAD", 1)
    monkeypatch.setattr(jsonl, "_HEAD", 1)


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows_of, indent=st.sampled_from([None, 2]), block=st.integers(20, 400), whole=st.booleans())
def test_what_is_written_is_read_whatever_the_blocks(
    read, tmp_path: Path, monkeypatch, rows, indent, block, whole
) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows, indent=indent))
    small_blocks(monkeypatch, block)
    found = read(path, limits=Limits(whole_bytes=1 << 20 if whole else 0))
    assert found.rows == rows
    assert found.lines == list(range(1, len(rows) + 1))
    assert not found.rejects


def test_a_bad_element_is_a_reject_and_the_others_are_read(read, tmp_path: Path) -> None:
    data = b'[{"a": 1}, {"a": "\\ud800"}, 7, {"a": "\xff"}, {"a": NaN}, {"a": }, {"a": "\\u0000"},\n {"a": 8}]'
    path = tmp_path / "rows.json"
    path.write_bytes(data)
    found = read(path)
    assert found.lines == [1, 8]
    assert found.places[1] == (data.index(b'{"a": 8}'), b'{"a": 8}')
    assert [reject.line for reject in found.rejects] == [2, 3, 4, 5, 6, 7]
    for reject in found.rejects:
        assert data[reject.byte_offset :].startswith(reject.raw)
    assert "surrogate" in found.rejects[0].reason
    assert "it is a number" in found.rejects[1].reason


@pytest.mark.parametrize("block", [16, 400, 1 << 20])
def test_an_element_too_deep_or_too_long_is_a_reject(read, tmp_path: Path, monkeypatch, block: int) -> None:
    path = tmp_path / "rows.json"
    deep = '{"a": ' + "[" * 50000 + "]" * 50000 + "}"
    long = json.dumps({"a": "x" * 1500})
    path.write_text(f'[{{"a": 1}}, {deep}, {{"a": 2}}]')
    found = read(path)
    assert (found.lines, [reject.line for reject in found.rejects]) == ([1, 3], [2])
    path.write_text(f'[{{"a": 1}}, {long}, {{"a": 2}}]')
    small_blocks(monkeypatch, block)
    found = read(path, limits=Limits(row_bytes=1000))
    assert (found.lines, [reject.line for reject in found.rejects]) == ([1, 3], [2])


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"data": [{"a": 1}, {"a": 2}]}', [{"a": 1}, {"a": 2}]),
        ('{"version": 3, "data": [{"a": 1}]}', [{"a": 1}]),
        ('{"a": 1}', [{"a": 1}]),
        ('{\n "a": [1, 2],\n "b": []\n}', [{"a": [1, 2], "b": []}]),
        ('{"messages": [{"role": "user", "content": "x"}]}', [{"messages": [{"role": "user", "content": "x"}]}]),
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('\n\n{"a": 1}\n\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        (' [ {"a": 1} , \n {"a": 2} ] \n', [{"a": 1}, {"a": 2}]),
    ],
)
def test_the_shapes_of_a_document(read, tmp_path: Path, text: str, rows) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    found = read(path)
    assert found.rows == rows
    assert not found.rejects


def test_what_was_left_out_of_a_wrapped_array_is_said(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('{"version": 3, "data": [{"a": 1}]}')
    assert read(path).source.remarks == [
        "the rows are the array 'data' of the object; its other keys were left out: version"
    ]


def test_lines_in_a_json_file_keep_their_numbers_and_their_rejects(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    found = read(path)
    assert (found.lines, [reject.line for reject in found.rejects]) == ([1, 3], [2])
    path.write_text('{"a": oops}\n{"a": 2}\n')
    found = read(path)
    assert (found.lines, [reject.line for reject in found.rejects]) == ([2], [1])


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[]", None, "no rows"),
        ("", None, "no rows"),
        (" \n", None, "no rows"),
        ("3", 1, "it holds a number, not a table"),
        ('"x"', 1, "it holds a text, not a table"),
        ("null", 1, "it holds null, not a table"),
        ("nul", 1, "not valid JSON"),
        ("[1, 2]", 1, "element 1: it is a number"),
        ("[\n\n{'a': 1}]", 3, "element 1: it is not valid JSON"),
        ('[{"a": 1},\n{"a": 2}', 2, "the array is never closed (the file seems cut off) at line 2, column 9"),
        ('[{"a": 1]', 1, "never closed"),
        ('[{"a": 1}]\n x', 2, "something follows the array at line 2, column 2"),
        ('[{"a": 1}}]', 1, "a closing brace has no opening one at line 1, column 10"),
        ('[{"a": "never', 1, "never closed"),
        ('{"a": 1', 1, "not valid JSON"),
        ('{\n"a": 1,\n"b"\n}', 4, "at line 4, column 1"),
        ('{\n"a": 1\n}\n{\n"a": 2\n}', 4, "extra data at line 4"),
    ],
)
def test_a_document_that_is_no_table_is_refused_with_its_place(
    read, tmp_path: Path, text: str, line, said: str
) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert said in str(caught.value)
    assert caught.value.file == str(path)
    assert caught.value.line == line
    assert caught.value.remedy


def test_nothing_of_a_broken_small_document_is_given(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"a": 1}, {"a": 2}')
    with pytest.raises(InputError):
        next(open_source(path).rows())


def test_a_broken_big_document_is_refused_where_it_breaks(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text("[\n" + '{"a": 1},\n' * 200_000)
    found = 0
    with pytest.raises(InputError, match="never closed") as caught:
        for batch in open_source(path, limits=Limits(whole_bytes=0)).rows():
            found += len(batch.rows)
    assert found > 100_000
    assert caught.value.line == 200_002


def test_memory_stays_flat_over_a_big_array(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    row = json.dumps({"instruction": "i" * 200, "output": "o" * 800})
    with path.open("w") as file:
        file.write("[" + row)
        for _ in range(50):
            file.write((",\n" + row) * 1000)
        file.write("]")
    tracemalloc.start()
    count = sum(len(batch.rows) for batch in open_source(path, limits=Limits(whole_bytes=0)).rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 50_001
    assert peak < 20 << 20 < path.stat().st_size


scraps = st.lists(
    st.sampled_from([*'{}[],:"\\ \n', '{"a": 1}', '"a"', "1", "null", "\\ud800", "\xff", "\0", '[{"a": 1},', "[]"]),
    max_size=12,
).map(lambda parts: "".join(parts).encode("latin-1"))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=scraps | st.binary(max_size=40), block=st.integers(1, 40), whole=st.booleans())
def test_any_bytes_are_read_or_refused(read, tmp_path: Path, monkeypatch, data: bytes, block: int, whole: bool) -> None:
    small_blocks(monkeypatch, block)
    for name in ("rows.json", "rows.jsonl", "rows.csv"):
        path = tmp_path / name
        path.write_bytes(data)
        try:
            found = read(path, limits=Limits(whole_bytes=1 << 20 if whole else 0))
        except InputError as error:
            assert str(path) in str(error) and error.remedy
        else:
            assert found.rows or found.rejects
            lines = [*found.lines, *(reject.line for reject in found.rejects)]
            assert len(set(lines)) == len(lines)


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=scraps | st.binary(max_size=60), block=st.integers(1, 40))
def test_blocks_change_nothing(read, tmp_path: Path, monkeypatch, data: bytes, block: int) -> None:
    def outcome(size: int, name: str) -> object:
        small_blocks(monkeypatch, size)
        try:
            found = read(tmp_path / name)
        except InputError as error:
            return str(error)
        return found.rows, found.lines, found.rejects, found.places

    for name, start in {"rows.json": b"[", "rows.jsonl": b'{"a": 1}\n', "rows.csv": b"a,b\n"}.items():
        (tmp_path / name).write_bytes(start + data)
        assert outcome(block, name) == outcome(1 << 20, name)
