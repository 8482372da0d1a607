"""The judge dialog with real keys: who answers, what it would take, what is put in the queue."""

from __future__ import annotations

import pytest
from fixtures_workspace import StillApp
from pilots import open_dialog, settle, shown, until
from scripted_service import ScriptedService

from flywheel_tui.errors import UsageError
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace
from screens.judge_dialog import JudgeDialog
from screens.judge_start import parse_budget
from screens.live import LiveScreen

pytestmark = pytest.mark.usefixtures("no_services")
WORKSPACE = {"count": 12, "labels": False}


async def test_the_offline_judge_says_that_it_is_rules(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 30)) as pilot:
        await open_dialog(
            pilot, "J", JudgeDialog, "< offline >", "fixed rules, no model", "costs nothing: rules, no model",
            "12 of 12",
        )  # fmt: skip
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen), "it did not go to Live")
        [job] = queue.list_jobs(workspace.store)
        assert (job.kind, job.slot, job.dataset) == ("judge", "cpu", "demo")
        assert job.args["backend"] == "offline" and job.args["tag"]
        await until(pilot, lambda: "judge demo" in shown(pilot) and "queued" in shown(pilot), "it is not shown")


async def test_a_service_is_found_and_what_is_typed_is_what_is_asked(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedService() as service:
        monkeypatch.setenv("OPENAI_BASE_URL", service.address)
        workspace = Workspace.open(workspace.root)
        async with StillApp(workspace, start="datasets").run_test(size=(100, 30)) as pilot:
            await open_dialog(
                pilot, "J", JudgeDialog, "< openai >", "answers with 1 model: m", "about 12 calls", "free"
            )
            for _ in range(4):
                await pilot.press("down")
            await pilot.press(*"category", "space", "i")
            await until(pilot, lambda: "only where" in shown(pilot) and "category i" in shown(pilot), "not typed")
            stale = "the forecast of before is still shown for a filter that is wrong"
            await until(pilot, lambda: "12 of 12" not in shown(pilot), stale)
            await pilot.press("enter")
            assert isinstance(pilot.app.screen, JudgeDialog)
            await pilot.press("ctrl+u", *"length", "space", "greater_than_sign", "space", *"0")
            await pilot.press("down", *"mine", "down", "ctrl+u", *"9", "down", *"40k")
            await until(pilot, lambda: "run mine" in shown(pilot), "the tag is not taken")
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen), "it did not go to Live")
        [job] = queue.list_jobs(workspace.store)
        found = {name: job.args[name] for name in ("backend", "model", "tag", "where", "concurrency", "budget_tokens")}
        assert found == {
            "backend": "openai", "model": "m", "tag": "mine", "where": "length > 0", "concurrency": 9,
            "budget_tokens": 40_000,
        }  # fmt: skip
        assert job.slot == "network" and not service.log


async def test_what_cannot_run_is_said_and_not_started(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 30)) as pilot:
        await open_dialog(pilot, "J", JudgeDialog, "< offline >", "costs nothing")
        await pilot.press("left", "left")
        await until(pilot, lambda: "ANTHROPIC_API_KEY is not set" in shown(pilot), "what is missing is not said")
        await pilot.press("right", "right")
        for _ in range(7):
            await pilot.press("down")
        await pilot.press(*"lots")
        await pilot.press("enter")
        await until(pilot, lambda: "'lots' is no budget" in shown(pilot), "not said")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, JudgeDialog), "escape does not close it")
        assert queue.list_jobs(workspace.store) == []


async def test_browse_offers_its_filter(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="demo", start="browse").run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("f", *"length", "space", "greater_than_sign", "space", *"9", "enter")
        await settle(pilot)
        await open_dialog(pilot, "J", JudgeDialog, "length > 9", "of 12 pairs")


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("", (None, None)), ("0.50", (0.5, None)), ("$2", (2.0, None)), ("3 usd", (3.0, None)),
        ("200k", (None, 200_000)),
        ("1.5M tokens", (None, 1_500_000)), ("5000 tokens", (None, 5_000)), (" 12 ", (12.0, None)),
    ],
)  # fmt: skip
def test_budgets_as_people_type_them(text: str, budget: tuple[float | None, int | None]) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["lots", "-1", "1,5", "2k usd", "nan", "1e9"])
def test_what_is_no_budget(text: str) -> None:
    with pytest.raises(UsageError, match=r"budget|both"):
        parse_budget(text)
