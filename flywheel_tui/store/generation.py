"""Rows that recipes made: written with their lineage and the state of their work item in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.identity import now_us
from flywheel_tui.records.pair import Draft
from flywheel_tui.store.pairs import add_to_counter, next_pair_id, prepare

_encode = msgspec.json.Encoder().encode
TEXT_CHARACTERS, DETAIL_CHARACTERS = 4_000, 500


ROWS_OF_JOB = (
    "SELECT m.pair_id FROM made m JOIN pair_current c ON c.id = m.pair_id"
    " WHERE m.dataset_id = ? AND m.job_id = ? ORDER BY m.pair_id"
)


class SeedRow(NamedTuple):
    """A row that something can be made from: its current version. `depth` is None for a real one."""

    id: int
    uid: bytes
    kind: str
    instruction: str
    family: bytes
    depth: int | None
    input: str | None
    output: str | None
    body: str | None
    meta: str | None
    category: str | None
    status: str


class NewRow(NamedTuple):
    """A made pair on its way into the store. `parents` are versions and relations; `params` is JSON."""

    draft: Draft
    family: bytes | None
    recipe: str
    template: str
    teacher: str
    depth: int
    variant: str | None
    params: dict[str, Any]
    parents: tuple[tuple[int, str], ...]


class NoRow(NamedTuple):
    """An item that made nothing: by which rule, and the head of the text at fault."""

    rule: str
    detail: str
    text: str
    variant: str | None
    notes: dict[str, Any]


_SEEDS = (
    "SELECT p.id, p.uid, p.kind, p.instruction, coalesce((SELECT f.hash FROM pair f WHERE f.dataset_id = p.dataset_id"
    " AND f.uid = p.family), p.family, p.hash), json_extract(p.meta, '$.generated.depth'), p.input,"
    " p.output, p.body, p.meta, p.category, c.status FROM pair_current c JOIN pair p ON p.id = c.pair_id"
)


def seed_rows(connection: sqlite3.Connection, dataset_id: int, upto: int | None = None) -> list[SeedRow]:
    """The rows of a data set that nobody rejected, in order; with `upto`, those whose pair is no newer."""
    query = f"{_SEEDS} WHERE c.dataset_id = ? AND c.id <= ? AND c.status <> 'rejected' ORDER BY c.position"
    rows = connection.execute(query, (dataset_id, 2**62 if upto is None else upto))
    return [SeedRow(*row) for row in rows]


_OF_VERSIONS = _SEEDS.replace(
    " FROM pair_current c JOIN pair p ON p.id = c.pair_id",
    " FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value CROSS JOIN pair_current c ON c.id = CASE WHEN"
    " p.supersedes IS NULL THEN p.id ELSE (WITH RECURSIVE up (id) AS (SELECT p.id UNION SELECT q.supersedes FROM up"
    " JOIN pair q ON q.id = up.id WHERE q.supersedes IS NOT NULL) SELECT min(id) FROM up) END ORDER BY j.key",
)


def rows_by_version(connection: sqlite3.Connection, versions: Sequence[int]) -> list[SeedRow]:
    """Exactly these versions, in that order, whatever was said of them since; those that are gone are missing."""
    return [SeedRow(*row) for row in connection.execute(_OF_VERSIONS, (_encode(list(versions)).decode(),))]


def unfinished_args(connection: sqlite3.Connection, dataset_id: int) -> list[dict[str, Any]]:
    """The arguments of the jobs into a data set that have not run to their end, the newest first."""
    query = (
        "SELECT args FROM job WHERE kind = 'generate' AND dataset_id = ? AND state <> 'done' ORDER BY id DESC LIMIT 20"
    )
    return [msgspec.json.decode(args) for (args,) in connection.execute(query, (dataset_id,))]


def made_rows(connection: sqlite3.Connection, dataset_id: int, recipe: str) -> list[SeedRow]:
    """The rows that a recipe has made in a data set and that nobody rejected."""
    query = (
        f"{_SEEDS} JOIN made m ON m.pair_id = c.id WHERE c.dataset_id = ? AND m.recipe = ?"
        " AND c.status <> 'rejected' ORDER BY c.position"
    )
    return [SeedRow(*row) for row in connection.execute(query, (dataset_id, recipe))]


def newest_pair(connection: sqlite3.Connection, dataset_id: int) -> int:
    """The number of the newest pair of a data set; 0 where it is empty."""
    query = "SELECT id FROM pair_current WHERE dataset_id = ? ORDER BY position DESC LIMIT 1"
    row = connection.execute(query, (dataset_id,)).fetchone()
    return int(row[0]) if row else 0


def rows_of_job(connection: sqlite3.Connection, dataset_id: int, job_id: int) -> list[int]:
    """The pairs that a job made in a data set, in the order they were written."""
    return [pair for (pair,) in connection.execute(ROWS_OF_JOB, (dataset_id, job_id))]


def instructions(connection: sqlite3.Connection, dataset_id: int) -> list[tuple[bytes, str]]:
    """Uid and instruction of every pair of a data set, as it is now."""
    query = (
        "SELECT p.uid, p.instruction FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.dataset_id = ?"
        " ORDER BY c.position"
    )
    return connection.execute(query, (dataset_id,)).fetchall()


def hashes(connection: sqlite3.Connection, dataset_id: int) -> set[bytes]:
    """The contents that a data set has (or had: an edited one is not made again)."""
    return {hash for (hash,) in connection.execute("SELECT hash FROM pair WHERE dataset_id = ?", (dataset_id,))}


# -- work items


def items_done(connection: sqlite3.Connection, dataset_id: int, recipe: str) -> dict[str, int]:
    """The work items of a recipe that are over in a data set, and how many rows each made (0: it was rejected)."""
    found: dict[str, int] = {
        item: 0
        for (item,) in connection.execute(
            "SELECT r.item FROM item_rejected r JOIN job j ON j.id = r.job_id WHERE j.dataset_id = ?", (dataset_id,)
        )
    }
    query = "SELECT item, count(*) FROM made WHERE dataset_id = ? AND recipe = ? GROUP BY item"
    return found | dict(connection.execute(query, (dataset_id, recipe)).fetchall())


def source_of_job(connection: sqlite3.Connection, dataset_id: int, job_id: int, recipe: str) -> int:
    """The row of `source` that stands for a recipe in a job, made where it is missing."""
    fingerprint = f"job:{job_id}"
    found = connection.execute(
        "SELECT id FROM source WHERE dataset_id = ? AND fingerprint = ? AND layout = ?",
        (dataset_id, fingerprint, recipe),
    ).fetchone()
    if found:
        return int(found[0])
    row = connection.execute(
        "INSERT INTO source (dataset_id, name, format, layout, fingerprint, created)"
        " VALUES (?, ?, 'generated', ?, ?, ?) RETURNING id",
        (dataset_id, f"generate {recipe}", recipe, fingerprint, now_us()),
    ).fetchone()
    return int(row[0])


def write_made(
    connection: sqlite3.Connection, dataset_id: int, source_id: int, job_id: int, item: str, rows: Sequence[NewRow],
    cycle: int | None = None,
) -> list[int]:  # fmt: skip
    """Write the rows of one work item inside a transaction; their numbers. A content that is there already is left out.

    The uid of a row is the hash of its content, as for one that came from a file: made again elsewhere it is the same.
    """
    now = now_us()
    written: list[int] = []
    for row, prepared in zip(rows, prepare([row.draft for row in rows]), strict=True):
        hash, kind, instruction, input, output, body, meta, category, tags, length, line, author = prepared
        pair_id = next_pair_id(connection)
        added = connection.execute(
            "INSERT OR IGNORE INTO pair (id, dataset_id, uid, hash, family, kind, instruction, input, output, body,"
            " meta, category, tags, length, cycle, source_id, line, author, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (pair_id, dataset_id, hash, hash, row.family, kind, instruction, input, output, body, meta, category, tags,
             length, cycle, source_id, line, author, now),
        ).rowcount  # fmt: skip
        if not added:
            continue
        connection.execute(
            "INSERT INTO pair_current (id, dataset_id, position, pair_id, tags) VALUES (?1, ?2, (SELECT"
            " coalesce(max(position), 0) + 1 FROM pair_current WHERE dataset_id = ?2), ?1, ?3)",
            (pair_id, dataset_id, tags),
        )
        params = _encode(row.params).decode() if row.params else None
        connection.executemany(
            "INSERT OR IGNORE INTO edge (child_id, parent_id, relation, recipe, template, teacher, params, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(pair_id, parent, relation, row.recipe, row.template, row.teacher, params, now)
             for parent, relation in row.parents],
        )  # fmt: skip
        connection.execute(
            "INSERT INTO made (pair_id, dataset_id, job_id, item, recipe, template, teacher, depth, variant, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (pair_id, dataset_id, job_id, item, row.recipe, row.template, row.teacher, row.depth, row.variant, now),
        )
        written.append(pair_id)
    if written:
        add_to_counter(connection, dataset_id, "pairs", len(written))
        add_to_counter(connection, dataset_id, "open", len(written))
        connection.execute(
            "UPDATE source SET rows = rows + ?1, added = added + ?1 WHERE id = ?2", (len(written), source_id)
        )
    return written


def write_rejected(connection: sqlite3.Connection, job_id: int, item: str, no: NoRow) -> None:
    """Write why an item made nothing; part of the transaction that ends the item."""
    detail = no.detail.encode("utf-8", "replace").decode()[:DETAIL_CHARACTERS]
    text = no.text.encode("utf-8", "replace").decode()[:TEXT_CHARACTERS]
    connection.execute(
        "INSERT OR IGNORE INTO item_rejected (job_id, item, rule, detail, text, variant, notes, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (job_id, item, no.rule, detail, text, no.variant, _encode(no.notes).decode(), now_us()),
    )


class RejectedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected item as a person reads it."""

    job_id: int
    item: str
    rule: str
    detail: str
    text: str
    variant: str | None


