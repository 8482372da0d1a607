"""Exports taken by those who they are for: TRL's trainers with a tiny model, the datasets library, a chat template."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from export_helpers import run
from factories import add_pairs
from format_pairs import judged, preferences, rag, reasoning, talks, tools

from flywheel_tui.stages.export import ExportRequest, ExportResult, export, preview
from flywheel_tui.stages.export.rewards import reward
from flywheel_tui.workspace import Workspace

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]
TEMPLATE = (
    "{%- if tools -%}{{- '<|im_start|>system\\n' -}}{%- for t in tools -%}{{- t | tojson + '\\n' -}}{%- endfor -%}"
    "{{- '<|im_end|>\\n' -}}{%- endif -%}"
    "{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\\n' -}}"
    "{%- if m['role'] == 'assistant' -%}{%- generation -%}{{- m['content'] or '' -}}"
    "{%- for c in m['tool_calls'] or [] -%}"
    "{{- '<tool_call>' + c['function'] | tojson + '</tool_call>' -}}{%- endfor -%}"
    "{{- '<|im_end|>' -}}{%- endgeneration -%}{{- '\\n' -}}"
    "{%- else -%}{{- m['content'] + '<|im_end|>\\n' -}}{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of some 60,000 random weights with a byte tokenizer and a template that knows tools."""
    if not all(find_spec(name) for name in ("torch", "transformers", "trl", "datasets")):
        pytest.skip("the extra train is not installed")
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())  # fmt: skip
    tokenizer.train_from_iterator(["user assistant system tool"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>")
    fast.chat_template = TEMPLATE
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, tie_word_embeddings=True, initializer_range=0.1,
        eos_token_id=fast.eos_token_id, pad_token_id=fast.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def loaded(result: ExportResult, folder: Path) -> Any:
    import datasets

    files = {"train": [file.path for file in result.files]}
    return datasets.load_dataset("json", data_files=files, split="train", cache_dir=str(folder / "cache"))


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"), "per_device_train_batch_size": 4, "max_steps": 1, "report_to": "none",
        "use_cpu": True, "bf16": False, "gradient_checkpointing": False, "save_strategy": "no", "disable_tqdm": True,
        "dataloader_pin_memory": False, "logging_steps": 1, **more,
    }  # fmt: skip


def trained(trainer: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loss = float(trainer.train().training_loss)
    assert loss == loss and trainer.state.global_step == 1
    return loss


SFT: list[tuple[str, Any, dict[str, Any]]] = [
    ("sft", reasoning, {}),
    ("sft", talks, {}),
    ("sft", rag, {"messages": True}),
    ("sft", tools, {}),
    ("messages", talks, {}),
    ("chatml", talks, {}),
    ("tools", tools, {}),
    ("distill", reasoning, {}),
    ("axolotl", tools, {}),
]


@pytest.mark.parametrize(("format", "make", "fields"), SFT)
def test_sft_trainer_takes_a_batch(
    model: Path, workspace: Workspace, tmp_path: Path, format: str, make: Any, fields: dict[str, Any]
) -> None:
    from trl import SFTConfig, SFTTrainer

    add_pairs(workspace, make())
    data = loaded(run(workspace, tmp_path / "x.jsonl", format=format, **fields), tmp_path)
    config = SFTConfig(**settings(tmp_path), max_length=512, assistant_only_loss="messages" in data.column_names)
    trainer = SFTTrainer(model=str(model), args=config, train_dataset=data)
    batch = next(iter(trainer.get_train_dataloader()))
    trained_on = [label for row in batch["labels"].tolist() for label in row if label != -100]
    text = trainer.processing_class.decode(trained_on)
    assert trained(trainer) > 0
    if format == "tools":
        assert '"name": "get.weather"' in text and "Sunny" in text and 'sun": true' not in text
    if format == "distill":
        assert "<think>" in text and "What is" not in text, "the loss is on the completion only"


@pytest.mark.parametrize(
    ("format", "messages", "loss"), [("dpo", False, "sigmoid"), ("dpo", True, "sigmoid"), ("ipo", True, "ipo")]
)
def test_dpo_trainer_takes_a_batch(
    model: Path, workspace: Workspace, tmp_path: Path, format: str, messages: bool, loss: str
) -> None:
    from trl import DPOConfig, DPOTrainer

    add_pairs(workspace, preferences())
    data = loaded(run(workspace, tmp_path / "x.jsonl", format=format, messages=messages), tmp_path)
    config = DPOConfig(**settings(tmp_path), max_length=256, loss_type=loss)
    found = trained(DPOTrainer(model=str(model), args=config, train_dataset=data))
    if loss == "sigmoid":
        assert found == pytest.approx(0.693147, abs=1e-3), "policy and reference are the same before the first step"


@pytest.mark.parametrize("messages", [False, True])
def test_kto_trainer_takes_a_batch(model: Path, workspace: Workspace, tmp_path: Path, messages: bool) -> None:
    from trl import KTOConfig, KTOTrainer

    add_pairs(workspace, judged())
    data = loaded(run(workspace, tmp_path / "x.jsonl", format="kto", messages=messages), tmp_path)
    trained(KTOTrainer(model=str(model), args=KTOConfig(**settings(tmp_path), max_length=256), train_dataset=data))


@pytest.mark.parametrize(("make", "messages"), [(reasoning, False), (reasoning, True), (tools, True)])
def test_grpo_trainer_takes_the_prompts_and_our_rewards(
    model: Path, workspace: Workspace, tmp_path: Path, make: Any, messages: bool
) -> None:
    from trl import GRPOConfig, GRPOTrainer

    add_pairs(workspace, make())
    data = loaded(run(workspace, tmp_path / "x.jsonl", format="grpo", messages=messages), tmp_path)
    seen: list[float | None] = []

    def watched(completions: Any, **columns: Any) -> list[float | None]:
        found = reward(completions, **columns)
        seen.extend(found)
        return found

    config = GRPOConfig(**settings(tmp_path), num_generations=4, max_completion_length=8)
    trainer = GRPOTrainer(model=str(model), args=config, train_dataset=data, reward_funcs=watched)
    trained(trainer)
    assert len(seen) >= 4 and all(value in (0.0, 1.0, None) for value in seen)


def test_datasets_reads_the_folder(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    add_pairs(workspace, [*tools(), *talks(), *rag()])
    split = {"train": 0.6, "validation": 0.4}
    for format in ("hf", "hf:messages", "hf:jsonl"):
        folder = tmp_path / format.replace(":", "_")
        result = run(workspace, folder, format=format, split=split)
        found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert {name: found[name].num_rows for name in found} == {file.part: file.pairs for file in result.files}
        assert result.written == 36
    first = datasets.load_dataset(str(tmp_path / "hf"), split="train", cache_dir=str(tmp_path / "cache"))[0]
    assert first["uid"] and first["kind"] == "tools"


def test_the_template_of_a_model_is_tried_on_every_row(model: Path, workspace: Workspace, tmp_path: Path) -> None:
    refusing = tmp_path / "refusing"
    refusing.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "config.json"):
        (refusing / name).write_bytes((model / name).read_bytes())
    refuse = "{%- if messages[0]['role'] == 'system' -%}{{ raise_exception('no system messages') }}{%- endif -%}"
    (refusing / "chat_template.jinja").write_text(refuse + TEMPLATE)
    add_pairs(workspace, [*talks(3), *reasoning(4)])
    request = ExportRequest(dataset="demo", to=str(tmp_path / "x.jsonl"), format="messages", template=str(refusing))
    result = export(workspace, request)
    assert result.written == 4
    assert {left.reason: left.pairs for left in result.left_out} == {
        "the chat template refuses it: no system messages": 3
    }
    shown = preview(workspace, ExportRequest(dataset="demo", format="messages", template=str(model)))
    assert shown.rendered is not None and shown.rendered.startswith("<|im_start|>system\nBe kind.<|im_end|>")
    assert shown.tokens and any("tokens with the chat template" in note for note in result.notes)
    assert json.loads(Path(result.manifest).read_text())["options"]["template"] == str(refusing)
