"""Which pairs are copies, and which of them is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.errors import UsageError
from flywheel_tui.stages.validate.base import Candidate, load_checks
from flywheel_tui.stages.validate.checks.dedup import Dedup, content_key, folded


def pair(id: int, instruction: str, output: str, body: Any = None, **more: Any) -> Candidate:
    return Candidate(id, more.pop("kind", "sft"), instruction, None, output, json.dumps(body) if body else None, **more)


def copies(*rows: Candidate, keep: str = "first") -> dict[int, int | None]:
    check = Dedup(keep=keep)
    check.feed(rows)
    return {one.pair: one.cluster for one in check.finish() if one.severity == "error"}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Hello, world!", "hello   WORLD"),
        ("It’s “fine”.", "it's 'fine'"),
        ("ﬁle", "FILE"),
        ("Straße", "STRASSE"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("cafe\u0301", "caf\u00e9"),
        ("zero\u200b width", "zero width"),
        ("こんにちは。元気？", "こんにちは 元気"),
    ],
)
def test_the_same_after_folding(a: str, b: str) -> None:
    assert copies(pair(1, a, "x"), pair(2, b, "x")) == {2: 1}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("5 - 3", "5 + 3"),
        ("a[0]", "a(0)"),
        ("3 * 4", "3 / 4"),
        ("x < y", "x > y"),
        ("50 %", "50 $"),
        ("naïve", "naive"),
    ],
)
def test_signs_that_mean_something_stay(a: str, b: str) -> None:
    assert copies(pair(1, a, "x"), pair(2, b, "x")) == {}


def test_everything_a_pair_says_counts() -> None:
    assert (
        copies(
            pair(1, "a", "b", {"rejected": "c"}, kind="preference"),
            pair(2, "a", "b", {"rejected": "d"}, kind="preference"),
        )
        == {}
    )
    assert copies(
        pair(1, "a", "b", {"rejected": "c"}, kind="preference"),
        pair(2, "A", "b", {"rejected": "C."}, kind="preference"),
    ) == {2: 1}
    calls = [{"body": {"messages": [{"role": "assistant", "tool_calls": [{"name": n}]}]}} for n in ("x", "y")]
    assert copies(pair(1, "a", "b", calls[0]["body"]), pair(2, "a", "b", calls[1]["body"])) == {}
    assert copies(pair(1, "a b", "c"), pair(2, "a", "b c")) == {}


def test_clusters_name_the_one_that_is_kept() -> None:
    check = Dedup()
    check.feed([pair(1, "a", "x"), pair(2, "b", "x"), pair(3, "A", "x")])
    check.feed([pair(4, "a!", "X"), pair(5, "B", "x")])
    found = sorted((one.pair, one.severity, one.cluster) for one in check.finish())
    assert found == [(1, "info", 1), (2, "info", 2), (3, "error", 1), (4, "error", 1), (5, "error", 2)]


def test_the_best_labelled_is_kept() -> None:
    rows = (
        pair(1, "a", "x", status="rejected"),
        pair(2, "A", "x"),
        pair(3, "a", "x", status="approved"),
        pair(4, "a", "x", status="edited"),
    )
    assert copies(*rows, keep="labelled") == {1: 3, 2: 3, 4: 3}
    assert copies(*rows) == {2: 1, 3: 1, 4: 1}


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(UsageError, match="first or labelled"):
        load_checks()["dedup"](keep="last")


@settings(deadline=None, max_examples=200)
@given(st.text(), st.text())
def test_folding_twice_changes_nothing_and_blanks_never_matter(a: str, b: str) -> None:
    once = folded(a)
    assert folded(once.decode("utf-8", "surrogatepass")) == once or not a.isascii()
    assert folded(f"{a} {b}") == folded(f" {a}\n\t {b} ")
    assert (content_key(pair(1, a, b)) == content_key(pair(2, a + " ", b))) is True
