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

from factories import make_workspace
from generate_helpers import TeacherServer, rows, seeds, teacher_server

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
        return sorted((row["meta"]["item"], row["instruction"], row["output"]) for row in rows(workspace))


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