def rejected_rows(connection: sqlite3.Connection, dataset_id: int, limit: int = 1_000) -> list[RejectedRow]:
    """The newest rejected items of the jobs that wrote into a data set."""
    query = (
        "SELECT r.job_id, r.item, r.rule, r.detail, r.text, r.variant FROM item_rejected r"
        " JOIN job j ON j.id = r.job_id WHERE j.dataset_id = ? ORDER BY r.created DESC, r.item LIMIT ?"
    )
    return [
        RejectedRow(job_id=row[0], item=row[1], rule=row[2], detail=row[3], text=row[4], variant=row[5])
        for row in connection.execute(query, (dataset_id, limit))
    ]


class Survival(NamedTuple):
    """How rows of one variant (an operator) of a recipe fared: made, rejected by rules, approved and not by people."""

    variant: str
    made: int
    eliminated: int
    approved: int
    refused: int


def survival(connection: sqlite3.Connection, recipe: str) -> list[Survival]:
    """Every variant of a recipe over all data sets. Duplicates and form faults say nothing of a variant."""
    made = connection.execute(
        "SELECT m.variant, count(*), sum(c.status IN ('approved', 'edited')), sum(c.status = 'rejected') FROM made m"
        " JOIN pair_current c ON c.id = m.pair_id WHERE m.recipe = ? AND m.variant IS NOT NULL GROUP BY m.variant",
        (recipe,),
    ).fetchall()
    gone = dict(
        connection.execute(
            "SELECT r.variant, count(*) FROM item_rejected r JOIN job j ON j.id = r.job_id"
            " WHERE r.variant IS NOT NULL AND json_extract(j.args, '$.recipe') = ?"
            " AND r.rule NOT IN ('duplicate', 'malformed') GROUP BY r.variant",
            (recipe,),
        ).fetchall()
    )
    found = {row[0]: Survival(row[0], row[1], gone.pop(row[0], 0), row[2], row[3]) for row in made}
    found |= {variant: Survival(variant, 0, count, 0, 0) for variant, count in gone.items()}
    return [found[variant] for variant in sorted(found)]


