"""Aids to deciding: right where they speak, silent where they cannot tell, and never an error."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.resources import shipped
from flywheel_tui.stages.aids.calls import calls_in, schemas_of
from flywheel_tui.stages.aids.difference import WORDS_LIMIT, differing_words
from flywheel_tui.stages.aids.sources import citations, passages, supporting
from flywheel_tui.stages.aids.steps import calculations, final_verdict

WEATHER = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}


def body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "weather", "parameters": schema}}]}


def problems(schema: dict[str, Any], arguments: Any, name: str = "weather") -> tuple[str, ...]:
    call = {"tool_calls": [{"function": {"name": name, "arguments": arguments}}]}
    return calls_in(call, schemas_of(body(schema)))[0].problems


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ('{"city": "Bergen"}', ""),
        ({"city": "Bergen", "days": 3}, ""),
        ('{"city": 5}', "city"),
        ('{"days": 2}', "city"),
        ('{"city": "B", "days": 0}', "days"),
        ('{"city": "B", "planet": "Mars"}', "planet"),
        ('{"city": ', "JSON"),
        (None, "city"),
    ],
)
def test_calls_are_checked_against_their_schema(arguments: Any, word: str) -> None:
    found = problems(WEATHER, arguments)
    assert (word in " ".join(found)) if word else found == ()


def test_a_tool_that_is_not_there_and_types_of_other_tongues() -> None:
    assert problems(WEATHER, "{}", "sun")
    bfcl = {"type": "dict", "properties": {"x": {"type": "float"}, "y": {"type": "any"}}, "required": ["x"]}
    assert problems(bfcl, {"x": 1.5, "y": []}) == ()
    assert problems(bfcl, {"x": "1"})


def test_schemas_of_strangers_cost_nothing_and_fetch_nothing() -> None:
    began = time.process_time()
    slow = {"type": "object", "properties": {"x": {"type": "string", "pattern": "^(a+)+$"}}}
    problems(slow, {"x": "a" * 40 + "!"})
    for schema in ({"$ref": "http://127.0.0.1:9/never.json"}, {"$ref": "#"}, {"type": 5}):
        problems(schema, {})
    assert time.process_time() - began < 20


_KEYS = ["name", "arguments", "function", "parameters", "type", "$ref", "properties", "tool_calls"]
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=12,
)


@given(_ANYTHING)
@settings(deadline=None, max_examples=200)
def test_whatever_a_row_holds_it_can_be_shown(value: Any) -> None:
    schemas = schemas_of({"tools": value if isinstance(value, list) else [value]})
    calls_in(value, schemas)
    calls_in({"tool_calls": [value]}, {"?": value if isinstance(value, dict) else {}})
    passages("a b c", {"chunks": value, "citations": value})
    citations("see [1]", {"chunks": [value], "citations": [value]})
    final_verdict("5", {"final": value, "reasoning": value})


def test_differences_are_words_and_join_up() -> None:
    left, right = differing_words("the red fox runs home", "the quick brown fox runs away") or ([], [])
    assert ["the red fox runs home"[a:b] for a, b in left] == ["red", "home"]
    assert ["the quick brown fox runs away"[a:b] for a, b in right] == ["quick brown", "away"]
    assert differing_words("same", "same") == ([], [])
    assert differing_words("a b c d", "w x y z") == ([], []), "nothing in common: nothing is marked"
    assert differing_words("w " * (WORDS_LIMIT + 1), "w") is None


@given(st.text(max_size=300), st.text(max_size=300))
@settings(deadline=None)
def test_what_is_not_marked_is_the_same_in_both(one: str, other: str) -> None:
    found = differing_words(one, other)
    assert found is not None
    for text, spans in zip((one, other), found, strict=True):
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert spans == sorted(spans)


def test_supporting_sentences() -> None:
    text = "The harbour opens at six. Boats may stay 14 days at most. Dogs are welcome."
    (span,) = supporting("Boats may stay at most 14 days.", text)
    assert text[slice(*span)] == "Boats may stay 14 days at most."
    assert supporting("Nothing of the kind.", text) == ()


def test_citations_name_passages_that_exist_and_quotes_that_are_there() -> None:
    found = {
        "chunks": [{"id": "c1", "text": "Open at six."}, "Second passage"],
        "citations": ["c1", {"id": "c1", "quote": "at seven"}, "c9"],
    }
    said = [(each.label, each.problem) for each in citations("It opens at six [c1], see [2] and [c7], [sic].", found)]
    assert ("c1", "") in said and ("2", "") in said
    assert ("c7", "there is no such passage") in said and ("c9", "there is no such passage") in said
    assert ("c1", "the quoted words are not in that passage") in said
    assert not any(label == "sic" for label, _ in said)


@pytest.mark.parametrize(
    ("text", "right", "gives"),
    [
        ("2 + 3 = 5", True, "5"),
        ("18 × 24 = 432 rolls", True, "432"),
        ("1,200 / 7 = 171.43", True, "171.429"),
        ("1300 - 52 = 1238", False, "1248"),
        ("(2 + 3) * 4 = 20", True, "20"),
        ("2 + 3 * 4 = 14", True, "14"),
        ("160 × 75% = 120", True, "120"),
        ("10 / 4 = 2.4", False, "2.5"),
    ],
)
def test_calculations_are_done_again(text: str, right: bool, gives: str) -> None:
    (step,) = calculations(text)
    assert (step.right, step.gives) == (right, gives)


@pytest.mark.parametrize("text", ["x = 5", "2 / 0 = 1", "see 3.2.1 = a", "on 2024-05-03 = Friday", "5 = 5", ""])
def test_what_is_no_arithmetic_is_left_alone(text: str) -> None:
    assert calculations(text) == []


def test_the_verdict_on_a_final_answer() -> None:
    good = {"reasoning": "3 * 4 = 12", "final": "12"}
    assert final_verdict("It is 12.", good).state == "holds"
    assert final_verdict("It is 13.", good).state == "wrong"
    assert final_verdict("It is 12.", {**good, "reference": "12"}).state == "right"
    assert final_verdict("It is 12.", {**good, "reference": "14"}).state == "wrong"
    assert final_verdict("It is 11.", {"reasoning": "3 * 4 = 11", "final": "11"}).state == "wrong"
    assert final_verdict("yes", {"reasoning": "because", "final": "yes"}).state == "unknown"


def test_the_planted_faults_of_the_demo_are_seen() -> None:
    rows = [json.loads(line) for line in shipped("demo", "tools.jsonl").read_text("utf-8").splitlines()]
    broken = set()
    for row in rows:
        for message in row.get("messages", ()):
            broken |= {row["id"] for call in calls_in(message, schemas_of(row)) if call.problems}
    assert {"too-007", "too-010", "too-014", "too-026"} <= broken and len(broken) < len(rows) / 2


@given(st.text(alphabet="0123456789+-*/×=().,% \n", max_size=3_000))
@settings(deadline=None, max_examples=100)
def test_no_text_takes_long(text: str) -> None:
    began = time.process_time()
    calculations(text)
    assert time.process_time() - began < 20
