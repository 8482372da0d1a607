"""Every fault of a server, in every dialect, becomes its kind; none becomes a reply."""

from __future__ import annotations

import asyncio
import time

import pytest
from fault_server import DIALECTS, RAW, as_json, faulty, good, serve
from llm_helpers import SCHEMA, made, question

from flywheel_tui.llm import BackendFault
from flywheel_tui.llm.faults import KINDS, RETRIED

EXPECTED = {
    "rst_before": "reset",
    "rst_mid": "reset truncated",
    "hang": "timeout",
    "slow_loris": "timeout",
    "slow_headers": "timeout",
    "endless_body": "too_large",
    "close_before": "reset",
    "short_length": "truncated",
    "short_chunked": "truncated",
    "bad_chunk": "truncated",
    "cut_at_close": "truncated",
    "cut_to_valid_json": "truncated",
    "only_null": "truncated",
    "empty_object": "truncated",
    "a_list": "truncated",
    "html_200": "truncated",
    "empty_200": "truncated",
    "no_content_204": "truncated",
    "not_gzip": "truncated",
    "gzip_cut": "truncated",
    "gzip_bomb": "too_large",
    "unknown_packing": "truncated",
    "huge_announced": "too_large",
    "bad_status_line": "truncated",
    "not_http": "truncated",
    "huge_header": "truncated",
    "bad_utf8": "truncated",
    "deep_nesting": "truncated",
    "nan_in_reply": "truncated",
    "redirect": "http_4xx",
    "400": "http_4xx",
    "401": "auth",
    "402": "quota",
    "403": "auth",
    "403_moderation": "content_filter",
    "404": "http_4xx",
    "408": "timeout",
    "413": "too_large",
    "422": "http_4xx",
    "too_long_400": "ctx_truncated",
    "429": "rate_limited",
    "429_spent": "quota",
    "429_spend_limit": "quota",
    "500": "overloaded",
    "502_html": "overloaded",
    "503": "overloaded",
    "529": "overloaded",
    "error_in_200": "overloaded",
    "empty_text": "empty",
    "null_text": "empty",
    "no_text_at_limit": "length",
    "wrong_types": "truncated",
    "wrong_shape": "truncated",
}
SLOW = {"hang", "slow_loris", "slow_headers"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", list(RAW))
async def test_a_fault_is_told_by_its_kind(name: str, dialect: str) -> None:
    async with serve(faulty(name, dialect), dialect) as url:
        backend = made(dialect, url, deadline=0.3 if name in SLOW else 10.0)
        started = time.perf_counter()
        try:
            with pytest.raises(BackendFault) as caught:
                await backend.complete(question(schema=SCHEMA))
        finally:
            await backend.aclose()
    fault = caught.value
    assert fault.kind in EXPECTED[name].split(), str(fault)
    assert fault.retryable == (fault.kind in RETRIED)
    assert fault.__context__ is None and fault.__cause__ is None
    if name in SLOW:
        assert time.perf_counter() - started < 8, "the deadline of 0.3 s, not the server, ended it"
    if name in ("429", "503"):
        assert fault.retry_after == {"429": 7.0, "503": 3.0}[name]


def test_the_table_covers_every_fault_of_the_server() -> None:
    assert set(EXPECTED) == set(RAW)
    assert {kind for kinds in EXPECTED.values() for kind in kinds.split()} < set(KINDS)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_server_is_a_fault_of_connecting(dialect: str, unused_tcp_port: int) -> None:
    backend = made(dialect, f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(BackendFault) as caught:
        await backend.complete(question())
    await backend.aclose()
    assert caught.value.kind == "connect" and caught.value.retryable


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"choices": [{"message": {"refusal": "no", "content": None}, "finish_reason": "stop"}]}, "refusal"),
        ({"choices": [{"message": {"content": "a part"}, "finish_reason": "content_filter"}]}, "content_filter"),
        ({"choices": [{"message": {"content": "a part"}, "finish_reason": "error"}]}, "overloaded"),
        ({"choices": [{"error": {"code": 429, "message": "x"}, "message": {"content": "a"}}]}, "rate_limited"),
        ({"choices": [{"error": {"code": 402, "message": "x"}, "message": {"content": "a"}}]}, "quota"),
        ({"error": {"code": "402", "message": "no credits"}, "choices": []}, "quota"),
        ({"error": {"code": 403, "message": "flagged by moderation"}}, "content_filter"),
        ({"error": {"code": "model_not_found", "message": "x"}}, "overloaded"),
        ({"error": "plain words"}, "overloaded"),
        ({"choices": [{"finish_reason": "stop"}]}, "truncated"),
    ],
)
@pytest.mark.parametrize("dialect", ["openai", "openrouter"])
async def test_what_a_reply_with_status_200_hides(document: object, kind: str, dialect: str) -> None:
    async with serve(lambda head, body: as_json(document)) as url:
        backend = made(dialect, url)
        with pytest.raises(BackendFault) as caught:
            await backend.complete(question())
        await backend.aclose()
    assert caught.value.kind == kind
    if kind == "quota":
        assert not caught.value.retryable


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"stop_reason": "refusal"}, "refusal"),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, "overloaded"),
        ({"type": "error", "error": {"type": "rate_limit_error", "message": "x"}}, "rate_limited"),
        ({"type": "error", "error": {"type": "billing_error", "message": "x"}}, "quota"),
        ({"type": "ping"}, "truncated"),
        ({"content": [{"type": "thinking"}]}, "empty"),
    ],
)
async def test_what_a_message_of_anthropic_hides(change: dict[str, object], kind: str) -> None:
    async with serve(lambda head, body: as_json(good("anthropic") | change)) as url:
        backend = made("anthropic", url)
        with pytest.raises(BackendFault) as caught:
            await backend.complete(question())
        await backend.aclose()
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("characters", "change", "kind"),
    [
        (12_000, {"prompt_eval_count": 1024}, "ctx_truncated"),
        (12_000, {"prompt_eval_count": 4096}, "ctx_truncated"),
        (12_000, {"prompt_eval_count": 4000, "eval_count": 96}, "ctx_truncated"),
        (40_000, {}, "ctx_truncated"),
        (17_000, {"prompt_eval_count": None}, "ctx_truncated"),
        (100, {"done": False}, "truncated"),
        (100, {"error": "model runner has unexpectedly stopped"}, "overloaded"),
        (12_000, {"prompt_eval_count": 3000}, None),
        (12_000, {"prompt_eval_count": None}, None),
        (8, {"prompt_eval_count": 1}, None),
    ],
)
async def test_prompts_that_ollama_cut_in_silence(characters: int, change: dict[str, object], kind: str | None) -> None:
    asked: list[bytes] = []

    def answer(head: bytes, body: bytes) -> bytes:
        asked.append(body)
        return as_json(good("ollama") | change)

    async with serve(answer) as url:
        backend = made("ollama", url, num_ctx=4096)
        if kind is None:
            reply = await backend.complete(question("abcd" * (characters // 4)))
            assert reply.tokens_estimated == (change["prompt_eval_count"] is None)
        else:
            with pytest.raises(BackendFault) as caught:
                await backend.complete(question("abcd" * (characters // 4)))
            assert caught.value.kind == kind
        await backend.aclose()
    assert all(b'"num_ctx":4096' in body for body in asked)
    assert len(asked) == (0 if characters == 40_000 else 1), "a prompt that cannot fit is not sent"


async def test_cancelling_ends_the_connection_at_once() -> None:
    gone = asyncio.Event()

    async def hold(writer: asyncio.StreamWriter, dialect: str) -> None:
        with pytest.raises(ConnectionError):
            while True:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        gone.set()

    async with serve(lambda head, body: hold) as url:
        backend = made("openai", url)
        task = asyncio.create_task(backend.complete(question()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(gone.wait(), 10.0)
        await backend.aclose()
