"""The label screen in the real program on a real terminal: killed while labelling fast, ended by signals, an editor."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from factories import sft
from fixtures_workspace import add
from torture import PtyRun, run_in_pty, visible_words

from flywheel_tui.stages.drafts import load_draft
from flywheel_tui.workspace import Workspace

PROGRAM = "from flywheel_tui.cli.tui import main; main()"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    workspace = Workspace.open(tmp_path / "work", create=True)
    add(workspace, "demo", sft(300))
    workspace.close()
    yield tmp_path / "work"


def run(folder: Path, *steps: object, **env: str) -> PtyRun:
    """The program on a terminal, on the label screen of `demo`."""
    argv = ["python", "-c", PROGRAM, str(folder), "-d", "demo", "-r", "ana", "--no-worker"]
    began = ["demo", b"g", "esc stays", b"l", "rating"]
    return run_in_pty(argv, [*began, *steps], size=(100, 30), env=env, word_seconds=20.0)  # type: ignore[list-item]


def statuses(folder: Path) -> list[tuple[int, str]]:
    with Workspace.open(folder) as workspace:
        rows = workspace.store.read().execute(
            "SELECT root_id, status FROM label_current WHERE status IS NOT NULL ORDER BY root_id"
        )
        return [(row[0], row[1]) for row in rows]


def furthest(output: bytes) -> int:
    """The number of the last pair that the screen showed."""
    return max(int(found) for found in re.findall(r"· (\d+)/300", visible_words(output)))


def test_a_kill_while_labelling_fast_loses_nothing_that_the_screen_had_moved_past(folder: Path) -> None:
    keys = [b"as" * 5 for _ in range(12)]
    outcome = run(folder, *keys, signal.SIGKILL)
    assert outcome.exit_code == -signal.SIGKILL
    decided = statuses(folder)
    shown = furthest(outcome.output)
    assert shown > 20, "it was labelling"
    assert len(decided) >= shown - 1, f"pair {shown} was on the screen, {len(decided)} decisions are on disk"
    assert decided == [(pair, "approved" if pair % 2 else "skipped") for pair in range(1, len(decided) + 1)]

    again = run(folder, f"pair {len(decided) + 1}: what is it?", 0.3, b"q", 0.5, b"q")
    assert again.restored, "it went on behind the last decision"


def test_a_signal_keeps_what_is_half_typed(folder: Path) -> None:
    outcome = run(folder, b"a", b"e", "editing", b"half of it", 0.3, signal.SIGTERM)
    assert outcome.exit_code == 128 + signal.SIGTERM and outcome.restored
    with Workspace.open(folder) as workspace:
        draft = load_draft(workspace, "ana")
    assert draft is not None and draft.pair == 2 and draft.texts["output"].startswith("half of it")
    assert statuses(folder) == [(1, "approved")]


def test_a_closed_terminal_keeps_it_too(folder: Path) -> None:
    run(folder, b"n", 0.3, b"half a note", 0.3, "-")
    with Workspace.open(folder) as workspace:
        draft = load_draft(workspace, "ana")
    assert draft is not None and (draft.kind, draft.texts["line"]) == ("note", "half a note")


def test_an_editor_of_ones_own(folder: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    seen = tmp_path / "seen"
    editor.write_text(f'#!/bin/sh\nstat -c %a "$1" > {seen}\nprintf "made outside\\n" > "$1"\n')
    editor.chmod(0o755)
    outcome = run(folder, b"E", 1.0, "edited", b"q", 0.5, b"q", EDITOR=str(editor))
    assert outcome.restored and seen.read_text().strip() == "600"
    with Workspace.open(folder) as workspace:
        row = workspace.store.read().execute(
            "SELECT p.output FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.id = 1"
        )
        assert row.fetchone()[0] == "made outside"
    assert not list((folder / "drafts").glob("*")), "the file that the editor saw is gone"
