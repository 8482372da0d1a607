"""`flywheel visualize`: pictures, the page around them, and the same in the terminal."""

from __future__ import annotations

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from factories import add_pairs, say

from flywheel_tui.cli import cli
from flywheel_tui.errors import MissingExtraError, NotFoundError, UsageError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages import charts as chart_stage
from flywheel_tui.stages.validate import ValidateOptions, validate
from flywheel_tui.workspace import Workspace

HOSTILE = "$x^2 <script>alert(1)</script> \x1b[2J 日本"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        drafts = [
            Draft(instruction="x" * (n % 50 + 1), output="" if n % 10 == 0 else "y" * n, category=("a", HOSTILE)[n % 2])
            for n in range(200)
        ]
        ids = add_pairs(workspace, drafts)
        for pair in ids[:7]:
            say(workspace, pair, "approved", reviewer="ana")
        say(workspace, ids[9], "rejected", reviewer="ben")
        validate(workspace, ValidateOptions(dataset="demo", checks=("schema", "dedup")))
    return tmp_path / "ws"


def call(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), "visualize", "-d", "demo", *words])


def chart(root: Path, name: str) -> chart_stage.Chart:
    with Workspace.open(root) as workspace:
        return chart_stage.charts(workspace, "demo", [name])[0]


def test_pictures_and_a_page_are_written(root: Path) -> None:
    pytest.importorskip("matplotlib")
    result = call(root)
    folder = root / "reports" / "demo"
    assert f"Wrote 9 charts -> {folder / 'index.html'}" in result.stdout, result.output
    assert "pass_fail, scores, criteria, judge_agreement, calibration" in result.stderr
    for name in chart_stage.NAMES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{name}.png").stat().st_mode & 0o777 == 0o600
    text = (folder / "index.html").read_text("utf-8")
    HTMLParser().feed(text)
    assert "<script" not in text and "\x1b" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<img ") == 4
    assert text.count("no judge has looked at this data set yet") == 5


def test_a_chart_alone_elsewhere_and_as_json(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = call(root, "--only", "lengths", "--to", str(tmp_path / "out"), "--json")
    report = json.loads(result.stdout)
    assert [Path(path).name for path in report["files"]] == ["lengths.png", "index.html"]
    assert report["charts"][0]["series"]["output"][0] == 20


def test_the_terminal_gets_bars_with_their_numbers(root: Path) -> None:
    result = call(root, "--plain")
    assert result.exit_code == 0
    assert "Findings by check (200 pairs)" in result.stdout
    assert "█" in result.stdout and "\x1b" not in result.stdout
    assert not (root / "reports" / "demo" / "index.html").exists()
    plots = call(root, "--plot", "--only", "lengths")
    assert "Lengths in characters" in plots.stdout and "┤" in plots.stdout


def test_without_matplotlib_it_says_what_to_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = call(root)
    assert isinstance(result.exception, MissingExtraError)
    assert "--plain" in str(result.exception) and "flywheel-tui[charts]" in str(result.exception)


def test_unknown_names_are_refused(root: Path) -> None:
    assert isinstance(call(root, "--only", "nothing").exception, UsageError)
    result = CliRunner().invoke(cli, ["-w", str(root), "visualize", "-d", "other", "--plain"])
    assert isinstance(result.exception, NotFoundError)


def test_the_numbers_are_right(root: Path) -> None:
    assert sum(chart(root, "lengths").series["instruction"]) == 200
    categories = chart(root, "categories")
    assert categories.series["pairs"] == (100, 100)
    assert not any("\x1b" in label for label in categories.labels)
    labels = chart(root, "labels")
    assert labels.labels == ("all", "ana", "ben")
    assert labels.series == {"open": (192, 0, 0), "approved": (7, 7, 0), "rejected": (1, 0, 1)}
    validation = chart(root, "validation")
    assert validation.series["error"][validation.labels.index("schema")] == 20


def test_a_sample_is_spread_and_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart_stage, "SAMPLE", 50)
    found = chart(root, "categories")
    assert found.note == "of 50 pairs spread over all 200"
    assert sum(found.series["pairs"]) == 50


def test_many_categories_are_folded(tmp_path: Path) -> None:
    with Workspace.open(tmp_path / "ws", create=True) as workspace:
        add_pairs(workspace, [Draft(instruction=f"i{n}", output="o", category=f"c{n}") for n in range(40)])
        [found] = chart_stage.charts(workspace, "demo", ["categories"])
    assert len(found.labels) == chart_stage.MOST_BARS
    assert found.labels[-1] == "25 others"
    assert sum(found.series["pairs"]) == 40


def test_an_empty_chart_says_so() -> None:
    empty = chart_stage.Chart(name="validation", title="T", unit="findings", labels=(), series={}, note="n")
    assert "nothing to show" in chart_stage.as_text(empty)
