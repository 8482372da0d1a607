"""Labelling: decisions on single pairs, undo, bulk actions. Each is on disk when its function returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import new_uid, now_us, show_uid
from flywheel_tui.records.label import DECIDED, CurrentLabel, Decision, Preference
from flywheel_tui.store import batches as batch_store
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import pairs as pair_store

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.store.connection import Connection
    from flywheel_tui.store.labels import Undoable
    from flywheel_tui.workspace import Workspace

BULK_CHUNK = 200
_ANY = object()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What writing a decision did: the event's uid, the version that holds now, and whether it was new."""

    uid: bytes
    version: int
    status: str
    new: bool


class Presented(msgspec.Struct, frozen=True, kw_only=True):
    """A pair was shown to a reviewer; written together with the next decision, or on leaving."""

    uid: bytes
    pair: int
    version: int
    reviewer: str
    policy: str
    session: bytes | None
    at: int


def check_decision(decision: Decision) -> None:
    """Raise UsageError for a decision that says nothing or contradicts itself."""
    d = decision
    if d.status is not None and d.status not in DECIDED:
        raise UsageError(f"no status {d.status!r}; there are: {', '.join(DECIDED)}")
    if d.preference is not None and d.preference not in {p.value for p in Preference}:
        raise UsageError(f"no preference {d.preference!r}; there are: a, b, tie, neither")
    if not d.reviewer.strip():
        raise UsageError("a label needs a reviewer; set one with --reviewer or in flywheel.toml")
    # an empty note (not None) takes back a remark made before
    if (
        d.status is None
        and d.note is None
        and not (d.tags or d.flagged or d.rating or d.answers or d.preference or d.edit)
    ):
        raise UsageError("a label says something: a status, a rating, a note, tags or a flag")


def decide(
    workspace: Workspace,
    decision: Decision,
    *,
    expected: Any = _ANY,
    presented: Iterable[Presented] = (),
    action: str = "label",
) -> Outcome:
    """Write one decision with everything that follows from it, in one transaction that is on disk on return.

    Writing the same `decision.uid` again changes nothing. `expected` is the uid of the label that the reviewer saw
    (None: none): raises ConflictError where another session wrote one since. Raises UsageError for a decision that
    says nothing, NotFoundError for an unknown pair, StoreFullError when the disk is full (nothing is written then).
    """
    check_decision(decision)
    with workspace.store.tx(durable=True) as connection:
        dataset_id = label_store.place(connection, decision.pair).dataset_id
        done = label_store.is_written(connection, decision.uid)
        if expected is not _ANY and not done:
            label_store.check_expected(connection, decision.pair, decision.reviewer, expected)
        label_store.know_reviewer(connection, decision.reviewer)
        write_presented(connection, presented)
        edited_id = None
        if decision.edit and not done:
            made, differs = pair_store.insert_version(connection, decision.version, decision.edit, decision.reviewer)
            edited_id = made if differs else None
        new = label_store.append_decision(
            connection, decision, dataset_id=dataset_id, action=action, edited_id=edited_id
        )
        if decision.session is not None:
            label_store.move_cursor(connection, decision.session, decision.pair)
        now = label_store.place(connection, decision.pair)
    return Outcome(uid=decision.uid, version=now.version, status=now.status, new=new)


def adjudicate(workspace: Workspace, decision: Decision) -> Outcome:
    """A decision that settles a disputed pair: it holds over every reviewer's own label until undone."""
    if decision.status is None:
        raise UsageError("an adjudication needs a status")
    return decide(workspace, decision, action="adjudicate")


def write_presented(connection: Connection, presented: Iterable[Presented]) -> None:
    """Append presented events (inside a transaction)."""
    rows = [
        (
            p.uid,
            label_store.place(connection, p.pair).dataset_id,
            p.pair,
            p.version,
            p.reviewer,
            p.policy,
            p.session,
            p.at,
        )
        for p in presented
    ]
    label_store.append_presented(connection, rows)


def undo_last(workspace: Workspace, reviewer: str, *, session: bytes | None = None) -> Undoable | None:
    """Take back the newest standing action of this reviewer, in whatever session it was made; None: nothing left."""
    found = label_store.last_undoable(workspace.store.read(), reviewer)
    if found is None:
        return None
    undo(workspace, found.uid, reviewer, session=session)
    return found


def undo(workspace: Workspace, target: bytes, reviewer: str, *, session: bytes | None = None) -> int:
    """Take back one event or one batch by its uid; how many pairs changed. Taking it back twice does it once.

    The event is on disk at once; the projections of a large batch follow in small transactions.
    """
    with workspace.store.tx(durable=True) as connection:
        if label_store.is_undone(connection, target):
            return 0
        roots = label_store.append_undo(
            connection, uid=new_uid(), undoes=target, reviewer=reviewer, at=now_us(), session=session
        )
        if len(roots) <= BULK_CHUNK:
            for root in roots:
                label_store.project_pair(connection, root)
            return len(roots)
    for start in range(0, len(roots), BULK_CHUNK):
        with workspace.store.tx(durable=False) as connection:
            for root in roots[start : start + BULK_CHUNK]:
                label_store.project_pair(connection, root)
    return len(roots)


class BulkPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a bulk action would do: how many pairs match, how many would change, from which status to which."""

    matched: int
    changed: int
    before: dict[str, int]
    sample: tuple[int, ...]


def plan_bulk(workspace: Workspace, pairs: Sequence[int], status: str, reviewer: str) -> BulkPlan:
    """Count what `apply_bulk` would change; `sample` is up to 20 pairs spread over those that would."""
    before: dict[str, int] = {}
    changing: list[int] = []
    for chunk in _chunks(pairs, 500):
        for pair, _, _, current_status, mine in batch_store.states(workspace.store.read(), chunk, reviewer):
            if mine != status:
                before[current_status] = before.get(current_status, 0) + 1
                changing.append(pair)
    step = max(1, len(changing) // 20)
    return BulkPlan(matched=len(pairs), changed=len(changing), before=before, sample=tuple(changing[::step][:20]))


def _chunks(pairs: Sequence[int], size: int) -> Iterable[Sequence[int]]:
    for start in range(0, len(pairs), size):
        yield pairs[start : start + size]


class Bulk(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk action: what is said of every pair in `pairs`. One batch, undone as one."""

    pairs: Sequence[int]
    status: str
    reviewer: str
    reasons: tuple[str, ...] = ()
    note: str | None = None
    expression: str | None = None
    source: str = "human"
    blind: bool = True


def apply_bulk(
    workspace: Workspace, bulk: Bulk, *, on_progress: Callable[[int, int], None] | None = None
) -> tuple[str, int]:
    """Label every pair of a bulk action that says otherwise now; `(uid of the batch, how many changed)`.

    Written in transactions of 200 pairs, so that a reviewer elsewhere never waits. Stopped half-way, what was
    written is one batch all the same: undo takes all of it back, applying again does the rest.
    """
    if bulk.status not in DECIDED or bulk.status == "edited":
        raise UsageError(f"a bulk action sets approved, rejected or skipped, not {bulk.status!r}")
    uid, now = new_uid(), now_us()
    pairs = list(bulk.pairs)
    if not pairs:
        raise UsageError("a bulk action needs at least one pair; widen the filter or mark some rows")
    with workspace.store.tx(durable=True) as connection:
        label_store.know_reviewer(connection, bulk.reviewer)
        batch_id = batch_store.begin(
            connection, uid=uid, dataset_id=label_store.place(connection, pairs[0]).dataset_id, at=now,
            reviewer=bulk.reviewer, expression=bulk.expression, status=bulk.status, reasons=bulk.reasons,
            matched=len(pairs),
        )  # fmt: skip
    changed = done = 0
    for chunk in _chunks(pairs, BULK_CHUNK):
        with workspace.store.tx(durable=True) as connection:
            changed += _bulk_chunk(connection, bulk, chunk, batch_id, now)
            batch_store.set_changed(connection, batch_id, changed)
        done += len(chunk)
        if on_progress:
            on_progress(done, len(pairs))
    with workspace.store.tx(durable=True) as connection:
        batch_store.finish(connection, batch_id)
    return show_uid(uid), changed


def _bulk_chunk(connection: Connection, bulk: Bulk, chunk: Sequence[int], batch_id: int, now: int) -> int:
    changed = 0
    for pair, dataset_id, version, _, mine in batch_store.states(connection, chunk, bulk.reviewer):
        if mine == bulk.status:
            continue
        decision = Decision(
            uid=new_uid(), pair=pair, version=version, reviewer=bulk.reviewer, status=bulk.status, source=bulk.source,
            reasons=bulk.reasons, note=bulk.note, blind=bulk.blind, policy="bulk", answered=now,
        )  # fmt: skip
        changed += label_store.append_decision(connection, decision, dataset_id=dataset_id, batch_id=batch_id)
    return changed


def run_bulk_job(workspace: Workspace, args: dict[str, Any], task: Task) -> dict[str, Any]:
    """The job kind "bulk": arguments are the fields of `Bulk`."""
    bulk = msgspec.convert(args, Bulk)

    def on_progress(done: int, total: int) -> None:
        task.progress(done, total, "labelling")
        task.check()

    uid, changed = apply_bulk(workspace, bulk, on_progress=on_progress)
    return {"batch": uid, "changed": changed}


def current_label(workspace: Workspace, pair: int, reviewer: str) -> CurrentLabel | None:
    """The label of a reviewer on a pair that holds now."""
    return label_store.current(workspace.store.read(), pair, reviewer)


def labels_of(workspace: Workspace, pair: int) -> list[CurrentLabel]:
    """Every reviewer's current label on a pair."""
    return label_store.current_of_pair(workspace.store.read(), pair)
