"""Real adapters of a tiny model: the loss falls, the adapter loads in PEFT and changes what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from train_helpers import options, preferences

from flywheel_tui.errors import NotFoundError
from flywheel_tui.stages import train
from flywheel_tui.stages.train.models import hash_folder
from flywheel_tui.workspace import Workspace

# transformers itself still uses names that it has deprecated
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::FutureWarning")]


def answers(base: Path, adapter: Path) -> tuple[str, str]:
    """What the base and the adapter say to the same question, greedily."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(base)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Describe the red apple."}],
        add_generation_prompt=True, return_tensors="pt", return_dict=True,
    )  # fmt: skip
    said = []
    model: Any = AutoModelForCausalLM.from_pretrained(base)
    for load in (lambda: model, lambda: PeftModel.from_pretrained(model, adapter)):
        out = load().eval().generate(**asked, max_new_tokens=24, do_sample=False)
        said.append(tokenizer.decode(out[0][asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return said[0], said[1]


def test_sft_learns_to_answer_and_to_stop(workspace: Workspace, base: Path) -> None:
    result = train.train(workspace, options(base, max_steps=60, save_steps=30, learning_rate=2e-2, r=16))
    assert result.state == "done"
    first, last = result.loss
    assert first is not None and last is not None
    assert last < first / 4
    held = result.held_out_loss
    assert held[0] is not None and held[1] is not None
    assert held[1] < held[0] / 2
    before, after = answers(base, Path(result.path))
    assert before != after
    assert after.endswith(" is red and it is easy to see.")
    adapter = train.adapter_named(workspace, "first")
    assert adapter.state == "candidate"
    assert adapter.hash == hash_folder(Path(result.path))
    assert {path.suffix for path in Path(result.path).iterdir()} <= {".json", ".safetensors", ".jinja"}
    steps = [row.step for row in train.metrics(workspace, result.run, "loss")]
    assert steps == list(range(1, 61))
    assert [row.step for row in train.metrics(workspace, result.run, "loss", since=58)] == [59, 60]
    run = train.run_numbered(workspace, result.run)
    assert run.state == "done" and run.snapshot_id is not None and run.pid is None
    with pytest.raises(NotFoundError, match="there are: first"):
        train.adapter_named(workspace, "second")


def test_dpo_prefers_what_people_chose(workspace: Workspace, base: Path) -> None:
    preferences(workspace)
    result = train.train(workspace, options(base, dataset="prefs", method="dpo", held_out=0.0, learning_rate=1e-3))
    margins = [row.value for row in train.metrics(workspace, result.run, "rewards/margins")]
    assert margins[-1] > margins[0] + 0.5
    first, last = result.loss
    assert first is not None and last is not None and last < first
    before, after = answers(base, Path(result.path))
    assert before != after or margins[-1] > 1


def test_kto_learns_from_approved_and_rejected(workspace: Workspace, base: Path) -> None:
    from factories import pair_ids, say

    for pair in pair_ids(workspace)[::2]:
        say(workspace, pair, "rejected")
    result = train.train(workspace, options(base, method="kto", held_out=0.0, learning_rate=1e-3, beta=0.5))
    first, last = result.loss
    assert first is not None and last is not None and last < first
    assert train.run_numbered(workspace, result.run).plan["data"]["train"] == 32


def test_an_adapter_can_be_gone_on_from(workspace: Workspace, base: Path) -> None:
    first = train.train(workspace, options(base, held_out=0.0))
    second = train.train(workspace, options(base, base="", adapter="first", name="second", held_out=0.0))
    assert second.loss[0] is not None and first.loss[0] is not None
    assert second.loss[0] < first.loss[0] * 0.8
    made = train.adapter_named(workspace, "second")
    assert made.parent_id == first.adapter_id
    assert not (Path(second.path) / "ref").exists()
