"""The expression language of filters: parsed once, then asked of rows in Python or turned into SQL by the store.

>>> expression = parse("length < 200 and 'python' in tags")
>>> expression.matches({"length": 120, "tags": ["python", "draft"]})
True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from flywheel_tui.expressions.complete import Suggestion, complete, quote
from flywheel_tui.expressions.evaluate import truth_of
from flywheel_tui.expressions.fields import FIELDS, Field, Row, Type
from flywheel_tui.expressions.nodes import Node, Reference, walk
from flywheel_tui.expressions.parser import Parser
from flywheel_tui.expressions.warnings import ExpressionWarning, warnings_of

__all__ = [
    "FIELDS",
    "Expression",
    "ExpressionWarning",
    "Field",
    "Row",
    "Suggestion",
    "Type",
    "complete",
    "parse",
    "quote",
]


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed filter. Equal where the sources are equal in meaning to the letter; cheap to keep, safe to share."""

    source: str
    root: Node = field(repr=False)
    fields_used: frozenset[str]
    warnings: tuple[ExpressionWarning, ...]
    _truth: Callable[[Row], bool | None] = field(repr=False, compare=False)

    def matches(self, row: Row) -> bool:
        """Whether the row (see `expressions/fields.py`) passes the filter: null does not."""
        return self._truth(row) is True

    def truth(self, row: Row) -> bool | None:
        """True, False, or None where the answer is null."""
        return self._truth(row)


def parse(source: str, fields: Mapping[str, Field] = FIELDS) -> Expression:
    """Parse a filter over the given fields.

    Raises ExpressionError with a 1-based column. Limits: 1,000 characters, 200 tokens, parentheses 24 deep, texts of
    400 characters, numbers of 15 digits, 8 subscripts.
    """
    root = Parser(source, fields).parse()
    used = frozenset(node.field.name for node in walk(root) if isinstance(node, Reference))
    return Expression(source, root, used, warnings_of(root), truth_of(root))
