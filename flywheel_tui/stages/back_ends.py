"""How the back ends are: which are set up, which answer, whether their key is taken, which models they have.

Only what is set up is asked (Ollama's usual place is this machine), all at once, and for a few seconds at most.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import FlywheelError
from flywheel_tui.llm.aside import run_aside
from flywheel_tui.llm.protocol import Health

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

WITHIN_S = 3.0
NAMES: tuple[str, ...] = ("ollama", "openai", "openrouter", "anthropic", "local", "offline")


class BackEndState(msgspec.Struct, frozen=True, kw_only=True):
    """One back end. `setup` says what is missing where it is not set up ('' where it is); then nobody asked it.

    `asked_for`: the settings name it, so that it not answering is a fault and not a choice. `ms` is how long it took.
    """

    name: str
    setup: str = ""
    asked_for: bool = False
    health: Health | None = None
    ms: float | None = None

    @property
    def usable(self) -> bool:
        """Whether a job could ask it now."""
        return self.health is not None and self.health.reachable and self.health.key not in ("missing", "refused")


def missing_setup(settings: Settings, name: str) -> str:
    """What has to be set before that back end can be asked; '' where nothing has."""
    if name == "openrouter" and settings.openrouter_api_key is None:
        return "OPENROUTER_API_KEY is not set"
    if name == "anthropic" and settings.anthropic_api_key is None:
        return "ANTHROPIC_API_KEY is not set"
    if name == "openai" and settings.openai_api_key is None and not settings.openai_base_url:
        return "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"
    return ""


def _asked_for(settings: Settings, name: str) -> bool:
    if settings.default_judge_backend == name:
        return True
    fields = {"ollama": settings.ollama_model, "openai": settings.openai_base_url or settings.openai_api_key,
              "openrouter": settings.openrouter_api_key, "anthropic": settings.anthropic_api_key}  # fmt: skip
    return bool(fields.get(name))


async def ask(settings: Settings, name: str, model: str = "", within_s: float = WITHIN_S) -> BackEndState:
    """How one back end is. Never raises for a back end that is not well."""
    from flywheel_tui.llm import get_backend

    asked_for = _asked_for(settings, name)
    if setup := missing_setup(settings, name):
        return BackEndState(name=name, setup=setup, asked_for=asked_for)
    try:
        backend = get_backend(name, model=model, settings=settings)
    except FlywheelError as error:
        return BackEndState(name=name, setup=str(error), asked_for=asked_for)
    began = time.monotonic()
    try:
        async with asyncio.timeout(within_s):
            health = await backend.check()
    except TimeoutError:
        health = Health(reachable=False, key="unknown", text=f"no answer within {within_s:g} s", remedy=_REMEDY)
    finally:
        await backend.aclose()
    ms = (time.monotonic() - began) * 1000
    return BackEndState(name=name, asked_for=asked_for, health=health, ms=ms)


_REMEDY = "see whether the server is busy, and its address right"


def ask_all(settings: Settings, names: tuple[str, ...] = NAMES, within_s: float = WITHIN_S) -> list[BackEndState]:
    """How these back ends are, in their order; for callers that are not asynchronous, also within a running loop."""

    async def everyone() -> list[BackEndState]:
        return list(await asyncio.gather(*(ask(settings, name, within_s=within_s) for name in names)))

    return run_aside(everyone, "back-ends")
