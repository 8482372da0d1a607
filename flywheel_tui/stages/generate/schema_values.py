"""Values that fit a JSON Schema, made by rule: for the back end `offline`, which calls functions without a model."""

from __future__ import annotations

import random
import re
from typing import Any

from flywheel_tui.stages.aids.json_types import type_schema

_DEEPEST = 5
_PIECE = re.compile(r"(\[[^\]]+\]|\\.|[^\\\[\]{}+*?])(?:\{(\d+)(?:,\d*)?\}|[+*?])?")
_WORDS = (
    "garden",
    "kitchen",
    "report",
    "Lisbon",
    "Oslo",
    "blue",
    "tea",
    "paper",
    "winter",
    "bicycle",
    "music",
    "bread",
)
_PATTERNS = {
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}$": "2026-0{}-1{}",
    "^[0-2][0-9]:[0-5][0-9]$": "0{}:3{}",
    r"^\d{4}-\d{2}-\d{2}$": "2026-0{}-1{}",
}
_FORMATS = {
    "date": "2026-0{}-1{}", "time": "0{}:3{}:00", "date-time": "2026-0{}-1{}T10:00:00Z", "email": "a{}{}@example.org",
    "uri": "https://example.org/{}{}",
}  # fmt: skip


def value_for(schema: Any, chance: random.Random, name: str = "", depth: int = 0) -> Any:
    """A value for a schema: its default, example or one of its choices, else a plain one of its type."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return chance.choice(_WORDS)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        drawn = chance.choice(list(schema["enum"]))
        # some data sets write the choices of the elements beside the type of the list
        return [drawn] if schema.get("type") == "array" and not isinstance(drawn, list) else drawn
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return value_for(schema[key][0], chance, name, depth + 1)
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    known = type_schema(str(kind)) if kind is not None else None
    made = _MAKERS.get(str((known or {}).get("type", kind)), _text)
    return made(schema, chance, name, depth)


def _object(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    wanted = schema.get("required")
    required = [str(one) for one in wanted] if isinstance(wanted, list) else list(properties)
    extra = [one for one in properties if one not in required and chance.random() < 0.3]
    return {one: value_for(properties.get(one), chance, one, depth + 1) for one in [*required, *extra]}


def _array(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> list[Any]:
    least = schema.get("minItems", 1)
    count = max(least if isinstance(least, int) else 1, 1)
    items = schema.get("items")
    found: list[Any] = []
    for _ in range(count + 3):
        value = value_for(items, chance, name, depth + 1)
        if len(found) < count and (value not in found or not schema.get("uniqueItems")):
            found.append(value)
    return found


def _integer(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> int:
    low, high = schema.get("minimum"), schema.get("maximum")
    first = int(low) if isinstance(low, int | float) else int(schema.get("exclusiveMinimum", 0)) + 1
    last = int(high) if isinstance(high, int | float) else first + 40
    value = chance.randint(first, max(first, last))
    step = schema.get("multipleOf")
    return value - value % int(step) if isinstance(step, int) and step > 1 else value


def _number(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> float:
    low, high = schema.get("minimum"), schema.get("maximum")
    first = float(low) if isinstance(low, int | float) else 1.0
    last = float(high) if isinstance(high, int | float) else first + 40
    return float(round(first + (last - first) * chance.choice((0.25, 0.5, 0.75)), 2))


def _boolean(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> bool:
    return chance.random() < 0.5


def _text(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> str:
    if isinstance(schema.get("pattern"), str):
        return _PATTERNS.get(schema["pattern"], "").format(chance.randrange(1, 9), chance.randrange(0, 9)) or matching(
            schema["pattern"], chance
        )
    if shape := _FORMATS.get(str(schema.get("format", ""))):
        return shape.format(chance.randrange(1, 9), chance.randrange(0, 9))
    text = chance.choice(_WORDS)
    least, most = schema.get("minLength", 0), schema.get("maxLength", 200)
    return (text * (1 + int(least) // len(text)))[: max(int(most), 1)] if least or most < len(text) else text


def matching(pattern: str, chance: random.Random) -> str:
    """A text for a plain pattern: letters, classes, `\\d`, `\\w`, counts; groups and choices are beyond it."""
    made = []
    for token, least in _PIECE.findall(pattern.removeprefix("^").removesuffix("$")):
        count = int(least) if least.isdigit() else 1
        made += [_letter(token, chance) for _ in range(count)]
    return "".join(made)


def _letter(token: str, chance: random.Random) -> str:
    if token.startswith("["):
        inside = token[1:-1]
        ranges = re.findall(r"(.)-(.)", inside)
        letters = [chr(code) for low, high in ranges for code in range(ord(low), ord(high) + 1)]
        return chance.choice(letters or list(inside))
    return {"\\d": "7", "\\w": "a", "\\s": " ", ".": "a"}.get(token, token.removeprefix("\\"))


def _null(schema: dict[str, Any], chance: random.Random, name: str, depth: int) -> None:
    return None


_MAKERS: dict[str, Any] = {
    "object": _object, "array": _array, "integer": _integer, "number": _number, "boolean": _boolean, "string": _text,
    "null": _null,
}  # fmt: skip
