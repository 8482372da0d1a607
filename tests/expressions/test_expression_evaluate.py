"""What expressions mean, example by example; that SQL means the same is tested beside the store."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flywheel_tui.expressions import parse

ROW: dict[str, Any] = {
    "id": 12,
    "kind": "sft",
    "instruction": "Add two numbers in Python",
    "input": None,
    "output": "def add(a, b): return a + b  # ünïcode\0tail",
    "length": 120,
    "category": "",
    "tags": ["python", "draft"],
    "label": "open",
    "cycle": 0,
    "scores": {"overall": 7.5, "safety": 9, "style": True, "odd": "x", "none": None},
    "passed": True,
    "findings": [],
    "meta": {
        "lang": "de",
        "n": 5,
        "flag": False,
        "nothing": None,
        "empty": "",
        "list": ["a", 3, None, {"deep": "yes"}],
        "map": {"k": {"k2": 1}, "gone": None},
        "none": [],
        "big": 2**70,
        "beyond": [2**63 + 1, 2**63 + 3],
        "huge": 10**400,
        "nan": math.nan,
        "inf": math.inf,
        "nul": "cut\0here",
    },
}


@pytest.mark.parametrize(
    ("source", "truth"),
    [
        # comparisons
        ("label == 'open'", True),
        ("label != 'open'", False),
        ("length >= 120 and length <= 120", True),
        ("'b' > 'a'", True),
        ("'é' > 'z'", True),
        ("'A' < 'a'", True),
        ("passed == true", True),
        ("passed == 1", True),
        ("passed", True),
        ("1 == 1.0", True),
        # null
        ("reviewer == 'ana'", None),
        ("reviewer != 'ana'", None),
        ("not reviewer == 'ana'", None),
        ("reviewer is None", True),
        ("reviewer == None", True),
        ("label is not None", True),
        ("category is None", False),
        ("reviewer == 'x' or passed", True),
        ("reviewer == 'x' and passed", None),
        ("reviewer == 'x' and not passed", False),
        ("reviewer in ['a']", None),
        ("reviewer not in ['a']", None),
        ("(reviewer == 'x') is None", True),
        # clashes of types
        ("length == 'a'", None),
        ("length != 'a'", None),
        ("meta['lang'] > 3", None),
        ("meta['n'] in ['de']", None),
        ("meta['lang'] in ['de', 3]", True),
        ("meta['n'] in ['de', 3]", False),
        ("meta['n'] not in ['de', 3]", True),
        ("output + 1 > 0", None),
        ("tags == 'python'", None),
        # arithmetic
        ("length / 7 > 17.14 and length / 7 < 17.15", True),
        ("1 / 2 == 0.5", True),
        ("length / cycle > 0", None),
        ("length % 7 == 1", True),
        ("-length % 7 == -1", True),
        ("7.9 % 2.9 == 1", True),
        ("length % 0.5 == 0", None),
        ("length % cycle is None", True),
        ("1e300 * 1e300 > 0", None),
        ("1e300 * 1e300 is None", True),
        ("length + true == 121", True),
        ("(length > 3) + (length > 500) == 1", True),
        # truth
        ("category", False),
        ("label", True),
        ("cycle", False),
        ("input", None),
        ("not tags", False),
        ("findings", False),
        ("findings is None", True),
        ("not findings", True),
        ("meta", True),
        ("scores", True),
        ("meta['list']", True),
        ("meta['none']", False),
        ("meta['empty']", False),
        ("meta['nothing']", None),
        # containment
        ("'Python' in instruction", True),
        ("'python' in instruction", False),
        ("'' in instruction", True),
        ("'tail' in output", True),
        ("'x' in input", None),
        ("'x' not in input", None),
        ("'python' in tags", True),
        ("'pyth' in tags", False),
        ("'x' not in tags", True),
        ("'pii' in findings", False),
        ("reviewer in tags", None),
        ("label in instruction", False),
        ("3 in tags", None),
        ("label in ('open', 'approved')", True),
        ("'pe' in ('open')", True),
        ("cycle in (-1, 0)", True),
        # maps
        ("scores['overall'] == 7.5", True),
        ("scores['safety'] == 9", True),
        ("scores['style'] == 1", True),
        ("scores['odd'] is None", True),
        ("scores['missing'] > 1", None),
        ("'safety' in scores", True),
        ("'none' in scores", False),
        ("meta['lang'] == 'de'", True),
        ("meta['flag'] == false", True),
        ("meta['missing'] is None", True),
        ("meta['list'] is None", False),
        ("meta['list'] == 'a'", None),
        ("meta['list'][0] == 'a'", True),
        ("meta['list'][3]['deep'] == 'yes'", True),
        ("meta['list'][9] is None", True),
        ("meta['map'][0] is None", True),
        ("meta['map']['k']['k2'] == 1", True),
        ("'a' in meta['list']", True),
        ("3 in meta['list']", True),
        ("'3' in meta['list']", False),
        ("'k' in meta['map']", True),
        ("'gone' in meta['map']", False),
        ("'d' in meta['lang']", True),
        ("3 in meta['lang']", None),
        ("'lang' in meta", True),
        ("'nothing' in meta", False),
        ("meta['big'] > 1e15", True),
        ("meta['beyond'][0] == meta['beyond'][1]", True),  # beyond 64 bits SQLite has doubles only
        ("meta['huge'] is None", True),
        ("meta['nan'] is None", True),
        ("meta['inf'] is None", True),
        ("meta['nul'] == 'cut'", True),
    ],
)
def test_meaning(source: str, truth: bool | None) -> None:
    expression = parse(source)
    assert expression.truth(ROW) is truth
    assert expression.matches(ROW) is (truth is True)


@pytest.mark.parametrize("name", ["length", "label", "passed", "tags", "meta", "scores"])
@pytest.mark.parametrize("value", [None, [], {}, "text", b"bytes", object(), math.nan, 3 + 4j, {"k": {1}}, [[1]]])
def test_a_row_of_the_wrong_types_is_null_and_never_an_error(name: str, value: object) -> None:
    sources = [name, f"{name} == 'a'", f"{name} > 3", f"'a' in {name}", f"{name} is None", f"{name} in [1, 'a']"]
    if name in ("meta", "scores"):
        sources += [f"{name}['k'] == 1", f"'a' in {name}['k']"]
    for source in sources:
        assert parse(source).truth({name: value}) in (True, False, None)


def test_an_empty_row_is_all_null() -> None:
    assert parse("length > 3").truth({}) is None
    assert parse("'x' in tags").truth({}) is False
    assert parse("tags is None and meta is None and meta['a'] is None").matches({})
