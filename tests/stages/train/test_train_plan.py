"""What a run would do is said before it: rows, tokens, memory, command; and what cannot be done is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from factories import add_pairs, make_workspace, pair_ids, say
from train_helpers import drafts, options, preferences

from flywheel_tui.cli import cli
from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import train
from flywheel_tui.stages.train import hardware
from flywheel_tui.workspace import Workspace

# transformers itself still uses names that it has deprecated
pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::FutureWarning")]


def test_a_plan_counts_what_is_accepted_and_writes_nothing(workspace: Workspace, base: Path) -> None:
    ids = pair_ids(workspace)
    for pair in ids[:5]:
        say(workspace, pair, "rejected")
    made = train.plan(workspace, options(base, max_steps=0, epochs=2, batch=4, held_out=0.2))
    data = made.data
    assert data.train + data.held_out == 27 and data.held_out > 0
    assert data.tokens_counted and 20 * data.train < data.tokens < 45 * data.train
    assert made.steps == 2 * -(-data.train // 4)
    assert made.precision == "fp32" and made.device.kind == "cpu"
    assert made.memory["base"] == made.parameters * 4
    assert made.command[1:3] == ("-m", "flywheel_tui.stages.train.worker")
    assert not (workspace.root / "training").exists()
    assert workspace.store.read().execute("SELECT count(*) FROM training_run").fetchone() == (0,)


def test_trainable_numbers_are_those_of_peft(base: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from flywheel_tui.stages.train.models import open_base

    looked = open_base(str(base))
    model = AutoModelForCausalLM.from_pretrained(base)
    assert looked.parameters == sum(part.numel() for part in model.parameters())
    for targets in ("all-linear", ["q_proj", "v_proj"]):
        found = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=8, target_modules=targets, task_type="CAUSAL_LM")
        )
        count = sum(part.numel() for part in found.parameters() if part.requires_grad)
        assert looked.trainable(8, () if targets == "all-linear" else tuple(targets)) == count


def test_what_cannot_be_trained_is_refused(workspace: Workspace, base: Path, tmp_path: Path) -> None:
    for changes, words in (
        ({"where": "id == -1"}, "no pair of demo is left"),
        ({"targets": ("nowhere",)}, "there are: down_proj"),
        ({"qlora": True}, "needs an NVIDIA GPU"),
        ({"precision": "fp16"}, "needs a GPU"),
        ({"tiers": {"golden": 1.0}}, "there are: platinum"),
        ({"processes": 2}, "--launcher accelerate"),
        ({"learning_rate": 3.0}, "such as 2e-4"),
        ({"base": str(tmp_path / "none")}, "no such folder"),
    ):
        with pytest.raises(UsageError, match=words):
            train.plan(workspace, options(base, **changes))
    pickled = shutil.copytree(base, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with pytest.raises(UsageError, match="pickled weights"):
        train.plan(workspace, options(pickled))
    torn = shutil.copytree(base, tmp_path / "torn")
    (torn / "model.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(UsageError, match="no safetensors file"):
        train.plan(workspace, options(torn))


def test_a_template_that_never_teaches_the_end_is_named(workspace: Workspace, base: Path, tmp_path: Path) -> None:
    import tiny_llama

    from flywheel_tui.stages.train.engine import TrainingFailed

    outside = tiny_llama.CHAT_TEMPLATE.replace(
        "{{- m['content'] + '<|im_end|>' -}}{%- endgeneration -%}",
        "{{- m['content'] -}}{%- endgeneration -%}<|im_end|>",
    )
    assert outside != tiny_llama.CHAT_TEMPLATE
    model = shutil.copytree(base, tmp_path / "outside")
    (model / "chat_template.jinja").write_text(outside)
    with pytest.raises(TrainingFailed, match=r"chat template of .*outside leaves the end token") as failed:
        train.train(workspace, options(model, max_steps=2))
    assert "endgeneration" in failed.value.advice


def test_preferences_are_read_as_people_chose(workspace: Workspace, base: Path) -> None:
    preferences(workspace, 4)
    made = train.plan(workspace, options(base, dataset="prefs", method="dpo", held_out=0.0))
    assert made.data.train == 4
    assert made.arguments["trainer"]["beta"] == 0.1
    with pytest.raises(UsageError, match="of kind preference"):
        train.plan(workspace, options(base, dataset="prefs"))


def test_families_are_on_one_side(tmp_path: Path, base: Path) -> None:
    workspace = make_workspace(tmp_path / "ws", drafts(40))
    same = [Draft(instruction=one.instruction, output=one.output, line=one.line) for one in drafts(40)]
    add_pairs(workspace, same)
    made = train.plan(workspace, options(base, where="id > 0", held_out=0.3))
    assert made.data.train % 2 == 0 and made.data.held_out % 2 == 0


def test_the_command_for_several_gpus(workspace: Workspace, base: Path) -> None:
    made = train.plan(workspace, options(base, launcher="accelerate", processes=4, cpu=False))
    said = " ".join(made.command)
    assert "accelerate.commands.launch --num_processes 4" in said and "--multi_gpu" in said
    assert hardware.device_of(options(base)).kind == "cpu"


def test_dry_run_and_notebook(workspace: Workspace, base: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    usual = ["-w", str(workspace.root), "train", "-d", "demo", "--base", str(base), "--cpu"]
    told = run(cli, [*usual, "--dry-run"])
    assert told.exit_code == 0, told.output
    assert "Command:" in told.output and "Memory: about" in told.output
    document = json.loads(run(cli, [*usual, "--dry-run", "--json"]).stdout)
    assert document["data"]["train"] + document["data"]["held_out"] == 32
    path = tmp_path / "train.ipynb"
    assert run(cli, [*usual, "--notebook", str(path), "--tiers", "platinum=2,gold=1"]).exit_code == 0
    assert "Weighted" in path.read_text()
    assert run(cli, [*usual, "--notebook", str(path)]).exit_code == 0
    book = json.loads(path.read_text())
    assert book["nbformat"] == 4 and len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    for cell in book["cells"]:
        assert set(cell) >= {"cell_type", "metadata", "source", "id"}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            source = "".join(line for line in cell["source"] if not line.startswith("%pip"))
            compile(source, "cell", "exec")
    rows = [json.loads(line) for line in (tmp_path / "train.train.jsonl").read_text().splitlines()]
    assert rows and all(row["prompt"] and row["completion"][0]["role"] == "assistant" for row in rows)
