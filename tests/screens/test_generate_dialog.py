"""The generate dialog with real keys: what it says of a recipe and a price, a preview, what is put in the queue."""

from __future__ import annotations

import pytest
from fixtures_workspace import StillApp
from pilots import open_dialog, shown, until
from scripted_service import ScriptedService
from textual.pilot import Pilot
from textual.widgets import Input

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.generate.recipe import load_recipes
from flywheel_tui.stages.views import list_datasets
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace
from screens.generate_dialog import GenerateDialog
from screens.generate_start import PreviewScreen
from screens.judge_dialog import Chooser
from screens.live import LiveScreen

pytestmark = pytest.mark.usefixtures("no_services")
WORKSPACE = {"count": 12, "labels": False}


async def fill(pilot: Pilot[None], field: str, text: str) -> None:
    pilot.app.screen.query_one(f"#{field}", Input).focus()
    await pilot.press("ctrl+u", *text)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_offline_rows_are_said_to_come_from_templates_and_are_queued(
    workspace: Workspace, size: tuple[int, int]
) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=size) as pilot:
        await open_dialog(
            pilot, "N", GenerateDialog, "< self-instruct >", "< offline >", "makes rows by template",
            "100 rows cost nothing",
        )  # fmt: skip
        await fill(pilot, "into", "fresh")
        await fill(pilot, "count", "7")
        await until(pilot, lambda: "7 rows cost nothing" in shown(pilot), "the price does not follow")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, LiveScreen), "it did not go to Live")
        [job] = queue.list_jobs(workspace.store)
        assert (job.kind, job.slot, job.dataset) == ("generate", "cpu", "fresh")
        assert (job.args["recipe"], job.args["count"], job.args["models"]) == ("self-instruct", 7, ["offline:rules"])


async def test_only_the_fields_of_the_recipe_are_shown(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 32)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog, "keywords")
        assert "catalogue" not in shown(pilot)
        await pilot.press("right")
        await until(pilot, lambda: "< tools >" in shown(pilot) and "household" in shown(pilot), "not the recipe's own")
        assert "keywords" not in shown(pilot) and "none needed" in shown(pilot)


async def test_a_preview_by_templates_shows_rows_and_writes_none(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(100, 32)) as pilot:
        before = [(row.name, row.pairs) for row in list_datasets(workspace)]
        await open_dialog(pilot, "N", GenerateDialog, "100 rows cost nothing")
        await fill(pilot, "seeds", "why [b bread rises")
        pilot.app.screen.query_one("#recipe").focus()
        await pilot.press(*["left"] * 2)
        while "< qa >" not in shown(pilot):
            await pilot.press("left")
            await pilot.pause(0.05)
        await until(pilot, lambda: "100 rows cost nothing" in shown(pilot), "no price")
        await pilot.pause(0.5)
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(pilot.app.screen, PreviewScreen), "no preview")
        await until(pilot, lambda: "nothing is written" in shown(pilot) and "offline:rules" in shown(pilot), "no row")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, GenerateDialog), "escape does not go back")
        after = [(row.name, row.pairs) for row in list_datasets(workspace)]
        assert [row for row in after if row in before] == before and queue.list_jobs(workspace.store) == []


async def test_a_preview_that_asks_a_service_says_its_cost_first(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedService() as service:
        monkeypatch.setenv("OPENAI_BASE_URL", service.address)
        workspace = Workspace.open(workspace.root)
        async with StillApp(workspace, start="datasets").run_test(size=(100, 32)) as pilot:
            await open_dialog(pilot, "N", GenerateDialog, "100 rows cost nothing")
            await fill(pilot, "models", "openai:m")
            await until(pilot, lambda: "tokens in" in shown(pilot), "no price")
            await pilot.press("f3")
            await until(pilot, lambda: "f3 again asks" in shown(pilot) and "3 rows" in shown(pilot), "cost not said")
            assert not service.log, "somebody was asked before the cost was agreed to"


async def test_what_cannot_be_made_is_said_and_not_started(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog, "cost nothing")
        await fill(pilot, "budget", "lots")
        await until(pilot, lambda: "'lots' is no budget" in shown(pilot), "not said")
        await pilot.press("enter")
        await pilot.pause(0.1)
        assert isinstance(pilot.app.screen, GenerateDialog)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, GenerateDialog), "escape does not close it")
        assert queue.list_jobs(workspace.store) == []


def flowing(pilot: Pilot[None]) -> str:
    """The screen without its frames and line ends."""
    return " ".join(shown(pilot).replace("│", " ").split())


async def test_every_recipe_is_described_to_its_last_word_in_a_small_window(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(80, 24)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog, "< self-instruct >")
        dialog = pilot.app.screen
        assert isinstance(dialog, GenerateDialog)
        for name, cls in sorted(load_recipes().items()):
            dialog.query_one("#recipe", Chooser).choose(name)
            await until(pilot, lambda name=name: f"< {name} >" in shown(pilot), f"{name} is not chosen")
            sentence = f"{cls.about} Makes {cls.kind} rows."
            await until(pilot, lambda words=sentence: words in flowing(pilot), f"cut: {sentence}")


async def test_switches_of_a_recipe_are_yes_or_no(workspace: Workspace) -> None:
    async with StillApp(workspace, start="datasets").run_test(size=(80, 40)) as pilot:
        await open_dialog(pilot, "N", GenerateDialog, "< self-instruct >", "yes; or no")
        assert "True" not in shown(pilot)
        dialog = pilot.app.screen
        assert isinstance(dialog, GenerateDialog)
        dialog.query_one("#setting-0 Input", Input).value = "no"
        assert dialog.options().checked().options == {"keywords": False}
        dialog.query_one("#setting-0 Input", Input).value = "maybe"
        with pytest.raises(UsageError, match="keywords=yes or keywords=no"):
            dialog.options().checked()
