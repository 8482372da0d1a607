"""Pairs that people decided blind, for those who show them to a judge."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class ExampleRow(NamedTuple):
    """A standing human label with the version it was given on; `family` is the seed's, else the pair's own uid."""

    uid: bytes
    status: str
    note: str | None
    family: bytes
    version: int
    kind: str
    instruction: str
    input: str | None
    output: str | None
    body: str | None
    length: int
    root: int
    reasons: str | None


def candidates(connection: sqlite3.Connection, dataset_id: int) -> list[ExampleRow]:
    """Every approval and rejection that a person made without seeing a verdict, and that holds now."""
    rows = connection.execute(
        "SELECT e.uid, l.status, e.note, coalesce(p.family, f.uid), p.id, p.kind, p.instruction, p.input, p.output,"
        " p.body, p.length, l.root_id, e.reasons FROM label_current l JOIN label_event e ON e.id = l.event_id"
        " JOIN pair p ON p.id = l.pair_id JOIN pair f ON f.id = l.root_id"
        " WHERE l.dataset_id = ? AND l.source = 'human' AND l.status IN ('approved', 'rejected')"
        " AND e.blind = 1 AND e.revealed = 0 AND e.batch_id IS NULL ORDER BY e.uid",
        (dataset_id,),
    )
    return [ExampleRow(*row) for row in rows]


def human_passes(connection: sqlite3.Connection, dataset_id: int) -> dict[int, bool]:
    """Whether people approved each pair, from blind labels on the version that is current; who disagree are left out.

    A bulk action is no look at a pair, and what was decided after a verdict was seen says what the judge said.
    """
    rows = connection.execute(
        "SELECT l.root_id, min(l.status = 'approved'), max(l.status = 'approved') FROM label_current l"
        " JOIN label_event e ON e.id = l.event_id JOIN pair_current c ON c.id = l.root_id"
        " WHERE l.dataset_id = ? AND l.source = 'human' AND l.status IN ('approved', 'rejected')"
        " AND e.blind = 1 AND e.revealed = 0 AND e.batch_id IS NULL AND l.pair_id = c.pair_id GROUP BY l.root_id",
        (dataset_id,),
    )
    return {root: bool(low) for root, low, high in rows if low == high}


class SaidRow(NamedTuple):
    """What a run says of a version."""

    passed: bool
    score: float | None
    rationale: str


def said_of(connection: sqlite3.Connection, run_id: int, versions: Sequence[int]) -> dict[int, SaidRow]:
    """What a run says of these versions, by version; those without a verdict are left out."""
    rows = connection.execute(
        "SELECT v.pair_id, v.passed, v.score, v.rationale FROM json_each(?) j CROSS JOIN verdict v"
        ' ON v.judge_run_id = ? AND v.pair_id = j.value AND v."order" = 0 AND v.repeat = 0',
        (msgspec.json.encode(list(versions)).decode(), run_id),
    )
    return {row[0]: SaidRow(bool(row[1]), row[2], row[3] or "") for row in rows}
