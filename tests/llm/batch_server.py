"""A server on loopback that speaks the batch APIs of OpenAI and Anthropic; each answer is made by a function."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from fault_server import good

Answer = Callable[[str, dict[str, Any]], Any]
"""Of (custom_id, body): the text of a reply, an int for an error with that status, or None for no answer at all."""


class BatchServer:
    """What was handed over and how often; `lag` looks at a batch find it running before it ends."""

    def __init__(self, dialect: str, answer: Answer, *, lag: int = 1) -> None:
        self.dialect, self.answer, self.lag = dialect, answer, lag
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        """The custom id of every request that was worked on (and is billed)."""
        self.live = 0
        self.cancelled: list[str] = []
        self.lose_next_reply = False
        """Take the next batch, and break the connection before saying so."""
        self.fail_with = ""
        self.url = ""

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**28)
        if self.dialect == "openai":
            app.router.add_post("/v1/files", self.upload)
            app.router.add_get("/v1/files/{id}/content", self.content)
            app.router.add_get("/v1/models", self.models)
            app.router.add_post("/v1/chat/completions", self.one)
            base = "/v1/batches"
        else:
            app.router.add_get("/v1/models", self.models)
            app.router.add_post("/v1/messages", self.one)
            base = "/v1/messages/batches"
            app.router.add_get(f"{base}/{{id}}/results", self.results)
        app.router.add_post(base, self.create)
        app.router.add_get(base, self.list)
        app.router.add_get(f"{base}/{{id}}", self.show)
        app.router.add_post(f"{base}/{{id}}/cancel", self.cancel)
        return app

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "m"}]})

    async def one(self, request: web.Request) -> web.Response:
        self.live += 1
        body = await request.json()
        said = self.answer("live", body)
        return web.json_response(good(self.dialect, said if isinstance(said, str) else '{"score": 5}'))

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        name = f"file-{len(self.files)}"
        self.files[name] = form["file"].file.read()  # type: ignore[union-attr]
        return web.json_response({"id": name})

    async def create(self, request: web.Request) -> web.StreamResponse:
        document = await request.json()
        if self.dialect == "openai":
            assert document["endpoint"] == "/v1/chat/completions" and document["completion_window"] == "24h"
            lines = [json.loads(line) for line in self.files[document["input_file_id"]].splitlines()]
            assert all(line["method"] == "POST" and line["url"] == document["endpoint"] for line in lines)
            asked = [(line["custom_id"], line["body"]) for line in lines]
        else:
            asked = [(one["custom_id"], one["params"]) for one in document["requests"]]
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {"asked": asked, "looks": 0, "metadata": document.get("metadata"), "answers": None}
        if self.lose_next_reply:
            self.lose_next_reply = False
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response(self.shown(name))

    def work(self, name: str) -> None:
        batch = self.batches[name]
        if batch["answers"] is None:
            batch["answers"] = [(custom_id, self.answer(custom_id, body)) for custom_id, body in batch["asked"]]
            self.asked += [custom_id for custom_id, said in batch["answers"] if said is not None]

    def shown(self, name: str) -> dict[str, Any]:
        batch = self.batches[name]
        done = batch["answers"] is not None
        total = len(batch["asked"])
        if self.dialect == "openai":
            found = {"id": name, "status": "completed" if done else "in_progress", "metadata": batch["metadata"],
                     "request_counts": {"total": total, "completed": total if done else 0, "failed": 0}}  # fmt: skip
            if self.fail_with:
                found |= {"status": "failed", "errors": {"data": [{"message": self.fail_with}]}}
            elif done:
                found["output_file_id"] = f"out-{name}"
                self.files[f"out-{name}"] = b"\n".join(
                    json.dumps(self.line(one, said)).encode() for one, said in batch["answers"] if said is not None
                )
            return found
        counts = {"processing": 0 if done else total, "succeeded": total if done else 0, "errored": 0}
        return {"id": name, "processing_status": "ended" if done else "in_progress", "request_counts": counts,
                "created_at": "2099-01-01T00:00:00Z"}  # fmt: skip

    def line(self, custom_id: str, said: Any) -> dict[str, Any]:
        if self.dialect == "openai":
            status, body = (
                (said, {"error": {"message": "no"}}) if isinstance(said, int) else (200, good("openai", said))
            )
            return {"custom_id": custom_id, "response": {"status_code": status, "body": body}, "error": None}
        if isinstance(said, int):
            error = {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}
            return {"custom_id": custom_id, "result": {"type": "errored", "error": error}}
        return {"custom_id": custom_id, "result": {"type": "succeeded", "message": good("anthropic", said)}}

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [self.shown(name) for name in reversed(self.batches)]})

    async def show(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        self.batches[name]["looks"] += 1
        if self.batches[name]["looks"] > self.lag and not self.fail_with:
            self.work(name)
        return web.json_response(self.shown(name))

    async def content(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files[request.match_info["id"]])

    async def results(self, request: web.Request) -> web.Response:
        lines = [self.line(one, said) for one, said in self.batches[request.match_info["id"]]["answers"]
                 if said is not None]  # fmt: skip
        return web.Response(body=b"\n".join(json.dumps(line).encode() for line in lines))

    async def cancel(self, request: web.Request) -> web.Response:
        self.cancelled.append(request.match_info["id"])
        return web.json_response(self.shown(request.match_info["id"]))


@asynccontextmanager
async def serving(server: BatchServer) -> AsyncIterator[BatchServer]:
    """The server, on a free port."""
    runner = web.AppRunner(server.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    server.url = f"http://127.0.0.1:{port}"
    try:
        yield server
    finally:
        await runner.cleanup()
