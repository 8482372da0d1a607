"""What stands behind a trained adapter: where its rows came from, the failures at their root, labels, judges.

Everything is named by uids and hashes, without times and row numbers: the same work makes the same evidence anywhere.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.identity import show_uid

_UP = """WITH RECURSIVE up (id) AS (
  SELECT c.pair_id FROM pair_current c JOIN json_each(?) j ON j.value = c.dataset_id WHERE c.status <> 'rejected'
  UNION SELECT e.parent_id FROM up JOIN edge e ON e.child_id = up.id
  UNION SELECT p.supersedes FROM up JOIN pair p ON p.id = up.id WHERE p.supersedes IS NOT NULL
)"""


def _listed(ids: Sequence[int]) -> str:
    return msgspec.json.encode(list(ids)).decode()


def lineage(connection: sqlite3.Connection, datasets: Sequence[int]) -> list[dict[str, Any]]:
    """Every training row and what it came from, back to the seeds: uid, content hash, data set, and its parents."""
    rows = connection.execute(
        f"{_UP} SELECT p.uid, p.hash, d.name, p.kind, p.family, p.author, p.id FROM up JOIN pair p ON p.id = up.id"
        " JOIN dataset d ON d.id = p.dataset_id",
        (_listed(datasets),),
    ).fetchall()
    edges: dict[int, list[dict[str, Any]]] = {}
    for child, uid, relation, recipe, template, teacher, params in connection.execute(
        f"{_UP} SELECT e.child_id, p.uid, e.relation, e.recipe, e.template, e.teacher, e.params FROM up"
        " JOIN edge e ON e.child_id = up.id JOIN pair p ON p.id = e.parent_id",
        (_listed(datasets),),
    ):
        edges.setdefault(child, []).append({
            "uid": show_uid(uid), "relation": relation, "recipe": recipe, "template": template, "teacher": teacher,
            "params": msgspec.json.decode(params) if params else None,
        })  # fmt: skip
    found = [
        {
            "uid": show_uid(uid), "hash": hash.hex(), "dataset": dataset, "kind": kind,
            "family": show_uid(family) if family is not None and len(family) == 16 else None, "author": author,
            "parents": sorted(edges.get(id, []), key=lambda edge: (edge["uid"], edge["relation"])),
        }
        for uid, hash, dataset, kind, family, author, id in rows
    ]  # fmt: skip
    return sorted(found, key=lambda row: (row["dataset"], row["uid"]))


def triggers(connection: sqlite3.Connection, datasets: Sequence[int]) -> list[dict[str, Any]]:
    """The failure traces at the root of the training rows: recorded traces of pairs, else the pairs of the kind trace.

    A pair whose failure was recorded is one failure, not two.
    """
    listed = _listed(datasets)
    found = [
        {"uid": show_uid(uid), "origin": "trace", "request": request, "answer": answer, "error_kind": category or ""}
        for uid, request, answer, category in connection.execute(
            f"{_UP} SELECT p.uid, p.instruction, p.output, p.category FROM up JOIN pair p ON p.id = up.id"
            " WHERE p.kind = 'trace' AND NOT EXISTS (SELECT 1 FROM trace t WHERE t.pair_id = p.id)",
            (listed,),
        )
    ]
    found += [
        {"uid": show_uid(uid), "origin": origin, "request": request, "answer": answer, "error_kind": kind,
         "expected": expected, "score": score}
        for uid, origin, request, answer, kind, expected, score in connection.execute(
            f"{_UP} SELECT p.uid, t.origin, t.request, t.answer, t.error_kind, t.expected, t.score FROM up"
            " JOIN trace t ON t.pair_id = up.id JOIN pair p ON p.id = up.id",
            (listed,),
        )
    ]  # fmt: skip
    return sorted(found, key=lambda row: (row["origin"], row["uid"], row["request"]))


def labels(connection: sqlite3.Connection, datasets: Sequence[int]) -> list[dict[str, Any]]:
    """Decisions on the pairs of these data sets, in order. Reviewers are numbered: who they are is not in it."""
    rows = connection.execute(
        "SELECT p.uid, e.reviewer, e.source, e.action, e.status, e.preference, e.rating, e.reasons, e.blind,"
        " e.revealed, e.policy, e.inclusion FROM label_event e JOIN json_each(?) j ON j.value = e.dataset_id"
        " JOIN pair p ON p.id = e.pair_id WHERE e.action IN ('label', 'adjudicate') ORDER BY e.id",
        (_listed(datasets),),
    ).fetchall()
    numbers: dict[str, int] = {}
    return [
        {
            "pair": show_uid(row[0]), "reviewer": f"reviewer-{numbers.setdefault(row[1], len(numbers) + 1)}",
            "source": row[2], "action": row[3], "status": row[4], "preference": row[5], "rating": row[6],
            "reasons": msgspec.json.decode(row[7]) if row[7] else [], "blind": bool(row[8]), "revealed": bool(row[9]),
            "policy": row[10], "inclusion": row[11],
        }
        for row in rows
    ]  # fmt: skip


def rubric_body(connection: sqlite3.Connection, hash: str) -> dict[str, Any] | None:
    """A rubric as it was when it was used, None where it was not kept."""
    row = connection.execute("SELECT body FROM rubric WHERE hash = ?", (hash,)).fetchone()
    found: dict[str, Any] | None = msgspec.json.decode(row[0]) if row else None
    return found


def other_criteria_before(connection: sqlite3.Connection, evaluation_id: int) -> int:
    """Finished evaluations of the same adapter on the same sets under other criteria, before this one began.

    Each is a look at the outcome before these criteria were registered.
    """
    row = connection.execute(
        "SELECT count(*) FROM evaluation e JOIN evaluation o ON o.adapter_hash = e.adapter_hash"
        " AND o.base_hash = e.base_hash AND o.against_hash = e.against_hash AND o.criteria_hash <> e.criteria_hash"
        " AND o.dataset_id IS e.dataset_id AND o.finished IS NOT NULL JOIN criteria c ON c.hash = e.criteria_hash"
        " WHERE e.id = ? AND e.adapter_hash <> '' AND o.finished <= c.registered"
        " AND json_extract(o.options, '$.tasks') = json_extract(e.options, '$.tasks')",
        (evaluation_id,),
    ).fetchone()
    return int(row[0])
