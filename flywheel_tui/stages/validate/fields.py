"""Options that several checks share: which fields of a pair they look at, and shares between 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.validate.base import Candidate, Check

_KNOWN = ("instruction", "input", "output", "body")


def wanted_fields(check: Check) -> tuple[str, ...] | None:
    """The option `fields`: None for all, or names such as `instruction`, `output`, `body.reasoning`, `body.messages`.

    Takes a list or names apart by commas. Raises UsageError for a name that no pair has.
    """
    value: Any = check.settings["fields"]
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{check.name}.fields is a list of fields, or all; not {value!r}")
    fields = tuple(name.strip() for name in names if name.strip())
    if fields == ("all",) or not fields:
        return None
    for name in fields:
        if name.partition(".")[0] not in _KNOWN:
            raise UsageError(f"{check.name}.fields: no pair has {name!r}; there are: {', '.join(_KNOWN)}")
    return fields


def joined_text(row: Candidate, fields: tuple[str, ...] | None) -> str:
    """The texts of these fields in their order, each from a line of its own."""
    if not row.has_body and fields is None:
        return "\n".join([text for text in (row.instruction, row.input, row.output) if text])
    texts = row.texts()
    if fields is None:
        return "\n".join([text for _, text in texts])
    return "\n".join([text for path, text in texts if _within(path, fields)])


def _within(path: str, fields: tuple[str, ...]) -> bool:
    return any(path == name or (path.startswith(name) and path[len(name)] in ".[") for name in fields)


def share_of(check: Check, option: str) -> float:
    """An option that is a share: above 0, at most 1. Raises UsageError."""
    value = check.settings[option]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise UsageError(f"{check.name}.{option} is above 0 and at most 1, not {value!r}")
    return float(value)


def count_of(check: Check, option: str, least: int = 0) -> int:
    """An option that is a whole number, at least `least`. Raises UsageError."""
    value = check.settings[option]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{check.name}.{option} is a whole number from {least} on, not {value!r}")
    return value
