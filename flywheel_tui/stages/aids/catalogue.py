"""The tools of a pair, compiled once for each different list: data sets repeat the same few lists in every row."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any, NamedTuple

import msgspec

from flywheel_tui.stages.aids.json_rules import kind_of
from flywheel_tui.stages.aids.json_schema import Schema, compiled
from flywheel_tui.stages.aids.json_types import says_optional

LARGEST = 1_000_000
"""A list of tools whose JSON has more bytes than this is not compiled."""
_REMEMBERED = 8 << 20
"""Bytes of JSON whose compiled form is kept."""
_encode = msgspec.json.Encoder().encode
_ABOUT_TYPES = frozenset(("type", "properties", "$ref", "allOf", "anyOf", "oneOf", "enum", "not", "if", "$defs"))


class ToolFault(NamedTuple):
    """What is wrong with a tool itself: its number in the list, the path inside it, a sentence."""

    number: int
    path: str
    message: str
    severity: str = "error"


class Catalogue(NamedTuple):
    """Tools by name; `schema` is None for one that does not say what it takes."""

    tools: dict[str, Schema | None]
    faults: tuple[ToolFault, ...]
    too_large: bool = False


class _Memory:
    """The catalogues last used, by their JSON, bounded by the bytes of that JSON."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Catalogue] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: bytes) -> Catalogue | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def keep(self, key: bytes, value: Catalogue) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self._bytes += len(key)
            while self._bytes > _REMEMBERED and len(self._kept) > 1:
                self._bytes -= len(self._kept.popitem(last=False)[0])


_MEMORY = _Memory()


def catalogue_of(tools: list[Any]) -> Catalogue:
    """The compiled tools of a list in any of the usual shapes (OpenAI, Anthropic, BFCL, name to argument)."""
    key = _encode(tools)
    found = _MEMORY.get(key)
    if found is None:
        found = _compiled(tools) if len(key) <= LARGEST else Catalogue({}, (), too_large=True)
        _MEMORY.keep(key if len(key) <= LARGEST else b"", found)
    return found


def _compiled(tools: list[Any]) -> Catalogue:
    made: dict[str, Schema | None] = {}
    faults: list[ToolFault] = []
    for index, tool in enumerate(tools):
        inner = function_of(tool)
        name = inner.get("name")
        if type(name) is not str or not name:
            continue  # the check `schema` says so
        if name in made:
            faults.append(ToolFault(index, "name", f"two tools have the name {name[:60]!r}"))
        parameters = parameters_of(inner)
        if parameters is None:
            made.setdefault(name, None)
            continue
        if type(parameters) is not dict:
            faults.append(ToolFault(index, "parameters", f"the parameters are {kind_of(parameters)}, not an object"))
            made.setdefault(name, None)
            continue
        schema = compiled(parameters, closed=True)
        for problem in schema.faults[:5]:
            where = ".".join(["parameters", *[str(part)[:60] for part in problem.path]])
            faults.append(ToolFault(index, where, problem.message))
        faults += [ToolFault(index, "parameters", *said) for said in _doubts(parameters)]
        made.setdefault(name, schema)
    return Catalogue(made, tuple(faults))


def _doubts(parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """What no schema forbids, and nobody can have meant."""
    wanted, properties = parameters.get("required"), parameters.get("properties")
    if type(wanted) is not list or type(properties) is not dict or not properties:
        return []
    lost = [name for name in wanted if type(name) is str and name not in properties]
    return [(f"{lost[0][:60]!r} is required, and the schema does not describe it", "warning")] if lost else []


def function_of(tool: Any) -> dict[str, Any]:
    """The part of a tool that has its name and parameters."""
    inner = tool.get("function", tool) if type(tool) is dict else None
    return inner if type(inner) is dict else {}


def parameters_of(function: dict[str, Any]) -> Any:
    """The schema of the arguments of a tool in one shape; None where it does not say."""
    for name in ("parameters", "input_schema", "inputSchema", "arguments"):
        if name in function:
            found = function[name]
            break
    else:
        return None
    if type(found) is list and all(type(one) is dict and type(one.get("name")) is str for one in found):
        found = {one["name"]: one for one in found}
    if type(found) is dict and found and not (_ABOUT_TYPES & found.keys() and not _is_flat(found)):
        return _from_flat(found) if _is_flat(found) else found
    return found


def _is_flat(parameters: dict[str, Any]) -> bool:
    """Whether the parameters are arguments by name, without the object around them."""
    if type(parameters.get("properties")) is dict or not isinstance(parameters.get("type", {}), dict):
        return False
    return all(type(one) is dict and ("type" in one or "description" in one) for one in parameters.values())


def _from_flat(arguments: dict[str, Any]) -> dict[str, Any]:
    wanted = [
        name
        for name, one in arguments.items()
        if "default" not in one
        and one.get("required") is not False
        and one.get("optional") is not True
        and not (type(one.get("type")) is str and says_optional(one["type"]))
    ]
    return {"type": "object", "properties": arguments, "required": wanted}
