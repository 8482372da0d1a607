"""Plain arithmetic done exactly, by a parser of its own: text from a data set is never evaluated by Python.

Numbers, + - * / ^, brackets, percent, and a number in front of a bracket. Everything is bounded: length, depth,
exponents and the size of results.
"""

from __future__ import annotations

import re
from fractions import Fraction

from flywheel_tui.answers.numerals import NUMBER, number_of

Value = Fraction | int
LONGEST = 400
_DEEPEST = 40
_BITS = 8_192
_SIMPLE = re.compile(r"\s*(\d{1,15})\s*([-+*/])\s*(\d{1,15})\s*")
_TOKEN = re.compile(rf"\s*(?:({NUMBER})|(\*\*|[-+*/^()%]))")
_PLAIN_DECIMAL = re.compile(r"\d{1,12}\.\d{1,12}")


class NoArithmetic(ValueError):
    """The text is not plain arithmetic, or it is too large."""


def evaluate(text: str, *, european: bool = False, relative: bool = False) -> Value:
    """The exact value of an expression. Raises NoArithmetic.

    `european` reads numbers with a decimal comma; `relative` reads `200 - 10%` as 10 % of the 200.
    """
    if text.isdecimal() and len(text) < 16:
        return int(text)
    if match := _SIMPLE.fullmatch(text):
        one, sign, other = int(match[1]), match[2], int(match[3])
        if sign == "+":
            return one + other
        if sign == "-":
            return one - other
        if sign == "*":
            return one * other
        if other == 0:
            raise NoArithmetic("division by zero")
        return one // other if one % other == 0 else Fraction(one, other)
    if len(text) > LONGEST:
        raise NoArithmetic("it is too long")
    if not european and _PLAIN_DECIMAL.fullmatch(text):
        return _decimal(text)
    parser = _Parser(_tokens(text, european), relative)
    value = parser.sum(0)
    if parser.at != len(parser.tokens):
        raise NoArithmetic("something is left over")
    return value


def _decimal(text: str) -> Value:
    """The value of digits around one point: quicker than asking Fraction to read them."""
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    return Fraction(int(whole + part), 10 ** len(part)) if part else int(whole)


def reading(text: str) -> Value:
    """The value of digits with at most one point among them; the caller has seen to it that they are no more."""
    return int(text) if text.isdecimal() else _decimal(text)


def _tokens(text: str, european: bool) -> list[Value | str]:
    found: list[Value | str] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise NoArithmetic("it holds something else than arithmetic")
        at = match.end()
        if match[1] is not None:
            digits = match[1]
            if digits.isdecimal() and len(digits) < 16:
                found.append(int(digits))
                continue
            plain = not european and _PLAIN_DECIMAL.fullmatch(digits)
            number = _decimal(digits) if plain else number_of(digits, european=european)
            if number is None:
                raise NoArithmetic("it holds a number that cannot be read")
            found.append(number)
        else:
            found.append("^" if match[2] == "**" else match[2])
    return found


class _Parser:
    def __init__(self, tokens: list[Value | str], relative: bool) -> None:
        self.tokens, self.relative, self.at = tokens, relative, 0
        self.bare_percent = False

    def next(self) -> Value | str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def sum(self, depth: int) -> Value:
        if depth > _DEEPEST:
            raise NoArithmetic("it is nested too deeply")
        value = self.product(depth)
        while (sign := self.next()) == "+" or sign == "-":
            self.at += 1
            other = self.product(depth)
            if self.relative and self.bare_percent:
                other *= value
            value = _small(value + other if sign == "+" else value - other)
        return value

    def product(self, depth: int) -> Value:
        value = self.power(depth)
        while (sign := self.next()) == "*" or sign == "/" or sign == "(":
            if sign != "(":
                self.at += 1
            other = self.power(depth)
            self.bare_percent = False
            if sign == "/":
                if other == 0:
                    raise NoArithmetic("division by zero")
                whole = type(value) is int and type(other) is int and value % other == 0
                value = value // other if whole else _small(Fraction(value) / other)
            else:
                value = _small(value * other)
        return value

    def power(self, depth: int) -> Value:
        negative = False
        while (sign := self.next()) == "-" or sign == "+":
            self.at += 1
            negative ^= sign == "-"
            depth += 1
            if depth > _DEEPEST:
                raise NoArithmetic("it has too many signs")
        value = self.atom(depth)
        if self.next() == "^":
            self.at += 1
            value = _raised(value, self.power(depth + 1))
        return -value if negative else value

    def atom(self, depth: int) -> Value:
        token = self.next()
        self.at += 1
        if token == "(":
            value = self.sum(depth + 1)
            if self.next() != ")":
                raise NoArithmetic("a bracket is not closed")
            self.at += 1
        elif token is None or isinstance(token, str):
            raise NoArithmetic("a number is missing")
        else:
            value = token
        self.bare_percent = False
        if self.next() == "%":
            self.at += 1
            self.bare_percent = True
            return Fraction(value) / 100
        return value


def _small(value: Value) -> Value:
    if value.numerator.bit_length() > _BITS or value.denominator.bit_length() > _BITS:
        raise NoArithmetic("the result is too large")
    return value


def _raised(value: Value, exponent: Value) -> Value:
    """A power, where the result is small: its size is known before it is worked out."""
    if exponent.denominator != 1 or abs(exponent.numerator) > 1_000:
        raise NoArithmetic("the exponent is no small whole number")
    power = int(exponent)
    if value == 0 and power < 0:
        raise NoArithmetic("division by zero")
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if bits * abs(power) > _BITS:
        raise NoArithmetic("the result is too large")
    return _small(Fraction(value) ** power)


def distance(one: Value, other: Value) -> Fraction:
    """How far two values are apart."""
    apart = Fraction(one) - Fraction(other)
    return apart if apart.numerator >= 0 else -apart


def written(value: Value) -> str:
    """A value as people write it: whole, or with up to six digits."""
    if value.denominator == 1:
        return str(value.numerator) if value.numerator.bit_length() < 256 else "a number of many digits"
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "a very large number"
