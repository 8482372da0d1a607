"""How the form of an answer is asked for, and what each server turned out to take.

A server that refuses a parameter (or a way to ask for JSON) is asked again without it, and the next calls know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from flywheel_tui.llm.protocol import Message, ParseMode

T = TypeVar("T")
_ABOUT_FORM = ("response_format", "json_schema", "json_object", "structured", "schema", "grammar", "format", "tool")
_NOT_TAKEN = ("support", "unknown", "unrecogni", "extra", "permitted", "allowed", "invalid", "deprecated", "unexpected")
_KEPT = 64
_OPTIONAL = ("temperature", "top_p", "seed", "stop", "max_tokens", "provider", "usage")


class OfSchema(Generic[T]):
    """What follows from a schema, worked out once: one schema goes with thousands of requests and is never changed."""

    def __init__(self, work: Callable[[Mapping[str, Any]], T]) -> None:
        self._work = work
        self._known: dict[int, tuple[Mapping[str, Any], T]] = {}

    def __call__(self, schema: Mapping[str, Any]) -> T:
        """What was worked out of this very object."""
        known = self._known.get(id(schema))
        # the schema is held beside its number, so that the number cannot pass to another object
        if known is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            known = self._known[id(schema)] = (schema, self._work(schema))
        return known[1]


class ServerMemory:
    """What one server has refused so far, per model."""

    def __init__(self, modes: tuple[ParseMode, ...]) -> None:
        self._modes = modes
        self._level: dict[str, int] = {}
        self._dropped: dict[str, frozenset[str]] = {}

    def mode(self, model: str, schema: Mapping[str, Any] | None) -> ParseMode:
        """How to ask this model for an answer of that form."""
        if schema is None:
            return "text"
        return self._modes[self._level.get(model, 0)]

    def dropped(self, model: str) -> frozenset[str]:
        """Parameters that this model does not take."""
        return self._dropped.get(model, frozenset())

    def learn(self, model: str, mode: ParseMode, complaint: str, sent: Mapping[str, Any]) -> bool:
        """Whether a refusal (status 400 or 422) teaches something, so that asking again at once is worth it."""
        complaint = complaint.lower()
        about_parameters = any(word in complaint for word in _NOT_TAKEN)
        for name in _OPTIONAL if about_parameters else ():
            if name in sent and name not in self.dropped(model) and re.search(rf"\b{name}\b", complaint):
                self._dropped[model] = self.dropped(model) | {name}
                return True
        if mode != "text" and any(word in complaint for word in _ABOUT_FORM):
            return self.step_down(model, mode)
        return False

    def step_down(self, model: str, mode: ParseMode) -> bool:
        """Ask in a plainer way from now on; False where there is none."""
        if mode not in self._modes:
            return False
        level = self._modes.index(mode) + 1
        if level >= len(self._modes):
            return False
        self._level[model] = max(self._level.get(model, 0), level)
        return True


_in_words = OfSchema(
    lambda schema: (
        "Answer with exactly one JSON object and nothing else. It must match this JSON schema:\n"
        + json.dumps(schema, ensure_ascii=False)
    )
)


def with_schema_in_words(messages: tuple[Message, ...], schema: Mapping[str, Any]) -> tuple[Message, ...]:
    """The messages with the wanted form told in words, at the end of the system prompt."""
    words = _in_words(schema)
    if messages and messages[0].role == "system":
        first = Message("system", f"{messages[0].content}\n\n{words}")
        return (first, *messages[1:])
    return (Message("system", words), *messages)


def is_strict(schema: Any) -> bool:
    """Whether a schema fits OpenAI's strict mode: every object closed, every property required."""
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
        return all(map(is_strict, properties.values()))
    return all(is_strict(value) for key, value in schema.items() if key not in ("enum", "const", "default", "examples"))


def looks_like_json(text: str) -> bool:
    """Whether an answer at least begins as a server that keeps to a schema would begin it."""
    return text.lstrip("\ufeff \t\r\n")[:1] in ("{", "`")
