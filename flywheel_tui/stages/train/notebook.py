"""A notebook that trains the same on a hosted GPU: self-contained but for the rows written beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.train.data import prepare
from flywheel_tui.stages.train.options import Plan, TrainOptions
from flywheel_tui.stages.train.planning import base_of

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

INSTALL = '%pip install -q "transformers>=5" "trl>=1.16" "peft>=0.21" "accelerate>=1.15" "datasets>=4"'
CLASSES = {"sft": ("SFTConfig", "SFTTrainer"), "dpo": ("DPOConfig", "DPOTrainer"), "kto": ("KTOConfig", "KTOTrainer")}
_LOCAL = (
    "bf16",
    "fp16",
    "logging_steps",
    "save_strategy",
    "save_steps",
    "save_total_limit",
    "eval_strategy",
    "eval_steps",
)


def write_notebook(workspace: Workspace, options: TrainOptions, plan: Plan, path: Path) -> tuple[Path, Path]:
    """Write the notebook and its rows (NAME.train.jsonl beside it). Raises UsageError where it cannot go there."""
    if path.suffix != ".ipynb":
        raise UsageError(f"{path}: a notebook's name ends in .ipynb")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent}: no such folder")
    if options.adapter:
        raise UsageError("--notebook starts from a base model; leave --adapter out")
    rows = path.with_suffix(".train.jsonl")
    _write_rows(workspace, options, rows)
    document = notebook(options, plan, rows.name)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n")
    return path, rows


def _write_rows(workspace: Workspace, options: TrainOptions, target: Path) -> None:
    from tempfile import TemporaryDirectory

    base, _ = base_of(workspace, options)
    with TemporaryDirectory(dir=target.parent) as folder:
        prepare(workspace, options, base, Path(folder), None)
        with target.open("wb") as out, (Path(folder) / "train.jsonl").open("rb") as lines:
            for line in lines:
                out.write(msgspec.json.encode(_row(msgspec.json.decode(line))) + b"\n")


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """A row as TRL itself reads it: prompt and completion, so that only the last answer teaches."""
    row.pop("uid", None)
    messages = row.pop("messages", None)
    if messages:
        row |= {"prompt": messages[:-1], "completion": messages[-1:]}
    return row


def notebook(options: TrainOptions, plan: Plan, rows: str) -> dict[str, Any]:
    """The notebook as nbformat 4.5 has it."""
    config, trainer = CLASSES[options.method]
    kept = {name: value for name, value in plan.arguments["trainer"].items() if name not in _LOCAL}
    weighted = options.tiers is not None and options.method == "sft"
    cells = [
        _text(
            f"# {options.method.upper()} of {options.dataset}\n\n{plan.data.train:,} rows, snapshot"
            f" `{plan.data.snapshot_hash[:16]}`, {plan.steps:,} steps. Choose a GPU as the runtime, run every cell, and"
            f" upload `{rows}` when asked. The adapter comes back as `adapter.zip`."
        ),
        _code(INSTALL + ("\n%pip install -q bitsandbytes" if options.qlora else "")),
        _code(_upload(rows)),
        _code(_settings(options, plan, kept, rows)),
        _code(_load(options, weighted)),
        _code(_train(options, config, trainer, weighted)),
        _code(_LOOK),
        _code(_SAVE),
    ]
    return {
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"}, "accelerator": "GPU",
        },
        "cells": [cell | {"id": f"cell-{number}"} for number, cell in enumerate(cells)],
    }  # fmt: skip


def _text(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source.splitlines(keepends=True)}


def _code(source: str) -> dict[str, Any]:
    lines = source.strip("\n").splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": lines}


def _upload(rows: str) -> str:
    return f"""
from pathlib import Path

ROWS = Path({rows!r})
if not ROWS.exists():
    try:
        from google.colab import files
    except ImportError:
        raise SystemExit(f"put {{ROWS}} beside this notebook, then run this cell again")
    files.upload()
print(ROWS, ROWS.stat().st_size, "bytes")
"""


def _settings(options: TrainOptions, plan: Plan, kept: dict[str, Any], rows: str) -> str:
    base = plan.base if not Path(plan.base).is_absolute() else Path(plan.base).name
    return f"""
