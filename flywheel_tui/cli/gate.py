"""`flywheel gate …`: evidence bundles and what people decide about them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import json_option, note, open_workspace, out_console, print_json, say
from flywheel_tui.cli.gate_ab import ab
from flywheel_tui.cli.gate_blind import blind

if TYPE_CHECKING:
    from collections.abc import Callable

    from flywheel_tui.store.gate import DecisionRow
    from flywheel_tui.workspace import Workspace

_script = click.option("--script", is_flag=True, help="Say that a script decides, not a person.")


def _signed(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--reviewer` and `--reason`: no decision without them."""
    command = click.option("--reason", default="", metavar="TEXT", help="Why; kept for good.")(command)
    return click.option("--reviewer", default="", metavar="NAME", help="Who decides (default: the setting).")(command)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def gate() -> None:
    """Promote an adapter on evidence, refuse it, or take it back; a person signs."""


gate.add_command(ab)
gate.add_command(blind)


@gate.command("ls")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Bundles with their verdicts and decisions, and which adapter is in use."""
    from flywheel_tui.stages.gate import in_use
    from flywheel_tui.stages.gate.decide import sync_pointer
    from flywheel_tui.store import gate as store

    workspace = open_workspace(ctx)
    found = store.bundles(workspace.store.read())
    if used := in_use(workspace):
        # a process that was killed after its decision has left the file behind
        sync_pointer(workspace)
    if as_json:
        print_json({"in_use": used, "bundles": found})
        return
    for one in used:
        say(f"In use for {Path(one.base).name} ({one.base_hash[:12]}): {_name(one.adapter)}")
    if not found:
        say("no bundles; make one with: flywheel evaluate --adapter NAME --base MODEL …")
        return
    out_console().print(_table(found))


def _name(adapter: str) -> str:
    return Path(adapter).name or "the base alone"


def _table(found: list[Any]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from flywheel_tui.identity import now_us
    from flywheel_tui.text import relative_time, visible

    table, now = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0)), now_us()
    for name in ("bundle", "hash", "adapter", "cycle", "verdict", "decision", "by", "made"):
        table.add_column(name, justify="right" if name in ("bundle", "cycle") else "left")
    for row in found:
        cells = (
            str(row.id), row.hash[:12], _name(row.adapter), str(row.cycle or ""), row.verdict, row.decision or "open",
            row.reviewer or "", relative_time(row.created, now),
        )  # fmt: skip
        table.add_row(*(Text(visible(cell, multiline=False)) for cell in cells))
    return table


@gate.command()
@click.argument("bundle")
@json_option
@click.pass_context
def show(ctx: click.Context, bundle: str, as_json: bool) -> None:
    """One bundle: the gates, what is missing, the figures, who decided what and why."""
    import msgspec

    from flywheel_tui.cli.evaluate import show_evaluation, show_gates
    from flywheel_tui.stages.gate.desk import read_evidence
    from flywheel_tui.store import evaluations
    from flywheel_tui.store import gate as store

    workspace = open_workspace(ctx)
    connection = workspace.store.read()
    row = store.find_bundle(connection, bundle)
    # the figures that the bundle was sealed with: people may have chosen blind since the evaluation ended
    measured = read_evidence(workspace, row).measured
    evaluation = msgspec.structs.replace(evaluations.get_evaluation(connection, row.evaluation_id), result=measured)
    decisions = store.decisions(connection, bundle_id=row.id)
    if as_json:
        print_json({"bundle": row, "evaluation": evaluation, "decisions": decisions})
        return
    say(f"Bundle {row.id}: {row.hash} in {workspace.root / row.folder}")
    show_evaluation(evaluation)
    show_gates(row)
    for decision in reversed(decisions):
        _say_decision(decision)
    if not decisions:
        say(f"Nobody has decided yet: flywheel gate approve|reject {row.id} --reviewer NAME --reason TEXT")


def _say_decision(decision: DecisionRow) -> None:
    from flywheel_tui.identity import now_us
    from flywheel_tui.text import relative_time

    who = f"{decision.reviewer}{' (a script)' if decision.source == 'script' else ''}"
    against = f" against the verdict {decision.verdict}" if decision.override else ""
    say(f"{decision.action} by {who}{against}, {relative_time(decision.at, now_us())}: {decision.reason}")


@gate.command()
@click.argument("bundle")
@click.option("--hash", "expected", default="", help="The hash that it should have.")
@json_option
@click.pass_context
def verify(ctx: click.Context, bundle: str, expected: str, as_json: bool) -> None:
    """Compute every number of a bundle again (a folder, a zip, or one of the workspace) and check every hash.

    Exit code 1 where something does not hold.
    """
    from flywheel_tui.stages.gate.bundle import bundle_path
    from flywheel_tui.stages.gate.verify import verify_bundle

    path = Path(bundle).expanduser()
    if not path.exists():
        workspace = open_workspace(ctx)
        path = bundle_path(workspace, bundle)
        expected = expected or _kept_hash(workspace, bundle)
    found = verify_bundle(path, expected=expected)
    if as_json:
        print_json(found)
    else:
        for problem in found.problems:
            say(f"{problem.file}: {problem.what}")
        for line in found.notes:
            say(f"Note: {line}")
        numbers = f"{found.numbers:,} numbers computed again from {found.items:,} items, {found.files} files"
        say(f"{'Holds' if found.ok else 'DOES NOT HOLD'}: {numbers}; hash {found.hash}")
        say(f"Verdict of G1 to G6, computed here: {found.verdict or 'none'}")
    if not found.ok:
        ctx.exit(1)


def _kept_hash(workspace: Workspace, bundle: str) -> str:
    from flywheel_tui.store import gate as store

    return store.find_bundle(workspace.store.read(), bundle).hash


@gate.command()
@click.argument("bundle")
@_signed
@click.option("--override", is_flag=True, help="Promote against the verdict; the reason says why.")
@_script
@json_option
@click.pass_context
def approve(
    ctx: click.Context, bundle: str, reviewer: str, reason: str, override: bool, script: bool, as_json: bool
) -> None:
    """Promote the adapter of a bundle: it is in use for its base from now on. Exit code 1 where the gate is shut."""
    from flywheel_tui.stages.gate import approve as do

    workspace = open_workspace(ctx)
    made = do(
        workspace, bundle, reviewer=reviewer or workspace.settings.reviewer or "", reason=reason, override=override,
        source="script" if script else "human",
    )  # fmt: skip
    _done(made, as_json, f"{_name(made.adapter)} is in use now (before: {_name(made.previous)})")


@gate.command()
@click.argument("bundle")
@_signed
@_script
@json_option
@click.pass_context
def reject(ctx: click.Context, bundle: str, reviewer: str, reason: str, script: bool, as_json: bool) -> None:
    """Refuse the adapter of a bundle; what is in use stays in use."""
    from flywheel_tui.stages.gate import reject as do

    workspace = open_workspace(ctx)
    who = reviewer or workspace.settings.reviewer or ""
    made = do(workspace, bundle, reviewer=who, reason=reason, source="script" if script else "human")
    _done(made, as_json, f"refused; in use stays {_name(made.adapter)}")


@gate.command()
@click.option("--base", default="", metavar="NAME|HASH", help="For which base, where adapters of several are in use.")
@_signed
@_script
@json_option
@click.pass_context
def rollback(ctx: click.Context, base: str, reviewer: str, reason: str, script: bool, as_json: bool) -> None:
    """Put the adapter back in use that was before the present one."""
    from flywheel_tui.stages.gate import rollback as do

    workspace = open_workspace(ctx)
    who = reviewer or workspace.settings.reviewer or ""
    made = do(workspace, reviewer=who, reason=reason, base=base, source="script" if script else "human")
    _done(made, as_json, f"{_name(made.adapter)} is in use again (taken back: {_name(made.previous)})")


def _done(made: DecisionRow, as_json: bool, words: str) -> None:
    if as_json:
        print_json(made)
        return
    say(words)
    _say_decision(made)


@gate.command()
@click.argument("evaluation", type=click.IntRange(min=1))
@click.option("--side", type=click.Choice(["candidate", "base"]), default="candidate", show_default=True)
@click.option("--slice", "slices", multiple=True, help="Only failures of this slice; may be repeated.")
@click.option("--key", "keys", multiple=True, help="Only this item; may be repeated.")
@click.option("--reviewer", default="", metavar="NAME", help="Who confirms (default: the setting).")
@click.option("--yes", is_flag=True, help="Confirm; without it they are only listed.")
@_script
@json_option
@click.pass_context
def confirm(ctx: click.Context, /, evaluation: int, reviewer: str, yes: bool, script: bool, as_json: bool,
            **chosen: Any) -> None:  # fmt: skip
    """Confirm failures of an evaluation: from now on every evaluation asks about them (the regression set)."""
    from flywheel_tui.stages.evaluate.confirm import confirm as do
    from flywheel_tui.stages.evaluate.confirm import failures

    workspace = open_workspace(ctx)
    if yes:
        who = reviewer or workspace.settings.reviewer or ""
        found = do(workspace, evaluation, reviewer=who, source="script" if script else "human", **chosen)
        if as_json:
            print_json(found)
        else:
            say(f"Added {found.added}; the regression set holds {found.items} (version {found.version})")
        return
    wrong = failures(workspace, evaluation, side=chosen["side"], slices=chosen["slices"])
    if as_json:
        print_json(wrong)
        return
    for item in wrong:
        said = getattr(item, f"{chosen['side']}_output") or ""
        say(f"{item.key}  {item.prompt[:80]!r}: {said[:60]!r}, expected {item.expected[:60]!r}")
    note(f"{len(wrong)} failures; confirm them with --yes --reviewer NAME")


@gate.command("failures")
@click.option("--slice", "slices", multiple=True, help="Only failures of this slice; may be repeated.")
@json_option
@click.pass_context
def past_failures(ctx: click.Context, slices: tuple[str, ...], as_json: bool) -> None:
    """The regression set: every confirmed failure, which every evaluation asks again.

    The failures of approved scenarios and the answers that people rejected are in it by themselves.
    """
    from flywheel_tui.stages.evaluate.gathered import gather
    from flywheel_tui.store import evaluations
    from flywheel_tui.text import visible

    workspace = open_workspace(ctx)
    now = gather(workspace)
    found = [one for one in evaluations.confirmed(workspace.store.read()) if not slices or one.slice in slices]
    if as_json:
        print_json({"version": now.version, "items": now.items, "slices": now.slices, "failures": found})
        return
    for one in found:
        who = f"{one.reviewer}{' (a script)' if one.source == 'script' else ''}"
        how = f"checked by {one.checker}" if one.checker else "nothing can check it: a judge compares"
        asked = one.messages[-1]["content"] if one.messages else ""
        say(visible(f"{one.slice}: {asked[:80]!r} was answered {one.answer[:60]!r}; {how}; {who}", multiline=False))
    listed = ", ".join(f"{name} {count}" for name, count in now.slices.items())
    say(
        f"{now.items} confirmed failures (version {now.version}): {listed}"
        if now.items
        else "no failure is confirmed yet; approve a scenario, reject an answer, or: flywheel gate confirm EVALUATION"
    )


@gate.command("export")
@click.argument("bundle")
@click.option("--to", "target", required=True, metavar="FILE.zip", help="Where to write the zip.")
@click.pass_context
def export(ctx: click.Context, bundle: str, target: str) -> None:
    """Write a bundle as one zip: the same bundle is the same bytes."""
    from flywheel_tui.stages.gate.bundle import export_zip

    path = export_zip(open_workspace(ctx), bundle, Path(target).expanduser())
    say(f"Wrote {path} ({path.stat().st_size:,} bytes)")
