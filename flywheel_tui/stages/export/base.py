"""What an exporter is: the kinds it takes, how it turns a pair into a record, and how records become a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, BinaryIO, ClassVar, NamedTuple, Protocol

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.records.pair import KINDS
from flywheel_tui.store.export_rows import ExportRow

ENTRY_POINTS = "flywheel_tui.exporters"
ALL_KINDS = frozenset(KINDS)


class LeftOut(NamedTuple):
    """A pair that the format cannot (or must not) hold, and why; counted and reported, never silent."""

    reason: str


class Options(NamedTuple):
    """What a person asked of the format itself."""

    raw: bool = False
    edits_as_preferences: bool = False
    array: bool = False
    """One JSON array in place of one object a line: files whose name ends in .json."""
    messages: bool = False
    """Prompts and answers as lists of messages throughout, so that the trainer applies its chat template."""
    dataset: str = "data"
    """The name of the data set, for formats that name it."""


class Extra(NamedTuple):
    """A file that a format needs beside its data. `merges`: it holds what was there already, so it may be replaced."""

    name: str
    content: bytes
    merges: bool = False


class Written(NamedTuple):
    """One part of the data as it was written: its name in the split (`""` without one), its files, its rows."""

    part: str
    files: tuple[str, ...]
    pairs: int


class Sink(Protocol):
    """Takes records in batches; `close` writes what the format needs at its end (the file itself stays open)."""

    def write(self, records: Sequence[Any]) -> None: ...

    def close(self) -> None: ...


class Exporter(ABC):
    """One export of one format.

    `kinds` are the kinds it takes; pairs of others are left out and counted by the caller. `wants` names what the rows
    must be given besides (`preferences`, `originals`). With `surveys`, `survey` sees every row before the first
    `convert`, for formats whose shape depends on all of them.
    """

    name: ClassVar[str]
    suffix: ClassVar[str]
    about: ClassVar[str]
    kinds: frozenset[str] = ALL_KINDS
    total: ClassVar[bool] = False
    """Takes every pair: `convert` never gives a LeftOut."""
    wants: frozenset[str] = frozenset()
    surveys: bool = False
    takes: frozenset[str] = frozenset()
    """The options it understands, of `raw`, `edits_as_preferences` and `messages`."""
    folder: ClassVar[bool] = False
    """Its files lie in a folder of their own: `data/`, a card README.md, the manifest."""
    shard_rows: ClassVar[int | None] = None
    """How many rows go to one file of a folder."""
    generated: int = 0
    """How many of the rows that were written a recipe made: known once everything is written."""

    def __init__(self, options: Options, sources: dict[int, str]) -> None:
        self.options, self.sources = options, sources
        for option in ("raw", "edits_as_preferences", "messages"):
            if getattr(options, option) and option not in self.takes:
                able = ", ".join(name for name, other in EXPORTERS.items() if option in other.takes)
                flag = "--" + option.replace("_", "-")
                raise UsageError(f"{flag} means nothing to the format {self.name}; it is for: {able}")

    def survey(self, rows: Sequence[ExportRow]) -> None:
        """Look at rows that will come; only called where `surveys` says so."""
        return

    @classmethod
    def holding(cls, inner: type[Exporter]) -> type[Exporter]:
        """This folder with the records of another format in it. Raises UsageError where it takes none."""
        raise UsageError(f"{cls.name} does not hold the format {inner.name}")

    @abstractmethod
    def convert(self, row: ExportRow) -> Any:
        """The record of a pair, or a LeftOut."""

    @abstractmethod
    def open(self, file: BinaryIO) -> Sink:
        """A sink on a file open for writing."""

    def notes(self) -> list[str]:
        """What a person should know about how it was written, once it was."""
        return []

    def beside(self, written: Sequence[Written], folder: Path, stem: str) -> list[Extra]:
        """Files that go beside the data: a configuration, an index. `folder` is where the data lies."""
        return []

    def front_matter(self, written: Sequence[Written]) -> str:
        """What the card begins with, for readers that look for it there."""
        return ""


class JsonSink:
    """JSON, one record a line, or one array."""

    def __init__(self, file: BinaryIO, array: bool) -> None:
        self._file, self._array, self._any = file, array, False
        self._encoder = msgspec.json.Encoder()

    def write(self, records: Sequence[Any]) -> None:
        if not records:
            return
        lines = self._encoder.encode_lines(records)
        if self._array:
            # Encoded JSON holds no line break but those between the records.
            lines = (b",\n" if self._any else b"[\n") + lines.rstrip(b"\n").replace(b"\n", b",\n")
        self._any = True
        self._file.write(lines)

    def close(self) -> None:
        if self._array:
            self._file.write(b"\n]\n" if self._any else b"[]\n")


class JsonExporter(Exporter):
    """A format of JSON records."""

    def open(self, file: BinaryIO) -> Sink:
        return JsonSink(file, self.options.array)


EXPORTERS: dict[str, type[Exporter]] = {}


def exporter(name: str, *, suffix: str, about: str) -> Callable[[type[Exporter]], type[Exporter]]:
    """Register an exporter under a name; `suffix` is what its files end in where nobody names one."""

    def register(cls: type[Exporter]) -> type[Exporter]:
        cls.name, cls.suffix, cls.about = name, suffix, about
        EXPORTERS[name] = cls
        return cls

    return register


def load_exporters(external: bool = False) -> dict[str, type[Exporter]]:
    """Import every exporter of this package, and those of other packages with `external`."""
    package = import_module("flywheel_tui.stages.export.formats")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    if external:
        for point in entry_points(group=ENTRY_POINTS):
            point.load()
    return EXPORTERS


def exporter_named(name: str) -> type[Exporter]:
    """The exporter of that name, ours or another package's. Raises NotFoundError that lists the known ones."""
    outer, colon, inner = name.partition(":")
    for external in (False, True):
        found = load_exporters(external).get(outer)
        if found is not None and not colon:
            return found
        if found is not None and found.folder:
            return found.holding(exporter_named(inner))
    raise NotFoundError("export format", name, sorted(EXPORTERS))
