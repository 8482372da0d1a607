"""What `schema` asks of each kind, and of a conversation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flywheel_tui.records.pair import KINDS
from flywheel_tui.stages.validate.base import Candidate, load_checks

TOOLS = [{"name": "rain", "parameters": {}}]
CALL = {"id": "c1", "type": "function", "function": {"name": "rain", "arguments": "{}"}}
GOOD: list[dict[str, Any]] = [
    {"kind": "sft"},
    {"kind": "preference", "body": {"rejected": "A worse answer."}},
    {"kind": "kto", "body": {"desirable": False}},
    {"kind": "prompt", "output": None},
    {"kind": "tools", "body": {"tools": TOOLS, "expected_calls": [{"name": "rain", "arguments": {}}]}, "output": None},
    {"kind": "rag", "body": {"chunks": [{"id": "1", "text": "x"}, {"id": "2", "text": "y"}], "citations": ["1"]}},
    {"kind": "reasoning", "body": {"reasoning": "because", "final": "4"}},
    {"kind": "trace", "body": {"messages": [{"role": "user", "content": "hi"}], "signals": {}}},
    {"kind": "document", "input": "text", "output": None},
    {
        "kind": "tools",
        "output": "It rains.",
        "body": {
            "tools": TOOLS,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Say something."},
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "yes"},
                {"role": "assistant", "content": "It rains."},
            ],
        },
    },
]


@pytest.mark.parametrize("pair", GOOD, ids=lambda pair: pair["kind"])
def test_whole_pairs_pass(ask: Any, pair: dict[str, Any]) -> None:
    assert ask("schema", **pair) == []


@pytest.mark.parametrize(
    ("pair", "field", "part"),
    [
        ({"instruction": " \n"}, "instruction", "empty"),
        ({"output": None}, "output", "no answer"),
        ({"output": "\t "}, "output", "empty"),
        ({"kind": "novel"}, "kind", "no kind"),
        ({"kind": "preference", "body": {}}, "body.rejected", "no rejected"),
        ({"kind": "preference", "body": {"rejected": ""}}, "body.rejected", "empty"),
        ({"kind": "preference", "body": {"rejected": 7}}, "body.rejected", "a number"),
        ({"kind": "preference", "body": {"rejected": "AN ANSWER. "}}, "body.rejected", "the same"),
        ({"kind": "kto", "body": {"desirable": "yes"}}, "body.desirable", "true or false"),
        ({"kind": "tools"}, "body.tools", "no list of tools"),
        ({"kind": "tools", "body": {"tools": []}}, "body.tools", "empty"),
        ({"kind": "tools", "body": {"tools": [{"parameters": {}}]}}, "body.tools[0]", "no name"),
        ({"kind": "rag"}, "body.chunks", "no chunks"),
        ({"kind": "rag", "body": {"chunks": ["text"]}}, "body.chunks[0]", "not an object"),
        ({"kind": "rag", "body": {"chunks": [{"id": "1", "text": " "}]}}, "body.chunks[0].text", "no text"),
        (
            {"kind": "rag", "body": {"chunks": [{"id": "1", "text": "a"}, {"id": "1", "text": "b"}]}},
            "body.chunks[1].id",
            "two chunks",
        ),
        ({"kind": "reasoning", "body": {"final": "1"}}, "body.reasoning", "no reasoning"),
        ({"kind": "trace", "body": {}}, "body.messages", "no messages"),
        ({"kind": "document", "input": ""}, "input", "empty"),
        ({"body": "[1]"}, "body", "no JSON object"),
        ({"body": "{"}, "body", "cannot be read"),
    ],
)
def test_what_is_missing_or_wrong_is_named(ask: Any, pair: dict[str, Any], field: str, part: str) -> None:
    found = ask("schema", **pair)
    assert any(one.field == field and part in one.message for one in found), found


def talk(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"body": {"messages": list(messages)}, "instruction": "hi", "output": "yo"} | more


USER, ASSISTANT = {"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}


@pytest.mark.parametrize(
    ("pair", "severity", "part"),
    [
        (talk(USER, {"role": "robot", "content": "yo"}), "error", "unknown role 'robot'"),
        (talk(USER, USER, ASSISTANT), "warning", "two turns of the user"),
        (talk(ASSISTANT, USER, ASSISTANT), "warning", "starts with the assistant"),
        (talk(USER, ASSISTANT, USER), "error", "ends with the user"),
        (talk(USER, ASSISTANT, {"role": "system", "content": "x"}, USER, ASSISTANT), "warning", "in the middle"),
        (talk(USER, {"role": "tool", "content": "4"}, ASSISTANT), "error", "nothing was called"),
        (talk(USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}, ASSISTANT), "error", "never answered"),
        (talk(USER, {"role": "assistant", "content": ["x"]}, ASSISTANT), "error", "a list, not a text"),
        (talk({"role": "user", "content": ""}, ASSISTANT), "error", "message of the user is empty"),
        (talk(USER, "yo"), "error", "not an object"),  # type: ignore[arg-type]
        (
            talk(
                USER,
                {"role": "assistant", "content": "", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "zz", "content": "4"},
                ASSISTANT,
            ),
            "error",
            "no call has the id 'zz'",
        ),
    ],
)
def test_conversations(ask: Any, pair: dict[str, Any], severity: str, part: str) -> None:
    found = ask("schema", **pair)
    assert any(one.severity == severity and part in one.message for one in found), found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("messages", "rejected", "tools", "chunks", "citations", "reasoning", "final", "desirable", "expected_calls")
MESSAGE = st.fixed_dictionaries(
    {},
    optional={"role": st.sampled_from(["user", "assistant", "tool", "x"]) | JSON, "content": JSON, "tool_calls": JSON},
)


@settings(deadline=None, max_examples=300)
@given(
    kind=st.sampled_from([*KINDS, "x"]),
    body=st.dictionaries(st.sampled_from(KEYS), JSON | st.lists(MESSAGE, max_size=4), max_size=5),
)
def test_no_body_breaks_a_check(kind: str, body: dict[str, Any]) -> None:
    import msgspec

    for name in ("schema", "length", "refusal", "repetition", "unicode", "injection"):
        row = Candidate(1, kind, "x", None, "y", msgspec.json.encode(body).decode())
        for one in load_checks()[name]().look([row]):
            assert one.severity in ("info", "warning", "error")
