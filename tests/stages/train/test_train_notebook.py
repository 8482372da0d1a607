"""The notebook, run cell by cell in a process of its own with the small model that ships: on processors, offline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from factories import add_pairs, pair_ids, say
from train_helpers import drafts, preferences

from flywheel_tui.cli import cli
from flywheel_tui.records.pair import Draft
from flywheel_tui.resources import shipped
from flywheel_tui.workspace import Workspace

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore::FutureWarning")]
HEAD = "import os\nos.chdir(os.path.dirname(os.path.abspath(__file__)))\n"


def cells_of(path: Path) -> str:
    """The code of a notebook as a script, without what is for a notebook's shell."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells[0]["source"][0].startswith("%pip install")
    return HEAD + "\n".join("".join(cell["source"]) for cell in cells[1:])


@pytest.mark.parametrize("method", ["sft", pytest.param("dpo", marks=pytest.mark.slow),
                                    pytest.param("kto", marks=pytest.mark.slow)])  # fmt: skip
def test_every_cell_runs_and_the_adapter_loads(tmp_path: Path, method: str) -> None:
    for package in ("torch", "transformers", "peft", "trl"):
        pytest.importorskip(package)
    place = tmp_path / "hosted"
    shutil.copytree(shipped("models") / "pocket", place / "pocket")
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        add_pairs(workspace, [*drafts(24), Draft(instruction="Say no.", output="yes", line=90)])
        for pair in pair_ids(workspace):
            say(workspace, pair, "approved" if method != "kto" or pair % 3 else "rejected")
        preferences(workspace)
    words = ["-d", "prefs" if method == "dpo" else "demo", "--base", str(place / "pocket"), "--method", method]
    words += ["--max-steps", "6", "--batch", "4", "--max-length", "96", "--lr", "1e-3"]
    words += ["--tiers", "calibrated"] if method == "sft" else []
    path = place / "train.ipynb"
    told = CliRunner().invoke(cli, ["-w", str(tmp_path / "ws"), "train", *words, "--notebook", str(path), "--yes"])
    assert told.exit_code == 0, (told.output, told.exception)
    script = place / "cells.py"
    script.write_text(cells_of(path))
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False,
        env=os.environ | offline | {"HF_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "there is no GPU here" in done.stdout and "loss " in done.stdout and "->" in done.stdout
    assert (place / "adapter.zip").is_file()
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(place / "pocket")
    tuned = PeftModel.from_pretrained(base, place / "adapter")
    assert any(bool(value.any()) for name, value in tuned.named_parameters() if "lora_B" in name)
