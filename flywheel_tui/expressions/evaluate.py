"""The syntax tree to Python closures over a row. `store/expression_sql.py` must mean the same, to the last null.

- Values are numbers, texts or null; true and false are 1 and 0; a number that is not finite is null.
- A comparison, containment or arithmetic with null, or of types that do not go together, is null.
- Arithmetic is IEEE double; division by zero is null, and so is a result that has overflowed once it is used.
- `%` drops the fractions of both sides first; the sign is the left side's.
- and, or, not are three-valued; a number is true unless 0, a text unless empty, a list or map unless empty.
- Lists and maps are never null: an absent one is empty, and `is None` asks just that.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flywheel_tui.expressions.fields import Row, Type
from flywheel_tui.expressions.nodes import (
    Arithmetic,
    Compare,
    Constant,
    Contains,
    IsNone,
    Logic,
    Negate,
    Node,
    Not,
    OneOf,
    Reference,
    type_of,
)

Scalar = int | float | str | None
Truth = bool | None
_INT_MIN, _INT_MAX = -(2**63), 2**63 - 1
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def number(value: object) -> int | float | None:
    """A finite number as SQLite holds it (beyond 64 bits: a double), else null."""
    if isinstance(value, int):
        if _INT_MIN <= value <= _INT_MAX:
            return int(value)
        try:
            return float(value)
        except OverflowError:
            return None
    if isinstance(value, float) and value - value == 0.0:
        return value
    return None


def truncated(text: str) -> str:
    """A text from JSON as SQLite reads it: up to its first NUL."""
    return text.partition("\0")[0] if "\0" in text else text


def scalar(value: object) -> Scalar:
    """A value from JSON: text or finite number, else null."""
    return truncated(value) if isinstance(value, str) else number(value)


def truthy(value: Scalar) -> Truth:
    """The truth of a scalar."""
    if value is None:
        return None
    return value != "" if isinstance(value, str) else value != 0


# -- references ------------------------------------------------------------------------------------------------------


def raw(node: Reference) -> Callable[[Row], object]:
    """What the row holds there: for a map's subscripts, whatever JSON holds."""
    name, path = node.field.name, node.path
    if not path:
        return lambda row: row.get(name)

    def resolve(row: Row) -> object:
        value = row.get(name)
        for key in path:
            if isinstance(key, str):
                value = value.get(key) if isinstance(value, Mapping) else None
            elif isinstance(value, Sequence) and not isinstance(value, str):
                value = value[key] if key < len(value) else None
            else:
                return None
        return value

    return resolve


def members(node: Reference) -> Callable[[Row], list[str]]:
    """The texts of a list, or the keys of a map that have a value."""
    name, is_map = node.field.name, node.field.type is Type.MAP
    cut = truncated if node.field.json else str

    def resolve(row: Row) -> list[str]:
        value = row.get(name)
        if is_map:
            return [truncated(key) for key in value if value[key] is not None] if isinstance(value, Mapping) else []
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [cut(text) for text in value if isinstance(text, str)]
        return []

    return resolve


def _reference(node: Reference) -> Callable[[Row], Scalar]:
    get, kind = raw(node), type_of(node)
    if kind is Type.ANY:
        return lambda row: scalar(get(row))
    if kind.numeric:
        return lambda row: number(get(row))
    if kind is not Type.TEXT:
        return lambda row: None
    if node.field.json:
        return lambda row: truncated(value) if isinstance(value := get(row), str) else None
    return lambda row: value if isinstance(value := get(row), str) else None


# -- scalars ---------------------------------------------------------------------------------------------------------


def value_of(node: Node) -> Callable[[Row], Scalar]:
    """The node as a scalar."""
    match node:
        case Constant(value):
            return lambda row: value
        case Reference():
            return _reference(node)
        case Negate() | Arithmetic():
            compute = _double(node)
            return lambda row: number(compute(row))
        case _:
            return truth_of(node)


def _double(node: Node) -> Callable[[Row], float | None]:
    """The node as an operand of arithmetic: a double that may be infinite."""
    match node:
        case Negate(operand):
            inner = _double(operand)
            return lambda row: None if (value := inner(row)) is None else -value
        case Arithmetic(op, left, right):
            first, second, compute = _double(left), _double(right), _ARITHMETIC[op]

            def run(row: Row) -> float | None:
                if (a := first(row)) is None or (b := second(row)) is None:
                    return None
                result = compute(a, b)
                return result if result == result else None

            return run
        case _:
            get = value_of(node)
            return lambda row: None if isinstance(value := get(row), str) or value is None else float(value)


