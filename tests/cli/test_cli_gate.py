"""`flywheel evaluate` and `flywheel gate`: what is printed, and the exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from evaluation_helpers import make_adapter, right, tasks_file, training_pairs, use_models
from factories import make_workspace

from flywheel_tui.cli import cli
from flywheel_tui.errors import FlywheelError
from flywheel_tui.llm.backends.scripted import ScriptedBackend
from flywheel_tui.llm.protocol import Request


def better(adapter: str, prompt: str) -> str:
    """The adapter `good` has learned `add`; `bad` has unlearned `sort`."""
    odd = bool(int(right(prompt)) % 2)
    if prompt.startswith("add") and odd and not adapter:
        return "no idea"
    return "no idea" if adapter == "bad" and prompt.startswith("sort") and odd else right(prompt)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use_models(monkeypatch, better)
    make_workspace(tmp_path / "w", training_pairs()).close()
    tasks_file(tmp_path / "t.jsonl", {"add": 60, "sort": 80})
    for name in ("good", "bad"):
        make_adapter(tmp_path / name, name)
    return tmp_path / "w"


def flywheel(root: Path, *words: str, input: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["-w", str(root), *words], input=input)


def evaluated(root: Path, adapter: str = "good", *more: str) -> Result:
    words = ("--base", "tiny", "--adapter", str(root.parent / adapter), "--tasks", str(root.parent / "t.jsonl"))
    return flywheel(
        root,
        "evaluate",
        *words,
        "--train",
        "demo",
        "--target",
        "add",
        "--leave-out",
        "G2",
        "--safety-rate",
        "0.03",
        *more,
    )


def code(result: Result) -> int:
    return result.exception.exit_code if isinstance(result.exception, FlywheelError) else result.exit_code


def document(result: Result) -> Any:
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def test_from_an_evaluation_to_a_promotion_and_back(root: Path) -> None:
    told = evaluated(root)
    assert told.exit_code == 0, told.output
    for words in (
        "add *",
        "+50.0",
        "Perplexity: ",
        "G1 PASS",
        "G2 NOT ASKED",
        "Verdict of G1 to G6: PASS",
        "Bundle 1:",
    ):
        assert words in told.stdout, told.stdout
    assert "Holds: " in flywheel(root, "gate", "verify", "1").stdout
    assert code(flywheel(root, "gate", "approve", "1", "--reason", "better")) == 2
    assert code(flywheel(root, "gate", "approve", "1", "--reviewer", "Ana")) == 2
    done = flywheel(root, "gate", "approve", "1", "--reviewer", "Ana", "--reason", "better at sums")
    assert done.exit_code == 0 and "good is in use now (before: the base alone)" in done.stdout
    listed = flywheel(root, "gate", "ls").stdout
    assert "In use for tiny (bbbbbbbbbbbb): good" in listed and "approve" in listed and "Ana" in listed
    assert "approve by Ana" in flywheel(root, "gate", "show", "1").stdout
    back = document(flywheel(root, "gate", "rollback", "--reviewer", "Bo", "--reason", "complaints", "--json"))
    assert (back["action"], back["adapter"], back["reviewer"]) == ("rollback", "", "Bo")
    assert code(flywheel(root, "gate", "rollback", "--reviewer", "Bo", "--reason", "again")) == 2


def test_a_bad_candidate_is_refused(root: Path) -> None:
    assert "Verdict of G1 to G6: FAIL" in evaluated(root, "bad").stdout
    shut = flywheel(root, "gate", "approve", "1", "--reviewer", "Ana", "--reason", "why not")
    assert code(shut) == 1 and "G4 FAIL" in str(shut.exception)
    assert document(flywheel(root, "gate", "ls", "--json"))["in_use"] == []
    assert "refused" in flywheel(root, "gate", "reject", "1", "--reviewer", "Ana", "--reason", "forgets").stdout
    forced = flywheel(
        root, "gate", "approve", "1", "--reviewer", "Ana", "--reason", "a test", "--override", "--script", "--json"
    )
    assert (document(forced)["override"], document(forced)["source"]) == (True, "script")


def test_a_changed_bundle_does_not_hold(root: Path) -> None:
    made = document(evaluated(root, "good", "--json"))
    folder = root / made["bundle"]["folder"]
    (folder / "criteria.json").write_bytes((folder / "criteria.json").read_bytes().replace(b"0.05", b"0.06", 1))
    told = flywheel(root, "gate", "verify", str(folder))
    assert told.exit_code == 1 and "criteria.json: is not what was sealed" in told.stdout
    assert "DOES NOT HOLD" in told.stdout
    assert not json.loads(flywheel(root, "gate", "verify", "1", "--json").stdout)["ok"]
    assert code(flywheel(root, "gate", "approve", "1", "--reviewer", "Ana", "--reason", "x")) == 2
    assert code(flywheel(root, "gate", "verify", str(root.parent / "t.jsonl"))) == 2


def test_a_zip_of_a_bundle(root: Path) -> None:
    evaluated(root)
    target = root.parent / "b.zip"
    assert "Wrote" in flywheel(root, "gate", "export", "1", "--to", str(target)).stdout
    assert flywheel(root, "gate", "verify", str(target)).exit_code == 0


def test_failures_are_listed_then_confirmed(root: Path) -> None:
    evaluated(root)
    listed = flywheel(root, "gate", "confirm", "1", "--side", "base")
    assert "expected '1'" in listed.stdout and "30 failures" in listed.stderr
    added = flywheel(root, "gate", "confirm", "1", "--side", "base", "--yes", "--reviewer", "Ana")
    assert "Added 30; the regression set holds 30" in added.stdout
    assert code(flywheel(root, "gate", "confirm", "1", "--side", "base", "--yes")) == 2


def test_choosing_blind_at_the_keyboard(root: Path) -> None:
    evaluated(root)
    told = flywheel(root, "gate", "blind", "new", "1", "--reviewer", "Ana", "--count", "3", input="1\nq\n")
    assert "1 of 3 chosen; the sides stay hidden" in told.stdout
    over = flywheel(root, "gate", "blind", "go", "1", input="x\n2\nb\n")
    assert "of 3 by Ana" in over.stdout and "Win rate" in over.stdout
    assert "both bad 1" in over.stdout and "Bundle 2 holds these choices" in over.stdout
    assert document(flywheel(root, "gate", "blind", "show", "1", "--json"))["over"] is True


def test_two_adapters_side_by_side(root: Path) -> None:
    plan = ("gate", "ab", "new", "t", "--control", "good", "--treatment", "bad", "--n", "4")
    assert "Planned t" in flywheel(root, *plan).stdout
    assert code(flywheel(root, *plan)) == 2
    assert flywheel(root, "gate", "ab", "assign", "t", "ann").stdout.split(":")[0] in ("control", "treatment")
    file = root.parent / "o.jsonl"
    file.write_text("".join(json.dumps({"unit": f"u{n}", "value": n % 2}) + "\n" for n in range(3)))
    assert "Added 3; t has 3 of 4 outcomes" in flywheel(root, "gate", "ab", "record", "t", "-i", str(file)).stdout
    assert "mean locked" in flywheel(root, "gate", "ab", "show", "t").stdout
    flywheel(root, "gate", "ab", "record", "t", "--unit", "last", "--value", "1")
    assert document(flywheel(root, "gate", "ab", "show", "t", "--json"))["locked"] is False
    assert code(flywheel(root, "gate", "ab", "record", "t")) == 2


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate",),
        ("evaluate", "--base", "tiny"),
        ("evaluate", "--base", "tiny", "--tasks", "builtin", "--leave-out", "G9"),
        ("gate", "show", "9"),
        ("gate", "verify", "nothing-here"),
    ],
)
def test_what_cannot_be_meant_is_exit_code_two(root: Path, words: tuple[str, ...]) -> None:
    assert code(flywheel(root, *words)) == 2


def wordy(adapter: str, prompt: str) -> str:
    """The adapter says more than the base on three tasks of four, and less on the others."""
    extra = " and that is what was asked for" * (int(right(prompt)) % 4 != 0)
    return f"candidate {right(prompt)}{extra}" if adapter else f"base says about {right(prompt)}"


def longer(request: Request) -> str:
    """A judge that takes the longer answer, and on numbers that end in 5 the one it sees first."""
    text = request.messages[1].content
    number = re.findall(r"(?:add|sort) (\d+)", text)[0]
    base_first, base_longer = text.index("base says") < text.index("candidate"), "what was asked for" not in text
    choice = "first" if number.endswith("5") or base_first == base_longer else "second"
    return json.dumps({"rationale": "longer", "choice": choice})


def test_the_judge_of_a_run_compares_and_is_corrected_by_people(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In both orders, at equal length, corrected by blind choices; on the command line, in the bundle, verified."""
    use_models(monkeypatch, wordy)
    monkeypatch.setattr("flywheel_tui.llm.registry.get_backend", lambda *_, **__: ScriptedBackend([longer]))
    assert flywheel(root, "judge", "-d", "demo", "--backend", "offline", "--tag", "rules").exit_code == 0
    assert code(evaluated(root, "good", "--judge-tag", "nobody")) == 2
    assert code(evaluated(root, "good", "--judge-tag", "rules", "--judge", "offline")) == 2
    more = ("--judge-tag", "rules", "--metric", "winrate", "--leave-out", "G4")
    told = evaluated(root, "good", *more)
    assert told.exit_code == 0, told.output
    assert "Win rate (judge): " in told.stdout and "at equal length" in told.stdout
    assert "answers hung on which was shown first" in told.stdout
    assert "not corrected: no choices of people yet" in told.stdout
    assert "uncorrected: a judge's own rate is no evidence" in told.stdout
    done = flywheel(root, "gate", "blind", "new", "1", "--reviewer", "Ana", "--count", "40", input="1\n2\nb\nt\n" * 10)
    assert "both bad 10 of 40" in done.stdout and "Bundle 2 holds these choices" in done.stdout
    shown = flywheel(root, "gate", "show", "2").stdout
    assert "corrected by 40 blind choices" in shown and "people called both answers bad on 10" in shown
    assert "not corrected" in flywheel(root, "gate", "show", "1").stdout, "a sealed bundle says what it said"
    assert "corrected by 40 blind choices" in evaluated(root, "good", *more).stdout
    held = flywheel(root, "gate", "verify", "2")
    assert held.exit_code == 0 and held.stdout.startswith("Holds: ")
    folder = root / document(flywheel(root, "gate", "show", "2", "--json"))["bundle"]["folder"]
    judges = {line["tag"]: line for line in json.loads((folder / "judges.json").read_text())}
    assert judges["evaluation"]["measured"] == 40 and "rules" in judges
    results = json.loads((folder / "results.json").read_text())
    results["wins"]["corrected"]["value"] += 0.1
    (folder / "results.json").write_text(json.dumps(results))
    assert (
        "results.json: wins.corrected.value is not what the items give" in flywheel(root, "gate", "verify", "2").stdout
    )
