"""The syntax tree: frozen, and typed by the fields it names. `column` is 1-based, for messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flywheel_tui.expressions.fields import Field, Type

Value = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal. Numbers are finite; a whole number of up to 15 digits stays an int."""

    value: Value
    column: int


@dataclass(frozen=True, slots=True)
class Reference:
    """A field, with the constant subscripts after it."""

    field: Field
    path: tuple[str | int, ...]
    column: int


@dataclass(frozen=True, slots=True)
class Negate:
    """`-operand`."""

    operand: Node
    column: int


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left op right`, op one of + - * / %."""

    op: str
    left: Node
    right: Node
    column: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`, op one of == != < <= > >=; neither side is the constant None."""

    op: str
    left: Node
    right: Node
    column: int


@dataclass(frozen=True, slots=True)
class OneOf:
    """`operand in [constants]`."""

    operand: Node
    items: tuple[Constant, ...]
    negated: bool
    column: int


@dataclass(frozen=True, slots=True)
class Contains:
    """`item in container`: part of a text, member of a list, key of a map."""

    item: Node
    container: Node
    negated: bool
    column: int


@dataclass(frozen=True, slots=True)
class IsNone:
    """`operand is None`."""

    operand: Node
    negated: bool
    column: int


@dataclass(frozen=True, slots=True)
class Not:
    """`not operand`."""

    operand: Node
    column: int


@dataclass(frozen=True, slots=True)
class Logic:
    """`a and b and …`, or the same with or."""

    op: str
    operands: tuple[Node, ...]
    column: int


Node = Constant | Reference | Negate | Arithmetic | Compare | OneOf | Contains | IsNone | Not | Logic


def type_of(node: Node) -> Type:
    """The static type; ANY only for a subscript of a map that holds anything."""
    match node:
        case Constant(value):
            if value is None:
                return Type.NULL
            if isinstance(value, bool):
                return Type.BOOLEAN
            return Type.TEXT if isinstance(value, str) else Type.NUMBER
        case Reference(field, path):
            return (field.item or Type.NULL) if path else field.type
        case Negate() | Arithmetic():
            return Type.NUMBER
        case _:
            return Type.BOOLEAN


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below."""
    match node:
        case Constant() | Reference():
            return ()
        case Negate(operand) | Not(operand) | IsNone(operand):
            return (operand,)
        case OneOf(operand, items):
            return (operand, *items)
        case Contains(item, container):
            return (item, container)
        case Arithmetic(_, left, right) | Compare(_, left, right):
            return (left, right)
        case Logic(_, operands):
            return operands


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(reversed(children(current)))