def _whole(value: float) -> int:
    if value - value != 0.0:
        return _INT_MAX if value > 0 else _INT_MIN
    return min(max(int(value), _INT_MIN), _INT_MAX)


def _divide(a: float, b: float) -> float | None:
    return a / b if b else None


def _remainder(a: float, b: float) -> float | None:
    left, right = _whole(a), _whole(b)
    if right == 0:
        return None
    rest = float(abs(left) % abs(right))
    return -rest if left < 0 else rest


_ARITHMETIC: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
}


# -- truth -----------------------------------------------------------------------------------------------------------


def truth_of(node: Node) -> Callable[[Row], Truth]:
    """The node as a condition."""
    match node:
        case Not(operand):
            inner = truth_of(operand)
            return lambda row: None if (value := inner(row)) is None else not value
        case Logic(op, operands):
            return _logic(op == "and", [truth_of(operand) for operand in operands])
        case Compare():
            return _compare(node)
        case OneOf():
            return _one_of(node)
        case IsNone(operand, negated):
            missing = _is_missing(operand)
            return lambda row: missing(row) is not negated
        case Contains():
            return _contains(node)
        case Reference() if type_of(node) in (Type.LIST, Type.MAP):
            some = members(node)
            return lambda row: bool(some(row))
        case Reference() if type_of(node) is Type.ANY:
            get = raw(node)
            return lambda row: bool(value) if _is_container(value := get(row)) else truthy(scalar(value))
        case _:
            read = value_of(node)
            return lambda row: truthy(read(row))


def _is_container(value: object) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str))


def _logic(is_and: bool, parts: list[Callable[[Row], Truth]]) -> Callable[[Row], Truth]:
    def run(row: Row) -> Truth:
        result: Truth = is_and
        for part in parts:
            value = part(row)
            if value is None:
                result = None
            elif value is not is_and:
                return value
        return result

    return run


def _compare(node: Compare) -> Callable[[Row], Truth]:
    left, right, holds = value_of(node.left), value_of(node.right), _COMPARE[node.op]

    def run(row: Row) -> Truth:
        a, b = left(row), right(row)
        if a is None or b is None or isinstance(a, str) is not isinstance(b, str):
            return None
        return holds(a, b)

    return run


def _one_of(node: OneOf) -> Callable[[Row], Truth]:
    get, negated = value_of(node.operand), node.negated
    texts = frozenset(item.value for item in node.items if isinstance(item.value, str))
    numbers = frozenset(item.value for item in node.items if not isinstance(item.value, str))

    def run(row: Row) -> Truth:
        value = get(row)
        among = texts if isinstance(value, str) else numbers
        if value is None or not among:
            return None
        return (value in among) is not negated

    return run


def _is_missing(node: Node) -> Callable[[Row], bool]:
    if isinstance(node, Reference):
        if type_of(node) in (Type.LIST, Type.MAP):
            some = members(node)
            return lambda row: not some(row)
        if type_of(node) is Type.ANY:
            get = raw(node)
            return lambda row: not _is_container(value := get(row)) and scalar(value) is None
    read = value_of(node)
    return lambda row: read(row) is None


def _contains(node: Contains) -> Callable[[Row], Truth]:
    item, container, negated = value_of(node.item), node.container, node.negated
    kind = type_of(container)
    holds: Callable[[Scalar, Row], Truth]
    if isinstance(container, Reference) and kind in (Type.LIST, Type.MAP):
        some = members(container)
        holds = lambda value, row: value in some(row) if isinstance(value, str) else None  # noqa: E731
    elif isinstance(container, Reference) and kind is Type.ANY:
        get = raw(container)
        holds = lambda value, row: _within(value, get(row))  # noqa: E731
    else:
        whole = value_of(container)
        holds = lambda value, row: _is_part(value, whole(row))  # noqa: E731

    def run(row: Row) -> Truth:
        value = item(row)
        found = None if value is None else holds(value, row)
        return None if found is None else found is not negated

    return run


def _is_part(value: Scalar, text: Scalar) -> Truth:
    return value in text if isinstance(value, str) and isinstance(text, str) else None


def _within(value: Scalar, container: object) -> Truth:
    """Part of a text, member of a list, key (with a value) of a map: for what a map holds."""
    if isinstance(container, Mapping):
        keys = (truncated(key) for key in container if container[key] is not None)
        return value in keys if isinstance(value, str) else None
    if isinstance(container, str):
        return _is_part(value, truncated(container))
    if isinstance(container, Sequence):
        same = (scalar(member) for member in container)
        return any(isinstance(member, str) is isinstance(value, str) and member == value for member in same)
    return None
