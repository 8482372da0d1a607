"""Telephone numbers: calling codes with the lengths of their national numbers, and the shapes people write them in."""

from __future__ import annotations

import re
from typing import Final

from flywheel_tui.stages.validate.checksums import digits_of

# ITU-T E.164 country codes; those with a well-known length of the national number have it, the others take any.
_LENGTHS: Final = {
    "1": (10, 10), "7": (10, 10), "20": (8, 10), "27": (9, 9), "30": (10, 10), "31": (9, 9), "32": (8, 9),
    "33": (9, 9), "34": (9, 9), "36": (8, 9), "39": (6, 11), "40": (9, 9), "41": (9, 9), "43": (4, 13), "44": (9, 10),
    "45": (8, 8), "46": (7, 10), "47": (5, 8), "48": (9, 9), "49": (5, 13), "51": (8, 9), "52": (10, 11),
    "54": (10, 11), "55": (10, 11), "56": (9, 9), "57": (8, 10), "60": (8, 10), "61": (9, 9), "62": (8, 12),
    "63": (8, 10), "64": (8, 10), "65": (8, 8), "66": (8, 9), "81": (9, 10), "82": (8, 11), "84": (9, 10),
    "86": (10, 11), "90": (10, 10), "91": (10, 10), "92": (9, 10), "351": (9, 9), "352": (5, 11), "353": (7, 10),
    "354": (7, 9), "357": (8, 8), "358": (5, 12), "359": (8, 9), "370": (8, 8), "371": (8, 8), "372": (7, 8),
    "380": (9, 9), "385": (8, 9), "386": (8, 8), "420": (9, 9), "421": (9, 9), "852": (8, 8), "886": (8, 9),
    "966": (8, 9), "971": (8, 9), "972": (8, 9),
}  # fmt: skip
_OTHER_CODES: Final = """
    53 58 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236
    237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264
    265 266 267 268 269 290 291 297 298 299 350 355 356 373 374 375 376 377 378 381 382 383 387 389 423 500 501
    502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679
    680 681 682 683 685 686 687 688 689 690 691 692 800 850 853 855 856 870 878 880 881 882 883 888 960 961 962
    963 964 965 967 968 970 973 974 975 976 977 979 992 993 994 995 996 998
"""

_ASSIGNED: Final = frozenset(_OTHER_CODES.split())

# Each is RE2 syntax; the first group, where there is one, is the number.
INTERNATIONAL: Final = r"\+[0-9]{1,4}(?:[ .\-/]{0,2}\(?[0-9]{1,5}\)?){2,6}(?: ?(?:x|ext\.?|Ext\.?) ?[0-9]{1,6})?"
NORTH_AMERICAN: Final = (
    r"(?:\b1[ .\-])?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .\-])[2-9][0-9]{2}[ .\-][0-9]{4}"
    r"(?: ?(?:x|ext\.?|Ext\.?) ?[0-9]{1,6})?\b"
)
TRUNK_ZERO: Final = r"\(?\b0[1-9][0-9]{0,4}\)?(?:[ .\-]| ?/ ?)[0-9]{2,8}(?:[ .\-][0-9]{2,6}){0,4}\b"
LABELLED: Final = (
    r"(?i)(?:\b(?:(?:tele)?phone|tel|mobile|cell(?:phone)?|call|fax|dial|text|sms|whats ?app|reach(?:ed)?|landline"
    r"|telefon\w*|handy\w*|mobil\w*|rufnummer|telefoon\w*|telefone|celular|cellulare|telefono|telefonnummer|numer)\b"
    r"|t[ée]l[ée]phone|tél|teléfono|móvil|телефон|電話|电话)"
    r"[^0-9+(]{0,32}(\+?\(?[0-9][0-9 ().\-/]{5,20}[0-9](?: ?x ?[0-9]{1,6})?)"
)
LABELLED_AFTER: Final = (
    r"(?i)((?:\+|\b|\()[0-9][0-9 ().\-/]{5,20}[0-9])[ \-(]{1,3}(?:tele)?(?:phone|tel|mobile|cell|fax|office)\b"
)
_DATE: Final = re.compile(
    r"(?:[0-3]?\d[./ -][01]?\d[./ -](?:19|20)\d\d|(?:19|20)\d\d[./ -][01]?\d[./ -][0-3]?\d)(?:\D|$)"
)


def calling_code(digits: str) -> str | None:
    """The country code that these digits begin with, None if there is none."""
    for length in (1, 2, 3):
        if digits[:length] in _LENGTHS or digits[:length] in _ASSIGNED:
            return digits[:length]
    return None


def international(text: str) -> bool:
    """Whether `+CC …` has a country code that exists and as many digits as that country uses."""
    number = re.split(r"(?i)x|ext", text, maxsplit=1)[0].replace("(0)", "")
    digits = digits_of(number)
    code = calling_code(digits)
    if code is None:
        return False
    low, high = _LENGTHS.get(code, (6, 12))
    return low <= len(digits) - len(code) <= high and len(digits) <= 15


def north_american(text: str) -> bool:
    """Area and exchange code begin with 2 to 9 (the pattern sees to it) and the number is not one figure repeated."""
    return len(set(digits_of(text))) > 1


def trunk_zero(text: str) -> bool:
    """A national number with its trunk 0: 9 to 12 digits in groups, no date, no counting sequence."""
    digits = digits_of(text)
    groups = re.findall(r"\d+", text)
    counting = len(groups) > 2 and groups == sorted(groups, key=int) and len(set(map(len, groups))) == 1
    return 9 <= len(digits) <= 12 and not _DATE.match(text) and not counting and len(set(digits)) > 2


def labelled(text: str) -> bool:
    """A number that is called one: 7 to 15 digits, in groups or at least nine of them, and no date."""
    number = text.split("x", 1)[0]
    digits = digits_of(number)
    grouped = re.search(r"\d[ ().\-/]+\d", number) is not None
    return 7 <= len(digits) <= 15 and (grouped or len(digits) >= 9) and not _DATE.match(number)
