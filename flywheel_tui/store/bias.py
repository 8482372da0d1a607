"""What an audit of a judge reads beside its verdicts: both orders, lengths of answers, who wrote them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Halves(NamedTuple):
    """What a judge of preferences preferred when either answer stood first: a, b, tie or neither."""

    version: int
    a_first: str
    b_first: str


def halves(connection: sqlite3.Connection, run_id: int) -> list[Halves]:
    """The preferences of a run in both orders, by version."""
    rows = connection.execute(
        'SELECT one.pair_id, one.preference, two.preference FROM verdict one JOIN verdict two ON two."order" = 2'
        " AND two.judge_run_id = one.judge_run_id AND two.pair_id = one.pair_id AND two.repeat = 0"
        ' WHERE one.judge_run_id = ? AND one."order" = 1 AND one.repeat = 0 AND one.preference IS NOT NULL'
        " AND two.preference IS NOT NULL ORDER BY one.pair_id",
        (run_id,),
    )
    return [Halves(*row) for row in rows]


def lengths(connection: sqlite3.Connection, versions: Sequence[int]) -> list[tuple[int, int]]:
    """Characters of the answer and of the rejected answer (0: none) of these versions, in this order."""
    rows = connection.execute(
        "SELECT p.id, length(coalesce(p.output, '')), length(coalesce(json_extract(p.body, '$.rejected'), ''))"
        " FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value",
        (_listed(versions),),
    )
    found = {version: (first, second) for version, first, second in rows}
    return [found[version] for version in versions]


def writers(connection: sqlite3.Connection, versions: Sequence[int]) -> dict[int, str]:
    """The model that wrote the answer of a version: the teacher on its edges, else `model` or `generator` of its meta.

    Versions that tell of no model are left out.
    """
    rows = connection.execute(
        "SELECT p.id, coalesce("
        "(SELECT e.teacher FROM edge e WHERE e.child_id = p.id AND e.teacher IS NOT NULL LIMIT 1),"
        " json_extract(p.meta, '$.model'), json_extract(p.meta, '$.generator')) AS writer"
        " FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value",
        (_listed(versions),),
    )
    return {version: str(writer) for version, writer in rows if writer}


def _listed(versions: Sequence[int]) -> str:
    return msgspec.json.encode(list(versions)).decode()
