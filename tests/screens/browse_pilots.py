"""What the tests of Browse do between two keys: its screen, its lines, and waiting until its views are gathered."""

from __future__ import annotations

from textual.pilot import Pilot

from screens.browse import BrowseScreen


def shown(pilot: Pilot[None]) -> list[str]:
    """The screen as a person sees it."""
    return [strip.text for strip in pilot.app.screen._compositor.render_strips()]


def browse(pilot: Pilot[None]) -> BrowseScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, BrowseScreen)
    return screen


async def settle(pilot: Pilot[None]) -> None:
    """Until the views are gathered and drawn."""
    await pilot.app.workers.wait_for_complete(
        [worker for worker in pilot.app.workers if worker.group in ("view", "marks")]
    )
    await pilot.pause()
    await pilot.pause()
