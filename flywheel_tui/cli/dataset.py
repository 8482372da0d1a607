"""`flywheel dataset …`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flywheel_tui.cli.console import MAX_INTEGER, Progress, json_option, note, open_workspace, print_json, say

if TYPE_CHECKING:
    from flywheel_tui.stages.export import ExportRequest, ExportResult


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def dataset() -> None:
    """List, inspect, export, compare and remove data sets."""


@dataset.command("ls")
@json_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Every data set: pairs, what is labelled, findings, sources, the last thing that happened."""
    from flywheel_tui.stages import datasets

    found = datasets.overview(open_workspace(ctx))
    if as_json:
        print_json(found)
        return
    if not found:
        say("no data sets yet; take one in with: flywheel ingest -i FILE -n NAME")
        return
    from flywheel_tui.cli.dataset_tables import print_overview

    print_overview(found)


@dataset.command()
@click.argument("name")
@json_option
@click.pass_context
def info(ctx: click.Context, name: str, as_json: bool) -> None:
    """What is in a data set: statuses, kinds, lengths, sources, labels, findings, judge runs, exports."""
    from flywheel_tui.stages import datasets

    found = datasets.info(open_workspace(ctx), name)
    if as_json:
        print_json(found)
        return
    from flywheel_tui.cli.dataset_tables import print_info

    print_info(found)


@dataset.command()
@click.argument("name")
@click.option("--where", metavar="EXPR", help="Only pairs that pass, e.g. \"label == 'open' and length > 200\".")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True)
@click.option("--offset", type=click.IntRange(0, MAX_INTEGER), default=0, help="Skip the first N that pass.")
@click.option("--full", is_flag=True, help="Show texts whole (they are cut at 1,200 characters otherwise).")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, where: str | None, limit: int, offset: int, full: bool, as_json: bool) -> None:
    """Pairs as a reviewer sees them."""
    from flywheel_tui.stages import datasets

    found, warnings = datasets.rows(open_workspace(ctx), name, where=where, limit=limit, offset=offset)
    for warning in warnings:
        note(f"filter: {warning}")
    if as_json:
        print_json(found)
        return
    from flywheel_tui.cli.dataset_tables import print_pair

    for pair in found:
        print_pair(pair, limit=1_000_000 if full else 1_200)
    if not found:
        note("no pair passes the filter" if where else "no pairs here")
    elif len(found) == limit:
        note(f"{len(found)} shown; more with --offset {offset + limit} or a larger --limit")


@dataset.command()
@click.argument("one")
@click.argument("other")
@json_option
@click.pass_context
def diff(ctx: click.Context, one: str, other: str, as_json: bool) -> None:
    """What differs between two data sets: pairs in one only (by uid), decisions and edits that differ."""
    from flywheel_tui.stages import datasets

    with Progress("Comparing") as progress:
        found = datasets.diff(open_workspace(ctx), one, other, on_progress=progress.update)
    if as_json:
        print_json(found)
        return
    from flywheel_tui.cli.dataset_tables import print_comparison

    print_comparison(found)


@dataset.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def rm(ctx: click.Context, name: str, yes: bool, as_json: bool) -> None:
    """Remove a data set from view. Nothing is erased: `dataset restore NAME` brings it back."""
    from flywheel_tui.errors import UsageError
    from flywheel_tui.stages import datasets

    workspace = open_workspace(ctx)
    row = datasets.get(workspace, name)
    if not yes:
        if not sys.stdin.isatty() or as_json:
            raise UsageError(f"removing {name} ({row.pairs:,} pairs) needs --yes where nobody can be asked")
        question = f"Remove {name} with {row.pairs:,} pairs, {row.pairs - row.open:,} of them labelled?"
        click.confirm(question, abort=True, err=True)
    datasets.remove(workspace, name)
    if as_json:
        print_json({"removed": name, "pairs": row.pairs})
        return
    say(f"Removed {name}: {row.pairs:,} pairs are out of view, their labels and lineage stay in the database")
    say(f"Undo with: flywheel dataset restore {name}")


@dataset.command()
@click.argument("name")
@json_option
@click.pass_context
def restore(ctx: click.Context, name: str, as_json: bool) -> None:
    """Bring back the data set of that name that was removed last."""
    from flywheel_tui.stages import datasets

    row = datasets.restore(open_workspace(ctx), name)
    if as_json:
        print_json({"restored": name, "pairs": row.pairs})
    else:
        say(f"Restored {name}: {row.pairs:,} pairs")


@dataset.command()
@click.argument("name")
@click.option("--to", default="", metavar="PATH", help="File or folder to write (default: exports/ of the workspace).")
@click.option("--format", default="jsonl", show_default=True, metavar="FORMAT",
              help="jsonl, csv, parquet, sft, messages, dpo, kto … (--formats lists them).")  # fmt: skip
