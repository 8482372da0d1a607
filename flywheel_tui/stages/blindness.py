"""What makes a label one that was not made blind: whoever picks pairs by what a judge said knows what it said."""

from __future__ import annotations

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import parse

OF_THE_JUDGE = frozenset({"scores", "passed", "judge", "tier"})
"""The fields of an expression that only a judge fills."""


def asks_the_judge(expression: str | None) -> bool:
    """Whether an expression chooses by what a judge said. One that cannot be read might."""
    if not expression:
        return False
    try:
        return bool(parse(expression).fields_used & OF_THE_JUDGE)
    except ExpressionError:
        # written by another version: what it asked for is not known, so that it cannot count as blind
        return True
