"""`schema`: what a pair of each kind must hold, and the order of turns in a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flywheel_tui.records.pair import KINDS
from flywheel_tui.stages.validate.base import Candidate, Check, Found, check
from flywheel_tui.text import normalise

ROLES = ("system", "developer", "user", "assistant", "tool")
Said = tuple[str, str | None, str]
"""(severity, field, message)"""


@check
class Schema(Check):
    """Empty and missing parts, wrong types, unknown roles, broken turns, calls without an answer."""

    name = "schema"
    about = "empty or missing parts, wrong types, unknown roles, broken turn order"

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        return [
            Found(row.id, severity, field, None, None, message)
            for row in rows
            for severity, field, message in _faults(row)
        ]


def _blank(text: str | None) -> bool:
    return not text or text.isspace()


def _faults(row: Candidate) -> Iterator[Said]:
    if row.kind not in KINDS:
        yield "error", "kind", f"there is no kind {row.kind[:40]!r}"
        return
    if _blank(row.instruction):
        what = {"rag": "question", "document": "title"}.get(row.kind, "instruction")
        severity = "warning" if row.kind == "document" else "error"
        yield severity, "instruction", f"the {what} is empty"
    body = row.body if row.has_body else {}
    if row.has_body:
        row.meta  # noqa: B018 (reading it finds out whether it can be read)
    if row.unreadable:
        yield "error", row.unreadable.partition(" ")[0], row.unreadable
        return
    yield from _OF_KIND[row.kind](row, body)
    if "messages" in body:
        yield from _messages(row, body["messages"])


def _answer(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    if row.output is None:
        yield "error", "output", "there is no answer"
    elif _blank(row.output):
        yield "error", "output", "the answer is empty"


def _same(a: str, b: str) -> bool:
    return a == b or normalise(a).casefold() == normalise(b).casefold()


def _sft(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    yield from _answer(row, body)
    if row.output and not row.output.isspace() and len(row.output) > 20 and _same(row.output, row.instruction):
        yield "warning", "output", "the answer only repeats the instruction"


def _preference(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    yield from _answer(row, body)
    rejected = body.get("rejected")
    if rejected is None:
        yield "error", "body.rejected", "there is no rejected answer"
    elif not isinstance(rejected, str):
        yield "error", "body.rejected", f"the rejected answer is {_type(rejected)}, not a text"
    elif _blank(rejected):
        yield "error", "body.rejected", "the rejected answer is empty"
    elif row.output and _same(row.output, rejected):
        yield "error", "body.rejected", "chosen and rejected are the same: nothing can be learnt from the pair"


def _kto(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    yield from _answer(row, body)
    if not isinstance(body.get("desirable"), bool):
        yield "error", "body.desirable", f"desirable is {_type(body.get('desirable'))}, not true or false"


def _prompt(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    return iter(())


def _tools(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    tools = body.get("tools")
    if tools is None:
        yield "error", "body.tools", "there is no list of tools"
    elif not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        yield "error", "body.tools", "tools is not a list of schemas"
    elif not tools:
        yield "error", "body.tools", "the list of tools is empty"
    else:
        for index, tool in enumerate(tools):
            function = tool.get("function", tool)
            if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
                yield "error", f"body.tools[{index}]", "a tool has no name"
    if row.output is None and not body.get("expected_calls") and not body.get("messages"):
        yield "error", "output", "there is neither an answer nor a call"


def _rag(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    if row.output is not None and _blank(row.output):
        yield "error", "output", "the answer is empty"
    chunks = body.get("chunks")
    if not isinstance(chunks, list) or not chunks:
        yield "error", "body.chunks", "there are no chunks" if not chunks else "chunks is not a list of passages"
        return
    seen: set[str] = set()
    for index, chunk in enumerate(chunks):
        field = f"body.chunks[{index}]"
        if not isinstance(chunk, dict):
            yield "error", field, f"a chunk is {_type(chunk)}, not an object with id and text"
            continue
        if not isinstance(chunk.get("text"), str) or _blank(chunk["text"]):
            yield "error", f"{field}.text", "the chunk has no text"
        name = str(chunk.get("id"))
        if name in seen:
            yield "error", f"{field}.id", f"two chunks have the id {name[:60]!r}"
        seen.add(name)
    if "citations" in body and not isinstance(body["citations"], list):
        yield "error", "body.citations", f"citations is {_type(body['citations'])}, not a list"


def _reasoning(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    yield from _answer(row, body)
    for name, severity in (("reasoning", "warning"), ("final", "warning")):
        value = body.get(name)
        if value is None:
            yield severity, f"body.{name}", f"there is no {'reasoning' if name == 'reasoning' else 'final answer'}"
        elif isinstance(value, str) and _blank(value):
            yield "error", f"body.{name}", f"the {'reasoning' if name == 'reasoning' else 'final answer'} is empty"
        elif not isinstance(value, (str, int, float)) or isinstance(value, bool):
            yield "error", f"body.{name}", f"{name} is {_type(value)}, not a text"


def _trace(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    if not body.get("messages"):
        yield "error", "body.messages", "there are no messages"


def _document(row: Candidate, body: dict[str, Any]) -> Iterator[Said]:
    if _blank(row.input):
        yield "error", "input", "the document is empty"


_OF_KIND: dict[str, Callable[[Candidate, dict[str, Any]], Iterator[Said]]] = {
    "sft": _sft, "preference": _preference, "kto": _kto, "prompt": _prompt, "tools": _tools, "rag": _rag,
    "reasoning": _reasoning, "trace": _trace, "document": _document,
}  # fmt: skip


def _type(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "missing"}
    return names.get(type(value), "a number")


def _messages(row: Candidate, messages: Any) -> Iterator[Said]:
    """Roles, contents and order. A tool's answer follows the call; user and assistant take turns."""
    if not isinstance(messages, list) or not messages:
        yield "error", "body.messages", "messages is not a list of messages" if messages else "there are no messages"
        return
    before = ""
    waiting: dict[str, int] = {}
    for index, message in enumerate(messages):
        field = f"body.messages[{index}]"
        if not isinstance(message, dict):
            yield "error", field, f"a message is {_type(message)}, not an object"
            continue
        role = message.get("role")
        if role not in ROLES:
            yield "error", f"{field}.role", f"unknown role {str(role)[:40]!r}; known are {', '.join(ROLES)}"
            continue
        yield from _content(message, role, f"{field}.content", row)
        yield from _order(index, role, before, field)
        yield from _calls(message, role, before, waiting, field)
        before = role
    last = messages[-1]
    if waiting and not (isinstance(last, dict) and last.get("tool_calls")):
        name, index = next(iter(waiting.items()))
        yield "error", f"body.messages[{index}].tool_calls", f"the call {name[:60]!r} is never answered"
    if row.kind == "sft" and before == "user":
        yield "error", f"body.messages[{len(messages) - 1}]", "the conversation ends with the user: there is no answer"


