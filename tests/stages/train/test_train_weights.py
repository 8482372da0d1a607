"""Weights of rows: what a row of weight 0 changes is nothing, and all of weight 1 is TRL's own loss."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from factories import make_workspace, pair_ids
from train_helpers import drafts, options

from flywheel_tui.stages import train
from flywheel_tui.store.tiers import TierRow, write_tiers

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]


def gradient(base: Path, folder: Path, rows: list[tuple[list[int], float]], weighted: bool) -> Any:
    """The gradient of the first step over rows of (tokens, weight)."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    from flywheel_tui.stages.train.trainers import WeightedSFTTrainer

    torch.set_num_threads(1)
    torch.manual_seed(1)
    made = [{"input_ids": ids, "labels": [-100, *ids[1:]], "weight": weight} for ids, weight in rows]
    data = Dataset.from_list(made)
    chosen = WeightedSFTTrainer if weighted else SFTTrainer
    trainer = chosen(
        model=AutoModelForCausalLM.from_pretrained(base),
        processing_class=AutoTokenizer.from_pretrained(base),
        train_dataset=data if weighted else data.remove_columns("weight"),
        peft_config=LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"),
        args=SFTConfig(
            output_dir=str(folder), use_cpu=True, bf16=False, report_to="none", seed=1, gradient_checkpointing=False,
            per_device_train_batch_size=len(rows), max_length=64, disable_tqdm=True, dataloader_pin_memory=False,
        ),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    count = trainer._get_num_items_in_batch([batch], trainer.args.device)
    trainer.model.train()
    loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=count)
    loss.backward()
    found = [part.grad.flatten() for part in trainer.model.parameters() if part.grad is not None]
    return float(loss), torch.cat(found)


def test_weights_in_the_loss(base: Path, tmp_path: Path) -> None:
    import torch

    rng = random.Random(7)
    one, two, three = ([rng.randrange(10, 300) for _ in range(length)] for length in (9, 14, 22))
    plain, ones, without, zero, small = (
        gradient(base, tmp_path, rows, weighted)
        for rows, weighted in (
            ([(one, 1.0), (two, 1.0)], False),
            ([(one, 1.0), (two, 1.0)], True),
            ([(one, 2.0), (two, 1.0)], True),
            ([(one, 2.0), (two, 1.0), (three, 0.0)], True),
            ([(one, 0.002), (two, 0.001)], True),
        )
    )
    assert ones[0] == pytest.approx(plain[0], rel=1e-6)
    assert torch.allclose(ones[1], plain[1], atol=1e-6)
    assert zero[0] == pytest.approx(without[0], rel=1e-5)
    assert torch.allclose(zero[1], without[1], atol=1e-5)
    # only the proportion counts, also below TRL's least number of tokens
    assert small[0] == pytest.approx(without[0], rel=1e-4)
    assert abs(without[0] - plain[0]) > 1e-4


def test_rows_of_weight_zero_have_no_influence_on_an_adapter(base: Path, tmp_path: Path) -> None:
    """A run whose silver rows weigh nothing equals one where they say something else."""
    made = []
    for number, text in enumerate(("one thing", "quite another thing")):
        pairs = drafts(16)
        for draft in pairs[8:]:
            draft.output = text
        workspace = make_workspace(tmp_path / f"ws{number}", pairs)
        ids = pair_ids(workspace)
        with workspace.store.tx() as connection:
            rows = [TierRow(pair, "gold" if place < 8 else "silver", None, 1.0) for place, pair in enumerate(ids)]
            write_tiers(connection, rows)
        asked = options(
            base, tiers={"gold": 1.0, "silver": 0.0}, where="tier in ['gold', 'silver']", max_steps=4, held_out=0.0
        )
        result = train.train(workspace, asked)
        plan = train.run_numbered(workspace, result.run).plan
        assert plan["data"]["train"] == 8
        assert plan["data"]["left_out"] == {"weighs nothing (its tier is silver)": 8}
        made.append((Path(result.path) / "adapter_model.safetensors").read_bytes())
    assert made[0] == made[1]
