"""The real program in a real terminal, over a workspace made by the real command line."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from tmux_session import Tmux

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

BIN = Path(sys.executable).parent
PAIRS = 400


def make(folder: Path, rows: Sequence[dict[str, str]]) -> Path:
    """A workspace with one data set, by the command line."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    work = folder / "work"
    for arguments in (["init", str(work)], ["-w", str(work), "ingest", "-i", str(file), "-n", "mine"]):
        subprocess.run([str(BIN / "flywheel"), *arguments], check=True, capture_output=True)
    return work


def plain(count: int) -> list[dict[str, str]]:
    return [{"instruction": f"Question {n}: what is it?", "output": f"Answer {n}."} for n in range(1, count + 1)]


def program(work: Path, *more: str) -> list[str]:
    return [str(BIN / "flywheel-tui"), str(work), "--reviewer", "ana", "--no-worker", *more]


def statuses(work: Path) -> dict[int, str]:
    """The current status of every decided pair, by its number in the file: read past the program."""
    with sqlite3.connect(f"file:{work / 'flywheel.db'}?mode=ro", uri=True) as connection:
        return dict(connection.execute("SELECT position, status FROM pair_current WHERE status != 'open'").fetchall())


def place(screen: str) -> int:
    """The pair that the screen is at."""
    found = re.search(r"· ([\d,]+)/[\d,]+", screen)
    assert found, screen
    return int(found[1].replace(",", ""))


def test_a_sitting_from_start_to_start(tmp_path: Path) -> None:
    work = make(tmp_path, plain(60))
    with Tmux(program(work), size=(80, 24)) as tmux:
        tmux.wait("Datasets", "mine", "60")
        tmux.keys("Enter")
        tmux.wait("60 pairs", "Question 3", "space mark")
        tmux.keys("Enter")
        tmux.wait("· 1/60", "Answer 1.", "a approve")
        tmux.keys("a")
        tmux.wait("· 2/60", "approved")
        tmux.keys("r")
        tmux.wait("because 1")
        tmux.keys("1")
        tmux.wait("· 3/60", "rejected")
        tmux.keys("e")
        tmux.wait("editing")
        tmux.type("Better: ")
        tmux.keys("C-s")
        tmux.wait("· 4/60", "edited")
        tmux.keys("n")
        tmux.type("look at this again")
        tmux.keys("Enter")
        tmux.wait("look at this again")
        tmux.keys("s")
        tmux.wait("· 5/60", "skipped")
        tmux.keys("u")
        tmux.wait("· 4/60", "undone")
        tmux.keys("q")
        tmux.wait("this sitting", "q leaves")
        tmux.keys("q")
        assert tmux.wait_for_end() == 0
        assert {n: status for n, status in statuses(work).items() if n <= 3} == {
            1: "approved", 2: "rejected", 3: "edited"
        }  # fmt: skip
        assert "skipped" not in statuses(work).values()
        tmux.start()
        tmux.wait("Datasets", "mine")
        tmux.keys("g", "l")
        tmux.wait("· 4/60", "look at this again")
        tmux.keys("k")
        tmux.wait("· 3/60", "Better: ")


def test_what_the_screen_has_moved_past_survives_a_kill(tmp_path: Path) -> None:
    work = make(tmp_path, plain(PAIRS))
    with Tmux(program(work), size=(80, 24)) as tmux:
        begin = 1
        for waits in (0.05, 0.17, 0.31):
            tmux.wait("Datasets", "mine")
            if begin == 1:
                tmux.keys("Enter")
                tmux.wait("space mark")
                tmux.keys("Enter")
            else:
                tmux.keys("g", "l")
            tmux.wait(f"/{PAIRS}", "a approve")
            assert place(tmux.screen()) == begin, "it did not go on where it was"
            tmux.run("send-keys", "-t", "main", "-N", "100", "a")
            end = time.monotonic() + 10
            while place(tmux.screen()) < begin + 5 and time.monotonic() < end:
                pass
            time.sleep(waits)
            assert tmux.kill() == 128 + signal.SIGKILL
            past = place(tmux.screen()) - 1
            assert past >= begin + 4
            kept = statuses(work)
            assert [n for n in range(1, past + 1) if kept.get(n) != "approved"] == []
            begin = len(kept) + 1
            assert sorted(kept) == list(range(1, begin))
            tmux.start()


