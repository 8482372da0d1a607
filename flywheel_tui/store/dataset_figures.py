"""Figures of one data set for a person who asks: from indexes and counters, or from a sample that says so."""

from __future__ import annotations

import sqlite3
from collections import Counter

import msgspec

SAMPLE = 20_000


class SourceFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One file (or generator run) that pairs came from. `created`: microseconds UTC."""

    name: str
    format: str
    layout: str | None
    rows: int
    added: int
    rejected: int
    notes: tuple[str, ...]
    created: int


class RunFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One judge run; `mean` is over the verdicts that have a score, None where none has."""

    tag: str
    model: str | None
    judged: int
    passed: int
    errors: int
    mean: float | None


class Lengths(msgspec.Struct, frozen=True, kw_only=True):
    """Characters of instruction, input and output together; percentiles are nearest ranks, lengths that occur."""

    min: int
    median: int
    p95: int
    max: int


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Kinds and lengths, of `looked_at` pairs spread evenly over the data set (all of them where it is small)."""

    looked_at: int
    kinds: dict[str, int]
    lengths: Lengths | None


class SnapshotFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What an export (or a training run) was made from. `created`: microseconds UTC."""

    id: int
    purpose: str
    filter: str | None
    count: int
    hash: str
    created: int


def sources(connection: sqlite3.Connection, dataset_id: int) -> list[SourceFigures]:
    """Every source of a data set, in the order in which they came."""
    rows = connection.execute(
        "SELECT name, format, layout, rows, added, rejected, notes, created FROM source WHERE dataset_id = ?"
        " ORDER BY id",
        (dataset_id,),
    ).fetchall()
    return [
        SourceFigures(
            name=row[0], format=row[1], layout=row[2], rows=row[3], added=row[4], rejected=row[5],
            notes=tuple(map(str, msgspec.json.decode(row[6]))), created=row[7],
        )
        for row in rows
    ]  # fmt: skip


def labels_by_reviewer(connection: sqlite3.Connection, dataset_id: int) -> dict[str, dict[str, int]]:
    """Current labels: by reviewer, then by status; a label that only prefers or rates counts as `no status`."""
    found: dict[str, dict[str, int]] = {}
    for reviewer, status, count in connection.execute(
        "SELECT reviewer, status, count(*) FROM label_current WHERE dataset_id = ? GROUP BY reviewer, status",
        (dataset_id,),
    ):
        found.setdefault(reviewer, {})[status or "no status"] = count
    return found


def findings_by_check(connection: sqlite3.Connection, dataset_id: int) -> dict[str, dict[str, int]]:
    """Findings: by check, then by severity."""
    found: dict[str, dict[str, int]] = {}
    for check, severity, count in connection.execute(
        "SELECT check_name, severity, count(*) FROM finding WHERE dataset_id = ? GROUP BY check_name, severity",
        (dataset_id,),
    ):
        found.setdefault(check, {})[severity] = count
    return found


def judge_runs(connection: sqlite3.Connection, dataset_id: int) -> list[RunFigures]:
    """Every judge run with its verdicts and its failures, by tag."""
    rows = connection.execute(
        "SELECT r.tag, j.model, count(v.id), coalesce(sum(v.passed), 0),"
        " (SELECT count(*) FROM judge_error e WHERE e.judge_run_id = r.id), avg(v.score)"
        " FROM judge_run r LEFT JOIN judge j ON j.id = r.judge_id LEFT JOIN verdict v ON v.judge_run_id = r.id"
        ' AND v."order" = 0 AND v.repeat = 0'
        " WHERE r.dataset_id = ? GROUP BY r.id ORDER BY r.tag",
        (dataset_id,),
    ).fetchall()
    return [
        RunFigures(tag=row[0], model=row[1], judged=row[2], passed=row[3], errors=row[4], mean=row[5]) for row in rows
    ]


def shape(connection: sqlite3.Connection, dataset_id: int, count: int = SAMPLE) -> Shape:
    """Kinds and lengths of at most `count` pairs."""
    bounds = "SELECT min(position), max(position) FROM pair_current WHERE dataset_id = ?"
    first, last = connection.execute(bounds, (dataset_id,)).fetchone()
    if first is None:
        return Shape(looked_at=0, kinds={}, lengths=None)
    step = max(-(-(last - first + 1) // count), 1)
    kinds: Counter[str] = Counter()
    lengths: list[int] = []
    places = range(first, last + 1, step)
    for start in range(0, len(places), 1000):
        listed = msgspec.json.encode(list(places[start : start + 1000])).decode()
        rows = connection.execute(
            "SELECT p.kind, p.length FROM json_each(?) j CROSS JOIN pair_current c"
            " ON c.dataset_id = ? AND c.position = j.value CROSS JOIN pair p ON p.id = c.pair_id",
            (listed, dataset_id),
        ).fetchall()
        kinds.update([row[0] for row in rows])
        lengths += [row[1] for row in rows]
    return Shape(looked_at=len(lengths), kinds=dict(kinds.most_common()), lengths=_lengths(sorted(lengths)))


def _lengths(ordered: list[int]) -> Lengths | None:
    if not ordered:
        return None
    count = len(ordered)
    median, p95 = (ordered[-(-count * percent // 100) - 1] for percent in (50, 95))
    return Lengths(min=ordered[0], median=median, p95=p95, max=ordered[-1])


def snapshots(connection: sqlite3.Connection, dataset_id: int, limit: int = 20) -> list[SnapshotFigures]:
    """What was exported or trained from this data set, the newest first."""
    rows = connection.execute(
        "SELECT id, purpose, expression, count, hash, created FROM snapshot WHERE dataset_id = ?"
        " ORDER BY id DESC LIMIT ?",
        (dataset_id, limit),
    ).fetchall()
    return [
        SnapshotFigures(id=row[0], purpose=row[1], filter=row[2], count=row[3], hash=row[4], created=row[5])
        for row in rows
    ]
