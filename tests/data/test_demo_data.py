"""The shipped data is what its lists say: every planted defect is there, and the other rows are clean."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import yaml
from demo_checks import (
    ABOUT_THE_ROW,
    DATA,
    DEMO,
    EMAIL,
    ENGLISH,
    EQUATION,
    PHONE,
    REFUSAL,
    SECRETS,
    SWEARING,
    answer_of,
    arithmetic,
    call_errors,
    citation_errors,
    content,
    english_share,
    jaccard,
    listing,
    loops,
    normal,
    odd_characters,
    personal_data,
    row_at,
    rows,
    shows_defect,
    strings,
)

AT_LEAST = {"support": 70, "knowledge": 50, "code": 35, "preference": 40, "tools": 20, "rag": 25, "reasoning": 25}
COLUMNS = {
    "support": {"id", "instruction", "input", "output", "category", "difficulty", "language"},
    "knowledge": {"id", "question", "answer", "topic", "language"},
    "code": {"id", "messages", "topic"},
    "preference": {"id", "prompt", "chosen", "rejected", "flaw", "category", "language"},
    "tools": {"id", "tools", "messages", "category"},
    "rag": {"id", "question", "chunks", "answer", "citations", "answerable", "language"},
    "reasoning": {"id", "question", "reasoning", "answer", "final", "topic", "language"},
}
NAMES = sorted(AT_LEAST)
README = (DEMO / "README.md").read_text(encoding="utf-8")
DEFECTS: list[dict[str, Any]] = listing("defects.json")
DEFECTS_AT: dict[tuple[str, int], set[str]] = {}
for _entry in DEFECTS:
    DEFECTS_AT.setdefault((_entry["file"], _entry["line"]), set()).add(_entry["defect"])
NEAR_MISSES = {(n["file"], n["line"], n["looks_like"]) for n in listing("near_misses.json")}


def without(name: str, *defects: str) -> list[dict[str, Any]]:
    """The rows of a file that have none of these defects and no near miss of them."""
    file = f"{name}.jsonl"
    return [
        row
        for line, row in enumerate(rows(name), 1)
        if not DEFECTS_AT.get((file, line), set()) & set(defects)
        and not any((file, line, defect) in NEAR_MISSES for defect in defects)
    ]


def test_the_files_are_those_that_are_described() -> None:
    assert {path.stem for path in DEMO.glob("*.jsonl")} == set(AT_LEAST)
    described = re.findall(r"^\| `(\w+)\.jsonl` \|.*\| (\d+) \|$", README, re.M)
    assert {name: int(count) for name, count in described} == {name: len(rows(name)) for name in NAMES}
    assert sum(len(rows(name)) for name in NAMES) >= 260


@pytest.mark.parametrize("name", NAMES)
def test_rows_have_their_columns_and_no_two_lines_are_alike(name: str) -> None:
    assert len(rows(name)) >= AT_LEAST[name]
    assert all(set(row) == COLUMNS[name] for row in rows(name))
    lines = (DEMO / f"{name}.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b"" and len(set(lines)) == len(lines)


def test_ids_are_unique_over_all_files() -> None:
    counts = Counter(row["id"] for name in NAMES for row in rows(name))
    assert [uid for uid, count in counts.items() if count > 1] == []


def test_the_list_of_defects_is_large_and_varied_and_names_real_places() -> None:
    kinds = Counter(entry["defect"] for entry in DEFECTS)
    assert len(DEFECTS) >= 60 and len(kinds) >= 14
    places = [(e["file"], e["line"], e["defect"], e["field"]) for e in DEFECTS]
    assert len(set(places)) == len(places)
    for entry in DEFECTS:
        assert entry["detail"] and entry["field"] in row_at(entry), entry
        assert ("of" in entry) == (entry["defect"] in ("duplicate", "near_duplicate")), entry
    described = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", README, re.M))
    assert described == {kind: str(count) for kind, count in kinds.items()}


@pytest.mark.parametrize("entry", DEFECTS, ids=lambda e: f"{e['file'][:-6]}-{e['line']}-{e['defect']}-{e['field']}")
def test_a_planted_defect_is_really_there(entry: dict[str, Any]) -> None:
    assert shows_defect(entry)


def test_near_misses_are_clean_rows() -> None:
    for miss in listing("near_misses.json"):
        assert miss["looks_like"] not in DEFECTS_AT.get((miss["file"], miss["line"]), set())
        assert row_at(miss)[miss["field"]]


@pytest.mark.parametrize("name", NAMES)
def test_no_duplicate_is_unlisted(name: str) -> None:
    file = f"{name}.jsonl"
    within = [e for e in DEFECTS if "of" in e and e["file"] == e["of"]["file"] == file]
    listed = {frozenset((e["line"], e["of"]["line"])) for e in within}
    texts = [content(row) for row in rows(name)]
    for (i, a), (j, b) in combinations(enumerate(texts, 1), 2):
        if frozenset((i, j)) not in listed:
            assert normal(a) != normal(b) and jaccard(a, b) < 0.6, (i, j)


@pytest.mark.parametrize("name", NAMES)
def test_rows_without_a_listed_defect_are_clean(name: str) -> None:
    assert [r["id"] for r in without(name, "pii") if personal_data(content(r))] == []
    assert [r["id"] for r in without(name, "secret") if SECRETS.search(content(r))] == []
    assert [r["id"] for r in without(name, "refusal") if REFUSAL.search(content(r))] == []
    assert [r["id"] for r in without(name, "profanity") if SWEARING.search(content(r))] == []
    assert [r["id"] for r in without(name, "unicode") if odd_characters(content(r))] == []
    assert [r["id"] for r in without(name, "repetition") if loops(answer_of(r))] == []
    may_be_empty = ABOUT_THE_ROW | {"input", "citations"}
    for row in without(name, "empty"):
        fields = {field: value for field, value in row.items() if field not in may_be_empty}
        assert all(any(text.strip() for text in strings(value)) for value in fields.values()), row["id"]


def test_answers_are_in_their_language() -> None:
    for name in ("support", "knowledge"):
        for row in without(name, "wrong_language", "empty", "repetition"):
            if len(answer_of(row).split()) > 40:
                assert (english_share(answer_of(row)) > ENGLISH) == (row["language"] == "en"), row["id"]


def test_personal_data_comes_from_ranges_kept_for_examples() -> None:
    fictional = re.compile(r"\+44 20 7946 0\d{3}|\+44 7700 900\d{3}|\(\d{3}\) 555-01\d\d")
    for text in (content(row) for name in NAMES for row in rows(name)):
        assert all(m.group(1).endswith(("example.com", "example.org")) for m in EMAIL.finditer(text))
        assert all(fictional.fullmatch(m.group()) for m in PHONE.finditer(text))


def test_the_bytes_hold_no_secret_shape_and_no_control_character() -> None:
    for name in NAMES:
        raw = (DEMO / f"{name}.jsonl").read_text(encoding="utf-8")
        assert not re.search(r"AKIA|ghp_|xoxb-|eyJ|PRIVATE KEY|postgres://", raw)
        assert {unicodedata.category(c) for c in raw if c != "\n"}.isdisjoint({"Cc", "Cf", "Co"})


@pytest.mark.parametrize("row", rows("tools"), ids=lambda r: str(r["id"]))
def test_tool_conversations_hang_together(row: dict[str, Any]) -> None:
    open_calls: list[str] = []
    for message in row["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] == open_calls.pop(0)
        else:
            assert open_calls == []
            open_calls = [call["id"] for call in message.get("tool_calls", [])]
    assert row["messages"][-1]["role"] == "assistant" and answer_of(row)
    if row in without("tools", "tool_call_wrong"):
        assert call_errors(row) == []


@pytest.mark.parametrize("row", rows("code"), ids=lambda r: str(r["id"]))
def test_turns_alternate(row: dict[str, Any]) -> None:
    roles = [m["role"] for m in row["messages"]]
    turns = roles[1:] if roles[0] == "system" else roles
    assert turns == ["user", "assistant"] * (len(turns) // 2) and turns


def test_citations_point_at_gold_passages() -> None:
    for row in rows("rag"):
        assert row["answerable"] == any(chunk["gold"] for chunk in row["chunks"])
        ids = [chunk["id"] for chunk in row["chunks"]]
        assert len(set(ids)) == len(ids)
    for row in without("rag", "bad_citation", "unsupported"):
        assert citation_errors(row) == set()
        assert set(re.findall(r"\[(c\d+)\]", row["answer"])) == set(row["citations"]), row["id"]
        assert bool(row["citations"]) == row["answerable"], row["id"]


def test_reasoning_is_right_where_no_wrong_answer_is_listed() -> None:
    key = listing("answer_key.json")
    equations = 0
    for row in without("reasoning", "wrong_answer"):
        assert str(row["final"]).casefold() in row["answer"].casefold(), row["id"]
        if row["id"] in key:
            assert arithmetic(key[row["id"]]) == pytest.approx(float(row["final"])), row["id"]
        for left, right in EQUATION.findall(row["reasoning"]):
            equations += 1
            assert arithmetic(left) == pytest.approx(arithmetic(right)), (row["id"], left, right)
    assert equations > 30


def test_a_slip_in_the_steps_is_seen() -> None:
    steps = EQUATION.findall("6 × 7 = 42, so 300 - 52 = 238.")
    assert [arithmetic(left) == float(right) for left, right in steps] == [True, False]


def test_json_answers_parse() -> None:
    answers = [r["output"] for r in rows("support") if r["category"] == "json_extraction"]
    assert len(answers) >= 5 and all(isinstance(json.loads(text), dict | list) for text in answers)


@pytest.mark.parametrize("name", ["default", "yes_no", "preference"])
def test_rubrics_are_whole(name: str) -> None:
    rubric = yaml.safe_load((DATA / "rubrics" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert rubric["name"] == name and rubric["version"] == 1 and rubric["guidelines"].strip()
    assert [reason["key"] for reason in rubric["reasons"]] == list("123456789")
    assert len({reason["name"] for reason in rubric["reasons"]}) == 9
    if name == "yes_no":
        assert rubric["answers"] == ["YES", "NO", "NA"]
        assert len({q["id"] for q in rubric["questions"]}) == len(rubric["questions"])
        assert {q["category"] for q in rubric["questions"]} == set(rubric["categories"])
        assert {q["category"] for q in rubric["questions"] if q.get("gate")} == {"safety"}
    else:
        assert sum(c["weight"] for c in rubric["criteria"]) == pytest.approx(1.0)


def test_the_default_rubric_rates_from_one_to_five() -> None:
    rubric = yaml.safe_load((DATA / "rubrics" / "default.yaml").read_text(encoding="utf-8"))
    assert [c["name"] for c in rubric["criteria"]] == ["accuracy", "helpfulness", "clarity", "completeness", "safety"]
    assert rubric["scale"] == {"min": 1, "max": 10} and rubric["pass_at"] == 7.0
    assert rubric["rating"]["max"] - rubric["rating"]["min"] + 1 == len(rubric["rating"]["labels"]) == 5
    assert 15 <= len(rubric["guidelines"].splitlines()) <= 30


def test_seeds_belong_to_the_topics() -> None:
    topics = yaml.safe_load((DATA / "taxonomies" / "general.yaml").read_text(encoding="utf-8"))
    seeds = [json.loads(x) for x in (DATA / "seeds" / "instructions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(seeds) >= 40 and len({seed["instruction"] for seed in seeds}) == len(seeds)
    assert {seed["category"] for seed in seeds} == set(topics["topics"])
    assert sum(level["share"] for level in topics["difficulty"]) == pytest.approx(1.0) and len(topics["styles"]) >= 5
