"""The workspace: found where the contract says, private, and safe to make twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.workspace import Workspace, find_root


def test_making_it_twice_changes_nothing_and_files_are_private(tmp_path: Path) -> None:
    for _ in range(2):
        with Workspace.open(tmp_path / "w", create=True) as workspace:
            assert (workspace.root / "exports").is_dir()
    assert (tmp_path / "w" / "flywheel.db").stat().st_mode & 0o777 == 0o600


def test_where_it_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "project" / "deep" / "er"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    with pytest.raises(NotFoundError, match="flywheel init"):
        find_root()
    Workspace.open(tmp_path / "project", create=True).close()
    assert find_root() == tmp_path / "project"
    Workspace.open(inner / "data", create=True).close()
    assert find_root() == inner / "data"
    monkeypatch.setenv("FLYWHEEL_WORKSPACE", "/elsewhere")
    assert find_root() == Path("/elsewhere")
    assert find_root("here") == Path("here")


def test_a_folder_that_is_none_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="flywheel init"):
        Workspace.open(tmp_path)
