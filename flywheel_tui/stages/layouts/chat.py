"""Lists of messages, in the roles and shapes that data sets use, made into one shape."""

from __future__ import annotations

from typing import Any

from flywheel_tui.stages.layouts.base import RowError
from flywheel_tui.stages.layouts.fields import json_value
from flywheel_tui.stages.layouts.notes import Notes

Message = dict[str, Any]

ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "function": "tool",
    "observation": "tool",
    "tool_response": "tool",
    "function_call": "assistant",
}


def messages_of(value: object, field: str, line: int, notes: Notes) -> list[Message]:
    """A list of `{role, content, …}` from a list of messages in OpenAI or ShareGPT words.

    Other keys of a message (tool_calls, name …) are kept. Raises RowError where it is no list of messages.
    """
    listed = json_value(value, field)
    if type(listed) is not list or not listed:
        raise RowError(field, "it is not a list of messages", 'write [{"role": "user", "content": "…"}, …]')
    return [_message(item, field, number, line, notes) for number, item in enumerate(listed, 1)]


def _message(item: Any, field: str, number: int, line: int, notes: Notes) -> Message:
    where = f"{field}[{number - 1}]"
    if type(item) is not dict:
        raise RowError(where, "a message is not an object", 'write {"role": "user", "content": "…"}')
    role = item.get("role", item.get("from"))
    if type(role) is not str or not role:
        raise RowError(where, "a message has no role", 'add "role": user, assistant, system or tool')
    message: Message = {"role": ROLES.get(role, role), "content": _content(item, where, line, notes)}
    for key, extra in item.items():
        if key not in ("role", "from", "content", "value") and extra is not None:
            message[key] = extra
    if role == "function_call":
        message["tool_calls"] = [_sharegpt_call(message["content"])]
        message["content"] = None
    return message


def _content(item: Message, where: str, line: int, notes: Notes) -> str | None:
    content = item.get("content", item.get("value"))
    if content is None or type(content) is str:
        return content
    if type(content) is list:
        parts = [part.get("text") if type(part) is dict else part for part in content]
        texts = [part for part in parts if isinstance(part, str)]
        if len(texts) == len(parts):
            return "".join(texts)
        raise RowError(where, "a message holds a part that is no text", "leave out images, sounds and files")
    if type(content) is dict:
        raise RowError(where, "the content of a message is an object", "write it as a text")
    word = str(content).lower() if type(content) is bool else str(content)
    notes.add("message", "a number or true/false, stored as its text", line)
    return word


def _sharegpt_call(content: str | None) -> dict[str, Any]:
    call = json_value(content or "{}", "conversations")
    if type(call) is not dict or type(call.get("name")) is not str:
        raise RowError("conversations", "a function call has no name", 'write {"name": "…", "arguments": {…}}')
    return {"type": "function", "function": {"name": call["name"], "arguments": call.get("arguments", {})}}


def has_tools(messages: list[Message]) -> bool:
    """Whether any message calls a tool or carries a tool's answer."""
    return any(message["role"] == "tool" or message.get("tool_calls") for message in messages)


def calls_of(message: Message) -> list[dict[str, Any]]:
    """The calls of one message as `{name, arguments}`, the arguments decoded where they are JSON text."""
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function", call) if type(call) is dict else {}
        arguments = function.get("arguments", {})
        if type(arguments) is str:
            try:
                arguments = json_value(arguments, "tool_calls")
            except RowError:
                # The text stays as it is: a check, not the reader, says what is wrong with a call.
                arguments = function["arguments"]
        calls.append({"name": str(function.get("name", "")), "arguments": arguments})
    return calls


def last_request(messages: list[Message]) -> str | None:
    """What the user said last."""
    return next((message["content"] or "" for message in reversed(messages) if message["role"] == "user"), None)


def first_request(messages: list[Message]) -> str | None:
    """What the user said first."""
    return next((message["content"] or "" for message in messages if message["role"] == "user"), None)


def prompt_of(value: object, field: str, line: int, notes: Notes) -> tuple[str, list[Message] | None]:
    """A prompt that is a text or a list of messages: the request, and the messages where there is more than it."""
    if type(value) is not list:
        raise RowError(field, "it is neither a text nor a list of messages", "write a text")
    messages = messages_of(value, field, line, notes)
    request = last_request(messages)
    if request is None:
        raise RowError(field, "no message is the user's", "add the request as a message with role user")
    return request, messages if len(messages) > 1 else None
