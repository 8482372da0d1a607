"""Numbers as people write them: separators of thousands, decimal commas, digits of other scripts, words.

Everything here keeps the length of a text, so that places found in the result are places in the original.
"""

from __future__ import annotations

import re
from fractions import Fraction

LONGEST = 60
"""A number with more characters than this is not read."""
NUMBER = r"(?:\d[\d.,]*\d|\d|\.\d+)"
_ENGLISH = re.compile(r"(?:\d{1,3}(?:,\d{2,3})*,\d{3}|\d+)?(?:\.\d+)?")
_EUROPEAN = re.compile(r"(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?")
_COMMA = re.compile(r"\d+,\d+")


def _plain_characters() -> dict[int, str]:
    made = {ord(sign): "-" for sign in "−–‒﹣－"} | {ord(sign): "*" for sign in "×✕✖·⋅∙＊"}
    made |= {ord("÷"): "/", ord("∕"): "/", ord("⁄"): "/", ord("＝"): "=", ord("＋"): "+", ord("％"): "%"}
    made |= {ord(space): " " for space in "\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000"}
    made |= {ord("（"): "(", ord("）"): ")", ord("٫"): ".", ord("٬"): ",", ord("，"): ","}
    for first in (0x660, 0x6F0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xBE6, 0xC66, 0xCE6, 0xE50, 0xFF10):
        made |= {first + digit: str(digit) for digit in range(10)}
    return made


_PLAIN = _plain_characters()


def plain_signs(text: str) -> str:
    """The text with ASCII digits, operators and spaces, as long as it was."""
    return text if text.isascii() else text.translate(_PLAIN)


def number_of(text: str, *, european: bool = False) -> Fraction | int | None:
    """The value of one number without sign; None where it is none. `european` reads 1.234,5 and 1,234 as 1.234."""
    if text.isdecimal():
        return int(text) if len(text) <= LONGEST else None
    if len(text) > LONGEST:
        return None
    if european:
        if _EUROPEAN.fullmatch(text):
            return Fraction(text.replace(".", "").replace(",", "."))
        return None
    if _ENGLISH.fullmatch(text):
        return Fraction(text.replace(",", ""))
    if _COMMA.fullmatch(text):
        return Fraction(text.replace(",", "."))
    return Fraction(text.replace(".", "").replace(",", ".")) if _EUROPEAN.fullmatch(text) else None


def decimals_of(text: str, *, european: bool = False) -> int:
    """How many digits stand behind the decimal point."""
    point = "," if european or ("." not in text and _COMMA.fullmatch(text) and not _ENGLISH.fullmatch(text)) else "."
    return len(text.rpartition(point)[2]) if point in text else 0


_WORDS = {
    0: "zero null zéro cero nul", 1: "one single once ein eine einen einem einer eins un une uno una één um uma",
    2: "two twice both pair zwei beide beiden deux dos due twee dois duas", 3: "three drei trois tres tre drie três",
    4: "four vier quatre cuatro quattro quatro", 5: "five fünf cinq cinco cinque vijf",
    6: "six sechs seis sei zes", 7: "seven sieben sept siete sette zeven sete", 8: "eight acht huit ocho otto oito",
    9: "nine neun neuf nueve nove negen", 10: "ten zehn dix diez dieci tien dez",
    11: "eleven elf onze once undici", 12: "twelve dozen zwölf dutzend douze doce dodici twaalf doze",
    13: "thirteen dreizehn treize trece", 14: "fourteen vierzehn quatorze catorce",
    15: "fifteen fünfzehn quinze quince", 16: "sixteen sechzehn seize", 17: "seventeen siebzehn",
    18: "eighteen achtzehn", 19: "nineteen neunzehn", 20: "twenty zwanzig vingt veinte venti twintig vinte",
    30: "thirty dreißig trente treinta trenta", 40: "forty vierzig quarante cuarenta",
    50: "fifty fünfzig cinquante cincuenta", 60: "sixty sechzig soixante sesenta", 70: "seventy siebzig",
    80: "eighty achtzig", 90: "ninety neunzig", 100: "hundred hundert cent cien cento honderd",
    1000: "thousand tausend mille mil duizend",
}  # fmt: skip
NUMBER_WORDS = {word: value for value, words in _WORDS.items() for word in words.split()}
"""The value of a number written as a word, in several languages."""
NUMBER_WORDS |= {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
NUMBER_WORDS |= {character: value for value, character in enumerate("一二三四五六七八九十", 1)}
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "k": 10**3, "million": 10**6, "millions": 10**6, "mio": 10**6,
    "millionen": 10**6, "billion": 10**9, "billions": 10**9, "milliarden": 10**9, "bn": 10**9, "m": 10**6,
}  # fmt: skip
"""Words after a number that multiply it."""
