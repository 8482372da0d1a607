"""The reward function for files of the format `grpo`: `reward(completions, **columns)`, as TRL calls it.

1.0 where the answer is right, 0.0 where it is not, None where only a judge can say (TRL leaves such rows out of the
mean). `GRPOTrainer(reward_funcs=reward, …)` is all that is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flywheel_tui.answers.finals import find_final, plain_words, same_answer
from flywheel_tui.stages.aids.calls import raw_calls, read_call, schemas_of, tagged_calls
from flywheel_tui.stages.aids.expected_calls import match_calls
from flywheel_tui.stages.aids.json_text import JsonFault, strict_json

Completion = str | list[dict[str, Any]]


def reward(
    completions: Sequence[Completion],
    *,
    reward_checker: Sequence[str],
    reward_reference: Sequence[str],
    tools: Sequence[Any] | None = None,
    **_columns: Any,
) -> list[float | None]:
    """One reward for each completion. Raises ValueError for a checker that nobody knows."""
    given = tools if tools is not None else [None] * len(completions)
    return [
        score(answer, checker, reference, some)
        for answer, checker, reference, some in zip(completions, reward_checker, reward_reference, given, strict=True)
    ]


def score(answer: Completion, checker: str, reference: str, tools: Any = None) -> float | None:
    """The reward of one completion; None where the checker is a judge."""
    text = answer if isinstance(answer, str) else str((answer[-1].get("content") if answer else "") or "")
    if checker == "judge":
        return None
    if checker == "final":
        found = find_final(text)
        return float((found is not None and same_answer(found.text, reference)) or same_answer(text.strip(), reference))
    if checker == "text":
        return float(plain_words(text) == plain_words(reference))
    if checker == "calls":
        return _calls(answer, text, reference, tools)
    raise ValueError(f"no checker of rewards is named {checker!r}; there are: final, text, calls, judge")


def _calls(answer: Completion, text: str, reference: str, tools: Any) -> float:
    made = []
    for raw in _raw(answer, text):
        read = read_call(raw, None)
        if read.faults:
            return 0.0
        made.append({"name": read.name, "arguments": read.arguments})
    schemas = schemas_of({"tools": tools}) if isinstance(tools, list) else {}
    return float(not match_calls(msgspec.json.decode(reference), made, schemas).problems)


def _raw(answer: Completion, text: str) -> list[Any]:
    """The calls of a completion: of its messages, else those between tags in its text."""
    if isinstance(answer, list):
        calls = [call for message in answer for call in raw_calls(message)]
        if calls:
            return calls
    found: list[Any] = []
    for _, _, inside in tagged_calls(text):
        try:
            found.append(strict_json(inside.strip()))
        except JsonFault:
            found.append(None)
    return found
