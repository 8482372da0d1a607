"""Text that was decoded in the wrong encoding: UTF-8 read as Windows-1252 or Latin-1 (`cafÃ©`, `itâ€™s`).

The places are found by the shape of UTF-8; whether such a place really is damage is ftfy's judgement, which knows
which sequences nobody writes on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_CP1252 = {
    byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0x100)
}  # the five undefined bytes stay what Latin-1 makes of them
_BYTE_OF = {character: byte for byte, character in _CP1252.items()} | {chr(byte): byte for byte in range(0x80, 0x100)}
_REST = "".join(sorted({c for c, byte in _BYTE_OF.items() if 0x80 <= byte < 0xC0}))
_PLACE = re.compile(
    f"(?:[\xc2-\xdf][{re.escape(_REST)}]|[\xe0-\xef][{re.escape(_REST)}]{{2}}|[\xf0-\xf4][{re.escape(_REST)}]{{3}})+"
)
_AROUND = 24


def damaged(text: str) -> Iterator[tuple[str, int, int, str]]:
    """`(severity, start, end, message)` of each damaged place."""
    for match in _PLACE.finditer(text):
        start, end = match.span()
        try:
            meant = bytes(map(_BYTE_OF.__getitem__, match[0])).decode("utf-8")
        except UnicodeDecodeError:
            continue
        if _is_bad(text[max(0, start - _AROUND) : end + _AROUND]) or _is_bad(match[0]):
            shown = meant if meant.isprintable() else ascii(meant)
            yield "warning", start, end, f"damaged encoding: {match[0]!r} was {shown[:40]!r}"


def _is_bad(text: str) -> bool:
    from ftfy.badness import is_bad

    return bool(is_bad(text))
