"""Labels from a judge's scores: marked as the judge's, one batch, one undo. They never count as human truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid, now_us, show_uid
from flywheel_tui.records.label import Decision, Source
from flywheel_tui.store import batches as batch_store
from flywheel_tui.store import judging
from flywheel_tui.store import labels as label_store
from flywheel_tui.store.datasets import get_dataset

if TYPE_CHECKING:
    from flywheel_tui.store.versions import Reader
    from flywheel_tui.workspace import Workspace

CHUNK = 200


class AutoPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What labelling from a run would do. `decisions` are (pair, status) of those that would change.

    `between` have a score that decides nothing, `unjudged` no verdict, `unscored` a verdict without a score,
    `by_people` were decided by people: their own label holds over the judge's, which is written beside it.
    """

    dataset_id: int
    tag: str
    reviewer: str
    expression: str
    approve: int
    reject: int
    between: int
    unscored: int
    unjudged: int
    already: int
    by_people: int
    decisions: tuple[tuple[int, str], ...]


def plan_auto(
    workspace: Workspace, dataset: str, tag: str, *, reject_below: float | None, approve_above: float | None
) -> AutoPlan:
    """Count what would change: scores below `reject_below` are rejected, those above `approve_above` approved.

    Raises UsageError where no bound is given or they cross, NotFoundError for an unknown run.
    """
    if reject_below is None and approve_above is None:
        raise UsageError("say which scores decide: --reject-below X, --approve-above Y, or both")
    if reject_below is not None and approve_above is not None and approve_above < reject_below:
        raise UsageError(
            f"--approve-above {approve_above:g} is below --reject-below {reject_below:g}: they would cross"
        )
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    run = judging.get_run(connection, row.id, tag)
    reviewer = f"judge:{tag}"
    wanted: dict[int, str] = {}
    between = unscored = unjudged = 0
    for said in judging.said_by(connection, run.id, row.id):
        if said.passed is None:
            unjudged += 1
        elif said.score is None:
            unscored += 1
        elif reject_below is not None and said.score < reject_below:
            wanted[said.root] = "rejected"
        elif approve_above is not None and said.score > approve_above:
            wanted[said.root] = "approved"
        else:
            between += 1
    decisions: list[tuple[int, str]] = []
    by_people = 0
    pairs = list(wanted)
    for start in range(0, len(pairs), 500):
        for pair, _, _, status, mine in batch_store.states(connection, pairs[start : start + 500], reviewer):
            if mine != wanted[pair]:
                decisions.append((pair, wanted[pair]))
                by_people += status != "open" and mine is None
    said_words = [f"score < {reject_below:g} -> rejected" if reject_below is not None else "",
                  f"score > {approve_above:g} -> approved" if approve_above is not None else ""]  # fmt: skip
    return AutoPlan(
        dataset_id=row.id, tag=tag, reviewer=reviewer,
        expression=f"judge run {tag}: " + ", ".join(filter(None, said_words)),
        approve=sum(status == "approved" for _, status in decisions),
        reject=sum(status == "rejected" for _, status in decisions), between=between, unscored=unscored,
        unjudged=unjudged, already=len(wanted) - len(decisions), by_people=by_people, decisions=tuple(decisions),
    )  # fmt: skip


def apply_auto(
    workspace: Workspace, plan: AutoPlan, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[str, int]:
    """Write the labels of a plan as one batch; `(its uid, how many)`. Raises UsageError where there is nothing."""
    if not plan.decisions:
        raise UsageError("no pair would change; move --reject-below or --approve-above")
    uid, now = new_uid(), now_us()
    with workspace.store.tx(durable=True) as connection:
        label_store.know_reviewer(connection, plan.reviewer)
        status = "mixed" if plan.approve and plan.reject else "approved" if plan.approve else "rejected"
        batch_id = batch_store.begin(
            connection, uid=uid, dataset_id=plan.dataset_id, reviewer=plan.reviewer, expression=plan.expression,
            status=status, reasons=(), matched=len(plan.decisions), at=now,
        )  # fmt: skip
    changed = 0
    for start in range(0, len(plan.decisions), CHUNK):
        with workspace.store.tx(durable=True) as connection:
            changed += _chunk(connection, plan, plan.decisions[start : start + CHUNK], batch_id, now)
            batch_store.set_changed(connection, batch_id, changed)
        if on_progress:
            on_progress(min(start + CHUNK, len(plan.decisions)), len(plan.decisions))
    with workspace.store.tx(durable=True) as connection:
        batch_store.finish(connection, batch_id)
    return show_uid(uid), changed


def _chunk(connection: Reader, plan: AutoPlan, decisions: Sequence[tuple[int, str]], batch_id: int, now: int) -> int:
    changed = 0
    for pair, status in decisions:
        place = label_store.place(connection, pair)
        decision = Decision(
            uid=new_uid(), pair=pair, version=place.version, reviewer=plan.reviewer, status=status,
            source=Source.JUDGE.value, blind=False, revealed=True, policy="auto-from-judge", answered=now,
        )  # fmt: skip
        changed += label_store.append_decision(connection, decision, dataset_id=place.dataset_id, batch_id=batch_id)
    return changed