import torch

# a name on the hub, or a folder that you upload
BASE = {base!r}
SEED = {options.seed}
GPU = torch.cuda.is_available()
BF16 = GPU and torch.cuda.is_bf16_supported()
LORA = {plan.arguments["lora"]!r}
SETTINGS = {kept!r}
if GPU:
    print(torch.cuda.get_device_name(), "bf16" if BF16 else "fp16")
else:
    print("there is no GPU here: choose a runtime with one, or wait long (a small model bears it)")
"""


def _load(options: TrainOptions, weighted: bool) -> str:
    four_bits = """
from transformers import BitsAndBytesConfig

extra["quantization_config"] = BitsAndBytesConfig(
    load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
    bnb_4bit_compute_dtype=torch.bfloat16 if BF16 else torch.float16,
)
""" if options.qlora else ""  # fmt: skip
    drop = "" if weighted or options.method != "sft" else '.remove_columns("weight")'
    return f"""
import json

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

set_seed(SEED)
data = Dataset.from_list([json.loads(line) for line in ROWS.open(encoding="utf-8")]){drop}
tokenizer = AutoTokenizer.from_pretrained(BASE, trust_remote_code=False)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
extra = {{}}
{four_bits}
model = AutoModelForCausalLM.from_pretrained(
    BASE, dtype=torch.bfloat16 if BF16 else torch.float32, use_safetensors=True, trust_remote_code=False, **extra
)
"""


_WEIGHTED = '''
class Weighted(SFTTrainer):
    """The loss of each row counts by its weight."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        inner = self.data_collator

        def collate(examples):
            batch = inner([{k: v for k, v in one.items() if k != "weight"} for one in examples])
            batch["row_weights"] = torch.tensor([float(one["weight"]) for one in examples])
            return batch

        self.data_collator = collate

    def _set_signature_columns_if_needed(self):
        super()._set_signature_columns_if_needed()
        self._signature_columns = [*self._signature_columns, "weight"]

    def _get_num_items_in_batch(self, batches, device):
        total = sum((b["labels"][..., 1:].ne(-100).sum(-1) * b["row_weights"]).sum() for b in batches)
        return torch.as_tensor(total, dtype=torch.float32, device=device)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        rows = (inputs.pop("row_weights") / num_items_in_batch.clamp(min=1e-8)).unsqueeze(-1)

        def weighted(**arguments):
            outputs = model(**arguments)
            if arguments.get("fused_lm_head"):
                outputs.log_probs = outputs.log_probs * rows
            return outputs

        return super().compute_loss(weighted, inputs, return_outputs, torch.ones_like(num_items_in_batch))
'''


def _train(options: TrainOptions, config: str, trainer: str, weighted: bool) -> str:
    chosen = "Weighted" if weighted else trainer
    return f"""
from peft import LoraConfig
from trl import {config}, {trainer}
{_WEIGHTED if weighted else ""}
trainer = {chosen}(
    model=model, processing_class=tokenizer, train_dataset=data, peft_config=LoraConfig(**LORA),
    args={config}(
        output_dir="checkpoints", report_to="none", logging_steps=5, save_steps=200, bf16=BF16,
        fp16=GPU and not BF16, use_cpu=not GPU, **SETTINGS
    ),
)
trainer.train()
"""


_LOOK = """
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
tuned = trainer.model.eval()
for row in list(data)[:3]:
    turns = row["prompt"] if isinstance(row["prompt"], list) else [{"role": "user", "content": row["prompt"]}]
    asked = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    asked = {name: value.to(tuned.device) for name, value in asked.items()}
    with torch.no_grad():
        said = tuned.generate(**asked, max_new_tokens=64, do_sample=False, pad_token_id=tokenizer.pad_token_id)
    print(turns[-1]["content"], "->", tokenizer.decode(said[0, asked["input_ids"].shape[1]:], skip_special_tokens=True))
"""
_SAVE = """
import shutil

trainer.save_model("adapter")
tokenizer.save_pretrained("adapter")
shutil.make_archive("adapter", "zip", "adapter")
try:
    from google.colab import files

    files.download("adapter.zip")
except ImportError:
    print("adapter.zip is beside this notebook")
"""
