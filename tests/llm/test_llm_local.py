"""The local back end with a tiny model made on the spot; where torch and transformers are installed."""

from __future__ import annotations

import asyncio
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from llm_helpers import SCHEMA, question

from flywheel_tui.errors import MissingExtraError, UsageError
from flywheel_tui.llm import BackendFault, Message, get_backend
from flywheel_tui.llm.backends.local import LocalBackend
from flywheel_tui.settings import Settings

INSTALLED = all(find_spec(name) for name in ("torch", "transformers", "tokenizers"))
needs_torch = pytest.mark.skipif(not INSTALLED, reason="torch and transformers are not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

TEMPLATE = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


def corpus() -> list[str]:
    """Texts for the tokenizer, in which yes and no are common enough to become single tokens."""
    words = ["the", "answer", "is", "good", "bad", "red", "blue", "round", "square", "apple", "lamp", "stone", "river"]
    sentences = [f"{a} {b} {c}" for a in words for b in words[:6] for c in words[6:12]]
    return [*sentences, *["yes", "no", "Yes", "No", " yes", " no"] * 300]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chat model of about 50,000 parameters with random weights."""
    if not INSTALLED:
        pytest.skip("torch and transformers are not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return build(tmp_path_factory.mktemp("model"))


def build(folder: Path) -> Path:
    """Make tokenizer and model and save them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<|im_start|>", "<|im_end|>", "<|pad|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.1,
        eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id,
        bos_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


async def test_an_answer_is_generated(model_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    backend = get_backend("local", model=str(model_folder), settings=Settings())
    first = await backend.complete(question("Is it red?", max_tokens=12))
    again = await backend.complete(question("Is it red?", max_tokens=12))
    assert first.text == again.text and first.tokens_out <= 12 and first.cost_micro == 0
    assert first.finish_reason in ("stop", "length") and first.tokens_in > 5 and not first.tokens_estimated
    assert capfd.readouterr() == ("", ""), "anything printed would be drawn across the screen"
    warm = [await backend.complete(question("Is it red?", max_tokens=12, temperature=1.5, seed=s)) for s in (1, 1, 2)]
    assert warm[0].text == warm[1].text
    health = await backend.check()
    assert health.reachable and health.models == (str(model_folder),)
    await backend.aclose()


async def test_the_form_is_asked_for_in_words(model_folder: Path) -> None:
    backend = get_backend("local", model=str(model_folder), settings=Settings())
    plain = await backend.complete(question("Is it?", max_tokens=4))
    with pytest.raises(BackendFault) as caught:
        await backend.complete(question("Is it? " * 200, schema=SCHEMA, max_tokens=4))
    assert plain.parse_mode == "text" and caught.value.kind == "ctx_truncated"
    await backend.aclose()


async def test_a_stop_word_and_a_deadline_end_the_answer(model_folder: Path) -> None:
    backend = get_backend("local", model=str(model_folder), settings=Settings())
    whole = await backend.complete(question("red apple", max_tokens=30))
    text = whole.text
    mark = next(text[at : at + 3] for at in range(1, 60) if text[:at].strip() and text.find(text[at : at + 3]) == at)
    cut = await backend.complete(question("red apple", max_tokens=30, stop=(mark,)))
    assert cut.text == whole.text.split(mark)[0] and cut.finish_reason == "stop"
    with pytest.raises(BackendFault) as caught:
        await backend.complete(question("red apple", max_tokens=150, timeout=0.001))
    assert caught.value.kind == "timeout"
    task = asyncio.create_task(backend.complete(question("red apple", max_tokens=150)))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await backend.aclose()


async def test_yes_and_no_are_scored_and_their_mass_is_told(model_folder: Path) -> None:
    backend = get_backend("local", model=str(model_folder), settings=Settings())
    assert isinstance(backend, LocalBackend)
    prompts = [
        (Message("user", f"Is the {word} round?" * (index + 1)),) for index, word in enumerate(("apple", "lamp"))
    ]
    together = await backend.yes_no(prompts * 3, batch=4)
    alone = [(await backend.yes_no([prompt], batch=1))[0] for prompt in prompts]
    for index, found in enumerate(together):
        assert found.probability == pytest.approx(alone[index % 2].probability, abs=1e-4)
        assert found.mass == pytest.approx(alone[index % 2].mass, abs=1e-5)
        assert 0 < found.probability < 1 and 0 < found.mass < 0.5, "a model that knows nothing holds little mass there"
    await backend.aclose()


async def test_log_probabilities_agree_with_the_model_run_by_hand(model_folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    backend = get_backend("local", model=str(model_folder), settings=Settings())
    assert isinstance(backend, LocalBackend)
    items = [((Message("user", "red " * n),), "a blue answer " * (1 + n % 3)) for n in range(1, 8)]
    found = await backend.log_probabilities(items, batch=3)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model: Any = AutoModelForCausalLM.from_pretrained(model_folder)
    for (messages, answer), (total, count) in zip(items, found, strict=True):
        prompt = tokenizer.apply_chat_template(
            [{"role": "user", "content": messages[0].content}], add_generation_prompt=True, return_dict=True
        )["input_ids"]
        ids = tokenizer(answer + tokenizer.eos_token, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logs = model(torch.tensor([[*prompt, *ids]])).logits[0].log_softmax(-1)
        by_hand = sum(float(logs[len(prompt) - 1 + place, token]) for place, token in enumerate(ids))
        assert total == pytest.approx(by_hand, abs=1e-3) and count == len(ids)
    await backend.aclose()


@pytest.mark.skipif(INSTALLED, reason="torch and transformers are installed")
async def test_without_the_packages_the_extra_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    backend = get_backend("local", model=str(tmp_path), settings=Settings())
    health = await backend.check()
    assert not health.reachable and "flywheel-tui[local]" in health.remedy
    with pytest.raises(MissingExtraError, match=r"flywheel-tui\[local\]"):
        await backend.complete(question())


@needs_torch
async def test_a_broken_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"not weights")
    backend = get_backend("local", model=str(tmp_path), settings=Settings())
    with pytest.raises(UsageError, match="cannot be loaded"):
        await backend.complete(question())
