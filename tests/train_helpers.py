"""Pairs and options for tests of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_llama
from factories import add_pairs, pair_ids, say

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.train.options import TrainOptions
from flywheel_tui.workspace import Workspace


def drafts(count: int) -> list[Draft]:
    """Questions with their answers."""
    wanted = [(colour, thing) for colour in tiny_llama.COLOURS for thing in tiny_llama.THINGS][:count]
    return [
        Draft(instruction=tiny_llama.question(*pair), output=tiny_llama.answer(*pair), line=number)
        for number, pair in enumerate(wanted)
    ]


def preferences(workspace: Workspace, count: int = 16) -> None:
    """A data set `prefs` of accepted preference pairs."""
    made = [
        Draft(kind="preference", instruction=one.instruction, output=one.output, body={"rejected": "I do not know."},
              line=one.line)
        for one in drafts(count)
    ]  # fmt: skip
    add_pairs(workspace, made, "prefs")
    for pair in pair_ids(workspace, "prefs"):
        say(workspace, pair, "approved")


def options(model: Path, /, **changes: Any) -> TrainOptions:
    """Quick ones: 1 thread, 12 steps."""
    usual: dict[str, Any] = {
        "dataset": "demo", "base": str(model), "name": "first", "r": 8, "max_steps": 12, "learning_rate": 5e-3,
        "max_length": 64, "threads": 1, "cpu": True, "dropout": 0.05, "save_steps": 4,
    }  # fmt: skip
    return TrainOptions(**usual | changes)
