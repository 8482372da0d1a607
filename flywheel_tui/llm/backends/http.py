"""What back ends over HTTP share: send, learn from refusals, read, or say what failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import httpx
import msgspec

from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.faults import BackendFault, Kind
from flywheel_tui.llm.http_faults import describe, error_text, fault_for, status_fault
from flywheel_tui.llm.protocol import FinishReason, Health, ParseMode, Reply, Request
from flywheel_tui.llm.structured import ServerMemory
from flywheel_tui.llm.tokens import estimate_prompt, estimate_text
from flywheel_tui.llm.wire import Answer, Wire

T = TypeVar("T")
_MOST_LESSONS = 6


class Sent(NamedTuple):
    """A document as it was sent, how the form of the answer was asked for, and what was left out."""

    document: dict[str, Any]
    mode: ParseMode
    dropped: tuple[str, ...] = ()


class HttpBackend:
    """Base of the back ends over HTTP; a dialect gives `payload`, `read` and `check`."""

    modes: ClassVar[tuple[ParseMode, ...]] = ("prompt",)
    path: ClassVar[str] = ""
    headers: ClassVar[Mapping[str, str]] = {}
    keeps_deadline: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        model: str,
        endpoint: Endpoint,
        *,
        deadline: float = 600.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name, self.model, self.endpoint = name, model, endpoint
        self.place = endpoint.place
        self.wire = Wire(endpoint, headers=self.headers, deadline=deadline, transport=transport)
        self.memory = ServerMemory(self.modes)
        self._naming = asyncio.Lock()

    def payload(self, request: Request, model: str) -> Sent:
        """The document to send."""
        raise TypeError(f"{type(self).__name__} gives no payload")

    def read(self, answer: Answer, sent: Sent, request: Request) -> Reply:
        """The reply in an answer with status 200."""
        raise TypeError(f"{type(self).__name__} reads no replies")

    async def check(self) -> Health:
        """Whether it can be reached."""
        raise TypeError(f"{type(self).__name__} has no check")

    async def complete(self, request: Request) -> Reply:
        """Ask once. What the server refuses to take (a parameter, a schema) is left out and asked again at once."""
        model = request.model or self.model or await self._first_model()
        for _ in range(_MOST_LESSONS):
            sent = self.payload(request, model)
            answer = await self.wire.post(self.path, sent.document, deadline=request.timeout)
            if answer.status == 200:
                return self.read(answer, sent, request)
            if answer.status not in (400, 422):
                break
            complaint = error_text(answer.body)
            if not self.memory.learn(model, sent.mode, complaint.codes, sent.document):
                break
        raise status_fault(answer, self.endpoint)

    async def _first_model(self) -> str:
        """The first model that the server lists, where none was named."""
        async with self._naming:
            if not self.model:
                health = await self.check()
                if not health.models:
                    raise BackendFault(
                        "http_4xx", f"{self.endpoint.base_url} lists no model; name one with --model", retryable=False
                    )
                self.model = health.models[0]
        return self.model

    def decode(self, decoder: msgspec.json.Decoder[T], answer: Answer) -> T:
        """The typed document of a reply; anything else than a whole one is a fault."""
        problem = ""
        try:
            return decoder.decode(answer.body)
        except msgspec.ValidationError as error:
            problem = f"is not a reply of this protocol ({error})"
        except (ValueError, RecursionError) as error:
            problem = f"is not JSON ({str(error)[:120]})" if answer.body else "is empty"
        raise self.fault("truncated", f"the answer {problem}")

    def fault(self, kind: Kind, message: str, **more: Any) -> BackendFault:
        """A fault that names the server, without its key."""
        return BackendFault(kind, f"{self.endpoint.base_url}: {self.endpoint.scrub(message)}", **more)

    def fault_inside(self, error: Any, headers: Mapping[str, str]) -> BackendFault:
        """The fault of an error document inside a reply with status 200; its `code` counts like a status."""
        said = describe(error)
        status = said.code if said.code is not None and 300 <= said.code < 600 else 502
        return fault_for(status, said, headers, self.endpoint)

    def nothing_said(self, at_limit: bool, counted: Mapping[str, int | None]) -> BackendFault:
        """The fault of an answer without text."""
        if at_limit:
            return self.fault("length", "no text before max_tokens was reached; allow more tokens", **counted)
        return self.fault("empty", "the answer is empty", **counted)

    def reply(
        self,
        text: str,
        finish: FinishReason,
        *,
        answer: Answer,
        sent: Sent,
        request: Request,
        tokens: tuple[int | None, int | None],
        model: str | None = None,
        cost_dollars: float | None = None,
        request_id: str | None = None,
    ) -> Reply:
        """The reply, with estimates where the server did not count."""
        tokens_in, tokens_out = (count if count is not None and count >= 0 else None for count in tokens)
        cost = None
        if cost_dollars is not None and 0 <= cost_dollars < 1e6:
            cost = round(cost_dollars * 1_000_000)
        return Reply(
            text=text,
            finish_reason=finish,
            tokens_in=estimate_prompt(request.messages) if tokens_in is None else tokens_in,
            tokens_out=estimate_text(text) if tokens_out is None else tokens_out,
            tokens_estimated=tokens_in is None or tokens_out is None,
            model=model or sent.document.get("model", ""),
            backend=self.name,
            latency_ms=answer.latency_ms,
            parse_mode=sent.mode,
            cost_micro=cost,
            dropped=sent.dropped,
            request_id=request_id or answer.headers.get("x-request-id", ""),
        )

    async def checked(self, path: str, models: Callable[[Any], tuple[str, ...]]) -> Health:
        """Fetch `path` and read the models from it, for `doctor`."""
        key: Any = "not needed" if not self.endpoint.has_key else "unknown"
        try:
            answer = await self.wire.get(path)
        except BackendFault as fault:
            return Health(reachable=False, key=key, text=str(fault), remedy=self.remedy())
        if answer.status in (401, 403):
            state: Any = "refused" if self.endpoint.has_key else "missing"
            return Health(
                reachable=True, key=state, text=str(status_fault(answer, self.endpoint)), remedy="set the key"
            )
        if answer.status != 200:
            text = str(status_fault(answer, self.endpoint))
            return Health(reachable=True, key=key, text=text, remedy="look at the address: it may lack /v1")
        try:
            found = models(msgspec.json.decode(answer.body))
        except (ValueError, RecursionError, TypeError, AttributeError, LookupError):
            return Health(reachable=True, key=key, text="its list of models cannot be read", remedy=self.remedy())
        text = f"{self.endpoint.base_url} answers with {len(found)} model{'' if len(found) == 1 else 's'}"
        return Health(reachable=True, key="ok" if self.endpoint.has_key else "not needed", models=found, text=text)

    def remedy(self) -> str:
        """What a person can do when it cannot be reached."""
        return f"start the server at {self.endpoint.base_url}, or correct the address"

    async def aclose(self) -> None:
        """Close the connections."""
        await self.wire.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, model={self.model!r}, endpoint={self.endpoint!r})"
