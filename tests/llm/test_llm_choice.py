"""Names, the automatic choice, the rules without a model, models on this disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fault_server import as_json, serve
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from llm_helpers import SCHEMA, question

from flywheel_tui.errors import InputError, NotFoundError, UsageError
from flywheel_tui.llm import Backend, BackendFault, backend_names, get_backend
from flywheel_tui.llm.backends.offline import SAYS, OfflineBackend, estimate_answer
from flywheel_tui.llm.choice import choose, choose_backend
from flywheel_tui.llm.local_models import cached_models
from flywheel_tui.settings import Settings

CLOSED = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        (
            "import flywheel_tui.llm, flywheel_tui.llm.client, flywheel_tui.llm.strict_json",
            "httpx aiohttp torch pydantic",
        ),
        ("from flywheel_tui.llm import get_backend, backend_names; backend_names()", "httpx aiohttp torch"),
        ("import flywheel_tui.llm.backends.openai, flywheel_tui.llm.backends.local", "torch transformers"),
    ],
)
def test_what_is_heavy_comes_in_only_when_it_is_needed(code: str, absent: str) -> None:
    probe = f"{code}\nimport sys; print([name for name in {absent.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_every_shipped_name_makes_a_back_end() -> None:
    known = {"ollama", "openai", "openrouter", "anthropic", "local", "offline", "scripted"}
    assert known <= set(backend_names())
    keys = Settings(openai_api_key="sk-x", openrouter_api_key="sk-x", anthropic_api_key="sk-x")  # type: ignore[arg-type]
    for name in known - {"local"}:
        made = get_backend(name, settings=keys)
        assert isinstance(made, Backend) and made.name == name
    with pytest.raises(NotFoundError, match=r"anthropic.*ollama"):
        get_backend("olama", settings=keys)
    assert get_backend(settings=Settings(default_judge_backend="offline")).name == "offline"


async def test_the_choice_takes_the_first_that_can_answer() -> None:
    async with serve(lambda head, body: as_json({"models": [{"name": "qwen3:8b"}]})) as url:
        choice = await choose(Settings(ollama_base_url=url, openrouter_api_key="sk-x"))  # type: ignore[arg-type]
        assert (choice.name, choice.model, choice.rejected) == ("ollama", "qwen3:8b", ())
        choice = await choose(Settings(ollama_base_url=url, ollama_model="mine"))
        assert choice.model == "mine" and url in str(choice)
    async with serve(lambda head, body: as_json({"models": []})) as url:
        choice = await choose(Settings(ollama_base_url=url, openrouter_api_key="sk-x", openrouter_model="a/b"))  # type: ignore[arg-type]
        assert (choice.name, choice.model) == ("openrouter", "a/b")
        assert choice.rejected[0].name == "ollama" and "no model" in choice.rejected[0].why


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"anthropic_api_key": "sk-a", "openai_api_key": "sk-o"}, "anthropic"),
        ({"openai_api_key": "sk-o"}, "openai"),
        ({"openai_base_url": CLOSED}, "openai"),
        ({}, "offline"),
    ],
)
async def test_the_choice_without_ollama(
    changes: dict[str, Any], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    settings = Settings(ollama_base_url=CLOSED, **changes)
    choice = choose_backend(settings)
    assert choice.name == name and choice.reason and str(choice).startswith(name)
    assert choice.rejected[0].name == "ollama"
    assert "sk-" not in repr(choice)
    if name == "offline":
        assert [each.name for each in choice.rejected] == ["ollama", "openrouter", "anthropic", "openai", "local"]
        assert get_backend(settings=settings).name == "offline"


async def test_an_address_of_ollama_that_is_off_is_a_reason_not_a_crash() -> None:
    choice = await choose(Settings(ollama_base_url="nowhere"))
    assert "http://" in choice.rejected[0].why
    with pytest.raises(InputError, match="ollama_base_url"):
        get_backend("ollama", settings=Settings(ollama_base_url="nowhere"))


def cached(hub: Path, name: str, size: int, template: bool = True) -> Path:
    """A model as the hub's cache holds it, without weights."""
    folder = hub / f"models--{name.replace('/', '--')}" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(size))
    (folder / "tokenizer_config.json").write_text('{"chat_template": "x"}' if template else "{}")
    return folder


