"""The check `tools`: calls against schemas, schemas themselves, and calls against the expected ones."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kind_rows import demo, from_file, messages_of, planted, row, said

from flywheel_tui.stages.aids.expected_calls import match_calls
from flywheel_tui.stages.layouts.conversation import Messages
from flywheel_tui.stages.layouts.tool_calls import Bfcl
from flywheel_tui.stages.validate.base import Candidate
from flywheel_tui.stages.validate.checks.tools import one_accepted

TRIP = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer", "minimum": 1, "maximum": 30},
        "class": {"enum": ["first", "second"]},
        "stops": {"type": "array", "items": {"properties": {"at": {"type": "string"}}, "required": ["at"]}},
        "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
    },
    "required": ["city"],
}  # fmt: skip


def trip(arguments: Any, schema: Any = TRIP, name: str = "trip", **more: Any) -> Candidate:
    call = {"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}
    messages = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    tool = {"type": "function", "function": {"name": "trip", "parameters": schema}}
    return row("tools", {"tools": [tool], "messages": messages, **more})


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ('{"city": "Rome"}', None),
        ({"city": "Rome", "days": 3.0, "class": "first", "stops": [{"at": "A"}], "code": "ABC"}, None),
        ('{"days": 3}', "city"),
        ('{"city": 5}', "not a text"),
        ('{"city": "Rome", "days": true}', "true or false"),
        ('{"city": "Rome", "days": 2.5}', "not a whole number"),
        ('{"city": "Rome", "days": 31}', "above the maximum"),
        ('{"city": "Rome", "class": "third"}', 'not one of "first"'),
        ('{"city": "Rome", "stops": [{"at": "A"}, {}]}', "stops[1]"),
        ('{"city": "Rome", "code": "abc"}', "does not match"),
        ('{"city": "Rome", "planet": "Mars"}', "planet"),
        ('{"city": "Rome"', "not JSON"),
        ('{"city": "Rome", "city": "Oslo"}', "twice"),
        ('{"city": NaN}', "no JSON number"),
        ('{"city": 1e999}', "too large"),
        ('"{}"', "inside a JSON text"),
        ("[]", "a list"),
        (7, "a number"),
    ],
)
def test_calls_against_their_schema(arguments: Any, word: str | None) -> None:
    found = messages_of(said("tools", [trip(arguments)]))
    if word is None:
        assert found == []
    else:
        assert len(found) == 1 and word in found[0]


def test_a_finding_points_at_the_argument() -> None:
    text = '{"city": "Rome", "days" : 99, "code": "ABC"}'
    (found,) = said("tools", [trip(text)]).found
    assert found.field == "body.messages[1].tool_calls[0].function.arguments"
    assert found.start is not None and text[found.start : found.end] == '"days" : 99'
    (found,) = said("tools", [trip('{"city": }')]).found
    assert (found.start, found.end) == (9, 10)


def test_a_tool_that_is_not_there() -> None:
    (found,) = said("tools", [trip("{}", name="fly")]).found
    assert found.field == "body.messages[1].tool_calls[0].function.name" and "there are: trip" in found.message


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "object", "properties": {"a": {"type": "colour"}}}, "there is no type"),
        ({"type": "object", "properties": []}, "not an object"),
        ({"type": "object", "properties": {"a": {"enum": "x"}}}, "not a list of values"),
        ({"type": "object", "properties": {"a": {"minimum": "1"}}}, "not a number"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "refers to nothing"),
        ({"type": "object", "required": "a"}, "not a list of names"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, "does not describe it"),
    ],
)
def test_schemas_that_are_none(schema: Any, word: str) -> None:
    body = {"tools": [{"name": "trip", "parameters": schema}], "messages": []}
    (found,) = said("tools", [row("tools", body)]).found
    assert word in found.message and found.field is not None and found.field.startswith("body.tools[0].parameters")


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "dict", "properties": {"x": {"type": "float"}}, "required": ["x"]}, {"x": 1}, {"x": "1"}),
        ({"type": "dict", "properties": {"x": {"type": "tuple", "items": {"type": "int"}}}}, {"x": [1]}, {"x": ["a"]}),
        ({"x": {"type": "List[int]", "description": "numbers"}}, {"x": [1]}, {"x": ["a"]}),
        ({"x": {"type": "str, optional", "description": ""}, "y": {"type": "int", "default": 3}}, {}, {"x": 1}),
        ({"type": "OBJECT", "properties": {"x": {"type": "STRING"}}}, {"x": "a"}, {"x": 1}),
        ({"type": "object", "properties": {"x": {"type": "string", "default": None}}}, {"x": None}, {"x": 1}),
        ({"type": "object", "properties": {"x": {"type": "array", "enum": ["a"]}}}, {"x": ["a"]}, {"x": ["b"]}),
        ({"type": "object", "properties": {"x": {"type": "integer", "required": True}}}, {"x": 1}, {}),
        ([{"name": "x", "type": "integer"}], {"x": 1}, {"x": "1"}),
    ],
)
def test_the_dialects_of_data_sets(schema: Any, good: Any, bad: Any) -> None:
    assert messages_of(said("tools", [trip(good, schema)])) == []
    assert len(messages_of(said("tools", [trip(bad, schema)]))) == 1


def test_ids_and_names_of_results() -> None:
    body = json.loads(trip('{"city": "Rome"}')._body_json or "")
    body["messages"].append({"role": "tool", "tool_call_id": "c1", "name": "other", "content": "{}"})
    body["messages"].append(copy.deepcopy(body["messages"][1]))
    found = messages_of(said("tools", [row("tools", body)]))
    assert [message for message in found if "'other'" in message] and [m for m in found if "that of a call before" in m]


def test_calls_written_into_the_text() -> None:
    text = 'On it. <tool_call>{"name": "trip", "arguments": {"city": 5}}</tool_call>'
    tools = [{"name": "trip", "parameters": TRIP}]
    messages = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": text}]
    (found,) = said("tools", [row("tools", {"tools": tools, "messages": messages}, text)]).found
    assert found.field == "body.messages[1].content" and text[found.start : found.end].startswith('{"name"')


EXPECTED = [{"name": "f", "accepted": {"a": [1, 2], "b": ["", "New York"], "c": [[{"k": ["x", ""]}], ""]}}]


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"a": 1}, True),
        ({"a": 2, "b": "new-york"}, True),
        ({"a": 1.0}, False),
        ({"a": True}, False),
        ({"a": "1"}, False),
        ({"a": 3}, False),
        ({"b": "New York"}, False),
        ({"a": 1, "z": 1}, False),
        ({"a": 1, "c": [{"k": "X"}]}, True),
        ({"a": 1, "c": [{}]}, True),
        ({"a": 1, "c": [{"k": "y"}]}, False),
        ({"a": 1, "c": [{"k": "x"}, {"k": "x"}]}, False),
    ],
)
def test_accepted_values(arguments: dict[str, Any], fits: bool) -> None:
    assert match_calls(EXPECTED, [{"name": "f", "arguments": arguments}]).ok is fits


def test_whole_numbers_stand_for_fractions_and_not_the_other_way_round() -> None:
    fraction = [{"name": "f", "accepted": {"a": [5.0]}}]
    whole = [{"name": "f", "accepted": {"a": [5]}}]
    assert match_calls(fraction, [{"name": "f", "arguments": {"a": 5}}]).ok
    assert not match_calls(whole, [{"name": "f", "arguments": {"a": 5.0}}]).ok
    schema = {"f": {"properties": {"a": {"type": "float"}}}}
    assert match_calls(whole, [{"name": "f", "arguments": {"a": 5.0}}], schema).ok


def test_parallel_calls_come_in_any_order_and_pair_off() -> None:
    expected = [{"name": "f", "accepted": {"a": [1, 2]}}, {"name": "f", "accepted": {"a": [1]}}]
    calls = [{"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": {"a": 2}}]
    assert match_calls(expected, calls).pairs == ((0, 1), (1, 0)), "the greedy pairing would leave one over"
    assert not match_calls(expected, calls[:1]).ok and not match_calls(expected, [*calls, calls[0]]).ok
    assert not match_calls([], calls).ok and match_calls([], []).ok


def test_a_row_whose_calls_are_not_the_expected_ones() -> None:
    right = [{"name": "trip", "arguments": {"city": "Rome"}}]
    assert messages_of(said("tools", [trip('{"city": "rome"}', expected_calls=right)])) == []
    (message,) = messages_of(said("tools", [trip('{"city": "Oslo"}', expected_calls=right)]))
    assert '"Oslo"' in message and '"Rome"' in message
    (message,) = messages_of(said("tools", [trip('{"city": "Rome"}', expected_calls=[])]))
    assert "no call is expected" in message


def test_the_demo_has_exactly_the_planted_faults() -> None:
    looked = said("tools", demo(Messages, "tools"))
    assert {found.pair for found in looked.found} == planted("tools", "tool_call_wrong")
    assert len(looked.found) == 6


# -- the public function-calling rows ------------------------------------------------------------------------------

NEVER_RIGHT = {("BFCL_v4_live_simple", 107), ("BFCL_v4_live_simple", 113)}
"""Rows whose gold answer accepts no value at all for arguments that the schema requires."""


def with_calls(one: Candidate, calls: list[dict[str, Any]]) -> Candidate:
    body = copy.deepcopy(one.body)
    made = [{"function": {"name": call["name"], "arguments": json.dumps(call["arguments"])}} for call in calls]
    body["messages"].append({"role": "assistant", "content": None, "tool_calls": made})
    return row("tools", body, id=one.id, instruction=one.instruction)


def gold_calls(one: Candidate) -> list[dict[str, Any]]:
    """A call with a value for what the schema requires, and nothing for what may be left out."""
    required = {tool["name"]: tool["parameters"].get("required", []) for tool in one.body["tools"]}
    return [
        {
            "name": call["name"],
            "arguments": one_accepted(
                {
                    name: options
                    for name, options in call["accepted"].items()
                    if name in required[call["name"]] or "" not in options
                }
            ),
        }
        for call in one.body["expected_calls"]
    ]


def mutations(one: Candidate, gold: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Calls that the rules refuse: each changes one thing of the first call."""
    tools = {tool["name"]: tool["parameters"] for tool in one.body["tools"]}
    first, rest = gold[0], gold[1:]
    arguments = first["arguments"]
    accepted = one.body["expected_calls"][0]["accepted"]

    def changed(**more: Any) -> list[dict[str, Any]]:
        return [{"name": first["name"], "arguments": {**arguments, **more}}, *rest]

    for name in tools[first["name"]].get("required", []):
        if name in arguments:
            yield "dropped", [{**first, "arguments": {k: v for k, v in arguments.items() if k != name}}, *rest]
    for name, value in arguments.items():
        kind = tools[first["name"]]["properties"][name]["type"]
        if kind != "any":
            yield "wrong type", changed(**{name: {"no": "such"} if kind in ("string", "integer", "float") else 12.5})
        if isinstance(value, str) and "enum" not in tools[first["name"]]["properties"][name]:
            yield "wrong value", changed(**{name: value + " zzq"})
        elif isinstance(value, int) and not isinstance(value, bool) and value + 7919 not in accepted[name]:
            yield "wrong value", changed(**{name: value + 7919})
    yield "wrong name", [{**first, "name": first["name"] + "_other"}, *rest]
    yield "extra argument", changed(zz_extra=1)
    yield "wrong count", [*gold, first]
    yield "none made", []