def _content(message: dict[str, Any], role: str, field: str, row: Candidate) -> Iterator[Said]:
    content = message.get("content")
    if content is None or content == "":
        if not (role == "assistant" and message.get("tool_calls")) and not (role == "tool" and content == ""):
            # the answer itself is reported as `output`
            if content == row.output and role == "assistant":
                return
            yield "error", field, f"the message of the {role} is empty"
    elif not isinstance(content, str):
        yield "error", field, f"the content is {_type(content)}, not a text"
    elif content.isspace() and content != row.output and content != row.instruction:
        yield "error", field, f"the message of the {role} is empty"


def _order(index: int, role: str, before: str, field: str) -> Iterator[Said]:
    if role in ("system", "developer"):
        if before and before not in ("system", "developer"):
            yield "warning", field, f"a {role} message in the middle of the conversation"
    elif role == "assistant" and before in ("", "system", "developer"):
        yield "warning", field, "the conversation starts with the assistant"
    elif role == before and role in ("user", "assistant"):
        yield "warning", field, f"two turns of the {role} in a row"
    elif role == "user" and before == "tool":
        yield "warning", field, "the assistant says nothing after the tool's answer"


def _calls(message: dict[str, Any], role: str, before: str, waiting: dict[str, int], field: str) -> Iterator[Said]:
    """Calls wait for the answers of their tools; `waiting` holds those that have none yet."""
    if role == "tool":
        if before not in ("assistant", "tool"):
            yield "error", field, "a tool answers though nothing was called"
        name = message.get("tool_call_id")
        if isinstance(name, str) and name in waiting:
            del waiting[name]
        elif isinstance(name, str) and waiting and not any(key.startswith("#") for key in waiting):
            yield "error", f"{field}.tool_call_id", f"no call has the id {name[:60]!r}"
        elif waiting:
            del waiting[next(iter(waiting))]
        return
    calls = message.get("tool_calls")
    if calls is None:
        return
    if role != "assistant":
        yield "error", f"{field}.tool_calls", f"only the assistant calls tools, not the {role}"
    if not isinstance(calls, list):
        yield "error", f"{field}.tool_calls", f"tool_calls is {_type(calls)}, not a list"
        return
    for number, call in enumerate(calls):
        if not isinstance(call, dict):
            yield "error", f"{field}.tool_calls[{number}]", f"a call is {_type(call)}, not an object"
            continue
        name = call.get("id")
        waiting[name if isinstance(name, str) and name else f"#{field}.{number}"] = int(field[14:-1])
