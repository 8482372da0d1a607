"""`flywheel tiers`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from factories import make_workspace, pair_ids, say, sft

from flywheel_tui.cli import cli
from flywheel_tui.errors import FlywheelError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with make_workspace(tmp_path / "w", sft(5)) as workspace:
        for pair, status in zip(pair_ids(workspace), ("approved", "approved", "rejected"), strict=False):
            say(workspace, pair, status)
    return tmp_path / "w"


def tiers(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), "tiers", *words])


def test_shown_then_given_then_shown(root: Path) -> None:
    before = tiers(root, "-d", "demo")
    assert before.exit_code == 0 and "none      5  100.0%" in before.stdout
    assert "flywheel tiers -d demo --assign" in before.stderr
    given = tiers(root, "-d", "demo", "--assign")
    assert "3 pairs have another tier, P(pass) or weight than before" in given.stdout
    lines = [line.split() for line in given.stdout.splitlines()[-3:]]
    assert lines == [["gold", "2", "40.0%", "1.00"], ["rejected", "1", "20.0%", "0.00"], ["none", "2", "40.0%"]]
    again = json.loads(tiers(root, "-d", "demo", "--assign", "--json").stdout)
    assert again["assigned"]["changed"] == 0 and again["assigned"]["preset"] == "calibrated"
    assert [(line["tier"], line["pairs"]) for line in again["tiers"]] == [("gold", 2), ("rejected", 1), ("none", 2)]
    shown = json.loads(tiers(root, "-d", "demo", "--json").stdout)
    assert shown["assigned"] is None and shown["tiers"] == again["tiers"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-d", "none"), "no data set named 'none'"),
        (("-d", "demo", "--preset", "reward"), "add --assign"),
        (("-d", "demo", "--assign", "--tag", "x"), "no judge run named 'x'"),
    ],
)
def test_what_is_off_is_said(root: Path, words: tuple[str, ...], said: str) -> None:
    found = tiers(root, *words)
    assert isinstance(found.exception, FlywheelError) and said in str(found.exception)
