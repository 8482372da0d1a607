"""JSON Schema compiled to functions: fast, every fault with its place, and safe with a stranger's schema.

The vocabulary of draft 2020-12 (and the older spellings of `items`, `exclusiveMinimum` and `dependencies`) with the
type names of `json_types`. Patterns run on re2, which takes linear time; references are looked up inside the schema
only; the work of one validation is bounded. `format`, `unevaluated…` and references to elsewhere are not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote

from flywheel_tui.stages.aids import json_rules as rules
from flywheel_tui.stages.aids.json_rules import Budget, Check, Problem, TooMuch
from flywheel_tui.stages.aids.json_types import type_schema

MAX_NODES = 20_000
MAX_DEPTH = 60
_COUNTS = frozenset(
    ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")
)
_NUMBERS = frozenset(("minimum", "maximum", "multipleOf"))


class Schema(NamedTuple):
    """A compiled schema. `faults` are what is wrong with the schema itself, by their path in it."""

    faults: tuple[Problem, ...]
    check: Check
    budget: Budget

    def problems(self, value: Any) -> list[Problem]:
        """What the schema has against a value. Raises TooMuch where finding out costs too much."""
        self.budget.left = Budget.STEPS
        try:
            return self.check(value) or []
        except RecursionError:
            raise TooMuch("the schema goes round in circles") from None


def compiled(schema: Any, *, closed: bool = False) -> Schema:
    """Compile a schema; `closed` refuses what `properties` does not name where the schema says nothing of it."""
    compiler = _Compiler(schema)
    try:
        check = compiler.compile(schema, (), closed)
    except (RecursionError, TooMuch) as error:
        compiler.fault((), str(error) if isinstance(error, TooMuch) else "it is nested too deeply")
        check = rules.anything
    return Schema(tuple(compiler.faults), check, compiler.budget)


@lru_cache(maxsize=512)
def _pattern(source: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(source, options)


def _about_elements(node: dict[str, Any]) -> dict[str, Any]:
    """A list that is to be "one of" some texts: what its author meant are the elements."""
    items = node.get("items", {})
    meant = {key: value for key, value in node.items() if key != "enum"}
    return {**meant, "items": {**items, "enum": node["enum"]}} if type(items) is dict else meant


class _Compiler:
    def __init__(self, root: Any) -> None:
        self.root = root
        self.faults: list[Problem] = []
        self.budget = Budget()
        self.nodes = 0
        self._targets: dict[str, list[Check]] = {}

    def fault(self, path: tuple[str | int, ...], message: str) -> None:
        self.faults.append(Problem(path, message))

    def compile(self, node: Any, path: tuple[str | int, ...], closed: bool = False) -> Check:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:
            raise TooMuch("it is too large" if self.nodes > MAX_NODES else "it is nested too deeply")
        if node is True:
            return rules.anything
        if node is False:
            return rules.nothing
        if type(node) is not dict:
            self.fault(path, f"a schema is {rules.kind_of(node)}, not an object")
            return rules.anything
        if not node:
            return rules.anything
        for name in _COUNTS & node.keys():
            self._number(node[name], (*path, name), whole=True)
        for name in _NUMBERS & node.keys():
            self._number(node[name], (*path, name), whole=False)
        kinds, node = self._types(node, path)
        if kinds == ("array",) and type(node.get("enum")) is list and not any(type(v) is list for v in node["enum"]):
            node = _about_elements(node)
        parts = [*self._generic(node, path)]
        by_type = {
            dict: self._object(node, path, closed), list: self._array(node, path),
            str: self._string(node, path), int: self._numeric(node, path),
        }  # fmt: skip
        nullable = node.get("nullable") is True or ("default" in node and node["default"] is None)
        return rules.node(kinds, nullable, parts, {k: v for k, v in by_type.items() if v})

    # -- what a value may be -----------------------------------------------------------------------------------------

    def _types(self, node: dict[str, Any], path: tuple[str | int, ...]) -> tuple[tuple[str, ...] | None, Any]:
        named = node.get("type")
        if named is None:
            return None, node
        if type(named) is str and named in rules.TYPES:
            return (named,), node
        listed = named if type(named) is list else [named]
        found: list[str] = []
        for name in listed:
            fragment = type_schema(name) if type(name) is str else None
            if fragment is None:
                self.fault((*path, "type"), f"there is no type {rules.shown(name)}")
                return None, node
            if "type" not in fragment:
                return None, node
            inner = fragment["type"]
            found += inner if type(inner) is list else [inner]
            if "items" in fragment and "items" not in node:
                node = {**node, "items": fragment["items"]}
        if type(named) is list and not named:
            self.fault((*path, "type"), "the list of types is empty")
            return None, node
        return tuple(dict.fromkeys(found)), node

    def _generic(self, node: dict[str, Any], path: tuple[str | int, ...]) -> Iterable[Check]:
        if "enum" in node:
            values = node["enum"]
            if type(values) is list and values:
                yield rules.one_of(values)
            else:
                self.fault((*path, "enum"), "enum is not a list of values")
        if "const" in node:
            yield rules.one_of([node["const"]])
        for name, combine in (("allOf", rules.all_of), ("anyOf", rules.any_of), ("oneOf", rules.exactly_one)):
            if name in node:
                yield combine(self._list(node[name], (*path, name)), self.budget)
        if "not" in node:
            yield rules.none_of(self.compile(node["not"], (*path, "not")), self.budget)
        if "if" in node:
            yes, no = (
                self.compile(node[name], (*path, name)) if name in node else rules.anything for name in ("then", "else")
            )
            yield rules.either(self.compile(node["if"], (*path, "if")), yes, no, self.budget)
        if "$ref" in node:
            yield self._reference(node["$ref"], (*path, "$ref"))

    def _reference(self, pointer: Any, path: tuple[str | int, ...]) -> Check:
        if type(pointer) is not str:
            self.fault(path, "a reference is not a text")
            return rules.anything
        if not pointer.startswith("#") or (len(pointer) > 1 and pointer[1] != "/"):
            return rules.anything  # elsewhere: never fetched
        if pointer not in self._targets:
            target = self.root
            for part in pointer[2:].split("/") if len(pointer) > 2 else ():
                name = unquote(part).replace("~1", "/").replace("~0", "~")
                if type(target) is dict and name in target:
                    target = target[name]
                elif type(target) is list and name.isdecimal() and len(name) < 6 and int(name) < len(target):
                    target = target[int(name)]
                else:
                    self.fault(path, f"{rules.shown(pointer)} refers to nothing in the schema")
                    return rules.anything
            self._targets[pointer] = []
            self._targets[pointer].append(self.compile(target, path[-1:]))
        return rules.refer(self._targets[pointer], self.budget)

    # -- by the type of the value ------------------------------------------------------------------------------------

    def _object(self, node: dict[str, Any], path: tuple[str | int, ...], closed: bool) -> list[Check]:
        found: list[Check] = []
        properties = self._map(node, "properties", path)
        known = {name: self.compile(part, (*path, "properties", name)) for name, part in properties.items()}
        if required := self._required(node, properties, path):
            found.append(rules.required(required))
        patterns = []
        for source, part in self._map(node, "patternProperties", path).items():
            expression = self._expression(source, (*path, "patternProperties"))
            patterns.append((expression, self.compile(part, (*path, "patternProperties", source))))
        others: Check | None = None
        if "additionalProperties" in node:
            others = self.compile(node["additionalProperties"], (*path, "additionalProperties"))
        elif closed and "properties" in node and not ({"$ref", "allOf", "anyOf", "oneOf", "if"} & node.keys()):
            others = rules.nothing
        if any(expression is None for expression, _ in patterns):
            # what a pattern that cannot be run would have allowed must not be refused
            others = None
        usable = [(expression, part) for expression, part in patterns if expression is not None]
        if known or usable or others is not None:
            found.append(rules.members(known, usable, others))
        if "propertyNames" in node:
            found.append(rules.names(self.compile(node["propertyNames"], (*path, "propertyNames"))))
        low, high = self._limits(node, "minProperties", "maxProperties")
        if low is not None or high is not None:
            found.append(rules.size(low, high, "arguments"))
        for name in ("dependentRequired", "dependencies"):
            for key, wanted in self._map(node, name, path).items():
                if type(wanted) is list and all(type(one) is str for one in wanted):
                    found.append(rules.depends(key, rules.required(tuple(wanted))))
                elif name == "dependencies":
                    found.append(rules.depends(key, self.compile(wanted, (*path, name, key))))
        for key, wanted in self._map(node, "dependentSchemas", path).items():
            found.append(rules.depends(key, self.compile(wanted, (*path, "dependentSchemas", key))))
        return found

    def _required(
        self, node: dict[str, Any], properties: dict[str, Any], path: tuple[str | int, ...]
    ) -> tuple[str, ...]:
        named = node.get("required", [])
        if type(named) is bool:
            named = []  # the spelling of draft 3: it is about the argument itself
        if type(named) is not list or not all(type(one) is str for one in named):
            self.fault((*path, "required"), "required is not a list of names")
            named = []
        own = [name for name, part in properties.items() if type(part) is dict and part.get("required") is True]
        return tuple(dict.fromkeys([*named, *own]))

    def _array(self, node: dict[str, Any], path: tuple[str | int, ...]) -> list[Check]:
        found: list[Check] = []
        first, rest = node.get("prefixItems"), node.get("items")
        if type(rest) is list:
            first, rest = rest, node.get("additionalItems")
        heads = self._list(first, (*path, "prefixItems")) if first is not None else []
        tail = self.compile(rest, (*path, "items")) if rest is not None else None
        if heads or (tail is not None and tail is not rules.anything):
            found.append(rules.elements(heads, tail))
        low, high = self._limits(node, "minItems", "maxItems")
        if low is not None or high is not None:
            found.append(rules.size(low, high, "elements"))
        if node.get("uniqueItems") is True:
            found.append(rules.unique)
        if "contains" in node:
            low, high = self._limits(node, "minContains", "maxContains")
            part = self.compile(node["contains"], (*path, "contains"))
            found.append(rules.contains(part, 1 if low is None else low, high, self.budget))
        return found

    def _string(self, node: dict[str, Any], path: tuple[str | int, ...]) -> list[Check]:
        found: list[Check] = []
        low, high = self._limits(node, "minLength", "maxLength")
        if low is not None or high is not None:
            found.append(rules.size(low, high, "characters"))
        if "pattern" in node:
            expression = self._expression(node["pattern"], (*path, "pattern"))
            if expression is not None:
                found.append(rules.matches(expression, node["pattern"]))
        return found

    def _numeric(self, node: dict[str, Any], path: tuple[str | int, ...]) -> list[Check]:
        low, high = (value if rules.is_number(value := node.get(name)) else None for name in ("minimum", "maximum"))
        over, under = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
        if over is True:
            over, low = low, None
        if under is True:
            under, high = high, None
        limits = (low, high, over if rules.is_number(over) else None, under if rules.is_number(under) else None)
        found = [rules.between(*limits)] if any(limit is not None for limit in limits) else []
        step = node.get("multipleOf")
        if rules.is_number(step) and step > 0:
            found.append(rules.multiple(step))
        return found

    # -- parts of a schema -------------------------------------------------------------------------------------------

    def _map(self, node: dict[str, Any], name: str, path: tuple[str | int, ...]) -> dict[str, Any]:
        value = node.get(name)
        if type(value) is dict:
            return value
        if value is not None:
            self.fault((*path, name), f"{name} is {rules.kind_of(value)}, not an object")
        return {}

    def _list(self, value: Any, path: tuple[str | int, ...]) -> list[Check]:
        if type(value) is not list:
            self.fault(path, f"{path[-1]} is {rules.kind_of(value)}, not a list of schemas")
            return []
        return [self.compile(part, (*path, index)) for index, part in enumerate(value)]

    def _number(self, value: Any, path: tuple[str | int, ...], *, whole: bool) -> None:
        if not rules.is_number(value) or (whole and (value < 0 or value != int(value))):
            self.fault(path, f"{path[-1]} is {rules.shown(value)}, not a {'count' if whole else 'number'}")

    @staticmethod
    def _limits(node: dict[str, Any], low: str, high: str) -> tuple[float | None, float | None]:
        first, last = (value if rules.is_number(value := node.get(name)) else None for name in (low, high))
        return first, last

    def _expression(self, source: Any, path: tuple[str | int, ...]) -> Callable[[str], Any] | None:
        """The search of a pattern; None for one that re2 does not take (look-around, back-references)."""
        if type(source) is not str:
            self.fault(path, "a pattern is not a text")
            return None
        if len(source) > 2_000:
            return None
        try:
            search: Callable[[str], Any] = _pattern(source).search
        except Exception as error:
            # re2 has one class of error for every pattern that it does not take
            if type(error).__module__.partition(".")[0] not in ("re2", "_re2"):
                raise
            return None
        return search
