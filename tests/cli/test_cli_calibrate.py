"""`flywheel calibrate` and `flywheel compare` as people and scripts call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories import make_workspace, pair_ids, say, sft
from judged import judged

from flywheel_tui.cli import cli
from flywheel_tui.workspace import Workspace

SCORES_A = (9.0, 8.5, 8.0, 8.0, 7.5, 7.5, 6.0, 5.0)
SCORES_B = (9.5, 8.5, 8.0, 7.5, 7.0, 7.0, 5.0, 5.0)


def run(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), *arguments], catch_exceptions=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Eight pairs that a person approved, and two judges that pass the same six."""
    with make_workspace(tmp_path / "w", sft(8)) as workspace:
        ids = pair_ids(workspace)
        for pair in ids:
            say(workspace, pair, "approved")
        judged(workspace, "judge_a", dict(zip(ids, SCORES_A, strict=True)), identity="a")
        judged(workspace, "judge_b", dict(zip(ids, SCORES_B, strict=True)), identity="b")
    return tmp_path / "w"


def test_the_six_lines(root: Path) -> None:
    done = run(root, "calibrate", "-d", "demo", "--tag", "judge_a", "--approved-is", "approved")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[:6] == [
        "Evaluated pairs  8",
        "  Precision        1.000",
        "  Recall           0.750",
        "  F1               0.857",
        "  Accuracy         0.750",
        "  TP/FP/TN/FN      6/0/0/2",
    ]
    assert "As it decides itself, this judge is right about 100 of 100 pairs it passes; with 8 labels" in done.stdout
    assert "  precision         1.000  [0.610, 1.000]  n=6  Wilson" in done.stdout
    assert "all labels are passes" in done.stderr


def test_comparing_two_judges(root: Path) -> None:
    done = run(root, "compare", "-d", "demo", "--tags", "judge_a,judge_b")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "Judge comparison: judge_a vs judge_b",
        "  Common pairs          8",
        "  judge_a passed / mean 6 / 7.44",
        "  judge_b passed / mean 6 / 7.19",
        "  Pass agreement        100.0%",
        "  Cohen's kappa (p/f)   1.000  (near-perfect)",
        "  Score Pearson r       0.965",
        "  Output                reports/demo/compare.json",
    ]
    written = json.loads((root / "reports/demo/compare.json").read_text())
    assert written["matrix"][0]["pearson"]["value"] == pytest.approx(0.965, abs=5e-4)


def test_json_is_one_document(root: Path) -> None:
    found = json.loads(run(root, "calibrate", "-d", "demo", "--tag", "judge_a", "--json").stdout)
    assert found["counts"] == {"tp": 6, "fp": 0, "tn": 0, "fn": 2}
    assert found["rates"]["specificity"]["value"] is None
    assert found["rates"]["recall"]["low"] < 0.75 < found["rates"]["recall"]["high"]
    assert json.loads(run(root, "compare", "-d", "demo", "--tags", "judge_a,judge_b", "--json").stdout)["pairs"] == 8


def test_the_threshold_may_be_given_or_asked_for(root: Path) -> None:
    given = run(root, "calibrate", "-d", "demo", "--tag", "judge_a", "--threshold", "5.5")
    assert "  TP/FP/TN/FN      7/0/0/1" in given.stdout
    assert "At 5.5 this judge" in given.stdout
    asked = run(root, "calibrate", "-d", "demo", "--tag", "judge_a", "--threshold", "auto")
    assert "Threshold: None yet:" in asked.stdout
    assert "  TP/FP/TN/FN      6/0/0/2" in asked.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["calibrate", "-d", "demo"], "name the data set and the judge run"),
        (["calibrate", "-d", "demo", "--tag", "nope"], "there are: judge_a, judge_b"),
        (["calibrate", "-d", "nope", "--tag", "judge_a"], "nope"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--threshold", "high"], "a number or auto"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--threshold", "nan"], "a finite number"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--approved-is", "skipped"], "approved and edited"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--target-precision", "1"], "between 0 and 1"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--confidence", "95"], "between 0 and 1"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--reviewer", "zoe"], "there are: ana"),
        (["calibrate", "-d", "demo", "--tag", "judge_a", "--unreadable", "tie"], "not a tie"),
        (["compare", "-d", "demo", "--tags", "judge_a"], "two or more"),
        (["compare", "-d", "demo", "--tags", "judge_a,judge_a"], "two or more"),
        (["compare", "-d", "demo", "--tags", "judge_a", "--reviewers", "zoe"], "there are: ana"),
    ],
)
def test_what_is_off_is_said(root: Path, arguments: list[str], message: str) -> None:
    from flywheel_tui.cli.console import report_error
    from flywheel_tui.errors import FlywheelError

    with pytest.raises(FlywheelError, match=message) as raised:
        run(root, *arguments)
    assert report_error(raised.value) == 2


def test_nothing_to_measure_is_a_sentence(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(2)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", {ids[0]: 8, ids[1]: 3})
    done = run(tmp_path / "w", "calibrate", "-d", "demo", "--tag", "a", "--threshold", "auto", "--per-criterion")
    assert done.exit_code == 0
    assert done.stdout.startswith("Evaluated pairs  0\n  Precision        n/a\n")
    assert "no person has labelled this data set; start with: flywheel label -d demo" in done.stdout


def test_three_judges_and_people_make_a_matrix(root: Path) -> None:
    with Workspace.open(root) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "c", {pair: number % 2 == 0 for number, pair in enumerate(ids)}, identity="c")
        say(workspace, ids[0], "rejected", reviewer="bo")
    found: dict[str, Any] = json.loads(
        run(root, "compare", "-d", "demo", "--tags", "judge_a,judge_b,c", "--reviewers", "*", "--json").stdout
    )
    assert [rater["name"] for rater in found["raters"]] == ["judge_a", "judge_b", "c", "ana", "bo"]
    assert len(found["matrix"]) == 10
    assert (found["pairs"], found["overlap"]) == (1, 8)
    assert found["alpha"]["n"] == 8
    shown = run(root, "compare", "-d", "demo", "--tags", "judge_a,judge_b,c")
    assert "Fleiss kappa" in shown.stdout
    assert "Krippendorff alpha" in shown.stdout


def test_where_kappa_misleads_a_sentence_explains(tmp_path: Path) -> None:
    with make_workspace(tmp_path / "w", sft(20)) as workspace:
        ids = pair_ids(workspace)
        judged(workspace, "a", {pair: pair != ids[0] for pair in ids}, identity="a")
        judged(workspace, "b", {pair: pair != ids[1] for pair in ids}, identity="b")
    done = run(tmp_path / "w", "compare", "-d", "demo", "--tags", "a,b")
    assert "Pass agreement        90.0%" in done.stdout
    assert "Score Pearson r       n/a (fewer than two items)" in done.stdout
    assert "95% of all answers are 'pass', so that kappa expects" in done.stderr
