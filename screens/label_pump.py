"""Keys one after the other: the next one is looked at when the one before has done all that it does.

Textual hands a key to whatever has the focus when it arrives, so a key typed while a label is being written would be
answered on the old pair, or land outside the field that the key before it opened. Here keys wait in line.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from textual import events

Job = Callable[[], Awaitable[None]]
T = TypeVar("T")


class KeyPump:
    """Works off keys and jobs in the order in which they came, in a task of its own that ends when there are none."""

    def __init__(self, answer: Callable[[events.Key], Awaitable[None]], failed: Callable[[Exception], None]) -> None:
        """`answer` does all that a key does; `failed` is told of an error that it did not take care of."""
        self._answer, self._failed = answer, failed
        self._line: deque[events.Key | Job] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being worked off."""
        return self._task is not None

    @property
    def inside(self) -> bool:
        """Whether the caller is what is being worked off."""
        return self._task is not None and asyncio.current_task() is self._task

    def put(self, what: events.Key | Job) -> None:
        """Another key or job, after all the others."""
        self._line.append(what)
        if self._task is None:
            # from Python 3.12 on Textual's loop runs a task at once: one that is over before it is kept would stay
            self._task = asyncio.Task(self._work_off(), loop=asyncio.get_running_loop())

    async def do(self, job: Job) -> None:
        """Do a job: now where it is part of what is being worked off, else in its turn."""
        if self.inside:
            await job()
        else:
            self.put(job)

    def take_keys(self) -> list[events.Key]:
        """The keys that wait, out of the line; jobs stay in it."""
        keys = [what for what in self._line if isinstance(what, events.Key)]
        self._line = deque(what for what in self._line if not isinstance(what, events.Key))
        return keys

    def drop(self) -> int:
        """Forget the keys that wait: they were meant for something that did not happen. How many there were."""
        waiting = len(self._line)
        self._line.clear()
        return waiting

    def stop(self) -> None:
        """There is nobody left to answer to: forget what waits, give up what is being worked off."""
        self._line.clear()
        if self._task is not None:
            self._task.cancel()

    async def idle(self) -> None:
        """Wait until all is done."""
        while self._task is not None and not self.inside:
            await asyncio.wait([self._task])

    async def _work_off(self) -> None:
        try:
            while self._line:
                what = self._line.popleft()
                if isinstance(what, events.Key):
                    await self._answer(what)
                else:
                    await what()
        except Exception as error:
            self._line.clear()
            self._failed(error)
        finally:
            self._task = None
