"""`neardup` on pairs: clusters, who is kept, what is said, and the planted pairs of the demo data."""

from __future__ import annotations

import csv
import json
import random
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.validate.base import Candidate, Found
from flywheel_tui.stages.validate.checks.neardup import NearDup

DEMO = Path(__file__).resolve().parents[3] / "data" / "demo"
WORDS = [f"word{number}" for number in range(500)]


def text(seed: int, changed: int = 0, words: int = 60) -> str:
    """Sixty words of a seed, of which the first `changed` are others (apart, so that each breaks three runs)."""
    chance = random.Random(seed)
    drawn = [chance.choice(WORDS) for _ in range(words)]
    for number in range(changed):
        drawn[5 + 4 * number] = f"other{seed}"
    return " ".join(drawn)


def found(texts: list[str | Candidate], parts: int = 1, **options: Any) -> tuple[list[Found], NearDup]:
    check = NearDup(**options)
    rows = [one if isinstance(one, Candidate) else Candidate(number, "sft", one) for number, one in enumerate(texts, 1)]
    for part in range(parts):
        check.feed(rows[part * len(rows) // parts : (part + 1) * len(rows) // parts])
    return list(check.finish()), check


def flagged(findings: list[Found], severity: str = "warning") -> dict[int, int | None]:
    return {
        one.pair: one.cluster for one in findings if one.severity == severity and not one.message.startswith("kept")
    }


def test_near_duplicates_cluster_around_the_first() -> None:
    findings, check = found([text(1), text(2), text(1, 1), text(3), text(2, 2), text(1, 2)])
    assert flagged(findings) == {3: 1, 5: 2, 6: 1}
    [said] = [one.message for one in findings if one.pair == 3]
    assert said == "near-duplicate: shares 90 % of all runs of three words with pair id 1, which is kept"
    kept = {one.pair: one for one in findings if one.message.startswith("kept")}
    assert {number: one.message for number, one in kept.items()} == {
        1: "kept: there are 2 near-duplicates of this pair",
        2: "kept: there is 1 near-duplicate of this pair",
    }
    assert all(one.severity == "info" and one.cluster == one.pair for one in kept.values())
    assert check.figures() == {"comparisons_left_out": 0, "clusters": 2, "near_duplicates": 3, "similar": 0}


def test_a_chain_is_one_cluster_and_says_by_which_pair() -> None:
    findings, _ = found([text(1), text(1, 2), text(1, 4)], similar=1, threshold=0.75)
    assert flagged(findings) == {2: 1, 3: 1}
    [said] = [one.message for one in findings if one.pair == 3]
    assert said.endswith("with pair id 2, of whose cluster id 1 is kept")


def test_pairs_that_are_only_similar_are_told_apart() -> None:
    rows: list[str | Candidate] = [text(1), text(1, 4), text(1, 12), text(9)]
    findings, check = found(rows, threshold=0.8, similar=0.5)
    assert flagged(findings) == {}
    assert flagged(findings, "info") == {2: 1}
    assert check.figures()["similar"] == 1
    assert found(rows, similar=1)[0] == []


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_batches_and_rows_given_twice_change_nothing(parts: int) -> None:
    texts = [text(number % 5, number % 3) for number in range(21)]
    whole, _ = found([*texts])
    check = NearDup()
    rows = [Candidate(number, "sft", one) for number, one in enumerate(texts, 1)]
    for start in range(0, len(rows), parts):
        check.feed(rows[start : start + parts])
        check.feed(rows[max(start - 1, 0) : start + 1])
    assert list(check.finish()) == whole


def test_nothing_is_found_in_nothing() -> None:
    assert list(NearDup().finish()) == []
    assert found([])[0] == []
    assert found(["", "…", "", "!"])[0] == []
    assert found([text(1)])[0] == []


def test_short_texts_are_compared_by_characters() -> None:
    findings, _ = found([
        "Who won the first battle of Bull Run?", "who won the first batle of bull run", "Who wrote the battle hymn?",
        "東京の天気は晴れです", "東京の天気は晴れです。", "大阪の電車は早いです",
    ])  # fmt: skip
    assert flagged(findings) == {2: 1, 5: 4}
    assert "runs of three characters" in findings[0].message
    by_words, _ = found(["Who won the first battle of Bull Run?", "who won the first batle of bull run"], unit="words")
    assert flagged(by_words) == {}


def test_what_the_sign_of_a_text_is_does_not_matter() -> None:
    plain = text(4)
    findings, _ = found([plain, plain.upper().replace(" ", ",  "), plain.replace("word", "ｗｏｒｄ")])
    assert flagged(findings) == {2: 1, 3: 1}


def test_fields_say_what_is_compared() -> None:
    rows = [
        Candidate(number, "sft", text(number), None, text(50), json.dumps({"reasoning": text(number + 20)}))
        for number in (1, 2)
    ]
    assert flagged(found([*rows])[0]) == {}
    assert flagged(found([*rows], fields="output")[0]) == {2: 1}
    assert flagged(found([*rows], fields=["instruction", "body.reasoning"])[0]) == {}


def test_the_best_labelled_is_kept_where_asked() -> None:
    rows = [Candidate(number, "sft", text(1, changed), status=status) for number, changed, status in
            ((1, 0, "rejected"), (2, 1, "open"), (3, 1, "approved"), (4, 0, "approved"))]  # fmt: skip
    assert flagged(found([*rows])[0]) == {2: 1, 3: 1, 4: 1}
    assert flagged(found([*rows], keep="labelled")[0]) == {1: 3, 2: 3, 4: 3}
    assert NearDup(keep="labelled").reads_labels
    assert not NearDup().reads_labels


@pytest.mark.parametrize(
    "options",
    [{"threshold": 0}, {"threshold": 1.1}, {"threshold": "x"}, {"similar": True}, {"unit": "bytes"}, {"keep": "last"},
     {"fields": "title"}, {"fields": 3}, {"what": 1}],
)  # fmt: skip
def test_options_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"neardup"):
        NearDup(**options)


def test_it_can_be_stopped() -> None:
    check = NearDup()
    check.feed([Candidate(number, "sft", text(number)) for number in range(1, 50)])

    def stop() -> None:
        raise KeyboardInterrupt

    check.tick = stop  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        list(check.finish())


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [
            text for key, one in value.items() if key not in ("id", "language", "category") for text in _strings(one)
        ]
    return [text for one in value for text in _strings(one)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", sorted(path.stem for path in DEMO.glob("*.jsonl")))
def test_the_planted_pairs_of_the_demo_are_found_and_no_others(name: str) -> None:
    lines = (DEMO / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [Candidate(number, "sft", "\n".join(_strings(json.loads(line)))) for number, line in enumerate(lines, 1)]
    planted = {
        entry["line"]: entry["of"]["line"]
        for entry in json.loads((DEMO / "defects.json").read_text(encoding="utf-8"))
        if entry["file"] == f"{name}.jsonl" and "of" in entry
    }
    findings, _ = found([*rows])
    assert flagged(findings) | flagged(findings, "info") == planted


@pytest.mark.shared
def test_persons_that_are_known_to_be_the_same(shared_data: Path) -> None:
    with (shared_data / "febrl" / "dataset1.csv").open(newline="") as file:
        rows = list(csv.reader(file, skipinitialspace=True))[1:]
    persons = [row[0].split("-")[1] for row in rows]
    truth = {(i, j) for i, j in combinations(range(len(rows)), 2) if persons[i] == persons[j]}
    for threshold, recall in ((0.4, 0.99), (0.6, 0.9), (0.8, 0.5)):
        check = NearDup(threshold=threshold)
        check.feed([Candidate(number, "sft", " ".join(filter(None, row[1:]))) for number, row in enumerate(rows)])
        pairs = {(one, two) for one, two, _ in check.pairs()}
        assert len(pairs & truth) / len(truth) > recall
        assert pairs <= truth
