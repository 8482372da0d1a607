"""Any server that speaks OpenAI's chat completions: OpenAI, vLLM, llama.cpp, LM Studio, `transformers serve` …"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.backends.http import HttpBackend, Sent
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.protocol import FinishReason, Health, Reply, Request
from flywheel_tui.llm.registry import backend
from flywheel_tui.llm.structured import OfSchema, is_strict, looks_like_json, with_schema_in_words
from flywheel_tui.llm.wire import Answer

if TYPE_CHECKING:
    from flywheel_tui.settings import Settings

PUBLIC = "https://api.openai.com/v1"
PUBLIC_MODEL = "gpt-4o-mini"


class _Message(msgspec.Struct):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    error: Any = None
    native_finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None
    id: str | None = None
    model: str | None = None


_DECODER = msgspec.json.Decoder(_Completion)
_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool",
    "function_call": "tool",
}


class OpenAIBackend(HttpBackend):
    """Chat completions. The form of an answer is asked for by JSON schema, else JSON mode, else in words."""

    modes = ("json_schema", "json_object", "prompt")
    path = "/chat/completions"
    max_tokens_name = "max_completion_tokens"
    _strict = staticmethod(OfSchema(is_strict))

    def payload(self, request: Request, model: str) -> Sent:
        """The document to send."""
        mode, dropped = self.memory.mode(model, request.schema), self.memory.dropped(model)
        messages = request.messages
        if request.schema is not None and mode in ("json_object", "prompt"):
            messages = with_schema_in_words(messages, request.schema)
        document: dict[str, Any] = {
            "model": model,
            "messages": messages,
            "temperature": request.temperature,
            "max_tokens": request.max_tokens,
        }
        if request.stop:
            document["stop"] = list(request.stop)
        for name in ("seed", "top_p"):
            if getattr(request, name) is not None:
                document[name] = getattr(request, name)
        if mode == "json_schema":
            strict = request.schema is not None and self._strict(request.schema)
            form = {"name": request.schema_name, "schema": request.schema, "strict": strict}
            document["response_format"] = {"type": "json_schema", "json_schema": form}
        elif mode == "json_object":
            document["response_format"] = {"type": "json_object"}
        if "max_tokens" in dropped:
            document[self.max_tokens_name] = document["max_tokens"]
        kept = {name: value for name, value in document.items() if name not in dropped} if dropped else document
        return Sent(kept, mode, tuple(sorted(dropped & document.keys() - {"max_tokens"})))

    def read(self, answer: Answer, sent: Sent, request: Request) -> Reply:
        """The reply in an answer with status 200. Raises BackendFault for everything that is not a whole reply."""
        completion: _Completion = self.decode(_DECODER, answer)
        if completion.error is not None:
            raise self.fault_inside(completion.error, answer.headers)
        if not completion.choices:
            raise self.fault("truncated", "the reply has no choices")
        choice = completion.choices[0]
        if choice.error is not None:
            raise self.fault_inside(choice.error, answer.headers)
        usage = completion.usage or _Usage()
        counted = {"tokens_in": usage.prompt_tokens, "tokens_out": usage.completion_tokens}
        finish = choice.finish_reason or ""
        if finish == "error":
            said = choice.native_finish_reason or "the model's provider failed"
            raise self.fault("overloaded", f"the reply ended in an error: {said}")
        if choice.message is None:
            raise self.fault("truncated", "the reply has no message")
        if choice.message.refusal:
            raise self.fault("refusal", f"the model refused: {choice.message.refusal[:300]}", **counted)
        text = _plain(choice.message.content)
        if finish == "content_filter":
            raise self.fault("content_filter", "the content filter of the server stopped the answer", **counted)
        if not text.strip():
            raise self.nothing_said(finish == "length", counted)
        if sent.mode == "json_schema" and not looks_like_json(text):
            # The server took response_format and ignored it: ask in words from now on.
            self.memory.step_down(sent.document["model"], "json_object")
        return self.reply(
            text,
            _FINISH.get(finish, "unknown"),
            answer=answer,
            sent=sent,
            request=request,
            model=completion.model,
            tokens=(usage.prompt_tokens, usage.completion_tokens),
            cost_dollars=usage.cost,
            request_id=completion.id,
        )

    async def check(self) -> Health:
        """GET /models; a server that lists none may still answer for a pinned model."""
        return await self.checked("/models", self._models)

    def _models(self, document: Any) -> tuple[str, ...]:
        data = document.get("data") if isinstance(document, Mapping) else document
        return tuple(str(entry["id"]) for entry in data or () if isinstance(entry, Mapping) and entry.get("id"))


def _plain(content: str | list[dict[str, Any]] | None) -> str:
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if part.get("type") in ("text", "output_text"))
    return content or ""


@backend("openai")
def make(
    *,
    model: str,
    settings: Settings,
    base_url: str = "",
    deadline: float | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> OpenAIBackend:
    """The back end for `openai_base_url`, else OpenAI itself."""
    url = base_url or settings.openai_base_url or PUBLIC
    key = settings.openai_api_key
    endpoint = Endpoint(url, key=key, setting="openai_base_url")
    if endpoint.base_url == PUBLIC and not endpoint.has_key:
        raise UsageError("OpenAI needs a key; set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own")
    model = model or settings.openai_model or (PUBLIC_MODEL if endpoint.base_url == PUBLIC else "")
    return OpenAIBackend("openai", model, endpoint, deadline=deadline or settings.judge_timeout, transport=transport)
