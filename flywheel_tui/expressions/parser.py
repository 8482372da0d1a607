"""Tokens to the syntax tree, by recursive descent.

expression := and ('or' and)*
and        := not ('and' not)*
not        := 'not'* comparison
comparison := sum (op sum | ['not'] 'in' (list | sum) | 'is' ['not'] 'None')?      op: < <= > >= == !=
sum        := product (('+' | '-') product)*
product    := unary (('*' | '/' | '%') unary)*
unary      := '-'* atom
atom       := number | text | None | true | false | field ('[' (text | whole number) ']')* | '(' expression ')'
list       := '[' constant (',' constant)* ']'                                      or with ( ) and a comma
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions.fields import MEANT, Field, Type
from flywheel_tui.expressions.lexer import Token, tokenize
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
    Value,
)

MAX_DEPTH = 24
MAX_SUBSCRIPTS = 8
MAX_INDEX = 9_999
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")
CONSTANTS: dict[str, Value] = {
    "None": None,
    "null": None,
    "True": True,
    "true": True,
    "False": False,
    "false": False,
}
KEYWORDS = ("and", "or", "not", "in", "is", *CONSTANTS)


class Parser:
    """One parse of one source over a table of fields."""

    def __init__(self, source: str, fields: Mapping[str, Field]) -> None:
        self._tokens = tokenize(source)
        self._at = 0
        self._depth = 0
        self._fields = fields

    def parse(self) -> Node:
        """The tree of the whole source. Raises ExpressionError."""
        if self._now.kind == "end":
            raise ExpressionError("the expression is empty; write for example label == 'open'", 1)
        root = self._expression()
        if self._now.kind != "end":
            raise self._unexpected()
        return root

    # -- tokens --------------------------------------------------------------------------------------------------------

    @property
    def _now(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _accept(self, *texts: str) -> Token | None:
        token = self._now
        if token.kind in ("name", "operator") and token.text in texts:
            self._at += 1
            return token
        return None

    def _unexpected(self, wanted: str = "") -> ExpressionError:
        token = self._now
        if token.kind == "end":
            return ExpressionError(
                f"the expression ends too early{': expected ' + wanted if wanted else ''}", token.column
            )
        hint = wanted and f"expected {wanted}"
        if token.text == "[":
            hint = "a list can only follow 'in'"
        elif token.text == "(":
            hint = "there are no functions"
        elif token.text == "==" and not wanted:
            hint = "comparisons are not chained; join them with 'and'"
        elif token.text.lower() in ("and", "or", "not", "in", "is") and token.text not in KEYWORDS:
            hint = f"write {token.text.lower()!r} in small letters"
        elif not wanted and token.text in COMPARISONS:
            hint = "comparisons are not chained; join them with 'and'"
        return ExpressionError(f"unexpected {token.text!r}" + (f": {hint}" if hint else ""), token.column)

    # -- grammar -------------------------------------------------------------------------------------------------------

    def _expression(self) -> Node:
        return self._joined("or", lambda: self._joined("and", self._not))

    def _joined(self, word: str, part: Callable[[], Node]) -> Node:
        first = part()
        operands = [first]
        while self._accept(word):
            operands.append(part())
        return first if len(operands) == 1 else Logic(word, tuple(operands), first.column)

    def _not(self) -> Node:
        words: list[Token] = []
        while word := self._accept("not"):
            words.append(word)
        node = self._comparison()
        # An even number of them is still a truth value, so two stay; more would only cost stack.
        for word in reversed(words[: len(words) if len(words) < 3 else 2 - len(words) % 2]):
            node = Not(node, word.column)
        return node

    def _comparison(self) -> Node:
        left = self._sum()
        if token := self._accept(*COMPARISONS):
            return self._compared(token, left, self._sum())
        if token := self._accept("is"):
            negated = self._accept("not") is not None
            if not self._accept("None", "null"):
                raise self._unexpected("None (use '==' to compare)")
            return IsNone(left, negated, token.column)
        if token := self._accept("not"):
            if not self._accept("in"):
                raise self._unexpected("'in' after 'not'")
            return self._membership(token, left, negated=True)
        if token := self._accept("in"):
            return self._membership(token, left, negated=False)
        return left

    def _compared(self, token: Token, left: Node, right: Node) -> Node:
        if token.text in ("==", "!="):
            for side, other in ((right, left), (left, right)):
                if isinstance(side, Constant) and side.value is None:
                    return IsNone(other, token.text == "!=", token.column)
        return Compare(token.text, left, right, token.column)

    def _membership(self, token: Token, left: Node, *, negated: bool) -> Node:
        if self._starts_list():
            return OneOf(left, self._list(), negated, token.column)
        return Contains(left, self._sum(), negated, token.column)

    def _starts_list(self) -> bool:
        """`[` does, and `(` with a constant and a comma behind it: a tuple, as Python has it."""
        if self._now.text == "[" and self._now.kind == "operator":
            return True
        if self._now.text != "(" or self._now.kind != "operator":
            return False
        ahead = self._at + 1
        while self._tokens[ahead].text == "-":
            ahead += 1
        constant = self._tokens[ahead]
        is_constant = constant.kind in ("number", "text") or (constant.kind == "name" and constant.text in CONSTANTS)
        return is_constant and self._tokens[ahead + 1].kind == "operator" and self._tokens[ahead + 1].text == ","

    def _list(self) -> tuple[Constant, ...]:
        opening = self._take()
        closing = "]" if opening.text == "[" else ")"
        if self._now.text == closing and self._now.kind == "operator":
            raise ExpressionError("the list is empty", opening.column)
        items: list[Constant] = []
        while True:
            items.append(self._constant())
            comma = self._accept(",")
            if self._accept(closing):
                return tuple(items)
            if not comma:
                raise self._unexpected(f"',' or '{closing}'")

    def _constant(self) -> Constant:
        token = self._now
        minus = self._accept("-")
        value = self._literal()
        if value is None or (minus and not isinstance(value.value, int | float)):
            raise ExpressionError("a list holds constants only: numbers, texts, true, false", token.column)
        if value.value is None:
            raise ExpressionError("None cannot stand in a list; write 'or … is None'", token.column)
        return self._negative(value, token.column) if minus else value

    def _literal(self) -> Constant | None:
        token = self._now
        if token.kind in ("number", "text"):
            self._at += 1
            return Constant(token.value, token.column)
        if token.kind == "name" and token.text in CONSTANTS:
            self._at += 1
            return Constant(CONSTANTS[token.text], token.column)
        return None

    @staticmethod
    def _negative(constant: Constant, column: int) -> Constant:
        assert isinstance(constant.value, int | float)
        return Constant(-constant.value, column)

    def _sum(self) -> Node:
        return self._chain(("+", "-"), lambda: self._chain(("*", "/", "%"), self._unary))

    def _chain(self, operators: tuple[str, ...], part: Callable[[], Node]) -> Node:
        node = part()
        while token := self._accept(*operators):
            node = Arithmetic(token.text, node, part(), token.column)
        return node

    def _unary(self) -> Node:
        signs: list[Token] = []
        while sign := self._accept("-"):
            signs.append(sign)
        node = self._atom()
        for sign in reversed(signs[: len(signs) if len(signs) < 3 else 2 - len(signs) % 2]):
            number = isinstance(node, Constant) and type(node.value) in (int, float)
            node = (
                self._negative(node, sign.column)
                if number and isinstance(node, Constant)
                else Negate(node, sign.column)
            )
        return node

    def _atom(self) -> Node:
        if (literal := self._literal()) is not None:
            return literal
        token = self._now
        if token.kind == "operator" and token.text == "(":
            return self._parenthesised()
        if token.kind != "name" or token.text in KEYWORDS:
            raise self._unexpected("a field, a number or a text")
        return self._reference()

    def _parenthesised(self) -> Node:
        opening = self._take()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"parentheses are nested deeper than {MAX_DEPTH}", opening.column)
        node = self._expression()
        self._depth -= 1
        if not self._accept(")"):
            raise self._unexpected("')'")
        return node

    def _reference(self) -> Reference:
        token = self._take()
        if self._now.kind == "operator" and self._now.text == "(":
            raise ExpressionError("there are no functions", self._now.column)
        field = self._fields.get(token.text)
        if field is None:
            raise ExpressionError(self._unknown(token.text), token.column)
        path: list[str | int] = []
        while bracket := self._accept("["):
            if field.type is not Type.MAP or (path and field.item is not Type.ANY):
                what = f"{token.text} is {field.type.value}" if not path else f"{token.text}[…] is a number"
                extra = f": write 'x' in {token.text}" if field.type is Type.LIST else ""
                raise ExpressionError(f"{what} and takes no{' more' if path else ''} subscript{extra}", bracket.column)
            if len(path) == MAX_SUBSCRIPTS:
                raise ExpressionError(f"there are at most {MAX_SUBSCRIPTS} subscripts", bracket.column)
            path.append(self._subscript(field))
        return Reference(field, tuple(path), token.column)

    def _subscript(self, field: Field) -> str | int:
        token = self._take()
        key = token.value
        whole = type(key) is int and key <= MAX_INDEX and field.item is Type.ANY
        if not (token.kind == "text" or whole):
            wanted = f"a text or a whole number up to {MAX_INDEX}" if field.item is Type.ANY else "a text"
            raise ExpressionError(f"a subscript of {field.name} is {wanted}", token.column)
        if not self._accept("]"):
            raise self._unexpected("']'")
        assert isinstance(key, str | int)
        return key

    def _unknown(self, name: str) -> str:
        small = name.lower()
        close = difflib.get_close_matches(small, [*self._fields, *KEYWORDS], n=1)
        if MEANT.get(small, "").partition("[")[0] in self._fields:
            suggestion = f"; did you mean {MEANT[small]}?"
        else:
            suggestion = f"; did you mean {close[0]}?" if close else ""
        return f"there is no field {name!r}{suggestion} (fields: {', '.join(self._fields)})"
