"""`flywheel status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import json_option, open_workspace, out_console, print_json, say

if TYPE_CHECKING:
    from flywheel_tui.cycle.views import CycleLine, Velocity
    from flywheel_tui.stages.triggers import Checklist


@click.command()
@click.option("-d", "--dataset", help="Whose training triggers are shown (default: those of the newest cycle).")
@json_option
@click.pass_context
def status(ctx: click.Context, dataset: str | None, as_json: bool) -> None:
    """Say where the wheel stands: cycles, jobs, who is awaited, training triggers, speed."""
    from flywheel_tui.cycle.views import awaited, cycles, velocity
    from flywheel_tui.stages.scenarios import scenarios
    from flywheel_tui.stages.triggers import checklist
    from flywheel_tui.store.datasets import list_datasets
    from flywheel_tui.store.jobs import list_jobs

    workspace = open_workspace(ctx)
    history, waiting, speed = cycles(workspace), awaited(workspace), velocity(workspace)
    jobs = list_jobs(workspace.store, states=("running", "queued", "paused"), limit=20)
    known = {row.name for row in list_datasets(workspace.store.read())}
    name = dataset or (history[-1].dataset if history else None)
    triggers = checklist(workspace, name) if name and (dataset or name in known) else None
    checkpoints = sorted(path.name for path in (workspace.root / "checkpoints").glob("checkpoint_*.json"))
    if as_json:
        print_json({
            "workspace": str(workspace.root), "cycles": history, "awaits": waiting, "triggers": triggers,
            "velocity": speed, "checkpoints": checkpoints,
            "jobs": [{"id": job.id, "kind": job.kind, "title": job.title, "state": job.state, "phase": job.phase,
                      "done": job.done, "total": job.total} for job in jobs],
        })  # fmt: skip
        return
    say(f"Workspace: {workspace.root}")
    _show_cycles(history, len(scenarios(workspace, state="approved")) if not history else 0)
    say(f"Checkpoints: {len(checkpoints)}" + (f" (newest {checkpoints[-1]})" if checkpoints else ""))
    for one in waiting:
        say(f"Waiting for {one.get('who')}: {one.get('what')}")
        if one.get("command"):
            say(f"  do it with: {one['command']}; then: flywheel run")
    for job in jobs:
        of = f" of {job.total}" if job.total else ""
        say(f"Job {job.id} ({job.state}): {job.title} {job.phase or ''} {job.done}{of}")
    if triggers is not None:
        _show_triggers(triggers)
    if history:
        _show_speed(speed)


def _show_cycles(history: list[CycleLine], approved: int) -> None:
    if not history:
        begin = 'begin one with: flywheel run -s "seed one,seed two"'
        if approved:
            begin = f"{approved} approved scenario{'s' * (approved > 1)} can seed one: flywheel run"
        say(f"No cycle yet; {begin}")
        return
    from rich.table import Table

    table = Table()
    for column in ("cycle", "state", "data set", "made", "judged", "passed", "pass rate", "accepted", "cost", "gate",
                   "stopped"):  # fmt: skip
        table.add_column(column)
    for line in history:
        table.add_row(
            str(line.number), line.state if line.state == "done" else f"{line.state}: {line.phase}", line.dataset,
            str(line.generated), str(line.judged), str(line.passed), rate_words(line), str(line.accepted),
            f"${line.cost_usd:.4f}", line.gate, line.stop_reason or "",
        )  # fmt: skip
    out_console().print(table)


def rate_words(line: CycleLine) -> str:
    """A pass rate with its interval; marked where labels corrected it."""
    if line.pass_rate is None:
        return "–"
    interval = f" [{line.low:.0%}, {line.high:.0%}]" if line.low is not None and line.high is not None else ""
    return f"{line.pass_rate:.1%}{interval}" + (" corrected" if line.corrected else "")


def _show_triggers(found: Checklist) -> None:
    say(f"Training of {found.dataset}: {'yes' if found.train else 'no'} – {found.reason}")
    for line in found.lines:
        say(f"  [{'x' if line.met else ' '}] {line.title}: {line.said}")


def _show_speed(speed: Velocity) -> None:
    say(f"Speed: {speed.cycle_seconds:.1f} s a cycle over {speed.cycles}; {speed.advice}")


def plain(value: Any) -> str:
    """A value of evidence in a few words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(one)}" for name, one in value.items())
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value)
    return f"{value:.3g}" if isinstance(value, float) else str(value)
