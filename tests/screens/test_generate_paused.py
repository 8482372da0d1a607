"""Live says why a generate job stopped by itself: what pauses it, with the figures, and what goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixtures_workspace import StillApp, make
from generate_helpers import answering, phrase, use_teacher
from pilots import sees, shown, until
from textual.pilot import Pilot

from flywheel_tui.jobs.runner import run_claimed
from flywheel_tui.jobs.task import Task
from flywheel_tui.llm.protocol import Request
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.store import claims
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace


def alike(request: Request) -> str:
    return f"Name the harbour of the amber island for traveller {request.seed}, " + phrase(5, 40)


def stopped(tmp_path: Path, **options: Any) -> Workspace:
    """A workspace whose only job ran on a worker until it paused itself."""
    workspace = make(tmp_path, count=12, labels=False)
    given: dict[str, Any] = {"recipe": "evol-instruct", "seeds": "demo", "into": "fresh", "backend": "scripted"}
    asked = announce(workspace, GenerateOptions(**given | {"count": 200, "window": 10} | options))
    queue.enqueue(
        workspace.store, "generate", msgspec.to_builtins(asked.options), title="generate fresh", slot="network",
        dataset_id=asked.dataset_id, unit="rows",
    )  # fmt: skip
    with Workspace.open(workspace.root) as mine:
        job = claims.claim(mine.store, "test", slots=("network",))
        assert job is not None
        run_claimed(mine, Task(mine.store, job), lease_s=30, every_s=5)
    [job] = queue.list_jobs(workspace.store)
    assert job.state == "paused"
    return workspace


async def says(pilot: Pilot[None], *words: str) -> None:
    await sees(pilot, "paused, p goes on: ")
    told = " ".join(shown(pilot).replace("│", " ").split())
    assert not [word for word in words if word not in told], told


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_variety_that_falls_is_said_with_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    use_teacher(monkeypatch, answering(task=alike, text=f"It is the same harbour: {phrase(6, 60)}."))
    workspace = await asyncio.to_thread(stopped, tmp_path)
    async with StillApp(workspace, start="live").run_test(size=size) as pilot:
        await until(pilot, lambda: "generate fresh" in shown(pilot), "the job is not there")
        await says(pilot, "variety falls", "of the pairs among the last 10 rows are nearly the same", "Vendi")


async def test_items_that_make_nothing_are_said_with_the_commonest_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_teacher(monkeypatch, answering(task="", text="It is."))
    workspace = await asyncio.to_thread(stopped, tmp_path)
    async with StillApp(workspace, start="live").run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: "generate fresh" in shown(pilot), "the job is not there")
        await says(pilot, "of the last 40 items made nothing, mostly")
