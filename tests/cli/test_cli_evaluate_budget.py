"""`flywheel evaluate --estimate` and budgets: what is printed, exit codes, and that nothing is paid for twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from evaluation_helpers import PRICES, make_adapter, paid_judge, says_who, tasks_file, training_pairs, use_models
from factories import make_workspace

from flywheel_tui.cli import cli
from flywheel_tui.errors import FlywheelError
from flywheel_tui.llm.backends.scripted import ScriptedBackend


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_models(monkeypatch, says_who)
    make_workspace(tmp_path / "w", training_pairs()).close()
    (tmp_path / "w" / "prices.toml").write_text(PRICES)
    tasks_file(tmp_path / "t.jsonl", {"add": 20})
    make_adapter(tmp_path / "new")
    return tmp_path / "w"


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> ScriptedBackend:
    return paid_judge(monkeypatch)


def evaluated(root: Path, *more: str) -> Result:
    words = ("--base", "tiny", "--adapter", str(root.parent / "new"), "--tasks", str(root.parent / "t.jsonl"))
    return CliRunner().invoke(cli, ["-w", str(root), "evaluate", *words, "--train", "demo", *more])


def code(result: Result) -> int:
    return result.exception.exit_code if isinstance(result.exception, FlywheelError) else result.exit_code


def jobs(root: Path) -> list[str]:
    told = CliRunner().invoke(cli, ["-w", str(root), "jobs", "ls", "--json"])
    return [job["state"] for job in json.loads(told.stdout)]


def test_estimated_paused_and_finished(root: Path, judge: ScriptedBackend) -> None:
    named = ("--judge", "scripted:m")
    ahead = evaluated(root, *named, "--estimate")
    assert ahead.exit_code == 0, ahead.exception
    first, second, third = ahead.stdout.splitlines()
    assert first == "At most 20 comparisons, each in both orders, by scripted:m (preference@1)"
    assert second.startswith("40 calls, about ") and ": about $0.0" in second and ", at most $0.0" in second
    assert third.startswith("The outputs of 20 are not known yet: each counts as 64 tokens (--max-new-tokens)")
    assert not judge.requests and jobs(root) == []

    stopped = evaluated(root, *named, "--budget-usd", "0.003")
    assert code(stopped) == 130 and "go on with the same command and a higher --budget-usd" in str(stopped.exception)
    assert jobs(root) == ["paused"] and 0 < len(judge.requests) < 40
    rest = json.loads(evaluated(root, *named, "--estimate", "--json").stdout)
    assert (rest["evaluation"], rest["unseen"], rest["calls"]) == (1, 0, 40 - len(judge.requests))

    done = evaluated(root, *named, "--budget-usd", "0.5")
    assert done.exit_code == 0, done.exception
    told = "Judge: $0.0044 (40 calls, 0 answers from the cache, 4,000 tokens in, 400 out)"
    assert told in done.stdout and "Win rate (judge): 100.0%" in done.stdout
    assert len(judge.requests) == 40 == len({request.messages for request in judge.requests})
    again = evaluated(root, *named, "--estimate")
    assert again.stdout == "Evaluation 1 is finished: nothing is left to be asked\n"
    assert told in evaluated(root, *named).stdout and len(judge.requests) == 40


def test_an_unknown_price_is_said(root: Path, judge: ScriptedBackend) -> None:
    (root / "prices.toml").unlink()
    assert "unknown price (prices.toml)" in evaluated(root, "--judge", "scripted:m", "--estimate").stdout
    refused = evaluated(root, "--judge", "scripted:m", "--budget-usd", "1")
    assert code(refused) == 2 and "no price is known for scripted:m" in str(refused.exception)
    done = evaluated(root, "--judge", "scripted:m")
    assert "Judge: unknown price (40 calls, " in done.stdout


def test_rules_cost_nothing(root: Path) -> None:
    told = evaluated(root, "--judge", "offline", "--estimate").stdout.splitlines()
    assert told[1:] == ["Costs nothing: rules, no model"]
    assert "Judge: " not in evaluated(root, "--judge", "offline").stdout


@pytest.mark.parametrize("more", [("--budget-usd", "1"), ("--budget-tokens", "10"), ("--estimate",)])
def test_without_a_judge_there_is_nothing_to_pay_for(root: Path, more: tuple[str, ...]) -> None:
    refused = evaluated(root, *more)
    assert code(refused) == 2 and "name one with --judge or --judge-tag" in str(refused.exception)
    assert jobs(root) == []
