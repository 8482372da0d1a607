"""What will never match, and why: type clashes are null, so a person must be told where one hides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flywheel_tui.expressions.fields import Type
from flywheel_tui.expressions.nodes import (
    Arithmetic,
    Compare,
    Constant,
    Contains,
    Negate,
    Node,
    OneOf,
    Reference,
    type_of,
    walk,
)


@dataclass(frozen=True, slots=True)
class ExpressionWarning:
    """A part of an expression that is always None. `column` is 1-based."""

    message: str
    column: int

    def __str__(self) -> str:
        return f"{self.message} at column {self.column}"


def warnings_of(root: Node) -> tuple[ExpressionWarning, ...]:
    """All warnings, in reading order."""
    found = [warning for node in walk(root) for warning in _of(node)]
    if not any(isinstance(node, Reference) for node in walk(root)):
        found.append(ExpressionWarning("this is the same for every pair: it names no field", 1))
    return tuple(sorted(found, key=lambda warning: warning.column))


def _of(node: Node) -> Iterator[ExpressionWarning]:
    match node:
        case Compare(op, left, right, column):
            message = _compared(op, left, right)
            if message:
                yield ExpressionWarning(message, column)
        case Negate(operand, column):
            yield from _arithmetic("-", column, operand)
        case Arithmetic(op, left, right, column):
            yield from _arithmetic(op, column, left, right)
        case OneOf(operand, items):
            yield from _one_of(operand, items)
        case Contains(item, container, _, column):
            message = _contained(item, container)
            if message:
                yield ExpressionWarning(message, column)
        case _:
            return


def _name(node: Node) -> str:
    """How a message calls the node."""
    match node:
        case Constant(value):
            return repr(value)
        case Reference(field, path):
            return field.name + "".join(f"[{key!r}]" for key in path)
        case _:
            return "this"


def _is(node: Node) -> str:
    return f"{_name(node)} is {type_of(node).value}"


def clash(left: Type, right: Type) -> bool:
    """Whether a comparison of the two types is null whatever the values are."""
    if Type.NULL in (left, right) or not {left, right}.isdisjoint({Type.LIST, Type.MAP}):
        return True
    if Type.ANY in (left, right):
        return False
    return left.numeric != right.numeric


def _compared(op: str, left: Node, right: Node) -> str:
    types = type_of(left), type_of(right)
    if not clash(*types):
        return ""
    if Type.NULL in types:
        return f"nothing is {op} None; write 'is None'"
    for side, other in ((left, right), (right, left)):
        if type_of(side) is Type.LIST:
            return f"{_is(side)}: write {_name(other)} in {_name(side)}"
        if type_of(side) is Type.MAP:
            return f"{_is(side)}: write {_name(side)}['key']"
    return f"{_is(left)} and {_is(right)}: they never compare"


def _arithmetic(op: str, column: int, *operands: Node) -> Iterator[ExpressionWarning]:
    for operand in operands:
        if not (type_of(operand).numeric or type_of(operand) is Type.ANY):
            yield ExpressionWarning(f"{_is(operand)}: {op!r} works on numbers only", column)


def _one_of(operand: Node, items: tuple[Constant, ...]) -> Iterator[ExpressionWarning]:
    for item in items:
        if not clash(type_of(operand), type_of(item)):
            continue
        if type_of(operand) is Type.LIST:
            yield ExpressionWarning(f"{_is(operand)}: write {_name(item)} in {_name(operand)} or …", item.column)
            return
        yield ExpressionWarning(f"{_is(operand)} and {_is(item)}: they never compare", item.column)


def _contained(item: Node, container: Node) -> str:
    inside, outside = type_of(item), type_of(container)
    if outside.numeric or outside is Type.NULL:
        return f"{_is(container)}: nothing can be in it"
    if outside is not Type.ANY and inside not in (Type.TEXT, Type.ANY):
        return f"{_is(item)}: only text can be in {_name(container)}"
    if inside in (Type.LIST, Type.MAP, Type.NULL):
        return f"{_is(item)}: only a text or a number can be in {_name(container)}"
    return ""
