"""Pairs as a cycle handles them: named by uid, so that what it writes down says the same on every machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.identity import content_hash, now_us
from flywheel_tui.records.pair import Draft
from flywheel_tui.store.pairs import add_to_counter, next_pair_id

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


class Parentage(NamedTuple):
    """An edge of a made pair: the version it comes from, and how."""

    parent_id: int
    relation: str
    recipe: str
    params: dict[str, Any]


class MadePair(NamedTuple):
    """A pair on its way into the store, with its family (the uid of its root seed) and where it comes from."""

    draft: Draft
    family: bytes | None
    parents: tuple[Parentage, ...] = ()


class CyclePair(NamedTuple):
    """A pair in its current version: what it says, its status, its last verdict."""

    id: int
    pair_id: int
    uid: bytes
    kind: str
    instruction: str
    input: str | None
    output: str | None
    meta: dict[str, Any]
    status: str
    score: float | None
    passed: int | None
    severity: str | None
    family: bytes | None


def add_pairs(
    connection: sqlite3.Connection, dataset_id: int, source_id: int | None, made: Sequence[MadePair], cycle: int | None
) -> list[bytes]:
    """Write pairs inside a transaction; the uid of each. A content that the data set holds already is not written."""
    uids: list[bytes] = []
    now, new, position = now_us(), 0, _position(connection, dataset_id)
    for draft, family, parents in made:
        hash = content_hash(draft.kind, draft.instruction, draft.input, draft.output, draft.body)
        uids.append(hash)
        if pair_ids(connection, dataset_id, [hash]):
            continue
        id, new = next_pair_id(connection), new + 1
        length = len(draft.instruction) + len(draft.input or "") + len(draft.output or "")
        tags = _json(draft.tags)
        connection.execute(
            "INSERT INTO pair (id, dataset_id, uid, hash, family, kind, instruction, input, output, body, meta,"
            " category, tags, length, cycle, source_id, line, author, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (id, dataset_id, hash, hash, family, draft.kind, draft.instruction, draft.input, draft.output,
             _json(draft.body), _json(draft.meta), draft.category, tags, length, cycle, source_id, draft.line or None,
             draft.author, now),
        )  # fmt: skip
        connection.execute(
            "INSERT INTO pair_current (id, dataset_id, position, pair_id, tags) VALUES (?, ?, ?, ?, ?)",
            (id, dataset_id, position + new, id, tags),
        )
        connection.executemany(
            "INSERT OR IGNORE INTO edge (child_id, parent_id, relation, recipe, params, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            [(id, edge.parent_id, edge.relation, edge.recipe, _json(edge.params), now) for edge in parents],
        )
    if new:
        add_to_counter(connection, dataset_id, "pairs", new)
        add_to_counter(connection, dataset_id, "open", new)
    return uids


def pair_ids(connection: sqlite3.Connection, dataset_id: int, uids: Iterable[bytes]) -> dict[bytes, int]:
    """The numbers of the pairs with these uids; those that are not there are left out."""
    found: dict[bytes, int] = {}
    for uid in uids:
        row = connection.execute("SELECT id FROM pair WHERE dataset_id = ? AND uid = ?", (dataset_id, uid)).fetchone()
        if row is not None:
            found[uid] = int(row[0])
    return found


_PAIR = (
    "SELECT c.id, c.pair_id, o.uid, p.kind, p.instruction, p.input, p.output, p.meta, c.status, c.score, c.passed,"
    " c.severity, coalesce(o.family, o.uid) FROM pair_current c JOIN pair o ON o.id = c.id"
    " JOIN pair p ON p.id = c.pair_id"
)


def pairs_by_uid(connection: sqlite3.Connection, dataset_id: int, uids: Sequence[str]) -> list[CyclePair]:
    """The pairs with these uids (hexadecimal), in this order. Raises NotFoundError where one is gone."""
    out = []
    for uid in uids:
        row = connection.execute(f"{_PAIR} WHERE o.dataset_id = ? AND o.uid = ?", (dataset_id, bytes.fromhex(uid)))
        found = row.fetchone()
        if found is None:
            raise NotFoundError("pair with the uid", uid)
        out.append(_pair(found))
    return out


def pairs_of_cycle(connection: sqlite3.Connection, dataset_id: int, cycle: int) -> list[CyclePair]:
    """What a cycle made in a data set, by position."""
    rows = connection.execute(
        f"{_PAIR} WHERE c.dataset_id = ? AND o.cycle = ? ORDER BY c.position", (dataset_id, cycle)
    )
    return [_pair(row) for row in rows.fetchall()]


def all_pairs(connection: sqlite3.Connection, dataset_id: int, *, before: int) -> list[CyclePair]:
    """The pairs of a data set that were made before a cycle, by position."""
    rows = connection.execute(
        f"{_PAIR} WHERE c.dataset_id = ? AND (o.cycle IS NULL OR o.cycle < ?) ORDER BY c.position", (dataset_id, before)
    )
    return [_pair(row) for row in rows.fetchall()]


def accepted(connection: sqlite3.Connection, dataset_id: int, cycle: int) -> list[CyclePair]:
    """What a cycle made that people accepted, or that the judge passed and nobody has decided on."""
    return [
        pair
        for pair in pairs_of_cycle(connection, dataset_id, cycle)
        if pair.status in ("approved", "edited") or (pair.status == "open" and pair.passed == 1)
    ]


def other_instructions(connection: sqlite3.Connection, dataset_id: int, cycle: int | None) -> list[tuple[str, str]]:
    """`(uid, instruction with input)` of the pairs of a data set, by position; with `cycle`, those made before it."""
    rows = connection.execute(
        "SELECT o.uid, p.instruction || char(10) || coalesce(p.input, '')"
        " FROM pair_current c JOIN pair o ON o.id = c.id JOIN pair p ON p.id = c.pair_id"
        " WHERE c.dataset_id = ?1 AND (?2 IS NULL OR o.cycle IS NULL OR o.cycle < ?2) ORDER BY c.position",
        (dataset_id, cycle),
    ).fetchall()
    return [(uid.hex(), text) for uid, text in rows]


def labels_on(connection: sqlite3.Connection, roots: Mapping[int, str]) -> dict[str, list[tuple[str, str, str]]]:
    """By uid (of `roots`: pair number to uid), who said what: `(reviewer, source, status)`, judges left out."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for root, uid in roots.items():
        rows = connection.execute(
            "SELECT reviewer, source, status FROM label_current"
            " WHERE root_id = ? AND source <> 'judge' AND status IS NOT NULL ORDER BY reviewer",
            (root,),
        ).fetchall()
        if rows:
            found[uid] = [(row[0], row[1], row[2]) for row in rows]
    return found