@pytest.mark.shared
def test_every_gold_call_is_accepted_and_mutated_ones_are_refused(
    shared_data: Path, record_property: Callable[[str, object], None]
) -> None:
    gold_rows: list[Candidate] = []
    counts: Counter[str] = Counter()
    refused: list[str] = []
    escaped: list[str] = []
    for path in sorted((shared_data / "bfcl").glob("BFCL_v4_*.json")):
        for one in from_file(Bfcl, path, path):
            assert not [f for f in said("tools", [one]).found if f.field and f.field.startswith("body.tools")], (
                "schemas"
            )
            if not one.body.get("expected_calls"):
                counts["irrelevance rows"] += 1
                body = {**one.body, "expected_calls": []}
                name = one.body["tools"][0]["name"]
                made = with_calls(row("tools", body), [{"name": name, "arguments": {}}])
                assert any(
                    "no call is expected" in f.message or "missing" in f.message for f in said("tools", [made]).found
                )
                continue
            if (path.stem, one.id) in NEVER_RIGHT:
                counts["gold that accepts nothing"] += 1
                assert any("no value is accepted" in found.message for found in said("tools", [one]).found)
                continue
            gold_rows.append(one)
            gold = gold_calls(one)
            found = said("tools", [with_calls(one, gold)]).found
            counts["gold"] += 1
            refused += [f"{path.stem} {one.id}: {each.message}" for each in found]
            for kind, calls in mutations(one, gold):
                counts[kind] += 1
                changed = with_calls(one, calls) if calls else None
                # where no call is made there is no message of calls: the rules are asked themselves
                bad = (
                    said("tools", [changed]).found if changed else match_calls(one.body["expected_calls"], []).problems
                )
                if not bad:
                    counts[f"{kind}: legal"] += 1
                    escaped.append(f"{path.stem} {one.id} {kind} {calls}")
    for name, count in counts.items():
        record_property(name, count)
    assert not refused, refused
    assert not escaped, escaped
    assert counts["gold"] == 1056 and counts["irrelevance rows"] == 240


