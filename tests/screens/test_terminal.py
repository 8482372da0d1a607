"""The program on a real terminal: nothing hostile gets out, rubbish does not kill it, and it ends tidily."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from textual.app import App
from torture import PAYLOADS, ROOT, PtyRun, Step, forbidden_sequences, run_in_pty, visible_words

from flywheel_tui.errors import UsageError
from flywheel_tui.redaction import redact
from flywheel_tui.text import visible
from screens.terminal import SafeApp, report_crash, write_crash_report

APP = Path(__file__).with_name("torture_app.py")


def torture(
    mode: str, *steps: Step, names: str = "markup close", home: Path, size: tuple[int, int] = (80, 24)
) -> PtyRun:
    return run_in_pty(["python", str(APP), mode, names], ["READY", *steps], env={"HOME": str(home)}, size=size)


def through_all(names: list[str]) -> list[Step]:
    """Show the payloads one after the other, waiting for each."""
    steps: list[Step] = []
    for left in range(len(names) - 1, 0, -1):
        steps += [b"n", f"READY {left}."]
    return [*steps, b"q"]


def check_matrix(names: list[str], home: Path, size: tuple[int, int]) -> PtyRun:
    run = torture("SHOW", *through_all(names), names=",".join(names), home=home, size=size)
    assert (run.exit_code, run.killed) == (0, False), visible_words(run.output)[-500:]
    assert forbidden_sequences(run.output) == []
    assert run.restored
    return run


def test_every_payload_in_every_widget_is_shown_and_does_nothing(tmp_path: Path) -> None:
    names = list(PAYLOADS)
    run = check_matrix(names, tmp_path, (120, 60))
    painted = visible_words(run.output)
    missing = [name for name in names if "QQ " + visible(PAYLOADS[name], multiline=False)[:8] not in painted]
    assert missing == []


def test_the_matrix_would_see_a_leak(tmp_path: Path) -> None:
    run = torture("BARE", b"n", "READY 1.", b"q", names="osc52,bidi", home=tmp_path)
    leaks = forbidden_sequences(run.output)
    assert any(leak.startswith(b"\x1b]52;") for leak in leaks)
    assert "\u202e".encode() in leaks


@pytest.mark.slow
@pytest.mark.parametrize("size", [(40, 12), (80, 24), (200, 80)])
@pytest.mark.parametrize("name", PAYLOADS)
def test_full_matrix(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    check_matrix([name], tmp_path, size)


INVALID = [b"\xff", b"\xe9", b"\xc3(", b"\x80", b"\x1b[M\xff\xff\xff", b"caf\xe9 \xa0", b"\xf5\x80", b"\xed\xa0\x80"]


def test_input_that_is_not_utf8_does_not_kill(tmp_path: Path) -> None:
    run = torture("SHOW", *INVALID, 0.2, b"n", "READY 1.", b"q", names="markup close,markup unclosed", home=tmp_path)
    assert (run.exit_code, run.killed, run.restored) == (0, False, True), visible_words(run.output)[-500:]


def random_bursts(seed: int, count: int) -> list[Step]:
    """Rubbish as a broken terminal would send it, without the keys that this program obeys or sequences left open."""
    numbers = random.Random(seed)
    pieces = [
        b"\x1b[A",
        b"\x1b[<35;10;5M",
        b"\x1b[<0;3;3m",
        b"\x1b[I",
        b"\x1b[O",
        b"\x1b[1;5C",
        b"\x1b[?2026;2$y",
        *INVALID,
    ]
    bursts: list[Step] = []
    for _ in range(count):
        rubbish = bytes(numbers.choice(range(0x80, 0x100)) for _ in range(numbers.randint(1, 12)))
        bursts.append(b"".join(numbers.choices(pieces, k=3)) + rubbish)
    return bursts


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 40), *(pytest.param(seed, 100, marks=pytest.mark.slow) for seed in range(2, 22))]
)
def test_random_input_does_not_kill(seed: int, count: int, tmp_path: Path) -> None:
    run = torture("SHOW", *random_bursts(seed, count), 0.3, signal.SIGTERM, home=tmp_path)
    assert (run.exit_code, run.killed, run.restored) == (143, False, True), visible_words(run.output)[-500:]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_signals_save_restore_and_tell(number: signal.Signals, code: int, tmp_path: Path) -> None:
    run = torture("SHOW", number, home=tmp_path)
    assert (run.exit_code, run.restored) == (code, True)
    assert (tmp_path / "saved").read_text(encoding="utf-8") == "saved"


@pytest.mark.parametrize("mode", ["SHOW", "BUSY"])
def test_a_closed_terminal_saves_and_ends(mode: str, tmp_path: Path) -> None:
    run = torture(mode, "-", home=tmp_path)
    assert (run.exit_code, run.killed) == (129, False)
    assert (tmp_path / "saved").exists()


@pytest.mark.slow
def test_saving_that_never_ends_is_given_up(tmp_path: Path) -> None:
    run = torture("STUBBORN", signal.SIGTERM, home=tmp_path)
    assert (run.exit_code, run.killed, run.restored) == (143, False, True)


def crash_logs(home: Path) -> list[Path]:
    return sorted((home / ".local" / "state" / "flywheel-tui").glob("crash-*.log"))


def test_a_crash_tells_nothing_secret_and_ends_with_one(tmp_path: Path) -> None:
    run = torture("SHOW", b"x", names="osc52", home=tmp_path)
    assert (run.exit_code, run.restored) == (1, True)
    [log] = crash_logs(tmp_path)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    report = log.read_text(encoding="utf-8")
    assert "RuntimeError" in report
    assert "in action_crash" in report
    for place in (run.output, log.read_bytes()):
        assert b"canary0local" not in place
        assert b"canary-in-message" not in place
        assert forbidden_sequences(place) == []
    after = visible_words(run.output[run.output.rfind(b"\x1b[?1049l") :])
    assert f"the report is in {log}" in after
    assert (tmp_path / "saved").exists()


def test_a_last_message_is_text(tmp_path: Path) -> None:
    run = torture("SHOW", b"m", names="osc52", home=tmp_path)
    assert run.exit_code == 4
    assert forbidden_sequences(run.output) == []
    assert visible("QQ " + PAYLOADS["osc52"]) in visible_words(run.output[run.output.rfind(b"\x1b[?1049l") :])


def test_no_colour_is_sent_where_none_is_wanted(tmp_path: Path) -> None:
    run = run_in_pty(["python", str(APP), "SHOW", "sgr"], ["READY", b"q"], env={"HOME": str(tmp_path), "NO_COLOR": "1"})
    assert run.exit_code == 0
    assert b"[38;" not in run.output
    assert b"[48;" not in run.output
    assert b"\x1b[38;" in torture("SHOW", b"q", home=tmp_path).output


@pytest.mark.parametrize(("mode", "word"), [("dumb", "TERM"), ("unknown", "TERM")])
def test_a_terminal_that_cannot_draw_is_refused(mode: str, word: str, tmp_path: Path) -> None:
    run = run_in_pty(["python", str(APP), "SHOW", "sgr"], env={"HOME": str(tmp_path), "TERM": mode})
    assert run.exit_code == 2
    assert word in run.output.decode()
    assert b"\x1b" not in run.output


def test_without_a_terminal_it_says_so() -> None:
    done = subprocess.run(
        [sys.executable, str(APP), "SHOW", "sgr"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=30,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{APP.parent}"},
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode() == (
        "flywheel-tui needs a terminal, but standard input is not one; use the flywheel command in scripts.\n"
    )


# -- without a terminal


class Notes(SafeApp[None]):
    """Remembers whether it saved."""

    saved = 0

    async def save_work(self) -> None:
        self.saved += 1


async def test_notifications_and_titles_are_text() -> None:
    app = Notes()
    async with app.run_test(notifications=True) as pilot:
        app.notify("[/nope] \x1b]52;c;x\x07", title="[b\x00", markup=True)
        await pilot.pause()
        [notification] = list(app._notifications)
        assert notification.message == "[/nope] ␛]52;c;x␇"
        assert notification.title == "[b␀"
        assert not notification.markup


async def test_only_plain_web_addresses_are_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(App, "open_url", lambda self, url, *, new_tab=True: opened.append(url))
    app = Notes()
    async with app.run_test(notifications=True) as pilot:
        for address in ("file:///etc/passwd", "javascript:x", "https://example.org/a"):
            app.open_url(address)
        await pilot.pause()
        assert opened == ["https://example.org/a"]
        assert len(app._notifications) == 2


async def test_an_error_of_its_own_is_still_raised_in_tests(tmp_path: Path) -> None:
    app = Notes()
    app.crash_folder = tmp_path / "reports"

    def fail() -> None:
        raise ValueError("broken on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        async with app.run_test() as pilot:
            app.call_later(fail)
            await pilot.pause()
    assert app.return_code == 1
    assert app.saved == 1
    [report] = (tmp_path / "reports").iterdir()
    assert "broken on purpose" in report.read_text(encoding="utf-8")


def failure(text: str) -> Exception:
    try:
        raise RuntimeError(text)
    except RuntimeError as error:
        return error


def test_reports_cannot_act_and_hold_no_values(tmp_path: Path) -> None:
    path = write_crash_report(failure("Authorization: Bearer abcdef123456 \x1b]52;c;x\x07"), tmp_path)
    report = path.read_text(encoding="utf-8")
    assert "abcdef123456" not in report
    assert "␛]52;c;x␇" in report
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    sentence = report_crash(failure("it broke"), blocked)
    assert "could not be written" in sentence
    assert "it broke" in sentence
    assert report_crash(UsageError("no such data set."), tmp_path).startswith("no such data set; the report is in")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("key sk-abcdefghijklmnop1234 used", "sk-abcdefghijklmnop1234"),
        ("token hf_ABCDEFGHIJKLMNOPQRST", "hf_ABCDEFGHIJKLMNOPQRST"),
        ("{'x-api-key': 'plainvalue99'}", "plainvalue99"),
        ("OPENAI_API_KEY=plainvalue99", "plainvalue99"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("GET https://h/v1?api_key=plainvalue99&x=1", "plainvalue99"),
        ("http://me:hunter2hunter@proxy:80/", "hunter2hunter"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJSMeK", "SflKxwRJSMeK"),
        ("-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----", "MIIabc"),
        ("the value is tr0ub4dor-and-3", "tr0ub4dor-and-3"),
    ],
)
def test_secrets_are_taken_out(text: str, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_PASSWORD", "tr0ub4dor-and-3")
    assert secret not in redact(text)
    assert "<redacted>" in redact(text)


def test_ordinary_words_stay() -> None:
    text = "the tokenizer made 12 tokens; key: a; token count = 5; see https://example.org/a@b and sk-8"
    assert redact(text) == text


def test_the_exit_of_a_program_is_bounded_in_the_harness(tmp_path: Path) -> None:
    script = tmp_path / "sleeper.py"
    script.write_text(dedent("import time; print('up', flush=True); time.sleep(60)"), encoding="utf-8")
    run = run_in_pty(["python", str(script)], ["up"], end_seconds=0.3)
    assert run.killed
    with pytest.raises(AssertionError, match="was not painted"):
        run_in_pty(["python", str(script)], ["never"], word_seconds=0.3)


async def test_what_is_drawn_again_after_a_resize_may_come_when_no_screen_is_left() -> None:
    app: SafeApp[None] = SafeApp()
    app._draw_again()
