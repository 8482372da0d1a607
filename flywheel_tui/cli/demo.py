"""`flywheel demo`: a ready workspace on the shipped data; with `--cycles` the real wheel on the small model."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, out_console, print_json, say
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.cycle.demonstration import CycleResult
    from flywheel_tui.cycle.engine import RunReport
    from flywheel_tui.cycle.options import CycleOptions
    from flywheel_tui.workspace import Workspace


@click.command()
@click.argument("folder", metavar="[DIR]", default=None, required=False)
@click.option("--cycles", type=click.IntRange(min=1, max=50), help="Turn the wheel N times with the small model that "
              "ships (needs the extra train; minutes on two cores, no network).")  # fmt: skip
@click.option("--seed", "seeds", type=int, multiple=True, help="What chance hangs on; repeat it for several runs, each "
              "in a workspace of its own (DIR/seed-N).")  # fmt: skip
@click.option("--count", type=click.IntRange(min=50), help="Pairs made in each cycle.")
@click.option("--poison", is_flag=True, help="Make a bad cycle on purpose: most answers are wrong and passed as right.")
@click.option("--sign", metavar="NAME", help="Sign the gate in advance, for scripts: promotes a PASS and nothing else.")
@click.option("--reason", metavar="TEXT", help="Why you sign in advance; kept with the decision.")
@json_option
@click.pass_context
def demo(
    ctx: click.Context, folder: str | None, cycles: int | None, seeds: tuple[int, ...], count: int | None, poison: bool,
    sign: str | None, reason: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Fill a workspace (default ./data) with the shipped demo pairs, so that every screen has something real in it.

    With --cycles the wheel really turns: the small model is asked, what it fails is learnt, a LoRA adapter is trained,
    measured on held-out tasks, and brought before the gate, where a person decides.
    """
    root = Path(folder or ctx.obj.get("workspace") or "data")
    if cycles is None:
        if seeds or poison or sign or reason or count:
            raise UsageError("--seed, --count, --poison, --sign and --reason go with --cycles N")
        _fill(root, as_json)
        return
    if bool(sign) != bool(reason and reason.strip()):
        raise UsageError("--sign NAME and --reason TEXT go together: a decision is kept with both")
    from flywheel_tui.cycle.demonstration import COUNT, demo_options

    made = []
    for seed in seeds or (0,):
        options = demo_options(
            cycles, seed, count=count or COUNT, poison=poison, sign=(sign, reason) if sign and reason else None
        )
        place = root / f"seed-{seed}" if len(seeds) > 1 else root
        if len(seeds) > 1 and not as_json:
            say(f"Seed {seed}: {place}")
        made.append(_turn(place, options, as_json))
    if as_json:
        print_json(made if len(made) > 1 else made[0])
    elif len(made) > 1:
        _show_seeds(made)


def _fill(root: Path, as_json: bool) -> None:
    from flywheel_tui.stages.setup import fill_with_demo, make_workspace

    with make_workspace(root) as workspace:
        summaries = fill_with_demo(workspace)
        place = str(workspace.root)
    if as_json:
        print_json({"workspace": place, "datasets": summaries})
        return
    for summary in summaries:
        say(f"Ingested {summary.added:,} pairs -> {summary.dataset}")
    say(f"Workspace ready: {place}")
    say(f"Next: flywheel-tui {shlex.quote(place)}")


def _turn(place: Path, options: CycleOptions, as_json: bool) -> dict[str, Any]:
    """Turn the wheel in one workspace, show what came of it."""
    from flywheel_tui.cycle.demonstration import finished, results
    from flywheel_tui.stages.setup import fill_with_demo, make_workspace

    with make_workspace(place) as workspace:
        fill_with_demo(workspace)
        report = finished(workspace, options) or _run(workspace, options, as_json)
        found = results(workspace, [cycle["number"] for cycle in report.cycles])
        if not as_json:
            show_results(found)
            _show_end(workspace, report)
        return {"workspace": str(workspace.root), "seed": options.seed, "run": report, "results": found}


def _run(workspace: Workspace, options: CycleOptions, as_json: bool) -> RunReport:
    import msgspec

    from flywheel_tui.cycle.engine import RunReport, listening
    from flywheel_tui.jobs import run_foreground

    with listening(note if as_json else say), Progress("Turning the wheel") as progress:
        result = run_foreground(
            workspace, "cycle", msgspec.to_builtins(options), title=f"demonstration, seed {options.seed}",
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    return msgspec.convert(result, RunReport)


def show_results(found: list[CycleResult]) -> None:
    """Held-out accuracy by skill before and after each cycle, in one table; then the gates."""
    from rich.table import Table

    if not found:
        return
    table = Table(title="Held-out accuracy before and after each cycle (95 % intervals, McNemar's exact p)")
    for column in ("cycle", "skill", "n", "before", "after", "difference", "p"):
        table.add_column(column, justify="left" if column in ("skill",) else "right")
    for result in found:
        for line in result.lines:
            name = f"{line.skill} *" if line.target else line.skill
            table.add_row(
                str(line.cycle), name, str(line.n), _share(line.before), _share(line.after), _points(line.difference),
                "–" if line.p is None else "< 0.0001" if line.p < 1e-4 else f"{line.p:.4f}",
                end_section=line is result.lines[-1],
            )  # fmt: skip
    out_console().print(table)
    say("* what the cycle was to improve, fixed before it began")
    for result in found:
        gates = ", ".join(f"{name} {verdict}" for name, verdict in result.gates.items())
        decided = {"approve": f"promoted by {result.by}", "reject": f"refused by {result.by}"}
        say(f"Gate of cycle {result.cycle}: {result.verdict} ({gates}); {decided.get(result.decision, 'not decided')}")
        if result.why:
            say(f"  {result.why}")


def _share(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.1%} [{value[1]:.0%}, {value[2]:.0%}]"


def _points(value: tuple[float, float, float]) -> str:
    return f"{100 * value[0]:+.1f} [{100 * value[1]:+.1f}, {100 * value[2]:+.1f}]"


def _show_end(workspace: Workspace, report: RunReport) -> None:
    from flywheel_tui.cycle.engine import waiting_words

    place = shlex.quote(str(workspace.root))
    if report.state == "waiting":
        say(f"Not over: {waiting_words(report.awaits)}")
        say(f"Then go on with the same command, or: flywheel -w {place} run")
    say(f"Look at it: flywheel-tui {place}; flywheel -w {place} report")


def _show_seeds(made: list[dict[str, Any]]) -> None:
    """All seeds in one table: what the cycles were to improve, the worst of the others, and the gate."""
    from rich.table import Table

    table = Table(title="All seeds")
    for column in ("seed", "cycle", "to improve", "all skills", "worst of the others", "gate"):
        table.add_column(column)
    for one in made:
        for result in one["results"]:
            targets = [line for line in result.lines if line.target]
            others = [line for line in result.lines[:-1] if not line.target]
            worst = min(others, key=lambda line: line.difference[0], default=None)
            table.add_row(
                str(one["seed"]), str(result.cycle),
                ", ".join(f"{line.skill} {_points(line.difference)}" for line in targets),
                _points(result.lines[-1].difference),
                f"{worst.skill} {_points(worst.difference)}" if worst else "–", result.verdict,
            )  # fmt: skip
    out_console().print(table)
