"""`flywheel run`, `status`, `report` and `scenario` as people and scripts call them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories import say as label

from flywheel_tui.cli import cli
from flywheel_tui.cli.console import report_error
from flywheel_tui.workspace import Workspace

Call = Callable[..., Result]
OFFLINE = ("--backend", "offline", "--judge-backend", "offline")


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Run `flywheel` on a fresh workspace."""
    root = tmp_path / "ws"
    Workspace.open(root, create=True).close()

    def run(*arguments: str) -> Result:
        return CliRunner(env={"COLUMNS": "160"}).invoke(cli, ["-w", str(root), *arguments])

    return run


def root_of(tmp_path: Path) -> Path:
    return tmp_path / "ws"


def test_a_run_from_seeds_to_summary(call: Call, tmp_path: Path) -> None:
    done = call("run", "-s", "benefits of green tea,history of the lighthouse", "--max-cycles", "1", *OFFLINE)
    assert done.exit_code == 0, done.output
    assert "Using 2 seeds" in done.stdout and "Generated 2 pairs" in done.stdout
    assert re.search(r"Cycle 1 complete\. Pass rate: \d+\.\d\d%", done.stdout)
    assert "Flywheel complete. Ran 1 cycles." in done.stdout
    assert re.search(r"Total Cycles\s+│ 1", done.stdout) and "Avg Pass Rate" in done.stdout
    status = call("status")
    assert "checkpoint_001.json" in status.stdout and "new accepted rows: 2 of 500" in status.stdout
    as_json = json.loads(call("status", "--json").stdout)
    assert as_json["cycles"][0]["generated"] == 2 and as_json["velocity"]["cycles"] == 1
    assert {line["name"] for line in as_json["triggers"]["lines"]} >= {"new_rows", "high_quality", "degradation"}


def test_json_is_one_document(call: Call) -> None:
    done = call("run", "-s", "one fine seed", "--max-cycles", "1", "--json", *OFFLINE)
    document = json.loads(done.stdout)
    assert document["state"] == "done" and document["cycles"][0]["number"] == 1
    assert "Starting Cycle 1" in done.stderr


def test_it_waits_says_for_whom_and_goes_on(call: Call, tmp_path: Path) -> None:
    first = call("run", "-s", "green tea,lighthouse", "--max-cycles", "1", "--labels", "1", "--yes", *OFFLINE)
    assert first.exit_code == 0 and "Not over: the cycle waits for people: 1 labels" in first.stdout
    status = json.loads(call("status", "--json").stdout)
    (waits,) = status["awaits"]
    assert waits["command"].startswith("flywheel label -d flywheel --where")
    assert "Waiting for people" in call("status").stdout
    with Workspace.open(root_of(tmp_path)) as workspace:
        label(workspace, waits["pairs"][0], "approved")
    second = call("run")
    assert "Flywheel complete. Ran 1 cycles." in second.stdout


def test_without_seeds_it_says_what_to_do(call: Call) -> None:
    done = call("run")
    assert done.exception is not None
    assert report_error(done.exception) == 2
    assert 'flywheel run -s "seed one,seed two"' in str(done.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--train", "always"), "needs a base model"),
        (("--recipe", "no-such-recipe"), "no-such-recipe"),
        (("--phase-budget", "nap:usd=1"), "no phase 'nap'"),
        (("--option", "nonsense"), "NAME=VALUE"),
        (("--min-pass-rate", "3"), "share from 0 to 1"),
    ],
)
def test_bad_usage_is_one_line(call: Call, arguments: tuple[str, ...], told: str) -> None:
    done = call("run", "-s", "one fine seed", *OFFLINE, *arguments)
    assert done.exception is not None and told in str(done.exception)
    assert report_error(done.exception) == 2


def test_a_run_can_be_abandoned(call: Call) -> None:
    call("run", "-s", "green tea", "--max-cycles", "1", "--labels", "1", *OFFLINE)
    assert "Run 1 abandoned: wrong seeds" in call("run", "--abandon", "wrong seeds").stdout
    assert json.loads(call("status", "--json").stdout)["awaits"] == []


def test_status_of_an_empty_workspace(call: Call) -> None:
    assert "No cycle yet" in call("status").stdout


