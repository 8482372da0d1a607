"""Text as people and terminals may see it, and text as content hashes see it.

A terminal obeys what it is sent: an escape sequence inside a model's answer can set the clipboard, the title, or
repaint another part of the screen. Everything that came from a model, a file or a person goes through `visible` before
it is shown. Nothing is dropped silently: what cannot be shown as it is gets a visible stand-in.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from re import Pattern
from re import compile as compile_pattern
from re import escape as escape_pattern
from typing import NamedTuple

MAX_MARKS = 4
"""Combining marks in a row that are shown as they are. Living scripts stay below; "zalgo" floods do not."""

_JOINERS = "\u200c\u200d"
_BIDI = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE = (
    "\u00ad\u115f-\u1160\u180e\u200b\u2028-\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f"
)


def _members(ranges: str) -> Iterator[int]:
    """Code points of a character class such as `a-f` (first and last included)."""
    position = 0
    while position < len(ranges):
        first = last = ord(ranges[position])
        if ranges[position + 1 : position + 2] == "-":
            last = ord(ranges[position + 2])
            position += 2
        yield from range(first, last + 1)
        position += 1


def _stand_ins() -> dict[int, str]:
    table = {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}
    table[0x7F] = "\u2421"
    for code in (*range(0x80, 0xA0), *range(0xD800, 0xE000)):
        table[code] = "\ufffd"
    for code in _members(_BIDI + _INVISIBLE):
        table[code] = f"<U+{code:04X}>"
    return table


_MULTILINE = _stand_ins()
_SINGLE_LINE = _MULTILINE | {ord("\n"): "\u240a", ord("\t"): " "}
_SPECIAL = {True: frozenset(map(chr, _MULTILINE)), False: frozenset(map(chr, _SINGLE_LINE))}
# A joiner means something only between letters or pictures that join. Stand-ins count as not joining, so that showing
# a text twice changes nothing.
_NOT_JOINING = _SPECIAL[False] | frozenset(map(chr, range(0x80))) | frozenset(map(chr, range(0x2400, 0x2427)))
_NOT_JOINING |= frozenset(_JOINERS + "\ufffd")

_ROOM_FOR_SENTENCE = 100


class _Piece(NamedTuple):
    """A stretch of the original that is shown by something else."""

    start: int
    end: int
    shown_start: int
    shown: str
    whole: bool
    """The stand-in belongs to the stretch as a whole (a pair CR LF, a flood of marks), not to its characters."""


@dataclass(frozen=True, slots=True)
class VisibleText:
    """A text that is safe to show, with the way from positions in the original to positions in it."""

    text: str
    original_length: int
    hidden: int = 0
    """Characters at the end of the original that are not shown."""
    _table: dict[int, str] = field(default_factory=dict, repr=False)
    _source: str = field(default="", repr=False)
    _pieces: tuple[_Piece, ...] = field(default=(), repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where the characters `start` to `end` (exclusive) of the original are in `text`.

        What is shown by a stand-in is covered whole. Positions beyond the shown part come back as its end, so a span
        that is wholly hidden comes back empty.
        """
        first = self._shown_position(start, at_end=False)
        return (first, first) if end <= start else (first, self._shown_position(end, at_end=True))

    def _shown_position(self, position: int, *, at_end: bool) -> int:
        position = min(max(position, 0), self.original_length - self.hidden)
        index = bisect_right(self._pieces, position, key=lambda piece: piece.start) - 1
        if index < 0:
            return position
        piece = self._pieces[index]
        if position >= piece.end:
            return piece.shown_start + len(piece.shown) + position - piece.end
        if position == piece.start:
            return piece.shown_start
        if piece.whole:
            return piece.shown_start + (len(piece.shown) if at_end else 0)
        return piece.shown_start + len(self._source[piece.start : position].translate(self._table))

    def _fitting(self, room: int) -> int:
        """How many characters of the original are shown within the first `room` characters of `text`."""
        index = bisect_right(self._pieces, room, key=lambda piece: piece.shown_start) - 1
        if index < 0:
            return room
        piece = self._pieces[index]
        over = room - piece.shown_start - len(piece.shown)
        if over >= 0:
            return piece.end + over
        if piece.whole:
            return piece.start
        position, width = piece.start, 0
        while position < piece.end:
            width += len(self._table.get(ord(self._source[position]), " "))
            if width > room - piece.shown_start:
                break
            position += 1
        return position


