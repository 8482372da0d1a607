"""Asking checks about a batch, whatever a hostile row does to them: pure, so that any process can do it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from flywheel_tui.errors import FlywheelError
from flywheel_tui.stages.validate.base import SEVERITIES, Candidate, Check, Found
from flywheel_tui.store.versions import VersionRow

MAX_PER_PAIR = 20
"""Findings of one check in one pair that are kept; a last one says how many more there were."""
_MESSAGE_CHARACTERS = 400


class Looked(NamedTuple):
    """What one check said of a batch: findings, rows it could not look at, and the seconds it took."""

    found: list[Found]
    broken: int
    seconds: float


def candidates(rows: Iterable[VersionRow]) -> list[Candidate]:
    """The rows as the checks see them."""
    return [Candidate(*row[:7], row.status, row.category) for row in rows]


def look(check: Check, rows: Sequence[Candidate]) -> Looked:
    """What a check finds in these rows; a row that it cannot look at gets an error finding that says so."""
    if not rows:
        return Looked([], 0, 0.0)
    started = time.perf_counter()
    found, broken = _ask(check, rows, lambda some: checked(check.look(some), some))
    return Looked(found, broken, time.perf_counter() - started)


def feed(check: Check, rows: Sequence[Candidate]) -> Looked:
    """Hand rows to a check that compares; what it could not take in becomes findings."""
    if not rows:
        return Looked([], 0, 0.0)
    started = time.perf_counter()

    def take(some: Sequence[Candidate]) -> list[Found]:
        check.feed(some)
        return []

    found, broken = _ask(check, rows, take)
    return Looked(found, broken, time.perf_counter() - started)


def _ask(
    check: Check, rows: Sequence[Candidate], ask: Callable[[Sequence[Candidate]], list[Found]]
) -> tuple[list[Found], int]:
    try:
        return ask(rows), 0
    except FlywheelError:
        raise
    except Exception:
        # whatever it was, it is one row's doing: the others are asked about again, each for itself
        found: list[Found] = []
        broken = 0
        for row in rows:
            try:
                found += ask([row])
            except Exception as error:
                broken += 1
                found.append(_not_looked_at(check, row, error))
        return found, broken


def _not_looked_at(check: Check, row: Candidate, error: Exception) -> Found:
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    message = f"check {check.name} could not look at this pair: {reason}"
    return Found(row.id, "error", None, None, None, _storable(message))


def checked(found: Iterable[Found], rows: Sequence[Candidate] | None = None) -> list[Found]:
    """Findings as they may be stored: at most MAX_PER_PAIR of a pair, no span that is none, messages of one size.

    Raises ValueError for what a check must not say (an unknown severity, a pair that it was not given).
    """
    known = None if rows is None else {row.id for row in rows}
    kept: list[Found] = []
    counts: dict[int, int] = {}
    over: dict[int, Found] = {}
    for one in found:
        if one.severity not in SEVERITIES or (known is not None and one.pair not in known):
            raise ValueError(f"a check must not say this: {one!r}")
        count = counts[one.pair] = counts.get(one.pair, 0) + 1
        if count < MAX_PER_PAIR:
            kept.append(_tidy(one))
        elif count == MAX_PER_PAIR or SEVERITIES.index(one.severity) > SEVERITIES.index(over[one.pair].severity):
            over[one.pair] = _tidy(one)
    for pair, last in over.items():
        more = counts[pair] - MAX_PER_PAIR
        kept.append(last._replace(message=f"{last.message} (and {more} more like these)") if more else last)
    return kept


def _tidy(one: Found) -> Found:
    message = one.message
    if len(message) > _MESSAGE_CHARACTERS or not message.isascii():
        one = one._replace(message=_storable(message))
    if one.start is not None and (one.end is None or one.field is None or not 0 <= one.start <= one.end):
        one = one._replace(start=None, end=None)
    return one


def _storable(message: str) -> str:
    """No longer than a line or two, and without what no database takes (lone surrogates)."""
    cut: str = message if len(message) <= _MESSAGE_CHARACTERS else message[: _MESSAGE_CHARACTERS - 1] + "…"
    return cut.encode("utf-8", "backslashreplace").decode()


def of_kinds(rows: Sequence[Candidate], kinds: Sequence[str]) -> Sequence[Candidate]:
    """The rows that a check with these kinds is given."""
    return [row for row in rows if row.kind in kinds] if kinds else rows


def configured(check: type[Check], options: dict[str, Any], policy: str) -> Check:
    """A check with its options; one that takes a `policy` gets the workspace's unless told otherwise."""
    if "policy" in check.options and "policy" not in options:
        options = {**options, "policy": policy}
    return check(**options)
