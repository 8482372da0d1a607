"""Characters that hide something: which they are, what they hide, and the text without them."""

from __future__ import annotations

import re
from bisect import bisect_right
from itertools import accumulate

from flywheel_tui.text import visible

TAGS = re.compile("[\U000e0000-\U000e007f]+")
SELECTORS = re.compile("(?:[\ufe00-\ufe0f\U000e0100-\U000e01ef]){2,}")
_FLAG = "\U0001f3f4"
_ENDS_FLAG = "\U000e007f"
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff9-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e01ef]+"
)
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HAS_WIDE = re.compile("[\uff21-\uff3a\uff41-\uff5a]{3}")


def tags(text: str) -> list[tuple[int, int, str]]:
    """`(start, end, what they spell)` of runs of tag characters that are no flag."""
    found = []
    for match in TAGS.finditer(text):
        start, end = match.span()
        if start and text[start - 1] == _FLAG and match[0].endswith(_ENDS_FLAG) and end - start <= 8:
            continue
        spelt = "".join(chr(ord(c) - 0xE0000) for c in match[0] if 0xE0020 <= ord(c) < 0xE007F)
        found.append((start, end, spelt))
    return found


def selectors(text: str) -> list[tuple[int, int, str]]:
    """`(start, end, what they spell)` of runs of variation selectors: where somebody hides text, each is a byte."""
    found = []
    for match in SELECTORS.finditer(text):
        codes = [ord(c) for c in match[0]]
        data = bytes(code - 0xFE00 if code < 0x10000 else code - 0xE0100 + 16 for code in codes)
        found.append((*match.span(), data.decode("utf-8", "replace")))
    return found


def messages(text: str) -> list[tuple[int, int, str]]:
    """`(start, end, hidden text)` of everything that spells something."""
    if text.isascii():
        return []
    return [(start, end, spelt) for start, end, spelt in (*tags(text), *selectors(text)) if spelt.strip()]


class Bared:
    """A text without its invisible characters and with wide letters made plain, and the way back to its positions."""

    def __init__(self, text: str) -> None:
        self.original = text
        self._starts: list[int] = []
        self._removed: list[int] = []
        if text.isascii():
            self.text = text
            return
        pieces: list[str] = []
        at = 0
        for match in _INVISIBLE.finditer(text):
            pieces.append(text[at : match.start()])
            at = match.end()
            self._removed.append(at - match.start())
        pieces.append(text[at:])
        self._starts = list(accumulate(map(len, pieces[:-1])))
        self._removed = list(accumulate(self._removed))
        self.text = "".join(pieces)
        if _HAS_WIDE.search(self.text):
            self.text = self.text.translate(_WIDE)

    @property
    def changed(self) -> bool:
        """Whether anything was taken away or made plain."""
        return self.text is not self.original and self.text != self.original

    def place(self, position: int, *, end: bool = False) -> int:
        """Where a position of the bared text is in the original; an `end` excludes what was removed right there."""
        index = bisect_right(self._starts, position - 1 if end else position) - 1
        return position + (self._removed[index] if index >= 0 else 0)


def shown(text: str, limit: int = 60) -> str:
    """A hidden text as a message may quote it."""
    return visible(text, multiline=False, limit=limit)