class Checker(HTMLParser):
    """Notes tags, and text outside of them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or (value or "").startswith(("http", "//")) for name, value in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_is_one_file_and_escapes_everything(call: Call, tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> \x1b[2J tea"
    call("run", "-s", hostile, "--max-cycles", "2", "--count", "2", *OFFLINE)
    told = call("report")
    (path,) = (root_of(tmp_path) / "reports").glob("flywheel_report_*.html")
    assert str(path) in told.stdout.replace("\n", "")
    text = path.read_text("utf-8")
    checker = Checker()
    checker.feed(text)
    assert checker.tags & {"script", "img", "iframe", "link", "form", "object"} == set()
    assert "svg" in checker.tags and "\x1b" not in text
    assert {"generation", "human labelling", "evaluation and gate"} <= set(checker.text)
    other = tmp_path / "there.html"
    assert json.loads(call("report", "--to", str(other), "--json").stdout)["report"] == str(other)


def trace(request: str, **signals: Any) -> str:
    messages = [{"role": "user", "content": request}, {"role": "assistant", "content": "no"}]
    return json.dumps({"messages": messages, "signals": signals})


def test_scenarios_from_file_to_cycle(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text("\n".join([
        trace("Explain how a lighthouse lens works", accepted=False, error_kind="factual"),
        trace("Explain how a lighthouse lamp works", accepted=False, error_kind="factual"),
        trace("Name a river", accepted=True, retries=0),
    ]))  # fmt: skip
    assert "Looked at 3: 2 new failures, 0 known, 1 no failures" in call("scenario", "add", str(file)).stdout
    (row,) = json.loads(call("scenario", "ls", "--json").stdout)
    assert (row["state"], row["traces"], row["kind"]) == ("proposed", 2, "factual")
    refused = call("run", "--max-cycles", "1", *OFFLINE)
    assert refused.exception is not None, "nobody has approved it"
    shown = call("scenario", "show", "1").stdout
    assert "Explain how a lighthouse lens works" in shown and "fails_no_more" in shown
    assert call("scenario", "approve", "1").exit_code == 2, "a decision needs a reason"
    told = call("scenario", "approve", "1", "--reviewer", "ana", "--reason", "seen by customers").stdout
    assert told.startswith("Scenario 1 approved by ana: seen by customers\n") and "flywheel gate failures" in told
    kept = call("gate", "failures").stdout
    assert "2 confirmed failures" in kept and "ana" in kept
    done = call("run", "--max-cycles", "1", *OFFLINE)
    assert "Using 2 seeds" in done.stdout, done.output
    with Workspace.open(root_of(tmp_path)) as workspace:
        from flywheel_tui.cycle.views import cycle_view

        view = cycle_view(workspace, 1)
        assert {seed.origin for seed in view.seeds} == {"scenario"} and len(view.scenarios) == 1


def test_scenarios_are_rejected_merged_and_listed(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "traces.jsonl"
    file.write_text("\n".join(trace(text, reported=True, error_kind=kind) for text, kind in (
        ("Where is Rome?", "factual"), ("Sing a song", "tone"))))  # fmt: skip
    call("scenario", "add", str(file))
    assert "merged into 1" in call("scenario", "merge", "2", "1", "--reason", "same").stdout
    assert "rejected" in call("scenario", "reject", "1", "--reason", "a typo").stdout
    table = call("scenario", "ls").stdout
    assert "merged into 1" in table and "a typo" in table
    assert "No scenario" in call("scenario", "ls", "--state", "approved").stdout
    both = call("scenario", "add", str(file), "--from-labels", "-d", "traces")
    assert both.exception is not None and "one source" in str(both.exception)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--seed", "1"), "go with --cycles N"),
        (("--poison",), "go with --cycles N"),
        (("--cycles", "1", "--sign", "ada"), "go together"),
        (("--cycles", "1", "--reason", "why not"), "go together"),
    ],
)
def test_options_of_the_demonstration(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(cli, ["demo", str(tmp_path / "demo"), *arguments])
    assert done.exception is not None and told in str(done.exception)
    assert not (tmp_path / "demo").exists(), "nothing is made before it is clear what is meant"


def test_the_demonstration_names_the_extra_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from flywheel_tui.errors import MissingExtraError
    from flywheel_tui.stages.train import hardware

    def missing() -> None:
        raise MissingExtraError("training", "peft", "train")

    monkeypatch.setattr(hardware, "check_extra", missing)
    done = CliRunner().invoke(cli, ["demo", str(tmp_path / "demo"), "--cycles", "1"])
    assert done.exception is not None and "pip install 'flywheel-tui[train]'" in str(done.exception)
    assert not (tmp_path / "demo").exists()
