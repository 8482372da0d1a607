"""Documents: a row a file, its title found, everything that is no text kept apart."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from flywheel_tui.errors import InputError
from flywheel_tui.stages.readers import Limits


def test_a_folder_gives_one_row_a_file(read, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.md").write_text("# The title #\n\nText.\n")
    (folder / "b.rst").write_text("Heading\n=======\n\nText.\n")
    (folder / "sub" / "c.txt").write_text("No heading.\n")
    (folder / "sub" / "d.txt.gz").write_bytes(gzip.compress(b"Packed."))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    (folder / ".hidden.md").write_text("hidden")
    found = read(folder)
    assert [(row["path"], row["title"]) for row in found.rows] == [
        ("a.md", "The title"),
        ("b.rst", "Heading"),
        ("sub/c.txt", "c"),
        ("sub/d.txt.gz", "d"),
    ]
    assert found.rows[0]["text"] == "# The title #\n\nText.\n"
    assert found.lines == [1, 2, 3, 4]
    assert found.source.unit == "file"
    assert found.source.remarks == ["files that are no documents were left out (1): picture.png"]
    assert found.source.size == sum((folder / row["path"]).stat().st_size for row in found.rows)


def test_one_document(read, tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes(b"\xef\xbb\xbfHello")
    assert read(path).rows == [{"title": "notes", "text": "Hello", "path": "notes.md"}]


def test_what_is_no_text_is_a_reject_that_names_the_file(read, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfa")
    (tmp_path / "b.txt").write_bytes(b"x\x00y")
    (tmp_path / "c.txt").write_text(" \n")
    (tmp_path / "d.txt").write_text("x" * 2000)
    (tmp_path / "e.txt").write_text("fine")
    found = read(tmp_path, limits=Limits(row_bytes=1000))
    assert [row["path"] for row in found.rows] == ["e.txt"]
    said = [reject.reason for reject in found.rejects]
    assert [reason.partition(":")[0] for reason in said] == ["a.txt", "b.txt", "c.txt", "d.txt"]
    assert "not UTF-8" in said[0] and "NUL" in said[1] and "no text" in said[2] and "longer" in said[3]


def test_a_link_out_of_the_folder_is_not_followed(read, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.txt").write_text("open")
    (folder / "b.txt").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    assert [row["path"] for row in read(folder).rows] == ["a.txt"]


def test_a_folder_without_documents_is_refused_and_names_what_is_there(read, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"holds no documents.*rows\.jsonl"):
        read(tmp_path)
