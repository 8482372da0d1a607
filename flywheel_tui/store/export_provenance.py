"""Where exported pairs came from: edges, families and labels, for 1,000 pairs at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.identity import show_uid
from flywheel_tui.store.export_rows import ExportRow, show_uids


class Parent(msgspec.Struct, omit_defaults=True, frozen=True):
    """One pair that a pair was made from, and how."""

    uid: str
    relation: str
    recipe: str | None = None
    template: str | None = None
    teacher: str | None = None
    params: msgspec.Raw | None = None


class Said(msgspec.Struct, omit_defaults=True, frozen=True):
    """One person's (or judge's, or script's) newest label of a pair."""

    reviewer: str
    source: str
    status: str | None = None
    preference: str | None = None


class MadeBy(msgspec.Struct, omit_defaults=True, frozen=True):
    """The recipe that made a pair; `depth` counts generations from real data."""

    recipe: str
    template: str
    teacher: str
    depth: int
    variant: str | None = None
    params: msgspec.Raw | None = None


class Origin(msgspec.Struct):
    """What is known of where one pair came from. `real`: no generator made it (an edit is a person's work)."""

    family: str | None
    parents: list[Parent]
    labels: list[Said]
    made: MadeBy | None = None

    @property
    def real(self) -> bool:
        return self.made is None and all(parent.relation == "edited" for parent in self.parents)


_MADE = """SELECT j.key, p.uid, e.relation, e.recipe, e.template, e.teacher, e.params
 FROM json_each(?) j CROSS JOIN edge e ON e.child_id = j.value CROSS JOIN pair p ON p.id = e.parent_id
 ORDER BY j.key, e.parent_id"""
_FAMILY = "SELECT j.key, p.family FROM json_each(?) j CROSS JOIN pair p ON p.id = j.value WHERE p.family IS NOT NULL"
_BY_RECIPE = """SELECT j.key, m.recipe, m.template, m.teacher, m.depth, m.variant,
 json_extract(p.meta, '$.generated.params')
 FROM json_each(?) j CROSS JOIN made m ON m.pair_id = j.value CROSS JOIN pair p ON p.id = m.pair_id"""
_LABELS = """SELECT j.key, l.reviewer, l.source, l.status, l.preference
 FROM json_each(?) j CROSS JOIN label_current l ON l.root_id = j.value ORDER BY j.key, l.reviewer"""


def origins(connection: sqlite3.Connection, rows: Sequence[ExportRow]) -> list[Origin]:
    """The origin of each row, in order: of the version that is exported and of the first one."""
    roots = _listed([row.id for row in rows])
    found = [Origin(None, [], []) for _ in rows]
    _add_parents(connection, found, roots)
    edited = [(number, row.pair_id) for number, row in enumerate(rows) if row.pair_id != row.id]
    if edited:
        _add_parents(connection, [found[number] for number, _ in edited], _listed([pair for _, pair in edited]))
    families = connection.execute(_FAMILY, (roots,)).fetchall()
    for (number, _), uid in zip(families, show_uids([family for _, family in families]), strict=True):
        found[number].family = uid
    for number, recipe, template, teacher, depth, variant, params in connection.execute(_BY_RECIPE, (roots,)):
        raw = msgspec.Raw(params) if params else None
        found[number].made = MadeBy(recipe, template, teacher, depth, variant, raw)
    for number, *said in connection.execute(_LABELS, (roots,)):
        found[number].labels.append(Said(*said))
    return found


def _add_parents(connection: sqlite3.Connection, found: Sequence[Origin], listed: str) -> None:
    for number, uid, relation, recipe, template, teacher, params in connection.execute(_MADE, (listed,)):
        raw = msgspec.Raw(params) if params else None
        found[number].parents.append(Parent(show_uid(uid), relation, recipe, template, teacher, raw))


def _listed(numbers: Sequence[int]) -> str:
    return "[" + ",".join(map(str, numbers)) + "]"


_GENERATED = """SELECT j.value FROM json_each(?) j WHERE EXISTS
 (SELECT 1 FROM edge e WHERE e.child_id = j.value AND e.relation <> 'edited')
 OR EXISTS (SELECT 1 FROM made m WHERE m.pair_id = j.value)"""
# A failure trace seeds new pairs, but its answer is the one that failed: it is never written as one to learn from.
_SEEDS = """WITH RECURSIVE up (id) AS (
 SELECT value FROM json_each(:children)
 UNION SELECT e.parent_id FROM up JOIN edge e ON e.child_id = up.id)
 SELECT DISTINCT c.id, c.pair_id, c.status, c.dataset_id FROM up JOIN pair_current c ON c.id = up.id
 JOIN dataset d ON d.id = c.dataset_id AND d.deleted IS NULL JOIN pair p ON p.id = c.pair_id
 WHERE c.dataset_id <> :dataset AND c.status <> 'rejected' AND p.kind NOT IN ('trace', 'document')
 AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.child_id = c.id AND e.relation <> 'edited')
 AND NOT EXISTS (SELECT 1 FROM made m WHERE m.pair_id = c.id)
 AND NOT EXISTS (SELECT 1 FROM pair q WHERE q.dataset_id = :dataset AND q.uid = p.hash)
 ORDER BY c.id"""
