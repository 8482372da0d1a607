"""Families and splits: whatever grew from a seed, over any number of parents and data sets, is on its side."""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from factories import add_pairs, make_workspace
from generate_helpers import phrase, plausible, rows, run, seeds, use_teacher
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.export.report import ExportRequest
from flywheel_tui.stages.export.run import export
from flywheel_tui.store import generation
from flywheel_tui.store.datasets import create_dataset, get_dataset
from flywheel_tui.store.generation import NewRow
from flywheel_tui.store.lineage_groups import merged_groups
from flywheel_tui.workspace import Workspace


def sides_of(workspace: Workspace, dataset: str, folder: Path, **options: Any) -> dict[str, str]:
    """The part of a split that each instruction went to."""
    import json

    request = ExportRequest(dataset=dataset, to=str(folder), split={"train": 0.5, "val": 0.5}, **options)
    found = {}
    for file in export(workspace, request).files:
        for line in Path(file.path).read_text("utf-8").splitlines():
            found[json.loads(line)["instruction"]] = file.part
    return found


def edges(workspace: Workspace) -> list[tuple[str, str]]:
    query = (
        "SELECT c.instruction, p.instruction FROM edge e JOIN pair c ON c.id = e.child_id"
        " JOIN pair p ON p.id = e.parent_id"
    )
    return workspace.store.read().execute(query).fetchall()


@pytest.mark.parametrize("recipe", ["self-instruct", "evol-instruct", "instruction", "cold-start"])
def test_no_edge_crosses_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    workspace = make_workspace(tmp_path / "w", seeds(40))
    use_teacher(monkeypatch, plausible)
    run(workspace, recipe, count=60)
    parts: set[str] = set()
    for split_seed in range(4):
        sides = sides_of(workspace, "made", tmp_path / f"out{split_seed}", seed=split_seed)
        joined = edges(workspace)
        assert len(joined) >= 60
        assert not [(a, b) for a, b in joined if a in sides and b in sides and sides[a] != sides[b]]
        parts |= set(sides.values())
    if recipe != "cold-start":  # its examples are few and shown with one another: one group
        assert parts == {"train", "val"}


def test_a_family_is_its_seed_and_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path / "w", seeds(40))
    use_teacher(monkeypatch, plausible)
    run(workspace, "self-instruct", count=50)
    merged = merged_groups(workspace.store.read(), get_dataset(workspace.store.read(), "made").id)
    assert len(set(merged.values())) == 5, "forty seeds are dealt into five blocks of eight"


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32), st.integers(3, 25), st.integers(1, 60), st.integers(1, 4))
def test_any_lineage_stays_on_one_side(number: int, seeds_there: int, made: int, parents: int) -> None:
    """Random lineages over two data sets, several parents each, exact duplicates among the seeds."""
    chance = random.Random(number)
    with TemporaryDirectory() as folder:
        workspace = make_workspace(Path(folder) / "w")
        drafts = [Draft(instruction=phrase(chance.randrange(30), 6), output="o") for _ in range(seeds_there)]
        add_pairs(workspace, drafts, "demo")
        with workspace.store.tx() as connection:
            target = create_dataset(connection, "made", "sft").id
            source = generation.source_of_job(connection, target, _job(workspace), "test")
            pool = [
                (row.id, row.family) for row in generation.seed_rows(connection, get_dataset(connection, "demo").id)
            ]
            for at in range(made):
                chosen = chance.sample(pool, min(parents, len(pool)))
                draft = Draft(instruction=f"child {at} {phrase(chance.randrange(10**6), 4)}", output="o")
                row = NewRow(draft, chosen[0][1], "test", "t@1", "t", 1, None, {}, tuple((p, "seeded") for p, _ in chosen))  # fmt: skip  # noqa: E501
                (new,) = generation.write_made(connection, target, source, 1, str(at), [row])
                if chance.random() < 0.5:
                    pool.append((new, chosen[0][1]))
        sides = sides_of(workspace, "made", Path(folder) / "out", seed=number)
        for child, parent in edges(workspace):
            assert parent not in sides or child not in sides or sides[child] == sides[parent]
        families: dict[bytes, set[str]] = {}
        for row in rows(workspace, "made"):
            families.setdefault(row["family"], set()).add(sides[row["instruction"]])
        assert all(len(parts) == 1 for parts in families.values())
        workspace.close()


def _job(workspace: Workspace) -> int:
    from flywheel_tui.store import jobs

    return jobs.enqueue(workspace.store, "generate", {}, title="test").id


def test_recipes_of_one_job_are_sources_of_their_own(tmp_path: Path) -> None:
    """A run of cycles is one job, and what its second recipe made is said to be from that recipe."""
    with make_workspace(tmp_path / "w") as workspace, workspace.store.tx() as connection:
        target, job = create_dataset(connection, "made", "sft").id, _job(workspace)
        one, two, again = (generation.source_of_job(connection, target, job, name) for name in ("qa", "evol", "qa"))
        assert one == again != two
        names = connection.execute("SELECT id, name FROM source WHERE dataset_id = ?", (target,))
        assert dict(names.fetchall()) == {one: "generate qa", two: "generate evol"}


def test_the_rows_of_a_job_are_found_without_reading_those_of_others(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w") as workspace:
        query = generation.ROWS_OF_JOB
        plan = " ".join(row[3] for row in workspace.store.read().execute(f"EXPLAIN QUERY PLAN {query}", (1, 1)))
    assert "made_by_job (job_id=?)" in plan and "SCAN" not in plan
