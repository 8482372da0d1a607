"""Anthropic's messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import httpx
import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.backends.http import HttpBackend, Sent
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.protocol import FinishReason, Health, Reply, Request
from flywheel_tui.llm.registry import backend
from flywheel_tui.llm.structured import with_schema_in_words
from flywheel_tui.llm.wire import Answer

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

PUBLIC = "https://api.anthropic.com"
PUBLIC_MODEL = "claude-haiku-4-5"


class _Block(msgspec.Struct):
    type: str
    text: str | None = None
    input: Any = None
    name: str | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Document(msgspec.Struct):
    type: str
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    model: str | None = None
    id: str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Document)
_FINISH: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "unknown",
}


class AnthropicBackend(HttpBackend):
    """Messages. The form of an answer is asked for by a tool that must be called, else in words."""

    modes = ("tool", "prompt")
    path = "/v1/messages"
    headers: ClassVar[Mapping[str, str]] = {"anthropic-version": "2023-06-01"}

    def payload(self, request: Request, model: str) -> Sent:
        """The document to send; system turns are gathered into `system`."""
        mode, dropped = self.memory.mode(model, request.schema), self.memory.dropped(model)
        messages = request.messages
        if request.schema is not None and mode == "prompt":
            messages = with_schema_in_words(messages, request.schema)
        system = "\n\n".join(message.content for message in messages if message.role == "system")
        document: dict[str, Any] = {
            "model": model,
            "max_tokens": request.max_tokens,
            "messages": [message for message in messages if message.role != "system"],
            "temperature": min(request.temperature, 1.0),
        }
        if system:
            document["system"] = system
        if request.stop:
            document["stop_sequences"] = list(request.stop)
        if request.top_p is not None:
            document["top_p"] = request.top_p
        if mode == "tool":
            tool = {"name": request.schema_name, "description": "Give the answer.", "input_schema": request.schema}
            document |= {"tools": [tool], "tool_choice": {"type": "tool", "name": request.schema_name}}
        kept = {name: value for name, value in document.items() if name not in dropped or name == "max_tokens"}
        left_out = (dropped & document.keys()) | ({"seed"} if request.seed is not None else set())
        return Sent(kept, mode, tuple(sorted(left_out)))

    def read(self, answer: Answer, sent: Sent, request: Request) -> Reply:
        """The reply in an answer with status 200."""
        document: _Document = self.decode(_DECODER, answer)
        if document.type == "error" or document.error is not None:
            raise self.fault_inside(_with_code(document.error), answer.headers)
        if document.type != "message" or document.content is None:
            raise self.fault("truncated", f"the reply is a {document.type[:40]!r}, not a message")
        usage = document.usage or _Usage()
        prompt = _sum(usage.input_tokens, usage.cache_creation_input_tokens, usage.cache_read_input_tokens)
        counted = {"tokens_in": prompt, "tokens_out": usage.output_tokens}
        stop = document.stop_reason or ""
        if stop == "refusal":
            raise self.fault("refusal", "the model refused", **counted)
        text = _text(document.content, sent)
        if not text.strip():
            raise self.nothing_said(stop in ("max_tokens", "model_context_window_exceeded"), counted)
        return self.reply(
            text,
            _FINISH.get(stop, "unknown"),
            answer=answer,
            sent=sent,
            request=request,
            model=document.model,
            tokens=(prompt, usage.output_tokens),
            request_id=document.id,
        )

    async def check(self) -> Health:
        """GET /v1/models."""
        return await self.checked("/v1/models", self._models)

    def _models(self, document: Any) -> tuple[str, ...]:
        return tuple(str(entry["id"]) for entry in document["data"] if isinstance(entry, Mapping) and entry.get("id"))


_CODES = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def _with_code(error: Any) -> Any:
    """An error inside a reply names its type only: give it the status that the type has elsewhere."""
    if isinstance(error, Mapping):
        return {**error, "code": _CODES.get(str(error.get("type")), 500)}
    return error


def _text(blocks: list[_Block], sent: Sent) -> str:
    if sent.mode == "tool":
        for block in blocks:
            if block.type == "tool_use" and isinstance(block.input, Mapping) and block.input:
                return msgspec.json.encode(block.input).decode()
    return "".join(block.text or "" for block in blocks if block.type == "text")


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


@backend("anthropic")
def make(
    *,
    model: str,
    settings: Settings,
    base_url: str = "",
    deadline: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AnthropicBackend:
    """The back end for the key in `anthropic_api_key`."""
    if settings.anthropic_api_key is None:
        raise UsageError("Anthropic needs a key; set ANTHROPIC_API_KEY")
    endpoint = Endpoint(
        base_url or PUBLIC,
        key=settings.anthropic_api_key,
        key_header="x-api-key",
        key_prefix="",
        allow_private=bool(base_url),
    )
    return AnthropicBackend(
        "anthropic",
        model or settings.anthropic_model or PUBLIC_MODEL,
        endpoint,
        deadline=deadline or settings.judge_timeout,
        transport=transport,
    )
