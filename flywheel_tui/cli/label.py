"""`flywheel label`: one by one, in bulk, and labels in and out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.adjudicate import adjudicate
from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
from flywheel_tui.cli.label_queue import queue, sample
from flywheel_tui.errors import UsageError

if TYPE_CHECKING:
    from flywheel_tui.stages.label_log import LogSummary
    from flywheel_tui.workspace import Workspace


@click.group(invoke_without_command=True)
@click.option("-d", "--dataset", help="The data set to label.")
@click.option(
    "--mode", type=click.Choice(["interactive", "bulk", "auto-from-judge"]), default="interactive", show_default=True
)
@click.option("--plain", is_flag=True, help="Ask line by line instead of opening the workstation.")
@click.option("--where", metavar="EXPR", help="Only pairs that the expression matches.")
@click.option("--status", type=click.Choice(["approved", "rejected", "skipped"]), help="What a bulk action sets.")
@click.option("--reason", "reasons", multiple=True, help="Reason of a bulk rejection (repeatable).")
@click.option("--note", "remark", help="Note of a bulk action.")
@click.option("--reviewer", help="Who labels (default: the setting, else the login name).")
@click.option("--tag", help="The judge run whose scores decide (mode auto-from-judge).")
@click.option("--judgments", metavar="FILE", help="Take these recorded judgments in first, as the run that decides.")
@click.option("--map", "mapping", metavar="FIELD=COLUMN,…", help="Columns of --judgments, e.g. pair=id,score=points.")
@click.option("--reject-below", type=float, metavar="SCORE", help="Reject pairs that the judge scored below.")
@click.option("--approve-above", type=float, metavar="SCORE", help="Approve pairs that the judge scored above.")
@click.option("--yes", is_flag=True, help="Do a bulk action without asking.")
@click.option("--undo", metavar="BATCH", help="Take back a bulk action by its identifier; `last`: your last action.")
@json_option
@click.pass_context
def label(ctx: click.Context, /, **options: Any) -> None:
    """Label pairs one by one (in the workstation, or --plain) or in bulk; import, export and merge labels."""
    if ctx.invoked_subcommand is not None:
        return
    workspace = open_workspace(ctx, reviewer=options["reviewer"])
    if options["undo"]:
        _undo(workspace, options["undo"], options["as_json"])
    elif not options["dataset"]:
        raise UsageError("name the data set: flywheel label -d NAME (flywheel dataset ls lists them)")
    elif options["mode"] == "bulk":
        _bulk(workspace, options)
    elif options["mode"] == "auto-from-judge":
        _from_judge(workspace, options)
    elif options["as_json"]:
        raise UsageError("--json goes with --mode bulk and --undo; labelling one by one prints no document")
    elif options["plain"]:
        from flywheel_tui.cli.plain import label_plain

        label_plain(workspace, options["dataset"], options["where"])
    else:
        from flywheel_tui.cli.tui import open_label

        ctx.exit(open_label(workspace, options["dataset"], options["where"]))


def _matching(workspace: Workspace, dataset: str, where: str | None) -> list[int]:
    from flywheel_tui.stages.views import ViewQuery, ids_of

    return list(ids_of(workspace, ViewQuery(dataset=dataset, filter=where)))


def _bulk(workspace: Workspace, options: dict[str, Any]) -> None:
    from flywheel_tui.stages.label import Bulk, apply_bulk, plan_bulk

    if not options["status"]:
        raise UsageError("a bulk action needs --status approved, rejected or skipped")
    if not options["where"]:
        raise UsageError("a bulk action needs --where EXPR; to label every pair say --where 'id > 0'")
    pairs = _matching(workspace, options["dataset"], options["where"])
    plan = plan_bulk(workspace, pairs, options["status"], workspace.reviewer)
    before = ", ".join(f"{count:,} {status}" for status, count in sorted(plan.before.items()))
    sentence = f"{plan.matched:,} pairs match, {plan.changed:,} would become {options['status']}"
    note(f"{sentence} (now: {before})" if before else sentence)
    if not plan.changed:
        uid, changed = None, 0
    else:
        _confirm(options["yes"])
        bulk = Bulk(pairs=pairs, status=options["status"], reviewer=workspace.reviewer, reasons=options["reasons"],
                    note=options["remark"], expression=options["where"])  # fmt: skip
        with Progress("Labelling") as progress:
            uid, changed = apply_bulk(workspace, bulk, on_progress=progress.update)
    if options["as_json"]:
        print_json({"matched": plan.matched, "changed": changed, "batch": uid, "status": options["status"]})
    elif uid:
        say(f"Labelled {changed:,} pairs {options['status']}; undo with: flywheel label --undo {uid}")
    else:
        say("Nothing to change")


def _from_judge(workspace: Workspace, options: dict[str, Any]) -> None:
    from flywheel_tui.stages.judge.auto_label import apply_auto, plan_auto

    tag = _take_in(workspace, options) if options["judgments"] else options["tag"]
    if not tag:
        raise UsageError("name the judge run: --tag T (flywheel dataset info NAME lists them), or --judgments FILE")
    plan = plan_auto(
        workspace, options["dataset"], tag, reject_below=options["reject_below"],
        approve_above=options["approve_above"],
    )  # fmt: skip
    note(
        f"{plan.reject:,} pairs would be rejected, {plan.approve:,} approved by {plan.reviewer}; {plan.between:,} score"
        f" in between, {plan.unjudged:,} have no verdict, {plan.unscored:,} no score, {plan.already:,} are so already"
    )
    if plan.by_people:
        note(f"{plan.by_people:,} of them were decided by people already: what people said goes on to hold")
    uid, changed = None, 0
    if plan.decisions:
        _confirm(options["yes"])
        with Progress("Labelling") as progress:
            uid, changed = apply_auto(workspace, plan, on_progress=progress.update)
    if options["as_json"]:
        counts = {name: getattr(plan, name) for name in ("approve", "reject", "between", "unjudged", "unscored")}
        print_json({"changed": changed, "batch": uid, "reviewer": plan.reviewer, **counts})
    elif uid:
        say(f"Labelled {changed:,} pairs ({plan.approve:,} approved, {plan.reject:,} rejected); undo with: flywheel"
            f" label --undo {uid}")  # fmt: skip
    else:
        say("Nothing to change")


def _take_in(workspace: Workspace, options: dict[str, Any]) -> str:
    """Recorded judgments become a run; its tag."""
    from flywheel_tui.stages.judge.recorded import FIELDS, ImportOptions, import_judgments
    from flywheel_tui.stages.layouts import parse_map

    if options["reject_below"] is None and options["approve_above"] is None:
        raise UsageError("say --reject-below SCORE, --approve-above SCORE or both; nothing was taken in")
    mapping = parse_map(options["mapping"], FIELDS, "a judgment") if options["mapping"] else None
    request = ImportOptions(
        dataset=options["dataset"], file=options["judgments"], tag=options["tag"] or "", mapping=mapping
    )
    report = import_judgments(workspace, request)
    note(f"took in {report.judged:,} judgments as {report.tag}")
    return report.tag


def _confirm(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("not on a terminal: say --yes to do it")
    click.confirm("Do it?", abort=True, err=True)


def _undo(workspace: Workspace, target: str, as_json: bool) -> None:
    from flywheel_tui.identity import parse_uid, show_uid
    from flywheel_tui.stages.label import undo, undo_last

    if target == "last":
        found = undo_last(workspace, workspace.reviewer)
        changed = found.changed if found else 0
        done = show_uid(found.uid) if found else None
    else:
        try:
            uid = parse_uid(target.upper())
        except ValueError as error:
            raise UsageError(f"{error}; the bulk action printed it, or say --undo last") from None
        changed, done = undo(workspace, uid, workspace.reviewer), target
    if as_json:
        print_json({"undone": done, "changed": changed})
    else:
        say(f"Taken back: {changed:,} labels" if changed else "Nothing to take back")


@label.command("export")
@click.option("-d", "--dataset", "datasets", multiple=True, help="Only these data sets (default: all).")
@click.option("--reviewer", help="Only this reviewer's labels.")
@click.option("--to", "target", required=True, type=click.Path(dir_okay=False), help="The log file to write.")
@click.option("--force", is_flag=True, help="Overwrite a file that exists.")
@json_option
@click.pass_context
def export(
    ctx: click.Context, /, datasets: tuple[str, ...], reviewer: str | None, target: str, force: bool, as_json: bool
) -> None:
    """Write the label events as JSON lines: exact, and mergeable into another workspace."""
    from pathlib import Path

    from flywheel_tui.stages.label_log import export_log

    count = export_log(open_workspace(ctx), Path(target), datasets=datasets, reviewer=reviewer, force=force)
    if as_json:
        print_json({"events": count, "path": target})
    else:
        say(f"Wrote {count:,} label events -> {target}")


@label.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("-d", "--dataset", help="The data set that the labels are for (a log names it itself).")
@click.option("--map", "mapping", metavar="FIELD=COLUMN,…", help="e.g. pair=id,status=label,reviewer=who.")
@click.option("--match", default="id", show_default=True, help="What the pair column holds: id, uid, position, line, "
              "instruction or meta.NAME.")  # fmt: skip
@click.option("--reviewer", help="Who labelled, where the table has no column for it.")
@click.option("--source", type=click.Choice(["import", "human", "judge", "script"]), default="import",
              show_default=True, help="Who spoke: only human labels count as human truth.")  # fmt: skip
@click.option("--words", metavar="WORD=VALUE,…", help="What values of the table mean, e.g. a=0,b=1,tie=0.5 or "
              "approved=ok,rejected=ko.")  # fmt: skip
@click.option("--approve-from", type=float, metavar="X", help="Ratings of X and more approve, those below reject.")
@click.option("-f", "--format", help="Format of the table, where its name does not say.")
@json_option
@click.pass_context
def import_(
    ctx: click.Context, /, file: str, dataset: str | None, mapping: str | None, as_json: bool, **options: Any
) -> None:
    """Add labels: a log of `label export`, or a table of another tool. Importing twice adds nothing."""
    from pathlib import Path

    from flywheel_tui.stages import label_log, label_table
    from flywheel_tui.stages.layouts import parse_map
    from flywheel_tui.stages.said import parse_words

    workspace = open_workspace(ctx)
    if mapping is None and label_log.is_log(Path(file)):
        with Progress("Importing") as progress:
            lines = label_log.read_log(Path(file))
            summary = label_log.import_log(workspace, lines, file=file, dataset=dataset, on_progress=progress.update)
    elif dataset is None:
        raise UsageError(f"{file}: is no label log; for a table name -d DATASET and --map pair=COLUMN,status=COLUMN")
    else:
        columns = parse_map(mapping, label_table.FIELDS, "a label") if mapping else {}
        options["words"] = parse_words(options["words"]) if options["words"] else None
        request = label_table.TableOptions(dataset=dataset, columns=columns, **options)
        summary = label_table.import_table(workspace, file, request)
    _show_summary(summary, as_json)


@label.command()
@click.argument("other", type=click.Path(exists=True))
@click.option("-d", "--dataset", help="Place everything in this data set, whatever it is called there.")
@json_option
@click.pass_context
def merge(ctx: click.Context, /, other: str, dataset: str | None, as_json: bool) -> None:
    """Add every label of another workspace (a folder) or log file; each is there once, however often merged."""
    from pathlib import Path

    from flywheel_tui.stages import label_log
    from flywheel_tui.workspace import Workspace

    workspace = open_workspace(ctx)
    with Progress("Merging") as progress:
        if Path(other).is_dir():
            with Workspace.open(other, read_only=True) as theirs:
                summary = label_log.merge_workspace(workspace, theirs, dataset=dataset, on_progress=progress.update)
        else:
            lines = label_log.read_log(Path(other))
            summary = label_log.import_log(workspace, lines, file=other, dataset=dataset, on_progress=progress.update)
    _show_summary(summary, as_json)


label.add_command(adjudicate)
label.add_command(queue)
label.add_command(sample)


def _show_summary(summary: LogSummary, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    say(f"Added {summary.added:,} of {summary.read:,} label events; {summary.known:,} were there already")
    for reason, count in summary.refused.items():
        say(f"  {count:,} refused: {reason}")
