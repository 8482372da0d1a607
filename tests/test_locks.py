"""One process at a time; the lock is free again however its holder ends, and no file of it is left lying about."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flywheel_tui.errors import ConflictError
from flywheel_tui.locks import alone, is_held, try_lock

HOLDER = """
import sys, time
from pathlib import Path
from flywheel_tui.locks import alone
with alone(Path(sys.argv[1]), "no"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_refused_until_the_holder_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        assert is_held(path)
        with pytest.raises(ConflictError, match="somebody is at it"), alone(path, "somebody is at it"):
            pass
        assert is_held(path), "who is refused takes nothing away"
        holder.kill()
    assert not is_held(path)
    with alone(path, "never"):
        assert is_held(path)
    assert not path.exists()


def test_what_fails_in_the_body_lets_it_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(RuntimeError, match="of the body"), alone(path, "never"):
        raise RuntimeError("of the body")
    assert not path.exists() and not is_held(path)


def test_a_file_removed_while_it_was_waited_for_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened = tmp_path / "lock", os.open

    def removed_meanwhile(*arguments: object, **named: object) -> int:
        monkeypatch.setattr(os, "open", opened)
        descriptor = opened(*arguments, **named)  # type: ignore[arg-type]
        path.unlink()
        path.touch()
        return descriptor

    monkeypatch.setattr(os, "open", removed_meanwhile)
    descriptor = try_lock(path)
    assert descriptor is not None and os.fstat(descriptor).st_ino == path.stat().st_ino
    os.close(descriptor)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="gone"):
        try_lock(tmp_path / "gone" / "lock")
