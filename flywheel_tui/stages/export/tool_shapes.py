"""Tools and calls in the one shape that chat templates take, whatever shape the data has them in."""

from __future__ import annotations

from typing import Any

import msgspec

from flywheel_tui.stages.aids.calls import raw_calls, read_call
from flywheel_tui.stages.aids.catalogue import function_of, parameters_of
from flywheel_tui.stages.aids.json_types import type_schema
from flywheel_tui.stages.validate.checks.tools import one_accepted

Message = dict[str, Any]
_NAMED = ("properties", "patternProperties", "$defs", "definitions")
_INSIDE = ("items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def expected_call(call: dict[str, Any]) -> dict[str, Any]:
    """A call out of what is expected: its arguments, or the first accepted value of each."""
    arguments = one_accepted(call["accepted"]) if "accepted" in call else call.get("arguments") or {}
    return {"type": "function", "function": {"name": str(call.get("name", "")), "arguments": arguments}}


def standard_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A tool as `{type: function, function: {name, description, parameters}}`, its types those of JSON Schema."""
    inner = function_of(tool)
    parameters = parameters_of(inner)
    schema = standard_schema(parameters) if isinstance(parameters, dict) and parameters else {}
    if not schema:
        schema = {"type": "object", "properties": {}}
    function: dict[str, Any] = {"name": str(inner.get("name", "")), "parameters": schema}
    if isinstance(inner.get("description"), str):
        function = {"name": function["name"], "description": inner["description"], "parameters": schema}
    return {"type": "function", "function": function}


def standard_schema(schema: Any) -> Any:
    """A schema whose types have their JSON Schema names: `dict` is object, `float` number, `tuple` array."""
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "type" and isinstance(value, str):
            made.update(_typed(value))
        elif key in _NAMED and isinstance(value, dict):
            made[key] = {name: standard_schema(one) for name, one in value.items()}
        elif key in _INSIDE:
            made[key] = standard_schema(value)
        elif key in _LISTS and isinstance(value, list):
            made[key] = [standard_schema(one) for one in value]
        elif key in ("required", "optional") and not isinstance(value, list):
            continue  # a flag of the argument itself: said by the list of the object around it
        else:
            made[key] = value
    return made


def _typed(name: str) -> dict[str, Any]:
    if name in ("object", "array", "string", "number", "integer", "boolean", "null"):
        return {"type": name}
    found = type_schema(name)
    return dict(found) if found is not None else {"type": name}


def standard_messages(messages: list[Message], *, text_arguments: bool = False) -> list[Message]:
    """The messages with calls as `{id, type, function: {name, arguments}}` and each tool's answer under its call's id.

    Arguments are objects, as chat templates take them; with `text_arguments` JSON texts, as services take them.
    """
    made: list[Message] = []
    waiting: list[tuple[str, str]] = []
    number = 0
    for message in messages:
        calls = raw_calls(message)
        copy = {key: value for key, value in message.items() if key not in ("tool_calls", "function_call")}
        if message.get("role") == "assistant" and calls:
            copy["tool_calls"] = []
            for raw in calls:
                number += 1
                shaped = _call(raw, number, text_arguments)
                waiting.append((shaped["id"], shaped["function"]["name"]))
                copy["tool_calls"].append(shaped)
        elif message.get("role") == "tool":
            _name_answer(copy, waiting)
        made.append(copy)
    return made


def _call(raw: Any, number: int, text_arguments: bool) -> dict[str, Any]:
    read = read_call(raw, None)
    given = raw.get("id") if isinstance(raw, dict) else None
    arguments: Any = read.arguments if read.arguments is not None else {}
    if text_arguments:
        arguments = read.text if read.text is not None else msgspec.json.encode(arguments).decode()
    return {
        "id": given if isinstance(given, str) and given else f"call_{number}",
        "type": "function",
        "function": {"name": read.name, "arguments": arguments},
    }


def _name_answer(message: Message, waiting: list[tuple[str, str]]) -> None:
    """Give a tool's answer the id and the name of the call that it answers: its own, else the oldest that waits."""
    known = dict(waiting)
    given = message.get("tool_call_id")
    if not (isinstance(given, str) and given in known) and waiting:
        given = waiting[0][0]
    if isinstance(given, str):
        message["tool_call_id"] = given
        if given in known:
            message.setdefault("name", known[given])
            waiting.remove((given, known[given]))
