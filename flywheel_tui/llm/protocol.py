"""The one protocol of all back ends: a request goes in, a reply comes out or `BackendFault` is raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from flywheel_tui.llm.prices import Price

FinishReason = Literal["stop", "length", "content_filter", "tool", "unknown"]
ParseMode = Literal["json_schema", "tool", "json_object", "prompt", "text", "rule"]
"""How the form of the answer was asked for: enforced by the server (`json_schema`, `tool`), JSON of any shape
(`json_object`), by words (`prompt`), not at all (`text`), or made by our own rules (`rule`)."""


class Message(msgspec.Struct, frozen=True):
    """One turn: `system`, `user` or `assistant`."""

    role: Literal["system", "user", "assistant"]
    content: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a model. An empty `model` means the back end's own; `timeout` is for one call, in seconds.

    `context` is never sent: it tells back ends that work by rule what the messages were made from.
    """

    messages: tuple[Message, ...]
    model: str = ""
    temperature: float = 0.0
    max_tokens: int = 1024
    schema: Mapping[str, Any] | None = None
    schema_name: str = "answer"
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_p: float | None = None
    timeout: float | None = None
    context: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a model answered. Counts the server did not give are estimates, and `tokens_estimated` says so.

    `cost_micro` is in millionths of a US dollar; None where no price is known, which is not the same as 0.
    `dropped` names parameters of the request that the server did not take.
    """

    text: str
    finish_reason: FinishReason
    tokens_in: int
    tokens_out: int
    model: str
    backend: str
    latency_ms: float
    parse_mode: ParseMode = "text"
    cost_micro: int | None = None
    tokens_estimated: bool = False
    dropped: tuple[str, ...] = ()
    request_id: str = ""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `flywheel doctor` says of a back end. `key` is `ok`, `missing`, `refused` or `not needed`."""

    reachable: bool
    key: Literal["ok", "missing", "refused", "not needed", "unknown"]
    models: tuple[str, ...] = ()
    text: str = ""
    remedy: str = ""


@runtime_checkable
class Backend(Protocol):
    """A way to reach a model. `place` names the server (for breakers and prices): a host, `loopback`, `local` …"""

    name: str
    model: str
    place: str

    async def complete(self, request: Request) -> Reply:
        """Ask once: no retries here. Raises BackendFault; cancelling ends the call at once."""
        ...

    async def check(self) -> Health:
        """Whether it can be reached, with which models, and whether the key is taken. Never raises BackendFault."""
        ...

    async def aclose(self) -> None:
        """Give back connections and memory."""
        ...


@runtime_checkable
class ListsPrices(Protocol):
    """A back end whose server says what its models cost."""

    async def listed_price(self, model: str) -> Price | None:
        """The price of a model; None where the server does not say. Never raises BackendFault."""
        ...


def user(text: str) -> tuple[Message, ...]:
    """The messages of a question without a system prompt."""
    return (Message("user", text),)
