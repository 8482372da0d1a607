"""Which texts of a pair a person can edit, and what an edit of them changes."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from flywheel_tui.records.pair import PairView

LARGEST = 200_000
"""Characters of a text that can be edited on the screen; longer ones go to an editor."""


class EditField(NamedTuple):
    """A text: its name (a field of the pair, or `rejected` of its body), the title shown, and what it says now."""

    name: str
    title: str
    text: str


_TITLES = {
    "sft": ("response", "context", "instruction"),
    "preference": ("answer a", "context", "prompt"),
    "kto": ("completion", "context", "prompt"),
    "prompt": ("response", "context", "prompt"),
    "tools": ("final answer", "context", "request"),
    "rag": ("answer", "context", "question"),
    "reasoning": ("answer", "context", "question"),
    "trace": ("last answer", "context", "request"),
    "document": ("summary", "text", "title"),
}


def edit_fields(pair: PairView) -> tuple[EditField, ...]:
    """The texts of a pair, the response first; context only where there is one."""
    answer, context, asked = _TITLES.get(pair.kind, _TITLES["sft"])
    fields = [EditField("output", answer, pair.output or "")]
    if isinstance(rejected := pair.body.get("rejected"), str):
        fields.append(EditField("rejected", "answer b", rejected))
    if isinstance(reasoning := pair.body.get("reasoning"), str):
        fields.append(EditField("reasoning", "reasoning", reasoning))
    fields.append(EditField("instruction", asked, pair.instruction))
    if pair.input is not None:
        fields.append(EditField("input", context, pair.input))
    if pair.kind in ("prompt", "document") and pair.output is None:
        fields = [*fields[1:], fields[0]]
    return tuple(fields)


def edited(pair: PairView, texts: dict[str, str]) -> dict[str, object]:
    """The fields of a new version, {} where nothing changes.

    A conversation that holds the changed text as its last request or answer is changed along with it.
    """
    changes: dict[str, object] = {}
    body: dict[str, Any] = {}
    for name, text in texts.items():
        if name in ("rejected", "reasoning"):
            if pair.body.get(name) != text:
                body = body or copy.deepcopy(pair.body)
                body[name] = text
        elif name in ("output", "input", "instruction") and (getattr(pair, name) or "") != text:
            changes[name] = text
            body = _follow(body or pair.body, name, getattr(pair, name), text) or body
    if body:
        changes["body"] = body
    return changes


def _follow(body: dict[str, Any], name: str, before: str | None, text: str) -> dict[str, Any]:
    """The body with the last message that says the same changed too; {} where there is none."""
    role = {"output": "assistant", "instruction": "user"}.get(name)
    messages = body.get("messages")
    if role is None or before is None or not isinstance(messages, list):
        return {}
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if isinstance(message, dict) and message.get("role") == role and message.get("content") == before:
            made = copy.deepcopy(body)
            made["messages"][at]["content"] = text
            return made
    return {}
