"""Keys in their turn: what is typed quickly lands in the dialog, and in the field, that it was meant for.

Textual hands a key to whatever has the focus when it arrives. A binding that moves the focus or opens a dialog runs
only later, when the key has gone up through every widget, so a text typed right after `down` or `J` went to the field
or the screen before it and was lost. Here the next key waits until the one before has come out at the top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen
from textual.worker import Worker

from screens.label_pump import KeyPump

MOST_SECONDS = 2.0
"""No key waits longer for the one before: a widget that is stuck must not make the keyboard useless."""
OPENS_SECONDS = 1.0
"""How long a worker that a key started may take to show its dialog before the next key goes to what is there."""
OPENERS = frozenset({"dialog", "rubric"})
"""Groups of workers that show a dialog."""
GOERS = frozenset({"goto"})
"""Groups of workers that go to another place: the keys after are for that place."""
_STEP_SECONDS = 0.005

Typed = events.Key | events.Paste


class KeyEnd(Message):
    """Goes up behind a key, through the same queues: where it has arrived, the key has been dealt with."""

    arrived = False


class Before(NamedTuple):
    """What there was when a key was delivered."""

    screen: Screen[Any]
    target: DOMNode
    workers: set[Worker[Any]]


class KeyLine:
    """The line of one app."""

    def __init__(
        self, app: App[Any], deliver: Callable[[Typed], Awaitable[None]], failed: Callable[[Exception], None]
    ) -> None:
        """`deliver` hands a key to what has the focus; `failed` is told of an error that nothing took care of."""
        self._app, self._deliver = app, deliver
        self._pump = KeyPump(self._in_turn, failed)

    @property
    def busy(self) -> bool:
        """Whether a key is on its way."""
        return self._pump.busy

    async def put(self, event: Typed) -> None:
        """Deliver it: at once where no other is on its way, else in its turn."""
        if self._pump.busy:
            self._pump.put(event if isinstance(event, events.Key) else partial(self._in_turn, event))
            return
        before = self._before()
        await self._deliver(event)
        self._pump.put(partial(self._until_done, before))

    def stop(self) -> None:
        """The program ends: forget what waits."""
        self._pump.stop()

    async def _in_turn(self, event: Typed) -> None:
        before = self._before()
        await self._deliver(event)
        await self._until_done(before)

    def _before(self) -> Before:
        screen = self._app.screen
        return Before(screen, self._app.focused or screen, self._at_work(OPENERS))

    def _at_work(self, groups: frozenset[str]) -> set[Worker[Any]]:
        return {each for each in self._app.workers if each.group in groups and not each.is_finished}

    async def _until_done(self, before: Before) -> None:
        """The key came out at the top; the dialog or the place that it opened is there and knows its field."""
        await self._through(before.target, before.screen)
        if self._app.screen is before.screen and (opening := self._at_work(OPENERS) - before.workers):
            await self._until(
                lambda: self._app.screen is not before.screen or all(each.is_finished for each in opening),
                OPENS_SECONDS,
            )
        if (shown := self._app.screen) is not before.screen:
            await self._arrived(shown)
        if self._at_work(GOERS):
            await self._until(lambda: not self._at_work(GOERS), OPENS_SECONDS)
            await self._arrived(self._app.screen)

    async def _arrived(self, screen: Screen[Any]) -> None:
        """A place fills its list and takes the focus once it was drawn: keys before that would find nothing there."""
        drawn = asyncio.Event()
        screen.call_after_refresh(drawn.set)
        await self._until(lambda: drawn.is_set() or self._app.screen is not screen, OPENS_SECONDS)
        await self._through(screen, screen)

    async def _through(self, target: DOMNode, screen: Screen[Any]) -> None:
        """All that waits between `target` and the app has been looked at."""
        end = KeyEnd()
        if target.post_message(end):
            await self._until(lambda: end.arrived or self._app.screen is not screen, MOST_SECONDS)

    async def _until(self, holds: Callable[[], bool], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        limit = loop.time() + seconds
        await asyncio.sleep(0)
        while not holds() and loop.time() < limit and self._app.is_running:
            await asyncio.sleep(_STEP_SECONDS)
