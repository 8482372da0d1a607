"""Evaluations: the criteria they were registered with, their items, and the regression set of confirmed failures."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.identity import now_us
from flywheel_tui.records.evaluation import Best, Criteria, EvaluateOptions, Item, JudgeUse, Measured

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.decode


class EvaluationRow(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation. `base` and the folders are paths or names as asked; times are microseconds UTC.

    `facts` holds what the items came from: data sets with their hashes, settings of generation, the chat template.
    `used` is what its judge took so far, None where none was asked.
    """

    id: int
    hash: str
    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    against: str
    against_hash: str
    dataset: str | None
    cycle: int | None
    job_id: int | None
    options: EvaluateOptions
    facts: dict[str, Any]
    criteria_hash: str
    state: str
    result: Measured | None
    seconds: float
    created: int
    finished: int | None
    used: JudgeUse | None = None


class NewEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What an evaluation is begun with."""

    hash: str
    base: str
    base_hash: str
    adapter: str
    adapter_hash: str
    against: str
    against_hash: str
    dataset_id: int | None
    cycle: int | None
    job_id: int | None
    options: EvaluateOptions
    facts: dict[str, Any]
    criteria_hash: str


# -- criteria


def register_criteria(connection: sqlite3.Connection, hash: str, criteria: Criteria) -> int:
    """Keep criteria under their hash; when they were registered first (microseconds UTC)."""
    connection.execute(
        "INSERT INTO criteria (hash, body, registered) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
        (hash, _encode(criteria).decode(), now_us()),
    )
    return int(connection.execute("SELECT registered FROM criteria WHERE hash = ?", (hash,)).fetchone()[0])


def criteria_of(connection: sqlite3.Connection, hash: str) -> tuple[Criteria, int]:
    """The criteria with this hash and when they were registered. Raises NotFoundError."""
    row = connection.execute("SELECT body, registered FROM criteria WHERE hash = ?", (hash,)).fetchone()
    if row is None:
        raise NotFoundError("registered criteria", hash)
    return _decode(row[0], type=Criteria), row[1]


# -- evaluations

_COLUMNS = (
    "e.id, e.hash, e.base, e.base_hash, e.adapter, e.adapter_hash, e.against, e.against_hash, d.name, e.cycle,"
    " e.job_id, e.options, e.facts, e.criteria_hash, e.state, e.result, e.seconds, e.created, e.finished, e.used"
)
_FROM = f"SELECT {_COLUMNS} FROM evaluation e LEFT JOIN dataset d ON d.id = e.dataset_id"


def _evaluation(row: Sequence[Any]) -> EvaluationRow:
    values = dict(zip(EvaluationRow.__struct_fields__, row, strict=True))
    values["options"] = _decode(values["options"], type=EvaluateOptions)
    values["facts"] = _decode(values["facts"])
    values["result"] = _decode(values["result"], type=Measured) if values["result"] else None
    values["used"] = _decode(values["used"], type=JudgeUse) if values["used"] else None
    return EvaluationRow(**values)


def begin(connection: sqlite3.Connection, new: NewEvaluation, items: Iterable[Item]) -> EvaluationRow:
    """The evaluation with this hash, made with its items where there is none yet."""
    values = msgspec.structs.asdict(new) | {"created": now_us()}
    values["options"], values["facts"] = _encode(new.options).decode(), _encode(new.facts).decode()
    marks = ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO evaluation ({', '.join(values)}) VALUES ({marks}) ON CONFLICT (hash) DO NOTHING",
        tuple(values.values()),
    )
    row = evaluation_with(connection, new.hash)
    assert row is not None
    if cursor.rowcount:
        connection.executemany(_ADD_ITEM, (_item_values(row.id, at, item) for at, item in enumerate(items)))
    return row


def evaluation_with(connection: sqlite3.Connection, hash: str) -> EvaluationRow | None:
    """The evaluation with this hash, None where there is none."""
    row = connection.execute(f"{_FROM} WHERE e.hash = ?", (hash,)).fetchone()
    return _evaluation(row) if row else None


def get_evaluation(connection: sqlite3.Connection, id: int) -> EvaluationRow:
    """The evaluation with this number. Raises NotFoundError that lists the newest ones."""
    row = connection.execute(f"{_FROM} WHERE e.id = ?", (id,)).fetchone()
    if row is None:
        known = connection.execute("SELECT id FROM evaluation ORDER BY id DESC LIMIT 20").fetchall()
        raise NotFoundError("evaluation", str(id), [str(number) for (number,) in known])
    return _evaluation(row)


def list_evaluations(connection: sqlite3.Connection, *, limit: int = 100) -> list[EvaluationRow]:
    """The newest evaluations first."""
    rows = connection.execute(f"{_FROM} ORDER BY e.id DESC LIMIT ?", (limit,)).fetchall()
    return [_evaluation(row) for row in rows]


def add_use(connection: sqlite3.Connection, id: int, part: JudgeUse, *, written: bool) -> None:
    """Count what the judge took for one part of an evaluation: in the transaction that writes the part, or after it
    broke off."""
    row = connection.execute("SELECT used FROM evaluation WHERE id = ?", (id,)).fetchone()
    now = (_decode(row[0], type=JudgeUse) if row[0] else JudgeUse()).and_part(part, written=written)
    connection.execute("UPDATE evaluation SET used = ? WHERE id = ?", (_encode(now).decode(), id))


def finish(connection: sqlite3.Connection, id: int, measured: Measured, seconds: float) -> None:
    """Write what came of an evaluation."""
    connection.execute(
        "UPDATE evaluation SET state = 'done', result = ?, finished = ?, seconds = seconds + ? WHERE id = ?",
        (_encode(measured).decode(), now_us(), seconds, id),
    )


def _asked(options: EvaluateOptions) -> tuple[object, ...]:
    return options.tasks, options.tasks_seed, options.tasks_per_skill, options.limit, options.max_new_tokens


def best_so_far(
    connection: sqlite3.Connection, options: EvaluateOptions, base_hash: str, dataset_id: int | None, besides: str
) -> dict[str, Best]:
    """By slice, the best share of checked items that the base or an adapter which was in use reached on these sets.

    `besides` is the hash of the adapter that is asked about: its own past is no measure for it.
    """
    rows = connection.execute(
        "SELECT e.adapter, e.options, e.result FROM evaluation e WHERE e.base_hash = ? AND e.dataset_id IS ?"
        " AND e.state = 'done' AND e.adapter_hash <> ? AND (e.adapter_hash = '' OR e.adapter_hash IN"
        " (SELECT adapter_hash FROM adapter_pointer WHERE base_hash = e.base_hash)) ORDER BY e.id",
        (base_hash, dataset_id, besides),
    ).fetchall()
    best: dict[str, Best] = {}
    for adapter, asked, result in rows:
        if _asked(_decode(asked, type=EvaluateOptions)) != _asked(options):
            continue
        for line in _decode(result, type=Measured).slices:
            known = best.get(line.slice)
            passed = line.both + line.only_candidate
            if line.n and (known is None or passed / line.n > known.passed / known.n):
                best[line.slice] = Best(passed=passed, n=line.n, adapter=adapter.rpartition("/")[2])
    return best


# -- items

_FIXED = ("key", "group", "slice", "family", "messages", "expected", "checker", "meta", "failed", "confirmed")
FILLED = (
    "base_output", "candidate_output", "base_passed", "candidate_passed", "base_nll", "candidate_nll", "base_tokens",
    "candidate_tokens", "base_unsafe", "candidate_unsafe", "base_overlap", "candidate_overlap", "preference",
    "consistent", "contaminated",
)  # fmt: skip
"""What is filled in while an evaluation runs."""
_FLAGS = ("base_passed", "candidate_passed", "base_unsafe", "candidate_unsafe", "consistent")
_NAMES = ", ".join(f'"{name}"' for name in (*_FIXED, *FILLED))
_ADD_ITEM = (
    f"INSERT INTO evaluation_item (evaluation_id, position, {_NAMES}) VALUES (?, ?"
    + ", ?" * (len(_FIXED) + len(FILLED))
    + ")"
)


def _item_values(id: int, position: int, item: Item) -> tuple[Any, ...]:
    fixed = [getattr(item, name) for name in _FIXED]
    fixed[4], fixed[7] = _encode(item.messages).decode(), _encode(item.meta).decode()
    return (id, position, *fixed, *(getattr(item, name) for name in FILLED))


def items_of(connection: sqlite3.Connection, id: int) -> list[Item]:
    """The items of an evaluation, in their order, with people's blind choices as `label`."""
    rows = connection.execute(
        f"SELECT {_NAMES} FROM evaluation_item WHERE evaluation_id = ? ORDER BY position", (id,)
    ).fetchall()
    labels, bad = labels_of(connection, id), both_bad_of(connection, id)
    found = []
    for row in rows:
        values = dict(zip((*_FIXED, *FILLED), row, strict=True))
        values["messages"], values["meta"] = _decode(values["messages"]), _decode(values["meta"])
        for name in _FLAGS:
            values[name] = None if values[name] is None else bool(values[name])
        key = values["key"]
        found.append(Item(**values, label=labels.get(key), both_bad=bad.get(key, 0)))
    return found


