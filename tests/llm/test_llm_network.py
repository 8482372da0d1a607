"""Where requests may go: addresses, redirects, proxies, sizes and times."""

from __future__ import annotations

import socket
import subprocess
import sys
import time

import httpx
import pytest
from fault_server import as_json, good, http, serve
from llm_helpers import CANARY, made, question, settings
from pydantic import SecretStr

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.llm import BackendFault, get_backend
from flywheel_tui.llm.addresses import is_loopback, refusal
from flywheel_tui.llm.backends.openai import OpenAIBackend
from flywheel_tui.llm.endpoint import Endpoint
from flywheel_tui.llm.transport import AiohttpTransport

NEVER = [
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe",
]
PRIVATE = ["127.0.0.1", "10.0.0.5", "192.168.1.4", "172.16.0.1", "::1", "fd12::5", "::ffff:10.0.0.1", "100.64.0.1"]


@pytest.mark.parametrize("address", NEVER)
def test_addresses_that_are_never_spoken_to(address: str) -> None:
    assert refusal(address, allow_private=True)
    host = f"[{address}]" if ":" in address else address
    for url in (f"http://{host}/v1", f"https://{host}:8000"):
        with pytest.raises(InputError, match="base_url"):
            Endpoint(url.replace("%eth0", ""))


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_for_own_servers(address: str) -> None:
    assert not refusal(address, allow_private=True, secret_in_clear=True)
    assert refusal(address, allow_private=False)


def test_public_addresses_take_a_key_only_when_encrypted() -> None:
    assert not refusal("8.8.8.8", allow_private=False)
    assert "https" in refusal("8.8.8.8", allow_private=True, secret_in_clear=True)
    with pytest.raises(InputError, match="https"):
        Endpoint("http://8.8.8.8/v1", key=SecretStr(CANARY))
    Endpoint("http://8.8.8.8/v1")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example",
        "file:///etc/passwd",
        "localhost:11434",
        "",
        "http://",
        "https:///v1",
        "http://a:b:c/",
        f"https://user:{CANARY}@a.example",
        f"https://a.example/v1?key={CANARY}",
        "http://a.example/#x",
        "http://a\n.example",
        "http://a.example\\@b.example",
        "http://a.example:99999",
        "javascript:alert(1)",
    ],
)
def test_addresses_that_are_not_taken(url: str) -> None:
    with pytest.raises(InputError) as caught:
        Endpoint(url, setting="openai_base_url")
    assert "openai_base_url" in str(caught.value) and CANARY not in str(caught.value)


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xA9.254.1"])
def test_addresses_in_disguise_are_not_taken(host: str) -> None:
    with pytest.raises(InputError):
        Endpoint(f"https://{host}/v1")


async def test_names_that_lead_to_refused_addresses_are_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda name, *a, **k: real("169.254.169.254", *a, **k))
    backend = made("openai", "https://metadata.test", deadline=3.0)
    with pytest.raises(BackendFault) as caught:
        await backend.complete(question())
    await backend.aclose()
    assert caught.value.kind == "connect"
    assert not caught.value.retryable and "refused address" in str(caught.value)


async def test_a_public_service_that_turns_private_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a public service that suddenly leads into the own network gets no connection."""
    reached = []
    async with serve(lambda head, body: reached.append(head) or as_json(good("openai"))) as url:  # type: ignore[func-returns-value]
        port = url.rsplit(":", 1)[1]
        real = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda name, *a, **k: real("127.0.0.1", *a, **k))
        endpoint = Endpoint(f"https://service.test:{port}/v1", key=SecretStr(CANARY), allow_private=False)
        backend = OpenAIBackend("openai", "m", endpoint, deadline=3.0)
        with pytest.raises(BackendFault, match="private address"):
            await backend.complete(question())
        await backend.aclose()
    assert reached == []


def test_anthropic_and_openrouter_are_public_services() -> None:
    for name in ("anthropic", "openrouter"):
        backend = get_backend(name, settings=settings())
        assert backend.endpoint.allow_private is False  # type: ignore[attr-defined]
    for name in ("openai", "openrouter", "anthropic"):
        with pytest.raises(UsageError, match="needs a key"):
            get_backend(name, settings=settings(**{f"{name}_api_key": None}))


async def test_redirects_are_not_followed_and_the_key_stays() -> None:
    reached: list[bytes] = []

    def elsewhere(head: bytes, body: bytes) -> bytes:
        reached.append(head)
        return as_json(good("openai"))

    async with serve(elsewhere) as other:
        for status in (301, 302, 303, 307, 308):
            async with serve(lambda head, body, s=status: http(b"", s, f"Location: {other}/v1/x")) as url:  # type: ignore[misc]
                backend = made("openai", url)
                with pytest.raises(BackendFault) as caught:
                    await backend.complete(question())
                assert caught.value.kind == "http_4xx"
                await backend.aclose()
    assert reached == []


async def test_the_transport_sends_its_key_to_no_other_host() -> None:
    reached: list[bytes] = []

    def elsewhere(head: bytes, body: bytes) -> bytes:
        reached.append(head)
        return as_json({})

    async with serve(elsewhere) as other, serve(elsewhere) as own:
        transport = AiohttpTransport(Endpoint(own, key=SecretStr(CANARY)))
        with pytest.raises(httpx.UnsupportedProtocol, match="not the host"):
            await transport.handle_async_request(httpx.Request("GET", f"{other}/models"))
        assert reached == []
        await transport.handle_async_request(httpx.Request("GET", f"{own}/models"))
        assert CANARY.encode() in reached[0]
        await transport.aclose()


async def test_proxies_of_the_environment_are_for_public_hosts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    async with serve(lambda head, body: as_json(good("openai"))) as url:
        backend = made("openai", url)
        assert (await backend.complete(question())).text
        await backend.aclose()
    assert Endpoint("http://192.168.1.5:8000").proxy is None
    assert Endpoint("https://api.openai.com/v1").proxy == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_what_counts_as_this_machine(name: str) -> None:
    assert is_loopback(name)
    assert not is_loopback("localhost.example") and not is_loopback("10.0.0.1")


async def test_connections_are_used_again_and_a_dropped_one_is_a_retryable_fault() -> None:
    def answer(head: bytes, body: bytes) -> bytes:
        return as_json(good("openai"))

    async with serve(answer) as url:
        backend = made("openai", url)
        for _ in range(5):
            await backend.complete(question())
        assert backend.wire._transport.idle == 1  # type: ignore[attr-defined]
        await backend.aclose()
        assert backend.wire._transport.idle == 0  # type: ignore[attr-defined]


BOMB = """
import asyncio, gzip, resource, sys, zlib
sys.path[:0] = {path!r}
from fault_server import http, serve
from llm_helpers import made, question
from flywheel_tui.llm import BackendFault

packer, block = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(2**20)
bomb = b"".join([*(packer.compress(block) for _ in range(300)), packer.flush()])
reply = http(bomb, 200, "Content-Encoding: gzip")

async def main():
    async with serve(lambda head, body: reply) as url:
        for _ in range(2):
            backend = made("openai", url)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                await backend.complete(question())
            except BackendFault as fault:
                print(fault.kind, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
            await backend.aclose()

asyncio.run(main())
"""


def test_a_gzip_bomb_of_300_mb_costs_at_most_32() -> None:
    program = BOMB.format(path=[entry for entry in sys.path if entry])
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    kinds = [line.split() for line in done.stdout.splitlines()]
    assert [kind for kind, _ in kinds] == ["too_large", "too_large"]
    assert all(float(grown) <= 32 for _, grown in kinds), done.stdout
    assert time.perf_counter() - started < 50
