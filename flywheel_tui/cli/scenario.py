"""`flywheel scenario`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import json_option, open_workspace, out_console, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.scenarios import Taken
    from flywheel_tui.store.scenarios import ScenarioRow


@click.group()
def scenario() -> None:
    """Failures that belong together; only approved ones seed a cycle."""


@scenario.command("ls")
@click.option("--state", type=click.Choice(["proposed", "approved", "rejected", "merged"]), help="Only these.")
@json_option
@click.pass_context
def list_scenarios(ctx: click.Context, state: str | None, as_json: bool) -> None:
    """List scenarios."""
    from flywheel_tui.stages.scenarios import scenarios

    found = scenarios(open_workspace(ctx), state=state)
    if as_json:
        print_json([_plain(row) for row in found])
        return
    if not found:
        say("No scenario; take in failures with: flywheel scenario add FILE (or --pair, --from-judge)")
        return
    from rich.table import Table
    from rich.text import Text

    from flywheel_tui.text import visible

    table = Table()
    for column in ("number", "state", "kind", "traces", "seen", "title", "by", "reason"):
        table.add_column(column)
    for row in found:
        state_words = f"merged into {row.into_id}" if row.state == "merged" else row.state
        by = (row.reviewer or "") + (" (script)" if row.source == "script" else "")
        cells = (str(row.id), state_words, row.error_kind, str(row.traces), str(row.seen), row.title, by,
                 row.reason or "")  # fmt: skip
        table.add_row(*(Text(visible(cell, multiline=False)) for cell in cells))
    out_console().print(table)


@scenario.command()
@click.argument("number", type=int)
@json_option
@click.pass_context
def show(ctx: click.Context, number: int, as_json: bool) -> None:
    """Show a scenario: its traces, its rubric, what was decided."""
    from flywheel_tui.stages.scenarios import rubric_text, scenario_view

    found = scenario_view(open_workspace(ctx), number)
    if as_json:
        print_json({
            "scenario": _plain(found.scenario), "merged": found.merged, "events": found.events,
            "traces": [{"request": one.request, "answer": one.answer, "expected": one.expected, "seen": one.seen,
                        "error_kind": one.error_kind, "score": one.score, "origin": one.origin, "pair": one.pair_id}
                       for one in found.traces],
        })  # fmt: skip
        return
    row = found.scenario
    say(f"Scenario {row.id} ({row.state}): {row.title}")
    traces = "1 trace" if len(found.traces) == 1 else f"{len(found.traces)} traces"
    say(f"{traces} of the kind {row.error_kind}, seen {'once' if row.seen == 1 else f'{row.seen} times'}"
        + (f"; merged into it: {', '.join(map(str, found.merged))}" if found.merged else ""))  # fmt: skip
    for trace in found.traces[:20]:
        score = "" if trace.score is None else f" (feedback {trace.score:+.2f})"
        say(f"  asked: {' '.join(trace.request.split())[:160]}")
        say(f"    said: {' '.join((trace.answer or 'nothing').split())[:160]}{score}")
    if len(found.traces) > 20:
        say(f"  … and {len(found.traces) - 20} more")
    say("Rubric:")
    for line in rubric_text(row).splitlines():
        say(f"  {line}")
    for event in found.events:
        script = " (a script)" if event.source == "script" else ""
        into = f" into {event.into_id}" if event.into_id is not None else ""
        say(f"{event.action}{into} by {event.reviewer}{script}: {event.reason}")


@scenario.command()
@click.argument("file", required=False)
@click.option("-d", "--dataset", help="Where traces go (default: traces); or whose traces, verdicts or labels to take.")
@click.option("--pair", metavar="UID|NUMBER", help="Take one pair as a failure.")
@click.option("--kind", default="", help="The kind of error of --pair.")
@click.option("--from-judge", metavar="TAG", help="Take what a judge run failed (with -d).")
@click.option("--from-labels", is_flag=True, help="Take what people rejected (with -d).")
@click.option("--where", metavar="EXPR", help="Only pairs that the expression matches.")
@click.option("--every", is_flag=True, help="Traces with good feedback, too.")
@click.option("--feedback", default=None, help="How feedback is scored: session or events (default: the setting).")
@json_option
@click.pass_context
def add(
    ctx: click.Context, file: str | None, dataset: str | None, pair: str | None, kind: str, from_judge: str | None,
    from_labels: bool, where: str | None, every: bool, feedback: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Take in failures: a file of traces, the traces of a data set, one pair, or what was judged or labelled as bad."""
    from flywheel_tui.stages import scenarios_collect as collect

    workspace = open_workspace(ctx)
    preset = feedback or workspace.settings.feedback
    if sum((file is not None, pair is not None, from_judge is not None, from_labels)) > 1:
        raise UsageError("name one source: FILE, --pair, --from-judge or --from-labels")
    if file is not None:
        found = collect.add_file(workspace, str(Path(file)), dataset=dataset or "traces", preset=preset, every=every)
    elif pair is not None:
        found = collect.add_pair(workspace, pair, error_kind=kind)
    elif dataset is None:
        raise UsageError("say what to take in: FILE, --pair UID, or a data set with -d")
    elif from_judge is not None:
        found = collect.add_from_judge(workspace, dataset, from_judge)
    elif from_labels:
        found = collect.add_from_labels(workspace, dataset, where=where)
    else:
        found = collect.add_dataset(workspace, dataset, where=where, preset=preset, every=every)
    print_json(found) if as_json else _show_taken(found)