# -- hostile rows --------------------------------------------------------------------------------------------------

HOSTILE = """
import json, sys
from flywheel_tui.stages.validate.base import Candidate, load_checks
from flywheel_tui.stages.validate.look import look

def row(schema, arguments):
    call = {"function": {"name": "f", "arguments": arguments}}
    tools = [{"name": "f", "parameters": schema}]
    body = {"tools": tools, "messages": [{"role": "assistant", "tool_calls": [call]}]}
    return Candidate(1, "tools", "q", None, None, json.dumps(body))

deep = lambda n: "[" * n + "]" * n
some = {"properties": {"a": {}}}
loop = {"type": "array", "items": {"$ref": "#/$defs/a"}}
rows = [
    row(some, '{"a": ' + deep(100_000) + "}"),
    row(some, '{"a": "' + "x" * 10_000_000 + '"}'),
    row(some, "[" * 2_000_000),
    row(some, '{"a": ' + "9" * 1_000_000 + "}"),
    row({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 50_000 + "!"}),
    row({"$defs": {"a": {"anyOf": [loop] * 3}}, "properties": {"a": {"$ref": "#/$defs/a"}}}, '{"a":' + deep(60) + "}"),
    row({"$ref": "#"}, {}),
    row({"properties": {"a": {"uniqueItems": True}}}, {"a": [[i] for i in range(50_000)]}),
    row({"properties": {"a": {"items": {"enum": list(range(3_000))}}}}, {"a": list(range(100_000))}),
    row({"properties": {str(i): {"pattern": "(x{1,1000}){1,1000}"} for i in range(500)}}, {"1": "x" * 1000}),
    row({"properties": {"a": {"type": "List[" * 5_000}}}, {"a": 1}),
    row({"properties": {"a": {"multipleOf": 1e-300}}}, {"a": 1e300}),
]
looked = look(load_checks()["tools"](), rows)
sys.exit(1 if looked.broken else 0)
"""


def test_hostile_rows_are_looked_at_in_bounded_time() -> None:
    subprocess.run([sys.executable, "-c", HOSTILE], check=True, timeout=30)
