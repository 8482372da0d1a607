"""`flywheel judge` and `flywheel label --mode auto-from-judge`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from factories import make_workspace, pair_ids, sft, statuses
from judge_helpers import honest, score_of, use_backend

from flywheel_tui.cli import cli
from flywheel_tui.errors import FlywheelError
from flywheel_tui.llm.faults import BackendFault
from flywheel_tui.records.pair import Draft
from flywheel_tui.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make_workspace(tmp_path / "w", sft(12)).close()
    return tmp_path / "w"


def flywheel(root: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), *words])


def document(result: Result) -> Any:
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_the_lines_for_a_person(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    result = flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--model", "m", "--tag", "t")
    assert result.exit_code == 0, result.output
    passed = sum(score_of(number) >= 7 for number in range(1, 13))
    assert "Judging 12 pairs with scripted:m" in result.stderr
    for line in ("Judged: 12", f"Passed: {passed} ({passed / 12:.1%}; 95 % interval", "Avg overall (scored): ",
                 "Cache: 0 hits, 12 misses, 12 writes", "Errors: 0", "Cost: $0.0000 (12 calls"):  # fmt: skip
        assert line in result.stdout
    again = flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--model", "m", "--tag", "u")
    assert "Cache: 12 hits, 0 misses, 0 writes" in again.stdout


def test_one_document(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    found = document(flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--max-pairs", "5", "--json"))
    assert (found["judged"], found["asked"], found["unjudged"], found["tag"]) == (5, 5, 0, "scripted:m")


def test_who_has_no_verdict_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def some(request: Any) -> Any:
        text = honest(request)
        return text if '"accuracy": 8' not in text else "no"

    use_backend(monkeypatch, some)
    result = flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--tag", "t")
    assert result.exit_code == 0
    assert "pairs have no verdict (1 bad_json); ask again with --retry" in result.stdout


def test_exit_three_where_the_service_failed_for_all(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, lambda request: BackendFault("reset", "broke off", retryable=False))
    result = flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--tag", "t")
    assert result.exit_code == 3
    assert "12 pairs have no verdict (12 reset)" in result.stdout
    use_backend(monkeypatch, lambda request: BackendFault("auth", "the key was refused"))
    refused = flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--tag", "k", "--model", "k")
    assert isinstance(refused.exception, FlywheelError) and refused.exception.exit_code == 3
    assert "no verdict" in refused.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("judge",),
        ("judge", "-d", "nothing", "--backend", "offline"),
        ("judge", "-d", "demo", "--backend", "none-such"),
        ("judge", "-d", "demo", "--backend", "offline", "--rubric", "none-such"),
        ("judge", "-d", "demo", "--backend", "offline", "--where", "nonsense =="),
        ("judge", "-d", "demo", "--backend", "offline", "--sample", "5"),
        ("judge", "-d", "demo", "--backend", "offline", "--tag", "a b"),
        ("judge", "-d", "demo", "--jury", "a"),
        ("judge", "--job", "1"),
        ("label", "-d", "demo", "--mode", "auto-from-judge"),
    ],
)
def test_exit_two_for_bad_usage(root: Path, words: tuple[str, ...]) -> None:
    result = flywheel(root, *words)
    assert isinstance(result.exception, FlywheelError)
    assert result.exception.exit_code == 2
    assert result.stdout == ""


def test_rules_import_and_jury(root: Path, tmp_path: Path) -> None:
    found = document(flywheel(root, "judge", "-d", "demo", "--backend", "offline", "--json"))
    assert (found["backend"], found["judged"], found["calls"]) == ("offline", 12, 0)
    table = tmp_path / "them.csv"
    table.write_text("n,ok\n" + "".join(f"{n},{'yes' if n % 2 else 'no'}\n" for n in range(1, 13)))
    words = ("judge", "-d", "demo", "--import", str(table), "--map", "pair=n,passed=ok", "--match", "position")
    imported = document(flywheel(root, *words, "--tag", "them", "--unparsed", "wrong", "--json"))
    assert (imported["judged"], imported["passed"], imported["settings"]["unparsed"]) == (12, 6, "wrong")
    report = document(flywheel(root, "judge", "-d", "demo", "--jury", f"them,{found['tag']}", "--json"))
    assert (report["judged"], report["missing"]) == (6, {"split": 6})


def test_pairwise_runs_count_choices(tmp_path: Path) -> None:
    pair = Draft(kind="preference", instruction="i", output="fine words", body={"rejected": ""}, line=1)
    make_workspace(tmp_path, [pair]).close()
    result = flywheel(tmp_path, "judge", "-d", "demo", "--backend", "offline")
    assert "Preferred: a 1" in result.stdout and "Passed" not in result.stdout


def test_labels_from_a_judge(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_backend(monkeypatch, honest)
    flywheel(root, "judge", "-d", "demo", "--backend", "scripted", "--tag", "t")
    words = ("label", "-d", "demo", "--mode", "auto-from-judge", "--tag", "t", "--reject-below", "3.5")
    unsure = flywheel(root, *words)
    assert isinstance(unsure.exception, FlywheelError) and "--yes" in str(unsure.exception)
    found = document(flywheel(root, *words, "--approve-above", "8", "--yes", "--json"))
    scores = [score_of(number) for number in range(1, 13)]
    assert found["changed"] == sum(score < 3.5 or score > 8 for score in scores)
    with Workspace.open(root) as workspace:
        wanted = ["rejected" if s < 3.5 else "approved" if s > 8 else "open" for s in scores]
        assert statuses(workspace, pair_ids(workspace)) == wanted
    undone = flywheel(root, "label", "--undo", found["batch"])
    assert f"Taken back: {found['changed']}" in undone.stdout


def test_a_table_of_labels_is_imported_by_its_columns(root: Path, tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("n,verdict\n1,good\n2,bad\n")
    words = ("label", "import", str(table), "-d", "demo", "--map", "pair=n,status=verdict", "--match", "position")
    assert document(flywheel(root, *words, "--reviewer", "ana", "--json"))["added"] == 2
    wrong = flywheel(root, "label", "import", str(table), "-d", "demo", "--map", "pair=n,statos=verdict")
    assert "did you mean 'status'" in str(wrong.exception)