_BESIDE = """SELECT c.id, c.pair_id, c.status, c.dataset_id, p.uid FROM pair_current c JOIN pair p ON p.id = c.pair_id
 WHERE c.dataset_id IN (SELECT value FROM json_each(:places)) AND c.status <> 'rejected'
 AND p.kind NOT IN ('trace', 'document')
 AND NOT EXISTS (SELECT 1 FROM edge e WHERE e.child_id = c.id AND e.relation <> 'edited')
 AND NOT EXISTS (SELECT 1 FROM made m WHERE m.pair_id = c.id)
 AND NOT EXISTS (SELECT 1 FROM pair q WHERE q.dataset_id = :dataset AND q.uid = p.hash)
 ORDER BY c.id"""


def generated(connection: sqlite3.Connection, roots: Sequence[int]) -> set[int]:
    """Those of the pairs (by number) that a generator made."""
    return {root for (root,) in connection.execute(_GENERATED, (_listed(roots),))}


def seeds_elsewhere(
    connection: sqlite3.Connection, dataset_id: int, children: Sequence[int]
) -> list[tuple[int, int, str, int]]:
    """`(pair, version, status, data set)` of the real pairs in other data sets that these grew from.

    Rejected ones are left out, and so are those whose content is in this data set as well.
    """
    rows = connection.execute(_SEEDS, {"children": _listed(children), "dataset": dataset_id})
    return rows.fetchall()


def real_pairs_of(
    connection: sqlite3.Connection, dataset_id: int, places: Sequence[int]
) -> list[tuple[int, int, str, int, bytes]]:
    """`(pair, version, status, data set, uid)` of every real pair of other data sets (`places`), by the same rules as
    `seeds_elsewhere`."""
    return connection.execute(_BESIDE, {"places": _listed(places), "dataset": dataset_id}).fetchall()


def made_by(connection: sqlite3.Connection, dataset_id: int) -> list[dict[str, Any]]:
    """How many pairs each recipe, template and teacher made, how many of them passed, and how people found them."""
    rows = connection.execute(
        """SELECT m.recipe, m.template, m.teacher, count(*), count(CASE WHEN c.passed = 1 THEN 1 END),
        count(CASE WHEN c.passed = 0 THEN 1 END), count(CASE WHEN c.status IN ('approved', 'edited') THEN 1 END),
        count(CASE WHEN c.status = 'rejected' THEN 1 END)
        FROM (SELECT pair_id, recipe, template, teacher FROM made WHERE dataset_id = :dataset
        UNION SELECT e.child_id, e.recipe, e.template, e.teacher FROM pair_current c JOIN edge e ON e.child_id = c.id
        AND e.relation <> 'edited' WHERE c.dataset_id = :dataset) m
        JOIN pair_current c ON c.id = m.pair_id GROUP BY m.recipe, m.template, m.teacher ORDER BY 4 DESC""",
        {"dataset": dataset_id},
    ).fetchall()
    names = ("recipe", "template", "teacher", "pairs", "passed", "failed", "accepted", "rejected")
    return [dict(zip(names, row, strict=True)) for row in rows]


def rejected_items(connection: sqlite3.Connection, dataset_id: int) -> dict[str, int]:
    """How many work items of generation made nothing, by the rule that said so."""
    rows = connection.execute(
        "SELECT r.rule, count(*) FROM item_rejected r JOIN job j ON j.id = r.job_id WHERE j.dataset_id = ?"
        " GROUP BY r.rule ORDER BY 2 DESC, 1",
        (dataset_id,),
    )
    return dict(rows.fetchall())


def jobs_of(connection: sqlite3.Connection, dataset_id: int) -> list[dict[str, Any]]:
    """The jobs that made, judged or checked the pairs of a data set, oldest first, with what they cost (USD)."""
    rows = connection.execute(
        """SELECT id, kind, title, state, done, total, cost_micro, created, finished FROM job
        WHERE dataset_id = ? AND kind IN ('generate', 'judge', 'validate', 'ingest') ORDER BY id""",
        (dataset_id,),
    ).fetchall()
    names = ("job", "kind", "title", "state", "done", "total", "cost_usd", "created", "finished")
    return [dict(zip(names, row, strict=True)) | {"cost_usd": row[6] / 1e6} for row in rows]


def judge_runs(connection: sqlite3.Connection, dataset_id: int) -> list[dict[str, Any]]:
    """Every judge run of a data set, oldest first: how many pairs it judged and passed."""
    rows = connection.execute(
        """SELECT r.id, r.tag, j.backend, j.model, b.name, count(v.id), coalesce(sum(v.passed), 0), avg(v.score),
        (SELECT count(*) FROM judge_error e WHERE e.judge_run_id = r.id)
        FROM judge_run r LEFT JOIN judge j ON j.id = r.judge_id LEFT JOIN rubric b ON b.id = j.rubric_id
        LEFT JOIN verdict v ON v.judge_run_id = r.id AND v."order" = 0 AND v.repeat = 0
        WHERE r.dataset_id = ? GROUP BY r.id ORDER BY r.id""",
        (dataset_id,),
    ).fetchall()
    names = ("run", "tag", "backend", "model", "rubric", "judged", "passed", "mean_score", "without_verdict")
    return [dict(zip(names, row, strict=True)) for row in rows]


def run_scores(connection: sqlite3.Connection, run: int) -> list[tuple[bool, dict[str, float | None]]]:
    """`(passed, scores by criterion)` of every verdict of a run that scores criteria."""
    rows = connection.execute(
        'SELECT passed, scores FROM verdict WHERE judge_run_id = ? AND "order" = 0 AND repeat = 0'
        " AND scores IS NOT NULL",
        (run,),
    )
    return [(bool(passed), msgspec.json.decode(scores)) for passed, scores in rows]
