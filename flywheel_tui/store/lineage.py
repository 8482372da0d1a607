"""Where a pair came from and what became of it: versions, edges, and everything that was said of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.identity import parse_uid, show_uid

MAX_PAIRS = 500
"""A trace shows at most this many relatives in each direction, and says where it stopped."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a pair. `created`: microseconds UTC."""

    pair_id: int
    uid: str
    version: int
    supersedes: int | None
    current: bool
    instruction: str
    output: str | None
    author: str | None
    source: str | None
    line: int | None
    created: int


class Relative(msgspec.Struct, kw_only=True):
    """Another pair, reached over an edge, with those beyond it. `seen`: it stands elsewhere in the tree already."""

    pair_id: int
    uid: str
    dataset: str
    kind: str
    instruction: str
    relation: str
    recipe: str | None
    teacher: str | None
    template: str | None = None
    params: dict[str, Any] = {}
    depth: int = 0
    """Generations from real data."""
    seen: bool = False
    beyond: list[Relative] = []


class MadeLine(msgspec.Struct, frozen=True, kw_only=True):
    """How a recipe made a pair, also where it was made from no other pair: `params` name the catalogue or taxonomy with
    its version, the operator, the cell. `offline`: by fixed rules, no model was asked."""

    recipe: str
    template: str
    teacher: str
    depth: int
    variant: str | None
    job: int | None
    params: dict[str, Any]
    offline: bool


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One label event. `at`: microseconds UTC; `undone`: taken back since."""

    uid: str
    action: str
    reviewer: str
    source: str
    status: str | None
    preference: str | None
    rating: int | None
    reasons: tuple[str, ...]
    note: str | None
    pair_id: int | None
    at: int
    undone: bool


class FindingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a check in one version."""

    pair_id: int
    check: str
    severity: str
    field: str | None
    message: str


