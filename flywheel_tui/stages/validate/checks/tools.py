"""`tools`: tool schemas, calls against them, and calls against the ones that are expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flywheel_tui.stages.aids.calls import Read, raw_calls, read_call, tagged_calls
from flywheel_tui.stages.aids.catalogue import Catalogue, catalogue_of, function_of, parameters_of
from flywheel_tui.stages.aids.expected_calls import match_calls
from flywheel_tui.stages.aids.json_rules import Problem, TooMuch
from flywheel_tui.stages.aids.json_schema import Schema
from flywheel_tui.stages.aids.json_text import JsonFault, strict_json
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check

_ALTERNATIVES = 20


@check
class Tools(Check):
    """Schemas of tools that are none, calls that their schema refuses, calls that are not the expected ones."""

    name = "tools"
    kinds = ("tools", "trace")
    about = "calls that break the tool's JSON Schema, wrong schemas, calls other than the expected ones"

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        found: list[Found] = []
        for row in rows:
            if row.has_body:
                _look(row, row.body, found)
        return found


def _look(row: Candidate, body: dict[str, Any], found: list[Found]) -> None:
    tools = body.get("tools")
    catalogue = None
    if type(tools) is list and tools:
        catalogue = catalogue_of(tools)
        for fault in catalogue.faults:
            found.append(
                Found(row.id, fault.severity, f"body.tools[{fault.number}].{fault.path}", None, None, fault.message)
            )
        if catalogue.too_large:
            found.append(Found(row.id, "warning", "body.tools", None, None, "the list of tools is too large to check"))
    last = _conversation(row, body, catalogue, found)
    expected = body.get("expected_calls")
    if type(expected) is list:
        _expected(row, body, expected, last, catalogue, found)


def _conversation(
    row: Candidate, body: dict[str, Any], catalogue: Catalogue | None, found: list[Found]
) -> list[Read] | None:
    """Look at the calls of every message; the calls of the last turn that makes any (None: nobody answers)."""
    messages = body.get("messages")
    last: list[Read] | None = None
    ids: dict[str, str] = {}
    for index, message in enumerate(messages if type(messages) is list else ()):
        if type(message) is not dict:
            continue
        role = message.get("role")
        if role == "tool":
            found += _result(row, message, index, ids)
        if role != "assistant":
            continue
        calls = raw_calls(message)
        if not calls:
            read = _tagged(row, f"body.messages[{index}].content", message.get("content"), catalogue, found)
            last = read or last or []
            continue
        single = "" if message.get("tool_calls") else f"body.messages[{index}].function_call"
        last = []
        for number, raw in enumerate(calls):
            read_one = read_call(raw, catalogue)
            last.append(read_one)
            field = single or f"body.messages[{index}].tool_calls[{number}]"
            if read_one.faults:
                found += _said(row, field, read_one)
            name = raw.get("id") if type(raw) is dict else None
            if type(name) is str and name:
                if name in ids and ids[name] is not None:
                    again = f"the id {name[:60]!r} is that of a call before"
                    found.append(Found(row.id, "error", f"{field}.id", None, None, again))
                ids[name] = read_one.name
    if row.output and "<tool_call>" in row.output and type(messages) is not list:
        last = _tagged(row, "output", row.output, catalogue, found) or last
    return last


def _said(row: Candidate, field: str, read: Read) -> Iterator[Found]:
    for fault in read.faults:
        where = f"{field}.{read.part}"
        if fault.part == "name":
            where = f"{where.rpartition('.')[0]}.name"
        start, end = fault.span or (None, None)
        yield Found(row.id, fault.severity, where, start, end, f"{read.name[:60]}: {fault.message}")


def _result(row: Candidate, message: dict[str, Any], index: int, ids: dict[str, str]) -> Iterator[Found]:
    """A tool's answer under another name than that of the call it belongs to (`schema` counts the answers)."""
    called = ids.get(str(message.get("tool_call_id")))
    name = message.get("name")
    if called is not None and type(name) is str and name and name != called:
        say = f"the answer is from {name[:60]!r}, the call was of {called[:60]!r}"
        yield Found(row.id, "error", f"body.messages[{index}].name", None, None, say)


def _tagged(row: Candidate, field: str, content: Any, catalogue: Catalogue | None, found: list[Found]) -> list[Read]:
    """Calls that stand in the text of an answer between tags."""
    calls: list[Read] = []
    if type(content) is not str or "<tool_call>" not in content:
        return calls
    for start, end, text in tagged_calls(content):
        try:
            raw = strict_json(text.strip())
        except JsonFault as error:
            found.append(Found(row.id, "error", field, start, end, f"the call is not JSON: {error.why}"))
            continue
        read = read_call(raw, catalogue)
        calls.append(read)
        for fault in read.faults:
            found.append(Found(row.id, fault.severity, field, start, end, f"{read.name[:60]}: {fault.message}"))
    return calls


