"""Build the full-text index behind the ingest, in short transactions, from any process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from flywheel_tui.store import search

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.workspace import Workspace


def is_behind(workspace: Workspace) -> bool:
    """Whether pairs wait to be taken into the index."""
    indexed, newest = search.progress(workspace.store.read())
    return indexed < newest


def share_indexed(workspace: Workspace) -> float:
    """How much of the pairs can be found, 0 to 1."""
    indexed, newest = search.progress(workspace.store.read())
    return indexed / newest if newest else 1.0


def build(
    workspace: Workspace,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> int:
    """Take in what is missing; `on_progress(indexed, newest)` after every batch. The number of pairs taken in.

    May be stopped at any moment, and run by several processes at once: each batch is one transaction.
    """
    taken = 0
    while not cancelled():
        batch = search.index_batch(workspace.store)
        if not batch:
            break
        taken += batch
        on_progress(*search.progress(workspace.store.read()))
    return taken


def run_job(workspace: Workspace, args: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """The job `search_index`: no arguments; the result says how many pairs were taken in."""

    def on_progress(done: int, total: int) -> None:
        task.progress(done, total, "indexing")
        task.check()

    return {"indexed": build(workspace, on_progress)}
