"""SQL and Python must give the same answer, null included, on the real schema."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import ExpressionError
from flywheel_tui.expressions import FIELDS, Expression, parse
from flywheel_tui.expressions.parser import MAX_DEPTH
from flywheel_tui.store.db import Store
from flywheel_tui.store.fields import FIELDS_OF_PAIR, PAIR_COLUMNS, needs_pair, pair_condition

TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "é",
    "e\u0301",
    "日本",
    "a\0b",
    "\0",
    "5",
    "1.0",
    "true",
    "[1]",
    "{}",
    "a'b",
    'a"b',
    "a%_",
    "😀",
    "\u202e",
]
KINDS = ["sft", "preference", "kto"]
STATUSES = ["open", "approved", "rejected", "skipped", "edited", "disputed"]
SOURCES = ["s.jsonl", "a"]
CHECKS = ["pii", "dedup", "length"]
INTS = [0, 1, -1, 2, 3, 7, 100, -5, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, 0.5, -0.5, 7.0, 7.25, 1e15, 1e300, -1e300, 1e-300, 0.1, 3.14159]
HUGE = "1e999"
BEYOND_64_BITS = [2**63, 2**63 + 1, 2**63 + 3, 2**70, float("inf")]
JSON_SCALARS: list[Any] = [None, True, False, *INTS, *FLOATS, *BEYOND_64_BITS, *TEXTS]
KEYS = ["a", "b", "größe", 'q"q', "x y", "", "back\\slash", "$.a", "a.b", "[0]", "5"]


def as_json(value: Any) -> str:
    """JSON text, with a number beyond doubles where Python has infinity."""
    return json.dumps(value, ensure_ascii=False).replace("Infinity", HUGE)


def nested(random_: random.Random, depth: int = 0) -> Any:
    """A value as meta may hold it."""
    choice = random_.random()
    if depth < 3 and choice < 0.2:
        return [nested(random_, depth + 1) for _ in range(random_.randrange(4))]
    if depth < 3 and choice < 0.4:
        return {random_.choice(KEYS): nested(random_, depth + 1) for _ in range(random_.randrange(4))}
    return random_.choice(JSON_SCALARS)


def make_row(random_: random.Random, number: int) -> dict[str, Any]:
    """A row as `matches` expects it, with everything in it that has ever been trouble."""

    def maybe(values: list[Any]) -> Any:
        return random_.choice([None, *values])

    judged = random_.random() < 0.7
    kind = random_.choice(KINDS)
    output, rejected = maybe(TEXTS), random_.choice([*TEXTS, None, True, 5, ["a"]])
    scores = {"a": maybe(JSON_SCALARS[1:]), "größe": nested(random_)} if judged and random_.random() < 0.8 else {}
    overall = random_.choice([0.0, 5.0, 7.0, 7.25, 9.9, None]) if judged else None
    return {
        "id": number,
        "kind": kind,
        "instruction": random_.choice(TEXTS),
        "input": maybe(TEXTS),
        "output": output,
        "chosen": output if kind == "preference" else None,
        "rejected": rejected if kind == "preference" else None,
        "length": random_.choice(INTS),
        "category": maybe(TEXTS),
        "tags": random_.choice([None, [], ["a"], ["a", "é"], ["5", "ab"], ["a\0b"], [5, None, True, "b", ["a"]]]),
        "source": maybe(SOURCES),
        "cycle": maybe(INTS),
        "label": random_.choice(STATUSES),
        "reviewer": maybe(TEXTS),
        "scores": {**scores, "overall": overall},
        "passed": random_.choice([True, False]) if judged else None,
        "judge": "run-a" if judged else None,
        "findings": random_.sample(CHECKS, random_.randrange(3)),
        "tier": maybe(["gold", "a"]),
        "meta": random_.choice([None, {}])
        if random_.random() < 0.1
        else {key: nested(random_) for key in KEYS if random_.random() < 0.8},
    }


def put(db: sqlite3.Connection, table: str, **columns: Any) -> None:
    """One row."""
    marks = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))


def insert(store: Store, rows: list[dict[str, Any]]) -> None:
    """The rows in the real tables."""
    with store.tx() as db:
        put(db, "dataset", id=1, name="d", kind="sft", created=0)
        for number, name in enumerate(SOURCES, start=1):
            put(db, "source", id=number, dataset_id=1, name=name, format="jsonl", created=0)
        put(db, "judge_run", id=1, dataset_id=1, tag="run-a", created=0)
        for row in rows:
            _insert(db, row)


def _insert(db: sqlite3.Connection, row: dict[str, Any]) -> None:
    number = row["id"]
    version = number + 10_000  # people see a later version than the first: c.id and p.id differ
    same = {name: row[name] for name in ("kind", "instruction", "input", "output", "category", "length", "cycle")}
    body, meta = as_json({"rejected": row["rejected"]}), row["meta"] if row["meta"] is None else as_json(row["meta"])
    source = SOURCES.index(row["source"]) + 1 if row["source"] else None
    for at in (number, version):
        put(
            db, "pair", id=at, dataset_id=1, uid=at.to_bytes(16, "big"), hash=bytes(16), body=body, meta=meta,
            source_id=source, created=0, **same,
        )  # fmt: skip
    overall, passed = row["scores"]["overall"], row["passed"]
    verdict = number if row["judge"] else None
    if verdict:
        others = {key: value for key, value in row["scores"].items() if key != "overall"}
        others |= {"overall": "of another run"} if number % 3 == 0 else {}
        put(
            db, "verdict", id=verdict, judge_run_id=1, pair_id=version, score=overall, passed=passed,
            scores=as_json(others) if others else None, created=0,
        )  # fmt: skip
    for check in row["findings"]:
        put(
            db, "finding", dataset_id=1, pair_id=version, check_name=check, check_version=1, severity="info",
            message="", created=0,
        )  # fmt: skip
    put(
        db, "pair_current", id=number, dataset_id=1, position=number, pair_id=version, status=row["label"],
        reviewer=row["reviewer"], tags=row["tags"] if row["tags"] is None else as_json(row["tags"]),
        findings=len(row["findings"]), score=overall, passed=passed, verdict_id=verdict,
        judge_run_id=verdict and 1, tier=row["tier"],
    )  # fmt: skip


class Bench:
    """The same rows twice: in Python, and in a store."""

    def __init__(self, store: Store, rows: list[dict[str, Any]]) -> None:
        self.store, self.rows, self.compared = store, rows, 0

    def in_python(self, expression: Expression) -> list[bool | None]:
        return [expression.truth(row) for row in self.rows]

    def in_sql(self, expression: Expression) -> list[bool | None]:
        condition, parameters = pair_condition(expression)
        join = "JOIN pair p ON p.id = c.pair_id" if needs_pair(expression) else ""
        query = f"SELECT ({condition}) FROM pair_current c {join} WHERE c.dataset_id = ? ORDER BY c.position"
        answers = [row[0] for row in self.store.read().execute(query, (*parameters, 1))]
        assert all(answer in (None, 0, 1) for answer in answers)
        return [None if answer is None else bool(answer) for answer in answers]

    def check(self, source: str) -> None:
        expression = parse(source)
        wanted, got = self.in_python(expression), self.in_sql(expression)
        for row, python, sql in zip(self.rows, wanted, got, strict=True):
            assert python is sql, (source, pair_condition(expression), row)
        self.compared += len(self.rows)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    store = Store(tmp_path_factory.mktemp("expressions") / "flywheel.db")
    random_ = random.Random(20)
    rows = [make_row(random_, number) for number in range(1, 61)]
    insert(store, rows)
    yield Bench(store, rows)
    store.close()


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


def sql_of(source: str) -> tuple[str, list[object]]:
    return pair_condition(parse(source))


def test_simple_comparisons_come_out_plain() -> None:
    assert sql_of("label == 'approved'") == ("c.status = ?", ["approved"])
    assert sql_of("length > 100") == ("p.length > ?", [100])
    assert sql_of("scores['overall'] >= 7.5") == ("c.score >= ?", [7.5])
    assert sql_of("label in ['open', 'skipped']") == ("c.status IN (?, ?)", ["open", "skipped"])
    assert sql_of("passed == true and reviewer is None") == ("c.passed = ? AND c.reviewer IS NULL", [1])
    assert sql_of("not findings") == ("NOT (c.findings > 0)", [])


def test_every_literal_is_bound() -> None:
    text, parameters = sql_of("'x; DROP TABLE pair' in output and meta['k\\\"]'] == 'v' and length * 31337 > 4242")
    assert not any(part in text for part in ("DROP", 'k"]', "31337", "4242"))
    assert text.count("?") == len(parameters)


@pytest.mark.parametrize(
    "source",
    ["label == 'approved'", "label == 'approved' and 'x' in tags", "not findings and 'approved' == label"],
)
def test_the_index_by_status_serves_a_filter_by_label(bench: Bench, source: str) -> None:
    expression = parse(source)
    assert not needs_pair(expression)
    condition, parameters = pair_condition(expression)
    query = f"SELECT c.id FROM pair_current c WHERE c.dataset_id = ? AND ({condition}) ORDER BY c.position LIMIT 50"
    plan = " | ".join(row[3] for row in bench.store.read().execute("EXPLAIN QUERY PLAN " + query, (1, *parameters)))
    assert "USING INDEX pair_current_by_status (dataset_id=? AND status=?" in plan.replace("COVERING ", "")


def test_a_finding_is_looked_up_by_its_index(bench: Bench) -> None:
    condition, parameters = sql_of("'pii' in findings")
    query = f"EXPLAIN QUERY PLAN SELECT c.id FROM pair_current c WHERE {condition}"
    plan = " | ".join(row[3] for row in bench.store.read().execute(query, parameters))
    assert "finding_by_pair (pair_id=? AND check_name=?)" in plan


def test_which_fields_need_the_join() -> None:
    assert {
        *(
            "kind",
            "instruction",
            "input",
            "output",
            "chosen",
            "rejected",
            "length",
            "category",
            "source",
            "cycle",
            "meta",
        ),
    } == FIELDS_OF_PAIR
    assert not needs_pair(
        parse("label == 'open' and 'x' in tags and scores['a'] > 3 and judge == 'j' and not findings")
    )
    assert needs_pair(parse("label == 'open' or meta['x'] == 1"))


def test_every_field_of_the_language_has_its_place() -> None:
    assert set(PAIR_COLUMNS) == set(FIELDS)