def _show_taken(found: Taken) -> None:
    say(
        f"Looked at {found.looked_at}: {found.added} new failures, {found.known} known, {found.passed_over} no failures"
    )
    if found.made:
        say(f"New scenarios: {', '.join(map(str, found.made))}; look with: flywheel scenario show {found.made[0]}")
    for line in found.notes:
        say(line)


def _decision(command: Any) -> Any:
    command = click.option("--reason", required=True, help="Why; it is kept.")(command)
    command = click.option("--reviewer", help="Who decides (default: the setting).")(command)
    return json_option(command)


@scenario.command()
@click.argument("number", type=int)
@click.option("--rubric", type=click.Path(dir_okay=False), help="A rubric that replaces the draft.")
@_decision
@click.pass_context
def approve(
    ctx: click.Context, number: int, rubric: str | None, reviewer: str | None, reason: str, as_json: bool
) -> None:
    """Let a scenario seed cycles."""
    from flywheel_tui.stages.rubric import load_rubric
    from flywheel_tui.stages.scenarios import approve as decide
    from flywheel_tui.stages.scenarios import edit_rubric

    workspace = open_workspace(ctx)
    who = reviewer or workspace.reviewer
    if rubric is not None:
        load_rubric(Path(rubric))
        edit_rubric(workspace, number, Path(rubric).read_text("utf-8-sig"), reviewer=who, reason=reason)
    _show_decided(decide(workspace, number, reviewer=who, reason=reason), as_json)


@scenario.command()
@click.argument("number", type=int)
@_decision
@click.pass_context
def reject(ctx: click.Context, number: int, reviewer: str | None, reason: str, as_json: bool) -> None:
    """Say that a scenario seeds nothing."""
    from flywheel_tui.stages.scenarios import reject as decide

    workspace = open_workspace(ctx)
    _show_decided(decide(workspace, number, reviewer=reviewer or workspace.reviewer, reason=reason), as_json)


@scenario.command()
@click.argument("number", type=int)
@click.argument("into", type=int)
@_decision
@click.pass_context
def merge(ctx: click.Context, number: int, into: int, reviewer: str | None, reason: str, as_json: bool) -> None:
    """Make a scenario part of another one."""
    from flywheel_tui.stages.scenarios import merge as decide

    workspace = open_workspace(ctx)
    _show_decided(decide(workspace, number, into, reviewer=reviewer or workspace.reviewer, reason=reason), as_json)


def _show_decided(row: ScenarioRow, as_json: bool) -> None:
    if as_json:
        print_json(_plain(row))
        return
    into = f" into {row.into_id}" if row.into_id is not None else ""
    say(f"Scenario {row.id} {row.state}{into} by {row.reviewer}: {row.reason}")
    if row.state == "approved":
        say("It seeds the next cycle: flywheel run. Every evaluation asks its failures again: flywheel gate failures")


def _plain(row: ScenarioRow) -> dict[str, Any]:
    from flywheel_tui.stages.scenarios import show_number

    return {
        "number": row.id, "uid": show_number(row), "title": row.title, "kind": row.error_kind, "state": row.state,
        "traces": row.traces, "seen": row.seen, "reviewer": row.reviewer, "source": row.source, "reason": row.reason,
        "into": row.into_id, "rubric": row.rubric,
    }  # fmt: skip