def test_models_on_this_disk_are_found_smallest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert cached_models() == []
    cached(tmp_path, "a/big", 900)
    small = cached(tmp_path, "b/small", 100)
    cached(tmp_path, "c/base", 50, template=False)
    only_pickle = tmp_path / "models--d--old" / "snapshots" / "x"
    only_pickle.mkdir(parents=True)
    (only_pickle / "config.json").write_text("{}")
    (only_pickle / "pytorch_model.bin").write_bytes(b"x")
    assert [(model.name, model.chat) for model in cached_models()] == [
        ("c/base", False),
        ("b/small", True),
        ("a/big", True),
    ]
    backend = get_backend("local", model="b/small", settings=Settings())
    assert backend.model == str(small)
    for name in ("d/old", "no/such", str(only_pickle), ""):
        with pytest.raises(UsageError):
            get_backend("local", model=name, settings=Settings())


async def test_the_rules_say_what_they_are() -> None:
    rules = OfflineBackend()
    context = {"question": "Explain why the sky is blue.", "answer": ""}
    reply = await rules.complete(question(schema=SCHEMA, context=context))
    verdict = json.loads(reply.text)
    assert verdict["score"] == 0 and verdict["rationale"].startswith(SAYS) and reply.parse_mode == "rule"
    assert (reply.model, reply.backend, reply.cost_micro) == ("rules", "offline", 0)
    good = (
        "The sky looks blue because molecules of air scatter short waves of sunlight far more than long ones, so that"
        " from every direction above us mostly the blue part of the light reaches our eyes, and red passes on."
    )
    better = json.loads((await rules.complete(question(schema=SCHEMA, context=context | {"answer": good}))).text)
    assert better["score"] >= 7
    assert (await rules.complete(question())).text.startswith(SAYS)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ("", "Paris is the capital of France, on the river Seine."),
        ("I'm sorry, I cannot help with that.", "The capital of France is Paris."),
        ("yes", "The capital of France is Paris, on the river Seine."),
        ("word " * 60, "The capital of France is Paris, a city on the river Seine with many museums and bridges."),
    ],
)
def test_the_rules_tell_a_bad_answer_from_a_fair_one(worse: str, better: str) -> None:
    asked = "What is the capital of France?"
    assert estimate_answer(asked, worse).share < estimate_answer(asked, better).share


@pytest.mark.parametrize(
    ("schema", "first", "second", "expected"),
    [
        ({"enum": ["A", "B", "tie"]}, "", "The capital is Paris.", "B"),
        ({"enum": ["A", "B", "tie"]}, "The capital is Paris.", "", "A"),
        ({"enum": ["A", "B", "tie"]}, "Paris it is.", "Paris it is.", "tie"),
    ],
)
async def test_the_rules_compare_two_answers(schema: dict[str, Any], first: str, second: str, expected: str) -> None:
    context = {"question": "The capital?", "first": first, "second": second}
    reply = await OfflineBackend().complete(question(schema=schema, context=context))
    assert json.loads(reply.text) == expected


async def test_yes_no_questions_and_schemas_without_a_rule() -> None:
    schema = {"type": "object", "properties": {"q1": {"enum": ["YES", "NO", "NA"]}, "ok": {"type": "boolean"}}}
    reply = await OfflineBackend().complete(question(schema=schema, context={"answer": ""}))
    assert json.loads(reply.text) == {"q1": "NO", "ok": False}
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(40):
        deep = {"type": "object", "properties": {"a": deep}}
    for odd in ({"$ref": "#"}, {"type": "object", "properties": {"a": 5}}, deep):
        with pytest.raises(BackendFault) as caught:
            await OfflineBackend().complete(question(schema=odd))
        assert caught.value.kind == "bad_schema"


@hypothesis_settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_judged_by_rule(asked: str, answer: str) -> None:
    found = estimate_answer(asked, answer)
    assert 0.0 <= found.share <= 1.0 and found.reasons
