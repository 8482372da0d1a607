"""A back end that answers from a script: for tests, rehearsals and demonstrations of faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Health, Reply, Request
from flywheel_tui.llm.registry import backend
from flywheel_tui.llm.tokens import estimate_prompt, estimate_text

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

Step = str | Reply | BackendFault | Callable[[Request], "str | Reply | BackendFault"]
"""One answer: a text, a whole reply, a fault to raise, or a function that makes one of these from the request."""


class ScriptedBackend:
    """Gives the steps of its script in turn; the last one is repeated for ever. Every request is kept in `requests`."""

    name = "scripted"
    place = "scripted"

    def __init__(self, script: Iterable[Step] = ("ok",), *, model: str = "scripted", seconds: float = 0.0) -> None:
        self.model, self._seconds = model, seconds
        self._script: Iterator[Step] = iter(script)
        self._last: Step = "ok"
        self.requests: list[Request] = []
        self.closed = False

    async def complete(self, request: Request) -> Reply:
        """The next step of the script, after the wait that was asked for."""
        started = time.perf_counter()
        self.requests.append(request)
        self._last = next(self._script, self._last)
        step = self._last
        if self._seconds:
            await asyncio.sleep(self._seconds)
        if callable(step):
            step = step(request)
        if isinstance(step, BackendFault):
            raise step.with_traceback(None)
        if isinstance(step, Reply):
            return step
        return Reply(
            text=step,
            finish_reason="stop",
            tokens_in=estimate_prompt(request.messages),
            tokens_out=estimate_text(step),
            tokens_estimated=True,
            model=request.model or self.model,
            backend=self.name,
            latency_ms=(time.perf_counter() - started) * 1000,
            parse_mode="text" if request.schema is None else "prompt",
            cost_micro=0,
        )

    async def check(self) -> Health:
        """Always there."""
        return Health(reachable=True, key="not needed", models=(self.model,), text="answers from a script, no model")

    async def aclose(self) -> None:
        """Nothing to give back."""
        self.closed = True


@backend("scripted")
def make(
    *, model: str = "", settings: Settings | None = None, script: Iterable[Step] = ("ok",), seconds: float = 0.0
) -> ScriptedBackend:
    """A back end that plays `script`."""
    return ScriptedBackend(script, model=model or "scripted", seconds=seconds)


def fails_then(answer: str, *faults: BackendFault) -> list[Step]:
    """A script that raises the faults in turn and then answers."""
    return [*faults, answer]


def copy_of(reply: Reply, **changes: object) -> Reply:
    """A reply with some fields changed."""
    return msgspec.structs.replace(reply, **changes)
