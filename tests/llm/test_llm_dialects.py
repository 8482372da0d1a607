"""What each back end sends, reads and learns, against scripted servers of its dialect on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fault_server import DIALECTS, TEXT, as_json, error, good, serve
from llm_helpers import CANARY, SCHEMA, made, question

from flywheel_tui.llm import Backend, BackendFault, Reply, Request
from flywheel_tui.llm.protocol import Message
from flywheel_tui.llm.structured import is_strict

Asked = list[tuple[str, dict[str, Any]]]


async def ask(dialect: str, request: Request, *answers: bytes, **options: Any) -> tuple[list[Reply], Asked, Backend]:
    """Ask once for each reply that the answers make possible; gives the replies and what the server was sent."""
    asked: Asked = []
    queue = list(answers)

    def answer(head: bytes, body: bytes) -> bytes:
        asked.append((head.decode(), json.loads(body) if body else {}))
        return queue.pop(0)

    replies = []
    async with serve(answer, dialect) as url:
        backend = made(dialect, url, **options)
        while queue:
            replies.append(await backend.complete(request))
        await backend.aclose()
    return replies, asked, backend


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_plain_question(dialect: str) -> None:
    request = Request(messages=(Message("system", "Be brief."), Message("user", "Name a colour — ü?")), stop=("\n",))
    (reply,), asked, backend = await ask(dialect, request, as_json(good(dialect, "red")))
    assert (reply.text, reply.finish_reason, reply.tokens_in, reply.tokens_out) == ("red", "stop", 11, 5)
    assert (reply.backend, reply.model, reply.parse_mode) == (dialect, "m", "text")
    assert reply.latency_ms > 0 and not reply.tokens_estimated and reply.cost_micro is None
    head, sent = asked[0]
    assert sent["model"] == "m" and "ü" in json.dumps(sent, ensure_ascii=False)
    path = {"anthropic": "/v1/messages", "ollama": "/api/chat"}.get(dialect, "/v1/chat/completions")
    assert head.startswith(f"POST {path} HTTP/1.1\r\n")
    assert (CANARY in head) == (dialect != "ollama"), "the key goes where it belongs and nowhere else"
    assert backend.place == "loopback"
    if dialect == "anthropic":
        assert sent["system"] == "Be brief." and [turn["role"] for turn in sent["messages"]] == ["user"]
        assert f"x-api-key: {CANARY}" in head and "anthropic-version: 2023-06-01" in head
    elif dialect == "ollama":
        assert sent["options"]["num_ctx"] == 8192 and sent["options"]["stop"] == ["\n"] and sent["stream"] is False
    else:
        assert f"Authorization: Bearer {CANARY}" in head and sent["stop"] == ["\n"]


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_cut_at_max_tokens_says_so(dialect: str) -> None:
    finish = "max_tokens" if dialect == "anthropic" else "length"
    (reply,), _, _ = await ask(dialect, question(), as_json(good(dialect, "half an ans", finish)))
    assert reply.finish_reason == "length" and reply.text == "half an ans"


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_counts_that_are_missing_are_estimated_and_marked(dialect: str) -> None:
    document = good(dialect)
    for name in ("usage", "prompt_eval_count", "eval_count"):
        document.pop(name, None)
    (reply,), _, _ = await ask(dialect, question("word " * 100), as_json(document))
    assert reply.tokens_estimated and 100 <= reply.tokens_in <= 200 and reply.tokens_out > 0


async def test_the_form_is_asked_for_by_schema_then_json_mode_then_words() -> None:
    no_schema = as_json(error("response_format json_schema is not supported", param="response_format"), 400)
    no_json = as_json(error("unknown field response_format"), 422)
    whole = as_json(good("openai"))
    replies, asked, _ = await ask("openai", question(schema=SCHEMA), no_schema, no_json, whole, whole)
    forms = [sent.get("response_format", {}).get("type") for _, sent in asked]
    assert forms == ["json_schema", "json_object", None, None], "what was refused once is not tried again"
    assert [reply.parse_mode for reply in replies] == ["prompt", "prompt"]
    assert asked[0][1]["response_format"]["json_schema"]["strict"] is True
    assert "JSON schema" not in json.dumps(asked[0][1]["messages"])
    assert "JSON schema" in asked[2][1]["messages"][0]["content"]


async def test_ollama_and_anthropic_ask_for_the_form_in_their_way() -> None:
    (reply,), asked, _ = await ask("ollama", question(schema=SCHEMA), as_json(good("ollama")))
    assert asked[0][1]["format"] == SCHEMA and reply.parse_mode == "json_schema"
    used = good("anthropic", None, "tool_use") | {
        "content": [{"type": "tool_use", "name": "answer", "input": {"score": 7}}]
    }
    (reply,), asked, _ = await ask("anthropic", question(schema=SCHEMA), as_json(used))
    assert asked[0][1]["tool_choice"] == {"type": "tool", "name": "answer"}
    assert json.loads(reply.text) == {"score": 7} and (reply.parse_mode, reply.finish_reason) == ("tool", "stop")


async def test_a_server_that_ignores_the_schema_is_asked_in_words_from_then_on() -> None:
    prose = as_json(good("openai", "I would say seven", "length"))
    replies, asked, _ = await ask("openai", question(schema=SCHEMA), prose, as_json(good("openai")))
    assert [reply.parse_mode for reply in replies] == ["json_schema", "prompt"]
    assert "response_format" not in asked[1][1]


async def test_parameters_that_a_model_does_not_take_are_left_out_and_named() -> None:
    about_tokens = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    refusals = [as_json(error(about_tokens), 400), as_json(error("'temperature' does not support 0"), 400)]
    whole = as_json(good("openai"))
    replies, asked, _ = await ask("openai", question(), *refusals, whole, whole)
    assert len(asked) == 4
    last = asked[-1][1]
    assert last["max_completion_tokens"] == 1024 and "max_tokens" not in last and "temperature" not in last
    assert all(reply.dropped == ("temperature",) for reply in replies)


async def test_a_refusal_that_teaches_nothing_is_a_fault_after_one_call() -> None:
    with pytest.raises(BackendFault) as caught:
        await ask("openai", question(schema=SCHEMA), as_json(error("the moon is wrong"), 400), as_json(good("openai")))
    assert caught.value.kind == "http_4xx" and "the moon is wrong" in str(caught.value)


async def test_openrouter_tells_the_cost_and_the_prices() -> None:
    document = good("openrouter") | {"usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.000123}}
    (reply,), asked, _ = await ask("openrouter", question(schema=SCHEMA), as_json(document))
    assert reply.cost_micro == 123
    assert asked[0][1]["usage"] == {"include": True} and asked[0][1]["provider"] == {"require_parameters": True}
    listed = {"data": [{"id": "a/b", "pricing": {"prompt": "0.0000015", "completion": "0.000006"}}]}
    async with serve(lambda head, body: as_json(listed)) as url:
        backend = made("openrouter", url)
        price = await backend.listed_price("a/b")  # type: ignore[attr-defined]
        assert (round(price.input, 6), round(price.output, 6)) == (1.5, 6.0)
        assert await backend.listed_price("other") is None  # type: ignore[attr-defined]
        await backend.aclose()


async def test_no_model_named_takes_the_first_that_the_server_lists() -> None:
    def answer(head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /v1/models"):
            return as_json({"data": [{"id": "first"}, {"id": "second"}]})
        return as_json(good("openai") | {"model": json.loads(body)["model"]})

    async with serve(answer) as url:
        backend = made("openai", url)
        backend.model = ""
        assert (await backend.complete(question())).model == "first"
        await backend.aclose()


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_check_tells_models_and_key(dialect: str) -> None:
    listed = {"data": [{"id": "m1"}], "models": [{"name": "m1"}]}
    async with serve(lambda head, body: as_json(listed)) as url:
        backend = made(dialect, url)
        health = await backend.check()
        await backend.aclose()
    assert health.reachable and health.models == ("m1",)
    assert health.key == ("not needed" if dialect == "ollama" else "ok")
    async with serve(lambda head, body: as_json(error(f"no such key {CANARY}"), 401)) as url:
        backend = made(dialect, url)
        health = await backend.check()
        await backend.aclose()
    assert health.reachable and health.key == ("missing" if dialect == "ollama" else "refused")
    assert CANARY not in repr(health)
    health = await backend.check()
    assert not health.reachable and health.remedy
    await backend.aclose()


async def test_check_of_a_server_that_lists_nonsense() -> None:
    for document in ({"data": 5}, [], "x", {"data": [5, None]}):
        async with serve(lambda head, body, document=document: as_json(document)) as url:  # type: ignore[misc]
            backend = made("openai", url)
            health = await backend.check()
            assert health.reachable and not health.models
            await backend.aclose()


def test_strict_schemas_are_told_from_others() -> None:
    assert is_strict(SCHEMA)
    assert not is_strict(SCHEMA | {"additionalProperties": True})
    assert not is_strict(SCHEMA | {"required": ["score"]})
    assert not is_strict({"type": "array", "items": {"type": "object", "properties": {"a": {}}}})


async def test_text_given_as_parts_is_joined() -> None:
    parts = [{"type": "text", "text": TEXT[:5]}, {"type": "image"}, {"type": "text", "text": TEXT[5:]}]
    (reply,), _, _ = await ask("openai", question(), as_json(good("openai", parts)))
    assert reply.text == TEXT