@click.option("--filter", metavar="EXPR", help="Only pairs that pass, e.g. \"label == 'approved'\".")
@click.option("--split", metavar="PART=SHARE,…", help="e.g. train=0.8,val=0.2; families stay in one part.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another split.")
@click.option("--tag", help="Take scores and verdicts from this judge run, not from the latest.")
@click.option("--raw", is_flag=True, help="csv: leave cells that a spreadsheet would run as formulas as they are.")
@click.option("--edits-as-preferences", is_flag=True, help="dpo: an accepted edit chosen, its original rejected.")
@click.option("--messages", is_flag=True, help="sft, dpo, ipo, kto, grpo: lists of messages in place of texts.")
@click.option(
    "--template",
    default="",
    metavar="DIR|chatml",
    help="Apply this chat template to every row (of the model in a folder), leave out what it refuses.",
)
@click.option("--real-share", type=float, metavar="SHARE",
              help="This share is real: real pairs are added, then generated ones left out; 0: neither "
              "(default: real pairs are added up to 0.1).")  # fmt: skip
@click.option("--provenance/--no-provenance", default=True, show_default=True,
              help="Say where every row came from, in a file beside the data.")  # fmt: skip
@click.option(
    "--bundle",
    is_flag=True,
    help="A folder: training_data, eval_holdout, failed_examples, generation_report, rubric_analysis.",
)
@click.option("--formats", is_flag=True, is_eager=True, expose_value=False, callback=lambda *a: _list_formats(*a),
              help="List the formats and stop.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@json_option
@click.pass_context
def export(
    ctx: click.Context, name: str, to: str, format: str, filter: str | None, split: str | None, seed: int,
    tag: str | None, raw: bool, edits_as_preferences: bool, messages: bool, template: str, real_share: float | None,
    provenance: bool, bundle: bool, force: bool, as_json: bool,
) -> None:  # fmt: skip
    """Write pairs to files, with a manifest of hashes and a data card beside them."""
    from flywheel_tui.stages.export import ExportRequest, parse_split

    request = ExportRequest(
        dataset=name, to=_absolute(to), format=format, filter=filter, split=parse_split(split) if split else None,
        seed=seed, tag=tag, raw=raw, edits_as_preferences=edits_as_preferences, messages=messages, force=force,
        template=_absolute(template) if template not in ("", "chatml") else template, real_share=real_share,
        provenance=provenance,
    )  # fmt: skip
    if bundle:
        _bundle(ctx, request, to, as_json=as_json)
        return
    if not as_json:
        _show_first(ctx, request)
    result = _run_export(ctx, request)
    if as_json:
        print_json(result)
        return
    for file in result.files:
        say(f"Wrote {file.pairs:,} pairs -> {_as_typed(file.path, to)}")
    for left in result.left_out:
        note(f"left out {left.pairs:,}: {left.reason}")
    if not result.matched:
        note("no pair passes the filter" if filter else f"{name} holds no pairs")
    for sentence in result.notes:
        note(sentence)
    for path in result.beside:
        note(f"beside it {_as_typed(path, to)}")
    note(f"manifest {_as_typed(result.manifest, to)}, data card {_as_typed(result.card, to)}")


def _list_formats(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from flywheel_tui.stages.export import load_exporters

    found = load_exporters(external=True)
    for name in sorted(found):
        say(f"{name:<18} {found[name].about}")
    ctx.exit()


def _show_first(ctx: click.Context, request: ExportRequest) -> None:
    """Show what the model will read of the first row, before anything is written."""
    from flywheel_tui.stages.export import preview
    from flywheel_tui.text import visible

    first = preview(open_workspace(ctx), request)
    if first.rendered is None:
        return
    count = f", {first.tokens:,} tokens" if first.tokens is not None else ""
    note(f"the first row as the model reads it (template {first.template}{count}):")
    for line in visible(first.rendered, multiline=True, limit=1_200).splitlines():
        note(f"  {line}")


def _bundle(ctx: click.Context, request: ExportRequest, to: str, *, as_json: bool) -> None:
    from flywheel_tui.stages.datasets import get
    from flywheel_tui.stages.export.bundle import bundle

    workspace = open_workspace(ctx)
    get(workspace, request.dataset)
    with Progress("Exporting") as progress:
        result = bundle(workspace, request, on_progress=progress.update)
    if as_json:
        print_json(result)
        return
    for path, pairs in result.files.items():
        say(f"Wrote {_as_typed(path, to)}" + (f": {pairs:,} pairs" if pairs is not None else ""))
    for sentence in result.notes:
        note(sentence)


def _run_export(ctx: click.Context, request: ExportRequest) -> ExportResult:
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.datasets import get
    from flywheel_tui.stages.export import ExportResult, check

    workspace = open_workspace(ctx)
    row = get(workspace, request.dataset)
    check(workspace, request)
    with Progress("Exporting") as progress:
        result = run_foreground(
            workspace, "export", msgspec.to_builtins(request), title=f"export {request.dataset} as {request.format}",
            dataset_id=row.id, on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    return msgspec.convert(result, ExportResult)


def _absolute(to: str) -> str:
    """The path as a job needs it, whatever directory it runs in; a slash at the end stays, it means a folder."""
    if not to:
        return ""
    path = Path(to).expanduser()
    return str(path if path.is_absolute() else Path.cwd() / path) + (os.sep if to.endswith(("/", os.sep)) else "")


def _as_typed(path: str, to: str) -> str:
    """The path relative to the working directory, where it was named so."""
    if to and not Path(to).expanduser().is_absolute() and Path(path).is_relative_to(Path.cwd()):
        return str(Path(path).relative_to(Path.cwd()))
    return path
