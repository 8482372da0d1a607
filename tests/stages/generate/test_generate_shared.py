"""Self-Instruct from the 175 published seed tasks, end to end: made, validated, judged, exported, loaded again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from generate_helpers import rows, teacher_server

from flywheel_tui.cli import cli
from flywheel_tui.stages.lineage import trace
from flywheel_tui.workspace import Workspace


@pytest.mark.shared
@pytest.mark.parametrize("teacher", ["openai:m", "offline"])
def test_from_the_published_seed_tasks(
    tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch, teacher: str
) -> None:
    root = tmp_path / "w"
    Workspace.open(root, create=True).close()

    def run(*words: str) -> Any:
        found = CliRunner().invoke(cli, ["-w", str(root), *words])
        assert found.exit_code == 0, (found.output, found.exception)
        return found.stdout

    seeds = str(shared_data / "self_instruct" / "seed_tasks.jsonl")
    with teacher_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        asked = ["--backend", "offline"] if teacher == "offline" else ["--model", teacher]
        report = json.loads(run("generate", "self-instruct", "--seeds", seeds, "--into", "made", "--count", "100",
                                *asked, "--concurrency", "8", "--yes", "--json"))  # fmt: skip
    assert (report["made"], report["failed"], report["offline"]) == (100, {}, teacher == "offline")
    checked = json.loads(run("validate", "-d", "made", "--fail-on", "never", "--checks", "schema,length,dedup,pii",
                             "--json"))  # fmt: skip
    assert checked["pairs"] == 100
    assert "Judged: 100" in run("judge", "-d", "made", "--backend", "offline")
    out = tmp_path / "out"
    run("dataset", "export", "made", "--to", str(out), "--format", "chatml", "--split", "train=0.8,val=0.2")
    with Workspace.open(root) as workspace:
        found = rows(workspace)
        assert len(found) == len({row["uid"] for row in found}) == 100
        assert all(row["meta"]["nearest"][0]["rouge_l"] < 0.7 for row in found)
        story = trace(workspace, str(found[0]["id"]))
        assert {one.dataset for one in story.ancestors} == {"seeds-seed-tasks"} and len(story.ancestors) == 6
