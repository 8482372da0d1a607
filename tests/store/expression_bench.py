"""Rows with everything in them that has ever been trouble, twice: in Python, and in the tables of a real store."""

from __future__ import annotations

import json
import random
import sqlite3
from typing import Any

from flywheel_tui.expressions import Expression, parse
from flywheel_tui.store.db import Store
from flywheel_tui.store.fields import needs_pair, pair_condition

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
