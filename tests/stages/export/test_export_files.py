"""Files of an export: where they lie, that they are whole or absent, and what is refused."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from factories import make_workspace, sft

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.export.files import NewFile, check_free, places


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize(
    ("to", "base", "train"),
    [
        ("out/x.jsonl", "out/x.jsonl", "out/x.train.jsonl"),
        ("out/", "out/demo.dpo.jsonl", "out/demo.train.dpo.jsonl"),
        ("there", "there/demo.dpo.jsonl", "there/demo.train.dpo.jsonl"),
        ("out/x", "out/x", "out/x.train.dpo.jsonl"),
        ("out/v1.2", "out/v1.2", "out/v1.2.train.dpo.jsonl"),
        ("out/X.JSON", "out/X.JSON", "out/X.train.JSON"),
        ("", "w/exports/demo.dpo.jsonl", "w/exports/demo.train.dpo.jsonl"),
    ],
)
def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str, base: str, train: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    found = places(to, Path("w/exports"), "demo", ".dpo.jsonl", [])
    assert (str(found.base), found.data) == (base, {"": Path(base)})
    assert (str(found.manifest), str(found.card)) == (base + ".manifest.json", base + ".card.md")
    split = places(to, Path("w/exports"), "demo", ".dpo.jsonl", ["train", "val"])
    assert str(split.data["train"]) == train and len(split.data) == 2


def test_nothing_has_the_name_before_commit(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.jsonl"
    file = NewFile(path)
    file.write(b"one\n")
    file.write(memoryview(b"two\n"))
    assert not path.exists()
    file.finish()
    assert not path.exists()
    file.commit(force=False)
    assert path.read_bytes() == b"one\ntwo\n" and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (file.size, file.sha256) == (8, sha256(b"one\ntwo\n").hexdigest())
    assert names(path.parent) == ["x.jsonl"]


def test_a_discarded_file_leaves_nothing(tmp_path: Path) -> None:
    file = NewFile(tmp_path / "x")
    file.write(b"half")
    file.discard()
    assert names(tmp_path) == []


def test_what_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists already; name another path, or overwrite it with --force"):
        check_free([tmp_path / "file"], force=False)
    check_free([tmp_path / "file"], force=True)
    for name in ("link", "dangling"):
        with pytest.raises(UsageError, match="symbolic link"):
            check_free([tmp_path / name], force=True)
    with pytest.raises(UsageError, match="is a folder"):
        check_free([tmp_path], force=True)


def test_a_link_put_there_meanwhile_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    file = NewFile(tmp_path / "x")
    file.write(b"new")
    file.finish()
    (tmp_path / "x").symlink_to(tmp_path / "precious")
    with pytest.raises(UsageError, match="symbolic link"):
        file.commit(force=True)
    file.discard()
    assert (tmp_path / "precious").read_text() == "mine" and names(tmp_path) == ["precious", "x"]


def test_a_path_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        NewFile(tmp_path / "file" / "x.jsonl")


def test_drafts_of_the_dead_are_removed_and_of_the_living_are_not(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, alive = tmp_path / f".x.{int(done.stdout)}.tmp", tmp_path / f".x.{os.getppid()}.tmp"
    other = tmp_path / ".x.notes.tmp"
    for path in (dead, alive, other):
        path.write_text("half")
    NewFile(tmp_path / "x").discard()
    assert names(tmp_path) == sorted([alive.name, other.name])


KILLED = """
import sys, time
from flywheel_tui.stages.export import ExportRequest, export
from flywheel_tui.stages.export.run import NewFile
from flywheel_tui.workspace import Workspace
def slow(done, total, phase):
    print(phase, flush=True)
    time.sleep(0.05)
export(Workspace.open(sys.argv[1]), ExportRequest(dataset="demo", to=sys.argv[2], force=True), on_progress=slow)
"""


def test_a_kill_leaves_no_half_file_under_the_name(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(5000)):
        pass
    target = tmp_path / "out" / "x.jsonl"
    child = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path / "w", target], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    while child.stdout.readline() != "writing\n":
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    left = names(target.parent)
    assert left and all(name.startswith(".x.") and name.endswith(".tmp") for name in left)
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "w", target], stdout=subprocess.DEVNULL, check=True)
    assert names(target.parent) == ["x.jsonl", "x.jsonl.card.md", "x.jsonl.manifest.json", "x.provenance.jsonl"]
    assert target.read_bytes().count(b"\n") == 5000
