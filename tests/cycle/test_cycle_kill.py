"""A run that is killed anywhere ends in the state of one that never was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cycle_state import state_of

from flywheel_tui.cycle.options import PHASES

SCRIPT = Path(__file__).with_name("cycle_process.py")
BUSY = ("generation", "validation", "screening", "judging", "labelling", "export")
Kill = tuple[int, str, str | int]


def turn(folder: Path, kills: list[Kill]) -> list[Any]:
    """Run the wheel in processes of its own, with these kills; those that came true."""
    told = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), json.dumps(kills) if kills else "-"],
        capture_output=True, text=True, timeout=1500, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-4000:]
    found: list[Any] = json.loads(told.stdout)
    return found


def same(folder: Path, other: Path) -> None:
    """Both workspaces hold the same."""
    one, two = state_of(folder), state_of(other)
    for name in one:
        assert one[name] == two[name], name
    assert one["cycles"] and all(row[1] == "done" for row in one["cycles"])


def test_killed_at_boundaries_and_inside_phases(tmp_path: Path) -> None:
    """At every boundary of the first cycle, and inside the phases that write, in one chain of processes."""
    kills: list[Kill] = [(1, name, "after") for name in PHASES]
    kills += [(2, name, 2) for name in BUSY] + [(2, "gate", "before")]
    turn(tmp_path / "whole", [])
    assert len(turn(tmp_path / "killed", kills)) == len(kills)
    same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.slow
def test_killed_at_every_boundary_and_inside_every_phase(tmp_path: Path) -> None:
    """Before and after every phase of two cycles, and after each of their first transactions."""
    kills: list[Kill] = []
    for cycle in (1, 2):
        for name in PHASES:
            inside = (1, 2, 3, 4, 6, 9) if name in BUSY else (1, 2)
            kills += [(cycle, name, "before"), *((cycle, name, number) for number in inside), (cycle, name, "after")]
    turn(tmp_path / "whole", [])
    assert len(turn(tmp_path / "killed", kills)) == len(kills)
    same(tmp_path / "whole", tmp_path / "killed")
