"""What people confirmed as failures: the pairs that they rejected, and the pairs behind traces."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec


class FailedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A pair in the version that failed. `body`, `meta` and `reasons` are JSON texts."""

    uid: bytes
    family: bytes | None
    instruction: str
    input: str | None
    output: str | None
    body: str | None
    meta: str | None
    category: str | None
    reviewer: str = ""
    reasons: str | None = None


_SAID = "p.uid, p.family, p.instruction, p.input, p.output, p.body, p.meta, p.category"
_ANSWERS = "('sft', 'kto', 'reasoning', 'trace')"
"""Kinds with a single answer to a request that can be asked again as it is."""


def rejected_by_people(connection: sqlite3.Connection) -> list[FailedPair]:
    """Every answer that stands as rejected because a person said so of it, in the order in which that was decided.

    A bulk action by an expression or by marks is no confirmation of each: nobody has to have read them.
    """
    rows = connection.execute(
        f"SELECT {_SAID}, l.reviewer, e.reasons FROM label_current l"
        " JOIN pair_current c ON c.id = l.root_id AND c.status = 'rejected'"
        " JOIN label_event e ON e.id = l.event_id AND e.batch_id IS NULL JOIN pair p ON p.id = l.pair_id"
        f" WHERE l.source = 'human' AND l.status = 'rejected' AND p.kind IN {_ANSWERS}"
        " AND trim(coalesce(p.output, '')) <> '' ORDER BY l.event_id"
    ).fetchall()
    return [FailedPair(**dict(zip(FailedPair.__struct_fields__, row, strict=True))) for row in rows]


def pairs_behind(connection: sqlite3.Connection, ids: Sequence[int]) -> dict[int, FailedPair]:
    """The versions of pairs with these numbers."""
    rows = connection.execute(
        f"SELECT p.id, {_SAID} FROM json_each(?) j JOIN pair p ON p.id = j.value",
        (msgspec.json.encode(list(ids)).decode(),),
    ).fetchall()
    names = FailedPair.__struct_fields__[:8]
    return {id: FailedPair(**dict(zip(names, row, strict=True))) for id, *row in rows}
