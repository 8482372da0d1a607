"""`flywheel ingest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flywheel_tui.cli.console import Progress, json_option, note, open_workspace, print_json, say
from flywheel_tui.errors import UsageError
from flywheel_tui.text import counted

if TYPE_CHECKING:
    from flywheel_tui.stages.ingest import IngestOptions, IngestSummary, Preview

KIND_NAMES = ("sft", "preference", "kto", "prompt", "tools", "rag", "reasoning", "trace", "document")


@click.command()
@click.option(
    "-i", "--input", "source", required=True, metavar="SRC", help="File, folder of documents, hf://owner/name."
)
@click.option("-n", "--name", required=True, help="The data set to make (or to add to).")
@click.option("-f", "--format", help="jsonl, json, csv, tsv, parquet …; taken from the name where not given.")
@click.option("--map", "mapping", metavar="FIELD=COLUMN,…", help='e.g. "instruction=prompt,output=completion".')
@click.option("--kind", type=click.Choice(KIND_NAMES), help="What the pairs are, where the columns do not say.")
@click.option("--tag", "tags", multiple=True, help="Tag for every pair (repeatable).")
@click.option("--limit", type=click.IntRange(min=1), help="Take the first N rows.")
@click.option("--hf-split", help="Split of a hub data set (default: train).")
@click.option("--dry-run", is_flag=True, help="Show what would be taken and how; write nothing.")
@click.option("--on-error", type=click.Choice(["skip", "stop"]), default="skip", show_default=True)
@click.option("--append", is_flag=True, help="Add to a data set that was made from something else.")
@click.option("--no-index", is_flag=True, help="Leave building the search index to the workstation.")
@json_option
@click.pass_context
def ingest(
    ctx: click.Context, /, as_json: bool, dry_run: bool, no_index: bool, mapping: str | None, **options: Any
) -> None:
    """Take in pairs. Well-known layouts are recognised by their columns; the same file again adds nothing."""
    from flywheel_tui.stages.ingest import IngestOptions
    from flywheel_tui.stages.layouts import parse_map

    if not options["source"]:
        raise UsageError("-i names no file; name a file, a folder (. is this one) or hf://owner/name")
    if not options["source"].startswith("hf://"):
        # a worker elsewhere may have to go on with it
        options["source"] = str(Path(options["source"]).absolute())
    request = IngestOptions(**options, mapping=parse_map(mapping) if mapping else None)
    if dry_run:
        _show_preview(request, as_json)
        return
    summary = _run(ctx, request)
    if as_json:
        print_json(summary)
    else:
        _show(summary)
    if not no_index:
        _index(ctx)


def _run(ctx: click.Context, request: IngestOptions) -> IngestSummary:
    import msgspec

    from flywheel_tui.jobs import run_foreground
    from flywheel_tui.stages.ingest import IngestSummary

    workspace = open_workspace(ctx)
    with Progress("Reading") as progress:
        result = run_foreground(
            workspace, "ingest", msgspec.to_builtins(request), title=f"ingest {request.source} -> {request.name}",
            on_progress=lambda now: progress.update(now.done, now.total, now.phase),
        )  # fmt: skip
    return msgspec.convert(result, IngestSummary)


def _show(summary: IngestSummary) -> None:
    say(f"Ingested {summary.added:,} pairs -> {summary.dataset}")
    if summary.known:
        say(f"  {summary.known:,} were there already")
    for sentence in summary.notes:
        say(f"  {sentence}")
    if summary.rejected:
        say(f"  {counted(summary.rejected, 'row')} rejected, kept in {summary.rejects}:")
        for reason, count in sorted(summary.reasons.items(), key=lambda item: -item[1])[:5]:
            say(f"    {count:,} × {reason}{_places(summary.places.get(reason, ()), count)}")


def _places(lines: tuple[int, ...], count: int) -> str:
    if not lines:
        return ""
    more = f" and {count - len(lines):,} more" if count > len(lines) else ""
    return f": {'line' if count == 1 else 'lines'} {', '.join(map(str, lines))}{more}"


def _show_preview(request: IngestOptions, as_json: bool) -> None:
    import msgspec

    from flywheel_tui.stages.ingest import preview

    found = preview(request)
    if as_json:
        print_json(msgspec.to_builtins(found, builtin_types=()))
        return
    say(f"{found.source}: {found.format}, layout {found.layout}; nothing was written")
    for field, column in found.mapping.items():
        say(f"  {field:<12} <- {column}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items())
    say(f"  of the first {counted(found.looked_at, 'row')}: {kinds or 'no pair'}, {len(found.rejects)} or more rejected"
        if found.rejects else f"  of the first {counted(found.looked_at, 'row')}: {kinds}")  # fmt: skip
    for sentence in found.notes:
        say(f"  {sentence}")
    _show_drafts(found)
    for reject in found.rejects:
        say(f"  line {reject.line}: {reject.reason}; {reject.remedy}")


def _show_drafts(found: Preview) -> None:
    from flywheel_tui.text import first_line

    for draft in found.drafts:
        say(f"  line {draft.line} ({draft.kind})")
        for field in ("instruction", "input", "output"):
            if value := getattr(draft, field):
                say(f"    {field:<12} {first_line(value, 100)}")


def _index(ctx: click.Context) -> None:
    from flywheel_tui.stages.search_index import build

    with Progress("Indexing for search") as progress:
        try:
            build(open_workspace(ctx), on_progress=progress.update)
        except KeyboardInterrupt:
            note("the search index will be finished by the workstation")