def reasons_on(connection: sqlite3.Connection, root: int) -> list[str]:
    """The reasons that stand for a pair, of people and scripts."""
    rows = connection.execute(
        "SELECT e.reasons FROM label_current l JOIN label_event e ON e.id = l.event_id"
        " WHERE l.root_id = ? AND l.source <> 'judge' AND e.reasons IS NOT NULL ORDER BY l.reviewer",
        (root,),
    ).fetchall()
    return [reason for (reasons,) in rows for reason in _decode(reasons)]


def errors_on(connection: sqlite3.Connection, version: int) -> list[str]:
    """The checks that found an error in a version, each once."""
    rows = connection.execute(
        "SELECT DISTINCT check_name FROM finding WHERE pair_id = ? AND severity = 'error' ORDER BY check_name",
        (version,),
    ).fetchall()
    return [name for (name,) in rows]


def _position(connection: sqlite3.Connection, dataset_id: int) -> int:
    query = "SELECT coalesce(max(position), 0) FROM pair_current WHERE dataset_id = ?"
    return int(connection.execute(query, (dataset_id,)).fetchone()[0])


def _json(value: Any) -> str | None:
    return _encode(value).decode() if value else None


def _pair(row: Sequence[Any]) -> CyclePair:
    fields = list(row)
    fields[7] = _decode(fields[7]) if fields[7] else {}
    return CyclePair(*fields)
