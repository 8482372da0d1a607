"""`flywheel jobs …`: the queue of long work, seen and steered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import MAX_INTEGER, json_option, note, open_workspace, out_console, print_json, say

if TYPE_CHECKING:
    from flywheel_tui.records.job import Job
    from flywheel_tui.workspace import Workspace

STATES = ("queued", "running", "paused", "done", "failed", "cancelled", "dead")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def jobs() -> None:
    """See and steer the queue of long work."""


@jobs.command("ls")
@click.option("--state", "states", multiple=True, type=click.Choice(STATES), help="Only these; may be repeated.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True)
@json_option
@click.pass_context
def list_(ctx: click.Context, states: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Running jobs first, then those that wait, then the newest of the rest."""
    from flywheel_tui.store import jobs as queue

    workspace = open_workspace(ctx)
    found = queue.list_jobs(workspace.store, states=states, limit=limit)
    if as_json:
        print_json([_plain(job) for job in found])
    elif not found:
        say("no jobs")
    else:
        _print_table(found)
        _hint(workspace, found)


@jobs.command()
@click.argument("job", type=click.IntRange(1, MAX_INTEGER), metavar="JOB")
@click.option("--events", type=click.IntRange(0, 10_000), default=20, show_default=True, help="The newest N of them.")
@json_option
@click.pass_context
def show(ctx: click.Context, job: int, events: int, as_json: bool) -> None:
    """One job: how far it is, what it was asked to do, what happened, what came of it."""
    from flywheel_tui.store import jobs as queue

    workspace = open_workspace(ctx)
    found = queue.get_job(workspace.store, job)
    told = queue.events(workspace.store, job, limit=events) if events else []
    if as_json:
        print_json(_plain(found) | {"events": told})
        return
    _print_job(found)
    for event in told:
        say(f"  {_clock(event.at)}  {event.level:<7}  {event.text}")


def _steer(name: str, help: str) -> None:
    @jobs.command(name, help=help)
    @click.argument("job", type=click.IntRange(1, MAX_INTEGER), nargs=-1, required=True, metavar="JOB...")
    @json_option
    @click.pass_context
    def steer(ctx: click.Context, job: tuple[int, ...], as_json: bool) -> None:
        from flywheel_tui.store import jobs as queue

        workspace = open_workspace(ctx)
        do: Callable[..., Job] = getattr(queue, name)
        done = [do(workspace.store, number) for number in job]
        if as_json:
            print_json([_plain(each) for each in done])
            return
        for each in done:
            later = f", {each.wanted} at its next safe point" if each.wanted else ""
            say(f"job {each.id} ({each.title}): {each.state}{later}")
        _hint(workspace, done)


_steer("cancel", "Stop jobs; what they finished is kept.")
_steer("pause", "Lay jobs aside.")
_steer("resume", "Put paused jobs back into the queue.")
_steer("retry", "Put failed, dead or cancelled jobs back into the queue; they go on from what they had finished.")


def _plain(job: Job) -> dict[str, Any]:
    import msgspec

    from flywheel_tui.identity import show_uid

    found: dict[str, Any] = msgspec.to_builtins(job, builtin_types=(bytes,))
    return found | {"uid": show_uid(job.uid)}


def _hint(workspace: Workspace, found: list[Job]) -> None:
    """Jobs that wait while nobody works: say how to change that."""
    from flywheel_tui.jobs.folder import status

    if any(job.state == "queued" for job in found) and not status(workspace.root).alive:
        note("nobody works on the queue; start workers with: flywheel worker (or open the workstation)")


def _print_table(found: list[Job]) -> None:
    from rich.table import Table
    from rich.text import Text

    from flywheel_tui.identity import now_us
    from flywheel_tui.text import first_line, relative_time

    now = now_us()
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("job", "kind", "what", "state", "progress", "rate", "left", "changed", "note"):
        table.add_column(
            column,
            justify="right" if column in ("job", "rate", "left") else "left",
            overflow="fold",
            no_wrap=column == "state",
        )
    for job in found:
        table.add_row(
            str(job.id), Text(first_line(job.kind, 30)), Text(first_line(job.title, 50)), _state(job, now),
            _progress(job), _rate(job), _left(job), relative_time(job.updated, now),
            Text(first_line(job.error or "", 60)),
        )  # fmt: skip
    out_console().print(table)


def _print_job(job: Job) -> None:
    import msgspec

    from flywheel_tui.identity import now_us, show_uid
    from flywheel_tui.text import human_duration

    say(f"job {job.id}: {job.title}")
    say(f"  kind      {job.kind}" + (f", data set {job.dataset}" if job.dataset else ""))
    say(f"  state     {_state(job, now_us())}, attempt {job.attempt} of {job.max_attempts}, slot {job.slot}")
    say(f"  progress  {_progress(job)} {job.unit}" + (f", {_rate(job)}, {_left(job)} left" if job.rate else ""))
    if job.started:
        ended = job.finished or now_us()
        say(f"  took      {human_duration((ended - job.started) / 1e6)}, begun {_clock(job.started)}")
    if job.owner:
        say(f"  held by   process {job.owner.split('/')[0]}")
    if job.error:
        say(f"  error     {job.error}")
    say(f"  arguments {msgspec.json.encode(job.args).decode()[:2000]}")
    if job.result is not None:
        say(f"  result    {msgspec.json.encode(job.result).decode()[:2000]}")
    say(f"  uid       {show_uid(job.uid)}")


def _state(job: Job, now: int) -> str:
    if job.stalled(now):
        return "running (worker lost)"
    return f"{job.state} ({job.wanted} asked)" if job.wanted else job.state


def _progress(job: Job) -> str:
    phase = f"{job.phase}: " if job.phase and job.state == "running" else ""
    if job.total:
        return f"{phase}{job.done:,} of {job.total:,} ({min(job.done / job.total, 1):.0%})"
    return f"{phase}{job.done:,}" if job.done else "-"


def _rate(job: Job) -> str:
    from flywheel_tui.text import human_number

    return "" if job.rate is None else f"{human_number(job.rate)} {job.unit}/s"


def _left(job: Job) -> str:
    from flywheel_tui.text import human_duration

    return "" if job.eta_s is None else human_duration(job.eta_s)


def _clock(at: int) -> str:
    from datetime import datetime

    return datetime.fromtimestamp(at / 1e6).astimezone().strftime("%Y-%m-%d %H:%M:%S")