def cells(
    connection: sqlite3.Connection, dataset_id: int, *, but: tuple[str, int, str] | None = None
) -> dict[str, int]:
    """How many rows that nobody rejected are in which cell of a grid ('' for none); `but` those that a recipe made in
    a run with that seed and aim ('': none)."""
    cell = "coalesce(json_extract(p.meta, '$.generated.cell'), json_extract(p.meta, '$.cell'), '')"
    query = (
        f"SELECT {cell}, count(*) FROM pair_current c JOIN pair p ON p.id = c.pair_id"
        " WHERE c.dataset_id = ?1 AND c.status <> 'rejected' AND NOT (?2 IS NOT NULL AND"
        " json_extract(p.meta, '$.generated.recipe') IS ?2 AND json_extract(p.meta, '$.generated.params.seed') IS ?3"
        " AND coalesce(json_extract(p.meta, '$.generated.params.aim'), '') = ?4)"
        f" GROUP BY {cell}"
    )
    return dict(connection.execute(query, (dataset_id, *(but or (None, None, None)))).fetchall())


def pairs_in_cells(connection: sqlite3.Connection, dataset_id: int, keys: Sequence[str]) -> list[int]:
    """The pairs that nobody rejected and that are in one of these cells, in order: those that `cells` counts."""
    query = (
        "SELECT c.id FROM pair_current c JOIN pair p ON p.id = c.pair_id WHERE c.dataset_id = ? AND"
        " c.status <> 'rejected' AND coalesce(json_extract(p.meta, '$.generated.cell'), json_extract(p.meta, '$.cell'))"
        " IN (SELECT value FROM json_each(?)) ORDER BY c.position"
    )
    return [row[0] for row in connection.execute(query, (dataset_id, _encode(list(keys)).decode()))]
