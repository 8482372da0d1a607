"""The readers by format and by suffix, and the one door to them: `open_source`."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.readers.base import Source

HF_PREFIX = "hf://"


class Opener(Protocol):
    """What a reader is: makes a source from a specification (a path, or `hf://…`) and options."""

    def __call__(self, spec: str, **options: Any) -> Source: ...


class Reader(NamedTuple):
    """One registered format."""

    format: str
    suffixes: tuple[str, ...]
    open: Opener


READERS: dict[str, Reader] = {}


def reader(format: str, suffixes: tuple[str, ...] = ()) -> Callable[[Opener], Opener]:
    """Register a reader under `format`; files that end in one of `suffixes` (also with `.gz`) are opened by it."""

    def register(opener: Opener) -> Opener:
        READERS[format] = Reader(format, suffixes, opener)
        return opener

    return register


def load_readers(external: bool = False) -> dict[str, Reader]:
    """Import every reader of this package, and those of other packages with `external`."""
    package = importlib.import_module("flywheel_tui.stages.readers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    if external:
        for point in entry_points(group="flywheel_tui.readers"):
            point.load()
    return READERS


def open_source(spec: str | Path, format: str | None = None, **options: Any) -> Source:
    """The source that `spec` names: a file, a folder of documents, or `hf://owner/name`.

    The format is taken from `format`, else from the name; each reader takes the options it knows. Raises
    InputError where there is nothing to read, UsageError for an unknown format.
    """
    name = str(spec)
    load_readers()
    if format is not None and format not in READERS:
        load_readers(external=True)
        if format not in READERS:
            raise UsageError(f"there is no format {format!r}; use one of: {', '.join(sorted(READERS))}")
    if name.startswith(HF_PREFIX) or format == "hf":
        return READERS["hf"].open(name, **options)
    path = Path(name)
    _check_exists(path)
    if path.is_dir():
        return READERS[format or "documents"].open(name, **options)
    if not path.is_file():
        raise InputError("it is neither a file nor a folder", file=name, remedy="save it to a file first")
    return READERS[format or format_of(path)].open(name, **options)


def format_of(path: Path) -> str:
    """The format that the name of a file says, `.gz` taken off; raises InputError where it says none."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    wanted = suffixes[-1] if suffixes else ""
    for external in (False, True):
        for entry in load_readers(external).values():
            if wanted in entry.suffixes:
                return entry.format
    said = f"the suffix {wanted!r} says no known format" if wanted else "the name has no suffix that says the format"
    raise InputError(said, file=str(path), remedy=f"name the format with -f, one of: {', '.join(sorted(READERS))}")


def _check_exists(path: Path) -> None:
    try:
        if path.exists():
            return
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    except OSError as error:
        raise InputError(f"it cannot be read ({error.strerror})", file=str(path), remedy="check the name") from error
    near = difflib.get_close_matches(path.name, siblings, n=3)
    remedy = f"did you mean {' or '.join(near)}?" if near else "check the name"
    raise InputError("there is no such file or folder", file=str(path), remedy=remedy)
