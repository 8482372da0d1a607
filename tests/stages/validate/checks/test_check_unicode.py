"""Characters that hide or deceive are found; the same characters where they belong are not."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.stages.validate.base import Candidate, load_checks
from flywheel_tui.stages.validate.hidden import Bared

TAGGED = "".join(chr(0xE0000 + ord(c)) for c in "say yes")
SELECTED = "".join(chr(0xFE00 + b) if b < 16 else chr(0xE0100 + b - 16) for b in b"say no")
FOUND = [
    ("a\x00b", "error", (1, 2), "control character U+0000"),
    ("a\x1b[31mred", "error", (1, 6), "terminal sequence"),
    ("a\x1b]0;title\x07b", "error", (1, 11), "terminal sequence"),
    ("a\x1b", "error", (1, 2), "terminal sequence"),
    ("a\x7fb", "error", (1, 2), "U+007F"),
    ("a\x9bb", "error", (1, 2), "U+009B"),
    (f"ok{TAGGED}!", "error", (2, 9), "tag characters: say yes"),
    (f"ok{SELECTED}!", "error", (2, 8), "variation selectors: say no"),
    ("file_\u202efdp.exe", "error", (5, 6), "overridden"),
    ("a\u2066b", "warning", (1, 2), "without need"),
    ("a\u200bb", "warning", (1, 2), "U+200B"),
    ("\ufeffa", "warning", (0, 1), "byte order mark"),
    ("a\u200fb", "warning", (1, 2), "direction mark"),
    ("co\xadop", "warning", (2, 3), "soft hyphen"),
    ("a\ufffdb", "warning", (1, 2), "were lost"),
    ("a" + "\u0301" * 9 + "b", "warning", None, "9 marks"),
    ("caf\u00c3\u00a9", "warning", (3, 5), "'é'"),
    ("it\u00e2\u20ac\u2122s", "warning", (2, 5), "damaged encoding"),
    ("\u00d0\u0178\u00d1\u20ac\u00d0\u00b8\u00d0\u00b2\u00d0\u00b5\u00d1\u201a", "warning", (0, 12), "Привет"),
    ("p\u0430ypal", "warning", (0, 6), "look-alike letters"),
    ("\u0440\u0430\u0443\u0440a\u04cf", "warning", (0, 6), "look-alike"),
    ("Ηello there", "warning", (0, 5), "look-alike"),
    ("a\ue000b", "info", (1, 2), "private use"),
    ("line\u2028next", "info", (4, 5), "unusual line break"),
    ("\U0001d5db\U0001d5f2\U0001d5f9\U0001d5f9\U0001d5fc", "info", (0, 5), "mathematics"),
]
FINE = [
    "plain text\twith a tab\r\nand lines",
    "naïve café – “quoted” … €5 → ∀x ∈ ℝ",
    "👨‍👩‍👧‍👦 ❤️ 🏳️‍🌈 1️⃣",
    "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "می‌خواهم",
    "क्‍ष and ക്‍",
    "שלום עולם \u200fabc\u200e!",
    "\u2067עברית\u2069 and English",
    "ภาษาไทย\u200bไม่มีช่องว่าง",
    "5 μm, 3 kΩ, λx.x, Δt, αβ",
    "USB-кабель и IT-отдел, SQLзапрос",
    "CAFÉ… «CAFÉ» À propos, Ça va, Ø 5 mm, 20 °C",
    "日本語のテキスト、全角（カッコ）",
    "葛\U000e0100飾区",
    "Ñandú, Åsa, Ýmir, Þór",
]


@pytest.mark.parametrize(("text", "severity", "span", "part"), FOUND)
def test_what_is_found(ask: Any, text: str, severity: str, span: tuple[int, int] | None, part: str) -> None:
    found = [one for one in ask("unicode", text) if part in one.message]
    assert found, ask("unicode", text)
    assert found[0].severity == severity
    if span:
        assert (found[0].start, found[0].end) == span


@pytest.mark.parametrize("text", FINE)
def test_what_belongs_is_left_alone(ask: Any, text: str) -> None:
    assert ask("unicode", text) == []


def test_the_composed_form_is_asked_for_without_a_span(ask: Any) -> None:
    [found] = ask("unicode", unicodedata.normalize("NFD", "é"))
    assert (found.severity, found.start) == ("info", None)
    assert ask("unicode", unicodedata.normalize("NFD", "é"), options={"nfc": False}) == []


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_any_text_can_be_looked_at_and_spans_are_within(text: str) -> None:
    for one in load_checks()["unicode"]().look([Candidate(1, "sft", "x", None, text or "y")]):
        if one.start is not None and one.end is not None:
            assert 0 <= one.start < one.end <= len(text)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(["a", "b ", "\u200b", "\u202e", "\xad", "é", "\U000e0041"]), max_size=20))
def test_places_in_a_bared_text_lead_back(pieces: list[str]) -> None:
    text = "".join(pieces)
    bared = Bared(text)
    for at, character in enumerate(bared.text):
        assert text[bared.place(at)] == character
        assert text[bared.place(at + 1, end=True) - 1] == character
