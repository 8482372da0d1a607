"""Batch APIs: many requests handed over at once, answered within a day, at half the price.

OpenAI takes a file of requests and gives a file of answers; Anthropic takes them in one document and streams the
answers as JSON lines. Both name each request by an id of ours. Neither promises that a request is answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.llm.backends.anthropic import AnthropicBackend
from flywheel_tui.llm.backends.http import HttpBackend, Sent
from flywheel_tui.llm.backends.openai import OpenAIBackend
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.http_faults import status_fault
from flywheel_tui.llm.protocol import Backend, Reply, Request
from flywheel_tui.llm.wire import Answer, Wire

PRICE_SHARE = 0.5
"""What a call in a batch costs, as a share of its price alone."""
MAX_RESULTS = 256 * 2**20
MAX_REQUESTS = 1_000
"""Requests of one batch: few enough that their answers fit in memory, and that one lost batch is no disaster."""
Phase = Literal["running", "ended", "failed"]
_encode = msgspec.json.Encoder().encode


class BatchState(NamedTuple):
    """Where a batch stands; `detail` says why it failed. `answered` of its requests have been worked on."""

    phase: Phase
    answered: int
    detail: str = ""
    results: str = ""
    """Where the answers are: the id of a file, or a path."""


class Batches(Protocol):
    """The batch API of a back end."""

    backend: HttpBackend

    async def submit(self, label: str, requests: Sequence[tuple[str, Request]]) -> str:
        """Hand over requests by id; the provider's name of the batch. Raises BackendFault."""
        ...

    async def find(self, label: str, count: int, since_us: int) -> str | None:
        """The batch that was sent under a label, where its answer never arrived; None where there is none."""
        ...

    async def state(self, remote: str) -> BatchState:
        """Where a batch stands. Raises BackendFault."""
        ...

    async def answers(self, remote: str, state: BatchState) -> Iterator[tuple[str, Reply | BackendFault]]:
        """The answers of a batch that ended, in any order; what was not answered comes as a fault or not at all."""
        ...

    async def cancel(self, remote: str) -> None:
        """Ask the provider to stop working on a batch; what is answered by then is kept and billed."""
        ...

    async def aclose(self) -> None:
        """Give back connections."""
        ...


def batches_of(backend: Backend) -> Batches:
    """The batch API of a back end. Raises UsageError where it has none."""
    if type(backend) is OpenAIBackend:
        return OpenAIBatches(backend)
    if isinstance(backend, AnthropicBackend):
        return AnthropicBatches(backend)
    raise UsageError(f"{backend.name} has no batch API; openai and anthropic have one: leave out --batch")


class _Http:
    """What both share: their own connections, with room for large answers, and reading one answer."""

    def __init__(self, backend: HttpBackend) -> None:
        self.backend = backend
        self._wire = Wire(backend.endpoint, headers=backend.headers, deadline=600.0, max_body=MAX_RESULTS)

    async def _json(self, answer: Answer) -> dict[str, Any]:
        if answer.status != 200:
            raise status_fault(answer, self.backend.endpoint)
        try:
            document = msgspec.json.decode(answer.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise self.backend.fault("truncated", "the answer is no JSON object")
        return document

    def _payload(self, request: Request) -> dict[str, Any]:
        return self.backend.payload(request, request.model or self.backend.model).document

    def _reply(self, body: Any, request: Request | None = None) -> Reply | BackendFault:
        """The reply in a body, with the price of a batch; a fault where it holds none."""
        request = request or Request(messages=())
        sent = Sent({"model": self.backend.model}, "prompt")
        if isinstance(body, dict) and isinstance(self.backend, AnthropicBackend) and _calls_tool(body):
            sent = Sent(sent.document, "tool")
        try:
            reply = self.backend.read(Answer(200, {}, _encode(body), 0.0), sent, request)
        except BackendFault as fault:
            return fault
        return reply

    def _lines(self, body: bytes) -> Iterator[dict[str, Any]]:
        for line in body.splitlines():
            if not line.strip():
                continue
            try:
                document = msgspec.json.decode(line)
            except (ValueError, RecursionError):
                continue  # the request it was about counts as not answered
            if isinstance(document, dict) and isinstance(document.get("custom_id"), str):
                yield document

    def _refused(self, status: int, body: Any) -> BackendFault:
        return status_fault(Answer(status, {}, _encode(body), 0.0), self.backend.endpoint)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._wire.aclose()


def _calls_tool(body: dict[str, Any]) -> bool:
    content = body.get("content")
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") == "tool_use" for part in content
    )


