"""Names of types as data sets write them: JSON Schema's own, Python's, Java's, and `list[int], optional`."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "string": "string", "str": "string", "text": "string", "char": "string", "character": "string",
    "varchar": "string", "uuid": "string", "url": "string", "date": "string", "datetime": "string", "time": "string",
    "integer": "integer", "int": "integer", "int32": "integer", "int64": "integer", "long": "integer",
    "short": "integer", "byte": "integer", "bigint": "integer",
    "number": "number", "float": "number", "double": "number", "decimal": "number", "numeric": "number",
    "boolean": "boolean", "bool": "boolean",
    "object": "object", "dict": "object", "dictionary": "object", "map": "object", "mapping": "object",
    "hashmap": "object", "hashtable": "object",
    "array": "array", "list": "array", "tuple": "array", "set": "array", "sequence": "array", "arraylist": "array",
    "linkedlist": "array", "queue": "array", "stack": "array",
    "null": "null", "none": "null", "nonetype": "null",
}  # fmt: skip
_ANYTHING = frozenset(("any", "object | any", "mixed", "callable", "function", "unknown", ""))
_LONGEST = 200


def type_schema(name: str, depth: int = 0) -> dict[str, Any] | None:
    """The JSON Schema of a type's name ({} allows everything); None where nobody knows the name.

    `str, optional` is `str`; `list[int]` has items; `Optional[x]`, `Union[a, b]` and `a | b` allow each.
    """
    plain = name.strip()
    if len(plain) > _LONGEST or depth > 4:
        return {}
    lowered = plain.lower()
    head, comma, tail = lowered.rpartition(",")
    if comma and tail.strip() in ("optional", "required"):
        return type_schema(plain[: len(head)], depth)
    if lowered in _NAMES:
        return {"type": _NAMES[lowered]}
    if lowered in _ANYTHING:
        return {}
    if "|" in plain and "[" not in plain:
        return _either(plain.split("|"), depth)
    outer, bracket, inner = plain.partition("[")
    if not bracket or not inner.endswith("]"):
        return None
    return _generic(outer.strip().lower(), inner[:-1], depth)


def says_optional(name: str) -> bool:
    """Whether the name of a type says that the argument may be left out (`int, optional`)."""
    lowered = name.lower()
    return lowered.rstrip().endswith("optional") or lowered.lstrip().startswith("optional[")


def _generic(outer: str, inner: str, depth: int) -> dict[str, Any] | None:
    if outer == "optional":
        return _either([inner, "null"], depth)
    if outer == "union":
        return _either(_parts(inner), depth)
    if outer == "literal":
        return {}
    kind = _NAMES.get(outer)
    if kind is None:
        return None
    if kind == "array" and outer != "tuple":
        items = type_schema(inner, depth + 1)
        return {"type": "array", "items": items} if items else {"type": "array"}
    return {"type": kind}


def _either(names: list[str], depth: int) -> dict[str, Any] | None:
    schemas = [type_schema(name, depth + 1) for name in names]
    if any(schema is None for schema in schemas):
        return None
    if any(not schema for schema in schemas):
        return {}
    if all(set(schema or ()) == {"type"} for schema in schemas):
        return {"type": [schema["type"] for schema in schemas if schema]}
    return {"anyOf": schemas}


def _parts(text: str) -> list[str]:
    """The parts between commas that are in no brackets."""
    parts, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character == "[") - (character == "]")
        if character == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]
