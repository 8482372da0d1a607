"""The reward function for grpo files, called as TRL calls it."""

from __future__ import annotations

import pytest

from flywheel_tui.stages.export.rewards import reward, score

ONE = '[{"name":"f","arguments":{"a":1}}]'


@pytest.mark.parametrize(
    ("answer", "checker", "reference", "worth"),
    [
        ("So the answer is 1,000.", "final", "1000", 1.0),
        ("So the answer is 999.", "final", "1000", 0.0),
        ("#### 0.5", "final", "1/2", 1.0),
        ("Paris", "final", "paris", 1.0),
        ("no idea", "final", "7", 0.0),
        ([{"role": "assistant", "content": "The answer is 7."}], "final", "7", 1.0),
        ("  Blue  sky", "text", "blue sky", 1.0),
        ("grey", "text", "blue", 0.0),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>', "calls", ONE, 1.0),
        ('<tool_call>{"name": "f", "arguments": {"a": 2}}</tool_call>', "calls", ONE, 0.0),
        ("<tool_call>{f}</tool_call>", "calls", '[{"name":"f","arguments":{}}]', 0.0),
        ("I need no tool for that.", "calls", "[]", 1.0),
        ('<tool_call>{"name": "f", "arguments": {}}</tool_call>', "calls", "[]", 0.0),
        ([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": '{"a": "x"}'}}]}], "calls",
         '[{"name":"f","accepted":{"a":["x","y"]}}]', 1.0),
        ("anything", "judge", "", None),
    ],
)  # fmt: skip
def test_what_an_answer_is_worth(answer: str, checker: str, reference: str, worth: float | None) -> None:
    assert score(answer, checker, reference) == worth
    given = reward([answer], reward_checker=[checker], reward_reference=[reference], prompts=["p"], trainer_state=None)
    assert given == [worth]


def test_an_unknown_checker_is_told() -> None:
    with pytest.raises(ValueError, match="there are: final, text, calls, judge"):
        score("x", "nope", "")
