"""What rows are made from besides pairs: taxonomies, constitutions, catalogues of tools, each a file with a version.

They are looked up by name (`taxonomies/NAME.yaml` in the workspace, else the shipped one) or by path, checked whole
with file, line and field in every error, and kept in the store in the version that was used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from flywheel_tui.errors import NotFoundError
from flywheel_tui.resources import shipped
from flywheel_tui.stages.aids.catalogue import catalogue_of
from flywheel_tui.stages.yaml_file import Document, PathInFile, load_yaml
from flywheel_tui.store import ingredients

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

T = TypeVar("T", bound="Taxonomy | Constitution | ToolCatalogue")
Fault = tuple[PathInFile, str, str]
FOLDERS = {"taxonomy": "taxonomies", "constitution": "constitutions", "catalogue": "catalogues"}


class Topic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that people ask about."""

    description: str
    subtopics: tuple[str, ...] = ()


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A style, a persona or a kind of edge case."""

    name: str
    description: str


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A difficulty with its share of the rows."""

    name: str
    description: str
    share: float


class Edges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Inputs that are off on purpose, and their share of the rows (10 to 15 % is usual)."""

    share: float
    kinds: tuple[Named, ...]


class Taxonomy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The grid that rows shall fill: topics × styles × difficulty, and edge cases beside it."""

    name: str
    version: int
    topics: dict[str, Topic]
    styles: tuple[Named, ...]
    difficulty: tuple[Level, ...]
    description: str = ""
    edge_cases: Edges | None = None

    def faults(self) -> Iterator[Fault]:
        """What cannot be meant: path, what is wrong, what would be right."""
        for field in ("topics", "styles", "difficulty"):
            if not getattr(self, field):
                yield (field,), "it is empty", "name at least one"
        total = math.fsum(level.share for level in self.difficulty)
        if self.difficulty and abs(total - 1) > 1e-6:
            yield ("difficulty",), f"the shares add up to {total:g}", "make them add up to 1"
        for number, level in enumerate(self.difficulty):
            if not 0 < level.share <= 1:
                yield ("difficulty", number, "share"), f"{level.share:g} is no share", "write one above 0"
        if self.edge_cases is not None and not 0 <= self.edge_cases.share < 1:
            yield ("edge_cases", "share"), f"{self.edge_cases.share:g} is no share", "write a number such as 0.12"
        yield from _unique("styles", [style.name for style in self.styles])
        yield from _unique("difficulty", [level.name for level in self.difficulty])


class Principle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A rule that answers are held to: what to look for, and what to make of it."""

    id: str
    critique: str
    revise: str


class Constitution(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Written principles. An answer is criticised under one of them and revised."""

    name: str
    version: int
    principles: tuple[Principle, ...]
    description: str = ""

    def faults(self) -> Iterator[Fault]:
        """What cannot be meant."""
        if not self.principles:
            yield ("principles",), "it is empty", "write at least one principle"
        yield from _unique("principles", [one.id for one in self.principles])
        for number, one in enumerate(self.principles):
            for name in ("critique", "revise"):
                if not getattr(one, name).strip():
                    yield ("principles", number, name), "it is empty", "say it in a sentence"


class ToolCatalogue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Functions with the JSON Schemas of their arguments, and what people ask for who need them (or none of them)."""

    name: str
    version: int
    tools: tuple[dict[str, Any], ...]
    requests: tuple[str, ...] = ()
    no_tool_requests: tuple[str, ...] = ()
    description: str = ""

    def faults(self) -> Iterator[Fault]:
        """What cannot be meant; schemas are compiled."""
        if not self.tools:
            yield ("tools",), "it is empty", "describe at least one function"
        names = [str(tool.get("name", "")) for tool in self.tools]
        yield from _unique("tools", names)
        for number, tool in enumerate(self.tools):
            if not isinstance(tool.get("parameters"), dict):
                yield ("tools", number, "parameters"), "there is no JSON Schema", "write type: object and properties"
        for fault in catalogue_of(list(self.tools)).faults:
            if fault.severity == "error":
                yield ("tools", fault.number), f"{fault.path}: {fault.message}".lstrip(": "), "mend the schema"


def _unique(field: str, names: list[str]) -> Iterator[Fault]:
    for number, name in enumerate(names):
        if not name.strip() or name in names[:number]:
            yield (field, number), f"the name {name!r} is empty or used twice", "give each its own"


def load_taxonomy(workspace: Workspace, name: str) -> Taxonomy:
    """The taxonomy of that name or path. Raises NotFoundError, InputError."""
    return _load(workspace, "taxonomy", name, Taxonomy)


def load_constitution(workspace: Workspace, name: str) -> Constitution:
    """The constitution of that name or path. Raises NotFoundError, InputError."""
    return _load(workspace, "constitution", name, Constitution)


def load_catalogue(workspace: Workspace, name: str) -> ToolCatalogue:
    """The catalogue of that name or path. Raises NotFoundError, InputError."""
    return _load(workspace, "catalogue", name, ToolCatalogue)


def object_files(workspace: Workspace, kind: str) -> dict[str, Path]:
    """The files of a kind by name: those of the workspace, else the shipped ones."""
    found: dict[str, Path] = {}
    for folder in (shipped(FOLDERS[kind]), workspace.root / FOLDERS[kind]):
        found |= {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    return found


def _load(workspace: Workspace, kind: str, name: str, type: type[T]) -> T:
    if "/" in name or name.endswith((".yaml", ".yml")):
        path = Path(name)
    else:
        files = object_files(workspace, kind)
        if name not in files:
            raise NotFoundError(kind, name, sorted(files))
        path = files[name]
    found, _ = read_object_file(path, type)
    if not workspace.store.read_only:
        ingredients.keep(workspace.store, kind, found.name, found.version, hash_of(found), msgspec.to_builtins(found))
    return found


def read_object_file(path: Path, type: type[T]) -> tuple[T, Document]:
    """A file, read and checked. Raises InputError with file, line and field."""
    found, document = load_yaml(path, type)
    for place, message, remedy in found.faults():
        raise document.fault(place, message, remedy)
    return found, document


def hash_of(found: Taxonomy | Constitution | ToolCatalogue) -> str:
    """A hash over what it says."""
    return blake2b(msgspec.json.Encoder(order="sorted").encode(found), digest_size=16).hexdigest()
