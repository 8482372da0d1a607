"""The rows behind a selection, 1,000 at a time: everything that an export can say about a pair.

Texts, versions and statuses are those of the moment when the selection was taken. What is added to a pair without
changing it (score, findings, tags, reviewer, preference) is read with the texts, so it can be a few seconds newer.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from operator import ne
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.identity import now_us, show_uid
from flywheel_tui.store.selections import Selection

_LETTERS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ".ljust(256, b"?")


class ExportRow(msgspec.Struct, gc=False):
    """One pair of a selection, as the exporters get it. `body`, `meta`, `tags` and `scores` are JSON texts.

    `group` names what must stay on one side of a split; `preference` is what people said of a preference pair
    (`a`, `b`, `tie`, `neither`, `split` where they disagree); `original` is the first version of an edited pair.
    """

    uid: str
    id: int
    pair_id: int
    status: str
    hash: bytes
    raw_uid: bytes
    kind: str
    instruction: str
    input: str | None
    output: str | None
    body: str | None
    meta: str | None
    category: str | None
    author: str | None
    source_id: int | None
    line: int | None
    version: int
    tags: str | None
    group: bytes | None = None
    reviewer: str | None = None
    flagged: int = 0
    findings: int = 0
    score: float | None = None
    passed: int | None = None
    scores: str | None = None
    tier: str | None = None
    quality_p: float | None = None
    weight: float | None = None
    preference: str | None = None
    original: Original | None = None

    def body_value(self, key: str) -> Any:
        """What the body holds under `key`, None where there is nothing."""
        return msgspec.json.decode(self.body).get(key) if self.body else None


class Original(NamedTuple):
    """The texts of a pair before its edits."""

    instruction: str
    input: str | None
    output: str | None


_TEXTS = (
    "p.hash, p.uid, p.kind, p.instruction, p.input, p.output, p.body, p.meta, p.category, p.author, p.source_id,"
    " p.line, p.version"
)
# What must stay together: the family, or else the content of the first version. A family is named by its seed's uid;
# where the seed is here, its content stands for it, so that exact duplicates of a seed stay with its family as well.
_GROUP = """CASE WHEN p.family IS NOT NULL THEN
 coalesce((SELECT f.hash FROM pair f WHERE f.dataset_id = c.dataset_id AND f.uid = p.family), p.family)
 WHEN c.pair_id = c.id THEN p.hash ELSE (SELECT r.hash FROM pair r WHERE r.id = c.id) END""".replace("\n", "")


class Columns(NamedTuple):
    """What the rows are read with. A column that is not read costs nothing, which shows in a million rows.

    `annotated`: with reviewer, flag, findings and scores; `grouped`: with the group for a split; `judge_run`: scores
    of that run in place of the latest.
    """

    annotated: bool = True
    grouped: bool = False
    judge_run: int | None = None


def is_annotated(connection: sqlite3.Connection, dataset_id: int) -> bool:
    """Whether anything was ever said of a pair of this data set: a label, a finding or a verdict."""
    query = " UNION ALL ".join(
        f"SELECT EXISTS (SELECT 1 FROM {table} WHERE dataset_id = :dataset)"
        for table in ("label_event", "finding", "judge_run")
    )
    query += " UNION ALL SELECT EXISTS (SELECT 1 FROM pair_current WHERE dataset_id = :dataset AND tier IS NOT NULL)"
    return any(found for (found,) in connection.execute(query, {"dataset": dataset_id}))


def rows_sql(columns: Columns) -> str:
    """The query for one chunk; its only parameter is the JSON list of pair numbers."""
    wanted, join = f"c.id, c.pair_id, c.status, {_TEXTS}, c.tags", ""
    if columns.grouped or columns.annotated:
        wanted += ", " + (_GROUP if columns.grouped else "NULL")
    if columns.annotated:
        run = columns.judge_run
        if run is None:
            verdict, score = "v.id = c.verdict_id", "c.score, c.passed"
        else:
            verdict = f'v.judge_run_id = {run:d} AND v.pair_id = c.pair_id AND v."order" = 0 AND v.repeat = 0'
            score = "v.score, v.passed"
        wanted += f", c.reviewer, c.flagged, c.findings, {score}, v.scores, c.tier, c.quality_p, c.weight"
        join = f" LEFT JOIN verdict v ON {verdict}"
    return (
        f"SELECT {wanted} FROM json_each(?) j CROSS JOIN pair_current c ON c.id = j.value"
        f" CROSS JOIN pair p ON p.id = c.pair_id{join}"
    )


def read_rows(connection: sqlite3.Connection, part: Selection, columns: Columns) -> list[ExportRow]:
    """The rows of a part of a selection, in its order and in the versions and statuses that it names."""
    found = connection.execute(rows_sql(columns), (_json_list(part.roots),)).fetchall()
    if any(map(ne, [row[0] for row in found], part.roots)):
        place = {root: index for index, root in enumerate(part.roots)}
        found.sort(key=lambda row: place[row[0]])
    uids = show_uids([row[4] for row in found])
    rows = [ExportRow(uid, *row) for row, uid in zip(found, uids, strict=True)]
    if any(map(ne, [row[1] for row in found], part.versions)):
        for row, version in zip(rows, part.versions, strict=True):
            if row.pair_id != version:
                _read_version(connection, row, version)
    statuses = part.status_list()
    if [row[2] for row in found] != statuses:
        for row, status in zip(rows, statuses, strict=True):
            row.status = status
    return rows


_VERSION_FIELDS = (
    "hash", "raw_uid", "kind", "instruction", "input", "output", "body", "meta", "category", "author", "source_id",
    "line", "version",
)  # fmt: skip


def _read_version(connection: sqlite3.Connection, row: ExportRow, version: int) -> None:
    """Put the texts of `version` in place: the pair was edited since the selection was taken."""
    query = f"SELECT {_TEXTS} FROM pair p WHERE p.id = ?"
    row.pair_id = version
    for name, value in zip(_VERSION_FIELDS, connection.execute(query, (version,)).fetchone(), strict=True):
        setattr(row, name, value)
    row.uid = show_uid(row.raw_uid)


def show_uids(uids: Sequence[bytes]) -> list[str]:
    """`identity.show_uid` of many at once, about forty times as fast.

    All of them are one long number, a field of 32 bytes for each. Halving groups of bits and moving the upper half up
    (80 bits by 48, 40 by 24 …) spreads each field to 5 bits in every byte, which are then translated to letters.
    """
    count = len(uids)
    number = int.from_bytes(b"".join([b"\0" * 16 + uid for uid in uids]), "big")
    for width, low in _spreading_masks(count):
        number = (number & low) | ((number & (low << width)) << (48 * width // 80))
    letters = number.to_bytes(32 * count, "big").translate(_LETTERS).decode("ascii")
    return [letters[start + 6 : start + 32] for start in range(0, 32 * count, 32)]


@lru_cache(maxsize=4)
def _spreading_masks(count: int) -> list[tuple[int, int]]:
    """For each group width: the width and a mask of the lower half of every group, over `count` fields."""
    steps = []
    for width, room in ((80, 32), (40, 16), (20, 8), (10, 4), (5, 2)):
        half = ((1 << width) - 1).to_bytes(room, "big")
        steps.append((width, int.from_bytes(half * (32 * count // room), "big")))
    return steps


def add_originals(connection: sqlite3.Connection, rows: Sequence[ExportRow]) -> None:
    """Fill `original` of the rows that were edited."""
    edited = {row.id: row for row in rows if row.pair_id != row.id}
    query = "SELECT p.id, p.instruction, p.input, p.output FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value"
    for id, *texts in connection.execute(query, (_json_list(list(edited)),)).fetchall():
        edited[id].original = Original(*texts)


def add_preferences(connection: sqlite3.Connection, rows: Sequence[ExportRow]) -> None:
    """Fill `preference` of the preference pairs that people labelled: adjudicated, else what most of them said."""
    wanted = {row.id: row for row in rows if row.kind == "preference"}
    listed = _json_list(list(wanted))
    said: dict[int, Counter[str]] = {}
    for id, preference in connection.execute(
        "SELECT l.root_id, l.preference FROM json_each(?) j CROSS JOIN label_current l ON l.root_id = j.value"
        " WHERE l.preference IS NOT NULL AND l.source = 'human'",
        (listed,),
    ):
        said.setdefault(id, Counter())[preference] += 1
    for id, votes in said.items():
        (first, most), *rest = votes.most_common(2)
        wanted[id].preference = "split" if rest and rest[0][1] == most else first
    for id, preference in connection.execute(
        "SELECT c.id, e.preference FROM json_each(?) j CROSS JOIN pair_current c ON c.id = j.value"
        " CROSS JOIN label_event e ON e.uid = c.adjudicated WHERE e.preference IS NOT NULL",
        (listed,),
    ):
        wanted[id].preference = preference


def _json_list(numbers: Sequence[int]) -> str:
    return "[" + ",".join(map(str, numbers)) + "]"


def add_snapshot(
    connection: sqlite3.Connection,
    dataset_id: int,
    expression: str | None,
    count: int,
    hash: str,
    purpose: str,
) -> int:
    """Record what an export was made from; its number."""
    cursor = connection.execute(
        "INSERT INTO snapshot (dataset_id, expression, count, hash, purpose, created) VALUES (?, ?, ?, ?, ?, ?)",
        (dataset_id, expression, count, hash, purpose, now_us()),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def sources_of(connection: sqlite3.Connection, dataset_id: int) -> dict[int, str]:
    """The names of the sources of a data set by number."""
    return dict(connection.execute("SELECT id, name FROM source WHERE dataset_id = ?", (dataset_id,)).fetchall())