class VerdictLine(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict of a judge run on one version; or its failure, then `error` says what went wrong."""

    pair_id: int
    tag: str
    score: float | None
    passed: bool | None
    error: str | None
    at: int


def find_roots(connection: sqlite3.Connection, name: str) -> list[tuple[int, str]]:
    """`(number of the pair, data set)` for each pair that `name` means: a number, or a uid (of any version).

    Raises UsageError for what is neither, NotFoundError where there is no such pair.
    """
    if name.isascii() and name.isdigit() and len(name) < 19:
        wanted = [int(name)]
    else:
        try:
            uid = parse_uid(name.upper())
        except ValueError:
            raise UsageError(
                f"{name[:40]!r} is neither the number of a pair nor a uid of 26 letters and digits;"
                " `flywheel dataset show NAME` shows both"
            ) from None
        wanted = _with_uid(connection, uid)
    found: dict[int, str] = {}
    for pair_id in wanted:
        root = _root(connection, pair_id)
        row = connection.execute(
            "SELECT d.name FROM pair_current c JOIN dataset d ON d.id = c.dataset_id WHERE c.id = ?", (root,)
        ).fetchone()
        if row:
            found[root] = row[0]
    if not found:
        raise NotFoundError("pair", name, remedy="flywheel dataset show NAME lists their numbers")
    return list(found.items())


def made(connection: sqlite3.Connection, root: int) -> MadeLine | None:
    """How a recipe made a pair; None for one that no recipe made."""
    row = connection.execute(
        "SELECT m.recipe, m.template, m.teacher, m.depth, m.variant, m.job_id,"
        " json_extract(p.meta, '$.generated.params'), json_extract(p.meta, '$.generated.offline') IS NOT NULL"
        " FROM made m JOIN pair p ON p.id = m.pair_id WHERE m.pair_id = ?",
        (root,),
    ).fetchone()
    if row is None:
        return None
    return MadeLine(
        recipe=row[0], template=row[1], teacher=row[2], depth=row[3], variant=row[4], job=row[5],
        params=msgspec.json.decode(row[6]) if row[6] else {}, offline=bool(row[7]),
    )  # fmt: skip


def _with_uid(connection: sqlite3.Connection, uid: bytes) -> list[int]:
    # one probe of the index on (dataset_id, uid) for each data set: there is none on uid alone
    query = "SELECT p.id FROM dataset d CROSS JOIN pair p ON p.dataset_id = d.id AND p.uid = ? WHERE d.deleted IS NULL"
    return [pair_id for (pair_id,) in connection.execute(query, (uid,))]


def _root(connection: sqlite3.Connection, pair_id: int) -> int:
    query = """WITH RECURSIVE up (id) AS (SELECT ? UNION SELECT p.supersedes FROM up JOIN pair p ON p.id = up.id
     WHERE p.supersedes IS NOT NULL) SELECT min(id) FROM up"""
    return int(connection.execute(query, (pair_id,)).fetchone()[0])


def versions(connection: sqlite3.Connection, root: int) -> list[Version]:
    """Every version of a pair, the first one first."""
    rows = connection.execute(
        """WITH RECURSIVE down (id) AS (SELECT ? UNION SELECT p.id FROM down JOIN pair p ON p.supersedes = down.id)
        SELECT p.id, p.uid, p.version, p.supersedes, p.id = c.pair_id, p.instruction, p.output, p.author, s.name,
        p.line, p.created FROM down JOIN pair p ON p.id = down.id JOIN pair_current c ON c.id = ?
        LEFT JOIN source s ON s.id = p.source_id ORDER BY p.id""",
        (root, root),
    ).fetchall()
    return [
        Version(
            pair_id=row[0], uid=show_uid(row[1]), version=row[2], supersedes=row[3], current=bool(row[4]),
            instruction=row[5], output=row[6], author=row[7], source=row[8], line=row[9], created=row[10],
        )
        for row in rows
    ]  # fmt: skip


def ancestors(connection: sqlite3.Connection, of: Sequence[int]) -> list[Relative]:
    """What the versions `of` were made from, back to the seeds."""
    return _relatives(connection, of, "e.child_id", "e.parent_id")


def descendants(connection: sqlite3.Connection, of: Sequence[int]) -> list[Relative]:
    """What was made from the versions `of`, down to the last."""
    return _relatives(connection, of, "e.parent_id", "e.child_id")


def _relatives(connection: sqlite3.Connection, of: Sequence[int], near: str, far: str) -> list[Relative]:
    """A tree over the edges, breadth first; a pair that was met already is named but not followed again."""
    met: set[int] = set(of)
    top: list[Relative] = []
    front: list[tuple[int, list[Relative]]] = [(pair_id, top) for pair_id in of]
    query = (
        "SELECT p.id, p.uid, d.name, p.kind, substr(p.instruction, 1, 240), e.relation, e.recipe, e.teacher,"
        " e.template, e.params, coalesce(json_extract(p.meta, '$.generated.depth'), 0)"
        f" FROM edge e JOIN pair p ON p.id = {far} JOIN dataset d ON d.id = p.dataset_id"
        f" WHERE {near} = ? ORDER BY e.created, p.id"
    )
    for pair_id, into in front:
        for row in connection.execute(query, (pair_id,)).fetchall():
            if row[0] in met and row[5] == "edited":
                continue  # a version of the pair itself: told by `versions`
            relative = Relative(
                pair_id=row[0], uid=show_uid(row[1]), dataset=row[2], kind=row[3], instruction=row[4],
                relation=row[5], recipe=row[6], teacher=row[7], template=row[8],
                params=msgspec.json.decode(row[9]) if row[9] else {}, depth=row[10], seen=row[0] in met,
            )  # fmt: skip
            into.append(relative)
            if not relative.seen and len(met) < MAX_PAIRS + len(of):
                met.add(row[0])
                front.append((row[0], relative.beyond))
    return top


def events(connection: sqlite3.Connection, root: int) -> list[Event]:
    """Every label event of a pair, in order; that it was only shown is left out."""
    rows = connection.execute(
        "SELECT e.uid, e.action, e.reviewer, e.source, e.status, e.preference, e.rating, e.reasons, e.note, e.pair_id,"
        " e.answered, EXISTS (SELECT 1 FROM label_event u WHERE u.undoes = e.uid)"
        " OR EXISTS (SELECT 1 FROM batch b JOIN label_event u ON u.undoes = b.uid WHERE b.id = e.batch_id)"
        " FROM label_event e WHERE e.root_id = ? AND e.action <> 'presented' ORDER BY e.answered, e.uid",
        (root,),
    ).fetchall()
    return [
        Event(
            uid=show_uid(row[0]), action=row[1], reviewer=row[2], source=row[3], status=row[4], preference=row[5],
            rating=row[6], reasons=tuple(msgspec.json.decode(row[7])) if row[7] else (), note=row[8],
            pair_id=row[9], at=row[10], undone=bool(row[11]),
        )
        for row in rows
    ]  # fmt: skip


def findings(connection: sqlite3.Connection, of: Sequence[int]) -> list[FindingLine]:
    """What the checks found in these versions."""
    rows = _for_each(
        connection,
        of,
        "SELECT pair_id, check_name, severity, field, message FROM finding WHERE pair_id = ? ORDER BY id",
    )
    return [FindingLine(pair_id=r[0], check=r[1], severity=r[2], field=r[3], message=r[4]) for r in rows]


def verdicts(connection: sqlite3.Connection, dataset_id: int, of: Sequence[int]) -> list[VerdictLine]:
    """What the judges said of these versions, and where they failed."""
    said = _for_each(
        connection, of,
        "SELECT v.pair_id, r.tag, v.score, v.passed, NULL, v.created FROM verdict v"
        ' JOIN judge_run r ON r.id = v.judge_run_id WHERE v.pair_id = ? AND v."order" = 0 ORDER BY v.id',
    )  # fmt: skip
    failed = connection.execute(
        "SELECT e.pair_id, r.tag, NULL, NULL, e.kind || ': ' || e.detail, e.created FROM judge_run r"
        " CROSS JOIN json_each(?) j CROSS JOIN judge_error e ON e.judge_run_id = r.id AND e.pair_id = j.value"
        " WHERE r.dataset_id = ?",
        (msgspec.json.encode(list(of)).decode(), dataset_id),
    ).fetchall()
    return [
        VerdictLine(
            pair_id=row[0], tag=row[1], score=row[2], passed=None if row[3] is None else bool(row[3]), error=row[4],
            at=row[5],
        )
        for row in sorted(said + failed, key=lambda row: row[5])
    ]  # fmt: skip


def _for_each(connection: sqlite3.Connection, of: Sequence[int], query: str) -> list[tuple[Any, ...]]:
    return [row for pair_id in of for row in connection.execute(query, (pair_id,)).fetchall()]
