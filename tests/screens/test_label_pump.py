"""Keys and jobs in their order, whenever the loop begins its tasks."""

from __future__ import annotations

import asyncio

import pytest
from textual import events

from screens.label_pump import KeyPump


async def pumped(*, waits: bool) -> list[str]:
    """What was done when three jobs were put, each as the one before was over; the second is part of the first."""
    done: list[str] = []

    async def answer(key: events.Key) -> None:
        raise AssertionError(key)

    def failed(error: Exception) -> None:
        raise error

    pump = KeyPump(answer, failed)

    async def inner() -> None:
        done.append("inner")

    async def job(name: str) -> None:
        if waits:
            await asyncio.sleep(0)
        if name == "first":
            assert pump.inside
            await pump.do(inner)
        done.append(name)

    for name in ("first", "second", "third"):
        pump.put(lambda name=name: job(name))  # type: ignore[misc]
        assert pump.busy
        await asyncio.wait_for(pump.idle(), 5)
        assert not pump.busy
    return done


@pytest.mark.parametrize("waits", [True, False])
@pytest.mark.parametrize("eager", [True, False])
async def test_a_job_that_is_over_at_once_does_not_stop_the_line(waits: bool, eager: bool) -> None:
    factory = getattr(asyncio, "eager_task_factory", None)
    if eager and factory is None:
        pytest.skip("this Python begins no task at once")
    asyncio.get_running_loop().set_task_factory(factory if eager else None)
    assert await pumped(waits=waits) == ["inner", "first", "second", "third"]
