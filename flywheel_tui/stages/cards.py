"""One pair with everything that a person needs to decide about it: what the label screen shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.records.label import CurrentLabel
from flywheel_tui.records.pair import PairView
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import sessions as session_store
from flywheel_tui.store import views as view_store
from flywheel_tui.store.views import FindingSpan

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class VerdictCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge said of a pair."""

    score: float | None
    passed: bool
    scores: dict[str, Any]
    rationale: str
    tag: str
    model: str


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """One step back on the way that a pair came."""

    relation: str
    recipe: str | None
    teacher: str | None
    line: int | None
    words: str
    pair_id: int


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A pair, every label on it (`mine` is the reviewer's own), findings, verdict, and where it comes from."""

    pair: PairView
    labels: tuple[CurrentLabel, ...] = ()
    mine: CurrentLabel | None = None
    findings: tuple[FindingSpan, ...] = ()
    verdict: VerdictCard | None = None
    parents: tuple[Parent, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether the reviewer has decided (a note or a flag alone is no decision)."""
        return self.mine is not None and self.mine.status is not None


Stamp = tuple[Any, ...]


def stamp_of(workspace: Workspace, pair: int) -> Stamp:
    """Changes whenever something happens to a pair: a label, an edit, a finding, a verdict. One short read."""
    return session_store.stamp_of(workspace.store.read(), pair)


def load_card(workspace: Workspace, pair: int, reviewer: str) -> Card:
    """The card of a pair for a reviewer: a few short reads. Raises NotFoundError for an unknown pair."""
    connection = workspace.store.read()
    view = view_store.pair_view(connection, pair)
    labels = tuple(label_store.current_of_pair(connection, pair))
    verdict = session_store.verdict_of(connection, pair) if view.passed is not None else None
    parents = session_store.parents_of(connection, view.pair_id)
    return Card(
        pair=view,
        labels=labels,
        mine=next((label for label in labels if label.reviewer == reviewer), None),
        findings=tuple(view_store.findings_of(connection, view.pair_id)) if view.findings else (),
        verdict=_verdict(verdict) if verdict else None,
        parents=tuple(
            Parent(relation=row[0], recipe=row[1], teacher=row[2], line=row[3], words=row[4], pair_id=row[5])
            for row in parents
        ),
    )


def _verdict(row: tuple[Any, ...]) -> VerdictCard:
    scores = msgspec.json.decode(row[2]) if row[2] else {}
    return VerdictCard(
        score=row[0],
        passed=bool(row[1]),
        scores=scores if isinstance(scores, dict) else {},
        rationale=row[3] or "",
        tag=row[4],
        model=row[5] or "",
    )
