"""Choosing blind: sides are hidden, order follows from the seed, choices correct a judge's win rate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evaluation_helpers import make_adapter, options, tasks_file, training_pairs, use_models
from factories import make_workspace

from flywheel_tui.errors import ConflictError, NotFoundError, UsageError
from flywheel_tui.records.evaluation import Criteria
from flywheel_tui.stages.evaluate import again, evaluate
from flywheel_tui.stages.gate import blind, make_bundle, verify_bundle
from flywheel_tui.stages.gate.files import read_bundle
from flywheel_tui.workspace import Workspace


def wordy(adapter: str, prompt: str) -> str:
    return f"The answer to {prompt} is {'new' if adapter else 'old'}"


def rated(adapter: str, prompt: str) -> str:
    """The rules prefer the adapter's answers: the base's are empty."""
    return f"An answer to {prompt}" if adapter else ""


def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object = wordy, **fields: object) -> tuple[
    Workspace, int
]:  # fmt: skip
    use_models(monkeypatch, answer)  # type: ignore[arg-type]
    workspace = make_workspace(tmp_path / "w", training_pairs())
    file = tasks_file(tmp_path / "t.jsonl", {"add": 40})
    asked = options(workspace, adapter=make_adapter(tmp_path / "a"), tasks=file, **fields)
    return workspace, evaluate(workspace, asked).id


def choose_all(workspace: Workspace, test: int, word: str) -> None:
    """Choose the answer that holds a word, a tie where none or both do."""
    while (now := blind.shown(workspace, test)) is not None:
        first, second = word in now.first, word in now.second
        blind.choose(workspace, test, now.key, "tie" if first == second else "first" if first else "second")


def test_sides_are_shuffled_by_the_seed_and_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, id = evaluated(tmp_path, monkeypatch)
    made = blind.begin(workspace, id, reviewer="Ana", count=30, seed=3)
    assert made.keys == blind.begin(workspace, id, reviewer="Bo", count=30, seed=3).keys
    assert made.keys != blind.begin(workspace, id, reviewer="Bo", count=30, seed=4).keys
    firsts = 0
    while (now := blind.shown(workspace, made.id)) is not None:
        assert {now.first.split()[-1], now.second.split()[-1]} == {"new", "old"}
        firsts += now.first.endswith("new")
        hidden = blind.result(workspace, made.id)
        assert not hidden.over and (hidden.candidate, hidden.base, hidden.rate, hidden.p) == (None, None, None, None)
        blind.choose(workspace, made.id, now.key, "first" if now.first.endswith("new") else "second")
    assert 8 <= firsts <= 22
    found = blind.result(workspace, made.id)
    assert (found.candidate, found.base, found.ties, found.done) == (30, 0, 0, 30)
    assert found.rate is not None and found.rate.low is not None and found.rate.low > 0.85
    assert found.p is not None and found.p < 1e-8


def test_always_the_first_is_no_preference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, id = evaluated(tmp_path, monkeypatch)
    made = blind.begin(workspace, id, reviewer="Ana", count=40)
    while (now := blind.shown(workspace, made.id)) is not None:
        blind.choose(workspace, made.id, now.key, "first")
    found = blind.result(workspace, made.id)
    assert found.p is not None and found.p > 0.05 and found.first_shown == 1.0


def test_choices_correct_the_judges_win_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, id = evaluated(
        tmp_path, monkeypatch, rated, judge="offline", criteria=Criteria(metric="winrate", leave_out=("G2", "G3", "G4"))
    )
    before = again(workspace, id).wins
    assert before.raw.value == 1.0 and before.corrected.value is None
    made = make_bundle(workspace, id)
    told = {gate.gate: gate for gate in made.gates}
    assert told["G1"].verdict == "INCONCLUSIVE" and "20 more blind choices" in told["G1"].missing
    assert told["G5"].verdict == "INCONCLUSIVE"
    test = blind.begin(workspace, id, reviewer="Ana", count=30)
    choose_all(workspace, test.id, "nothing holds this")
    ties = again(workspace, id).wins
    assert ties.labels == 30 and ties.corrected.value is not None and abs(ties.corrected.value - 0.5) < 0.05
    agreeing = blind.begin(workspace, id, reviewer="Bo", count=40)
    choose_all(workspace, agreeing.id, "An answer")
    after = make_bundle(workspace, id)
    assert after.hash != made.hash
    assert {gate.gate: gate.verdict for gate in after.gates}["G1"] == "PASS"
    assert {gate.gate: gate.verdict for gate in after.gates}["G5"] == "PASS"


def test_both_bad_is_told_apart_and_counts_like_a_tie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, id = evaluated(tmp_path, monkeypatch, rated, judge="offline")
    told = {}
    for who, words in (("Ana", ("neither", "tie", "first", "second")), ("Bo", ("tie", "tie", "first", "second"))):
        test = blind.begin(workspace, id, reviewer=who, count=40, seed=1)
        for number in range(40):
            now = blind.shown(workspace, test.id)
            assert now is not None
            blind.choose(workspace, test.id, now.key, words[number % 4])
        told[who] = blind.result(workspace, test.id)
    ana, bo = told["Ana"], told["Bo"]
    assert (ana.ties, ana.both_bad, bo.ties, bo.both_bad) == (10, 10, 20, 0)
    assert (ana.candidate, ana.base, ana.rate, ana.p) == (bo.candidate, bo.base, bo.rate, bo.p)
    wins = again(workspace, id).wins
    assert (wins.labels, wins.both_bad) == (40, 10)
    made = make_bundle(workspace, id)
    files = read_bundle(workspace.root / made.folder)
    assert sum(json.loads(line)["both_bad"] for line in files["items.jsonl"].splitlines()) == 10
    assert json.loads(files["results.json"])["wins"]["both_bad"] == 10
    assert verify_bundle(workspace.root / made.folder).ok


def test_what_cannot_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, id = evaluated(tmp_path, monkeypatch)
    made = blind.begin(workspace, id, reviewer="Ana", count=2)
    for key, choice, error in ((made.keys[0], "left", UsageError), ("unknown", "first", UsageError)):
        with pytest.raises(error):
            blind.choose(workspace, made.id, key, choice)
    blind.choose(workspace, made.id, made.keys[0], "tie")
    with pytest.raises(ConflictError, match="made once"):
        blind.choose(workspace, made.id, made.keys[0], "first")
    with pytest.raises(UsageError, match="needs a name"):
        blind.begin(workspace, id, reviewer=" ")
    with pytest.raises(NotFoundError):
        blind.shown(workspace, 99)


def test_equal_answers_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, id = evaluated(tmp_path, monkeypatch, lambda adapter, prompt: "same")
    with pytest.raises(UsageError, match="answered nothing differently"):
        blind.begin(workspace, id, reviewer="Ana")
