"""Teachers for tests: a scripted back end that answers by what the template asks, and a real server on loopback."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from judge_helpers import InstantClock

from flywheel_tui.jobs import run_foreground
from flywheel_tui.llm.backends.scripted import ScriptedBackend
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.llm.protocol import Reply, Request
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.options import GenerateOptions, GenerateReport
from flywheel_tui.stages.generate.run import announce
from flywheel_tui.stages.judge import service
from flywheel_tui.workspace import Workspace

_SOME = """
amber bridge candle dolphin engine forest garden harbour island jacket kettle ladder mirror needle orchard pencil
quarry ribbon saddle timber umbrella valley window yellow zipper anchor basket copper desert eagle falcon glacier
hammer iris jungle kitchen lantern marble nectar oyster parcel quilt rocket spider tunnel uncle velvet walnut
"""
WORDS = _SOME.split()
Answer = Callable[[Request], str | Reply | BackendFault]


def phrase(number: int, length: int = 9) -> str:
    """Words that are hardly like those of another number."""
    found = []
    for place in range(length):
        number = (number * 6364136223846793005 + 1442695040888963407 + place) % 2**64
        found.append(WORDS[(number >> 33) % len(WORDS)])
    return " ".join(found)


def object_for(schema: Any, number: int) -> dict[str, Any]:
    """An object that fits one of the recipes' schemas."""
    made: dict[str, Any] = {}
    for name, part in schema["properties"].items():
        if part.get("type") == "boolean":
            made[name] = False
        elif part.get("type") == "array":
            made[name] = [f"Step {at}: {phrase(number + at)}" for at in (1, 2, 3)]
        elif name == "input":
            made[name] = ""
        else:
            made[name] = f"Say {phrase(number, 11)}"
    return made


def plausible(request: Request) -> str:
    """An answer that every recipe takes, fixed by what was sent."""
    number = request.seed or 0
    if request.schema is not None:
        return json.dumps(object_for(request.schema, number))
    return f"The answer is {phrase(number, 30)}."


def answering(**steps: Any) -> Answer:
    """`plausible`, but for questions whose schema has one of the named fields: that field gets the value.

    `text` is the answer to questions without a schema. A value may be a function of the request.
    """

    def answer(request: Request) -> str | Reply | BackendFault:
        if request.schema is None:
            given = steps.get("text", plausible(request))
            return given(request) if callable(given) else given
        made = object_for(request.schema, request.seed or 0)
        for name in made:
            if name in steps:
                made[name] = steps[name](request) if callable(steps[name]) else steps[name]
        return json.dumps(made)

    return answer


def use_teacher(monkeypatch: pytest.MonkeyPatch, answer: Answer, seconds: float = 0.0) -> ScriptedBackend:
    """Let every job of this test ask one scripted back end; it keeps the requests."""
    backend = ScriptedBackend([answer], seconds=seconds)

    def opened(workspace: Workspace, name: str, model: str, options: dict[str, Any]) -> service.Service:
        backend.model = model or "m"
        return service.Service(workspace, backend, clock=InstantClock())

    monkeypatch.setattr(service, "open_service", opened)
    return backend


def run(workspace: Workspace, recipe: str, **options: Any) -> GenerateReport:
    """Generate as a job in this process."""
    given: dict[str, Any] = {"into": "made", "seeds": "demo", "backend": "scripted", "count": 5, "concurrency": 2}
    request = announce(workspace, GenerateOptions(recipe=recipe, **given | options))
    result = run_foreground(
        workspace, "generate", msgspec.to_builtins(request.options), title="generate", dataset_id=request.dataset_id,
        slot="network",
    )  # fmt: skip
    return msgspec.convert(result, GenerateReport)


def seeds(count: int = 12) -> list[Draft]:
    """Tasks with answers, as people wrote them."""
    return [
        Draft(
            instruction=f"Tell me about {phrase(number * 7919, 8)}.", output=f"It is {phrase(number, 6)}.", line=number
        )
        for number in range(1, count + 1)
    ]


def rows(workspace: Workspace, dataset: str = "made") -> list[dict[str, Any]]:
    """The rows of a data set that have no seed's place: instruction, output, family, meta.generated, tags."""
    query = (
        "SELECT p.id, p.instruction, p.output, p.family, p.meta, p.tags, p.kind, p.uid FROM pair p"
        " JOIN dataset d ON d.id = p.dataset_id WHERE d.name = ? ORDER BY p.id"
    )
    names = ("id", "instruction", "output", "family", "meta", "tags", "kind", "uid")
    found = [dict(zip(names, row, strict=True)) for row in workspace.store.read().execute(query, (dataset,))]
    for row in found:
        row["meta"] = json.loads(row["meta"]).get("generated") if row["meta"] else None
        row["tags"] = json.loads(row["tags"] or "[]")
    return found


def rejected(workspace: Workspace) -> Counter[str]:
    """Rejected items by rule."""
    return Counter(rule for (rule,) in workspace.store.read().execute("SELECT rule FROM item_rejected"))


class TeacherServer(ThreadingHTTPServer):
    """Answers chat completions as `plausible` does, and counts how often each request came."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, answer: Callable[[dict[str, Any]], str], seconds: float) -> None:
        self.asked: Counter[str] = Counter()
        self.answer, self.seconds = answer, seconds
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TeacherServer

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        self._send({"object": "list", "data": [{"id": "m", "object": "model"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked[json.dumps([body["messages"], body.get("seed")])] += 1
        time.sleep(self.server.seconds)
        message = {"role": "assistant", "content": self.server.answer(body)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 200, "completion_tokens": 50, "total_tokens": 250}
        self._send({"id": "x", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage})

    def _send(self, value: object) -> None:
        data = json.dumps(value).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True


def served(body: dict[str, Any]) -> str:
    """`plausible` for a request as it came over the wire."""
    shape = body.get("response_format", {}).get("json_schema", {}).get("schema")
    number = int(body.get("seed") or 0)
    if shape is not None:
        return json.dumps(object_for(shape, number))
    return f"The answer is {phrase(number, 30)}."


@contextmanager
def teacher_server(answer: Callable[[dict[str, Any]], str] = served, seconds: float = 0.0) -> Iterator[TeacherServer]:
    running = TeacherServer(answer, seconds)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.shutdown()
        running.server_close()


def hidden(messages: Sequence[Any]) -> set[str]:
    """The numbers of the marks around material in a request."""
    return {found for one in messages for found in re.findall(r"<<material ([0-9a-f]+)>>", one.content)}
