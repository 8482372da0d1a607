"""Judging through a real server of another project: `transformers serve`, with a tiny model made on the spot."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tiny_llama

pytestmark = pytest.mark.train

CRITERIA = ("accuracy", "helpfulness", "clarity", "completeness", "safety")
VERDICT = json.dumps({"rationale": "seen", "scores": dict.fromkeys(CRITERIA, 8)})
PROSE = "I would say that it is fine."
PAIRS = 60


def _free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address and model of a running server."""
    for name in ("torch", "transformers", "fastapi", "uvicorn"):
        pytest.importorskip(name)
    command = Path(sys.executable).with_name("transformers")
    if not command.exists():
        pytest.skip("transformers serve is not installed")
    folder = tmp_path_factory.mktemp("served")
    model = tiny_llama.build_judge(folder / "model", verdict=VERDICT, other=PROSE)
    (folder / "home" / "hub").mkdir(parents=True)
    port = _free_port()
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [command, "serve", model, "--device", "cpu", "--host", "127.0.0.1", "--port", str(port),
             "--log-level", "error"],
            stdout=log, stderr=log, env=environment,
        )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process, folder / "log")
        yield f"http://127.0.0.1:{port}/v1", str(model)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(960):
        if process.poll() is not None:
            pytest.skip(f"transformers serve does not run here: {log.read_text()[-300:]}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"the server did not come up: {log.read_text()[-2000:]}")


def flywheel(folder: Path, url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of the user, in a process of its own."""
    environment = os.environ | {"OPENAI_BASE_URL": url, "FLYWHEEL_WORKSPACE": str(folder / "w")}
    return subprocess.run(
        [Path(sys.executable).with_name("flywheel"), *arguments], cwd=folder, env=environment, capture_output=True,
        text=True, timeout=120,
    )  # fmt: skip


def judged(folder: Path, url: str, model: str, *more: str) -> dict[str, Any]:
    done = flywheel(folder, url, "judge", "-d", "demo-support", "--backend", "openai", "--model", model, "--tag", "t",
                    "--temperature", "1", "--concurrency", "4", "--json", *more)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_whole_run_against_a_server_of_another_project(tmp_path: Path, served: tuple[str, str]) -> None:
    url, model = served
    assert flywheel(tmp_path, url, "demo", str(tmp_path / "w")).returncode == 0
    said = flywheel(tmp_path, url, "doctor", "--json").stdout
    assert url.removesuffix("/v1") in said and "answers with" in said

    sampled = judged(tmp_path, url, model, "--estimate")
    assert sampled["estimate"]["sampled"] == 30 and sampled["judged"] + sampled["unjudged"] == 30
    assert sampled["estimate"]["left"] == 65 and sampled["estimate"]["tokens"] > 0

    whole = judged(tmp_path, url, model, "--max-pairs", str(PAIRS))
    everything = whole["judged"] + whole["unjudged"]
    assert PAIRS <= everything <= PAIRS + 30, "the pairs of the sample, and the first sixty"
    assert whole["judged"] > whole["unjudged"] > 0 and set(whole["missing"]) == {"bad_json"}
    assert whole["average"] == 8 and whole["passed"] == whole["judged"] == whole["scored"]

    again = judged(tmp_path, url, model, "--max-pairs", str(PAIRS), "--retry")
    assert again["judged"] + again["unjudged"] == everything and again["unjudged"] <= whole["unjudged"]
    assert whole["unjudged"] <= again["asked"] + 30 and again["done"] == again["asked"]
    known = judged(tmp_path, url, model, "--max-pairs", str(PAIRS))
    assert known["calls"] == 0 and known["judged"] == again["judged"]

    twice = judged(tmp_path, url, model, "--max-pairs", "10", "--repeat", "3")
    assert 0 < twice["stability"]["pairs"] <= 10 and twice["judged"] == again["judged"]
    assert twice["stability"]["same"]["value"] == 1, "whenever it gives a verdict it gives this one"


def test_a_model_that_the_server_does_not_have_is_no_verdict(tmp_path: Path, served: tuple[str, str]) -> None:
    url, _ = served
    assert flywheel(tmp_path, url, "demo", str(tmp_path / "w")).returncode == 0
    done = flywheel(tmp_path, url, "judge", "-d", "demo-support", "--backend", "openai", "--model", "another",
                    "--max-pairs", "3", "--json")  # fmt: skip
    found = json.loads(done.stdout)
    assert done.returncode == 3 and found["judged"] == 0 and found["missing"] == {"http_4xx": 3}
