"""Calculations that stand in a text, done again: `18 × 24 = 432`, chains, `<<48/2=24>>`, simple LaTeX.

Only what is plain arithmetic on both sides of an equals sign is judged. Where words, units or letters stand in the
way, where the text rounds, or where another usual reading makes it right, nothing is said: a false alarm costs a
reviewer more than a fault that a person finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from typing import NamedTuple

from flywheel_tui.answers.arithmetic import NoArithmetic, Value, distance, evaluate, reading
from flywheel_tui.answers.numerals import NUMBER, SCALES, decimals_of, plain_signs
from flywheel_tui.stages.aids.words import JOINS, SPOILS

LARGEST = 50_000
MOST = 500
_REACH = 160
_CURRENCY = str.maketrans("", "", "$€£¥₹")
_ARITHMETIC = "0123456789.,+-*/^()%$€£¥₹ \t"
_OPERATOR = re.compile(r"[\d)%]\s*[-+*/^]\s*[-$€£¥₹]?[\d.(]|\d\(|\)\(")
_CALCULATOR = re.compile(r"<<([^<>=\n]{1,200})=([^<>=\n]{1,60})>>")
_QUICK_LEFT = re.compile(r"\s+(\d{1,12}(?:\.\d{1,6})?) ?([-+*/]) ?(\d{1,12}(?:\.\d{1,6})?)\s*")
_QUICK_RIGHT = re.compile(r"\s*(\d{1,12}(?:\.\d{1,6})?)[.,]?\s*")
_TIMES = re.compile(r"(?<=[\d)%])( ?)[xX](?= ?[$€£]?[\d(.])")
_LATEX = (
    (re.compile(r"\\[dt]?frac\{([\d.,]+)\}\{([\d.,]+)\}"), r"(\1/\2)"), (re.compile(r"\\(?:times|cdot)(?![a-z])"), "*"),
    (re.compile(r"\\div(?![a-z])"), "/"), (re.compile(r"\\(?:left|right)(?=[()])"), ""),
    (re.compile(r"\\[,;:! ]"), " "), (re.compile(r"\\([%$])"), r"\1"),
)  # fmt: skip
_HUNDREDTHS = ("cent", "penn", "pence", "¢", "céntimo", "percent", "prozent", "pour cent", "por ciento")
_GOES_ON = frozenset("0123456789.,+-*/^()%")
_NESTED = re.compile(r"/\s*(\d+)\s*/\s*(\d+)")
_NUMBER = re.compile(NUMBER)
_SPACED = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")


class Equation(NamedTuple):
    """A calculation of a text: where it stands, whether it holds, what it gives and what the text says.

    `verdict`: "right", "rounded" (a whole number stands for a fraction nearby) or "wrong".
    """

    start: int
    end: int
    verdict: str
    value: Value
    said: Value


def equations(text: str) -> list[Equation]:
    """The calculations of a text that can be judged, in their order; at most MOST of the first LARGEST characters."""
    if "=" not in text and "＝" not in text:
        return []
    plain = plain_signs(text[:LARGEST])
    if "\\" in plain:
        plain = _without_latex(plain)
    if "x" in plain or "X" in plain:
        plain = _TIMES.sub(r"\1*", plain)
    found: list[Equation] = []
    known: set[int] = set()
    if "<<" in plain:
        for match in _CALCULATOR.finditer(plain):
            expression, answer = match.groups()
            if (made := _judged(expression, answer, match.start(), match.end())) is not None:
                found.append(made)
                if (sign := _same_again(plain, match, expression, answer)) is not None:
                    known.add(sign)
        plain = _CALCULATOR.sub(_blank, plain)
    for made in _in_text(plain, known):
        if made.verdict != "wrong" or not any(one.verdict == "wrong" and _touch(one, made) for one in found):
            found.append(made)
        if len(found) >= MOST:
            break
    found.sort(key=lambda one: one.start)
    return found


def _touch(one: Equation, other: Equation) -> bool:
    return one.start <= other.end and other.start <= one.end


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _same_again(text: str, match: re.Match[str], expression: str, answer: str) -> int | None:
    """The equals sign in front of a calculator, where the text around says the same as the calculator does."""
    start, end = match.span()
    if not text.startswith(answer, end) or text[end + len(answer) : end + len(answer) + 1] in _GOES_ON:
        return None
    before = text[max(0, start - 2 * len(expression) - 8) : start].rstrip(" $€£")
    if before[-1:] != "=":
        return None
    packed = before[:-1].replace(" ", "")
    if not packed.endswith(expression) or packed[: -len(expression)][-1:] in _GOES_ON:
        return None
    return text.rfind("=", 0, start)


def _without_latex(text: str) -> str:
    for pattern, plain in _LATEX:
        text = pattern.sub(partial(_padded, plain), text)
    return text


def _padded(plain: str, match: re.Match[str]) -> str:
    return match.expand(plain).rjust(len(match[0]))


def _in_text(text: str, known: set[int]) -> Iterator[Equation]:
    at = text.find("=")
    while at >= 0:
        after = text.find("=", at + 1)
        if at in known:
            at = after
            continue
        if after == at + 1 or text[at - 1 : at] in ("<", ">", "!", ":", "=", "~") or text[at + 1 : at + 2] == ">":
            at = after
            continue
        left, right = text[max(0, at - _REACH) : at], text[at + 1 : at + 1 + _REACH]
        core = left.rstrip(_ARITHMETIC)
        rest = right.lstrip(_ARITHMETIC)
        run, said = left[len(core) :], right[: len(right) - len(rest)]
        if (one := _QUICK_LEFT.fullmatch(run)) and (two := _QUICK_RIGHT.fullmatch(said)):
            value, result = _quickly(one[1], one[2], one[3]), reading(two[1])
            if value == result:
                yield Equation(at - len(run) + one.start(1), at + 1 + two.end(1), "right", result, result)
                at = after
                continue
        if (core or at < _REACH) and (_OPERATOR.search(run) or _OPERATOR.search(said)):
            made = _sides(run, core, said, rest, at)
            if made is not None:
                yield made
        at = after


def _quickly(one: str, sign: str, other: str) -> Value | None:
    first, second = reading(one), reading(other)
    if sign == "+":
        return first + second
    if sign == "-":
        return first - second
    if sign == "*":
        return first * second
    return Fraction(first) / second if second else None


def _sides(run: str, core: str, said: str, rest: str, at: int) -> Equation | None:
    """The equation around the sign at `at`: cut each side to the expression that it can be."""
    cut = _sentence(run)
    before = "" if cut else core[-1:]
    whole, run = run, run[cut:]
    expression = run.strip()
    depth = 0
    for index in range(len(expression) - 1, -1, -1):
        depth += (expression[index] == ")") - (expression[index] == "(")
        if depth < 0:
            expression, before = expression[index + 1 :].strip(), ""
            break
    if depth > 0:
        expression = expression[expression.rfind(")", 0, expression.find("(") + 1) + 1 :]
        expression = (
            expression.partition(")")[2].strip() if expression.count(")") > expression.count("(") else expression
        )
    if not expression or (before and not _starts_fresh(expression, before, run)):
        return None
    if expression[0] in "-*+" and expression[1:2] == " ":
        if before not in ("", "\n"):
            return None
        expression = expression[1:].strip()
    answer, loose = _answer(said, rest)
    if not answer:
        return None
    start = at - len(run) + run.rfind(expression) if expression in run else at - len(run)
    stop = at + 1 + said.find(answer) + len(answer)
    made = _judged(expression, answer, start, stop, rest)
    if made is None or made.verdict == "right":
        return made
    if loose or _unclear(expression, whole[:cut], core):
        return None
    if rest[:1] == "=" and _running_total(answer, made.value):
        return made._replace(verdict="right")
    return made


def _sentence(run: str) -> int:
    """Where the last part of a run starts, behind a comma or a full stop that ends something."""
    cut = 0
    for mark in (", ", ". "):
        at = run.rfind(mark)
        if at == 0 or (at > 0 and run[at - 1] not in " \t"):
            cut = max(cut, at + 1)
    return cut


def _unclear(expression: str, before: str, core: str) -> bool:
    """Whether what stands in front may belong to the expression, or makes it something else than arithmetic."""
    if re.search(r"(?<![\d.,])0\d", expression) is not None:
        return True  # times of day, telephone numbers
    if before:
        # `14, 400 / 80`
        return before[-1] == "," and before[-2:-1].isdigit() and re.match(r"\d{3}(?!\d)", expression) is not None
    core = core[-40:]
    word = re.search(r"([^\W\d_]+)[ \t]*$", core)
    if word is None:
        return False
    lowered = word[1].lower()
    if lowered in SPOILS:
        return True
    if _NUMBER.fullmatch(expression.translate(_CURRENCY)) is not None:
        return lowered not in JOINS
    bare = re.fullmatch(r"\d{1,3}/\d{1,3}", expression) is not None
    return bare and lowered in ("and", "und", "et", "y") and core[: word.start()].rstrip()[-1:].isdigit()


def _starts_fresh(expression: str, before: str, run: str) -> bool:
    """Whether the expression is whole: nothing in front of it belongs to it."""
    if run[:1].isspace():
        return expression[0] not in "*/^%+" and not (expression[0] == "-" and expression[1:2] == " " and before != "\n")
    return not (before.isalnum() or before in "_^\\²³½¼¾√π°'’])}|!/:&#")


def _answer(said: str, rest: str) -> tuple[str, bool]:
    """The right side, and whether it may go on in a way that cannot be read."""
    ends = [at for mark in (", ", ". ") if (at := said.find(mark)) >= 0]
    whole = not ends
    if ends:
        said = said[: min(ends)]
    depth = 0
    for index, character in enumerate(said):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            said, whole = said[:index], False
            break
    loose = depth > 0
    if loose:
        said = said[: said.rfind("(")]
    answer = said.strip().rstrip(".,")
    while answer and answer[-1] in "+-*/^":
        answer, loose = answer[:-1].rstrip(), True
    if whole and rest[:1] and not said[-1:].isspace():
        letter = rest[0].isalpha() and not rest[1:2].isalpha()
        loose = loose or rest[0] in "^_²³!:{[\\√π½¼¾" or (letter and rest[0] not in "ghlms")
    return answer, loose


def _running_total(answer: str, value: Value) -> bool:
    """Whether `5 + 3 = 8 + 2 = 10` is meant: the value, and on with it."""
    first = _NUMBER.match(answer.translate(_CURRENCY).strip())
    try:
        return first is not None and evaluate(first[0]) == value
    except NoArithmetic:
        return False


def _judged(expression: str, answer: str, start: int, end: int, rest: str = "") -> Equation | None:
    if " " in expression or " " in answer:
        expression, answer = _SPACED.sub("", expression), _SPACED.sub("", answer)
    left = expression if expression.isalnum() else expression.translate(_CURRENCY)
    right = answer if answer.isdecimal() else answer.translate(_CURRENCY)
    try:
        value, said = evaluate(left), evaluate(right)
    except NoArithmetic:
        if "," not in left + right and "." not in left + right:
            return None
        try:
            value, said = evaluate(left, european=True), evaluate(right, european=True)
        except NoArithmetic:
            return None
    verdict = _verdict(value, said, right, european=False)
    if verdict != "right" and _otherwise(left, right, said, value, answer, rest):
        verdict = "right"
    return Equation(start, end, verdict, value, said)


def _verdict(value: Value, said: Value, right: str, *, european: bool) -> str:
    if value == said:
        return "right"
    number = right.strip().lstrip("+-").strip("()")
    if _NUMBER.fullmatch(number.rstrip("% ")) is None:
        return "wrong"
    decimals = decimals_of(number.rstrip("% "), european=european)
    unit = Fraction(1, 10**decimals) / (100 if number.endswith("%") else 1)
    away = distance(value, said)
    if away <= unit / 2 or (decimals and away < unit):
        return "right" if decimals or value.denominator != 1 else "wrong"
    return "rounded" if away < unit and value.denominator != 1 else "wrong"


def _otherwise(left: str, right: str, said: Value, value: Value, answer: str, rest: str) -> bool:
    """Whether another usual reading makes it right."""
    if ("%" in left) != ("%" in right) and not re.search(
        r"\d(?![\d.,]*\s*%)(?![\d.,])", right if "%" in right else left
    ):
        return True  # so many percent of something that is not said
    if _hundredths(answer, rest) and (value == said * 100 or value * 100 == said):
        return True
    if (grouped := _NESTED.sub(r"/(\1/\2)", left)) != left and _gives(grouped, right, said):
        return True
    if "%" in right and _verdict(value, said * 100, right.replace("%", ""), european=False) == "right":
        return True
    if "%" in left and (_gives(left, right, said, relative=True) or _gives(left.replace("%", ""), right, said)):
        return True
    word = re.match(r"[^\W\d_]+", rest)
    if word is not None and (scale := SCALES.get(word[0].lower())) and value == said * scale:
        return True
    if "," in left + right or "." in left + right:
        try:
            other, meant = evaluate(left, european=True), evaluate(right, european=True)
        except NoArithmetic:
            return False
        return _verdict(other, meant, right, european=True) == "right"
    return False


def _gives(expression: str, right: str, said: Value, *, relative: bool = False) -> bool:
    try:
        return _verdict(evaluate(expression, relative=relative), said, right, european=False) == "right"
    except NoArithmetic:
        return False


def _hundredths(answer: str, rest: str) -> bool:
    """Whether the right side may count cents where the left counts the whole, or the other way round."""
    return answer != answer.translate(_CURRENCY) or rest.lower().startswith(_HUNDREDTHS)
