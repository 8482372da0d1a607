"""What a layout is: it knows its rows by their columns and turns each into drafts of pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from typing import Any, ClassVar

from flywheel_tui.errors import InputError
from flywheel_tui.records.pair import Draft
from flywheel_tui.stages.layouts.notes import Notes

Row = dict[str, Any]


class RowError(InputError):
    """One row cannot become a pair; the rest of the file can."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(message, field=field, remedy=remedy)


class Layout(ABC):
    """A well-known shape of rows.

    `columns` are those it needs (for messages), `example` one row as it stands in a file, `rank` decides where two
    layouts fit a row: the smaller number, which is the more particular layout, wins.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    example: ClassVar[str]
    rank: ClassVar[int] = 50

    def __init__(self, file: Path | None = None) -> None:
        self.file = file

    @classmethod
    @abstractmethod
    def fits(cls, row: Row) -> bool:
        """Whether the row looks like one of this layout; it looks at columns and at types, never raises."""

    @abstractmethod
    def convert(self, row: Row, line: int, notes: Notes) -> list[Draft]:
        """The drafts that one row makes; raises RowError where a field cannot be taken."""


LAYOUTS: dict[str, type[Layout]] = {}


def layout(
    name: str, *, kind: str, columns: str, example: str, rank: int = 50
) -> Callable[[type[Layout]], type[Layout]]:
    """Register a layout. `columns` are the needed ones, separated by blanks."""

    def register(cls: type[Layout]) -> type[Layout]:
        cls.name, cls.kind, cls.columns, cls.example, cls.rank = name, kind, tuple(columns.split()), example, rank
        LAYOUTS[name] = cls
        return cls

    return register


def load_layouts(external: bool = False) -> dict[str, type[Layout]]:
    """Import every layout of this package, and those of other packages with `external`."""
    package = import_module("flywheel_tui.stages.layouts")
    for module in iter_modules(package.__path__):
        import_module(f"{package.__name__}.{module.name}")
    if external:
        for point in entry_points(group="flywheel_tui.layouts"):
            point.load()
    return LAYOUTS
