"""The key is on the wire to its own host, and nowhere else."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import logging
import pickle
import traceback
from collections.abc import Iterator

import pytest
from fault_server import RAW, as_json, error, faulty, serve
from llm_helpers import CANARY, made, question
from rich.console import Console
from rich.traceback import Traceback

from flywheel_tui.llm import Backend, BackendFault
from flywheel_tui.llm.client import Client, Policy

LEAKS = (CANARY, CANARY[3:20], CANARY[-14:])


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """All that any logger says, at the finest level."""
    kept = io.StringIO()
    handler = logging.StreamHandler(kept)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(1)
    named = [logging.getLogger(name) for name in ("httpx", "httpcore", "aiohttp", "aiohttp.client", "asyncio")]
    levels = [logger.level for logger in named]
    for logger in named:
        logger.setLevel(1)
    yield kept
    root.removeHandler(handler)
    root.setLevel(level)
    for logger, before in zip(named, levels, strict=True):
        logger.setLevel(before)


def shown(error: BaseException) -> str:
    """Everything a crash report could print of an exception, with the variables of every frame but the test's own."""
    assert error.__traceback__ is not None
    error = error.with_traceback(error.__traceback__.tb_next)
    whole = traceback.TracebackException.from_exception(error, capture_locals=True, limit=None)
    console = Console(file=io.StringIO(), width=400)
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    assert isinstance(console.file, io.StringIO)
    parts = ["".join(whole.format(chain=True)), console.file.getvalue(), repr(error), str(error), repr(vars(error))]
    return "\n".join(parts)


def leaks(text: str) -> list[str]:
    return [part for part in LEAKS if part in text]


def objects_of(backend: Backend) -> str:
    """How the parts of a back end print themselves."""
    wire = backend.wire  # type: ignore[attr-defined]
    parts = [backend, wire, wire.endpoint, wire._transport, vars(backend), vars(wire), vars(wire.endpoint)]
    return "\n".join(map(repr, parts))


@pytest.mark.parametrize("dialect", ["openai", "openrouter", "anthropic"])
async def test_no_fault_shows_the_key(dialect: str, everything_logged: io.StringIO) -> None:
    slow = {"hang", "slow_loris", "slow_headers"}
    for name in RAW:
        async with serve(faulty(name, dialect), dialect) as url:
            backend = made(dialect, url, deadline=0.05 if name in slow else 5.0)
            with pytest.raises(BackendFault) as caught:
                await backend.complete(question())
            assert not leaks(shown(caught.value)), name
            assert not leaks(objects_of(backend)), name
            await backend.aclose()
    assert not leaks(everything_logged.getvalue())


@pytest.mark.parametrize("dialect", ["openai", "openrouter", "anthropic"])
@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_a_server_that_repeats_the_key_is_not_quoted(dialect: str, status: int) -> None:
    said = error(f"Incorrect API key provided: {CANARY}, or {CANARY[:16]}…{CANARY[-12:]}", code=CANARY)
    async with serve(lambda head, body: as_json(said, status)) as url:
        backend = made(dialect, url)
        with pytest.raises(BackendFault) as caught:
            await backend.complete(question())
        assert not leaks(shown(caught.value)) and "Incorrect API key" in str(caught.value)
        assert not leaks(repr(await backend.check()))
        await backend.aclose()


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
async def test_a_cancelled_call_shows_no_key(dialect: str) -> None:
    async with serve(faulty("hang", dialect), dialect) as url:
        backend = made(dialect, url)
        call = asyncio.create_task(backend.complete(question()))
        await asyncio.sleep(0.1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert not leaks(shown(caught.value))
        await backend.aclose()


async def test_refused_connections_and_names_show_no_key(unused_tcp_port: int) -> None:
    for url in (f"http://127.0.0.1:{unused_tcp_port}", "https://no-such-host.invalid"):
        backend = made("openai", url, deadline=5.0)
        with pytest.raises(BackendFault) as caught:
            await backend.complete(question())
        assert caught.value.kind == "connect" and not leaks(shown(caught.value))
        await backend.aclose()


async def test_figures_and_ledgers_hold_no_key() -> None:
    async with serve(lambda head, body: as_json(error(CANARY), 401)) as url:
        client = Client(made("openai", url), policy=Policy(tries=1))
        async with client:
            with pytest.raises(BackendFault):
                await client.complete(question())
            kept = [client.snapshot(), client.ledger.spent(), vars(client.figures), vars(client), client._breakers._all]
            assert not leaks(repr(kept))
            assert not leaks(json.dumps({"faults": dict(client.snapshot().faults)}))
            fault = next(iter(client._breakers._all.values()))._lock
            assert fault is not None and not leaks(repr(vars(fault)))


async def test_no_text_of_the_key_stays_behind_in_replies() -> None:
    from fault_server import good

    async with serve(lambda head, body: as_json(good("openai"))) as url:
        backend = made("openai", url)
        reply = await backend.complete(question())
        assert CANARY.encode() not in pickle.dumps(repr(reply))
        await backend.aclose()
    gc.collect()
