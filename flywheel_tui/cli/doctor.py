"""`flywheel doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import json_option, note, open_workspace, out_console, print_json, say

if TYPE_CHECKING:
    from flywheel_tui.stages.doctor import Check
    from flywheel_tui.workspace import Workspace


@click.command()
@click.option("--mend", is_flag=True, help="First rebuild what follows from other rows: counters, current labels.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, mend: bool, as_json: bool) -> None:
    """Check the workspace and this machine, and say what to do. Exit code 1 where something is wrong."""
    from flywheel_tui.stages.doctor import machine_checks

    found = [*machine_checks(), *_of_workspace(ctx, mend)]
    wrong = [check for check in found if check.verdict == "wrong"]
    if as_json:
        print_json({"ok": not wrong, "checks": found})
    else:
        _print(found)
        say("all is well" if not wrong else f"{len(wrong)} wrong: {', '.join(check.name for check in wrong)}")
    ctx.exit(1 if wrong else 0)


def _of_workspace(ctx: click.Context, mend: bool) -> Iterator[Check]:
    from flywheel_tui.errors import FlywheelError
    from flywheel_tui.stages.doctor import Check, workspace_checks
    from flywheel_tui.stages.doctor import mend as mend_now
    from flywheel_tui.stages.doctor_back_ends import back_end_checks

    try:
        workspace = open_workspace(ctx)
    except FlywheelError as error:
        yield Check("workspace", "wrong", str(error), "mend that, or name another one with --workspace")
        return
    if mend:
        pairs, figures = mend_now(workspace)
        note(f"mended: {pairs:,} pairs, {figures:,} counters")
    yield from workspace_checks(workspace)
    yield from _queue_checks(workspace)
    yield from back_end_checks(workspace)


def _queue_checks(workspace: Workspace) -> Iterator[Check]:
    from flywheel_tui.identity import now_us
    from flywheel_tui.jobs.folder import status
    from flywheel_tui.stages.doctor import Check
    from flywheel_tui.store import jobs as queue

    counts, pool = queue.count_states(workspace.store), status(workspace.root)
    if pool.supervisor is not None:
        text = f"kept by process {pool.supervisor.pid}: {len(pool.workers)} at work of {pool.slots} wanted"
        yield Check("workers", "ok", text)
    elif counts.get("queued"):
        yield Check("workers", "hint", f"{counts['queued']} jobs wait and nobody works", "flywheel worker")
    else:
        yield Check("workers", "ok", "none are kept, and no job waits")
    stalled = [job for job in queue.list_jobs(workspace.store, states=["running"]) if job.stalled(now_us())]
    bad = counts.get("failed", 0) + counts.get("dead", 0)
    if stalled or bad:
        text = f"{len(stalled)} without a living worker, {bad} failed or dead"
        yield Check("jobs", "hint", text, "flywheel jobs ls, then flywheel jobs show JOB (and retry)")
    else:
        yield Check(
            "jobs", "ok", ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none yet"
        )


def _print(found: list[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    from flywheel_tui.text import visible

    styles = {"ok": "green", "hint": "yellow", "wrong": "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("verdict", "name"):
        table.add_column(column, no_wrap=True)
    table.add_column("text", overflow="fold")
    for check in found:
        text = Text(visible(check.text, multiline=False, limit=2000))
        if check.remedy:
            text.append(f"\n-> {visible(check.remedy, multiline=False, limit=2000)}", style="bold")
        table.add_row(
            Text(check.verdict, style=styles[check.verdict]), Text(visible(check.name, multiline=False)), text
        )
    out_console().print(table)
