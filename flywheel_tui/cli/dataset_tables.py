"""How `flywheel dataset` shows what it found. Every text from a file passes through the terminal-safe door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from flywheel_tui.cli.console import out_console, say
from flywheel_tui.identity import now_us
from flywheel_tui.text import first_line, human_number, relative_time, visible

if TYPE_CHECKING:
    from flywheel_tui.records.pair import PairView
    from flywheel_tui.stages.datasets import Comparison, Example, Info, Listed


def _cell(text: str, limit: int = 60) -> Text:
    return Text(first_line(text, limit))


def _table(*columns: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


NARROW = 110
GIVE_WAY = ("tags", "source", "runs", "open", "kind")
"""Columns that a narrow terminal goes without, in this order; `dataset info` has all of it."""


def print_overview(found: list[Listed]) -> None:
    """`dataset ls`. On a narrow terminal, columns that hold nothing make room for the others."""
    now, console = now_us(), out_console()
    columns: dict[str, list[str]] = {
        "name": [line.name for line in found],
        "kind": [line.kind for line in found],
        "pairs": [human_number(line.pairs) for line in found],
        "labelled": ["" if line.labelled is None else f"{line.labelled:.0%}" for line in found],
        "open": [human_number(line.open) for line in found],
        "findings": [human_number(line.with_findings) for line in found],
        "runs": [str(line.judge_runs) for line in found],
        "source": [_first_source(line.sources) for line in found],
        "tags": [first_line(", ".join(line.tags), 40) for line in found],
        "last": [relative_time(line.active, now) for line in found],
    }
    if console.width < NARROW:
        columns = {name: cells for name, cells in columns.items() if set(cells) - {"", "0"} or name == "open"}
    widths = {name: max(len(name), *map(len, cells)) for name, cells in columns.items()}
    over = sum(widths.values()) + 2 * len(widths) - console.width
    for name in ("source", "tags"):  # these give way; numbers and times are never cut
        if over > 0 and name in widths:
            room = max(widths[name] - over, 8)
            over -= widths[name] - room
            columns[name] = [first_line(cell, room) for cell in columns[name]]
    for name in GIVE_WAY:
        if over > 0 and name in columns:
            over -= max(len(name), *map(len, columns.pop(name))) + 2
    table = _table()
    for name in columns:
        numeric = name in ("pairs", "labelled", "open", "findings", "runs")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True, overflow="ellipsis")
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(Text, row))
    console.print(table)


def _first_source(names: tuple[str, ...]) -> str:
    """The name of the first file without its folders (`dataset info` has them), and how many there are besides."""
    if not names:
        return ""
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return first_line(names[0].rstrip("/").rpartition("/")[2] or names[0], 32) + more


def print_info(found: Info) -> None:
    """`dataset info NAME`."""
    now = now_us()
    say(f"{found.name}: {found.pairs:,} pairs, kind {found.kind}, made {relative_time(found.created, now)},"
        f" last activity {relative_time(found.active, now)}")  # fmt: skip
    if found.tags:
        say(f"tags       {', '.join(found.tags)}")
    say(f"status     {_counts(found.statuses) or 'no pairs'}" + (f"; {found.flagged:,} flagged" * bool(found.flagged)))
    sampled = "" if found.shape.looked_at == found.pairs else f" (of {found.shape.looked_at:,} looked at)"
    say(f"kinds      {_counts(found.shape.kinds) or '-'}{sampled}")
    if lengths := found.shape.lengths:
        say(f"characters min {lengths.min:,}, median {lengths.median:,}, 95 % {lengths.p95:,}, max {lengths.max:,}"
            f"{sampled}")  # fmt: skip
    say(f"search     {found.indexed:.0%} of the workspace is in the index")
    for path in found.rejects:
        say(f"rejects    {path}")
    _print_sources(found)
    console = out_console()
    for title, groups in (("reviewer", found.labels), ("check", found.findings)):
        if groups:
            table = _table(title, "labels" if title == "reviewer" else "findings")
            for name, counts in groups.items():
                table.add_row(_cell(name, 40), _counts(counts))
            console.print()
            console.print(table)
    if found.judge_runs:
        table = _table("judge run", "model", "judged", "passed", "errors", "mean", right=("judged", "passed", "errors"))
        for run in found.judge_runs:
            mean = "" if run.mean is None else f"{run.mean:.2f}"
            table.add_row(_cell(run.tag), _cell(run.model or ""), f"{run.judged:,}", f"{run.passed:,}",
                          f"{run.errors:,}", mean)  # fmt: skip
        console.print()
        console.print(table)
    if found.snapshots:
        table = _table("snapshot", "pairs", "filter", "made", right=("pairs",))
        for snapshot in found.snapshots:
            table.add_row(_cell(snapshot.purpose, 100), f"{snapshot.count:,}", _cell(snapshot.filter or "", 60),
                          relative_time(snapshot.created, now))  # fmt: skip
        console.print()
        console.print(table)


def _print_sources(found: Info) -> None:
    if not found.sources:
        return
    numbers = ("rows", "added", "rejected")
    table = _table("source", "format", "layout", *numbers, right=numbers)
    for source in found.sources:
        table.add_row(_cell(source.name), source.format, source.layout or "", f"{source.rows:,}", f"{source.added:,}",
                      f"{source.rejected:,}")  # fmt: skip
        for remark in source.notes:
            table.add_row(Text("  " + first_line(remark, 120)))
    console = out_console()
    console.print()
    console.print(table)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {visible(name, multiline=False, limit=40)}" for name, count in counts.items())


def print_pair(pair: PairView, limit: int) -> None:
    """One pair of `dataset show`."""
    place = f"{pair.source}:{pair.line}" if pair.source and pair.line else pair.source or "made here"
    marks = [
        pair.kind, pair.status, "flagged" if pair.flagged else "", f"by {pair.reviewer}" if pair.reviewer else "",
        "" if pair.score is None else f"score {pair.score:g}", f"{pair.findings} findings" if pair.findings else "",
        f"version {pair.version}" if pair.version > 1 else "", *(f"#{tag}" for tag in pair.tags),
    ]  # fmt: skip
    say(visible(f"── {pair.id} · {pair.uid} · {', '.join(filter(None, marks))} · {place}", multiline=False))
    for name, text in (("instruction", pair.instruction), ("input", pair.input), ("output", pair.output)):
        if text:
            _print_text(name, text, limit)
    for name, value in pair.body.items():
        _print_text(name, value if isinstance(value, str) else _json(value), limit)
    say("")


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()


def _print_text(name: str, text: str, limit: int) -> None:
    lines = visible(text, limit=limit).split("\n")
    click.echo(f"{visible(name, multiline=False, limit=40)}: " + "\n  ".join(lines))


def print_comparison(found: Comparison) -> None:
    """`dataset diff A B`."""
    say(f"only in {found.one:<20} {found.only_in_one:,}")
    say(f"only in {found.other:<20} {found.only_in_other:,}")
    say(f"in both {'':<20} {found.in_both:,}")
    say(f"decided differently {'':<8} {sum(found.relabelled.values()):,}")
    for moved, count in found.relabelled.items():
        say(f"  {moved}: {count:,}")
    say(f"edited differently {'':<9} {found.changed:,}")
    titles = {"only_in_one": f"only in {found.one}", "only_in_other": f"only in {found.other}",
              "relabelled": "decided differently", "changed": "edited differently"}  # fmt: skip
    for sort, examples in found.examples.items():
        if examples:
            say(f"\n{titles[sort]}, for example:")
            for example in examples:
                _print_example(example)


def _print_example(example: Example) -> None:
    numbers = " / ".join(str(number) for number in (example.one, example.other) if number)
    statuses = " -> ".join(status for status in (example.status_one, example.status_other) if status)
    say(f"  {numbers:<16} {statuses:<24} {first_line(example.instruction, 80)}")
