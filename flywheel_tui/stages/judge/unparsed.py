"""How recorded judgments that nobody could read count where a run is compared with people: a policy, shown and chosen.

The published accuracy of one and the same file is 71.07, 71.56 or 69.77 %, by this policy alone. Which kinds of
missing verdicts fall under it, and what the policies are called, stands in `records.calibration`, for every command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flywheel_tui.records.calibration import UNREADABLE, policy_named
from flywheel_tui.store import judging
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

NOTHING_RIGHT = "unparsed"
"""The class that an unread judgment has under `wrong`: no person ever chose it."""


class Counted(NamedTuple):
    """What a pairwise run says of each pair (by pair number), under a policy; `unread` pairs fell under it."""

    policy: str
    preferences: dict[int, str]
    unread: int


def preferences_of(workspace: Workspace, dataset: str, tag: str, policy: str | None = None) -> Counted:
    """The preferences of a run as they count under a policy (None: the one that is kept with the run).

    A service that failed says nothing about a pair under any policy. Raises NotFoundError, UsageError.
    """
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    run = judging.get_run(connection, row.id, tag)
    policy = policy or str(run.settings.get("unparsed", "skip"))
    counted = policy_named(policy)
    found: dict[int, str] = {}
    unread = 0
    for said in judging.said_by(connection, run.id, row.id):
        if said.preference is not None:
            found[said.root] = said.preference
        elif said.kind in UNREADABLE:
            unread += 1
            if counted != "leave-out":
                found[said.root] = "tie" if counted == "tie" else NOTHING_RIGHT
    return Counted(policy, found, unread)
