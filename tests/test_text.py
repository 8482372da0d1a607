"""Texts that could act on a terminal or hide in it are shown, not obeyed; spans follow; hashes see through spelling."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flywheel_tui.text import (
    MAX_MARKS,
    first_line,
    human_duration,
    human_number,
    normalise,
    relative_time,
    visible,
    visible_map,
)

INVISIBLE = "\u00ad\u061c\u180e\u200b\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\u3164\ufeff\ufff9\U000e0041"
TROUBLE = "\x00\x07\x1b\r\n\t\x7f\x80\x9b\ud800" + INVISIBLE + "\u200c\u200d\ufe0f\u0301\u0e49"
hostile = st.text(st.one_of(st.sampled_from(TROUBLE), st.sampled_from("ab é🙂\ufffd␛<"), st.characters()), max_size=60)
relaxed = settings(deadline=None, max_examples=400)


def forbidden(text: str, *, multiline: bool = True) -> list[str]:
    """What a shown text must not contain: controls, surrogates, hiding or reordering characters."""
    allowed = "\n\t" if multiline else ""
    return [
        c for c in text if (unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") and c not in allowed) or c in INVISIBLE
    ]


@relaxed
@given(hostile, st.booleans(), st.integers(0, 300))
@example("a\u0301\u0301\u0301\u0301\u200d\u0301", True, 50)
@example("é\u202e\u200d", True, 300)
def test_nothing_that_acts_or_hides_survives(text: str, multiline: bool, limit: int) -> None:
    shown = visible(text, multiline=multiline, limit=limit)
    assert forbidden(shown, multiline=multiline) == []
    assert len(shown) <= limit
    shown.encode()


@relaxed
@given(hostile, st.booleans(), st.integers(0, 300))
@example("\u0600\u200d\u200d", True, 300)
@example("a" * 99 + "\u202e" * 30, True, 120)
def test_showing_twice_changes_nothing(text: str, multiline: bool, limit: int) -> None:
    shown = visible(text, multiline=multiline, limit=limit)
    assert visible(shown, multiline=multiline, limit=limit) == shown


@relaxed
@given(hostile)
def test_runs_of_marks_are_bounded(text: str) -> None:
    run = 0
    for c in visible(text):
        run = run + 1 if unicodedata.category(c) in ("Mn", "Me") or c in "\u200c\u200d" else 0
        assert run <= MAX_MARKS


@relaxed
@given(hostile, st.integers(0, 60), st.integers(0, 60))
def test_spans_cover_exactly_what_stands_for_them(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    shown = visible_map(text)
    first, last = shown.span(start, end)
    assert 0 <= first <= last <= len(shown.text)
    assert shown.span(0, len(text)) == (0, len(shown.text))
    assert (first < last) == (start < end)
    # Plain characters are found again at the place where the map says that they are.
    for position in range(start, end):
        if text[position].isascii() and text[position].isprintable():
            assert shown.text[slice(*shown.span(position, position + 1))] == text[position]
    # Neighbouring spans lie side by side, and overlap only when the border is inside one stand-in (CR LF, a flood).
    middle = (start + end) // 2
    if start < middle < end:
        assert shown.span(start, middle)[1] >= shown.span(middle, end)[0]
        assert shown.span(start, middle)[0] == first
        assert shown.span(middle, end)[1] == last


@relaxed
@given(hostile, st.integers(0, 200))
def test_a_cut_says_exactly_how_much_is_missing(text: str, limit: int) -> None:
    shown = visible_map(text * 4, limit=limit)
    assert 0 <= shown.hidden <= len(text) * 4
    first, last = shown.span(0, len(text) * 4 - shown.hidden)
    assert (first, shown.span(len(text) * 4, len(text) * 4 + 5)) == (0, (last, last))
    if shown.hidden and limit >= 100:
        sentence = shown.text[last:].removeprefix("\n… ")
        assert sentence.startswith(f"{shown.hidden} more character")
    if not shown.hidden:
        assert shown.text == visible(text * 4, limit=100_000)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, two\nlines\tand a tab", "plain text, two\nlines\tand a tab"),
        ("\x1b]52;c;aGk=\x07", "␛]52;c;aGk=␇"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x00\x7f\x9b\ud800", "␀␡��"),
        ("pay \u202eeerf", "pay <U+202E>eerf"),
        ("ze\u200bro", "ze<U+200B>ro"),
        ("tag\U000e0041", "tag<U+E0041>"),
        ("line\u2028end", "line<U+2028>end"),
        ("👩\u200d👧 می\u200cخواهم क\u094d\u200d ❤\ufe0f", "👩\u200d👧 می\u200cخواهم क\u094d\u200d ❤\ufe0f"),
        ("hid\u200dden", "hid<U+200D>den"),
        ("e" + "\u0301" * 500, "e" + "\u0301" * 4 + "<+496 marks>"),
        ("[INST] [/nope] [@click=app.quit]x", "[INST] [/nope] [@click=app.quit]x"),
        ("", ""),
    ],
)
def test_each_kind_has_its_stand_in(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_one_line_shows_its_line_breaks() -> None:
    assert visible("a\r\nb\tc\n", multiline=False) == "a␊b c␊"


def test_cut_text_says_what_is_missing() -> None:
    shown = visible("x" * 25_000)
    assert len(shown) <= 20_000
    kept = shown.count("x")
    assert shown.endswith(f"\n… {25_000 - kept:,} more characters are not shown.")
    assert visible("x" * 25_000, limit=5) == "xxxx…"
    assert visible("x" * 5, limit=5) == "xxxxx"


def test_a_highlight_lands_on_the_same_words() -> None:
    text = "mail \u202e\x1b bob@example.org\r\nnow"
    shown = visible_map(text)
    start = text.index("bob")
    assert shown.text[slice(*shown.span(start, start + 15))] == "bob@example.org"
    assert shown.text[slice(*shown.span(5, 7))] == "<U+202E>␛"
    assert shown.text[slice(*shown.span(len(text) - 3, len(text)))] == "now"


def test_first_line_is_one_short_line() -> None:
    assert first_line("\n\n  Why is it blue?  \nBecause\x1b") == "Why is it blue? …"
    assert first_line("Why\x1b?") == "Why␛?"
    assert first_line("one\r\n") == "one"
    assert first_line("") == first_line(" \n\t\n") == ""
    assert first_line("y" * 500, limit=20) == "y" * 19 + "…"
    assert len(first_line("y" * 19 + "\nmore", limit=20)) == 20


@relaxed
@given(hostile, st.integers(3, 60))
def test_first_line_fits_and_is_safe(text: str, limit: int) -> None:
    line = first_line(text * 3, limit)
    assert len(line) <= limit
    assert forbidden(line, multiline=False) == []


@relaxed
@given(hostile)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)


def test_spellings_of_the_same_content_are_one() -> None:
    same = "Caf\u00e9\n\n  indented"
    for spelling in (same, "Cafe\u0301  \r\n\t\r\n  indented\n\n", f" \n{same} "):
        assert normalise(spelling) == same
    assert normalise("a b") != normalise("a  b")
    assert normalise("Case") != normalise("case")


def test_text_that_is_already_normal_is_returned_as_it_is() -> None:
    for text in ("plain\ntext", "Caf\u00e9"):
        assert normalise(text) is text
        assert visible(text) is text


@pytest.mark.parametrize("piece", ["word ", "mot né\n", "a\x00b\u200b", "a\u0301\u0301"])
def test_a_long_text_is_shown_in_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    visible(text)
    assert time.process_time() - started < 10, "half a second; what grows with the square of it takes hours"


def test_numbers_for_people() -> None:
    assert [human_number(n) for n in (0, 950, 12_480, -3, 0.5, 99_999)] == [
        "0",
        "950",
        "12,480",
        "-3",
        "0.50",
        "99,999",
    ]
    assert [human_number(n) for n in (100_000, 999_499, 999_600, 1_254_000, 25_000_000)] == [
        "100 k",
        "999 k",
        "1.00 M",
        "1.25 M",
        "25.0 M",
    ]
    assert human_number(7_200_000_000_000) == "7,200 G"


def test_durations_for_people() -> None:
    seconds = (0, 0.44, 9.96, 59.4, 59.6, 185, 3_599.7, 8_040, 86_399, 442_800, -5)
    assert [human_duration(s) for s in seconds] == [
        "0.0 s",
        "0.4 s",
        "10 s",
        "59 s",
        "1 min 00 s",
        "3 min 05 s",
        "1 h 00 min",
        "2 h 14 min",
        "1 d 0 h",
        "5 d 3 h",
        "−5.0 s",
    ]


def test_moments_for_people() -> None:
    now = 1_800_000_000_000_000
    ago = {2: "just now", 12: "12 s ago", 300: "5 min ago", 7_300: "2 h ago", 200_000: "2 d ago", -65: "in 1 min"}
    assert {s: relative_time(now - s * 1_000_000, now) for s in ago} == ago
    assert relative_time(now - 40 * 86_400_000_000, now) == "2026-12-06"
