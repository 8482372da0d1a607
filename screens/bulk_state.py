"""What Bulk knows, without a widget: which pairs, what is to be said of them, and what that would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.records.pair import PairRow
from flywheel_tui.records.rubric import Rubric
from flywheel_tui.stages import label, views
from flywheel_tui.stages.blindness import asks_the_judge
from flywheel_tui.stages.label import Bulk, BulkPlan
from flywheel_tui.store.views import ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

JOB_FROM = 2_000
"""More pairs than this are labelled behind the screens."""
STATUSES = ("approved", "rejected", "skipped")


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be done: the pairs, the plan, and some of those that would change."""

    pairs: list[int]
    plan: BulkPlan
    sample: list[PairRow]


@dataclass
class BulkState:
    """What was chosen so far."""

    query: ViewQuery
    marked: Sequence[int] | None
    rubric: Rubric
    reviewer: str
    status: str = "rejected"
    reasons: list[str] = field(default_factory=list)
    note: str = ""
    preview: Preview | None = None
    problem: str = ""
    seen: bool = False
    """Whether these pairs came up by what a judge said of them."""

    def choose(self, status: str) -> None:
        """What is to be said; reasons belong to a rejection."""
        self.status = status
        if status != "rejected":
            self.reasons.clear()

    def toggle(self, key: str) -> None:
        """A reason, by its digit. Raises UsageError for a digit without one."""
        reason = self.rubric.reason(key)
        if reason is None:
            raise UsageError(f"no reason {key} in {self.rubric.title}")
        if self.status != "rejected":
            raise UsageError("reasons are for rejecting: press r first")
        if reason.name in self.reasons:
            self.reasons.remove(reason.name)
        else:
            self.reasons.append(reason.name)

    def look(self, workspace: Workspace) -> Preview:
        """What the action would change. Reads every pair that is meant: not for the event loop.

        Raises ExpressionError for a filter that is off, NotFoundError for an unknown data set.
        """
        pairs = list(self.marked) if self.marked is not None else list(views.ids_of(workspace, self.query))
        plan = label.plan_bulk(workspace, pairs, self.status, self.reviewer)
        return Preview(pairs=pairs, plan=plan, sample=views.rows_of(workspace, plan.sample))

    def order(self) -> Bulk:
        """The action, ready to be carried out. Raises UsageError before the preview is there or where it is empty."""
        if self.preview is None:
            raise UsageError("still counting: wait for the preview")
        if not self.preview.plan.changed:
            raise UsageError(f"nothing would change: all of them are {self.status} by you already")
        return Bulk(
            pairs=self.preview.pairs,
            status=self.status,
            reviewer=self.reviewer,
            reasons=tuple(self.reasons),
            note=self.note or None,
            expression=None if self.marked is not None else self.query.filter,
            blind=not (self.seen or asks_the_judge(self.query.filter)),
        )

    @property
    def title(self) -> str:
        """What a job is called."""
        count = self.preview.plan.changed if self.preview else 0
        return f"label {count:,} pairs of {self.query.dataset} {self.status}"
