"""The generate dialog against a service that is really asked: a price, a paid preview, several teachers, the job."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures_workspace import StillApp
from generate_helpers import TeacherServer, rows, served, teacher_server
from pilots import open_dialog, shown, until
from textual.pilot import Pilot
from textual.widgets import Input

from flywheel_tui.jobs.runner import run_claimed
from flywheel_tui.jobs.task import Task
from flywheel_tui.stages.live import Watcher
from flywheel_tui.store import claims
from flywheel_tui.store import jobs as queue
from flywheel_tui.store.datasets import list_datasets
from flywheel_tui.workspace import Workspace
from screens.generate_dialog import GenerateDialog
from screens.generate_start import PreviewScreen
from screens.live import LiveScreen

WORKSPACE = {"count": 12, "labels": False}
PRICES = "[loopback]\nm = { input = 10.0, output = 20.0 }\nn = { input = 10.0, output = 20.0 }\n"


@pytest.fixture
def asked_models() -> Counter[str]:
    return Counter()


@pytest.fixture
def server(no_services: None, monkeypatch: pytest.MonkeyPatch, asked_models: Counter[str]) -> Iterator[TeacherServer]:
    def answer(body: dict[str, Any]) -> str:
        asked_models[body["model"]] += 1
        return served(body)

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with teacher_server(answer) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.url)
        yield running


@pytest.fixture
def workspace(server: TeacherServer, workspace: Workspace) -> Workspace:
    """One in which the server's models have a price."""
    (workspace.root / "prices.toml").write_text(PRICES)
    return workspace


def work_off(workspace: Workspace) -> None:
    """What a worker would do."""
    with Workspace.open(workspace.root) as mine:
        job = claims.claim(mine.store, "test", slots=("network",))
        assert job is not None
        run_claimed(mine, Task(mine.store, job), lease_s=30, every_s=5)


async def fill(pilot: Pilot[None], name: str, text: str) -> None:
    """As pasted: the whole text at once."""
    field = pilot.app.screen.query_one(f"#{name}", Input)
    field.focus()
    field.value = text
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), pytest.param((140, 40), marks=pytest.mark.slow)], ids=["small", "large"])
async def test_a_preview_is_paid_on_the_second_key_and_the_job_asks_both_teachers(
    workspace: Workspace, server: TeacherServer, asked_models: Counter[str], size: tuple[int, int]
) -> None:
    before = [row.name for row in list_datasets(workspace.store.read())]
    async with StillApp(workspace, start="datasets").run_test(size=size) as pilot:
        await open_dialog(pilot, "N", GenerateDialog)
        await fill(pilot, "into", "fresh")
        await fill(pilot, "seeds", "tcp/ip, why bread rises")
        await until(pilot, lambda: "2 seeds (what was typed)" in shown(pilot), "the seeds are not told")
        await fill(pilot, "models", "openai:m, openai:n")
        await until(pilot, lambda: "not asked: every teacher names its own" in shown(pilot), "the back end is told")
        await fill(pilot, "count", "6")
        await until(pilot, lambda: "6 rows" in shown(pilot) and "about $" in shown(pilot), "no price")
        assert not server.asked, "a price asks nobody"
        await pilot.press("f3")
        await until(pilot, lambda: "f3 again asks" in shown(pilot), "the cost of the preview is not said")
        assert not server.asked
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(pilot.app.screen, PreviewScreen), "no preview")
        await until(pilot, lambda: "nothing is written" in shown(pilot) and "openai:m" in shown(pilot), "no rows")
        paid = sum(server.asked.values())
        assert paid >= 3
        assert [row.name for row in list_datasets(workspace.store.read())] == before, "a preview stores nothing"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, GenerateDialog), "escape does not go back")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen), "it did not go to Live")
    [job] = [one for one in queue.list_jobs(workspace.store) if one.kind == "generate"]
    assert (job.args["models"], job.args["count"], job.slot) == (["openai:m", "openai:n"], 6, "network")
    await asyncio.to_thread(work_off, workspace)
    figures = Watcher(workspace).view(job.id).figures
    assert (figures["rows of openai:m"], figures["rows of openai:n"]) == (3, 3), "what Live shows at the end"
    made = [row for row in rows(workspace, "fresh") if row["meta"]]
    assert Counter(row["meta"]["teacher"] for row in made) == {"openai:m": 3, "openai:n": 3}
    assert set(asked_models) == {"m", "n"}
    assert set(server.asked.values()) == {1}, "what the preview paid for is not asked again"


async def test_a_preview_asked_for_too_early_comes_when_the_price_is_known(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 32)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog)
        await fill(pilot, "seeds", "why bread rises, how tides work")
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(pilot.app.screen, PreviewScreen), "no preview")


async def test_a_teacher_that_cannot_be_asked_is_said_before_the_dialog_closes(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    async with StillApp(workspace, start="datasets").run_test(size=(100, 32)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog)
        await fill(pilot, "into", "fresh")
        await fill(pilot, "models", "openai:gpt-4o-mini")
        await until(pilot, lambda: "about $" in shown(pilot), "an estimate needs no key")
        await pilot.press("enter")
        await until(pilot, lambda: "needs a key" in shown(pilot), "it is not said")
        assert isinstance(pilot.app.screen, GenerateDialog) and queue.list_jobs(workspace.store) == []


async def test_half_a_name_of_seeds_is_followed_and_starts_nothing(workspace: Workspace, tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text(json.dumps({"instruction": "Say hello", "output": "Hello."}) + "\n")
    before = [row.name for row in list_datasets(workspace.store.read())]
    async with StillApp(workspace, start="datasets").run_test(size=(140, 40)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog)
        await fill(pilot, "into", "fresh")
        await fill(pilot, "seeds", "instr")
        await until(pilot, lambda: "no data set, file or list of seeds named 'instr'" in shown(pilot), "not said")
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert isinstance(pilot.app.screen, GenerateDialog)
        await fill(pilot, "seeds", str(own))
        await until(pilot, lambda: "1 seed (the file" in shown(pilot), "the file is not read")
    assert [row.name for row in list_datasets(workspace.store.read())] == before
