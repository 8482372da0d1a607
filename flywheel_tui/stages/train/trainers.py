"""The trainers themselves: model, tokenizer, rows and TRL, put together as a plan says.

Imports torch, transformers, peft and trl: only for the trainer's own process.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, disable_progress_bars
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from transformers.trainer_callback import PrinterCallback, ProgressCallback
from transformers.utils.logging import disable_progress_bar
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from flywheel_tui.stages.train.channel import Channel
from flywheel_tui.stages.train.encode import encode_rows, end_tokens
from flywheel_tui.stages.train.faults import TrainFault

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
OURS = {
    "report_to": "none", "disable_tqdm": True, "dataloader_pin_memory": False, "save_only_model": False,
    "push_to_hub": False,
}  # fmt: skip


class WeightedCollator:
    """TRL's collator for rows that carry a weight."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        weights = [float(example.get("weight", 1.0)) for example in examples]
        bare = [{name: value for name, value in one.items() if name != "weight"} for one in examples]
        batch: dict[str, Any] = self.inner(bare)
        batch["row_weights"] = torch.tensor(weights, dtype=torch.float32)
        return batch


class WeightedSFTTrainer(SFTTrainer):  # type: ignore[misc]
    """SFT where each row's loss counts by its weight: sum(w·nll) / sum(w·tokens) over the accumulated batch.

    With all weights 1 this is TRL's own loss; a row of weight 0 adds nothing to numerator or denominator.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        inner: Any = self.data_collator
        self.data_collator: Any = WeightedCollator(inner)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        columns: list[str] = self._signature_columns
        if "weight" not in columns:
            columns.append("weight")

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: Any) -> Any:
        if not batch_samples or "row_weights" not in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        total = sum(
            (batch["labels"][..., 1:].ne(-100).sum(-1) * batch["row_weights"].to(batch["labels"].device)).sum()
            for batch in batch_samples
        )
        total = torch.as_tensor(total, dtype=torch.float32, device=device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            total = self.accelerator.gather(total).sum()
        # TRL takes at least 1, which a batch of small weights may fall short of: it is scaled out in compute_loss
        return total

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        weights = inputs.pop("row_weights", None)
        if weights is None or not self.model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        total = num_items_in_batch
        if total is None:
            total = (inputs["labels"][..., 1:].ne(-100).sum(-1) * weights).sum()
        # so that neither the clamp at 1 nor a total of 0 changes the quotient
        scale = 1.0 / torch.as_tensor(total, dtype=torch.float32).clamp(min=1e-8)
        rows = (weights * scale.to(weights.device)).unsqueeze(-1)

        def weighted(**arguments: Any) -> Any:
            outputs = model(**arguments)
            if arguments.get("fused_lm_head"):
                outputs.log_probs = outputs.log_probs * rows
            return outputs

        return super().compute_loss(weighted, inputs, return_outputs, torch.ones_like(scale))


def build(plan: dict[str, Any], channel: Channel) -> tuple[Any, list[str]]:
    """The trainer, ready to go, and what a person should know. Raises TrainFault."""
    disable_progress_bar()
    disable_progress_bars()
    notes: list[str] = []
    set_seed(plan["trainer"]["seed"])
    folder = Path(plan["folder"])
    settings, dtype = _settings(plan, notes)
    tokenizer = AutoTokenizer.from_pretrained(plan["base"], local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = _model(plan, dtype)
    channel.send("phase", name="tokenising")
    files = {"train_dataset": plan["train_file"], "eval_dataset": plan["held_out_file"]}
    ends = end_tokens(model, tokenizer)
    sets = {
        name: _dataset(plan, folder / file, tokenizer, ends, channel, notes) for name, file in files.items() if file
    }
    common: dict[str, Any] = {
        "model": model, "processing_class": tokenizer, **sets,
        "peft_config": None if plan["parent"] else LoraConfig(**plan["lora"]),
    }  # fmt: skip
    config_of, trainer_of = {
        "sft": (SFTConfig, WeightedSFTTrainer if plan["weighted"] else SFTTrainer),
        "dpo": (DPOConfig, DPOTrainer), "kto": (KTOConfig, KTOTrainer),
    }[plan["method"]]  # fmt: skip
    trainer = trainer_of(args=config_of(output_dir=str(folder / "checkpoints"), **settings), **common)
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    return trainer, notes


def _settings(plan: dict[str, Any], notes: list[str]) -> tuple[dict[str, Any], Any]:
    """TRL's arguments; where torch sees no GPU after all, those for processors."""
    settings = {**plan["trainer"], **OURS, "use_cpu": plan["device"] == "cpu"}
    precision = plan["precision"]
    if plan["device"] == "cuda" and not torch.cuda.is_available():
        notes.append("torch sees no GPU (it may be a build without CUDA): this run uses the processors, in fp32")
        if plan["qlora"]:
            raise TrainFault("device", "torch sees no GPU, which --qlora needs", "install torch with CUDA")
        settings |= {"use_cpu": True, "bf16": False, "fp16": False, "gradient_checkpointing": False}
        precision = "fp32"
    elif plan["device"] == "cuda" and precision == "bf16" and not torch.cuda.is_bf16_supported(False):
        notes.append("this GPU does not calculate in bf16: fp16 is used")
        settings |= {"bf16": False, "fp16": True}
        precision = "fp16"
    # weights that are trained stay in fp32 under fp16: their gradients are scaled
    return settings, torch.float32 if precision == "fp16" and not plan["qlora"] else DTYPES[precision]


def _model(plan: dict[str, Any], dtype: Any) -> Any:
    options: dict[str, Any] = {
        "dtype": dtype, "use_safetensors": True, "local_files_only": True, "trust_remote_code": False,
    }  # fmt: skip
    if plan["qlora"]:
        from transformers import BitsAndBytesConfig

        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    model = AutoModelForCausalLM.from_pretrained(plan["base"], **options)
    if plan["parent"]:
        return PeftModel.from_pretrained(model, plan["parent"], is_trainable=True, use_safetensors=True)
    return model


def _dataset(
    plan: dict[str, Any], file: Path, tokenizer: Any, ends: set[int], channel: Channel, notes: list[str]
) -> Dataset:
    with file.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    if plan["method"] == "sft":
        rows = encode_rows(rows, plan, tokenizer, ends, channel, notes)
        if not plan["weighted"]:
            rows = [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in rows]
        return Dataset.from_list(rows)
    return Dataset.from_list([{name: value for name, value in row.items() if name != "uid"} for row in rows])


def save_adapter(trainer: Any, folder: Path) -> None:
    """Write the adapter and its tokenizer; only safetensors and text, and nothing else beside it."""
    draft = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(draft, ignore_errors=True)
    trainer.save_model(str(draft))
    if not trainer.is_world_process_zero():
        return
    for beside in ("ref", "README.md", "training_args.bin"):
        path = draft / beside
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if not (draft / "adapter_model.safetensors").is_file():
        raise TrainFault("error", "the trainer wrote no adapter_model.safetensors", "the log of the run says more")
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
