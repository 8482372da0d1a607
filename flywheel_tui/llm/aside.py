"""Waiting for something asynchronous where a loop may be running already: in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_aside(make: Callable[[], Coroutine[Any, Any, T]], name: str) -> T:
    """What the coroutine returns; whatever it raises is raised here."""
    found: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            found.append(asyncio.run(make()))
        except BaseException as error:  # handed to the caller below
            failed.append(error)

    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]
