"""Putting SQL together from pieces that carry their own parameters, shallow enough for SQLite's parser.

The parser of many SQLite versions gives up ("parser stack overflow") where about 100 symbols are open at once, which
nested functions and CASEs reach soon. So a piece that would lie too deep is named in a WITH
in front, and the name is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flywheel_tui.expressions.nodes import Value

MAX_OPEN = 50
_TOKEN = re.compile(r"\w+|[^\s\w]")


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with its parameters, mostly a scalar expression (only these can be named in front).

    `open`: how many grammar symbols are open at its deepest place, at most.
    """

    text: str
    parameters: tuple[Value, ...] = ()
    open: int = 1
    scalar: bool = True


NULL = Sql("NULL")


def parameter(value: Value) -> Sql:
    """A literal."""
    return NULL if value is None else Sql("?", (int(value) if isinstance(value, bool) else value,))


class Stack:
    """An upper estimate of the symbols that SQLite's parser holds while it reads a text from left to right."""

    def __init__(self, text: str = "") -> None:
        self.now = 0
        self.deepest = 1
        self._opened: list[int] = []
        self.read(text)

    def read(self, text: str) -> None:
        for token in _TOKEN.findall(text):
            if token in (")", "END"):
                self.now = self._opened.pop() + 1 if self._opened else 1
                continue
            if token in ("(", "CASE"):
                self._opened.append(self.now)
            self.hold(1)

    def hold(self, symbols: int) -> None:
        """A part that needs so many while it is read, and is one symbol then."""
        self.deepest = max(self.deepest, self.now + symbols)
        self.now += 1


class Composer:
    """Joins pieces, and holds what it had to name in front."""

    def __init__(self) -> None:
        self._named: list[Sql] = []

    def finish(self, sql: Sql) -> tuple[str, list[object]]:
        """The whole as text and parameters, with what was named in front of it."""
        if not self._named:
            return sql.text, list(sql.parameters)
        tables = ", ".join(f"flt_{at}(v) AS (SELECT {named.text})" for at, named in enumerate(self._named))
        parameters: list[object] = [value for piece in (*self._named, sql) for value in piece.parameters]
        return f"(WITH {tables} SELECT {sql.text})", parameters

    def join(self, *parts: str | Sql, scalar: bool = True) -> Sql:
        """The parts in order as one piece; a part that would be nested too deep is named in front."""
        text: list[str] = []
        parameters: list[Value] = []
        stack = Stack()
        for part in parts:
            if isinstance(part, str):
                text.append(part)
                stack.read(part)
                continue
            inner = self._name(part) if part.scalar and part.open > 6 and stack.now + part.open > MAX_OPEN else part
            text.append(inner.text)
            parameters += inner.parameters
            stack.hold(inner.open)
        return Sql("".join(text), tuple(parameters), stack.deepest, scalar)

    def _name(self, sql: Sql) -> Sql:
        """A short name for a scalar piece. SQLite writes the piece out again wherever the name stands: use it once."""
        self._named.append(sql)
        return Sql(f"(SELECT v FROM flt_{len(self._named) - 1})", open=6)

    def fold(self, parts: Sequence[Sql], between: str) -> Sql:
        """The pieces with a word between them; with a comma it is no scalar."""
        first, *rest = parts
        for part in rest:
            first = self.join(first, between, part, scalar=between != ", ")
        return first

    def case(self, condition: Sql, then: Sql, otherwise: Sql | None = None) -> Sql:
        """`CASE WHEN condition THEN then [ELSE otherwise] END`."""
        end: tuple[str | Sql, ...] = (" ELSE ", otherwise, " END") if otherwise else (" END",)
        return self.join("CASE WHEN ", condition, " THEN ", then, *end)
