"""Changing a job that asks models while it runs: calls at once, what it may spend. It hears within half a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flywheel_tui.errors import UsageError
from flywheel_tui.store import jobs, judge_jobs

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

STEERED = ("generate", "judge")


def steer(
    workspace: Workspace,
    job_id: int,
    *,
    concurrency: int | None = None,
    budget_usd: float | None = None,
    budget_tokens: int | None = None,
) -> dict[str, Any]:
    """Set what is given; everything that holds then (`concurrency`, `budget_micro`, `budget_tokens`).

    A job that paused because its budget was spent goes on after `jobs.resume`. Raises NotFoundError, UsageError.
    """
    job = jobs.get_job(workspace.store, job_id)
    if job.kind not in STEERED:
        kinds = " and ".join(STEERED)
        raise UsageError(f"job {job_id} is of the kind {job.kind}; only {kinds} jobs are steered this way")
    if not job.active:
        raise UsageError(f"job {job_id} is {job.state}: there is nothing left to steer")
    changes: dict[str, Any] = {}
    if concurrency is not None:
        if not 1 <= concurrency <= 1024:
            raise UsageError("the number of calls at once lies between 1 and 1024")
        changes["concurrency"] = concurrency
    if budget_usd is not None:
        if not 0 < budget_usd < 1e9:
            raise UsageError("a budget is an amount of dollars above 0")
        changes["budget_micro"] = round(budget_usd * 1e6)
    if budget_tokens is not None:
        if budget_tokens < 1:
            raise UsageError("a budget of tokens is a number from 1 up")
        changes["budget_tokens"] = budget_tokens
    with workspace.store.tx() as connection:
        return judge_jobs.steer(connection, job_id, changes)


def live(workspace: Workspace, job_id: int) -> dict[str, Any]:
    """What a judge job shows of itself: calls in flight, concurrency, waiting, the service's figures, counts so far."""
    return judge_jobs.live(workspace.store.read(), job_id)
