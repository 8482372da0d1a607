"""Tool calls against the JSON Schemas of the tools.

The schemas come with the data, so nothing in them may cost or fetch: references are never looked up outside the
schema, and `pattern` and `format` are left out (a regular expression of a stranger can run for ever).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

LARGEST = 100_000
"""Arguments or schemas with more characters than this are not checked."""
_PROBLEMS = 5
_NAMES = {"dict": "object", "float": "number", "double": "number", "tuple": "array", "list": "array", "str": "string"}
"""Names of types that data sets use and JSON Schema does not know."""


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
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("name"), str):
            parameters = inner.get("parameters", inner.get("input_schema"))
            found[inner["name"]] = parameters if isinstance(parameters, dict) else {}
    return found


def calls_in(message: Any, schemas: dict[str, dict[str, Any]]) -> list[Call]:
    """The calls of one message (or of a list of calls), each checked."""
    if isinstance(message, dict):
        raw = message.get("tool_calls") or ([message["function_call"]] if message.get("function_call") else [])
    else:
        raw = message
    return [_checked(call, schemas) for call in raw] if isinstance(raw, list) else []


def _checked(raw: Any, schemas: dict[str, dict[str, Any]]) -> Call:
    call = raw.get("function", raw) if isinstance(raw, dict) else {}
    if not isinstance(call, dict):
        call = {"name": str(call), "arguments": raw.get("arguments")}
    name = str(call.get("name", "?"))
    arguments = call.get("arguments", call.get("parameters"))
    if isinstance(arguments, str):
        shown = arguments
        try:
            arguments = msgspec.json.decode(arguments)
        except msgspec.DecodeError as error:
            return Call(name=name, arguments=shown, problems=(f"the arguments are not JSON: {error}",))
    else:
        shown = msgspec.json.encode(arguments).decode()
    if name not in schemas:
        known = ", ".join(list(schemas)[:8])
        return Call(name=name, arguments=shown, problems=(f"no such tool; there are: {known or 'none'}",))
    schema = msgspec.json.encode(schemas[name])
    if len(shown) > LARGEST or len(schema) > LARGEST:
        return Call(name=name, arguments=shown, checked=False)
    problems = tuple(_problems(arguments, schema))
    return Call(name=name, arguments=shown, problems=problems)


def _problems(arguments: Any, schema: bytes) -> Iterator[str]:
    """What a schema has against some arguments, at most a few sentences."""
    from jsonschema.exceptions import SchemaError

    try:
        validator = _validator(schema)
        errors = sorted(validator.iter_errors(arguments), key=lambda error: [str(part) for part in error.path])
    except SchemaError as error:
        yield f"the tool's own schema is off: {error.message[:200]}"
        return
    except RecursionError:
        yield "the tool's own schema goes round in circles"
        return
    except Exception as error:
        # whatever a stranger's schema makes a validator do, a pair must still be shown
        yield f"the tool's own schema cannot be used ({type(error).__name__})"
        return
    for found in errors[:_PROBLEMS]:
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found.path).lstrip(".")
        yield f"{where}: {found.message[:200]}" if where else found.message[:200]
    if len(errors) > _PROBLEMS:
        yield f"and {len(errors) - _PROBLEMS} more"


@lru_cache(maxsize=64)
def _validator(schema: bytes) -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend
    from referencing import Registry

    def ignore(validator: Any, value: Any, instance: Any, whole: Any) -> Iterator[Any]:
        yield from ()

    plain = extend(Draft202012Validator, {"pattern": ignore, "patternProperties": ignore, "format": ignore})
    parsed = _usual(msgspec.json.decode(schema))
    if _has_patterns(parsed):
        # what a pattern would have allowed must not be refused by the rule about other names
        plain = extend(plain, {"additionalProperties": ignore, "unevaluatedProperties": ignore})
    plain.check_schema(parsed)
    return plain(parsed, registry=Registry())


def _has_patterns(schema: Any) -> bool:
    if isinstance(schema, dict):
        return "patternProperties" in schema or any(_has_patterns(value) for value in schema.values())
    return isinstance(schema, list) and any(_has_patterns(value) for value in schema)


def _usual(schema: Any) -> Any:
    """A schema with the usual names of types; `any` and unknown types allow everything."""
    if isinstance(schema, list):
        return [_usual(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        key: value if key in ("enum", "const", "default", "examples") else _usual(value)
        for key, value in schema.items()
    }
    kind = made.get("type")
    if isinstance(kind, str):
        made["type"] = _NAMES.get(kind.lower(), kind)
        if kind.lower() == "any":
            del made["type"]
    return made
