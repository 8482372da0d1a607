"""The service that answers: a back end behind its client (retries, limits, breaker, prices), as this stage sees it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.llm.client import Client, policy_of
from flywheel_tui.llm.prices import load_prices
from flywheel_tui.llm.protocol import Backend, Health, ListsPrices, Reply, Request

if TYPE_CHECKING:
    from flywheel_tui.llm.batches import Batches
    from flywheel_tui.llm.budget import Ledger
    from flywheel_tui.llm.clock import Clock
    from flywheel_tui.workspace import Workspace


class Service:
    """One back end for one job. The client is made within the event loop that it is used in, by `begin`."""

    def __init__(self, workspace: Workspace, backend: Backend, *, clock: Clock | None = None) -> None:
        self._workspace, self._backend, self._clock = workspace, backend, clock
        self._prices = load_prices(workspace.root)
        self._client: Client | None = None
        self._answered = 0
        self._last = time.monotonic()

    @property
    def name(self) -> str:
        """The back end's name."""
        return self._backend.name

    @property
    def model(self) -> str:
        """The model that is asked."""
        return self._backend.model

    @property
    def place(self) -> str:
        """The server, as the table of prices names it."""
        return self._backend.place

    @property
    def priced(self) -> bool:
        """Whether the price of the model is known (or will be told by the server)."""
        found = self._prices.price(self._backend.place, self._backend.model)
        return found is not None or isinstance(self._backend, ListsPrices)

    def begin(self, concurrency: int, ledger: Ledger | None) -> None:
        """Make ready to ask, with so many calls at once."""
        policy = policy_of(self._workspace.settings, concurrency=concurrency)
        self._client = Client(self._backend, policy=policy, ledger=ledger, prices=self._prices, clock=self._clock)
        self._last = time.monotonic()

    def batches(self) -> Batches:
        """The batch API of the back end. Raises UsageError where it has none."""
        from flywheel_tui.llm.batches import batches_of

        return batches_of(self._backend)

    async def check(self) -> Health:
        """Whether it is there at all."""
        return await self._backend.check()

    async def complete(self, request: Request) -> Reply:
        """One answer, after retries where these can help. Raises BackendFault."""
        assert self._client is not None
        reply = await self._client.complete(request)
        self._answered += 1
        self._last = time.monotonic()
        return reply

    def silent_s(self) -> tuple[float, bool]:
        """Seconds since it last answered while its breaker is not closed (else 0), and whether it ever did."""
        if self._client is None or self._client.snapshot().breaker == "closed":
            return 0.0, self._answered > 0
        return time.monotonic() - self._last, self._answered > 0

    def set_concurrency(self, calls: int) -> None:
        """How many calls may be under way; fewer are after a 429."""
        if self._client is not None:
            self._client.set_concurrency(calls)

    def figures(self) -> dict[str, Any]:
        """For the screens: calls in flight, latencies, faults by kind, breaker."""
        if self._client is None:
            return {}
        found: dict[str, Any] = msgspec.to_builtins(self._client.snapshot())
        return found

    def close(self) -> None:
        """`aclose` where no event loop runs."""
        asyncio.run(self.aclose())

    async def aclose(self) -> None:
        """Give back connections."""
        await self._backend.aclose()


def open_service(workspace: Workspace, backend: str, model: str, options: dict[str, Any]) -> Service:
    """The service of a job. Raises NotFoundError for an unknown back end, UsageError where a setting is missing."""
    from flywheel_tui.llm import get_backend

    return Service(workspace, get_backend(backend, model=model, settings=workspace.settings, **options))


def keyless_service(workspace: Workspace, backend: str, model: str, options: dict[str, Any]) -> Service:
    """A service that nobody will be asked through, for its name, model and price: with a stand-in where a key is
    missing. Raises NotFoundError, UsageError."""
    from pydantic import SecretStr

    from flywheel_tui.llm import get_backend

    settings = workspace.settings
    names = ("openai_api_key", "openrouter_api_key", "anthropic_api_key")
    missing = {name: SecretStr("none") for name in names if getattr(settings, name) is None}
    return Service(
        workspace, get_backend(backend, model=model, settings=settings.model_copy(update=missing), **options)
    )
