"""Function calling: BFCL with its accepted calls, and one request with tools and the calls that answer it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from flywheel_tui.errors import InputError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.base import Layout, Row, RowError, layout
from flywheel_tui.stages.layouts.chat import last_request, messages_of
from flywheel_tui.stages.layouts.fields import as_text, build, first_of, json_value, looks_like_list, required_text
from flywheel_tui.stages.layouts.notes import Notes

_ANSWERS_BYTES = 64 << 20
_REQUESTS = ("query", "instruction", "question", "prompt")
_CALLS = ("answers", "expected_calls", "calls")


@layout(
    "bfcl",
    kind="tools",
    columns="id question function",
    example='{"id": "a_0", "question": [[{"role": "user", "content": "2 by 3?"}]], "function": [{"name": "area"}]}',
    rank=20,
)
class Bfcl(Layout):
    """The Berkeley function-calling rows.

    Where the folder `possible_answer` beside the file holds one of the same name, `body.expected_calls` has the calls
    that are right, each `{name, accepted: {argument: [values]}}`. Rows whose file is named `irrelevance` expect no
    call: none of the functions fits the question.
    """

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(file)
        self._answers = _possible_answers(file)
        self._nothing_fits = file is not None and "irrelevance" in file.name

    @classmethod
    def fits(cls, row: Row) -> bool:
        question = row.get("question")
        nested = type(question) is list and bool(question) and type(question[0]) is list
        return nested and "function" in row and "id" in row

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        turns = row.get("question")
        if type(turns) is not list or not turns or not all(type(turn) is list for turn in turns):
            raise RowError("question", "it is not a list of turns", 'write [[{"role": "user", "content": "…"}]]')
        messages = messages_of([message for turn in turns for message in turn], "question", line, notes)
        request = last_request(messages)
        if request is None:
            raise RowError("question", "no message is the user's", "add the request as a message with role user")
        body: dict[str, Any] = {"tools": _schemas(row, "function"), "messages": messages}
        if self._nothing_fits:
            body["expected_calls"] = []
        elif self._answers is not None:
            calls = self._answers.get(str(row.get("id")))
            if calls is None:
                notes.add("row", "without accepted calls in possible_answer", line)
            else:
                body["expected_calls"] = calls
        used = frozenset(("question", "function"))
        return [build(row, used, line, kind="tools", instruction=request, body=body)]


def _possible_answers(file: Path | None) -> dict[str, list[dict[str, Any]]] | None:
    """The accepted calls by the id of their row; None where there is no such file. Raises InputError for a bad one."""
    path = file.parent / "possible_answer" / file.name if file is not None else None
    if path is None or not path.is_file() or path.stat().st_size > _ANSWERS_BYTES:
        return None
    answers: dict[str, list[dict[str, Any]]] = {}
    for number, text in enumerate(path.read_bytes().splitlines(), 1):
        if not text.strip():
            continue
        try:
            row = msgspec.json.decode(text)
            answers[str(row["id"])] = [
                {"name": name, "accepted": arguments}
                for call in row["ground_truth"]
                for name, arguments in call.items()
            ]
        except (msgspec.DecodeError, UnicodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                "it is no row of accepted calls",
                file=str(path),
                line=number,
                remedy='write {"id": …, "ground_truth": [{"function": {"argument": [values]}}]}',
            ) from error
    return answers


def _schemas(row: Row, field: str) -> list[dict[str, Any]]:
    tools = json_value(row.get(field), field)
    if type(tools) is not list or not all(type(tool) is dict for tool in tools):
        raise RowError(field, "it is not a list of tool schemas", 'write [{"name": …, "parameters": {…}}]')
    return tools


@layout(
    "tool_calls",
    kind="tools",
    columns="query tools answers",
    example='{"query": "Rain in Rome?", "tools": [{"name": "rain"}], "answers": [{"name": "rain", "arguments": {}}]}',
    rank=35,
)
class ToolCalls(Layout):
    """One request, the tools at hand and the calls that are expected, each a list or the JSON text of one."""

    @classmethod
    def fits(cls, row: Row) -> bool:
        calls = first_of(row, _CALLS)
        asked = first_of(row, _REQUESTS)
        return bool(asked and calls) and looks_like_list(row.get("tools")) and looks_like_list(row.get(calls or ""))

    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        asked, called = first_of(row, _REQUESTS) or "query", first_of(row, _CALLS) or "answers"
        calls = json_value(row.get(called), called)
        if type(calls) is not list or not all(type(call) is dict and type(call.get("name")) is str for call in calls):
            raise RowError(called, "it is not a list of calls", 'write [{"name": "…", "arguments": {…}}]')
        request = required_text(row, asked, line, notes)
        body = {
            "tools": _schemas(row, "tools"),
            "messages": [{"role": "user", "content": request}],
            "expected_calls": calls,
        }
        output = as_text(row.get("output"), "output", line, notes)
        used = {asked, called, "tools", "output"}
        return [build(row, used, line, kind="tools", instruction=request, output=output, body=body)]
