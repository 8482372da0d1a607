"""Several teachers: all of them are asked alike, and everything meets each of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace
from generate_helpers import phrase, seeds

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import Recipe, Seed, Setup, Teacher, checked_options, recipe_named
from flywheel_tui.stages.generate.seeds import look_at_seeds
from flywheel_tui.workspace import Workspace

ON_SEEDS = ("qa", "self-instruct", "evol-instruct", "cold-start", "rag", "constitutional")


def set_up(workspace: Workspace, name: str, dataset: str, teachers: int) -> Recipe:
    cls = recipe_named(name)
    found: list[Seed] = look_at_seeds(workspace, dataset, cls).seeds
    options = checked_options(cls, {})
    return cls(Setup(
        workspace=workspace, seeds=found, options=options, run_seed=0, dataset="made",
        teachers=tuple(Teacher("scripted", f"m{number}") for number in range(teachers)),
        carried=cls.plan_ahead(workspace, "made", options, 0),
    ))  # fmt: skip


@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize("name", ON_SEEDS)
def test_every_teacher_is_asked_alike(tmp_path: Path, name: str, count: int) -> None:
    with make_workspace(tmp_path / "w", seeds(count)) as workspace:
        papers = [Draft(kind="document", instruction=f"House {n}", input=phrase(n, 60)) for n in range(count)]
        add_pairs(workspace, papers, "papers")
        for teachers in (2, 3):
            made = set_up(workspace, name, "papers" if name == "rag" else "demo", teachers)
            items = [item for index in range(teachers * count * 2) if (item := made.item(index)) is not None]
            asked = Counter(item.teacher.model for item in items)
            assert len(asked) == teachers and max(asked.values()) - min(asked.values()) <= 2, asked
            if name not in ("qa", "cold-start", "constitutional"):
                continue  # several seeds to an item, or an order that is drawn anew for each round
            met: dict[bytes, set[str]] = defaultdict(set)
            for item in items:
                met[item.seed.uid].add(item.teacher.model)
            assert {len(models) for models in met.values()} == {teachers}
