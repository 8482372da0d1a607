"""The final answer of a text, and whether two answers are the same whatever they are written like.

An answer is announced by `#### 42`, `\\boxed{42}`, `<answer>42</answer>` or words like "the answer is" in several
languages; where nothing announces it, it is the last number. Answers compare as exact numbers where they are numbers
(separators, currency, percent, fractions, units, LaTeX), and else as words.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import NamedTuple

from flywheel_tui.answers.arithmetic import NoArithmetic, Value, distance, evaluate
from flywheel_tui.answers.numerals import NUMBER, NUMBER_WORDS, SCALES, decimals_of, number_of, plain_signs

LARGEST = 50_000
_LONGEST = 200
_SAID = re.compile(
    r"\b(?:final answer|correct answer|answer|result|(?:richtige |endgültige )?antwort|ergebnis|lösung"
    r"|réponse(?: finale)?|résultat"
    r"|respuesta(?: final| correcta)?|resultado|risposta(?: finale)?|risultato|resposta(?: final)?|antwoord"
    r"|odpowiedź|wynik|ответ|cevap|svar(?:et)?|jawaban)"
    r"(?: (?:is|therefore|thus|ist|lautet|est|es|è|é|to|är|adalah|on)\b ?:?| ?[:：])"
    r"|(?:答案是?|答えは|答え|答|정답은|정답|답은|답|الجواب هو|الجواب|الإجابة هي|الإجابة|उत्तर(?: है)?)[ ]?[:：]?",
    re.IGNORECASE,
)
_ANNOUNCING = (
    "answer", "result", "antwo", "ergebnis", "lösung", "réponse", "résultat", "respuesta", "risposta", "risultato",
    "resposta", "odpowied", "wynik", "ответ", "cevap", "svar", "jawaban", "答", "답", "الجواب", "الإجابة", "उत्तर",
)  # fmt: skip
"""Parts of the words above: a text without any of them needs no closer look."""
_BARE = re.compile(r"(?:^|\n)[ \t]*A ?:")
_LATEX = (
    (re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox|operatorname)\s*\{([^{}]{0,200})\}"), r"\1"),
    (re.compile(r"\\[dt]?frac\s*\{([^{}]{1,60})\}\s*\{([^{}]{1,60})\}"), r"(\1)/(\2)"),
    (re.compile(r"\\[dt]?frac(\d)(\d)"), r"\1/\2"), (re.compile(r"\\(?:times|cdot)(?![a-z])"), "*"),
    (re.compile(r"\\(?:left|right|[,;:! ])"), ""), (re.compile(r"\\([%$#&])"), r"\1"),
    (re.compile(r"\^\s*(?:\{\s*)?\\circ\s*\}?"), "°"),
)  # fmt: skip
_NUMBER = re.compile(rf"(?<![\w.])-?{NUMBER}")
_SPACED = re.compile(r"(?<![\d.,])\d{1,3}(?: \d{3}){1,6}(?!\d)")
_LEADING = re.compile(r"(?:[a-zA-Z]\s*=\s*)?(?:[A-Z]{3}\s+(?=\d))?")
_UNIT = re.compile(
    r"\s*(?:per\s?cent|[^\W\d_]{1,24}(?:[²³23]|\^\d)?\.?|[°'\"]\s?[CF]?)(?:\s*/\s*[^\W\d_]{1,12}|(?:\s+[^\W\d_]{1,24}){1,4})?$"
)
_CURRENCY = str.maketrans("", "", "$€£¥₹¢")


class Final(NamedTuple):
    """A final answer and its place. `how`: hashes, boxed, tag, words, number (the last one of the text)."""

    text: str
    start: int
    end: int
    how: str

    @property
    def announced(self) -> bool:
        """Whether the text says that this is the answer."""
        return self.how != "number"


def find_final(text: str) -> Final | None:
    """The final answer of a text; None where it has not even a number. Looks at the last LARGEST characters."""
    return announced_final(text) or last_number(text)


def announced_final(text: str) -> Final | None:
    """The answer that a text says is one."""
    offset = max(0, len(text) - LARGEST)
    found = _announced(text[offset:] if offset else text)
    if found is None or not offset:
        return found
    return found._replace(start=found.start + offset, end=found.end + offset)


def last_number(text: str) -> Final | None:
    """The last number of a text."""
    offset = max(0, len(text) - LARGEST)
    last = _last(_NUMBER, plain_signs(text[offset:]))
    if last is None:
        return None
    start, end = last.start() + offset, last.end() + offset
    return Final(text[start:end], start, end, "number")


def _announced(text: str) -> Final | None:
    if (at := text.rfind("####")) >= 0:
        return _line(text, at + 4, "hashes")
    if (at := text.rfind("boxed{")) >= 0 and (end := _closing(text, at + 5)) is not None:
        return Final(text[at + 6 : end].strip(), at + 6, end, "boxed")
    if (at := text.rfind("<answer>")) >= 0:
        end = text.find("</answer>", at)
        stop = end if end >= 0 else len(text)
        return Final(text[at + 8 : stop].strip(), at + 8, stop, "tag")
    lowered = text.lower()
    last = _last(_SAID, text) if any(map(lowered.__contains__, _ANNOUNCING)) else None
    if last is None and ("A:" in text or "A :" in text):
        last = _last(_BARE, text)
    found = _line(text, last.end(), "words") if last is not None else None
    return found if found is not None and found.text else None


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = None
    for match in pattern.finditer(text):
        found = match
    return found


def _line(text: str, at: int, how: str) -> Final:
    """What stands behind a marker, to the end of its line; behind words, of its sentence."""
    end = text.find("\n", at)
    if how == "words" and not text[at : end if end >= 0 else len(text)].strip(" *:"):
        at = len(text) - len(text[end:].lstrip()) if end >= 0 else len(text)  # "Answer:" on a line of its own
        end = text.find("\n", at)
    end = min(len(text) if end < 0 else end, at + _LONGEST)
    said = text[at:end]
    if how == "words":
        stop = re.search(r"[.!?。！？](?:\s|\"|\*|$)|[。！？;；]", said)
        said = said[: stop.start()] if stop else said
    inner = said.strip(" \t*_:\"'“”`")
    start = at + (said.find(inner) if inner else 0)
    return Final(inner, start, start + len(inner), how)


def _closing(text: str, at: int) -> int | None:
    depth = 0
    for index in range(at, min(len(text), at + 2_000)):
        depth += (text[index] == "{") - (text[index] == "}")
        if depth == 0:
            return index
    return None


def value_of(text: str) -> Value | None:
    """The number that an answer is, with currency and unit taken off; None where it is not one number. 5 % is 1/20."""
    plain = text.strip()
    if plain.isdecimal() and plain.isascii():
        return int(plain) if len(plain) <= 60 else None
    if len(plain) > _LONGEST:
        return None
    plain = plain_signs(_without_latex(plain)).translate(_CURRENCY).strip(" .,*`\"'")
    plain = plain[_LEADING.match(plain).end() :].strip()  # type: ignore[union-attr]
    if (value := _exact(plain)) is not None:
        return value
    if (unit := _UNIT.search(plain)) is not None and unit.start() > 0:
        word = unit[0].strip().lower()
        value = _exact(plain[: unit.start()])
        if value is None:
            return None
        if word in ("percent", "per cent", "prozent", "procent"):
            return Fraction(value) / 100
        return value * SCALES[word] if word in SCALES and len(word) > 1 else value
    return NUMBER_WORDS.get(plain.lower())


def _exact(text: str) -> Value | None:
    mixed = re.fullmatch(r"(\d{1,9}) (\d{1,9}/\d{1,9})", text)
    try:
        if mixed is not None:
            return int(mixed[1]) + evaluate(mixed[2])
        if re.fullmatch(r"\d{1,3}(?: \d{3})+", text):
            text = text.replace(" ", "")
        return evaluate(text) if text and text[0] in "0123456789.-+(" else None
    except NoArithmetic:
        return None


def _without_latex(text: str) -> str:
    if "\\" in text:
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return text.replace("{", "").replace("}", "") if "{" in text else text


def plain_words(text: str) -> str:
    """An answer as words compare: without case, marks and more than single spaces."""
    folded = unicodedata.normalize("NFKC", _without_latex(text[-LARGEST:])).casefold()
    return " ".join(re.findall(r"\w+", folded))


def same_answer(one: str, other: str) -> bool:
    """Whether two answers are the same."""
    if one == other:
        return True
    first, second = value_of(one), value_of(other)
    if first is not None and second is not None:
        return same_number(first, second) or _rounded(one, other, first, second)
    return plain_words(one) == plain_words(other)


def same_number(first: Value, second: Value) -> bool:
    """Whether two numbers are the same, also where one counts in percent."""
    return first == second or first == second * 100 or second == first * 100


def _rounded(one: str, other: str, first: Value, second: Value) -> bool:
    """Whether one is the other with fewer digits behind the point, at least two."""
    digits = [
        decimals_of(match[0].lstrip("-")) if (match := _NUMBER.search(plain_signs(text))) else 0
        for text in (one, other)
    ]
    if first.denominator == 1 or second.denominator == 1:
        return False
    known = [
        count for count, value in zip(digits, (first, second), strict=True) if count >= 2 or value.denominator == 1
    ]
    return bool(known) and distance(first, second) <= Fraction(1, 2 * 10 ** min(known))


def clash(one: str, other: str) -> bool:
    """Whether two answers cannot both be right: different numbers, or words that do not hold each other."""
    if same_answer(one, other):
        return False
    first, second = value_of(one), value_of(other)
    if first is not None and second is not None:
        return True
    if first is not None or second is not None:
        value, text = (first, other) if first is not None else (second, one)
        numbers = numbers_in(text)
        return bool(numbers) and not any(same_number(number, value) for number in numbers if value is not None)
    left, right = plain_words(one), plain_words(other)
    return not (f" {left} " in f" {right} " or f" {right} " in f" {left} ") and max(len(left), len(right)) <= 40


def numbers_in(text: str) -> list[Value]:
    """The numbers of a text, with those of its fractions, percentages and number words."""
    plain = plain_signs(_without_latex(text[-LARGEST:]))
    found: list[Value] = [int(match[0].replace(" ", "")) for match in _SPACED.finditer(plain)] if " " in plain else []
    for match in _NUMBER.finditer(plain):
        sign = -1 if match[0][0] == "-" else 1
        digits = match[0].lstrip("-")
        for european in (False, True) if "," in digits or "." in digits else (False,):
            value = number_of(digits, european=european)
            if value is not None:
                found += [sign * value, value] if sign < 0 else [value]
        if plain[match.end() : match.end() + 1] == "/" and (below := _NUMBER.match(plain, match.end() + 1)):
            try:
                found.append(evaluate(f"{digits}/{below[0]}"))
            except NoArithmetic:
                continue
    return found


def _stands_in(answer: str, text: str) -> bool:
    """Whether the answer stands in the text as it is, not as a part of another word or number."""
    at = text.find(answer)
    if at < 0 or not answer:
        return False
    before, after = text[at - 1 : at] if at else "", text[at + len(answer) : at + len(answer) + 2]
    inside = after[:1].isalnum() or (after[:1] in (".", ",") and after[1:].isdigit())
    return not (before.isalnum() or before in (".", ",", "-", "−", "/") or inside)


def mentions(text: str, answer: str) -> bool:
    """Whether a text says an answer somewhere."""
    if _stands_in(answer, text):
        return True
    wanted = value_of(answer)
    words = f" {plain_words(text)} "
    if wanted is None:
        return f" {plain_words(answer)} " in words
    if any(same_number(number, wanted) for number in numbers_in(text)):
        return True
    return any(NUMBER_WORDS.get(word) == wanted for word in words.split())