def visible(text: str, *, multiline: bool = True, limit: int = 20_000) -> str:
    """`text` as it may be sent to a terminal: at most `limit` characters, none of which can act or hide.

    Control characters become their pictures (␛, ␀, ␡), C1 controls and lone surrogates U+FFFD, bidirectional controls,
    zero-width and tag characters `<U+202E>`; more than four combining marks in a row are counted instead of drawn.
    CR LF becomes LF. Joiners stay where they join (emoji, Persian, Indic scripts). A text that is cut says how many
    characters are missing. With `multiline=False` line breaks are shown as ␊ and tabs as a space.
    Applying it twice changes nothing, and the result can always be encoded as UTF-8.
    """
    return visible_map(text, multiline=multiline, limit=limit).text


def visible_map(text: str, *, multiline: bool = True, limit: int = 20_000) -> VisibleText:
    """`visible`, with a way to move spans of the original (a highlighted finding) into what is shown."""
    note = "\n… {:,} more character{} not shown." if multiline else " … {:,} more character{} not shown."
    return _cut(text, multiline, limit, note if limit >= _ROOM_FOR_SENTENCE else "…")


def first_line(text: str, limit: int = 200) -> str:
    """The first line of `text` that is not blank, for a table cell; `…` at the end tells that there is more."""
    head = text[: 10 * limit + 200].lstrip()
    line, newline, rest = head.partition("\n")
    more = bool(newline and rest.strip()) or len(text) > 10 * limit + 200
    shown = _cut(line.rstrip(), False, limit, "…").text
    if not more or shown.endswith("…"):
        return shown
    return f"{shown} …" if len(shown) + 2 <= limit else _cut(shown + "……", False, limit, "…").text


def _cut(text: str, multiline: bool, limit: int, note: str) -> VisibleText:
    """Show `text` within `limit` characters, the note about the rest included."""
    whole = _render(text[:limit], multiline)
    if len(text) <= limit and len(whole.text) <= limit:
        return whole
    longest_note = note.format(len(text), "s are")
    room = max(limit - len(longest_note), 0)
    fitting = whole._fitting(min(room, len(whole.text)))
    hidden = len(text) - fitting
    shown = whole.text[: whole._shown_position(fitting, at_end=True)]
    remark = note.format(hidden, " is" if hidden == 1 else "s are")[:limit]
    kept = tuple(piece for piece in whole._pieces if piece.start < fitting)
    return VisibleText(shown + remark, len(text), hidden, whole._table, whole._source, kept)


def _render(source: str, multiline: bool) -> VisibleText:
    if source.isascii():
        plain = source.replace("\n", "").replace("\t", "") if multiline else source
        if plain.isprintable():
            return VisibleText(source, len(source))
    present = set(source)
    special = present & _SPECIAL[multiline]
    marks = {c for c in present if c > "\u02ff" and (c in _JOINERS or unicodedata.category(c) in ("Mn", "Me"))}
    marks -= special
    if not special and not marks:
        return VisibleText(source, len(source))
    table = _MULTILINE if multiline else _SINGLE_LINE
    chunks: list[str] = []
    pieces: list[_Piece] = []
    done = shown_length = 0
    for start, end, stand_in, as_whole in _replacements(
        source, "".join(sorted(special)), "".join(sorted(marks)), table
    ):
        chunks += (source[done:start], stand_in)
        shown_length += start - done
        pieces.append(_Piece(start, end, shown_length, stand_in, as_whole))
        shown_length += len(stand_in)
        done = end
    chunks.append(source[done:])
    return VisibleText("".join(chunks), len(source), 0, table, source, tuple(pieces))


