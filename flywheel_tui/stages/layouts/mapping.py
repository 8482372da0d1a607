"""`--map "instruction=prompt,output=message.content"`: which column of the file is which field of a pair."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.layouts.base import Row

TARGETS = (
    "instruction",
    "input",
    "output",
    "chosen",
    "rejected",
    "desirable",
    "messages",
    "tools",
    "expected_calls",
    "chunks",
    "citations",
    "reasoning",
    "final",
    "reference",
    "signals",
    "title",
    "text",
    "path",
    "category",
    "tags",
    "author",
)
# With none of these the row is a prompt alone.
_ANSWERS = frozenset(("chosen", "rejected", "chunks", "reasoning", "final", "messages", "tools", "expected_calls"))
_MISSING: Any = object()


def parse_map(text: str, targets: Sequence[str] = TARGETS, what: str = "a pair") -> dict[str, str]:
    """Field to column, from `field=column,field=column`. Raises UsageError that names what is off.

    `targets` are the fields there are, those of a pair where nothing else is read.
    """
    mapping: dict[str, str] = {}
    for part in text.split(","):
        target, equals, source = (piece.strip() for piece in part.partition("="))
        if not equals or not target or not source:
            raise UsageError(f"--map cannot read {part.strip()!r}; write field=column, separated by commas")
        if target not in targets:
            near = difflib.get_close_matches(target, targets, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the fields are: {', '.join(targets)}"
            raise UsageError(f"--map names no field of {what} with {target!r}; {hint}")
        if target in mapping:
            raise UsageError(f"--map gives the field {target!r} twice; name one column for it")
        mapping[target] = source
    return mapping


def lookup(row: Row, source: str) -> Any:
    """The value of a column, or of one nested by dots (`message.content`, `choices.0.text`); `_MISSING` if absent."""
    if source in row:
        return row[source]
    value: Any = row
    for step in source.split("."):
        if type(value) is dict and step in value:
            value = value[step]
        elif type(value) is list and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return _MISSING
    return value


def check_map(mapping: Mapping[str, str], sample: Sequence[Row], file: str) -> None:
    """Raise InputError for a mapped column that none of the first rows has."""
    for target, source in mapping.items():
        if all(lookup(row, source) is _MISSING for row in sample):
            columns = list(dict.fromkeys(column for row in sample for column in row))
            near = difflib.get_close_matches(source, columns, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise InputError(
                f"--map {target}={source}: there is no column {source!r}",
                file=file,
                remedy=f"{hint}the columns are: {', '.join(columns[:30])}",
            )


def apply_map(row: Row, mapping: Mapping[str, str]) -> Row:
    """The row in the names of a pair's fields; columns that were not named stay, unless a field took their name."""
    sources = set(mapping.values())
    mapped = {target: value for target, source in mapping.items() if (value := lookup(row, source)) is not _MISSING}
    for column, value in row.items():
        if column not in sources and column not in mapped:
            mapped[column] = value
        elif column not in sources:
            mapped[f"original_{column}"] = value
    if "instruction" in mapping and "output" not in mapped and not _ANSWERS & mapped.keys():
        mapped["prompt"] = mapped.pop("instruction", None)
    return mapped
