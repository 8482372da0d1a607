"""Compiled schemas say what a complete validator says, and nothing that a schema holds can stop them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from flywheel_tui.stages.aids.json_rules import TooMuch
from flywheel_tui.stages.aids.json_schema import compiled
from flywheel_tui.stages.aids.json_text import JsonFault, strict_json, value_span

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-4, 4) | st.sampled_from([0.5, 1.0, 2.5, "", "a", "ab", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def _schemas() -> st.SearchStrategy[Any]:
    small = st.integers(0, 3)
    leaf = st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["string", "integer", "number", "boolean", "null", "object", "array"])
            | st.lists(st.sampled_from(["string", "integer", "null"]), min_size=1, unique=True),
            "enum": st.lists(VALUES, min_size=1, max_size=3), "const": VALUES,
            "minimum": small, "maximum": small, "exclusiveMinimum": small, "exclusiveMaximum": small,
            "multipleOf": st.sampled_from([1, 2, 0.5]), "minLength": small, "maxLength": small,
            "pattern": st.sampled_from(["^a", "b$"]), "minItems": small, "maxItems": small,
            "uniqueItems": st.booleans(),
            "minProperties": small, "maxProperties": small,
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
        },
    )  # fmt: skip

    def more(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        parts = st.lists(inner, min_size=1, max_size=2)
        return leaf.flatmap(
            lambda base: st.fixed_dictionaries(
                {},
                optional={
                    "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
                    "additionalProperties": inner | st.booleans(), "items": inner, "prefixItems": parts,
                    "patternProperties": st.dictionaries(st.sampled_from(["a", "^b"]), inner, max_size=1),
                    "allOf": parts, "anyOf": parts, "oneOf": parts, "not": inner, "if": inner, "then": inner,
                    "else": inner, "contains": inner, "propertyNames": inner,
                },
            ).map(lambda extra: {**base, **extra})
        )  # fmt: skip

    return st.recursive(leaf, more, max_leaves=5)


def _elements_meant(schema: Any) -> bool:
    """Whether the one reading of our own applies: a list that is to be "one of" some texts."""
    if isinstance(schema, dict):
        own = schema.get("type") in ("array", ["array"]) and "enum" in schema
        return own or any(_elements_meant(value) for value in schema.values())
    return isinstance(schema, list) and any(_elements_meant(value) for value in schema)


@given(_schemas().filter(lambda schema: not _elements_meant(schema)), st.lists(VALUES, min_size=1, max_size=5))
@settings(deadline=None, max_examples=300)
def test_it_agrees_with_a_complete_validator(schema: Any, values: list[Any]) -> None:
    ours = compiled(schema)
    assert ours.faults == ()
    theirs = Draft202012Validator(schema)
    for value in values:
        assert bool(ours.problems(value)) is not theirs.is_valid(value), value


@given(
    VALUES | st.dictionaries(st.sampled_from(["type", "items", "properties", "$ref", "enum", "anyOf", "a"]), VALUES),
    VALUES,
)
@settings(deadline=None, max_examples=200)
def test_whatever_the_schema_is(schema: Any, value: Any) -> None:
    try:
        compiled(schema, closed=True).problems(value)
    except TooMuch:
        pytest.fail("a small schema is too much")


def test_references_inside_and_none_outside() -> None:
    tree = {"$defs": {"n": {"properties": {"v": {"type": "integer"}, "l": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}
    schema = compiled(tree)
    assert schema.problems({"v": 1, "l": {"v": 2}}) == []
    (problem,) = schema.problems({"v": 1, "l": {"l": {"v": "x"}}})
    assert problem.path == ("l", "l", "v")
    assert compiled({"$ref": "http://127.0.0.1:9/x.json"}).problems(5) == []


def test_what_branches_without_end_is_given_up() -> None:
    loop = {"type": "array", "items": {"$ref": "#"}}
    value: Any = 5
    for _ in range(40):
        value = [value]
    with pytest.raises(TooMuch):
        compiled({"anyOf": [loop, loop, loop]}).problems(value)
    with pytest.raises(TooMuch):
        compiled({"$ref": "#"}).problems(1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, "a": 1}', "twice"),
        ("[NaN]", "NaN"),
        ("[1e999]", "too large"),
        ("[1,]", "expecting value|illegal trailing comma"),
        ("[" * 99_999, "deep"),
    ],
)
def test_strict_json(text: str, why: str) -> None:
    with pytest.raises(JsonFault, match=why):
        strict_json(text)


@given(st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_span_of_a_member_is_the_member(value: dict[str, Any]) -> None:
    text = json.dumps(value, indent=1)
    for name, part in value.items():
        span = value_span(text, name)
        assert span is not None
        assert json.loads("{" + text[slice(*span)] + "}") == {name: part}
