"""What reviewers wrote when they rejected something: what a rubric is drafted from."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

import msgspec


class Rejection(NamedTuple):
    """A rejection of a person that stands: the reasons, the note, and the beginning of the pair."""

    pair: int
    reasons: tuple[str, ...]
    note: str
    instruction: str
    output: str


def rejections(connection: sqlite3.Connection, dataset_id: int | None = None, limit: int = 5_000) -> list[Rejection]:
    """The newest rejections of people, of one data set or of all."""
    rows = connection.execute(
        "SELECT l.root_id, e.reasons, e.note, substr(p.instruction, 1, 400), substr(coalesce(p.output, ''), 1, 800)"
        " FROM label_current l JOIN label_event e ON e.id = l.event_id JOIN pair p ON p.id = e.pair_id"
        " JOIN dataset d ON d.id = l.dataset_id WHERE l.source = 'human' AND l.status = 'rejected'"
        " AND d.deleted IS NULL AND (?1 IS NULL OR l.dataset_id = ?1) ORDER BY l.answered DESC, l.root_id LIMIT ?2",
        (dataset_id, limit),
    )
    load = msgspec.json.decode
    return [Rejection(row[0], tuple(load(row[1])) if row[1] else (), row[2] or "", row[3], row[4]) for row in rows]
