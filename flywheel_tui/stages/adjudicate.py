"""Adjudication: a decision that settles a pair over every reviewer's own label, until it is undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import NotFoundError, UsageError
from flywheel_tui.identity import new_uid, now_us
from flywheel_tui.records.label import CurrentLabel, Decision, Source
from flywheel_tui.stages import label
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import pair_keys
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.stages.label import Outcome
    from flywheel_tui.workspace import Workspace

STATUSES = ("approved", "rejected", "skipped")
PREFERENCES = {"a": "approved", "b": "approved", "tie": "skipped", "neither": "rejected"}
"""What an adjudicated preference makes of the pair."""
POLICY = "adjudication"


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """What is decided: a status, or for preference pairs which answer is better.

    `seen` says that the judge's verdict was in sight, or why the pair came up: calibration leaves such out
    unless told otherwise, since they would make every judge look good.
    """

    status: str | None = None
    preference: str | None = None
    note: str | None = None
    seen: bool = False


def settle(workspace: Workspace, pair: int, said: Settlement, reviewer: str) -> Outcome:
    """Settle one pair; on disk when it returns. Raises UsageError, NotFoundError for an unknown pair."""
    status = said.status or PREFERENCES.get(said.preference or "")
    if said.preference is not None and said.preference not in PREFERENCES:
        raise UsageError(f"no preference {said.preference!r}; there are: {', '.join(PREFERENCES)}")
    if status not in STATUSES:
        raise UsageError(f"an adjudication says one of {', '.join(STATUSES)}, or which answer is better")
    place = label_store.place(workspace.store.read(), pair)
    return label.adjudicate(
        workspace,
        Decision(
            uid=new_uid(), pair=pair, version=place.version, reviewer=reviewer, status=status,
            preference=said.preference, note=said.note or None, blind=not said.seen, policy=POLICY, answered=now_us(),
        ),
    )  # fmt: skip


def settle_named(
    workspace: Workspace, dataset: str, keys: Sequence[Any], said: Settlement, reviewer: str, *, match: str = "id"
) -> list[Outcome]:
    """Settle the pairs of a data set that have these keys (id, uid, position, line, instruction, meta.NAME).

    Nothing is written where one is unknown: raises NotFoundError.
    """
    connection = workspace.store.read()
    find = pair_keys.finder(connection, get_dataset(connection, dataset).id, match)
    found = [(key, find(key)) for key in keys]
    if missing := [key for key, pair in found if pair is None]:
        raise NotFoundError(f"pair in {dataset} with the {match}", str(missing[0]))
    return [settle(workspace, pair.id, said, reviewer) for _, pair in found if pair is not None]


def said_by_people(workspace: Workspace, pair: int) -> list[CurrentLabel]:
    """What people said of a pair, for somebody who settles it: names are not theirs to see, so look away from them."""
    return [one for one in label.labels_of(workspace, pair) if one.source in (Source.HUMAN.value, Source.IMPORT.value)]
