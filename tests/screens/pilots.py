"""What a test at the keyboard does between two keys: read the screen, wait for a thing, wait until nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

LONG = ("dialog", "goto", "apply")
"""Groups of workers that last until a person or a job is done: nobody waits for their end."""


def shown(pilot: Pilot[None]) -> str:
    """The lines of the screen as a person sees them, without colours."""
    return "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())


async def until(
    pilot: Pilot[None], holds: Callable[[], object], what: str = "it did not happen", seconds: float = 30.0
) -> None:
    """Wait for what happens by itself; an error says `what` was missing, with the screen as it was."""
    for _ in range(int(seconds / 0.02)):
        if holds():
            await pilot.pause()
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{what} within {seconds:g} s; there was:\n{shown(pilot)}")


async def sees(pilot: Pilot[None], *words: str) -> None:
    """Wait until all these words are on the screen."""
    await until(pilot, lambda: all(word in shown(pilot) for word in words), f"{words} not shown")


async def open_dialog(pilot: Pilot[None], key: str, dialog: type[Screen[Any]], *words: str) -> None:
    """Open a dialog by its key and wait until it says all these words."""
    await pilot.pause(0.1)
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, dialog), "no dialog")
    for word in words:
        await until(pilot, lambda word=word: word in shown(pilot), f"{word!r} is not said")


async def settle(pilot: Pilot[None]) -> None:
    """Until nothing is read any more."""
    for _ in range(500):
        await pilot.pause(0.01)
        if all(each.is_finished or each.group in LONG for each in pilot.app.workers):
            break
    await pilot.pause()


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys, with everything read and drawn after each."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def still(pilot: Pilot[None], *keys: str) -> None:
    """`press` before a picture: what is drawn late is there, and no cursor blinks."""
    await settle(pilot)
    await press(pilot, *keys)
    for _ in range(5):  # a panel is drawn again once its width is known
        await pilot.pause(0.05)
    for field in pilot.app.screen.query(Input):
        field.cursor_blink = False
    await pilot.pause()
