"""`flywheel generate` from the outside."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from generate_helpers import rows, teacher_server

from flywheel_tui.cli import cli
from flywheel_tui.errors import FlywheelError
from flywheel_tui.resources import shipped
from flywheel_tui.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Workspace.open(tmp_path / "w", create=True).close()
    return tmp_path / "w"


def flywheel(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), "generate", *words])


def test_the_recipes_are_listed(root: Path) -> None:
    shown = flywheel(root, "--list").stdout
    for name in ("qa", "instruction", "reasoning", "creative", "self-instruct", "evol-instruct", "from-taxonomy"):
        assert f"{name:<18} " in shown
    assert "-o taxonomy=…" in shown
    listed = json.loads(flywheel(root, "--list", "--json").stdout)
    assert {"name", "about", "kind", "needs", "options", "hints", "templates"} == set(listed[0])


def test_offline_rows_say_so(root: Path) -> None:
    made = flywheel(root, "qa", "--into", "made", "--count", "5", "--backend", "offline")
    assert made.exit_code == 0, made.output
    assert "Made 5 rows -> made (5 of 5 are there)" in made.stdout and "no model was asked" in made.stdout
    with Workspace.open(root) as workspace:
        assert all("offline" in row["tags"] for row in rows(workspace))


def test_json_is_one_document(root: Path) -> None:
    report = json.loads(
        flywheel(root, "creative", "--into", "m", "--count", "3", "--backend", "offline", "--json").stdout
    )
    assert (report["made"], report["offline"], report["recipe"]) == (3, True, "creative")


def test_a_preview_shows_rows_and_the_price(root: Path) -> None:
    shown = flywheel(root, "reasoning", "--preview", "2", "--count", "500", "--backend", "offline").stdout
    assert "— 2 (reasoning, offline:rules) —" in shown and "500 rows cost nothing (" in shown
    assert "[reasoning] 1." in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a recipe: flywheel generate RECIPE"),
        (("qu", "--into", "x"), "no recipe named 'qu'; there are: "),
        (("qa",), "say where the pairs shall go: flywheel generate qa --into NAME"),
        (("qa", "--into", "x", "-o", "steps"), "write it like --option steps=VALUE"),
        (("from-taxonomy", "--into", "x", "-o", "taxonomy=mine", "--backend", "offline"), "no taxonomy named 'mine'"),
        (("qa", "--into", "x", "--seeds", "none.jsonl", "--backend", "offline"), "none.jsonl"),
        (("qa", "--into", "x", "--job", "7"), "say what to change: --concurrency N"),
        (("qa", "--into", "x", "--backend", "offline", "--model", "some:thing"), "has no model 'some:thing'"),
        (("rag", "--into", "x", "--backend", "offline"), "rag works on documents; name a folder"),
        (("from-taxonomy", "--into", "x", "--seeds", "demo"), "takes no seeds; say what it works on with --option tax"),
        (("from-failures", "--estimate", "--seeds", "demo"), "takes no seeds; say what it works on with --option fail"),
        (("qa", "--into", "x", "--seeds", "tides", "--backend", "offline"), '--seeds "tides,"'),
        (("qa", "--preview", "2", "--background", "--backend", "offline"), "--background is for rows"),
        (("qa", "--into", "x", "--backend", "openai", "--model", "m"), "OpenAI needs a key"),
    ],
)
def test_what_is_off_is_said_in_a_line(root: Path, words: tuple[str, ...], said: str) -> None:
    found = flywheel(root, *words)
    assert isinstance(found.exception, FlywheelError), found.output
    assert said in str(found.exception) and found.exception.exit_code == 2


def test_with_a_real_server_then_validated_judged_and_exported(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*words: str) -> Any:
        found = CliRunner().invoke(cli, ["-w", str(root), *words])
        assert found.exit_code == 0, (found.output, found.exception)
        return found.stdout

    with teacher_server() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        shown = run("generate", "self-instruct", "--into", "made", "--count", "30", "--model", "openai:m",
                    "--model", "openai:n", "--yes")  # fmt: skip
    assert "Teachers: openai:m 15, openai:n 15" in shown and os.environ["OPENAI_BASE_URL"] == server.url
    run("validate", "-d", "made", "--fail-on", "never", "--json")
    assert "Judged: 30" in run("judge", "-d", "made", "--backend", "offline")
    assert "Wrote" in run("dataset", "export", "made", "--to", str(tmp_path / "out"), "--format", "chatml",
                          "--split", "train=0.8,val=0.2")  # fmt: skip
    with Workspace.open(root) as workspace:
        pair = rows(workspace)[0]["id"]
    tree = run("trace", str(pair))
    assert "templates: self_instruct.task@1, answer@1" in tree and "asked openai:" in tree
    assert tree.count("seeded: seeds-instructions ") == 6, "how it was made is said once, not with every parent"


@pytest.mark.parametrize("backend", ["openai", "anthropic", "openrouter"])
def test_an_estimate_asks_nobody_and_needs_no_key(root: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    shown = flywheel(root, "qa", "--estimate", "--count", "40", "--backend", backend, "--model", "gpt-4o-mini")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("From 48 seeds (the list instructions)\n40 rows cost ")
    assert ("about $0.0" in shown.stdout) is (backend == "openai")


def test_left_to_the_workers(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.jobs.pool import stop_workers
    from flywheel_tui.store import jobs as queue

    near = tmp_path / "here" / "near.yaml"
    near.parent.mkdir()
    near.write_text((shipped("taxonomies") / "support.yaml").read_text())
    try:
        with monkeypatch.context() as patch:
            patch.chdir(near.parent)
            shown = flywheel(root, "from-taxonomy", "-o", "taxonomy=near.yaml", "--into", "made", "--count", "3",
                             "--backend", "offline", "--background")  # fmt: skip
        assert shown.exit_code == 0, shown.output
        assert "Job 1; watch it with: flywheel jobs show 1" in shown.stdout
        judged = CliRunner().invoke(
            cli, ["-w", str(root), "judge", "-d", "made", "--backend", "offline", "--background", "--json"]
        )
        assert json.loads(judged.stdout) == {"job": 2, "state": "queued"}, judged.output
        with Workspace.open(root) as workspace:
            until = time.monotonic() + 60
            while time.monotonic() < until:
                states = [queue.get_job(workspace.store, number).state for number in (1, 2)]
                if all(state not in ("queued", "running") for state in states):
                    break
                time.sleep(0.1)
            assert states == ["done", "done"]
            assert len(rows(workspace, "made")) == 3, "the file was found from another working directory"
    finally:
        stop_workers(root)


def test_trace_tells_of_the_catalogue(root: Path) -> None:
    flywheel(root, "tools", "--into", "made", "--count", "2", "--backend", "offline")
    with Workspace.open(root) as workspace:
        pair = rows(workspace)[0]["id"]
    tree = CliRunner(env={"COLUMNS": "160"}).invoke(cli, ["-w", str(root), "trace", str(pair)]).stdout
    assert "made by fixed rules, no model was asked, 1 from real data, job 1" in tree
    assert "templates: tools.request@1, tools.trajectory@1" in tree and "catalogue: household@1" in tree
    found = json.loads(CliRunner().invoke(cli, ["-w", str(root), "trace", str(pair), "--json"]).stdout)["made"]
    assert (found["recipe"], found["params"]["catalogue"], found["offline"]) == ("tools", "household@1", True)


def test_a_preview_of_tools_can_be_read(root: Path) -> None:
    shown = flywheel(root, "tools", "--preview", "2", "-o", "scenarios=call", "--backend", "offline").stdout
    assert "\n[tools] set_timer, add_event, " in shown and "{'" not in shown
    assert "\n  user: Please do this for me: " in shown and "\n  assistant: set_" in shown
