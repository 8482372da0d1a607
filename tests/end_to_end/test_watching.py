"""A judge run watched in a terminal that comes and goes, over a real service: what is paid for is paid for once."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from scripted_service import ScriptedService
from tmux_session import Tmux

from flywheel_tui.jobs import overview, pool
from flywheel_tui.records.job import Job
from flywheel_tui.stages.judge.options import JudgeOptions
from flywheel_tui.stages.judge.run import announce
from flywheel_tui.store import jobs as queue
from flywheel_tui.workspace import Workspace

BIN = Path(sys.executable).parent
REFUSED = 151
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedService]:
    with ScriptedService((0.05, 0.15), refused=REFUSED) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", running.address)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


def make(folder: Path, count: int) -> Path:
    """A workspace with so many pairs, by the command line."""
    file, work = folder / "rows.jsonl", folder / "work"
    rows = (
        {"instruction": f"Tell me about pair {n}.", "output": f"This is what pair {n} is."} for n in range(1, count + 1)
    )
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for arguments in (["init", str(work)], ["-w", str(work), "ingest", "-i", str(file), "-n", "mine"]):
        subprocess.run([str(BIN / "flywheel"), *arguments], check=True, capture_output=True)
    return work


def ask(work: Path, query: str) -> list[tuple[int, ...]]:
    """Read past the program."""
    with sqlite3.connect(f"file:{work / 'flywheel.db'}?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def judged(work: Path) -> int:
    """Pairs that have a verdict, or a reason for having none."""
    [(verdicts, missing)] = ask(work, "SELECT (SELECT count(*) FROM verdict), (SELECT count(*) FROM judge_error)")
    return verdicts + missing


def wait_for(holds: object, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end, what
        time.sleep(0.02)


def check_counts(work: Path, count: int) -> None:
    """Every pair ended, scored or without a verdict, once."""
    refused = count // REFUSED
    assert ask(work, "SELECT count(*), count(DISTINCT pair_id) FROM verdict") == [(count - refused, count - refused)]
    assert ask(work, "SELECT kind, count(*) FROM judge_error GROUP BY kind") == (
        [("refusal", refused)] if refused else []
    )
    assert ask(work, "SELECT count(*) FROM pair_current WHERE score IS NULL") == [(refused,)]


@needs_tmux
@pytest.mark.parametrize("count", [320, pytest.param(2_000, marks=pytest.mark.slow)])
def test_a_run_watched_steered_and_left(tmp_path: Path, service: ScriptedService, count: int) -> None:
    work = make(tmp_path, count)
    program = [str(BIN / "flywheel-tui"), str(work), "--reviewer", "ana"]
    try:
        with Tmux(program, size=(100, 30)) as tmux:
            tmux.wait("Datasets", "mine", "J judge")
            tmux.keys("J")
            tmux.wait("judge mine", "answers with 1 model: m", "about")
            tmux.keys("Down", "Down", "Down", "Right", "Down", "Down")
            tmux.type("watched")
            tmux.wait("run watched")
            tmux.keys("Down")
            tmux.keys("C-u")
            tmux.wait("a number of calls")
            tmux.type("4")
            tmux.wait(f"{count:,} of {count:,} pairs", "run watched", "about", "free")
            tmux.keys("Enter")
            tmux.wait("running", "judge mine watched", "in flight 4", "latency", "passed")
            tmux.keys("+", "+")
            tmux.wait("8 calls at once")
            shown = tmux.wait("in flight 8", "95 %:")
            assert re.search(r"at once +8", shown), shown
            tmux.keys("p")
            tmux.wait("= paused", "p goes on")
            at = judged(work)
            assert 0 < at < count
            # the answers that were under way have been taken in, and nothing is asked while it stands still
            assert sum(service.counts("asked").values()) == sum(service.counts("paid").values()) == at
            time.sleep(0.5)
            assert judged(work) == at
            tmux.run("kill-server")
        with Tmux(program, size=(80, 24)) as tmux:
            tmux.wait("Datasets", "mine")
            tmux.keys("g", "i")
            tmux.wait("= paused", "judge mine watched", f"of {count:,} pairs")
            tmux.keys("p")
            tmux.wait("running", "in flight 8")
            tmux.run("kill-server")
        # the terminal is gone: it goes on
        wait_for(lambda: judged(work) > at + 20, 20, "the job stood still without a terminal")
        with Tmux(program, size=(80, 24)) as tmux:
            tmux.wait("Datasets", "mine")
            tmux.keys("g", "i")
            shown = tmux.wait("done", "100%", "verdicts of watched", seconds=count / 20)
            assert f"{count:,} of {count:,} pairs" in shown
            tmux.keys("Down", "Enter")
            tmux.wait("Browse", "is what pair")
        check_counts(work, count)
        assert service.counts("asked") == dict.fromkeys(range(1, count + 1), 1), "a pair was asked about twice"
        assert service.counts("paid") == service.counts("asked")
        assert 4 < service.busiest <= 8
    finally:
        assert pool.stop_workers(work), "a worker is left"


CALLS = 6


def submit(workspace: Workspace) -> Job:
    options = JudgeOptions(dataset="mine", backend="openai", model="m", rubric="default", tag="t", concurrency=CALLS)
    asked = announce(workspace, options)
    return pool.submit(
        workspace, "judge", msgspec.to_builtins(asked.options), title="judge mine t", slot="network", max_attempts=50
    )


def holder(workspace: Workspace, job: int) -> int | None:
    """The living process that has the job."""
    lines = overview.overview(workspace).workers
    return next((line.pid for line in lines if line.job == job and line.place == "pool"), None)


@pytest.mark.parametrize(("count", "kills"), [(300, 3), pytest.param(2_000, 12, marks=pytest.mark.slow)])
def test_workers_killed_at_random_moments(tmp_path: Path, service: ScriptedService, count: int, kills: int) -> None:
    work, chance = make(tmp_path, count), random.Random(11)
    with Workspace.open(work) as workspace:
        try:
            job = submit(workspace)
            for number in range(kills):
                aim = count * (number + chance.random()) / (kills + 1)
                wait_for(lambda aim=aim: sum(service.counts("paid").values()) >= aim, 60, "it stands still")
                wait_for(lambda: holder(workspace, job.id) is not None, 30, "nobody took it up again")
                time.sleep(chance.random() * 0.15)
                if (pid := holder(workspace, job.id)) is not None:
                    os.kill(pid, signal.SIGKILL)
            wait_for(lambda: queue.get_job(workspace.store, job.id).state == "done", 120, "it did not end")
            ended = queue.get_job(workspace.store, job.id)
        finally:
            assert pool.stop_workers(work), "a worker is left"
    check_counts(work, count)
    asked = service.counts("asked")
    assert set(asked) == set(range(1, count + 1))
    assert 1 < ended.attempt <= kills + 1
    # in flight at a kill, and what was answered in the twentieth of a second before it was written
    repeated = sum(asked.values()) - count
    assert repeated <= kills * CALLS * 2, f"{repeated} calls were made twice in {kills} kills"
    assert ended.result is not None
    assert ended.result["judged"] + ended.result["unjudged"] == count
