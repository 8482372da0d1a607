"""What the tests of the label screen do at the keyboard, and the label that comes of it."""

from __future__ import annotations

from typing import Any

from fixtures_workspace import StillApp
from textual.pilot import Pilot

from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.stages.label import current_label
from flywheel_tui.workspace import Workspace
from screens.label import LabelScreen

SIZE = (120, 40)


def app_on(workspace: Workspace, dataset: str = "demo", **options: Any) -> StillApp:
    return StillApp(workspace, dataset=dataset, start="label", **options)


def screen_of(pilot: Pilot[None]) -> LabelScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, LabelScreen)
    return screen


async def ready(pilot: Pilot[None]) -> LabelScreen:
    """Until the first pair (or the reason why there is none) is shown."""
    await pilot.pause()
    screen = screen_of(pilot)
    await screen.settled()
    await pilot.pause()
    return screen


async def press(pilot: Pilot[None], *keys: str) -> LabelScreen:
    """Press keys without waiting between them, then wait until all that follows has happened."""
    await pilot.press(*keys)
    screen = screen_of(pilot)
    await screen.settled()
    await pilot.pause()
    return screen


def mine(workspace: Workspace, pair: int, reviewer: str = "ana") -> CurrentLabel:
    found = current_label(workspace, pair, reviewer)
    assert found is not None
    return found


def at(screen: LabelScreen) -> int:
    """The pair shown."""
    assert screen.state is not None and screen.state.card is not None
    return screen.state.card.pair.id
