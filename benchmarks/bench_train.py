"""LoRA training beside TRL run by hand with the same settings: tokens a second, peak memory, time to the first figure.

Both train the same tiny model (made here) on the same rows, in processes of their own, in turn. Ours goes the whole
way: rows from the store, the trainer's process, figures to the store.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import Measure, told

TITLE = "Training (LoRA, SFT, fp32 on one thread)"
STEPS, BATCH, TIMES = 30, 8, 3

BY_HAND = """
import json, resource, sys, time
import torch
torch.set_num_threads(1)
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer
base, rows, out, settings = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
data = [json.loads(line)["messages"] for line in open(rows)]
data = Dataset.from_list([{"prompt": m[:-1], "completion": m[-1:]} for m in data])
trainer = SFTTrainer(
    model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), train_dataset=data,
    processing_class=AutoTokenizer.from_pretrained(base), peft_config=LoraConfig(**settings["lora"]),
    args=SFTConfig(output_dir=out, report_to="none", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
                   **settings["trainer"]),
)
began = time.perf_counter()
trainer.train()
seconds = time.perf_counter() - began
tokens = [line["num_tokens"] for line in trainer.state.log_history if "num_tokens" in line][-1]
print(json.dumps({"rate": tokens / seconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def run(folder: Path, rows: int) -> list[Measure]:
    """The measures; none where the extra `train` is not installed."""
    from importlib.util import find_spec

    if find_spec("trl") is None:
        sys.stderr.write("  the extra `train` is not installed: nothing measured\n")
        return []
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    import tiny_llama

    base = tiny_llama.build(folder / "base", hidden=128, layers=4)
    workspace = _workspace(folder / "ws")
    ours: list[Any] = []
    hand: list[dict[str, float]] = []
    first: list[float] = []
    for number in range(TIMES):
        with told(f"ours, {STEPS} steps"):
            result, delay, plan = _ours(workspace, base, f"run{number}")
        ours.append(result)
        first.append(delay)
        with told(f"TRL by hand, {STEPS} steps"):
            hand.append(_by_hand(base, folder, plan, Path(workspace.root / "training" / f"run-{result.run:04d}")))
    workspace.close()
    by = statistics.median
    return [
        Measure("tokens a second", by(r.tokens_per_s for r in ours), "/s", by(h["rate"] for h in hand), "TRL by hand",
                "more", "≥ 0.95 ×"),
        Measure("peak memory of the trainer", by(r.peak_bytes / 2**20 for r in ours), "MB", by(h["mb"] for h in hand),
                "TRL by hand"),
        Measure("from a figure to the store", by(first), "s", goal="≤ 1 s"),
    ]  # fmt: skip


def _workspace(root: Path) -> Any:
    import tiny_llama
    from factories import add_pairs

    from flywheel_tui.records.pair import Draft
    from flywheel_tui.workspace import Workspace

    made = Workspace.open(root, create=True)
    wanted = [(colour, thing) for colour in tiny_llama.COLOURS for thing in tiny_llama.THINGS]
    drafts = [
        Draft(instruction=tiny_llama.question(*pair), output=" ".join([tiny_llama.answer(*pair)] * 4), line=number)
        for number, pair in enumerate(wanted)
    ]
    add_pairs(made, drafts)
    return made


def _ours(workspace: Any, base: Path, name: str) -> tuple[Any, float, dict[str, Any]]:
    from flywheel_tui.stages import train
    from flywheel_tui.stages.train.listen import Listener

    delays: list[float] = []
    written = Listener.flush

    def flush(listener: Any) -> None:
        import time

        oldest = min((row.at for row in listener._metrics if row.name == "loss"), default=0)
        written(listener)
        if oldest:
            delays.append(time.time() - oldest / 1e6)

    Listener.flush = flush  # type: ignore[method-assign]
    try:
        options = train.TrainOptions(
            dataset="demo", base=str(base), name=name, where="id > 0", held_out=0.0, max_steps=STEPS, batch=BATCH,
            learning_rate=1e-3, threads=1, cpu=True, save_steps=10**6, max_length=256,
        )  # fmt: skip
        result = train.train(workspace, options)
    finally:
        Listener.flush = written  # type: ignore[method-assign]
    return result, delays[0], train.run_numbered(workspace, result.run).plan["arguments"]


def _by_hand(base: Path, folder: Path, plan: dict[str, Any], run: Path) -> dict[str, float]:
    settings = json.dumps({"lora": plan["lora"], "trainer": plan["trainer"]})
    said = subprocess.run(
        [sys.executable, "-c", BY_HAND, str(base), str(run / "train.jsonl"), str(folder / "hand"), settings],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(said.stdout.strip().splitlines()[-1])
    return found
