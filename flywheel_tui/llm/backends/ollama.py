"""Ollama by /api/chat, for its OpenAI-compatible door ignores `num_ctx` and longer prompts are cut in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from flywheel_tui.llm.backends.http import HttpBackend, Sent
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.protocol import FinishReason, Health, Reply, Request
from flywheel_tui.llm.registry import backend
from flywheel_tui.llm.structured import with_schema_in_words
from flywheel_tui.llm.tokens import estimate_prompt
from flywheel_tui.llm.wire import Answer

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

NUM_CTX = 8192
_SHORT_PROMPT = 64
_CUT_SHARE = 0.5
"""A prompt counted at less than this share of the estimate was cut: the estimate is never off by so much in English."""


class _Message(msgspec.Struct):
    content: str | None = None


class _Chat(msgspec.Struct):
    done: bool | None = None
    message: _Message | None = None
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    model: str | None = None
    error: Any = None


_DECODER = msgspec.json.Decoder(_Chat)
_FINISH: dict[str, FinishReason] = {"stop": "stop", "length": "length"}


class OllamaBackend(HttpBackend):
    """Chats with `num_ctx` set, the same for all calls: another value makes Ollama load the model again."""

    modes = ("json_schema", "json_object", "prompt")
    path = "/api/chat"

    def __init__(self, *args: Any, num_ctx: int = NUM_CTX, **options: Any) -> None:
        super().__init__(*args, **options)
        self.num_ctx = num_ctx

    def payload(self, request: Request, model: str) -> Sent:
        """The document to send. Raises BackendFault where the prompt cannot fit."""
        self._must_fit(request)
        mode = self.memory.mode(model, request.schema)
        messages = request.messages
        if request.schema is not None and mode != "json_schema":
            messages = with_schema_in_words(messages, request.schema)
        options: dict[str, Any] = {
            "num_ctx": self.num_ctx,
            "num_predict": request.max_tokens,
            "temperature": request.temperature,
        }
        if request.stop:
            options["stop"] = list(request.stop)
        for name in ("seed", "top_p"):
            if getattr(request, name) is not None:
                options[name] = getattr(request, name)
        document: dict[str, Any] = {"model": model, "messages": messages, "stream": False, "options": options}
        if mode == "json_schema":
            document["format"] = request.schema
        elif mode == "json_object":
            document["format"] = "json"
        return Sent(document, mode)

    def _must_fit(self, request: Request) -> None:
        estimate = estimate_prompt(request.messages)
        if estimate * _CUT_SHARE > self.num_ctx:
            raise self.fault(
                "ctx_truncated", f"the prompt has about {estimate:,} tokens and num_ctx is {self.num_ctx:,}"
            )

    def read(self, answer: Answer, sent: Sent, request: Request) -> Reply:
        """The reply in an answer with status 200."""
        chat: _Chat = self.decode(_DECODER, answer)
        if chat.error is not None:
            raise self.fault_inside(chat.error, answer.headers)
        if not chat.done or chat.message is None:
            raise self.fault("truncated", "the reply is not finished")
        counted = {"tokens_in": chat.prompt_eval_count, "tokens_out": chat.eval_count}
        if why := self._cut(chat, request):
            raise self.fault("ctx_truncated", why, **counted)
        text = chat.message.content or ""
        if not text.strip():
            raise self.nothing_said(chat.done_reason == "length", counted)
        return self.reply(
            text,
            _FINISH.get(chat.done_reason or "", "unknown"),
            answer=answer,
            sent=sent,
            request=request,
            model=chat.model,
            tokens=(chat.prompt_eval_count, chat.eval_count),
        )

    def _cut(self, chat: _Chat, request: Request) -> str:
        """Why the server must have dropped a part of the prompt, or an empty string."""
        estimate = estimate_prompt(request.messages)
        seen, said = chat.prompt_eval_count, chat.eval_count or 0
        remedy = "raise num_ctx or shorten the prompt"
        if not seen:
            # It leaves the count out where it had the whole prompt in its cache.
            return f"the prompt does not fit num_ctx {self.num_ctx:,}; {remedy}" if estimate > self.num_ctx else ""
        if seen + said >= self.num_ctx:
            return f"prompt and answer filled num_ctx ({self.num_ctx:,} tokens), so text was dropped; {remedy}"
        if estimate > _SHORT_PROMPT and seen < _CUT_SHARE * estimate:
            return f"the server read {seen:,} tokens of a prompt of about {estimate:,}; {remedy}"
        return ""

    async def check(self) -> Health:
        """GET /api/tags."""
        health = await self.checked("/api/tags", self._models)
        if health.reachable and not health.models:
            return msgspec.structs.replace(health, remedy="load a model: ollama pull NAME")
        return health

    def _models(self, document: Any) -> tuple[str, ...]:
        return tuple(str(entry["name"]) for entry in document["models"] if isinstance(entry, Mapping))

    def remedy(self) -> str:
        """What a person can do when it cannot be reached."""
        return "start it with: ollama serve (or set OLLAMA_BASE_URL)"


@backend("ollama")
def make(
    *,
    model: str,
    settings: Settings,
    base_url: str = "",
    num_ctx: int = NUM_CTX,
    deadline: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> OllamaBackend:
    """The back end for `ollama_base_url`."""
    endpoint = Endpoint(base_url or settings.ollama_base_url, setting="ollama_base_url")
    return OllamaBackend(
        "ollama",
        model or settings.ollama_model,
        endpoint,
        num_ctx=num_ctx,
        deadline=deadline or settings.judge_timeout,
        transport=transport,
    )
