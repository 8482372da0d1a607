"""Every published rule refuses what breaks it, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from flywheel_tui.stages.export.openai_rules import MAX_BYTES, example_problems, file_problems

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
ASKED = {"role": "user", "content": "q"}
SAID = {"role": "assistant", "content": "a"}


def called(**fields: Any) -> dict[str, Any]:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"} | fields}
    return {"role": "assistant", "tool_calls": [call]}


ANSWER = {"role": "tool", "tool_call_id": "1", "content": "ok"}
GOOD = [
    {"messages": [ASKED, SAID]},
    {"messages": [{"role": "system", "content": "s"}, ASKED, {**SAID, "weight": 0}, ASKED, {**SAID, "weight": 1}]},
    {"messages": [ASKED, called(), ANSWER, SAID], "tools": [TOOL], "parallel_tool_calls": False},
    {"messages": [ASKED, called()], "tools": [TOOL]},
    {"input": {"messages": [ASKED]}, "preferred_output": [SAID], "non_preferred_output": [SAID]},
]
BAD = [
    ("object", ["x"]),
    ("keys", {"messages": [ASKED, SAID], "extra": 1}),
    ("messages", {"messages": []}),
    ("role", {"messages": [{"role": "human", "content": "q"}, SAID]}),
    ("keys", {"messages": [ASKED, {**SAID, "reasoning_content": "r"}]}),
    ("weight", {"messages": [{**ASKED, "weight": 1}, SAID]}),
    ("weight", {"messages": [ASKED, {**SAID, "weight": 0.5}]}),
    ("weight", {"messages": [ASKED, {**SAID, "weight": 0}]}),
    ("content", {"messages": [{"role": "user"}, SAID]}),
    ("content", {"messages": [ASKED, {"role": "assistant", "content": None}]}),
    ("assistant", {"messages": [ASKED]}),
    ("last", {"messages": [ASKED, SAID, ASKED]}),
    ("tools", {"messages": [ASKED, SAID], "tools": [{"name": "f"}]}),
    ("tool name", {"messages": [ASKED, SAID], "tools": [{"type": "function", "function": {"name": "a.b"}}]}),
    ("call", {"messages": [ASKED, called(name="g")], "tools": [TOOL]}),
    (
        "call",
        {"messages": [ASKED, {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}], "tools": [TOOL]},
    ),
    ("arguments", {"messages": [ASKED, called(arguments={})], "tools": [TOOL]}),
    ("arguments", {"messages": [ASKED, called(arguments="[1]")], "tools": [TOOL]}),
    ("answer", {"messages": [ASKED, called(), SAID], "tools": [TOOL]}),
    ("answer", {"messages": [ASKED, ANSWER, SAID]}),
    ("tokens", {"messages": [ASKED, {"role": "assistant", "content": "word " * 70_000}]}),
    ("last", {"input": {"messages": [ASKED, SAID]}, "preferred_output": [SAID], "non_preferred_output": [SAID]}),
    ("output", {"input": {"messages": [ASKED]}, "preferred_output": [SAID, SAID], "non_preferred_output": [SAID]}),
    ("messages", {"input": {}, "preferred_output": [SAID], "non_preferred_output": [SAID]}),
]


@pytest.mark.parametrize("example", GOOD)
def test_good_examples_pass(example: Any) -> None:
    assert example_problems(example) == []


@pytest.mark.parametrize(("rule", "example"), BAD)
def test_each_rule_refuses_what_breaks_it(rule: str, example: Any) -> None:
    assert rule in [problem.rule for problem in example_problems(example)]


def test_files_have_ten_examples_at_least_and_a_size_at_most() -> None:
    assert file_problems([GOOD[0]] * 10, 1000) == []
    assert [problem.rule for problem in file_problems([GOOD[0]] * 9)] == ["examples"]
    assert [problem.rule for problem in file_problems([GOOD[0]] * 10, MAX_BYTES + 1)] == ["size"]
    (found,) = file_problems([*[GOOD[0]] * 10, BAD[3][1]])
    assert (found.rule, found.example) == ("role", 11)
