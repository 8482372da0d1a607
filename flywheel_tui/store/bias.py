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


class FormRow(NamedTuple):
    """A verdict on a version, and the same judge's verdict on its answer in another form."""

    form: str
    before: bool
    after: bool


def forms(connection: sqlite3.Connection, run_id: int, other_id: int) -> list[FormRow]:
    """The verdicts of a run beside those of the run on other forms of the same answers, by pair."""
    rows = connection.execute(
        "SELECT json_extract(p.meta, '$.form'), one.passed, two.passed FROM verdict two"
        " JOIN pair p ON p.id = two.pair_id"
        " JOIN verdict one ON one.judge_run_id = ?1 AND one.pair_id = json_extract(p.meta, '$.of')"
        ' AND one."order" = 0 AND one.repeat = 0 WHERE two.judge_run_id = ?2 AND two."order" = 0 AND two.repeat = 0'
        " ORDER BY p.id",
        (run_id, other_id),
    )
    return [FormRow(form, bool(before), bool(after)) for form, before, after in rows]


def made_of_forms(connection: sqlite3.Connection, dataset_id: int, layout: str) -> bool:
    """Whether all that a data set was made from has that layout."""
    query = "SELECT count(*), coalesce(sum(layout = ?), 0) FROM source WHERE dataset_id = ?"
    every, own = connection.execute(query, (layout, dataset_id)).fetchone()
    return bool(every == own)


def _listed(versions: Sequence[int]) -> str:
    return msgspec.json.encode(list(versions)).decode()
