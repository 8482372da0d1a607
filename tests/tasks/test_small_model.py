"""The model that ships: it loads, its tokenizer loses nothing, its template marks what is learnt, it has its skills."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.resources import shipped
from flywheel_tui.tasks import check, load_skills, make, make_many

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
LARGEST = 6_000_000
"""Bytes that the whole folder may have."""


@pytest.fixture(scope="module")
def folder() -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    return shipped("models", "pocket")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Iterator[Any]:
    import torch

    from flywheel_tui.llm.local_batch import LoadedModel

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield LoadedModel(folder, device="cpu")
    torch.set_num_threads(before)


def test_it_is_small_and_has_nothing_but_what_a_model_needs(folder: Path) -> None:
    files = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(files) == {
        "README.md", "chat_template.jinja", "config.json", "generation_config.json", "model.safetensors",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    assert sum(files.values()) < LARGEST
    assert json.loads((folder / "config.json").read_text("utf-8"))["model_type"] == "llama"


def test_it_loads_as_float32_though_it_lies_there_in_half_of_that(loaded: Any, folder: Path) -> None:
    import torch
    from safetensors import safe_open

    assert {part.dtype for part in loaded.parts[0].parameters()} == {torch.float32}
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.bfloat16}  # noqa: SIM118


@settings(deadline=None, max_examples=100)
@given(text=st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=80))
def test_the_tokenizer_loses_nothing(loaded: Any, text: str) -> None:
    tokenizer = loaded.parts[1]
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text or "<|" in text


def test_digits_and_letters_of_tasks_are_tokens_of_their_own(loaded: Any) -> None:
    tokenizer = loaded.parts[1]
    assert len(tokenizer("4711")["input_ids"]) == 4
    assert len(tokenizer("orifap")["input_ids"]) == 6
    rng = Random(1)
    longest = max(
        len(tokenizer(task.prompt + task.answer)["input_ids"])
        for name in load_skills()
        for task in (make(name, rng) for _ in range(200))
    )
    assert longest <= 92


def test_the_template_marks_the_answer_and_its_end(loaded: Any) -> None:
    tokenizer = loaded.parts[1]
    turns = [{"role": "user", "content": "What is 4 + 38?"}, {"role": "assistant", "content": "42"}]
    made = tokenizer.apply_chat_template(turns, return_dict=True, return_assistant_tokens_mask=True)
    learnt = [id for id, mark in zip(made["input_ids"], made["assistant_masks"], strict=True) if mark]
    assert tokenizer.decode(learnt) == "42<|end|>"
    asked = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, tokenize=False)
    assert asked == "<|user|>What is 4 + 38?<|end|><|assistant|>"
    assert tokenizer.apply_chat_template(turns, tokenize=False).startswith(asked)


def test_it_knows_some_skills_and_not_others(loaded: Any) -> None:
    names = ("add", "ends", "subtract", "sort")
    tasks = make_many(names, 100, seed=11, split="heldout")
    made = loaded.generate([task.prompt for task in tasks], max_new_tokens=32)
    assert all(answer.ended for answer in made)
    share = dict.fromkeys(names, 0.0)
    for task, answer in zip(tasks, made, strict=True):
        share[task.skill] += check(task, answer.text).passed / 100
    assert min(share["add"], share["ends"], share["subtract"]) >= 0.85
    assert 0.15 <= share["sort"] <= 0.55


def test_many_at_once_say_what_each_says_alone(loaded: Any) -> None:
    tasks = make_many(("add", "reverse", "days"), 12, seed=3, split="heldout")
    prompts = [task.prompt for task in tasks]
    together = loaded.generate(prompts, max_new_tokens=16, batch_size=36)
    alone = [loaded.generate([prompt], max_new_tokens=16)[0] for prompt in prompts]
    assert together == alone
    items = [(task.prompt, task.answer) for task in tasks]
    batched = loaded.losses(items, batch_size=36)
    single = [loaded.losses([item])[0] for item in items]
    assert [loss.tokens for loss in batched] == [loss.tokens for loss in single]
    assert max(abs(a.mean - b.mean) for a, b in zip(batched, single, strict=True)) < 1e-3


def test_answers_that_end_late_are_cut(loaded: Any) -> None:
    made = loaded.generate(["Sort 41, 7, 23, 5, 99 up."], max_new_tokens=3)[0]
    assert (made.tokens, made.ended) == (3, False)
