"""`unicode`: characters that hide, deceive or were damaged on the way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from flywheel_tui.stages.validate import hidden
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.stages.validate.lookalikes import mixed_words
from flywheel_tui.stages.validate.mojibake import damaged

_PLAIN = bytes(set(range(32, 127)) | {9, 10, 13})
_CONTROLS = re.compile(
    "\x1b(?:\\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\\]PX^_][^\x07\x1b\x9c]{0,2000}(?:\x07|\x1b\\\\|\x9c)?|[ -~])?"
    "|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]+"
)
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MARKS = re.compile("[\u200e\u200f\u061c]+")
_ZERO = re.compile("[\u200b-\u200d\u2060\ufeff\u180e]+")
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u2061-\u2065\u206a-\u206f\u3164\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a]+"
)
_SOFT = re.compile("\xad")
_LOST = re.compile("\ufffd+")
_PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]+")
_SEPARATORS = re.compile("[\u2028\u2029]+")
_NONE = re.compile("[\ufdd0-\ufdef\ufffe\uffff]+")
_STACKED = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{5,}")
_STYLED = re.compile("[\U0001d400-\U0001d7cb]{4,}")
_RTL = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# anything of the above, in one pass: nearly every text ends here
_ODD = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u0300-\u036f\u0483-\u0489\u061c\u115f\u1160\u17b4\u17b5\u180e\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u200b-\u200f\u2028-\u202e\u2060-\u206f\u20d0-\u20ff\u3164\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufeff\uffa0\ufff9-\uffff\U0001d173-\U0001d17a\U0001d400-\U0001d7cb\U000e0000-\U0010ffff]"
)
_JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u0fff\u1000-\u109f\u1780-\u18af\u200d\u231a-\u27bf\u2b05-\u2b55\ufe0f\U0001f000-\U0001faff\xa9\xae]"
)
_NO_BLANKS = re.compile("[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u4e00-\u9fff]")
_AT_MOST = 20

Said = tuple[str, int, int, str]


@check
class UnicodeCheck(Check):
    """Hidden text, terminal sequences and overrides are errors; what a person should look at is a warning."""

    name = "unicode"
    about = "hidden, bidirectional and control characters, damaged encodings, look-alike letters"
    options: ClassVar[dict[str, Any]] = {"nfc": True}

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        nfc = self.settings["nfc"]
        for row in rows:
            for field, text in row.texts():
                if text.isascii():
                    if text.encode().translate(None, _PLAIN):
                        for severity, start, end, message in _controls(text):
                            yield Found(row.id, severity, field, start, end, message)
                    continue
                for severity, start, end, message in _faults(text):
                    yield Found(row.id, severity, field, start, end, message)
                if nfc and not unicodedata.is_normalized("NFC", text):
                    yield Found(row.id, "info", field, None, None, "is not in Unicode's composed form (NFC)")


def _faults(text: str) -> Iterator[Said]:
    if _ODD.search(text):
        for kind in (_hiding, _controls, _directions, _zero_width, _plain_kinds):
            yield from kind(text)
    yield from _limited(damaged(text))
    yield from _limited(mixed_words(text))


def _limited(found: Iterable[Said]) -> Iterator[Said]:
    for count, one in enumerate(found):
        if count >= _AT_MOST:
            return
        yield one


def _each(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    for count, match in enumerate(pattern.finditer(text)):
        if count >= _AT_MOST:
            return
        yield match


def _hiding(text: str) -> Iterator[Said]:
    for start, end, spelt in hidden.tags(text)[:_AT_MOST]:
        what = f": {hidden.shown(spelt)}" if spelt.strip() else ""
        yield "error", start, end, f"text hidden in tag characters{what}"
    for start, end, spelt in hidden.selectors(text)[:_AT_MOST]:
        if end - start > 2:
            yield "error", start, end, f"text hidden in variation selectors: {hidden.shown(spelt)}"


def _controls(text: str) -> Iterator[Said]:
    for match in _each(_CONTROLS, text):
        start, end = match.span()
        first = match[0][0]
        if first == "\x1b":
            yield "error", start, end, f"a terminal sequence: {hidden.shown(match[0], 40)}"
        elif match[0].strip("\x0b\x0c\x85"):
            more = f" and {end - start - 1} more" if end - start > 1 else ""
            yield "error", start, end, f"control character U+{ord(first):04X}{more}"
        else:
            yield "info", start, end, f"an unusual line break, U+{ord(first):04X}"


def _directions(text: str) -> Iterator[Said]:
    right_to_left = _RTL.search(text) is not None
    open_at: int | None = None
    count = 0
    for match in _BIDI.finditer(text):
        character, start = match[0], match.start()
        count += 1
        if count > _AT_MOST:
            break
        if character in "\u202d\u202e":
            yield "error", start, start + 1, f"the direction of writing is overridden (U+{ord(character):04X})"
        elif not right_to_left:
            yield "warning", start, start + 1, f"a direction of writing is set (U+{ord(character):04X}) without need"
        open_at = None if character in "\u202c\u2069" else start
    if right_to_left and open_at is not None and count <= _AT_MOST:
        yield "warning", open_at, open_at + 1, "a direction of writing is set and never ended"
    if not right_to_left:
        for match in _each(_MARKS, text):
            yield "warning", *match.span(), f"an invisible direction mark (U+{ord(match[0][0]):04X})"


def _zero_width(text: str) -> Iterator[Said]:
    count = 0
    for match in _ZERO.finditer(text):
        start, end = match.span()
        if end - start == 1 and _belongs(text, start):
            continue
        count += 1
        if count > _AT_MOST:
            return
        if start == 0 and match[0] == "\ufeff":
            yield "warning", 0, 1, "a byte order mark at the start"
        else:
            yield "warning", start, end, f"an invisible character (U+{ord(match[0][0]):04X}) inside the text"


def _belongs(text: str, at: int) -> bool:
    """Whether a joiner joins, or a break opportunity stands in a script that is written without blanks."""
    character, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if character == "\u200d":
        return bool(_JOINING.match(before))
    if character == "\u200c":
        return bool(_JOINING.match(before) and before.isalpha()) or (
            bool(before) and unicodedata.category(before) == "Mc"
        )
    if character in "\u200b\u2060":
        return bool(_NO_BLANKS.match(before) or _NO_BLANKS.match(after))
    return False


_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], str]], ...] = (
    ("warning", _SOFT, lambda found: "a soft hyphen inside a word"),
    ("warning", _FILLERS, lambda found: f"an invisible character (U+{ord(found[0]):04X})"),
    ("warning", _LOST, lambda found: "characters were lost when the text was decoded (U+FFFD)"),
    ("warning", _NONE, lambda found: f"a code that is no character (U+{ord(found[0]):04X})"),
    ("warning", _STACKED, lambda found: f"{len(found)} marks stacked on one letter"),
    ("info", _PRIVATE, lambda found: f"a character for private use (U+{ord(found[0]):04X})"),
    ("info", _SEPARATORS, lambda found: f"an unusual line break, U+{ord(found[0]):04X}"),
    ("info", _STYLED, lambda found: "letters of mathematics used as text"),
)


def _plain_kinds(text: str) -> Iterator[Said]:
    for severity, pattern, message in _KINDS:
        for match in _each(pattern, text):
            yield severity, *match.span(), message(match[0])
