"""`flywheel-tui keys` shows what a terminal really sends."""

from __future__ import annotations

from textual.events import Key
from textual.widgets import DataTable
from torture import forbidden_sequences, run_in_pty

from screens.keys import ByteLog, KeysApp

PROGRAM = ["python", "-c", "import sys; from screens.keys import main; sys.exit(main())"]


def test_bytes_are_matched_with_their_keys() -> None:
    log = ByteLog()
    log.received("ab\x1b[A")
    for key in (Key("a", "a"), Key("b", "b"), Key("up", None)):
        log.became(key)
    assert [log.take(key) for key in ("a", "b", "up", "x")] == ["a", "b", "\x1b[A", ""]


def test_on_a_terminal_chords_are_shown_with_their_bytes() -> None:
    keys = [
        b"\x1b[1;5C",
        "1b 5b 31 3b 35 43",
        b"\x10",
        "ctrl+p",
        b"\xc3\xa9",
        "c3 a9",
        b"\xff\x1b[A\x1b[B",
        "1b 5b 42",
        b"q",
        0.1,
        b"q",
    ]
    run = run_in_pty(PROGRAM, ["not seen yet", *keys], size=(100, 40))
    assert (run.exit_code, run.killed, run.restored) == (0, False, True)
    assert forbidden_sequences(run.output) == []


def test_ctrl_c_twice_leaves() -> None:
    run = run_in_pty(PROGRAM, ["not seen yet", b"\x03", 0.1, b"\x03"])
    assert (run.exit_code, run.killed) == (0, False)


async def test_keys_do_nothing_but_being_seen() -> None:
    app = KeysApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("q", "f1", "ctrl+q", "ctrl+c", "shift+tab", "q")
        await pilot.pause()
        assert app.is_running
        assert {"f1", "shift+tab"} <= app.seen
        table = app.query_one(DataTable)
        assert [str(table.get_row_at(row)[0]) for row in range(3)] == ["q", "f1", "ctrl+q"]
        await pilot.press("q")
    assert app.return_code == 0
