"""One object or a fault: cases, and texts made to break the reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.llm import BackendFault
from flywheel_tui.llm.strict_json import MAX_DEPTH, read_object


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        ('{"score": 7}', "exact"),
        (' \n{"score": 7}\n', "exact"),
        ('\ufeff{"score": 7}', "exact"),
        ('```json\n{"score": 7}\n```', "fenced"),
        ('```\n{"score": 7}\n```', "fenced"),
        ('Here it is:\n```json\n{"score": 7}\n```\nDone.', "fenced"),
        ('My verdict: {"score": 7}', "embedded"),
        ('{"score": 7} - that is all', "embedded"),
        ('It says "it\'s {"score": 7}', "embedded"),
        ('<think>maybe {"score": 1}?</think>{"score": 7}', "exact"),
        ('{"score": 7,}', "repaired"),
    ],
)
def test_what_is_taken(text: str, mode: str) -> None:
    assert read_object(text, repair=True) == ({"score": 7}, mode)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("  \n", "empty"),
        ("no json here", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ("7", "no JSON object"),
        ("null", "no JSON object"),
        ('{"passed": true, "score": 0.9', "not finished"),
        ('{"passed": true, "score": 0.9, "why": "and }', "not finished"),
        ('{"a": 1}{"a": 2}', "2 JSON objects"),
        ('{"a": 1} and then {"a": 2', "2 JSON objects"),
        ('I think it fails. {"passed": false} but actually {"passed": true}', "2 JSON objects"),
        ('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```', "several"),
        ('{"a": 1}\n```json\n{"a": 2}\n```', "2 JSON objects"),
        ('{"passed": false, "passed": true}', "twice"),
        ('{"in": {"a": 1, "a": 2}}', "twice"),
        ('{"passed": false, "p\\u0061ssed": true}', "twice"),
        ('{"score": NaN}', "NaN"),
        ('{"score": Infinity}', "Infinity"),
        ('{"score": -Infinity}', "Infinity"),
        ('{"score": 1e999}', "beyond"),
        ('{"score": ' + "9" * 5000 + "}", "digits"),
        ('{"a": ' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), "nested"),
        ("[" * 100_000, "larger"),
        ("{" * 30_000, "nested"),
        ('{"a": "' + "x" * 70_000 + '"}', "larger"),
        ('{"a": "\\ud800"}', "surrogate"),
        ("{passed: yes}", "not JSON"),
        ("{'passed': true}", "not JSON"),
        ('{"why": "he said "ok" loudly"}', "not JSON"),
        ('{"a": 1 /* no */}', "not JSON"),
        ('{"a": "line\nbreak"}', "not JSON"),
        ('{"a": 01}', "not JSON"),
        ('{"a": [}', "not finished"),
    ],
)
def test_what_is_refused(text: str, words: str) -> None:
    with pytest.raises(BackendFault, match=words) as caught:
        read_object(text, repair=True)
    assert caught.value.kind in ("bad_json", "empty")
    assert len(caught.value.answer) <= 2000


def test_nothing_is_repaired_after_a_cut_or_without_being_asked() -> None:
    with pytest.raises(BackendFault):
        read_object('{"score": 7,}')
    with pytest.raises(BackendFault):
        read_object('{"score": 7,}', finish_reason="length", repair=True)
    assert read_object('{"why": "a,}", "score": 7,}', repair=True).value == {"why": "a,}", "score": 7}


def test_empty_at_the_limit_is_its_own_kind() -> None:
    with pytest.raises(BackendFault) as caught:
        read_object("", finish_reason="length")
    assert caught.value.kind == "length"


PIECES = st.sampled_from(
    [*'{}[]",:\\ \n', '"a"', "1", "NaN", "true", "```", "```json\n", "<think>", "</think>", "\ud800", "\x00", "é"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=1500)
@given(st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80))
def test_no_text_makes_it_raise_anything_else(text: str) -> None:
    try:
        found = read_object(text, repair=True)
    except BackendFault as fault:
        assert fault.kind in ("bad_json", "empty")
    else:
        assert isinstance(found.value, dict)
        json.dumps(found.value, allow_nan=False).encode("utf-8")


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5), st.sampled_from(["{}", "```json\n{}\n```", "So: {}"]))
def test_every_object_comes_back_as_it_was_written(value: dict[str, Any], frame: str) -> None:
    text = frame.replace("{}", json.dumps(value, indent=1))
    assert read_object(text).value == json.loads(json.dumps(value))


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.text(max_size=8), JSON, min_size=1, max_size=5), st.data())
def test_a_cut_object_is_never_taken(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(BackendFault):
        read_object(text[:cut], finish_reason="length", repair=True)
