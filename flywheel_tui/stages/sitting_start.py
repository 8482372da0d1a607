"""Beginning a sitting at the label screen, or going on with one where it was left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.identity import now_us
from flywheel_tui.stages.blindness import asks_the_judge
from flywheel_tui.stages.label_queue import Queue, count_decided, encode_queue
from flywheel_tui.stages.labels_needed import labels_needed
from flywheel_tui.stages.session import LabelSession
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import queues as queue_store
from flywheel_tui.store import sessions as session_store
from flywheel_tui.store.views import ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

SEEN_NOTE = "chosen by what a judge said: these labels do not count as blind"


def start(
    workspace: Workspace,
    query: ViewQuery,
    reviewer: str,
    *,
    first: int | None = None,
    marked: Sequence[int] | None = None,
    seen: bool = False,
    clock: Callable[[], int] = now_us,
) -> LabelSession:
    """A sitting over a view (only its `marked` pairs, where given). Reads the queue: not for the event loop.

    Where a judge's word chose the pairs (the filter asks for it, or `seen`), the labels are recorded as not blind.
    It begins at pair `first`, else where this reviewer stopped in the same view, however the program ended then.
    Raises NotFoundError for an unknown data set, ExpressionError for a filter that is off, UsageError without a name.
    """
    if not reviewer.strip():
        raise UsageError("a label needs a reviewer; set one with --reviewer or in flywheel.toml")
    queue = Queue(workspace, query, marked, reviewer)
    session = LabelSession(
        workspace, query, queue, reviewer, decided=count_decided(workspace, queue, reviewer), index=0, clock=clock
    )
    session.seen = seen or asks_the_judge(query.filter)
    if session.seen:
        queue.note = " · ".join(filter(None, (queue.note, SEEN_NOTE)))
    session.needed = labels_needed(workspace, query.dataset)
    session.answer_after(session_store.last_answered(workspace.store.read(), reviewer))
    if first is not None:
        session.index = queue.index_of(first) or 0
    elif marked is None:
        session.index = _resume_at(workspace, session)
    return session


def _resume_at(workspace: Workspace, session: LabelSession) -> int:
    """After the pair decided last, or at the pair that was left undecided."""
    connection = workspace.store.read()
    if session.queue.places:
        labels = queue_store.labels_of_samples(connection, session.queue.dataset_id)
        done = {pair for pair, reviewer in labels if reviewer == session.reviewer}
        return next((at for at in range(len(session)) if session.queue.at(at) not in done), len(session))
    cursor = session_store.last_cursor(
        connection, session.reviewer, session.queue.dataset_id, encode_queue(session.query)
    )
    at = session.queue.index_of(cursor) if cursor is not None else None
    if cursor is None or at is None:
        return 0
    mine = label_store.current(connection, cursor, session.reviewer)
    if mine is None or mine.status is None:
        return at
    return 0 if session.query.order == "unlabelled first" else at + 1


def last_query(workspace: Workspace, reviewer: str, dataset: str | None = None) -> ViewQuery | None:
    """What this reviewer labelled last (in one data set, or anywhere), to go on with."""
    found = session_store.last_queue(workspace.store.read(), reviewer, dataset)
    return msgspec.json.decode(found, type=ViewQuery) if found else None
