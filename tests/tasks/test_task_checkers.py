"""Checkers by name, and the one that a pair's meta chooses."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.tasks import can_check, checked, checker_named, make, spoil
from flywheel_tui.tasks.checkers import CHECKERS


@pytest.mark.parametrize(
    ("name", "expected", "output", "passes"),
    [
        ("exact", "Paris", "paris.", True),
        ("exact", "Paris", "The answer is Paris.", True),
        ("exact", "Paris", "Lyon", False),
        ("exact", "!?", " !? ", True),
        ("exact", "!?", "??", False),
        ("numeric", "1234", "That makes 1,234 in all.", True),
        ("numeric", "1/2", "0.5", True),
        ("numeric", "12", "12 apples and then 13", False),
        ("numeric", "12", "#### 12", True),
        ("numeric", "12", "twelve", True),
        ("numeric", "12", "none", False),
        ("json", '{"a": 1, "b": [2]}', 'Here: {"b":[2],"a":1}', True),
        ("json", '{"a": 1}', '{"a": "1"}', False),
        ("json", '{"a": 1}', "no", False),
        ("json", "3", "3", True),
        ("regex", r"^\d{3}$", "123", True),
        ("regex", r"^\d{3}$", "1234", False),
        ("contains", "New York", "It is in new  york, USA", True),
        ("contains", "York", "Yorkshire", False),
        ("contains", "->", "a -> b", True),
    ],
)
def test_checkers(name: str, expected: str, output: str, passes: bool) -> None:
    found = checker_named(name)(expected, output)
    assert found.passed is passes, found
    assert bool(found.kind) is not passes


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(("add", "days", "extract", "sort")), st.integers(0, 2**32))
def test_the_meta_of_a_pair_chooses_the_checker(name: str, seed: int) -> None:
    rng = Random(seed)
    task = make(name, rng)
    meta = json.loads(json.dumps({"source": "made", **task.meta()}))
    good = checked(meta, task.answer)
    bad = checked(meta, spoil(task, rng).answer)
    assert good is not None
    assert bad is not None
    assert (good.passed, bad.passed) == (True, False)
    assert can_check(meta)
    by_name = checker_named(f"skill:{name}")(json.dumps(task.params), task.answer)
    assert by_name == good


def test_a_checker_with_what_is_expected_in_the_meta() -> None:
    found = checked({"checker": "numeric", "expected": 42}, "It is 41.")
    assert found is not None
    assert found.kind == "wrong number"
    assert checked({"category": "chat"}, "hello") is None
    assert checked(None, "hello") is None
    assert not can_check({"checker": "smell", "expected": "x"})


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(CHECKERS)), st.text(max_size=200))
def test_any_output_gets_a_verdict(name: str, output: str) -> None:
    assert checker_named(name)("12", output).reason


def test_faults_are_told() -> None:
    with pytest.raises(NotFoundError, match="no checker named 'smell'; there are: contains, exact"):
        checker_named("smell")
    with pytest.raises(UsageError, match="is no number"):
        checker_named("numeric")("blue", "3")
    with pytest.raises(UsageError, match="is no JSON"):
        checker_named("json")("{", "{}")
    with pytest.raises(UsageError, match="is no regular expression"):
        checker_named("regex")("(", "x")
    with pytest.raises(UsageError, match="no JSON object with the parameters"):
        checker_named("skill:add")("3", "x")
