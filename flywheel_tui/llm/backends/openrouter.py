"""OpenRouter: OpenAI's dialect with errors inside replies of status 200, and the price of each call in its usage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.backends.http import Sent
from flywheel_tui.llm.backends.openai import OpenAIBackend
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.prices import Price
from flywheel_tui.llm.protocol import Health, Request
from flywheel_tui.llm.registry import backend

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

PUBLIC = "https://openrouter.ai/api/v1"
PUBLIC_MODEL = "openrouter/auto"


class OpenRouterBackend(OpenAIBackend):
    """The router picks a provider; with a schema only one that takes every parameter."""

    headers: ClassVar[Mapping[str, str]] = {"X-Title": "flywheel-tui"}
    max_tokens_name = "max_completion_tokens"

    def payload(self, request: Request, model: str) -> Sent:
        """OpenAI's document, with the usage (and its cost) asked for."""
        sent = super().payload(request, model)
        dropped = self.memory.dropped(model)
        extra: dict[str, Any] = {"usage": {"include": True}}
        if sent.mode == "json_schema":
            extra["provider"] = {"require_parameters": True}
        added = {name: value for name, value in extra.items() if name not in dropped}
        return sent._replace(document=sent.document | added)

    async def listed_price(self, model: str) -> Price | None:
        """The price in GET /models, which is in dollars for one token."""
        try:
            answer = await self.wire.get("/models", deadline=20.0)
            entries = msgspec.json.decode(answer.body)["data"]
            pricing = next(entry["pricing"] for entry in entries if entry.get("id") == model)
            return Price(float(pricing["prompt"]) * 1e6, float(pricing["completion"]) * 1e6)
        except (BackendFault, ValueError, KeyError, TypeError, AttributeError, StopIteration, RecursionError):
            return None

    async def check(self) -> Health:
        """GET /key tells whether the key holds (its list of models is public), then GET /models."""
        by_key = await self.checked("/key", lambda _: ())
        if by_key.key != "ok":
            return by_key
        return await self.checked("/models", self._models)


@backend("openrouter")
def make(
    *,
    model: str,
    settings: Settings,
    base_url: str = "",
    deadline: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> OpenRouterBackend:
    """The back end for the key in `openrouter_api_key`."""
    if settings.openrouter_api_key is None:
        raise UsageError("OpenRouter needs a key; set OPENROUTER_API_KEY")
    endpoint = Endpoint(base_url or PUBLIC, key=settings.openrouter_api_key, allow_private=bool(base_url))
    return OpenRouterBackend(
        "openrouter",
        model or settings.openrouter_model or PUBLIC_MODEL,
        endpoint,
        deadline=deadline or settings.judge_timeout,
        transport=transport,
    )