CLIPBOARD = "\x1b]52;c;b3duZWQ=\x07"
HOSTILE = {
    "clipboard": CLIPBOARD,
    "clipboard of eight bits": "\x9d52;c;b3duZWQ=\x9c",
    "title": "\x1b]2;owned\x07\x1bkowned\x1b\\",
    "reset": "\x1bc",
    "alternate screen": "\x1b[?1049l",
    "another place": "\x1b[1;1HVERDICT: PASS",
    "colours": "\x1b[31mred\x9b31m",
    "markup": "[/nope] [@click=app.quit]here[/] [link=file:///etc/passwd]x[/link]",
    "right to left": "\u202eabc\u2066def\u200bghi",
    "charset": "\x0e\x0f\x07\x08\x7f",
}


def effects(tmux: Tmux) -> tuple[str, str, str]:
    return tmux.run("list-buffers", check=False), tmux.ask("pane_title"), tmux.ask("alternate_on")


def test_hostile_text_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    rows = [
        {"instruction": f"QQ {name} {text} end", "output": f"Answer {text} end\n{text}\nlast"}
        for name, text in HOSTILE.items()
    ]
    work = make(tmp_path, rows)
    with Tmux(program(work), size=(100, 30)) as tmux:
        tmux.wait("Datasets", "mine")
        before = effects(tmux)
        assert before[0] == ""
        tmux.keys("Enter")
        tmux.wait("QQ charset", "space mark")
        for name in HOSTILE:
            tmux.keys("j")
            assert effects(tmux) == before, name
        tmux.keys("Home", "Enter")
        for number, name in enumerate(HOSTILE, 1):
            shown = tmux.wait(f"· {number}/{len(HOSTILE)}", f"QQ {name}", "last")
            assert "VERDICT: PASS" not in shown.split("\n")[0]
            assert effects(tmux) == before, name
            tmux.keys("j")
        assert "owned" not in before[1]
    with Tmux(["printf", "%s", f"\x1b]2;owned\x07{CLIPBOARD}"]) as tmux:
        tmux.wait_for_end()
        buffers, title, _ = effects(tmux)
        assert buffers and title == "owned", "the test would not have seen the effects"


@pytest.mark.slow  # a storm of sizes wants a machine that does nothing else
def test_sizes_by_the_dozen_and_tiny_ones(tmp_path: Path) -> None:
    work = make(tmp_path, plain(60))
    sizes = [(1, 1), (1, 40), (200, 1), (2, 2), (300, 80), (59, 15), (60, 16), (99, 24), (100, 24), (140, 33)]
    sizes += [(20 + 17 * n % 180, 3 + 11 * n % 60) for n in range(14)]
    with Tmux(program(work), size=(80, 24)) as tmux:
        tmux.wait("Datasets", "mine")
        for keys, word in (([], "60"), (["Enter"], "space mark"), (["Enter"], "a approve")):
            if keys:
                tmux.keys(*keys)
            tmux.wait(word)
            for width, height in sizes:
                tmux.run("resize-window", "-t", "main", "-x", str(width), "-y", str(height))
                time.sleep(0.02)
            tmux.run("resize-window", "-t", "main", "-x", "100", "-y", "30")
            tmux.wait(word, "? keys")
        assert len(sizes) * 3 >= 60
        tmux.keys("a")
        tmux.wait("· 2/60")
    assert list((work / "reports").glob("crash-*")) == []
