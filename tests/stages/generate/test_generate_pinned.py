"""What a job works on is fixed as it is made: labels and edits that come meanwhile shift no work item."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from factories import make_workspace, say
from generate_helpers import Answer, plausible, rows, run, seeds, use_teacher
from recipe_helpers import teacher

from flywheel_tui.errors import UsageError
from flywheel_tui.jobs import run_foreground
from flywheel_tui.stages.generate.engine import GeneratePaused
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.stages.generate.seeds import pinned_seeds, runs_of
from flywheel_tui.workspace import Workspace

ANSWERS: dict[str, Answer] = {"instruction": plausible, "evol-instruct": plausible, "from-failures": teacher()}


def ready(path: Path) -> Workspace:
    workspace = make_workspace(path, seeds(20))
    for row in rows(workspace, "demo")[:6]:
        say(workspace, row["id"], "rejected", reasons=("wrong_facts",))
    return workspace


def work(workspace: Workspace, options: GenerateOptions, dataset_id: int | None) -> None:
    run_foreground(
        workspace, "generate", msgspec.to_builtins(options), title="t", dataset_id=dataset_id, slot="network"
    )


def asked(recipe: str, count: int) -> GenerateOptions:
    more: dict[str, Any] = {"options": {"failures": "demo"}} if recipe == "from-failures" else {"seeds": "demo"}
    return GenerateOptions(recipe=recipe, into="made", count=count, backend="scripted", watch=False, **more)


def content(workspace: Workspace) -> list[tuple[str, str]]:
    return sorted((row["meta"]["item"], row["instruction"]) for row in rows(workspace))


@pytest.mark.parametrize("recipe", sorted(ANSWERS))
def test_labels_that_come_meanwhile_shift_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: str) -> None:
    use_teacher(monkeypatch, ANSWERS[recipe])
    with ready(tmp_path / "whole") as workspace:
        request = announce(workspace, asked(recipe, 14))
        work(workspace, request.options, request.dataset_id)
        whole = content(workspace)
    with ready(tmp_path / "parts") as workspace:
        request = announce(workspace, asked(recipe, 14))
        work(workspace, msgspec.structs.replace(request.options, count=5), request.dataset_id)
        there = rows(workspace, "demo")
        say(workspace, there[2]["id"], "approved")
        say(workspace, there[3]["id"], "edited", edit={"instruction": "Something else altogether."})
        say(workspace, there[9]["id"], "rejected")
        say(workspace, there[10]["id"], "edited", edit={"output": "Better."})
        say(workspace, rows(workspace)[0]["id"], "rejected")
        work(workspace, request.options, request.dataset_id)
        assert content(workspace) == whole and len(whole) == 14


def test_the_same_command_keeps_the_plan_of_the_job_that_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, teacher())
    workspace = ready(tmp_path / "w")
    options = msgspec.structs.replace(asked("from-failures", 14), budget_tokens=2_000)
    with pytest.raises(GeneratePaused, match="budget is spent"):
        run(workspace, "from-failures", seeds="", options={"failures": "demo"}, count=14, budget_tokens=2_000)
    first = workspace.store.read().execute("SELECT json_extract(args, '$.carried') FROM job").fetchone()[0]
    say(workspace, rows(workspace, "demo")[2]["id"], "approved")
    again = announce(workspace, msgspec.structs.replace(options, budget_tokens=9_000_000))
    assert again.options.carried == msgspec.json.decode(first) and len(again.options.carried["failures"]) == 6
    other = announce(workspace, msgspec.structs.replace(options, seed=1))
    assert other.options.carried is not None and len(other.options.carried["failures"]) == 5, "another run sees it"
    work(workspace, again.options, again.dataset_id)
    anew = announce(workspace, msgspec.structs.replace(options, count=20))
    assert anew.options.carried is not None and len(anew.options.carried["failures"]) == 6, "the paused job is there"


def test_mended_seeds_make_a_new_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_teacher(monkeypatch, plausible)
    workspace = ready(tmp_path / "w")
    first = announce(workspace, asked("evol-instruct", 5)).options
    say(workspace, rows(workspace, "demo")[9]["id"], "rejected")
    second = announce(workspace, asked("evol-instruct", 5)).options
    assert first.seeds_versions != second.seeds_versions
    assert first.seeds_versions is not None and len(pinned_seeds(workspace, first.seeds_versions)) == 14


def test_stretches_of_versions_and_rows_that_are_gone(tmp_path: Path) -> None:
    workspace = ready(tmp_path / "w")
    found = pinned_seeds(workspace, ((3, 2), (9, 1), (7, 1)))
    assert [seed.id for seed in found] == [3, 4, 9, 7] and runs_of(found) == ((3, 2), (9, 1), (7, 1))
    with pytest.raises(UsageError, match="1 of the 3 seeds of this job were removed"):
        pinned_seeds(workspace, ((19, 2), (999, 1)))
