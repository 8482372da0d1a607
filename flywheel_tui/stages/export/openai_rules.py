"""The published rules of OpenAI's fine-tuning files, held one by one: what the service would refuse is told before.

An example is `{messages, tools, parallel_tool_calls}` for supervised fine-tuning, `{input, preferred_output,
non_preferred_output}` for preferences. Sources: the API reference (fine-tuning, chat fine-tuning input) and the guides
to fine-tuning, function calling and preference fine-tuning, as of 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from flywheel_tui.llm.tokens import estimate_text
from flywheel_tui.stages.aids.json_text import JsonFault, strict_json

MIN_EXAMPLES = 10
MAX_BYTES = 512_000_000
MAX_TOKENS = 65_536
"""Tokens of one example that are trained on; longer ones are cut off at the end (gpt-4o and gpt-4.1 families)."""
MAX_TOOLS = 128

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_KEYS = {
    "system": frozenset({"role", "content", "name"}),
    "developer": frozenset({"role", "content", "name"}),
    "user": frozenset({"role", "content", "name"}),
    "assistant": frozenset({"role", "content", "name", "weight", "tool_calls", "refusal", "function_call", "audio"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
}
MESSAGE_KEYS = _KEYS


class Problem(NamedTuple):
    """A rule that is broken. `example` is 1-based, 0 for the whole file."""

    rule: str
    message: str
    example: int = 0


def file_problems(examples: Iterable[Any], size: int = 0) -> list[Problem]:
    """Everything that is wrong with a file of examples."""
    found: list[Problem] = []
    count = 0
    for count, example in enumerate(examples, 1):
        found += [problem._replace(example=count) for problem in example_problems(example)]
    if count < MIN_EXAMPLES:
        found.append(Problem("examples", f"has {count} examples, and at least {MIN_EXAMPLES} are needed"))
    if size > MAX_BYTES:
        found.append(Problem("size", f"has {size:,} bytes, and at most {MAX_BYTES:,} are taken"))
    return found


def example_problems(example: Any) -> list[Problem]:
    """What is wrong with one example, supervised or preference."""
    if not isinstance(example, dict):
        return [Problem("object", "is no object")]
    if "input" in example:
        return _preference(example)
    if unknown := sorted(set(example) - {"messages", "tools", "parallel_tool_calls", "functions"}):
        return [Problem("keys", f"has unknown keys: {', '.join(unknown)}")]
    messages = example.get("messages")
    if not isinstance(messages, list) or not messages:
        return [Problem("messages", "has no list of messages")]
    found, names = _tools(example)
    found += _conversation(messages, names)
    found += _answers(messages)
    tokens = estimate_text("".join(_texts(messages)))
    if tokens > MAX_TOKENS:
        found.append(Problem("tokens", f"has about {tokens:,} tokens, and at most {MAX_TOKENS:,} are trained on"))
    return found


def _preference(example: dict[str, Any]) -> list[Problem]:
    given = example["input"]
    if not isinstance(given, dict) or not isinstance(given.get("messages"), list) or not given["messages"]:
        return [Problem("messages", "has no list of messages in input")]
    found, names = _tools(given)
    found += _conversation(given["messages"], names)
    if given["messages"][-1].get("role") == "assistant":
        found.append(Problem("last", "the input ends with an answer"))
    for key in ("preferred_output", "non_preferred_output"):
        output = example.get(key)
        if not isinstance(output, list) or len(output) != 1 or output[0].get("role") != "assistant":
            found.append(Problem("output", f"{key} is not one message of the assistant"))
    if unknown := sorted(set(example) - {"input", "preferred_output", "non_preferred_output"}):
        found.append(Problem("keys", f"has unknown keys: {', '.join(unknown)}"))
    return found


def _tools(example: dict[str, Any]) -> tuple[list[Problem], set[str] | None]:
    """What is wrong with the tools, and their names (None: there are none)."""
    tools = example.get("tools")
    if tools is None:
        return [], None
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        return [Problem("tools", f"tools is not a list of at most {MAX_TOOLS}")], set()
    found, names = [], set()
    for tool in tools:
        function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            found.append(Problem("tools", "a tool is not {type: function, function: {name, parameters}}"))
        elif not _NAME.fullmatch(function["name"]):
            found.append(Problem("tool name", f"the tool name {function['name'][:70]!r} is not of a-z, 0-9, _ and -"))
        else:
            names.add(function["name"])
    return found, names


def _conversation(messages: list[Any], names: set[str] | None) -> list[Problem]:
    found: list[Problem] = []
    waiting: set[str] = set()
    for number, message in enumerate(messages, 1):
        if not isinstance(message, dict) or message.get("role") not in _KEYS:
            role = message.get("role") if isinstance(message, dict) else None
            found.append(Problem("role", f"message {number} has the role {role!r}; known are: {', '.join(_KEYS)}"))
            continue
        role = message["role"]
        if unknown := sorted(set(message) - _KEYS[role]):
            what = "weight" if unknown == ["weight"] else "keys"
            found.append(Problem(what, f"message {number} ({role}) has {', '.join(unknown)}"))
        if role == "tool":
            if message.get("tool_call_id") not in waiting:
                found.append(Problem("answer", f"message {number} answers a call that nobody made"))
            waiting.discard(str(message.get("tool_call_id")))
        elif waiting:
            found.append(Problem("answer", f"before message {number}, a call is not answered"))
            waiting = set()
        found += _content(message, number)
        if role == "assistant":
            found += _calls(message, number, names, waiting)
    return found


def _content(message: dict[str, Any], number: int) -> list[Problem]:
    content = message.get("content")
    if isinstance(content, str) or (isinstance(content, list) and content):
        return []
    if content is None and message["role"] == "assistant" and message.get("tool_calls"):
        return []
    return [Problem("content", f"message {number} ({message['role']}) has no content")]


def _calls(message: dict[str, Any], number: int, names: set[str] | None, waiting: set[str]) -> list[Problem]:
    found: list[Problem] = []
    if "weight" in message and (type(message["weight"]) is not int or message["weight"] not in (0, 1)):
        found.append(Problem("weight", f"message {number} has a weight other than 0 and 1"))
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.get("type") != "function" or not isinstance(call.get("id"), str):
            found.append(Problem("call", f"message {number} has a call that is not {{id, type, function}}"))
            continue
        waiting.add(call["id"])
        if names is None or function.get("name") not in names:
            found.append(Problem("call", f"message {number} calls {function.get('name')!r}, which is no tool here"))
        try:
            if not isinstance(strict_json(function["arguments"]), dict):
                raise JsonFault("it is no object", 0)
        except (JsonFault, KeyError, TypeError, AttributeError):
            found.append(Problem("arguments", f"message {number} has arguments that are not the text of an object"))
    return found


def _answers(messages: list[Any]) -> list[Problem]:
    answers = [one for one in messages if isinstance(one, dict) and one.get("role") == "assistant"]
    if not answers:
        return [Problem("assistant", "has no message of the assistant")]
    found = []
    if not isinstance(messages[-1], dict) or messages[-1].get("role") != "assistant":
        found.append(Problem("last", "does not end with a message of the assistant"))
    if all(answer.get("weight") == 0 for answer in answers):
        found.append(Problem("weight", "every answer has the weight 0: nothing is trained on"))
    return found


def _texts(messages: list[Any]) -> Iterable[str]:
    for message in messages:
        if isinstance(message, dict):
            content = message.get("content")
            yield content if isinstance(content, str) else ""
            for call in message.get("tool_calls") or ():
                yield str(call.get("function") if isinstance(call, dict) else call)
