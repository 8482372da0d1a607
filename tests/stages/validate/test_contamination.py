"""`contamination`: what also stands in an evaluation set, with its exact place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.validate.base import Candidate, Found
from flywheel_tui.stages.validate.checks.contamination import Contamination

QUESTION = (
    "Natalia packs twelve red and nine blue marbles into each of seven bags; how many marbles does she pack in all?"
)
SHORT = "Which river flows through the old town of Bern?"


@pytest.fixture
def against(tmp_path: Path) -> Path:
    path = tmp_path / "exam.jsonl"
    rows: list[dict[str, Any]] = [
        {"question": QUESTION, "answer": "147"},
        {"nested": {"list": [SHORT, "Too short to count"]}},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(against: Path, *texts: str, **options: Any) -> list[Found]:
    check = Contamination(against=str(against), **options)
    return list(check.look([Candidate(number, "sft", text) for number, text in enumerate(texts, 1)]))


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        (f"Solve this. {QUESTION} Think first.", QUESTION[:-1]),
        (QUESTION.upper().replace(" ", "  "), None),
        ("„" + QUESTION.replace(";", " —") + "“", None),
        ("Größe: 3 ½ ﬁn … " + QUESTION, QUESTION[:-1]),
        (" ".join(QUESTION.split()[3:16]), " ".join(QUESTION.split()[3:16])),
        (f"Tell me. {SHORT}", SHORT[:-1]),
        ("flows through the old town of Bern? which", None),
    ],
)
def test_copies_are_found_where_they_stand(against: Path, text: str, hit: str | None) -> None:
    found_there = found(against, text)
    if text.startswith("flows"):
        assert found_there == []
        return
    [one] = found_there
    assert (one.severity, one.field) == ("error", "instruction")
    assert one.start is not None
    if hit is not None:
        assert text[one.start : one.end] == hit
    assert one.message.endswith(f"also stand in the evaluation set exam.jsonl, row {2 if 'Bern' in text else 1}")


def test_twelve_words_are_not_thirteen(against: Path) -> None:
    assert found(against, " ".join(QUESTION.split()[3:15])) == []
    assert len(found(against, " ".join(QUESTION.split()[3:15]), n=12)) == 1


def test_all_texts_of_a_pair_are_looked_at_and_long_copies_are_one_finding(against: Path) -> None:
    body = json.dumps({"reasoning": f"{QUESTION} and then again {QUESTION}"})
    check = Contamination(against=str(against))
    hits = list(check.look([Candidate(1, "sft", "clean", "clean too", QUESTION, body)]))
    assert [(one.field, one.message.split()[0]) for one in hits] == [
        ("output", "21"), ("body.reasoning", "21"), ("body.reasoning", "21")
    ]  # fmt: skip


def test_phrases_that_all_items_repeat_are_no_copies(tmp_path: Path) -> None:
    path = tmp_path / "exam.csv"
    phrase = "please answer the following question with one word and give no reason for it whatsoever"
    path.write_text("question\n" + "".join(f"{phrase} item {number}\n" for number in range(30)))
    assert found(path, f"{phrase} now") == []
    assert len(found(path, f"{phrase} now", common=30)) == 1


def test_a_changed_file_is_another_setting(against: Path) -> None:
    before = Contamination(against=str(against)).settings
    assert Contamination(**before).settings == before
    against.write_text(json.dumps({"question": QUESTION + " Again."}))
    assert Contamination(**before).settings != before


def test_files_that_cannot_be_compared_with(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs evaluation sets"):
        Contamination()
    with pytest.raises(InputError, match="no such file"):
        Contamination(against=str(tmp_path / "none.jsonl"))
    short = tmp_path / "short.jsonl"
    short.write_text('{"a": "few words"}\n')
    with pytest.raises(UsageError, match="nothing to compare with"):
        Contamination(against=[str(short)])
    with pytest.raises(UsageError, match=r"contamination\.short"):
        Contamination(against=str(short), short=20)
    with pytest.raises(UsageError, match=r"contamination\.against"):
        Contamination(against=3)


def test_several_files_are_named_each(against: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text("A sentence of more than thirteen words that stands in the second file and nowhere else at all.")
    check = Contamination(against=f"{against}, {other}")
    hits = list(check.look([Candidate(1, "sft", other.read_text()), Candidate(2, "sft", QUESTION)]))
    assert [(one.pair, "other.txt" in one.message) for one in hits] == [(1, True), (2, False)]


@pytest.mark.shared
def test_an_evaluation_set_finds_itself_and_not_its_training_set(shared_data: Path) -> None:
    path = shared_data / "gsm8k" / "test.jsonl"
    check = Contamination(against=str(path))
    exam = [json.loads(line)["question"] for line in path.read_text().splitlines()]
    train = [json.loads(line)["question"] for line in (shared_data / "gsm8k" / "train.jsonl").read_text().splitlines()]
    assert len({one.pair for one in check.look([Candidate(k, "sft", q) for k, q in enumerate(exam)])}) == len(exam)
    found_in_train = {one.pair for one in check.look([Candidate(k, "sft", q) for k, q in enumerate(train)])}
    assert len(found_in_train) / len(train) < 0.02