def _replacements(source: str, special: str, marks: str, table: dict[int, str]) -> Iterator[tuple[int, int, str, bool]]:
    line_break = table.get(ord("\n"), "\n")
    for match in _special_or_marks(special, marks).finditer(source):
        start, end = match.span()
        if match.lastgroup != "marks":
            if match.lastgroup == "pair":
                yield start, end, line_break, True
            else:
                yield start, end, match.group().translate(table), False
            continue
        for position in range(start, min(end, start + MAX_MARKS)):
            if source[position] in _JOINERS and (position == 0 or source[position - 1] in _NOT_JOINING):
                yield position, position + 1, f"<U+{ord(source[position]):04X}>", True
        if end - start > MAX_MARKS:
            excess = end - start - MAX_MARKS
            yield start + MAX_MARKS, end, f"<+{excess} mark{'s' if excess > 1 else ''}>", True


@lru_cache(maxsize=256)
def _special_or_marks(special: str, marks: str) -> Pattern[str]:
    """A pattern over the characters a text really contains: classes of a few characters are searched ten times faster
    than those of all of Unicode."""
    branches = []
    if "\r" in special:
        branches += ["(?P<pair>\r\n)", "(?P<return>\r)"]
    if rest := escape_pattern(special.replace("\r", "")):
        # Short stretches between special characters join their match: a text full of them costs no more than others.
        branches.append(f"(?P<special>[{rest}](?:[^{rest}\r{escape_pattern(marks)}]{{0,16}}[{rest}])*)")
    joiners = "".join(c for c in marks if c in _JOINERS)
    if marks:
        flood = f"[{escape_pattern(marks)}]{{{MAX_MARKS + 1},}}"
        plain_marks = escape_pattern(marks.replace(_JOINERS[0], "").replace(_JOINERS[1], ""))
        before = f"[{plain_marks}]*" if plain_marks else ""
        with_joiner = f"{before}[{joiners}][{escape_pattern(marks)}]*|" if joiners else ""
        branches.append(f"(?P<marks>{with_joiner}{flood})")
    return compile_pattern("|".join(branches))


_BLANK = " \t\r\v\f"


def normalise(text: str) -> str:
    """The form whose hash tells whether two texts have the same content.

    Unicode NFC, LF line ends, no white space at the ends of lines and at both ends of the text. Applying it twice
    changes nothing. Lone surrogates pass: refuse them before hashing.
    """
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if "\n" in text and (" \n" in text or "\r\n" in text or "\t\n" in text or "\v\n" in text or "\f\n" in text):
        text = "\n".join([line.rstrip(_BLANK) for line in text.split("\n")])
    return text.strip(_BLANK + "\n")


def counted(count: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: `1 row`, `1,200 rows`; `nouns` is a plural that is not formed with an s."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def human_number(value: float) -> str:
    """A count for people: 950, 12,480, 1.25 M. Exact below 100,000, three digits above."""
    if abs(value) < 100_000:
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    for divisor, unit in ((1_000, "k"), (1_000_000, "M"), (1_000_000_000, "G")):
        scaled = value / divisor
        if abs(scaled) < 999.5 or unit == "G":
            digits = 2 if abs(scaled) < 9.995 else 1 if abs(scaled) < 99.95 else 0
            return f"{scaled:,.{digits}f} {unit}"
    raise AssertionError("unreachable: the last unit takes every value")


def human_duration(seconds: float) -> str:
    """A length of time in its two largest units: 0.4 s, 12 s, 3 min 05 s, 2 h 14 min, 5 d 3 h."""
    if seconds < 0:
        return f"−{human_duration(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h"


def relative_time(microseconds: int, now: int) -> str:
    """How long ago a moment is; both are microseconds since 1970 (UTC). A date when it is more than 30 days away."""
    seconds = (now - microseconds) / 1_000_000
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    if distance >= 30 * 86_400:
        return datetime.fromtimestamp(microseconds / 1_000_000, UTC).strftime("%Y-%m-%d")
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        if distance >= length:
            return f"{int(distance // length)} {unit} ago" if seconds > 0 else f"in {int(distance // length)} {unit}"
    raise AssertionError("unreachable: distances below one second are just now")
