"""Generating through a real server, killed at random moments: no row twice, none missing, only what was in flight is
asked again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from factories import add_pairs, make_workspace, say
from generate_helpers import TeacherServer, phrase, rows, seeds, teacher_server
from recipe_helpers import served_steps

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.generate.recipe import load_recipes
from flywheel_tui.workspace import Workspace

COUNT, CONCURRENCY = 120, 5


def _start(root: Path, server: TeacherServer) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from flywheel_tui.cli import main; main()", "-w", str(root), "generate"]
    command += ["instruction", "--seeds", "demo", "--into", "made", "--count", str(COUNT), "--backend", "openai"]
    command += ["--model", "m", "--concurrency", str(CONCURRENCY), "--json", "--no-watch"]
    environment = os.environ | {"OPENAI_BASE_URL": server.url, "NO_PROXY": "127.0.0.1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _content(root: Path) -> list[tuple[str, str, str]]:
    with Workspace.open(root) as workspace:
        return sorted(
            # golden examples were made by no item
            (row["meta"]["item"] if row["meta"] else "", row["instruction"], row["output"])
            for row in rows(workspace)
        )


def test_killed_at_random_moments(tmp_path: Path) -> None:
    with teacher_server(seconds=0.02) as server:
        make_workspace(tmp_path / "whole", seeds(20)).close()
        out, error = _start(tmp_path / "whole", server).communicate(timeout=90)
        assert json.loads(out)["new"] == COUNT, error.decode()
        whole, asked = _content(tmp_path / "whole"), sum(server.asked.values())

    with teacher_server(seconds=0.02) as server:
        root, chance = tmp_path / "killed", random.Random(7)
        make_workspace(root, seeds(20)).close()
        for part in (0.2, 0.5, 0.8):
            process = _start(root, server)
            while sum(server.asked.values()) < part * asked and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.05)
            process.kill()
            process.communicate()
        assert 0 < len(_content(root)) < COUNT
        out, error = _start(root, server).communicate(timeout=90)
        report = json.loads(out)
        assert (report["made"], report["failed"]) == (COUNT, {}), error.decode()
        assert _content(root) == whole, "the same items made the same rows: none twice, none missing"
        repeated = sum(server.asked.values()) - asked
        # in flight at the kill, and what had been answered in the twentieth of a second before it was written
        assert repeated <= 3 * CONCURRENCY * (1 + round(0.05 / 0.02) + 1)
    with Workspace.open(root) as workspace:
        read = workspace.store.read()
        assert read.execute("SELECT count(*), count(DISTINCT item) FROM made").fetchone() == (COUNT, COUNT)
        counted = dict(read.execute(
            "SELECT counter.name, value FROM counter JOIN dataset d ON d.id = dataset_id WHERE d.name = 'made'"
        ))  # fmt: skip
        assert counted["pairs"] == COUNT


RECIPES: dict[str, list[str]] = {
    "constitutional": ["--seeds", "demo", "-o", "rounds=2"],
    "qa": ["--seeds", "demo"],
    "tools": ["-o", "scenarios=call"],
    "rag": ["--seeds", "papers", "-o", "passage_words=40"],
    "preference": ["--seeds", "demo", "-o", "variants=reference"],
    "distill": ["--seeds", "problems", "-o", "k=3"],
    "evol-instruct": ["--seeds", "demo"],
    "from-taxonomy": [],
    "from-failures": ["-o", "failures=demo"],
    "instruction": ["--seeds", "demo"],
    "reasoning": ["--seeds", "demo"],
    "creative": ["--seeds", "demo"],
    "self-instruct": ["--seeds", "demo"],
    "cold-start": ["--seeds", "demo"],
    "kto": ["--seeds", "demo"],
}


def test_every_recipe_that_there_is_gets_killed() -> None:
    assert set(RECIPES) == set(load_recipes())


def _ready(root: Path) -> None:
    """Seeds of every sort that the recipes take."""
    with make_workspace(root, seeds(30)) as workspace:
        papers = [
            Draft(kind="document", instruction=f"House {number}", input="\n\n".join(
                f"The {phrase(number * 31 + place, 6)} is kept by the {phrase(number * 37 + place, 8)}. "
                f"It belongs to the {phrase(number * 41 + place, 9)} of the house and the garden." for place in range(3)
            )) for number in range(1, 10)
        ]  # fmt: skip
        add_pairs(workspace, papers, "papers")
        problems = [Draft(kind="prompt", instruction=f"How much is {phrase(n, 7)}?", body={"reference": "42"})
                    for n in range(30)]  # fmt: skip
        add_pairs(workspace, problems, "problems")
        for row in rows(workspace, "demo")[:8]:
            say(workspace, row["id"], "rejected", reasons=("wrong_facts",))


@pytest.mark.parametrize(
    "recipe", [name if name == "constitutional" else pytest.param(name, marks=pytest.mark.slow) for name in RECIPES]
)
def test_every_recipe_goes_on_where_it_was_killed(tmp_path: Path, recipe: str) -> None:
    def started(root: Path, server: TeacherServer) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "from flywheel_tui.cli import main; main()", "-w", str(root), "generate"]
        command += [recipe, *RECIPES[recipe], "--into", "made", "--count", "16", "--backend", "openai", "--model", "m"]
        command += ["--concurrency", "3", "--json", "--no-watch"]
        environment = os.environ | {"OPENAI_BASE_URL": server.url, "NO_PROXY": "127.0.0.1"}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    with teacher_server(served_steps, seconds=0.02) as server:
        _ready(tmp_path / "whole")
        out, error = started(tmp_path / "whole", server).communicate(timeout=90)
        assert json.loads(out)["new"] == 16, error.decode()
        whole, asked = _content(tmp_path / "whole"), sum(server.asked.values())
    with teacher_server(served_steps, seconds=0.02) as server:
        root = tmp_path / "killed"
        _ready(root)
        process = started(root, server)
        while sum(server.asked.values()) < 0.6 * asked and process.poll() is None:
            time.sleep(0.005)
        process.kill()
        process.communicate()
        with Workspace.open(root) as workspace:  # what people say meanwhile changes no item of the job
            made = [row for row in rows(workspace) if row["meta"]]
            say(workspace, made[0]["id"], "rejected")
            if recipe == "from-failures":
                say(workspace, rows(workspace, "demo")[2]["id"], "approved")
        assert 0 < len(made) < 16
        out, error = started(root, server).communicate(timeout=90)
        report = json.loads(out)
        assert (report["made"], report["failed"]) == (16, {}), error.decode()
        assert _content(root) == whole, "none twice, none missing"
