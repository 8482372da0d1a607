"""Expressions to parameterised SQL: the same meaning as `expressions/evaluate.py`, without a Python function in it.

Field types decide at compile time what each comparison is; only what a map holds (`meta['key']`) is looked at row by
row, through json_type(). Every literal and every subscript is a bound parameter. `label == 'open'` becomes
`c.status = ?`, so that an index can serve it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from flywheel_tui.expressions import Expression, Type
from flywheel_tui.expressions.evaluate import truth_of, value_of
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
    walk,
)
from flywheel_tui.expressions.warnings import clash
from flywheel_tui.store.sql_pieces import NULL, Composer, Sql, Stack, parameter

_INFINITY = float("inf")
_PLAIN_KEY = re.compile(r"[ !#-\[\]-~]+")
_COMPARE = {"==": "=", "!=": "<>"}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A field that one SQL expression gives. It must have the field's type or be NULL."""

    sql: str


@dataclass(frozen=True, slots=True)
class TextList:
    """A field that is a list of texts: a SELECT with one column `v`; `some`: a cheaper condition for 'not empty'."""

    rows: str
    some: str = ""


@dataclass(frozen=True, slots=True)
class JsonMap:
    """A field that is a map: SQL for its JSON text. `keys`: a SELECT of the keys (column `v`) that have a value;
    `columns`: keys that lie elsewhere."""

    document: str
    keys: str
    columns: Mapping[str, str]


Columns = Mapping[str, Scalar | TextList | JsonMap]


@dataclass(frozen=True, slots=True)
class _Place:
    """A value in a map: its JSON type, its SQL value, and `document, path` as json_each() takes them."""

    kind: Sql
    value: Sql
    where: Sql


def to_sql(expression: Expression, columns: Columns) -> tuple[str, list[object]]:
    """A condition for WHERE and its parameters; it is NULL where Python's `truth` is None."""
    return _Compiler(columns).compile(expression.root)


