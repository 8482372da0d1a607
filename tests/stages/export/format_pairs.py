"""Pairs of every kind, as the tests of formats use them."""

from __future__ import annotations

from typing import Any

from flywheel_tui.records.pair import Draft

WEATHER = {
    "name": "get.weather",
    "description": "Weather of a city",
    "parameters": {"type": "dict", "properties": {"city": {"type": "string"}, "days": {"type": "float"}},
                   "required": ["city"]},
}  # fmt: skip


def call(name: str, arguments: Any, id: str = "c1") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def trajectory(number: int) -> list[dict[str, Any]]:
    """A request, a call with its arguments as JSON text, the tool's answer, the final answer."""
    return [
        {"role": "user", "content": f"Weather in town {number}?"},
        {"role": "assistant", "content": None, "tool_calls": [call("get.weather", f'{{"city": "town {number}"}}')]},
        {"role": "tool", "tool_call_id": "c1", "content": '{"sun": true}'},
        {"role": "assistant", "content": f"Sunny in town {number}."},
    ]


def tools(count: int = 12) -> list[Draft]:
    return [
        Draft(kind="tools", instruction=f"Weather in town {number}?", output=f"Sunny in town {number}.",
              body={"tools": [WEATHER], "messages": trajectory(number)})
        for number in range(count)
    ]  # fmt: skip


def rag(count: int = 12) -> list[Draft]:
    chunks = [{"id": "a", "title": "Hours", "text": "We open at nine.", "gold": True}, {"id": "b", "text": "Rain."}]
    return [
        Draft(kind="rag", instruction=f"When do you open, shop {number}?", output="At nine [a].",
              body={"chunks": chunks, "citations": ["a"]})
        for number in range(count)
    ]  # fmt: skip


def reasoning(count: int = 12) -> list[Draft]:
    return [
        Draft(kind="reasoning", instruction=f"What is {number} plus 1?", output=f"It is {number + 1}.",
              body={"reasoning": f"{number} + 1 = {number + 1}", "final": str(number + 1)})
        for number in range(count)
    ]  # fmt: skip


def preferences(count: int = 12) -> list[Draft]:
    return [
        Draft(kind="preference", instruction=f"Name colour {number}.", output="Blue it is.", body={"rejected": "No."})
        for number in range(count)
    ]


def judged(count: int = 12) -> list[Draft]:
    return [
        Draft(kind="kto", instruction=f"Name colour {number}.", output="Blue.", body={"desirable": number % 2 == 0})
        for number in range(count)
    ]


def talks(count: int = 12) -> list[Draft]:
    """Conversations of two turns with a system message."""
    made = []
    for number in range(count):
        messages = [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": f"Hello {number}"},
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": f"And you, {number}?"},
            {"role": "assistant", "content": "Fine."},
        ]
        body = {"messages": messages}
        made.append(Draft(instruction=f"And you, {number}?", output="Fine.", body=body))
    return made
