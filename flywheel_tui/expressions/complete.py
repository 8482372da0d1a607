"""What could stand at the cursor of a filter bar: fields, values, operators and words that fit there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from flywheel_tui.expressions.fields import FIELDS, Field, Type
from flywheel_tui.expressions.lexer import MAX_CHARACTERS, MAX_STRING

Values = Callable[[str], Sequence[str]]
MAX_VALUES = 200
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?P<open>['"](?:[^\\]|\\.)*\\?$)"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<number>[0-9][\w.]*)|(?P<operator><=|>=|==|!=|[^\s\w])""",
    re.DOTALL,
)
_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_AFTER_VALUE = {
    Type.NUMBER: ("==", "!=", ">=", "<=", ">", "<", "in", "not in", "is None", "is not None", "%"),
    Type.TEXT: ("==", "!=", "in", "not in", "is None", "is not None"),
    Type.BOOLEAN: ("and", "or", "==", "is None", "is not None"),
    Type.LIST: ("and", "or", "is None", "is not None"),
    Type.MAP: ("[", "is None", "is not None"),
    Type.ANY: ("==", "!=", ">=", "<=", ">", "<", "in", "not in", "is None", "is not None", "[", "and", "or"),
}
_UNQUOTED = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Put `text` in place of `source[start:end]`. `kind`: field, value, operator or word; `about`: a few words."""

    text: str
    start: int
    end: int
    kind: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int


def quote(text: str) -> str:
    """The text as a literal of the language. Raises ValueError for what no literal can say (see `lexer`)."""
    if len(text) > MAX_STRING or any((c < " " and c not in "\n\t\r") or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("no literal can hold this text: it is too long or has control characters")
    return "'" + "".join(_UNQUOTED.get(character, character) for character in text) + "'"


def complete(
    source: str,
    cursor: int,
    values: Values | None = None,
    fields: Mapping[str, Field] = FIELDS,
    limit: int = 30,
) -> list[Suggestion]:
    """What fits at the cursor, best first; nothing where nothing does.

    `values(reference)` gives the known values of a field ("label", "tags", "meta['lang']"), or the keys of a map
    ("meta", "scores"); it is asked at most a few times and should answer from memory.
    """
    cursor = max(0, min(cursor, len(source)))
    if len(source) > MAX_CHARACTERS:
        return []
    before = [_Token(match.lastgroup or "", match[0], match.start()) for match in _TOKEN.finditer(source[:cursor])]
    typed = ""
    if before and (before[-1].kind == "open" or (before[-1].kind == "name" and _ends_at(before[-1], cursor))):
        typed = before.pop().text
    elif before and before[-1].kind == "number" and _ends_at(before[-1], cursor):
        return []
    elif before and before[-1].text in ("=", "!"):
        return [Suggestion("==" if before[-1].text == "=" else "!=", before[-1].start, cursor, "operator")]
    end = _end(source, cursor, typed)
    asked = _Asked(before, values or (lambda reference: ()), fields)
    if asked.map_before_bracket() and source[end : end + 1] == "]":
        end += 1
    found = _ranked(asked.options(typed), typed)
    return [Suggestion(text, cursor - len(typed), end, kind, about) for text, kind, about in found[:limit]]


def _ends_at(token: _Token, cursor: int) -> bool:
    return token.start + len(token.text) == cursor


def _end(source: str, cursor: int, typed: str) -> int:
    """Behind the rest of the word, or the closing quote, that the cursor stands in front of."""
    if typed[:1] in ("'", '"') and typed:
        return cursor + (source[cursor : cursor + 1] == typed[0])
    rest = re.compile(r"\w*").match(source, cursor) if typed else None
    return rest.end() if rest else cursor


Option = tuple[str, str, str]


def _ranked(options: Iterable[Option], typed: str) -> list[Option]:
    """Those that start with what was typed, then those that hold it; each once."""
    wanted = typed.strip("'\"").lower()
    is_text = typed[:1] in ("'", '"') and bool(typed)
    starts: dict[str, Option] = {}
    holds: dict[str, Option] = {}
    for option in options:
        shown = option[0].strip("'\"[]").lower()
        if (is_text and option[0][:1] not in ("'", '"')) or option[0] == typed:
            continue
        if shown.startswith(wanted):
            starts.setdefault(option[0], option)
        elif wanted in shown:
            holds.setdefault(option[0], option)
    return [*starts.values(), *holds.values()]


class _Asked:
    """The tokens before the cursor, and what can follow them."""

    def __init__(self, before: list[_Token], values: Values, fields: Mapping[str, Field]) -> None:
        self._before, self._values, self._fields = before, values, fields
        self._texts = [token.text for token in before]

    def options(self, typed: str) -> Iterator[Option]:
        """All that fits, unfiltered."""
        last = self._texts[-1] if self._texts else ""
        key_of = self.map_before_bracket()
        if key_of:
            yield from ((f"{text}]", "value", f"key of {key_of}") for text in self._known(key_of))
        elif last == "is" or self._texts[-2:] == ["is", "not"]:
            yield from ((word, "word", "") for word in (("None", "not None") if last == "is" else ("None",)))
        elif last == "not" and self._ends_operand(len(self._before) - 1):
            yield ("in", "operator", "")
        elif self._ends_operand(len(self._before)):
            yield from self._operators()
        else:
            yield from self._operands(last, typed)

    # -- what was written ----------------------------------------------------------------------------------------------

    def map_before_bracket(self) -> str:
        """The map whose subscript has just been opened, if one has."""
        if len(self._before) < 2 or self._texts[-1] != "[" or self._before[-2].kind != "name":
            return ""
        name = self._texts[-2]
        return name if name in self._fields and self._fields[name].type is Type.MAP else ""

    def _ends_operand(self, count: int) -> bool:
        """Whether the first `count` tokens end with a value, so that an operator can follow."""
        if count == 0:
            return False
        token = self._before[count - 1]
        if token.kind == "name":
            return token.text not in ("and", "or", "not", "in", "is")
        return token.kind in ("text", "number") or token.text in (")", "]")

    def _clause(self) -> list[_Token]:
        """The tokens of the comparison under way: back to and, or, not, or the parenthesis that holds it."""
        depth = 0
        for at in range(len(self._before) - 1, -1, -1):
            text, is_list = self._texts[at], at > 0 and self._texts[at - 1] == "in"
            depth += (text in (")", "]")) - (text in ("(", "["))
            negation = text == "not" and self._texts[at + 1 : at + 2] != ["in"] and self._texts[at - 1 : at] != ["is"]
            if (depth < 0 and text == "(" and not is_list) or (depth == 0 and (text in ("and", "or") or negation)):
                return self._before[at + 1 :]
            depth = max(depth, 0)
        return self._before

    def _reference(self, tokens: Sequence[_Token]) -> tuple[str, Type]:
        """The field that the tokens start with, as written, and its type."""
        if not tokens or tokens[0].kind != "name" or tokens[0].text not in self._fields:
            kinds = {"text": Type.TEXT, "number": Type.NUMBER}
            return "", kinds.get(tokens[0].kind, Type.ANY) if tokens else Type.ANY
        field, name = self._fields[tokens[0].text], tokens[0].text
        if len(tokens) > 3 and tokens[1].text == "[" and field.item is not None:
            return f"{name}[{tokens[2].text}]", field.item
        return name, field.type

    # -- what can follow -----------------------------------------------------------------------------------------------

    def _operators(self) -> Iterator[Option]:
        clause = self._clause()
        words = {token.text for token in clause if token.kind != "text"}
        if words & (_COMPARISONS | {"in", "is"}):
            yield from ((word, "word", "") for word in ("and", "or"))
            return
        reference, kind = self._reference(clause)
        following = _AFTER_VALUE.get(kind, ()) if reference or kind is not Type.TEXT else ("in", "not in", "==", "!=")
        for word in following:
            yield (word, "word" if word in ("and", "or") else "operator", "")

    def _operands(self, last: str, typed: str) -> Iterator[Option]:
        clause = self._clause()
        reference, kind = self._reference(clause)
        words = [token.text for token in clause]
        if last == "in":
            yield from self._containers(clause)
            return
        compares = last in _COMPARISONS or "in" in words
        if compares and reference:
            yield from ((text, "value", "") for text in self._known(reference))
            if kind is Type.BOOLEAN:
                yield from ((word, "word", "") for word in ("true", "false"))
        if "in" in words:
            return
        if not compares and typed[:1] in ("'", '"') and typed:
            yield from self._member_tests()
        for field in self._fields.values():
            if not compares or not reference or field.type in (kind, Type.MAP) or kind is Type.ANY:
                yield (field.name, "field", field.about)
        if not compares and last not in ("+", "-", "*", "/", "%"):
            yield ("not", "word", "")

    def _containers(self, clause: Sequence[_Token]) -> Iterator[Option]:
        """What can follow `in`: a list after a field, something that holds texts after a text."""
        if clause[0].kind == "text":
            for field in self._fields.values():
                if field.type in (Type.LIST, Type.TEXT, Type.MAP):
                    yield (field.name, "field", field.about)
            return
        yield ("[", "operator", "a list of values")
        for field in self._fields.values():
            if field.type in (Type.LIST, Type.MAP):
                yield (field.name, "field", field.about)

    def _member_tests(self) -> Iterator[Option]:
        for field in self._fields.values():
            if field.type is Type.LIST:
                yield from ((f"{text} in {field.name}", "value", "") for text in self._known(field.name))

    def _known(self, reference: str) -> Iterator[str]:
        """The known values as literals; those that no literal can say are left out."""
        for value in self._values(reference)[:MAX_VALUES]:
            try:
                yield quote(value)
            except ValueError:
                continue
