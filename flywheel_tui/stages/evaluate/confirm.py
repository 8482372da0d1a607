"""The regression set: failures that somebody confirmed. It only grows, and every evaluation asks it from then on."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.evaluation import Item
from flywheel_tui.store import evaluations as store
from flywheel_tui.store.evaluations import Confirmed

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SIDES = ("candidate", "base")


class RegressionSet(msgspec.Struct, frozen=True, kw_only=True):
    """How large it is, by slice; `version` is over the keys, so that two of the same version hold the same."""

    version: str
    items: int
    slices: dict[str, int]
    added: int = 0


def regression_set(workspace: Workspace, added: int = 0) -> RegressionSet:
    """What is in it now."""
    found = store.confirmed(workspace.store.read())
    keys = sorted(f"past-{failure.key}" for failure in found)
    slices: dict[str, int] = {}
    for failure in found:
        slices[failure.slice] = slices.get(failure.slice, 0) + 1
    version = sha256("\n".join(keys).encode()).hexdigest()[:12] if keys else ""
    return RegressionSet(version=version, items=len(found), slices=dict(sorted(slices.items())), added=added)


def failures(
    workspace: Workspace, evaluation: int, *, side: str = "candidate", slices: Sequence[str] = ()
) -> list[Item]:
    """The items that one side of an evaluation got wrong. Raises NotFoundError, UsageError."""
    if side not in SIDES:
        raise UsageError(f"no side {side!r}; there are: {', '.join(SIDES)}")
    connection = workspace.store.read()
    store.get_evaluation(connection, evaluation)
    wrong = [item for item in store.items_of(connection, evaluation) if getattr(item, f"{side}_passed") is False]
    return [item for item in wrong if not slices or item.slice in slices]


def confirm(
    workspace: Workspace, evaluation: int, *, reviewer: str, side: str = "candidate", slices: Sequence[str] = (),
    keys: Sequence[str] = (), source: str = "human",
) -> RegressionSet:  # fmt: skip
    """Confirm failures of an evaluation (all of a side, of some slices, or the named ones): they enter the set.

    Raises UsageError without a name, or where a key is no failure of that evaluation.
    """
    if not reviewer.strip():
        raise UsageError("confirming failures needs a name (--reviewer NAME): it is kept with them")
    found = {item.key: item for item in failures(workspace, evaluation, side=side, slices=slices)}
    if unknown := [key for key in keys if key not in found]:
        raise UsageError(f"the item {unknown[0]!r} is no failure of the {side} in the evaluation {evaluation}")
    chosen = [found[key] for key in keys] if keys else list(found.values())
    rows = [
        Confirmed(
            key=item.key.removeprefix("past-"), slice=item.slice, family=item.family, messages=item.messages,
            expected=item.expected, checker=item.checker, meta=item.meta, answer=getattr(item, f"{side}_output") or "",
            reviewer=reviewer.strip(), source=source,
        )
        for item in chosen
    ]  # fmt: skip
    return add(workspace, rows)


def add(workspace: Workspace, rows: Sequence[Confirmed]) -> RegressionSet:
    """Add confirmed failures from anywhere (an approved scenario, a failed pair): what is there already stays."""
    with workspace.store.tx() as connection:
        added = store.add_confirmed(connection, rows)
    return regression_set(workspace, added)