def fill(connection: sqlite3.Connection, id: int, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Write figures of items, `(key, {column: value})`; every row has the same columns, out of FILLED."""
    rows = list(rows)
    if not rows:
        return
    names = list(rows[0][1])
    assert set(names) <= set(FILLED)
    sets = ", ".join(f"{name} = ?" for name in names)
    connection.executemany(
        f"UPDATE evaluation_item SET {sets} WHERE evaluation_id = ? AND key = ?",
        ((*(values[name] for name in names), id, key) for key, values in rows),
    )


def labels_of(connection: sqlite3.Connection, id: int) -> dict[str, float]:
    """What people chose blind, by item: 1 where all of them preferred the candidate, ½ a tie (or both are bad), their
    mean otherwise."""
    rows = connection.execute(
        "SELECT c.key, avg(CASE WHEN c.choice IN ('tie', 'neither') THEN 0.5"
        " WHEN (c.choice = 'first') = (c.flipped = 0) THEN 1.0 ELSE 0.0 END)"
        " FROM blind_test t JOIN blind_choice c ON c.blind_test_id = t.id WHERE t.evaluation_id = ? GROUP BY c.key",
        (id,),
    ).fetchall()
    return dict(rows)


def both_bad_of(connection: sqlite3.Connection, id: int) -> dict[str, int]:
    """How many people called both answers bad, by item; items where nobody did are left out."""
    rows = connection.execute(
        "SELECT c.key, count(*) FROM blind_test t JOIN blind_choice c ON c.blind_test_id = t.id"
        " WHERE t.evaluation_id = ? AND c.choice = 'neither' GROUP BY c.key",
        (id,),
    ).fetchall()
    return dict(rows)


# -- pairs of data sets


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """A pair to evaluate on; `hash` is that of its content. `body` and `meta` are JSON texts."""

    uid: bytes
    hash: bytes
    family: bytes | None
    instruction: str
    input: str | None
    output: str | None
    body: str | None
    meta: str | None
    category: str | None


def pairs_of(connection: sqlite3.Connection, dataset_id: int) -> list[HeldOut]:
    """The current versions of a data set's pairs that nobody rejected, in order."""
    rows = connection.execute(
        "SELECT p.uid, p.hash, p.family, p.instruction, p.input, p.output, p.body, p.meta, p.category"
        " FROM pair_current c CROSS JOIN pair p ON p.id = c.pair_id WHERE c.dataset_id = ? AND c.status <> 'rejected'"
        " ORDER BY c.position",
        (dataset_id,),
    ).fetchall()
    return [HeldOut(**dict(zip(HeldOut.__struct_fields__, row, strict=True))) for row in rows]


# -- the regression set


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """A confirmed failure: what was asked, what was answered wrongly (`answer`), who confirmed it."""

    key: str
    slice: str
    family: str
    messages: list[dict[str, str]]
    expected: str
    checker: str
    meta: dict[str, Any]
    answer: str
    reviewer: str
    source: str
    created: int = 0


def add_confirmed(connection: sqlite3.Connection, failures: Iterable[Confirmed]) -> int:
    """Add confirmed failures; how many are new. What is there stays as it was."""
    added = 0
    for failure in failures:
        added += connection.execute(
            "INSERT INTO regression_item (key, slice, family, messages, expected, checker, meta, answer, reviewer,"
            " source, created) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (
                failure.key, failure.slice, failure.family, _encode(failure.messages).decode(), failure.expected,
                failure.checker, _encode(failure.meta).decode(), failure.answer, failure.reviewer, failure.source,
                now_us(),
            ),
        ).rowcount  # fmt: skip
    return added


def confirmed(connection: sqlite3.Connection) -> list[Confirmed]:
    """The regression set, in the order in which it grew."""
    rows = connection.execute(
        "SELECT key, slice, family, messages, expected, checker, meta, answer, reviewer, source, created"
        " FROM regression_item ORDER BY id"
    ).fetchall()
    found = []
    for row in rows:
        values = dict(zip(Confirmed.__struct_fields__, row, strict=True))
        found.append(Confirmed(**values | {"messages": _decode(values["messages"]), "meta": _decode(values["meta"])}))
    return found
