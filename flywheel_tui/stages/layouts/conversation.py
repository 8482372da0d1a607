"""Whole conversations in one column: OpenAI messages, ShareGPT, traces."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.chat import (
    Message,
    calls_of,
    first_request,
    has_tools,
    last_request,
    messages_of,
)
from flywheel_tui.stages.layouts.fields import build, json_value, looks_like_messages
from flywheel_tui.stages.layouts.notes import Notes

TOOL_COLUMNS = ("tools", "functions")


def conversation_draft(messages: list[Message], row: Row, used: frozenset[str], field: str, line: int) -> Draft:
    """The draft of one conversation: sft, tools where a tool is at hand, prompt where nobody answers at the end.

    `body.messages` is the whole conversation, answer included, where it is more than one request and one answer.
    Raises RowError where the user says nothing.
    """
    request = last_request(messages)
    if request is None:
        raise RowError(field, "no message is the user's", "add the request as a message with role user")
    used = used.union(TOOL_COLUMNS)
    tools = _tools(row)
    answer = messages[-1] if messages[-1]["role"] == "assistant" else None
    body: dict[str, Any] = {}
    if tools is not None or has_tools(messages):
        kind = "tools"
        if tools is not None:
            body["tools"] = tools
        body["messages"] = messages
        if answer is not None and answer.get("tool_calls"):
            body["expected_calls"] = calls_of(answer)
    else:
        kind = "sft" if answer is not None else "prompt"
        if len(messages) > (2 if answer is not None else 1) or any(len(message) > 2 for message in messages):
            body["messages"] = messages
    return build(
        row,
        used,
        line,
        kind=kind,
        instruction=request,
        output=answer["content"] if answer is not None else None,
        body=body or None,
    )


def _tools(row: Row) -> list[Any] | None:
    for column in TOOL_COLUMNS:
        value = row.get(column)
        if value is None or value == "":
            continue
        tools = json_value(value, column)
        if type(tools) is not list or not all(type(tool) is dict for tool in tools):
            raise RowError(column, "it is not a list of tool schemas", 'write [{"name": …, "parameters": {…}}, …]')
        return tools or None
    return None


@layout(
    "messages",
    kind="sft",
    columns="messages",
    example='{"messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!"}]}',
    rank=30,
)
class Messages(Layout):
    """OpenAI messages: system, several turns, tool calls (then the kind is tools)."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return looks_like_messages(row.get("messages"))

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        messages = messages_of(row.get("messages"), "messages", line, notes)
        return [conversation_draft(messages, row, frozenset(("messages",)), "messages", line)]


@layout(
    "sharegpt",
    kind="sft",
    columns="conversations",
    example='{"conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi!"}]}',
    rank=30,
)
class ShareGpt(Layout):
    """ShareGPT conversations; a `system` column becomes the first message."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return looks_like_messages(row.get("conversations"))

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        messages = messages_of(row.get("conversations"), "conversations", line, notes)
        used = {"conversations"}
        system = row.get("system")
        if type(system) is str:
            used.add("system")
            if system:
                messages.insert(0, {"role": "system", "content": system})
        return [conversation_draft(messages, row, frozenset(used), "conversations", line)]


@layout(
    "trace",
    kind="trace",
    columns="messages signals",
    example='{"messages": [{"role": "user", "content": "Book it"}], "signals": {"resolved": false}}',
    rank=20,
)
class Trace(Layout):
    """What an agent did, with the signals that say how it went."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        return looks_like_messages(row.get("messages")) and "signals" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        messages = messages_of(row.get("messages"), "messages", line, notes)
        request = first_request(messages)
        if request is None:
            raise RowError("messages", "no message is the user's", "add the request as a message with role user")
        answer = next((one["content"] for one in reversed(messages) if one["role"] == "assistant"), None)
        tools = _tools(row)
        body: dict[str, Any] = {"messages": messages, "signals": row.get("signals")}
        if tools is not None:
            body["tools"] = tools
        return [
            build(
                row,
                frozenset(("messages", "signals", *TOOL_COLUMNS)),
                line,
                kind="trace",
                instruction=request,
                output=answer,
                body=body,
            )
        ]
