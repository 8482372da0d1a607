"""The lineage of a generated pair with real keys: whole in Browse, blind in Label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from fixtures_workspace import StillApp, make, say
from pilots import shown, until
from textual.pilot import Pilot

from flywheel_tui.jobs import run_foreground
from flywheel_tui.stages import views
from flywheel_tui.stages.generate.options import GenerateOptions
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.stages.views import ViewQuery
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.workspace import Workspace
from screens.browse import BrowseScreen
from screens.label import LabelScreen
from screens.lineage_tree import LineageScreen


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make(tmp_path, count=6, labels=False)
    options = GenerateOptions(
        recipe="qa", into="fresh", seeds="[@click=app.quit] bread, [@click=app.quit] tides", count=4, backend="offline"
    )
    asked = announce(workspace, options)
    run_foreground(
        workspace, "generate", msgspec.to_builtins(asked.options), title="generate", dataset_id=asked.dataset_id
    )
    return workspace


async def test_a_made_row_leads_back_to_its_seed_and_enter_opens_it(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="fresh", start="browse").run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.3)
        await pilot.press("T")
        await until(pilot, lambda: isinstance(pilot.app.screen, LineageScreen), "no tree")
        for words in (
            "lineage of",
            "made by qa",
            "seeded",
            "[@click=app.quit]",
            "offline",
            "nobody has said anything",
        ):
            await until(pilot, lambda words=words: words in shown(pilot), f"{words!r} is not shown")
        await pilot.press("down", "down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, BrowseScreen), "it does not open")
        await until(pilot, lambda: "from the lineage" in shown(pilot), "it is not that pair")


async def test_it_takes_the_room_there_is_and_the_rest_is_reached_by_right(workspace: Workspace) -> None:
    async with StillApp(workspace, dataset="fresh", start="browse").run_test(size=(140, 40)) as pilot:
        await pilot.pause(0.3)
        told = await open_tree(pilot)
        assert pilot.app.screen.query_one("#lineage").outer_size == (120, 36)
        assert "up down left right" in told
        await pilot.resize_terminal(60, 24)
        before = shown(pilot)
        await pilot.press(*["right"] * 5)
        await until(pilot, lambda: shown(pilot) != before, "right does not scroll")


def job(workspace: Workspace, kind: str, args: dict[str, Any], dataset_id: int | None) -> None:
    run_foreground(workspace, kind, args, title=kind, dataset_id=dataset_id)


@pytest.fixture
def judged(workspace: Workspace) -> int:
    """A pair that a judge and somebody else looked at, and that more was made of because it had been rejected."""
    dataset = get_dataset(workspace.store.read(), "fresh").id
    job(workspace, "judge", {"dataset": "fresh", "backend": "offline", "tag": "house-judge"}, dataset)
    pair = next(iter(views.ids_of(workspace, ViewQuery(dataset="fresh"))))
    say(workspace, pair, "rejected", "ben")
    options = GenerateOptions(recipe="from-failures", into="more", count=2, backend="offline",
                              options={"failures": "fresh"})  # fmt: skip
    asked = announce(workspace, options)
    job(workspace, "generate", msgspec.to_builtins(asked.options), asked.dataset_id)
    return int(pair)


SECRETS = ("house-judge", "by ben", "from-failures", "mutated")


async def open_tree(pilot: Pilot[None]) -> str:
    await pilot.press("T")
    await until(pilot, lambda: isinstance(pilot.app.screen, LineageScreen), "no tree")
    await until(pilot, lambda: "what became of it" in shown(pilot), "the tree does not grow")
    return shown(pilot)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_in_label_nothing_that_others_said_is_seen_before_the_decision(
    workspace: Workspace, judged: int, size: tuple[int, int]
) -> None:
    async with StillApp(workspace, dataset="fresh", start="label").run_test(size=size) as pilot:
        screen = pilot.app.screen_stack[0]
        assert isinstance(screen, LabelScreen)
        await until(pilot, lambda: screen.state is not None and screen.state.card is not None, "no pair")
        assert screen.state is not None and screen.state.card is not None and screen.state.card.pair.id == judged
        told = await open_tree(pilot)
        assert "seeded" in told and told.count("hidden until you decide") >= 3
        assert not [secret for secret in SECRETS if secret in told]
        await pilot.press("enter", "down", "down", "enter")
        assert isinstance(pilot.app.screen, LineageScreen), "Browse would show what is hidden"
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen, "escape does not close it")

        await pilot.press("v")
        await screen.settled()
        told = await open_tree(pilot)
        assert "judge house-judge: passed" in told, "asked for, and the label will say so"
        assert "by ben" not in told and "mutated" not in told
        await pilot.press("escape", "a")
        await until(pilot, lambda: pilot.app.screen is screen, "escape does not close it")
        await screen.settled()
        await pilot.press("k")
        await screen.settled()
        told = await open_tree(pilot)
        assert not [secret for secret in SECRETS if secret not in told] and "hidden" not in told
