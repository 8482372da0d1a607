"""Which back end to take where none was named: the first that can answer, with the reasons as data."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import FlywheelError
from flywheel_tui.llm.aside import run_aside
from flywheel_tui.llm.local_models import cached_models
from flywheel_tui.llm.protocol import Health

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

PROBE_SECONDS = 2.0


class Rejected(msgspec.Struct, frozen=True):
    """A back end that was looked at and why it was not taken."""

    name: str
    why: str


class Choice(msgspec.Struct, frozen=True):
    """The back end taken, its model (empty: the first that it lists), the reason, and what came before it."""

    name: str
    model: str
    reason: str
    rejected: tuple[Rejected, ...] = ()

    def __str__(self) -> str:
        model = f" with {self.model}" if self.model else ""
        return f"{self.name}{model} ({self.reason})"


async def choose(settings: Settings) -> Choice:
    """Ollama if it answers, else a provider whose key is set, else a model on this disk, else the rules."""
    rejected: list[Rejected] = []
    health = await _probe_ollama(settings)
    if health.reachable and health.models:
        model = settings.ollama_model or health.models[0]
        return Choice("ollama", model, f"it answers at {settings.ollama_base_url}")
    rejected.append(Rejected("ollama", health.text if not health.reachable else "it has no model loaded"))
    if settings.openrouter_api_key is not None:
        return Choice("openrouter", settings.openrouter_model, "OPENROUTER_API_KEY is set", tuple(rejected))
    rejected.append(Rejected("openrouter", "OPENROUTER_API_KEY is not set"))
    if settings.anthropic_api_key is not None:
        return Choice("anthropic", settings.anthropic_model, "ANTHROPIC_API_KEY is set", tuple(rejected))
    rejected.append(Rejected("anthropic", "ANTHROPIC_API_KEY is not set"))
    if settings.openai_api_key is not None or settings.openai_base_url:
        name = "OPENAI_BASE_URL" if settings.openai_base_url else "OPENAI_API_KEY"
        return Choice("openai", settings.openai_model, f"{name} is set", tuple(rejected))
    rejected.append(Rejected("openai", "neither OPENAI_API_KEY nor OPENAI_BASE_URL is set"))
    return _without_network(rejected)


def _without_network(rejected: list[Rejected]) -> Choice:
    if find_spec("transformers") is None or find_spec("torch") is None:
        rejected.append(Rejected("local", "torch and transformers are not installed"))
    else:
        talking = [model for model in cached_models() if model.chat]
        if talking:
            return Choice("local", talking[0].name, f"{talking[0].name} is on this disk", tuple(rejected))
        rejected.append(Rejected("local", "no model with a chat template is on this disk"))
    return Choice("offline", "", "nothing else can answer; fixed rules, no model", tuple(rejected))


async def _probe_ollama(settings: Settings) -> Health:
    from flywheel_tui.llm.backends.ollama import make

    try:
        ollama = make(model="", settings=settings)
    except FlywheelError as error:
        return Health(reachable=False, key="not needed", text=str(error))
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await ollama.check()
    except TimeoutError:
        return Health(reachable=False, key="not needed", text=f"no answer within {PROBE_SECONDS:g} s")
    finally:
        await ollama.aclose()


def choose_backend(settings: Settings) -> Choice:
    """`choose` for callers that are not asynchronous; it may be called while a loop runs in this thread."""
    return run_aside(lambda: choose(settings), "choose-backend")
