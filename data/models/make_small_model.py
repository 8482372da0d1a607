"""Make the small model that ships: tokenizer, data and weights from nothing but this project's own tasks.

    python data/models/make_small_model.py            trains, writes data/models/pocket (20 minutes on two free cores)
    python data/models/make_small_model.py --resume   goes on from the last checkpoint of a run that was interrupted

The seed is fixed: another run makes the same tasks in the same order, and the same weights but for rounding.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from small_tokenizer import make_tokenizer

from flywheel_tui.tasks import Task, make_in

SEED = 20_251
STEPS, ROWS, GROUP = 1_500, 128, 8
"""Optimizer steps, tasks in each, and steps whose tasks are made and sorted by length together."""
PEAK, WARM_STEPS, DECAY_FROM = 3e-3, 100, 0.6
SHAPE: dict[str, Any] = {
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "max_position_embeddings": 512,
    "tie_word_embeddings": True,
    "initializer_range": 0.05,
}
Mix = dict[str, tuple[float, float, float]]
FIRST: Mix = {
    "add": (0.5, 1.5, 1.5),
    "subtract": (0.5, 1.5, 1.5),
    "sort": (0.5, 0.7, 1.0),
    "count": (0.4, 0.6, 1.0),
    "ends": (0.4, 0.5, 0.6),
    "extract": (0.5, 0.5, 0.6),
    "reverse": (0.5, 1.0, 0.02),
    "days": (1.0, 0.03, 0.0),
}
LATER: Mix = FIRST | {
    "add": (0.4, 1.2, 1.5),
    "sort": (1.0, 0.02, 0.0),
    "count": (0.7, 1.0, 1.3),
    "ends": (0.2, 0.2, 0.3),
    "extract": (1.0, 1.0, 1.0),
    "reverse": (0.2, 0.4, 0.02),
    "days": (0.6, 0.5, 0.2),
}
LATER_FROM = 800
"""How often each skill comes at difficulty 1, 2, 3, at first and from a step on, when what is learnt more slowly comes
more often. What is seldom is what the model is weak at: long words spelt backwards, and dates in another month."""


def batches(tokenizer: Any, start: int, steps: int) -> Iterator[tuple[Any, Any]]:
    """Token ids and labels (-100 but for the answer and its end) of every step from `start`."""
    for group in range(start // GROUP, math.ceil(steps / GROUP)):
        rng = Random(f"{SEED} {group}")
        mix = FIRST if group * GROUP < LATER_FROM else LATER
        tasks = [draw(rng, mix) for _ in range(GROUP * ROWS)]
        rows = sorted(encode(tokenizer, tasks), key=lambda row: len(row[0]) + len(row[1]))
        parts = [rows[at : at + ROWS] for at in range(0, len(rows), ROWS)]
        rng.shuffle(parts)
        yield from (padded(part, tokenizer.pad_token_id) for part in parts)


def draw(rng: Random, mix: Mix) -> Task:
    """A task of the base split, by the mix."""
    cells = [(name, level) for name, weights in mix.items() for level in range(1, len(weights) + 1)]
    name, level = rng.choices(cells, [mix[name][level - 1] for name, level in cells])[0]
    return make_in(name, "base", rng, level)


def encode(tokenizer: Any, tasks: list[Task]) -> list[tuple[list[int], list[int]]]:
    """The ids of each prompt (in the chat template) and of its answer with the end token."""
    prompts = tokenizer([f"<|user|>{task.prompt}<|end|><|assistant|>" for task in tasks])["input_ids"]
    answers = tokenizer([f"{task.answer}<|end|>" for task in tasks])["input_ids"]
    return list(zip(prompts, answers, strict=True))


def padded(rows: list[tuple[list[int], list[int]]], pad: int) -> tuple[Any, Any]:
    """Rows padded on the right: with causal attention no token that counts sees the padding, so no mask is needed."""
    import torch

    width = max(len(prompt) + len(answer) for prompt, answer in rows)
    width += -width % 8  # few different shapes, for which the kernels are kept
    ids = torch.full((len(rows), width), pad)
    labels = torch.full((len(rows), width), -100)
    for row, (prompt, answer) in enumerate(rows):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        labels[row, len(prompt) : end] = torch.tensor(answer)
    return ids, labels


def rate(step: int, steps: int) -> float:
    """The share of the peak learning rate: a straight rise, a plateau, a straight fall to nothing."""
    if step < WARM_STEPS:
        return (step + 1) / WARM_STEPS
    return min(1.0, (steps - step) / (steps * (1 - DECAY_FROM)))


def new_model(tokenizer: Any) -> Any:
    """A model with random weights."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(SEED)
    special = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **special, **SHAPE))


def optimizers(model: Any) -> list[Any]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    import torch

    inner = [part for name, part in model.named_parameters() if part.ndim == 2 and "embed" not in name]
    known = {id(part) for part in inner}
    outer = [part for part in model.parameters() if id(part) not in known]
    return [
        torch.optim.Muon(inner, lr=PEAK, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(outer, lr=PEAK, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def train(model: Any, tokenizer: Any, steps: int, work: Path, resume: bool, threads: int) -> None:
    """Train in place. A checkpoint is written every 200 steps."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(threads)
    tuned, start = optimizers(model), 0
    saved = work / "checkpoint.pt"
    if resume and saved.is_file():
        state = torch.load(saved, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, kept in zip(tuned, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
        start = state["step"]
    model.train()
    began, losses = time.monotonic(), []
    for step, (ids, labels) in enumerate(batches(tokenizer, start, steps), start):
        if step >= steps:
            break
        for optimizer in tuned:
            for group in optimizer.param_groups:
                group["lr"] = PEAK * rate(step, steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state[:, :-1]
            counts = labels[:, 1:] != -100
            loss = functional.cross_entropy(model.lm_head(hidden[counts]).float(), labels[:, 1:][counts])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in tuned:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        if (step + 1) % 50 == 0:
            pace = (time.monotonic() - began) / (step + 1 - start)
            print(f"step {step + 1}/{steps}  loss {sum(losses[-50:]) / 50:.4f}  {pace:.3f} s/step", flush=True)
        if (step + 1) % 200 == 0:
            kept = {"model": model.state_dict(), "optimizers": [each.state_dict() for each in tuned], "step": step + 1}
            torch.save(kept, work / "checkpoint.new")
            (work / "checkpoint.new").replace(saved)


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Weights as bfloat16 safetensors (half the size), with a configuration that has them loaded as float32."""
    import json

    import torch
    from transformers import GenerationConfig

    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, max_new_tokens=32
    )
    model.to(torch.bfloat16).save_pretrained(folder)
    model.to(torch.float32)
    tokenizer.save_pretrained(folder)
    for path in folder.iterdir():
        path.chmod(0o644)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", "utf-8")


def main() -> None:
    """Train and save. The figures of the card come from measure_small_model.py."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent / "pocket")
    parser.add_argument("--work", type=Path, default=Path("build/pocket"), help="where checkpoints lie")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    model = new_model(tokenizer)
    print(f"{sum(part.numel() for part in model.parameters()):,} parameters, {len(tokenizer)} tokens", flush=True)
    train(model, tokenizer, options.steps, options.work, options.resume, options.threads)
    save(model, tokenizer, options.out)


if __name__ == "__main__":
    main()