def _expected(
    row: Candidate, body: dict[str, Any], expected: list[Any], made: list[Read] | None,
    catalogue: Catalogue | None, found: list[Found],
) -> None:  # fmt: skip
    wanted = [read_call(raw, catalogue) for raw in expected]
    calls = [{"name": read.name, "arguments": read.arguments} for read in made or ()]
    if made and [(read.name, read.arguments) for read in wanted] == [(one["name"], one["arguments"]) for one in calls]:
        return  # the reader copied them from the last turn: what is wrong there has been said
    for number, read in enumerate(wanted):
        field = f"body.expected_calls[{number}]"
        if read.part == "accepted":
            found += _accepted(row, field, read, catalogue)
        elif read.faults:
            found += _said(row, field, read)
    if made is None or any(read.faults for read in made):
        return
    if not made and wanted and row.output:
        return  # the answer after the calls is all that is there: nothing to compare
    match = match_calls([_as_expected(read) for read in wanted], calls, _schemas(body))
    for problem in match.problems:
        found.append(Found(row.id, "error", "body.messages", None, None, f"not the expected calls: {problem}"))


def _as_expected(read: Read) -> dict[str, Any]:
    return {"name": read.name, "accepted" if read.part == "accepted" else "arguments": read.arguments}


def _schemas(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for tool in body.get("tools") or ():
        inner = function_of(tool)
        if type(inner.get("name")) is str and type(parameters := parameters_of(inner)) is dict:
            found[inner["name"]] = parameters
    return found


def _accepted(row: Candidate, field: str, read: Read, catalogue: Catalogue | None) -> Iterator[Found]:
    """Accepted values that the schema refuses: an expected call that nobody could make."""
    where = f"{field}.accepted"
    if type(read.arguments) is not dict:
        yield Found(row.id, "error", where, None, None, "the accepted arguments are no object")
        return
    if catalogue is None:
        return
    if read.name not in catalogue.tools:
        if not catalogue.too_large:
            say = f"{read.name[:60]}: no such tool; there are: {', '.join(list(catalogue.tools)[:8]) or 'none'}"
            yield Found(row.id, "error", f"{field}.name", None, None, say)
        return
    schema = catalogue.tools[read.name]
    never = [name for name, options in read.arguments.items() if options == []]
    for name in never:
        say = f"{read.name[:60]}: no value is accepted for {name[:60]!r}: no call can be right"
        yield Found(row.id, "error", where, None, None, say)
    if schema is None or never:
        return
    for problem in _refused(read.arguments, schema):
        path = ".".join(str(part)[:60] for part in problem.path)
        message = f"{read.name[:60]}: {path}: {problem.message}" if path else f"{read.name[:60]}: {problem.message}"
        yield Found(row.id, "error", where, None, None, message)


def _refused(accepted: dict[str, Any], schema: Schema) -> list[Problem]:
    """What the schema has against every call that would be accepted."""
    call = one_accepted(accepted)
    try:
        problems = schema.problems(call)
        for name in {str(problem.path[0]) for problem in problems if problem.path} & accepted.keys():
            for other in _others(call, name, accepted[name]):
                if not any(problem.path[:1] == (name,) for problem in schema.problems(other)):
                    call = other
                    break
        return schema.problems(call) if problems else []
    except TooMuch:
        return []


def _others(call: dict[str, Any], name: str, options: Any) -> Iterator[dict[str, Any]]:
    """The call with the other values accepted for an argument, and without it where it may be left out."""
    listed = options if type(options) is list else []
    for option in listed[1:_ALTERNATIVES]:
        if option != "":
            yield {**call, name: one_of_accepted(option)}
    if "" in listed:
        yield {key: value for key, value in call.items() if key != name}


def one_accepted(accepted: dict[str, Any]) -> dict[str, Any]:
    """The call that takes the first accepted value of each argument; one that can only be left out is."""
    made: dict[str, Any] = {}
    for name, options in accepted.items():
        values = [option for option in options if option != ""] if type(options) is list else [options]
        if values:
            made[name] = one_of_accepted(values[0])
    return made


def one_of_accepted(option: Any) -> Any:
    """A value out of an accepted one: the members of an accepted object are lists of accepted values."""
    if type(option) is dict and all(type(options) is list and options for options in option.values()):
        return one_accepted(option)
    return [one_of_accepted(one) for one in option] if type(option) is list else option
