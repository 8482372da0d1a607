"""SQL and Python must give the same answer, null included, on the real schema."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from expression_bench import CHECKS, KEYS, KINDS, STATUSES, TEXTS, Bench
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import parse
from flywheel_tui.expressions.parser import MAX_DEPTH
from flywheel_tui.store.fields import PAIR_COLUMNS


def literal(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


KEY = st.sampled_from([*KEYS, "nope"]).map(literal)
PATH = st.lists(KEY | st.integers(0, 3).map(str), max_size=2).map(lambda keys: "".join(f"[{key}]" for key in keys))
FIELD = st.sampled_from(sorted(PAIR_COLUMNS))
REFERENCE = st.one_of(
    FIELD,
    FIELD,
    st.builds(lambda key, path: f"meta[{key}]{path}", KEY, PATH),
    st.sampled_from(["overall", "a", "größe", "nope"]).map(lambda key: f"scores['{key}']"),
)
WRITABLE = [text for text in TEXTS if "\0" not in text]
CONSTANT = st.one_of(
    st.sampled_from(WRITABLE + KINDS + STATUSES + CHECKS).map(literal),
    st.sampled_from(["0", "1", "2", "3", "7", "7.25", "0.5", "100", "-1", "1e15", "1e300", "1e-300", "0.1", "2.0"]),
    st.sampled_from(["None", "true", "false"]),
)
LEAF = REFERENCE | CONSTANT
LIST = st.lists(CONSTANT.filter(lambda text: text != "None"), min_size=1, max_size=4).map(
    lambda items: f"[{', '.join(items)}]"
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"])
    return st.one_of(
        st.builds(lambda a, op, b: f"({a} {op} {b})", inner, binary, inner),
        st.builds(
            lambda a, op, b: f"({a} {op} {b})", inner, st.sampled_from(["in", "not in", "==", "and", "or"]), inner
        ),
        st.builds(lambda a, op, b: f"({a} {op} {b})", inner, st.sampled_from(["in", "not in"]), LIST),
        st.builds(lambda a, op: f"({a} is {op}None)", inner, st.sampled_from(["", "not "])),
        st.builds(lambda op, a: f"({op} {a})", st.sampled_from(["not", "-", "not not", "- -"]), inner),
    )


EXPRESSIONS = st.recursive(LEAF, _grown, max_leaves=10)


@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(source=EXPRESSIONS)
def test_sql_and_python_agree_on_random_expressions(bench: Bench, source: str) -> None:
    try:
        parse(source)
    except ExpressionError:
        return
    bench.check(source)


def test_sql_and_python_agree_on_every_pair_of_leaves_and_every_operator(bench: Bench) -> None:
    leaves = [*sorted(PAIR_COLUMNS), "meta['a']", "meta['größe']", "meta['a'][0]", "scores['a']", "'a'", "7", "true"]
    for op in ("==", "<", "in", "%"):
        for left in leaves:
            for right in leaves:
                bench.check(f"{left} {op} {right}")
    for left in leaves:
        bench.check(f"{left}")
        bench.check(f"not {left} is None")
        bench.check(f"{left} not in ['a', 7, 'é', true]")
        bench.check(f"-{left} / 3 + 2 * {left} >= 1")
    assert bench.compared > 100_000


STEPS = [
    "(1 == 1 + {})",
    "(length * 2 > {})",
    "(not {} in [0, 1])",
    "({} in meta['a'])",
    "(length - {})",
    "(meta['a'] == 3 or label == 'open' and {} > 1)",
    "(meta['größe']['größe'] % {})",
    "(1 in [1] and 2 / {} < 5)",
    "(not ({} is None))",
    "({} not in tags or passed)",
]


def nest(steps: Iterable[str]) -> str:
    """The steps around a field, as far as the limits of the language allow."""
    source = "length"
    for step in steps:
        deeper = step.format(source)
        try:
            parse(deeper)
        except ExpressionError:
            break
        source = deeper
    return source


@pytest.mark.parametrize("step", STEPS)
def test_the_deepest_nesting_stays_within_the_parser_of_sqlite(bench: Bench, step: str) -> None:
    bench.check(nest([step] * MAX_DEPTH))


def test_deep_nesting_of_everything_in_everything(bench: Bench) -> None:
    random_ = random.Random(4)
    for _ in range(150):
        bench.check(nest(random_.choices(STEPS, k=MAX_DEPTH)))


@pytest.mark.parametrize(
    "source",
    [
        *(f"'{check}' in findings and length > 0 or not '{check}' in findings" for check in CHECKS),
        *(f"'{check}' in findings" for check in CHECKS),
        "'overall' in scores",
        "'overall' not in scores",
        "category in scores",
        "chosen == output and rejected != output",
        "length * 1e300 * 1e300 > 0",
        "length * 1e300 * 1e300 is None",
        "not (length * 1e300 * 1e300)",
        "-(length * 1e300) * 1e300 in [0, 1]",
        "(length * 1e300 * 1e300 - length * 1e300 * 1e300) % 3 is None",
        "1 / (length * 1e300 * 1e300) == 0",
        "(length * 1e300 * 1e300) % 7 >= 0",
        "length * 1e300 * 1e300 in meta['a']",
        "meta['a'] == meta['b']",
        "meta['a'] < meta['b']",
        "meta['a'] == 9e18 or meta['a'] > 9.2e18",
        "id % 3 == 0",
        "id / 2 == 5.5",
        "passed / 2 == 0.5",
        "(length > 3) / 2 == 0.5",
    ],
)
def test_what_random_expressions_seldom_reach(bench: Bench, source: str) -> None:
    bench.check(source)


def test_the_answers_are_not_all_the_same(bench: Bench) -> None:
    for source in ("'pii' in findings", "'overall' in scores", "'a' in tags", "meta['a'] == meta['b']", "passed"):
        assert {True, False} <= set(bench.in_sql(parse(source))), source


def test_the_longest_chains(bench: Bench) -> None:
    bench.check(" + ".join(["length"] * 99) + " > 3")
    bench.check(" % ".join(["length"] * 99) + " == 0")
    bench.check(" and ".join(["label != 'x'"] * 49))
    bench.check("kind in [" + ", ".join(["'sft'"] * 97) + "]")
    bench.check("meta" + "['größe']" * 8 + " == meta" + "['größe']" * 8)
    bench.check("not " * 190 + "passed")
    bench.check("-" * 190 + "length > 3")
