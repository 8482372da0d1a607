"""Trajectories of an assistant with tools: what a teacher wrote, held to the schemas and to the scenario."""

from __future__ import annotations

from typing import Any, NamedTuple

from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.aids.calls import read_call
from flywheel_tui.stages.aids.catalogue import Catalogue, catalogue_of
from flywheel_tui.stages.aids.grounding import Sources, ungrounded
from flywheel_tui.stages.aids.json_text import JsonFault, strict_json
from flywheel_tui.stages.generate.comparing import found_by_checks
from flywheel_tui.stages.generate.recipe import Rejected
from flywheel_tui.stages.generate.writing import TEXT, closed

CALL = closed(name=TEXT, arguments=TEXT)
TURN = closed(
    calls={"type": "array", "items": CALL, "minItems": 1, "maxItems": 8},
    results={"type": "array", "items": TEXT, "minItems": 1, "maxItems": 8},
)
TRAJECTORY = closed(turns={"type": "array", "items": TURN, "maxItems": 10}, answer=TEXT)


class Scenario(NamedTuple):
    """What happens in a trajectory: what is said to who writes the request, and to who writes the work."""

    name: str
    share: float
    request: str
    work: str


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("call", 0.45, "One function, called once, is enough for it.", "One call is enough."),
        Scenario("several", 0.2, "It needs several calls: of several functions, or of one with different arguments.",
                 "Several calls are needed, in one turn where none depends on another, else one after the other."),
        Scenario("recovery", 0.2, "One function is enough for it, but something about it can go wrong at first.",
                 "The first call returns an error as JSON with a key error. The assistant reads it and tries again in"
                 " another way that can work, or with another function; then it succeeds."),
        Scenario("no-tool", 0.15, "It is about the same matters, but none of the functions is needed or able to help.",
                 "No function is needed: there are no turns, only the answer."),
    )
}  # fmt: skip


def draft_of(request: str, tools: list[dict[str, Any]], written: dict[str, Any], scenario: str) -> Draft:
    """The pair of a trajectory, every call validated.

    Raises Rejected: `unknown_tool`, `bad_arguments` (no JSON object), `invalid_call` (the schema refuses it),
    `results_missing`, `bad_result`, `needless_call`, `no_call`, `one_call_only`, `no_recovery`, `ungrounded_answer` (a
    figure that stands in no result), `failed_check` (what `flywheel validate` would call an error).
    """
    catalogue = catalogue_of(tools)
    messages: list[dict[str, Any]] = [{"role": "user", "content": request}]
    results: list[str] = []
    number = 0
    for turn in written["turns"]:
        if len(turn["calls"]) != len(turn["results"]):
            raise Rejected("results_missing", f"{len(turn['calls'])} calls and {len(turn['results'])} results", request)
        calls, answers = [], []
        for call, result in zip(turn["calls"], turn["results"], strict=True):
            number += 1
            arguments = _arguments(call, catalogue)
            function = {"name": call["name"], "arguments": arguments}
            calls.append({"id": f"call_{number}", "type": "function", "function": function})
            answers.append(
                {"role": "tool", "tool_call_id": f"call_{number}", "name": call["name"], "content": _result(result)}
            )
            results.append(result)
        messages += [{"role": "assistant", "content": None, "tool_calls": calls}, *answers]
    answer = written["answer"].strip()
    _fits(scenario, messages, results)
    _grounded(answer, request, results)
    messages.append({"role": "assistant", "content": answer})
    body: dict[str, Any] = {"tools": tools, "messages": messages}
    if not results:
        body["expected_calls"] = []
    draft = Draft(kind="tools", instruction=request, output=answer, body=body)
    faults = [found for found in found_by_checks(draft, "tools", "schema") if found.severity == "error"]
    if faults:
        raise Rejected("failed_check", f"{faults[0].field}: {faults[0].message}", request)
    return draft


def _arguments(call: dict[str, str], catalogue: Catalogue) -> dict[str, Any]:
    if call["name"] not in catalogue.tools:
        raise Rejected("unknown_tool", f"there is no function {call['name'][:60]!r}", call["arguments"])
    read = read_call(call, catalogue)
    if not isinstance(read.arguments, dict):
        why = read.faults[0].message if read.faults else "they are no object"
        raise Rejected("bad_arguments", f"{call['name']}: {why}", call["arguments"])
    if errors := [fault for fault in read.faults if fault.severity == "error"]:
        raise Rejected("invalid_call", f"{call['name']}: {errors[0].message}", call["arguments"])
    return read.arguments


def _result(text: str) -> str:
    try:
        strict_json(text)
    except JsonFault as fault:
        raise Rejected("bad_result", f"the result of a call is no JSON: {fault.why}", text) from None
    return text


def is_error(result: str) -> bool:
    """Whether a result says that the call failed."""
    try:
        found = strict_json(result)
    except JsonFault:
        return False
    if not isinstance(found, dict):
        return False
    return bool(found.get("error")) or found.get("ok") is False or str(found.get("status", "")).lower() == "error"


def _fits(scenario: str, messages: list[dict[str, Any]], results: list[str]) -> None:
    if scenario == "no-tool":
        if results:
            raise Rejected("needless_call", f"{len(results)} calls where none is needed", str(messages[0]["content"]))
        return
    if not results:
        raise Rejected("no_call", "no function is called", str(messages[0]["content"]))
    if scenario == "several" and len(results) < 2:
        raise Rejected("one_call_only", "one call where several are needed", str(messages[0]["content"]))
    if scenario == "recovery":
        calls = [call["function"] for message in messages for call in message.get("tool_calls") or ()]
        if not is_error(results[0]):
            raise Rejected("no_recovery", "the first call does not fail", results[0])
        if len(results) < 2 or is_error(results[-1]) or calls[0] in calls[1:]:
            raise Rejected("no_recovery", "after the error nothing else is tried, or it never succeeds", results[-1])


def _grounded(answer: str, request: str, results: list[str]) -> None:
    if not results:
        return
    for claim in ungrounded(answer, Sources(results, request)):
        if claim.kind == "number":
            raise Rejected("ungrounded_answer", f"{claim.text[:60]} stands in no result and not in the request", answer)
