"""The command line treated badly: odd environments, damaged databases, paths that cannot be, bytes that are no text."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, sft

from flywheel_tui.workspace import Workspace

FLYWHEEL = [sys.executable, "-c", "from flywheel_tui.cli import main; main()"]
HOSTILE = "\x1b]52;c;x\x07 \x9b2J \u202etxt\u2066 \U000e0041"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with make_workspace(tmp_path / "w", sft(6)) as workspace:
        add_pairs(workspace, sft(6))
    return tmp_path


def run(folder: Path, *words: str | bytes, code: int = 0, given: bytes = b"", **environment: str) -> tuple[str, str]:
    done = subprocess.run(
        [*FLYWHEEL, "-w", "w", *words], capture_output=True, cwd=folder, input=given, timeout=60, check=False,
        env=os.environ | environment,
    )  # fmt: skip
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    assert done.returncode == code, (out, err)
    return out, err


def refused(folder: Path, *words: str | bytes, given: bytes = b"", **environment: str) -> str:
    """The one line on standard error of a command that ends with 2 and prints nothing else."""
    out, err = run(folder, *words, code=2, given=given, **environment)
    assert out == "" and len(err.splitlines()) == 1 and err.startswith("flywheel: "), (out, err)
    return err


def test_bad_usage_is_one_line_that_names_the_help(folder: Path) -> None:
    assert "'nonsense'" in refused(folder, "nonsense")
    line = refused(folder, "dataset", "show", "demo", "--limit", "0")
    assert "--limit" in line and "flywheel dataset show --help" in line
    line = refused(folder, "dataset", "ls", HOSTILE)
    assert not set("\x1b\x07\x9b\u202e\u2066") & set(line)


@pytest.mark.parametrize("words", [("dataset", "show", "demo", "--offset"), ("jobs", "show"), ("jobs", "cancel")])
def test_numbers_beyond_the_database(folder: Path, words: tuple[str, ...]) -> None:
    assert "range" in refused(folder, *words, "9" * 30)


@pytest.mark.parametrize("columns", ["", "abc", "-5", "0", "1", "20"])
def test_odd_widths_still_show_the_table(folder: Path, columns: str) -> None:
    out, _ = run(folder, "dataset", "ls", COLUMNS=columns)
    assert "demo" in out and "name" in out


def test_a_workspace_that_cannot_be_made(folder: Path) -> None:
    (folder / "file").write_text("x")
    assert "file" in refused(folder, "init", "file")
    assert "file/below" in refused(folder, "init", "file/below")
    assert "/proc/none" in refused(folder, "demo", "/proc/none")


def test_an_empty_source_is_not_the_folder_at_hand(folder: Path) -> None:
    (folder / "notes.md").write_text("# private\n\nnot asked for")
    assert "-i" in refused(folder, "ingest", "-i", "", "-n", "all")


def test_a_database_damaged_inside(folder: Path) -> None:
    path = folder / "w" / "flywheel.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    data = bytearray(path.read_bytes())
    data[8192 : 3 * len(data) // 4] = b"\xa5" * (3 * len(data) // 4 - 8192)
    path.write_bytes(data)
    for words in (("dataset", "ls"), ("dataset", "info", "demo"), ("label", "-d", "demo", "--plain")):
        line = refused(folder, *words)
        assert "damaged" in line and "doctor" in line


def test_the_message_names_the_database_that_is_damaged(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "other" / "flywheel.db").write_bytes(b"no database" * 1000)
    line = refused(folder, "label", "merge", "other")
    assert str(Path("other") / "flywheel.db") in line and "damaged" in line


@pytest.mark.parametrize(
    "words",
    [
        ("dataset", "export", "demo", "--force", "--to"),
        ("validate", "-d", "demo", "--checks", "schema", "--force", "--write-clean"),
        ("validate", "-d", "demo", "--checks", "schema", "--report"),
        ("label", "export", "--to"),
    ],
)
def test_nothing_is_written_over_a_database(folder: Path, words: tuple[str, ...]) -> None:
    for name in ("w/flywheel.db", "w/flywheel.db-wal"):
        assert "is a database" in run(folder, *words, name, code=2)[1]
    assert json.loads(run(folder, "dataset", "ls", "--json")[0])[0]["pairs"] == 6


def test_json_is_safe_on_a_terminal_and_the_same_value(folder: Path) -> None:
    (folder / "rows.jsonl").write_text(json.dumps({"instruction": HOSTILE, "output": "fine"}) + "\n")
    run(folder, "ingest", "-i", "rows.jsonl", "-n", "odd")
    out, _ = run(folder, "dataset", "show", "odd", "--json")
    assert not set("\x1b\x07\x9b\u202e\u2066\U000e0041") & set(out)
    assert json.loads(out)[0]["instruction"] == HOSTILE


def test_bytes_that_are_no_text(folder: Path) -> None:
    out, err = run(folder, "label", "-d", "demo", "--plain", given=b"n \xff\xfe\na\nq\n")
    assert "UTF-8" in err and "approved: pair" in out
    command = (
        "label",
        "-d",
        "demo",
        "--mode",
        "bulk",
        "--status",
        "approved",
        "--yes",
        "--where",
        "id > 0",
        "--note",
        b"\xff",
    )
    assert "UTF-8" in run(folder, *command, code=2)[1]


def test_next_step_can_be_pasted(tmp_path: Path) -> None:
    out, _ = run(tmp_path, "demo", "with space")
    assert f"flywheel-tui '{tmp_path / 'with space'}'" in out


@pytest.mark.parametrize("closed", [">&-", "<&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams(folder: Path, closed: str) -> None:
    for words in ("dataset ls", "label -d demo --plain"):
        line = f'"$0" -c "from flywheel_tui.cli import main; main()" -w w {words} {closed}'
        done = subprocess.run(["/bin/sh", "-c", line, sys.executable], capture_output=True, cwd=folder, check=False)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr.decode()
    assert json.loads(run(folder, "dataset", "ls", "--json")[0])[0]["pairs"] == 6


def test_labelling_line_by_line_says_what_does_not_go(folder: Path) -> None:
    assert "--json" in refused(folder, "label", "-d", "demo", "--plain", "--json")
    assert "column 1\n" in refused(folder, "label", "-d", "demo", "--plain", "--where", "bogus")


def test_a_reader_that_goes_is_no_verdict(folder: Path) -> None:
    words = [*FLYWHEEL, "-w", "w", "dataset", "show", "demo"]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, cwd=folder, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b""), "1 would say that a check found something"


def test_a_narrow_table_drops_columns_and_cuts_no_heading(folder: Path) -> None:
    with Workspace.open(folder / "w") as workspace:
        add_pairs(workspace, sft(3), "a-data-set-with-a-rather-long-name-of-48-letters")
    out, _ = run(folder, "dataset", "ls", COLUMNS="80")
    headings = out.splitlines()[0].split()
    assert headings[0] == "name" and {"pairs", "labelled", "last"} <= set(headings) and "…" not in out.splitlines()[0]
    assert all(len(line.rstrip()) <= 80 for line in out.splitlines())
