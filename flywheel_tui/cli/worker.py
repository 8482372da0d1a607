"""`flywheel worker`."""

from __future__ import annotations

import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import note, open_workspace, say

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


@click.command()
@click.option("--slots", type=click.IntRange(1, 64), help="How many jobs at once (default 2).")
@click.option("--until-idle", is_flag=True, help="End when no job waits or runs; exit code 1 where one went wrong.")
@click.option("--detach", is_flag=True, help="Leave the workers running and give the terminal back.")
@click.option("--stop", is_flag=True, help="Stop the workers of this workspace; jobs are given back first.")
@click.pass_context
def worker(ctx: click.Context, slots: int | None, until_idle: bool, detach: bool, stop: bool) -> None:
    """Run workers that go on when the terminal closes. Ctrl-C stops them; their jobs go on with the next ones."""
    workspace = open_workspace(ctx)
    if stop:
        _stop(workspace)
    elif detach:
        from flywheel_tui.jobs import ensure_workers

        now = ensure_workers(workspace, slots)
        process = f"process {now.supervisor.pid}" if now.supervisor else "ended again"
        say(f"{now.slots} workers for {workspace.root} ({process}); stop them with: flywheel worker --stop")
    else:
        _run(ctx, workspace, slots, until_idle)


def _stop(workspace: Workspace) -> None:
    from flywheel_tui.errors import FlywheelError
    from flywheel_tui.jobs.pool import stop_workers

    if not stop_workers(workspace.root):
        raise FlywheelError(f"some workers would not end; see {workspace.root / 'workers'}")
    say("no worker is left")


def _run(ctx: click.Context, workspace: Workspace, slots: int | None, until_idle: bool) -> None:
    from flywheel_tui.identity import now_us
    from flywheel_tui.jobs import folder as files
    from flywheel_tui.jobs.supervisor import IDLE_WORKER_S, Supervisor
    from flywheel_tui.jobs.worker import Rules

    folder, began = files.make(workspace.root), now_us()
    if slots is not None:
        files.want_slots(folder, slots)
    supervisor = Supervisor(workspace, rules=Rules(idle_exit_s=IDLE_WORKER_S), until_idle=until_idle)
    # the terminal may close: its hang-up ends nothing, and writing to it must not either
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.stop())
    note(f"{files.slots(folder)} workers for {workspace.root}; Ctrl-C stops them, logs are in {folder}")
    supervisor.run()
    went_wrong = _report(workspace, began) if until_idle else 0
    with suppress(OSError):
        note("no worker is left")
    ctx.exit(1 if went_wrong else 0)


def _report(workspace: Workspace, since: int) -> int:
    """Say which jobs ended since then and how; how many of them went wrong."""
    from flywheel_tui.store import jobs as queue

    ended = [job for job in queue.list_jobs(workspace.store, limit=10_000) if (job.finished or 0) >= since]
    wrong = [job for job in ended if job.state in ("failed", "dead")]
    say(f"{len(ended) - len(wrong)} jobs ended well, {len(wrong)} went wrong")
    for job in wrong:
        say(f"  job {job.id} ({job.title}): {job.state}: {job.error}")
    return len(wrong)
