"""Whatever is typed: an expression or an ExpressionError, never a hang, and an answer for any row."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import FIELDS, Expression, complete, parse, quote
from flywheel_tui.store.fields import pair_condition

SIGNS = "( ) [ ] , + - * / % == != < <= > >= ** . : ; { } @ ! = & | ~ ^ ` ' \" \\ \x00 \u202e １ é 😀 \ud800"
PIECES = (
    "'x' \"y\" 1 0.5 9**9 1e308 1e999 f' ['k'] [0] lambda import exec( __class__ .. and or not in is None true false"
)
WORDS = [*FIELDS, *SIGNS.split(" "), *PIECES.split(" "), " ", "\n", "9" * 20]
ANYTHING = st.one_of(
    st.text(max_size=120),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=40).map("".join),
)
ROW = {"length": 3, "label": "open", "meta": {"k": [1, {"k": "é\0"}]}, "tags": ["x"], "scores": {"k": 2**70}}


def parsed(source: str) -> Expression | None:
    try:
        return parse(source)
    except ExpressionError as error:
        assert 1 <= error.column <= len(source) + 1
        return None


@settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=ANYTHING)
def test_only_expression_errors_and_always_an_answer(source: str) -> None:
    started = time.process_time()
    expression = parsed(source)
    assert time.process_time() - started < 10, "a microsecond's work; what explodes takes minutes"
    if expression is not None:
        assert expression.truth(ROW) in (True, False, None)
        text, parameters = pair_condition(expression)
        assert text.count("?") == len(parameters)


@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=ANYTHING, cursor=st.integers(-3, 130))
def test_completion_never_fails(source: str, cursor: int) -> None:
    for suggestion in complete(source, cursor, lambda reference: ["a", "it's", "\0", "é"]):
        assert 0 <= suggestion.start <= suggestion.end <= len(source)
        assert suggestion.text


@settings(max_examples=500, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_a_quoted_text_reads_back(text: str) -> None:
    try:
        literal = quote(text)
    except ValueError:
        assert any(character < " " for character in text)
        return
    assert parse(f"output == {literal}").matches({"output": text})