class _Compiler(Composer):
    """One compilation: holds what was named in front."""

    def __init__(self, columns: Columns) -> None:
        super().__init__()
        self._columns = columns

    def compile(self, root: Node) -> tuple[str, list[object]]:
        return self.finish(self._truth(root))

    # -- fields --------------------------------------------------------------------------------------------------------

    def _scalar_field(self, node: Reference) -> Sql:
        column = self._columns[node.field.name]
        if isinstance(column, Scalar):
            return Sql(column.sql, open=Stack(column.sql).deepest)
        assert isinstance(column, JsonMap)
        elsewhere = column.columns.get(str(node.path[0]))
        return Sql(elsewhere) if elsewhere else self._json_number(node)

    def _rows(self, node: Reference) -> str:
        column = self._columns[node.field.name]
        assert not isinstance(column, Scalar)
        return column.rows if isinstance(column, TextList) else column.keys

    def _some(self, node: Reference) -> Sql:
        column = self._columns[node.field.name]
        if isinstance(column, TextList) and column.some:
            return Sql(column.some, open=Stack(column.some).deepest)
        return self.join(f"EXISTS (SELECT 1 FROM ({self._rows(node)}))")

    def _place(self, node: Reference) -> _Place:
        """Where a map holds what the subscripts name.

        A path finds a key only as it is spelled in the stored JSON text, so a key that may have been escaped there is
        looked up by json_each(), which compares what the spelling means.
        """
        column = self._columns[node.field.name]
        assert isinstance(column, JsonMap)
        document = Sql(column.document, open=Stack(column.document).deepest)
        kind = value = None
        path = "$"
        for key in node.path:
            kind = value = None
            if isinstance(key, int):
                path += f"[{key}]"
            elif _PLAIN_KEY.fullmatch(key):
                path += f'."{key}"'
            else:
                at = (" FROM json_each(", document, ", ", parameter(path), ") e WHERE e.key = ", parameter(key))
                kind, value = self.join("(SELECT e.type", *at, ")"), self.join("(SELECT e.value", *at, ")")
                document = self.join("(SELECT e.value", *at, " AND e.type IN ('object', 'array'))")
                path = "$"
        where = self.join(document, ", ", parameter(path), scalar=False)
        return _Place(
            kind or self.join("json_type(", where, ")"), value or self.join("json_extract(", where, ")"), where
        )

    def _json_number(self, node: Reference) -> Sql:
        place = self._place(node)
        is_number = self.join(place.kind, " IN ('integer', 'real', 'true', 'false')")
        return self.case(is_number, self._finite(place.value))

    def _json_text(self, node: Reference) -> Sql:
        """substr() ends at a NUL, as json_extract() does in some versions of SQLite and not in others."""
        place = self._place(node)
        return self.case(self.join(place.kind, " = 'text'"), self.join("substr(", place.value, ", 1)"))

    def _json_scalar(self, node: Reference) -> Sql:
        place = self._place(node)
        number = self._finite(place.value)
        return self.join(
            *("CASE ", place.kind, " WHEN 'object' THEN NULL WHEN 'array' THEN NULL"),
            *(" WHEN 'text' THEN substr(", place.value, ", 1) ELSE ", number, " END"),
        )

    def _finite(self, sql: Sql) -> Sql:
        return self.join("nullif(nullif(", sql, ", ", parameter(_INFINITY), "), ", parameter(-_INFINITY), ")")

    # -- scalars -------------------------------------------------------------------------------------------------------

    def _number(self, node: Node) -> Sql:
        """The node as a finite number; NULL where it is none."""
        if isinstance(node, Reference) and type_of(node) is Type.ANY:
            return self._json_number(node)
        return self._value(node) if type_of(node).numeric else NULL

    def _text(self, node: Node) -> Sql:
        """The node as a text; NULL where it is none."""
        if isinstance(node, Reference) and type_of(node) is Type.ANY:
            return self._json_text(node)
        return self._value(node) if type_of(node) is Type.TEXT else NULL

    def _value(self, node: Node) -> Sql:
        """The node as a number or text, fit to stand on either side of a comparison."""
        if not _names_field(node):
            return parameter(value_of(node)({}))
        match node:
            case Reference():
                kind = type_of(node)
                if kind in (Type.LIST, Type.MAP):
                    return NULL
                return self._json_scalar(node) if kind is Type.ANY else self._scalar_field(node)
            case Negate() | Arithmetic():
                return self._finite(self._double(node))
            case _:
                return self.join("(", self._truth(node), ")")

    def _double(self, node: Node) -> Sql:
        """The node as an operand of arithmetic, always REAL: integers would divide and overflow in their own way."""
        if not _names_field(node):
            value = value_of(node)({})
            return NULL if value is None or isinstance(value, str) else parameter(float(value))
        match node:
            case Negate(operand):
                return self.join("(- ", self._double(operand), ")")
            case Arithmetic(op, left, right):
                return self.join("(", self._double(left), f" {op} ", self._double(right), ")")
            case _:
                return self.join("CAST(", self._number(node), " AS REAL)")

    # -- conditions ----------------------------------------------------------------------------------------------------

    def _truth(self, node: Node) -> Sql:
        if not _names_field(node):
            return parameter(truth_of(node)({}))
        match node:
            case Not(operand):
                return self.join("NOT (", self._truth(operand), ")")
            case Logic(op, operands):
                return self.fold([self._operand(operand) for operand in operands], f" {op.upper()} ")
            case Compare():
                return self._compare(node)
            case OneOf():
                return self._one_of(node)
            case IsNone():
                return self._is_none(node)
            case Contains():
                return self._contains(node)
            case _:
                return self._true_value(node)

    def _operand(self, node: Node) -> Sql:
        inner = self._truth(node)
        return self.join("(", inner, ")") if isinstance(node, Logic | Not) else inner

    def _true_value(self, node: Node) -> Sql:
        kind = type_of(node)
        if isinstance(node, Reference) and kind in (Type.LIST, Type.MAP):
            return self._some(node)
        if isinstance(node, Reference) and kind is Type.ANY:
            return self._true_json(node)
        if kind is Type.BOOLEAN:
            return self.join(self._value(node), " = ", parameter(1))
        empty = parameter("" if kind is Type.TEXT else 0)
        return self.join(self._value(node), " <> ", empty)

    def _true_json(self, node: Reference) -> Sql:
        place = self._place(node)
        container = self.join(place.kind, " IN ('object', 'array')")
        some = self.join("EXISTS (SELECT 1 FROM json_each(", place.where, "))")
        scalar = self.join(self._json_scalar(node), " NOT IN (", parameter(0), ", ", parameter(""), ")")
        return self.case(container, some, scalar)

    def _compare(self, node: Compare) -> Sql:
        left, right = type_of(node.left), type_of(node.right)
        if clash(left, right):
            return NULL
        sign = f" {_COMPARE.get(node.op, node.op)} "
        if left is Type.ANY and right is Type.ANY:
            return self._compare_any(node, sign)
        side = self._text if Type.TEXT in (left, right) else self._number
        return self.join(side(node.left), sign, side(node.right))

    def _compare_any(self, node: Compare, sign: str) -> Sql:
        assert isinstance(node.left, Reference)
        assert isinstance(node.right, Reference)
        kinds = (self._place(node.left).kind, " = 'text') = (", self._place(node.right).kind, " = 'text')")
        both = self.join(self._json_scalar(node.left), sign, self._json_scalar(node.right))
        return self.case(self.join("(", *kinds), both)

    def _one_of(self, node: OneOf) -> Sql:
        texts = [parameter(item.value) for item in node.items if isinstance(item.value, str)]
        numbers = [parameter(item.value) for item in node.items if not isinstance(item.value, str)]
        sign = " NOT IN (" if node.negated else " IN ("
        kind = type_of(node.operand)

        def among(side: Sql, items: list[Sql]) -> Sql:
            return self.join(side, sign, self.fold(items, ", "), ")") if items else NULL

        if kind is Type.TEXT:
            return among(self._text(node.operand), texts)
        if kind.numeric:
            return among(self._number(node.operand), numbers)
        if not (isinstance(node.operand, Reference) and kind is Type.ANY):
            return NULL
        if not (texts and numbers):
            side = self._text(node.operand) if texts else self._number(node.operand)
            return among(side, texts or numbers)
        is_text = self.join(self._place(node.operand).kind, " = 'text'")
        return self.case(is_text, among(self._text(node.operand), texts), among(self._number(node.operand), numbers))

    def _is_none(self, node: IsNone) -> Sql:
        sign = " IS NOT NULL" if node.negated else " IS NULL"
        kind = type_of(node.operand)
        if isinstance(node.operand, Reference) and kind in (Type.LIST, Type.MAP):
            some = self._some(node.operand)
            return some if node.negated else self.join("NOT (", some, ")")
        value = self.join(self._value(node.operand), sign)
        if isinstance(node.operand, Reference) and kind is Type.ANY:
            container = self.join(self._place(node.operand).kind, " IN ('object', 'array')")
            return self.case(container, parameter(node.negated), value)
        return value

    # -- containment ---------------------------------------------------------------------------------------------------

    def _contains(self, node: Contains) -> Sql:
        container, kind = node.container, type_of(node.container)
        if kind is Type.TEXT:
            return self._is_part(self._text(node.item), self._text(container), node.negated)
        if isinstance(container, Reference) and kind in (Type.LIST, Type.MAP):
            return self._exists(self._text(node.item), self._rows(container), node.negated)
        if isinstance(container, Reference) and kind is Type.ANY:
            return self._within_json(node, container)
        return NULL

    def _is_part(self, part: Sql, whole: Sql, negated: bool) -> Sql:
        return self.join("instr(", whole, ", ", part, ") = 0" if negated else ") > 0")

    def _exists(self, item: Sql, rows: str | Sql, negated: bool) -> Sql:
        """Whether the SELECT `rows` gives the item; NULL for a NULL item, even among no rows."""
        if item.text == "NULL":
            return NULL
        word = "NOT EXISTS" if negated else "EXISTS"
        found = self.join(f"{word} (SELECT 1 FROM (", rows, ") WHERE v = ", item, ")")
        return found if item.text == "?" else self.case(self.join(item, " IS NOT NULL"), found)

    def _within_json(self, node: Contains, container: Reference) -> Sql:
        place, negated = self._place(container), node.negated
        number = self._number(node.item)
        text = self._text(node.item)
        each = ("FROM json_each(", place.where, ") e WHERE e.type ")
        keys = self.join("SELECT e.key AS v ", *each, "<> 'null'", scalar=False)
        texts = self.join("SELECT substr(e.value, 1) AS v ", *each, "= 'text'", scalar=False)
        numbers = self.join("SELECT e.value AS v ", *each, "IN ('integer', 'real', 'true', 'false')", scalar=False)
        member = self._members(node.item, text, number, texts, numbers, negated)
        return self.join(
            *("CASE ", place.kind, " WHEN 'text' THEN ", self._is_part(text, self._json_text(container), negated)),
            *(" WHEN 'array' THEN ", member, " WHEN 'object' THEN ", self._exists(text, keys, negated), " END"),
        )

    def _members(self, item: Node, text: Sql, number: Sql, texts: Sql, numbers: Sql, negated: bool) -> Sql:
        kind = type_of(item)
        if isinstance(item, Reference) and kind is Type.ANY:
            is_text = self.join(self._place(item).kind, " = 'text'")
            return self.case(is_text, self._exists(text, texts, negated), self._exists(number, numbers, negated))
        if kind is Type.TEXT:
            return self._exists(text, texts, negated)
        if isinstance(item, Constant | Reference):
            return self._exists(number, numbers, negated)
        return self._computed_in(number, numbers, negated)

    def _computed_in(self, number: Sql, numbers: Sql, negated: bool) -> Sql:
        """As `_exists`, but the item, which may be as long as the whole expression, is written only once.

        The empty blob equals no number; it makes the rows never empty, so that NULL IN (…) is NULL.
        """
        word = " NOT IN (" if negated else " IN ("
        return self.join(number, word, numbers, " UNION ALL SELECT x'')")


def _names_field(node: Node) -> bool:
    return any(isinstance(part, Reference) for part in walk(node))
