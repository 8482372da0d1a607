"""Small real workspaces for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import Decision
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.label import Outcome, decide
from flywheel_tui.store import datasets, pairs, sources
from flywheel_tui.workspace import Workspace


def sft(count: int, text: str = "pair") -> list[Draft]:
    """Distinct plain pairs."""
    return [
        Draft(instruction=f"{text} {number}: what is it?", output=f"answer {number}", line=number)
        for number in range(1, count + 1)
    ]


def add_pairs(workspace: Workspace, drafts: Sequence[Draft], dataset: str = "demo") -> list[int]:
    """Store drafts in a data set (made where it is missing); the numbers of all its pairs, in order."""
    with workspace.store.tx() as connection:
        known = {row.name: row.id for row in datasets.list_datasets(connection)}
        if dataset not in known:
            known[dataset] = datasets.create_dataset(connection, dataset, drafts[0].kind).id
        source = sources.add_source(
            connection, known[dataset], name="made", format="made", layout="made", fingerprint=None
        )
        pairs.insert_drafts(connection, known[dataset], source, pairs.prepare(drafts), pairs.Occurrences())
    return pair_ids(workspace, dataset)


def pair_ids(workspace: Workspace, dataset: str = "demo") -> list[int]:
    """The numbers of a data set's pairs, in order."""
    query = (
        "SELECT c.id FROM pair_current c JOIN dataset d ON d.id = c.dataset_id WHERE d.name = ? AND d.deleted IS NULL"
        " ORDER BY c.position"
    )
    return [row[0] for row in workspace.store.read().execute(query, (dataset,))]


def make_workspace(folder: Path, drafts: Sequence[Draft] | None = None) -> Workspace:
    """A workspace with one data set `demo`."""
    workspace = Workspace.open(folder, create=True)
    if drafts is not None:
        add_pairs(workspace, drafts)
    return workspace


def say(workspace: Workspace, pair: int, status: str | None, reviewer: str = "ana", **fields: Any) -> Outcome:
    """Write a decision on the current version of a pair."""
    version = workspace.store.read().execute("SELECT pair_id FROM pair_current WHERE id = ?", (pair,)).fetchone()[0]
    values: dict[str, Any] = {"uid": new_uid(), "answered": now_us()} | fields
    return decide(workspace, Decision(pair=pair, version=version, reviewer=reviewer, status=status, **values))


def statuses(workspace: Workspace, ids: Iterable[int]) -> list[str]:
    """The status of each pair."""
    query = "SELECT status FROM pair_current WHERE id = ?"
    return [workspace.store.read().execute(query, (pair,)).fetchone()[0] for pair in ids]


def projections(workspace: Workspace) -> tuple[list[Any], list[Any], list[Any]]:
    """Everything that is derived from label events."""
    read = workspace.store.read().execute
    return (
        read("SELECT * FROM pair_current ORDER BY id").fetchall(),
        read("SELECT * FROM label_current ORDER BY root_id, reviewer").fetchall(),
        [row for row in read("SELECT * FROM counter ORDER BY dataset_id, name").fetchall() if row[2]],
    )
