"""The one door: the format from the name or the option, and what is not there refused with a hint."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.readers import READERS, load_readers, open_source


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a.JSONL.GZ", "jsonl"),
        ("a.json", "json"),
        ("a.csv", "csv"),
        ("a.tsv", "tsv"),
        ("a.parquet", "parquet"),
        ("a.md", "documents"),
        ("b.1.json.gz", "json"),
    ],
)
def test_the_name_says_the_format(tmp_path: Path, name: str, format: str) -> None:
    path = tmp_path / name
    path.write_text("x")
    source = open_source(path)
    assert (source.format, source.name, source.size) == (format, str(path), 1)


def test_the_option_wins_over_the_name(read, tmp_path: Path) -> None:
    path = tmp_path / "rows.txt"
    path.write_text('{"a": 1}\n')
    assert read(path, "jsonl").rows == [{"a": 1}]


def test_a_name_that_says_nothing_is_refused_with_the_formats(tmp_path: Path) -> None:
    for name in ("rows", "rows.xyz", "rows.gz"):
        path = tmp_path / name
        path.write_text("x")
        with pytest.raises(InputError, match=r"name the format with -f, one of: csv, documents, hf, json, jsonl"):
            open_source(path)


def test_an_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no format 'xml'.*parquet"):
        open_source(tmp_path, "xml")


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"no such file or folder; did you mean pairs\.jsonl"):
        open_source(tmp_path / "pair.jsonl")
    with pytest.raises(InputError, match="no such file or folder; check the name"):
        open_source(tmp_path / "nowhere" / "pair.jsonl")


def test_what_is_neither_file_nor_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jsonl"
    os.mkfifo(path)
    with pytest.raises(InputError, match="neither a file nor a folder"):
        open_source(path)


def test_every_reader_of_the_contract_is_registered() -> None:
    load_readers()
    assert {"jsonl", "json", "csv", "tsv", "parquet", "hf", "documents"} <= READERS.keys()
