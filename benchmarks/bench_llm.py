"""Judge calls: requests a second against a loopback server that waits 50 ms, beside other clients and the ideal.

Ours is the whole call: policy (gate, breaker, ledger, prices, figures), request, reply, strict reading of the verdict.
The others send the same bytes and parse the reply as JSON. `raw` is sockets and `json`, the limit on this machine.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure, told

TITLE = "Judge calls against a server that waits 50 ms (ratio: beside one plain httpx client)"
DELAY = 0.05
ROUNDS = 3
SECONDS = 1.5
GOALS = {16: 0.93, 64: 0.88, 256: 0.55}
PROMPT = "word " * 200
BODY = {"model": "stub", "temperature": 0, "max_tokens": 256, "messages": [{"role": "user", "content": PROMPT}]}

Call = Callable[[], Awaitable[object]]


@contextmanager
def stub(delay: float = DELAY, verdict: str = "") -> Iterator[str]:
    """The server, which waits `delay` seconds and says `verdict`; gives its address."""
    command = [
        sys.executable,
        str(Path(__file__).with_name("llm_stub.py")),
        str(delay),
        *([verdict] if verdict else ()),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.stdin.close()


@asynccontextmanager
async def ours(url: str, width: int) -> AsyncIterator[Call]:
    """The client of this project, with its policy and the strict reader."""
    from flywheel_tui.llm import Message, Request, get_backend
    from flywheel_tui.llm.budget import MemoryLedger
    from flywheel_tui.llm.client import Client, Policy
    from flywheel_tui.llm.prices import load_prices
    from flywheel_tui.llm.strict_json import read_object
    from flywheel_tui.settings import Settings

    backend = get_backend("openai", model="stub", settings=Settings(), base_url=f"{url}/v1")
    request = Request(messages=(Message("user", PROMPT),), max_tokens=256)
    ledger = MemoryLedger(budget_tokens=10**12, budget_micro=10**15)
    async with Client(backend, policy=Policy(concurrency=width), ledger=ledger, prices=load_prices()) as client:
        yield lambda: client.ask(request, lambda reply: read_object(reply.text))


@asynccontextmanager
async def by_aiohttp(url: str, width: int) -> AsyncIterator[Call]:
    """Our back end without the policy, over the carrier that calls to public services take."""
    from flywheel_tui.llm import Message, Request
    from flywheel_tui.llm.backends.openai import OpenAIBackend
    from flywheel_tui.llm.endpoint import Endpoint
    from flywheel_tui.llm.transport import AiohttpTransport

    endpoint = Endpoint(f"{url}/v1")
    backend = OpenAIBackend("openai", "stub", endpoint, transport=AiohttpTransport(endpoint))
    request = Request(messages=(Message("user", PROMPT),), max_tokens=256)
    yield lambda: backend.complete(request)
    await backend.aclose()


@asynccontextmanager
async def bare(url: str, width: int) -> AsyncIterator[Call]:
    """Our back end without the policy."""
    from flywheel_tui.llm import Message, Request, get_backend
    from flywheel_tui.settings import Settings

    backend = get_backend("openai", model="stub", settings=Settings(), base_url=f"{url}/v1")
    request = Request(messages=(Message("user", PROMPT),), max_tokens=256)
    yield lambda: backend.complete(request)
    await backend.aclose()


@asynccontextmanager
async def raw(url: str, width: int) -> AsyncIterator[Call]:
    """Sockets."""
    port = int(url.rsplit(":", 1)[1])
    pool: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call() -> object:
        body = json.dumps(BODY).encode()
        reader, writer = pool.pop() if pool else await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        data = await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
        pool.append((reader, writer))
        return json.loads(data)

    yield call
    for _, writer in pool:
        writer.close()


@asynccontextmanager
async def aiohttp_alone(url: str, width: int) -> AsyncIterator[Call]:
    """aiohttp by itself."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> object:
            async with session.post(f"{url}/v1/chat/completions", json=BODY) as response:
                return await response.json()

        yield call


def httpx_like(name: str, *, shard: int = 0, transport: str = "") -> Any:
    """A client with httpx's interface: one, or one for each `shard` connections, or over another transport."""

    @asynccontextmanager
    async def make(url: str, width: int) -> AsyncIterator[Call]:
        library = __import__(name)
        count = max(1, width // shard) if shard else 1
        limits = library.Limits(max_connections=None, max_keepalive_connections=None)
        more = {"transport": __import__(transport).AiohttpTransport(limits=limits)} if transport else {}
        async with AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(
                    library.AsyncClient(trust_env=False, timeout=30.0, limits=limits, **more)
                )
                for _ in range(count)
            ]
            turn = itertools.cycle(clients)

            async def call() -> object:
                return (await next(turn).post(f"{url}/v1/chat/completions", json=BODY)).json()

            yield call

    return make


CLIENTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "raw": (raw, ()),
    "flywheel": (ours, ()),
    "flywheel, no policy": (bare, ()),
    "flywheel, no policy, over aiohttp": (by_aiohttp, ()),
    "aiohttp": (aiohttp_alone, ()),
    "httpx, one client": (httpx_like("httpx"), ()),
    "httpx, clients of 8": (httpx_like("httpx", shard=8), ()),
    "httpx over httpx-aiohttp": (httpx_like("httpx", transport="httpx_aiohttp"), ("httpx_aiohttp",)),
    "httpx2, one client": (httpx_like("httpx2"), ("httpx2",)),
    "httpx2, clients of 8": (httpx_like("httpx2", shard=8), ("httpx2",)),
}


async def rate(make: Any, url: str, width: int) -> tuple[float, float]:
    """(calls a second, CPU microseconds a call) with `width` at once."""
    async with make(url, width) as call:
        await asyncio.gather(*(call() for _ in range(width)))
        done = 0

        async def work(end: float) -> None:
            nonlocal done
            while time.perf_counter() < end:
                await call()
                done += 1

        gc.collect()
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work(started + SECONDS) for _ in range(width)))
        return done / (time.perf_counter() - started), (time.process_time() - cpu) / done * 1e6


def run(folder: Path, rows: int) -> list[Measure]:
    """Every client at 16, 64 and 256 at once; medians of rounds in turn."""
    measures = []
    present = {name: make for name, (make, needs) in CLIENTS.items() if all(map(find_spec, needs))}
    for width, goal in GOALS.items():
        ideal = width / DELAY
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in present}
        with told(f"judge calls, {width} at once (ideal {ideal:,.0f}/s)"), stub() as url:
            for _, (name, make) in itertools.product(range(ROUNDS), present.items()):
                found[name].append(asyncio.run(rate(make, url, width)))
        median = {name: statistics.median(rate for rate, _ in rates) for name, rates in found.items()}
        cpu = {name: statistics.median(used for _, used in rates) for name, rates in found.items()}
        for name in present:
            what = f"{name}: {median[name] / ideal:.3f} of ideal, {cpu[name]:.0f} µs CPU a call, {width} at once"
            other = median["httpx, one client"]
            said = f"≥ {goal} of ideal" if name == "flywheel" else ""
            measures.append(Measure(what, median[name], "/s", other, "httpx, one client", "more", said))
    return measures
