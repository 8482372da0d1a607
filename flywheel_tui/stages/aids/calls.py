"""Tool calls against the JSON Schemas of the tools: one reading for the screen that shows them and the check.

The schemas come with the data, so nothing in them may cost or fetch (`json_schema` sees to that).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.stages.aids.catalogue import Catalogue, catalogue_of, function_of, parameters_of
from flywheel_tui.stages.aids.json_rules import TooMuch, kind_of
from flywheel_tui.stages.aids.json_text import JsonFault, strict_json, value_span

LARGEST = 1_000_000
"""Arguments with more characters than this are not checked."""
_PROBLEMS = 5
_NO_TOOLS = Catalogue({}, ())


class CallFault(NamedTuple):
    """What is wrong with a call. `part` is "name" or "arguments"; the span counts characters of the argument text."""

    part: str
    message: str
    severity: str = "error"
    span: tuple[int, int] | None = None


class Read(NamedTuple):
    """A call as it was read: `arguments` is their value (None where it cannot be had), `text` where they are text."""

    name: str
    arguments: Any
    text: str | None
    faults: tuple[CallFault, ...]
    checked: bool = True
    part: str = "arguments"
    """The path of the arguments inside the call as it was given."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call as it is to be shown; `problems` are sentences, `checked` is false where there is no schema to go by."""

    name: str
    arguments: str
    problems: tuple[str, ...] = ()
    checked: bool = True


def schemas_of(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The parameters of each tool by its name; those that are not described as such are left out."""
    found: dict[str, dict[str, Any]] = {}
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        inner = function_of(tool)
        if isinstance(inner.get("name"), str):
            parameters = parameters_of(inner)
            found[inner["name"]] = parameters if isinstance(parameters, dict) else {}
    return found


def raw_calls(message: Any) -> list[Any]:
    """The calls of one message (or a list of calls) as they are in the data."""
    if isinstance(message, dict):
        calls = message.get("tool_calls") or ([message["function_call"]] if message.get("function_call") else [])
    else:
        calls = message
    return calls if isinstance(calls, list) else []


def calls_in(message: Any, schemas: dict[str, dict[str, Any]]) -> list[Call]:
    """The calls of one message (or of a list of calls), each checked."""
    calls = raw_calls(message)
    if not calls:
        return []
    tools = [{"name": name, "parameters": schema} for name, schema in schemas.items()]
    catalogue = catalogue_of(tools) if tools else _NO_TOOLS
    return [_shown(call, catalogue) for call in calls]


def _shown(raw: Any, catalogue: Catalogue) -> Call:
    read = read_call(raw, catalogue)
    text = read.text if read.text is not None else msgspec.json.encode(read.arguments).decode()
    problems = tuple(fault.message for fault in read.faults)
    return Call(name=read.name, arguments=text, problems=problems, checked=read.checked)


def read_call(raw: Any, catalogue: Catalogue | None) -> Read:
    """One call in any of the usual shapes, held against the catalogue (None: only its JSON is looked at)."""
    outer = raw if isinstance(raw, dict) else {}
    call = outer.get("function", outer)
    part = "function.arguments" if "function" in outer else "arguments"
    if not isinstance(call, dict):
        call, part = {"name": str(call), "arguments": outer.get("arguments")}, "arguments"
    name = call.get("name")
    if not isinstance(name, str) or not name:
        return Read("?", None, "", (CallFault("name", "the call names no tool"),), part=part)
    if "arguments" not in call and "accepted" in call:
        return Read(name, call["accepted"], None, (), checked=False, part="accepted")
    key = next((key for key in ("arguments", "parameters", "input", "args") if key in call), "arguments")
    part = part.replace("arguments", key)
    value, text, fault = _arguments(call.get(key))
    if fault is not None:
        return Read(name, None, text, (fault,), part=part)
    if catalogue is None:
        return Read(name, value, text, (), checked=False, part=part)
    if name not in catalogue.tools:
        if catalogue.too_large:
            return Read(name, value, text, (), checked=False, part=part)
        known = ", ".join(one[:60] for one in list(catalogue.tools)[:8])
        return Read(name, value, text, (CallFault("name", f"no such tool; there are: {known or 'none'}"),), part=part)
    faults, checked = _against(value, text, name, catalogue)
    return Read(name, value, text, tuple(faults), checked=checked, part=part)


def _arguments(given: Any) -> tuple[Any, str | None, CallFault | None]:
    """The value of the arguments, their text where they are one, and what is wrong with that text."""
    if given is None:
        return {}, None, None
    if not isinstance(given, str):
        if isinstance(given, dict):
            return given, None, None
        return None, None, CallFault("arguments", f"the arguments are {kind_of(given)}, not an object")
    if not given.strip():
        return {}, given, None
    if len(given) > LARGEST:
        return None, given, CallFault("arguments", f"arguments of {len(given):,} characters are not checked", "warning")
    try:
        value = strict_json(given)
    except JsonFault as error:
        span = None if error.at is None else (min(error.at, len(given) - 1), min(error.at + 1, len(given)))
        return None, given, CallFault("arguments", f"the arguments are not JSON: {error.why}", "error", span)
    if isinstance(value, dict):
        return value, given, None
    what = "JSON text inside a JSON text" if isinstance(value, str) else f"{kind_of(value)}, not an object"
    return None, given, CallFault("arguments", f"the arguments are {what}")


def _against(value: Any, text: str | None, name: str, catalogue: Catalogue) -> tuple[list[CallFault], bool]:
    schema = catalogue.tools[name]
    if schema is None:
        return [], False
    try:
        problems = schema.problems(value)
    except TooMuch:
        return [], False
    faults = []
    for problem in problems[:_PROBLEMS]:
        where = "".join(f"[{one}]" if isinstance(one, int) else f".{one[:60]}" for one in problem.path).lstrip(".")
        span = value_span(text, str(problem.path[0])) if text is not None and problem.path else None
        faults.append(CallFault("arguments", f"{where}: {problem.message}" if where else problem.message, span=span))
    if len(problems) > _PROBLEMS:
        faults.append(CallFault("arguments", f"and {len(problems) - _PROBLEMS} more"))
    return faults, True


def tagged_calls(text: str) -> Iterator[tuple[int, int, str]]:
    """Calls written into a text between `<tool_call>` and `</tool_call>`: start, end and the JSON between."""
    at = 0
    while (start := text.find("<tool_call>", at)) >= 0:
        inner = start + len("<tool_call>")
        end = text.find("</tool_call>", inner)
        if end < 0:
            yield start, len(text), text[inner:]
            return
        yield inner, end, text[inner:end]
        at = end