class OpenAIBatches(_Http):
    """`/files` and `/batches`."""

    _ENDED = frozenset(("completed", "expired", "cancelled"))

    async def submit(self, label: str, requests: Sequence[tuple[str, Request]]) -> str:
        """Upload the file of requests, then start the batch on it."""
        path = self.backend.path
        lines = b"\n".join(
            _encode({"custom_id": name, "method": "POST", "url": f"/v1{path}", "body": self._payload(request)})
            for name, request in requests
        )
        boundary = f"flywheel-{label}"
        form = b"".join((
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'.encode(),
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{label}.jsonl"\r\n'
            "Content-Type: application/jsonl\r\n\r\n".encode(),
            lines, f"\r\n--{boundary}--\r\n".encode(),
        ))  # fmt: skip
        uploaded = await self._json(
            await self._wire.post_bytes("/files", form, content_type=f"multipart/form-data; boundary={boundary}")
        )
        started = await self._json(
            await self._wire.post("/batches", {
                "input_file_id": uploaded.get("id"), "endpoint": f"/v1{path}", "completion_window": "24h",
                "metadata": {"flywheel": label},
            })
        )  # fmt: skip
        return str(started["id"])

    async def find(self, label: str, count: int, since_us: int) -> str | None:
        """By the label in its metadata."""
        listed = await self._json(await self._wire.get("/batches?limit=100", deadline=60.0))
        for entry in listed.get("data") or ():
            if isinstance(entry, dict) and (entry.get("metadata") or {}).get("flywheel") == label:
                return str(entry["id"])
        return None

    async def state(self, remote: str) -> BatchState:
        """Where it stands."""
        found = await self._json(await self._wire.get(f"/batches/{remote}", deadline=60.0))
        counts = found.get("request_counts") or {}
        answered = int(counts.get("completed") or 0) + int(counts.get("failed") or 0)
        status = str(found.get("status"))
        if status == "failed":
            errors = (found.get("errors") or {}).get("data") or []
            said = "; ".join(str(error.get("message", ""))[:200] for error in errors[:3] if isinstance(error, dict))
            return BatchState("failed", answered, said or "the provider refused the batch")
        files = [str(found[name]) for name in ("output_file_id", "error_file_id") if found.get(name)]
        phase: Phase = "ended" if status in self._ENDED else "running"
        return BatchState(phase, answered, "" if status == "completed" else status, ",".join(files))

    async def answers(self, remote: str, state: BatchState) -> Iterator[tuple[str, Reply | BackendFault]]:
        """From the file of answers and the file of errors."""
        found: list[tuple[str, Reply | BackendFault]] = []
        for file in filter(None, state.results.split(",")):
            answer = await self._wire.get(f"/files/{file}/content", deadline=600.0)
            if answer.status != 200:
                raise status_fault(answer, self.backend.endpoint)
            for line in self._lines(answer.body):
                response = line.get("response")
                if isinstance(response, dict) and response.get("status_code") == 200:
                    found.append((line["custom_id"], self._reply(response.get("body"))))
                else:
                    status = int((response or {}).get("status_code") or 500) if isinstance(response, dict) else 500
                    body = response.get("body") if isinstance(response, dict) else {"error": line.get("error")}
                    found.append((line["custom_id"], self._refused(status, body)))
        return iter(found)

    async def cancel(self, remote: str) -> None:
        """Stop it."""
        await self._json(await self._wire.post(f"/batches/{remote}/cancel", {}))


class AnthropicBatches(_Http):
    """`/v1/messages/batches`."""

    _PATH = "/v1/messages/batches"

    async def submit(self, label: str, requests: Sequence[tuple[str, Request]]) -> str:
        """One document with all requests."""
        document = {"requests": [{"custom_id": name, "params": self._payload(request)} for name, request in requests]}
        return str((await self._json(await self._wire.post(self._PATH, document)))["id"])

    async def find(self, label: str, count: int, since_us: int) -> str | None:
        """A batch takes no label: the newest of the same size that was made since, whose answers tell by their ids."""
        import datetime

        listed = await self._json(await self._wire.get(f"{self._PATH}?limit=20", deadline=60.0))
        since = datetime.datetime.fromtimestamp(since_us / 1e6 - 5, datetime.UTC)
        for entry in listed.get("data") or ():
            if not isinstance(entry, dict):
                continue
            total = sum(number for number in (entry.get("request_counts") or {}).values() if isinstance(number, int))
            try:
                made = datetime.datetime.fromisoformat(str(entry.get("created_at")).replace("Z", "+00:00"))
            except ValueError:
                continue
            if total == count and made >= since:
                return str(entry["id"])
        return None

    async def state(self, remote: str) -> BatchState:
        """Where it stands."""
        found = await self._json(await self._wire.get(f"{self._PATH}/{remote}", deadline=60.0))
        counts = {name: int(number or 0) for name, number in (found.get("request_counts") or {}).items()}
        answered = sum(number for name, number in counts.items() if name != "processing")
        ended = found.get("processing_status") == "ended"
        left = ", ".join(f"{counts[name]} {name}" for name in ("canceled", "expired") if counts.get(name))
        return BatchState("ended" if ended else "running", answered, left, f"{self._PATH}/{remote}/results")

    async def answers(self, remote: str, state: BatchState) -> Iterator[tuple[str, Reply | BackendFault]]:
        """From its JSON lines."""
        answer = await self._wire.get(state.results, deadline=600.0)
        if answer.status != 200:
            raise status_fault(answer, self.backend.endpoint)
        found: list[tuple[str, Reply | BackendFault]] = []
        for line in self._lines(answer.body):
            result = line.get("result") if isinstance(line.get("result"), dict) else {}
            assert isinstance(result, dict)
            if result.get("type") == "succeeded":
                found.append((line["custom_id"], self._reply(result.get("message"))))
            elif result.get("type") == "errored":
                error = result.get("error")
                inner = error.get("error", error) if isinstance(error, dict) else error
                found.append((line["custom_id"], self.backend.fault_inside(inner, {})))
        return iter(found)

    async def cancel(self, remote: str) -> None:
        """Stop it."""
        await self._json(await self._wire.post(f"{self._PATH}/{remote}/cancel", {}))
