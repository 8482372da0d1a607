"""Measure the small model: what it gets right before an adapter, and what a LoRA makes of it.

python data/models/measure_small_model.py                     accuracy of each skill on held-out tasks
python data/models/measure_small_model.py --learn days --seeds 3
                                                              and after a LoRA made from its own failures
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from make_small_model import encode, padded

from flywheel_tui.llm.local_batch import LoadedModel
from flywheel_tui.stats.intervals import wilson
from flywheel_tui.stats.paired import mcnemar_exact, paired_counts
from flywheel_tui.tasks import Task, check, load_skills, make_many, vary_many

POCKET = Path(__file__).resolve().parent / "pocket"


class Recipe(NamedTuple):
    """How an adapter is trained: `new` tasks like the failed ones and `replay` times as many of all skills."""

    new: int = 1500
    replay: float = 1.0
    rank: int = 16
    rate: float = 2e-3
    epochs: int = 3
    rows: int = 32


def right(loaded: LoadedModel, tasks: Sequence[Task]) -> list[bool]:
    """Which tasks a model answers rightly."""
    made = loaded.generate([task.prompt for task in tasks], max_new_tokens=32)
    return [check(task, answer.text).passed for task, answer in zip(tasks, made, strict=True)]


def learn(loaded: LoadedModel, skills: Sequence[str], recipe: Recipe, seed: int) -> float:
    """Put a LoRA on a model, trained on tasks like those of `skills` that it fails. Returns the seconds it took."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    probes = make_many(skills, 200, seed=seed, split="probe")
    failed = [task for task, fine in zip(probes, right(loaded, probes), strict=True) if not fine]
    names = sorted(load_skills())
    tasks = vary_many(failed, recipe.new, seed=seed)
    tasks += make_many(names, round(recipe.new * recipe.replay / len(names)), seed=seed, split="generate")
    began = time.monotonic()
    model, tokenizer = loaded.parts
    options: dict[str, Any] = {"r": recipe.rank, "lora_alpha": 2 * recipe.rank, "target_modules": "all-linear"}
    tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))
    fit(tuned, encode(tokenizer, tasks), tokenizer.pad_token_id, recipe, Random(seed))
    loaded.replace(tuned.eval())
    return time.monotonic() - began


def fit(model: Any, rows: list[Any], pad: int, recipe: Recipe, rng: Random) -> None:
    """Train the adapter: AdamW, ten steps of rise, then a straight fall of the learning rate."""
    import torch

    parts = [part for part in model.parameters() if part.requires_grad]
    optimizer = torch.optim.AdamW(parts, lr=recipe.rate, weight_decay=0.0)
    steps = recipe.epochs * (len(rows) // recipe.rows)
    model.train()
    for step in range(steps):
        place = step % (len(rows) // recipe.rows)
        if place == 0:
            rng.shuffle(rows)
        ids, labels = padded(rows[place * recipe.rows : (place + 1) * recipe.rows], pad)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min((step + 1) / 10, 1 - step / steps)
        model(input_ids=ids, labels=labels, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(parts, 1.0)
        optimizer.step()
        optimizer.zero_grad()


def line(name: str, fine: Sequence[bool]) -> str:
    """Accuracy with Wilson's 95 % interval."""
    low, high = wilson(sum(fine), len(fine))
    return f"{name:9} {sum(fine) / len(fine):6.1%}  [{low:.1%}, {high:.1%}]  n {len(fine)}"


def main() -> None:
    """Measure, learn, measure again."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=POCKET)
    parser.add_argument("--tasks", type=int, default=300, help="held-out tasks of each skill")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learn", nargs="+", default=[], metavar="SKILL")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first of the seeds")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    for name, kind in Recipe.__annotations__.items():
        parser.add_argument(f"--{name}", type=float if "float" in str(kind) else int, default=getattr(Recipe(), name))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    names = sorted(load_skills())
    recipe = Recipe(**{name: getattr(options, name) for name in Recipe._fields})
    figures = []
    for seed in range(options.first, options.first + (options.seeds if options.learn else 1)):
        loaded = LoadedModel(options.model)
        tasks = make_many(names, options.tasks, seed=seed, split="heldout")
        before = right(loaded, tasks)
        seconds = learn(loaded, options.learn, recipe, seed) if options.learn else 0.0
        after = right(loaded, tasks) if options.learn else before
        print(f"seed {seed}" + (f", {recipe}, trained in {seconds:.0f} s" if options.learn else ""), flush=True)
        for name in names:
            was, now = (
                [fine for fine, task in zip(side, tasks, strict=True) if task.skill == name] for side in (before, after)
            )
            print(line(name, was), end="")
            if options.learn:
                counts = paired_counts(was, now)
                p = mcnemar_exact(counts.first_only, counts.second_only).p
                print(f"   →{line('', now)}  McNemar p {p:.2g}", end="")
            print(flush=True)
            figures.append({"seed": seed, "skill": name, "before": sum(was), "after": sum(now), "n": len(was)})
    if options.json:
        options.json.write_text(json.dumps(figures), "utf-8")


if __name__ == "__main__":
    main()
