"""What a check is: it looks at pairs and says what is wrong, where, and how badly. It reads and writes nothing else.

A check that looks at one pair at a time implements `look`; one that compares pairs (`compares = True`) is fed all of
them with `feed` and answers with `finish`. One file per check in `checks/`, registered by `@check`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any, ClassVar, NamedTuple

import msgspec

from flywheel_tui.errors import UsageError

SEVERITIES = ("info", "warning", "error")
_decode = msgspec.json.Decoder().decode


class Candidate:
    """One pair as the checks see it. `body` and `meta` are decoded at first use: most checks need neither.

    `id` is the version that is looked at (findings point at it), `texts` gives every text of the pair with the path of
    its field: `instruction`, `input`, `output`, `body.rejected`, `body.reasoning`, `body.messages[2].content`,
    `body.chunks[1].text`. Spans count characters of the original text of that field. A message that only repeats the
    instruction or the answer is not given again: what is wrong there is said once, of `instruction` or `output`.
    """

    __slots__ = (
        "_body", "_body_json", "_meta", "_meta_json", "category", "id", "input", "instruction", "kind", "output",
        "status", "unreadable",
    )  # fmt: skip

    def __init__(
        self,
        id: int,
        kind: str,
        instruction: str,
        input: str | None = None,
        output: str | None = None,
        body: str | None = None,
        meta: str | None = None,
        status: str = "open",
        category: str | None = None,
    ) -> None:
        self.id, self.kind, self.instruction, self.input, self.output = id, kind, instruction, input, output
        self._body_json, self._meta_json, self.status = body, meta, status
        self.category = category
        self._body: dict[str, Any] | None = None
        self._meta: dict[str, Any] | None = None
        self.unreadable: str | None = None
        """Why `body` or `meta` cannot be read (they are empty then); `schema` says so to people."""

    @property
    def body(self) -> dict[str, Any]:
        if self._body is None:
            self._body = self._object("body", self._body_json)
        return self._body

    @property
    def meta(self) -> dict[str, Any]:
        if self._meta is None:
            self._meta = self._object("meta", self._meta_json)
        return self._meta

    @property
    def has_body(self) -> bool:
        """Whether there is a body at all, without reading it."""
        return self._body_json is not None

    def _object(self, name: str, text: str | None) -> dict[str, Any]:
        if not text:
            return {}
        try:
            value = _decode(text)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            self.unreadable = f"{name} cannot be read: {type(error).__name__}: {str(error)[:200]}"
            return {}
        if type(value) is dict:
            return value
        self.unreadable = f"{name} is no JSON object"
        return {}

    def texts(self) -> Iterator[tuple[str, str]]:
        """`(path of the field, text)` of every text that a person would read."""
        if self.instruction:
            yield "instruction", self.instruction
        if self.input:
            yield "input", self.input
        if self.output:
            yield "output", self.output
        if self._body_json:
            shown = (self.instruction, self.output)
            for path, text in _body_texts(self.body):
                if text not in shown or not path.startswith("body.messages["):
                    yield path, text

    def answers(self) -> Iterator[tuple[str, str]]:
        """`(path, text)` of what a model would learn to say: answers, reasoning, the turns of the assistant."""
        if self.output:
            yield "output", self.output
        if self._body_json:
            body = self.body
            for name in ("rejected", "reasoning"):
                value = body.get(name)
                if isinstance(value, str) and value:
                    yield f"body.{name}", value
            messages = body.get("messages")
            for index, message in enumerate(messages if isinstance(messages, list) else ()):
                if isinstance(message, dict) and message.get("role") == "assistant":
                    value = message.get("content")
                    if isinstance(value, str) and value and value != self.output:
                        yield f"body.messages[{index}].content", value


def _body_texts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("rejected", "reasoning", "final"):
        value = body.get(name)
        if isinstance(value, str) and value:
            yield f"body.{name}", value
    for name, field in (("messages", "content"), ("chunks", "text")):
        items = body.get(name)
        if isinstance(items, list):
            for index, item in enumerate(items):
                value = item.get(field) if isinstance(item, dict) else None
                if isinstance(value, str) and value:
                    yield f"body.{name}[{index}].{field}", value


class Found(NamedTuple):
    """One finding. `start` and `end` are None where it is about the whole field or pair.

    `cluster` groups pairs that belong together (duplicates): the id of the pair that is kept.
    """

    pair: int
    severity: str
    field: str | None
    start: int | None
    end: int | None
    message: str
    cluster: int | None = None


class Check:
    """A registered check. A changed `version` makes every pair be looked at again.

    `kinds` are those it fits (empty: all; it is only given pairs of these); `default` says whether it runs without
    being named; `options` are the settings it takes with their defaults (part of what is remembered: other options
    look at every pair again). An option named `policy` is given the workspace's PII policy (strict, warn, off).

    The engine gives a check each new version once; where `look` or `feed` raises, it is asked again row by row, and
    the row at fault gets a finding: `feed` must take a row that it was given before as the same row.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    kinds: ClassVar[tuple[str, ...]] = ()
    default: ClassVar[bool] = True
    compares: ClassVar[bool] = False
    about: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}
    reads_labels: bool = False
    """Whether its answer depends on labels (a check that compares): then new labels make it look again."""

    def __init__(self, **options: Any) -> None:
        """Raises UsageError for an option that it does not know, MissingExtraError where a package is missing."""
        if unknown := set(options) - set(self.options):
            known = ", ".join(sorted(self.options)) or "none"
            raise UsageError(f"check {self.name} has no option {sorted(unknown)[0]!r}; there are: {known}")
        self.settings: dict[str, Any] = self.options | options

    def look(self, rows: Sequence[Candidate]) -> Iterable[Found]:
        """What is wrong with these pairs, each for itself."""
        return ()

    def feed(self, rows: Sequence[Candidate]) -> None:
        """Take in some of the pairs to compare (checks with `compares`)."""

    def finish(self) -> Iterable[Found]:
        """What is wrong with the pairs taken in, seen together; called once, after the last `feed`."""
        return ()

    def figures(self) -> dict[str, Any]:
        """Numbers about the data set as a whole, for the report; asked after `finish`. Must be JSON."""
        return {}

    def tick(self) -> None:
        """Call it now and then in a long `finish`: it raises Cancelled where somebody asked to stop."""


CHECKS: dict[str, type[Check]] = {}


def check(cls: type[Check]) -> type[Check]:
    """Register a check under its name."""
    CHECKS[cls.name] = cls
    return cls


def load_checks(external: bool = False) -> dict[str, type[Check]]:
    """Import every check of this package, and those of other packages with `external`."""
    package = import_module("flywheel_tui.stages.validate.checks")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    if external:
        for point in entry_points(group="flywheel_tui.checks"):
            point.load()
    return CHECKS


def named_checks(names: Sequence[str]) -> list[type[Check]]:
    """The checks with these names. Raises UsageError that lists the known ones."""
    for external in (False, True):
        known = load_checks(external)
        missing = [name for name in names if name not in known]
        if not missing:
            return [known[name] for name in names]
    raise UsageError(f"there is no check {missing[0]!r}; use some of: {', '.join(sorted(CHECKS))}")
