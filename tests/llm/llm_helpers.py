"""Back ends against servers on loopback, and a clock whose hands the tests turn."""

from __future__ import annotations

import asyncio
from typing import Any

from flywheel_tui.llm import Backend, Request, get_backend
from flywheel_tui.llm.protocol import Message
from flywheel_tui.settings import Settings

CANARY = "sk-canary-5f3a9d1e77b2c4-KEYKEYKEY"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"rationale": {"type": "string"}, "score": {"type": "integer", "minimum": 0, "maximum": 10}},
    "required": ["rationale", "score"],
    "additionalProperties": False,
}


def settings(**changes: Any) -> Settings:
    """Settings in which every key is the canary."""
    keys = dict.fromkeys(("openai_api_key", "openrouter_api_key", "anthropic_api_key"), CANARY)
    return Settings(**{**keys, **changes})


def made(dialect: str, url: str, **options: Any) -> Backend:
    """The back end of a dialect for a server on loopback."""
    base = f"{url}/v1" if dialect in ("openai", "openrouter") else url
    return get_backend(dialect, model="m", settings=settings(), base_url=base, **{"deadline": 5.0, **options})


def question(text: str = "How good is this?", **more: Any) -> Request:
    """A request with one message."""
    return Request(messages=(Message("user", text),), **more)


class FakeClock:
    """Time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return 1_700_000_000.0 + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        until = self.seconds + seconds
        await asyncio.sleep(0)
        self.seconds = max(self.seconds, until)
