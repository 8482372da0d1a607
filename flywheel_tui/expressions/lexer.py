"""Text to tokens. What is refused here is refused with the column and what to write instead."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions.nodes import Value

MAX_CHARACTERS = 1_000
MAX_TOKENS = 200
MAX_STRING = 400
MAX_DIGITS = 15

_SPACE = re.compile(r"[ \t\r\n]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:[eE][+-]?[0-9]{1,3})?(?![\w.])")
_OPERATOR = re.compile(r"<=|>=|==|!=|[-+*/%<>()\[\],]")
_ESCAPES = {"\\": "\\", "'": "'", '"': '"', "n": "\n", "t": "\t", "r": "\r"}
_INSTEAD = {
    "=": "compare with '=='",
    "!": "write 'not' (or '!=' to compare)",
    "&": "write 'and'",
    "|": "write 'or'",
    ".": "there are no attributes; a subscript looks like meta['key']",
    "`": "texts stand in ' or \"",
    "{": "there are no sets or maps; a list looks like ['a', 'b']",
    ":": "there are no slices",
    "“": "texts stand in straight quotes: ' or \"",
    "”": "texts stand in straight quotes: ' or \"",
    "‘": "texts stand in straight quotes: ' or \"",
    "’": "texts stand in straight quotes: ' or \"",
}
_TWICE = {"**": "there are no powers", "//": "divide with '/'", "<>": "write '!='", "<<": "", ">>": ""}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: name, number, text, operator or end. `column` is 1-based, `end` the 0-based offset behind it."""

    kind: str
    text: str
    value: Value
    column: int
    end: int


def tokenize(source: str) -> list[Token]:
    """All tokens, an `end` token last. Raises ExpressionError."""
    if len(source) > MAX_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {MAX_CHARACTERS} characters", MAX_CHARACTERS + 1)
    tokens: list[Token] = []
    at = 0
    while True:
        if space := _SPACE.match(source, at):
            at = space.end()
        if at >= len(source):
            tokens.append(Token("end", "", None, at + 1, at))
            return tokens
        if len(tokens) == MAX_TOKENS:
            raise ExpressionError(f"the expression has more than {MAX_TOKENS} words and signs", at + 1)
        token = _next(source, at)
        tokens.append(token)
        at = token.end


def _next(source: str, at: int) -> Token:
    column = at + 1
    character = source[at]
    if character in "'\"":
        return _text(source, at)
    if name := _NAME.match(source, at):
        if source[name.end() : name.end() + 1] in ("'", '"'):
            raise ExpressionError(f"prefixed texts like {name[0]}'…' are not part of the language", column)
        return Token("name", name[0], None, column, name.end())
    if "0" <= character <= "9":
        return _number(source, at)
    two = source[at : at + 2]
    if two in _TWICE:
        raise ExpressionError(f"unexpected {two!r}" + (f": {_TWICE[two]}" if _TWICE[two] else ""), column)
    if operator := _OPERATOR.match(source, at):
        return Token("operator", operator[0], None, column, operator.end())
    hint = _INSTEAD.get(character)
    shown = repr(character) if character.isprintable() else f"character U+{ord(character):04X}"
    raise ExpressionError(f"unexpected {shown}" + (f": {hint}" if hint else ""), column)


def _number(source: str, at: int) -> Token:
    match = _NUMBER.match(source, at)
    if match is None:
        raise ExpressionError("not a number that is understood here (write 7, 7.5 or 1e-3)", at + 1)
    whole, fraction = match[1], match[2]
    if len(whole) > MAX_DIGITS or len(fraction or "") > MAX_DIGITS:
        raise ExpressionError(f"a number has at most {MAX_DIGITS} digits", at + 1)
    value: Value = int(whole) if match[0] == whole else float(match[0])
    if isinstance(value, float) and not math.isfinite(value):
        raise ExpressionError("the number is too large", at + 1)
    return Token("number", match[0], value, at + 1, match.end())


def _text(source: str, start: int) -> Token:
    quote = source[start]
    parts: list[str] = []
    at = start + 1
    while at < len(source):
        character = source[at]
        if character == quote:
            if len(parts) > MAX_STRING:
                raise ExpressionError(f"a text has at most {MAX_STRING} characters", start + 1)
            return Token("text", source[start : at + 1], "".join(parts), start + 1, at + 1)
        if character == "\\":
            at += 1
            escape = source[at : at + 1]
            if escape not in _ESCAPES or not escape:
                raise ExpressionError("only \\\\ \\' \\\" \\n \\t \\r can follow a backslash", at)
            character = _ESCAPES[escape]
        elif character < " " and character != "\t":
            raise ExpressionError(f"character U+{ord(character):04X} cannot stand in a text", at + 1)
        elif "\ud800" <= character <= "\udfff":
            raise ExpressionError("half a surrogate pair cannot stand in a text", at + 1)
        parts.append(character)
        at += 1
    raise ExpressionError(f"the text that starts here is not closed with {quote}", start + 1)
