"""Exporting a data set: select, convert, split, write; nothing has its final name before everything is on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import UsageError
from flywheel_tui.expressions import parse
from flywheel_tui.stages.export import real_share
from flywheel_tui.stages.export.base import Exporter, LeftOut, Options, Written, exporter_named
from flywheel_tui.stages.export.files import NewFile, Places, check_free, folder_places, named_places, places
from flywheel_tui.stages.export.parts import Part
from flywheel_tui.stages.export.render import Renderer, renderer_named
from flywheel_tui.stages.export.report import (
    ExportFile,
    ExportRequest,
    ExportResult,
    Left,
    card,
    manifest,
    shown_sources,
)
from flywheel_tui.stages.export.split import Splitter, check_split
from flywheel_tui.stages.export.templates import Templates
from flywheel_tui.stages.export.texts import has_messages
from flywheel_tui.store.datasets import get_dataset
from flywheel_tui.store.export_provenance import Origin, origins
from flywheel_tui.store.export_rows import (
    Columns,
    ExportRow,
    add_originals,
    add_preferences,
    add_snapshot,
    is_annotated,
    read_rows,
    sources_of,
)
from flywheel_tui.store.lineage_groups import merged_groups
from flywheel_tui.store.selections import Selection, Where, judge_run_id, select_pairs, where_of

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.workspace import Workspace

Say = Callable[[int, int, str], None]


def run_job(workspace: Workspace, args: dict[str, Any], task: Task) -> dict[str, Any]:
    """The job kind "export": the arguments are the fields of ExportRequest, with an absolute path in `to`."""
    request = msgspec.convert(args, ExportRequest)

    def say(done: int, total: int, phase: str) -> None:
        task.progress(done, total, phase)
        task.check()

    result: dict[str, Any] = msgspec.to_builtins(export(workspace, request, on_progress=say))
    return result


def export(workspace: Workspace, request: ExportRequest, *, on_progress: Say | None = None) -> ExportResult:
    """Write the pairs of a data set that pass the filter to files, with a manifest and a data card beside them.

    `on_progress` is told `(done, total, phase)` for every 1,000 pairs; what it raises stops the export, and then no
    file is left. Raises NotFoundError, UsageError, ExpressionError, MissingExtraError, StoreFullError.
    """
    run = Run(workspace, request, on_progress or _silent)
    with run.stack:
        return run.go()


def check(workspace: Workspace, request: ExportRequest) -> None:
    """Raise what `export` would raise before it writes anything; for faces that queue the work as a job."""
    Run(workspace, request, _silent)


def _silent(done: int, total: int, phase: str) -> None:
    return


class Run:
    """One run: what was asked, checked before anything is written, and what has been counted."""

    def __init__(self, workspace: Workspace, request: ExportRequest, say: Say) -> None:
        self.workspace, self.request, self.say = workspace, request, say
        self.stack = ExitStack()
        self.connection = workspace.store.read()
        self.dataset = get_dataset(self.connection, request.dataset)
        self.judge_run = judge_run_id(self.connection, self.dataset.id, request.tag) if request.tag else None
        self.where, self.notes = self._filter()
        self.splitter = Splitter(check_split(request.split), request.seed) if request.split else None
        real_share.check_share(request.real_share)
        annotated = is_annotated(self.connection, self.dataset.id)
        self.columns = Columns(annotated, bool(request.split), self.judge_run)
        self.sources = shown_sources(sources_of(self.connection, self.dataset.id))
        self.chosen = exporter_named(request.format)
        self.places = self._places()
        self.renderer: Renderer | None = renderer_named(request.template) if request.template else None
        self.exporter = self.new_exporter()
        check_free(self._all_paths(self.places), force=request.force)
        self.share = real_share.Share(frozenset(), {}, {})
        self.merged = merged_groups(self.connection, self.dataset.id) if request.split else {}
        self.out: set[int] = set()
        self.left: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.by_source: Counter[int | None] = Counter()
        self.lost: Counter[str] = Counter()
        self.edited = self.made = self.seeds = self.added = 0
        self.hash = sha256()
        self.templates = Templates(self.renderer)

    def _filter(self) -> tuple[Where, list[str]]:
        if not self.request.filter:
            return Where(), []
        expression = parse(self.request.filter)
        return where_of(expression, self.judge_run), [f"filter: {warning}" for warning in expression.warnings]

    def _places(self) -> Places:
        request, exports = self.request, self.workspace.root / "exports"
        if request.names is not None:
            return named_places(Path(request.to), request.names)
        if self.chosen.folder:
            return folder_places(request.to, exports, self.dataset.name, request.split or ())
        return places(request.to, exports, self.dataset.name, self.chosen.suffix, request.split or ())

    def new_exporter(self) -> Exporter:
        """The format with what was asked of it."""
        is_array = next(iter(self.places.data.values())).suffix.lower() == ".json"
        request = self.request
        options = Options(request.raw, request.edits_as_preferences, is_array, request.messages, self.dataset.name)
        return self.chosen(options, self.sources)

    def _all_paths(self, places: Places) -> list[Path]:
        data = [] if self.chosen.folder else list(places.data.values())
        sides = places.sides.values() if self.request.provenance else ()
        return [*data, places.manifest, places.card, *sides]

    def select(self) -> Selection:
        """The pairs that pass the filter, and the seeds in other data sets that they grew from."""
        selection = select_pairs(
            self.connection,
            self.dataset.id,
            self.where,
            on_progress=lambda found: self.say(found, self.dataset.pairs, "selecting"),
        )
        self.share = real_share.look(self.connection, self.dataset.id, selection, self.request.real_share)
        of_seeds = {number: name for dataset in set(self.share.seeds.values())
                    for number, name in sources_of(self.connection, dataset).items()}  # fmt: skip
        self.sources |= shown_sources(of_seeds)
        return selection

    def go(self) -> ExportResult:
        selection = self.select()
        if self.request.real_share or self.share.seeds:
            self._keep_share(selection)
        if self.exporter.surveys:
            self.survey(self.exporter, selection)
        parts = {name: self._part(name) for name in self.places.data}
        done = 0
        for chunk in selection.chunks():
            self._write(self.rows(chunk), parts)
            done += len(chunk)
            self.say(done, len(selection), "writing")
        files = tuple(file for part in parts.values() for file in part.finish())
        return self._commit(selection, files, list(parts.values()))

    def _part(self, name: str) -> Part:
        side = self.places.sides[name] if self.request.provenance else None
        return Part(name, self.places.data[name], self.exporter, self._new_file, side)

    def _new_file(self, path: Path) -> NewFile:
        file = NewFile(path)
        self.stack.callback(file.discard)
        return file

    def rows(self, chunk: Selection) -> list[ExportRow]:
        """The rows of one chunk, with what the format wants."""
        rows = read_rows(self.connection, chunk, self.columns)
        if "preferences" in self.exporter.wants:
            add_preferences(self.connection, rows)
        if "originals" in self.exporter.wants:
            add_originals(self.connection, rows)
        if self.share.seeds:
            for row in rows:
                if row.id in self.share.seeds and row.version == 1:
                    row.group = row.raw_uid  # what its children in this data set are grouped by
        for row in rows if self.merged else ():
            if row.group is not None:
                row.group = self.merged.get(row.group, row.group)
        return rows

    def survey(self, exporter: Exporter, selection: Selection) -> None:
        """Show every row to a format whose shape depends on all of them."""
        done = 0
        for chunk in selection.chunks():
            rows = read_rows(self.connection, chunk, self.columns)
            exporter.survey([row for row in rows if row.kind in exporter.kinds])
            done += len(chunk)
            self.say(done, len(selection), "looking")

    def _keep_share(self, selection: Selection) -> None:
        """Add real pairs until their share is kept; what a share that was asked for still lacks is left out of the
        generated ones. Counted over the pairs that the format takes, by a trial of it."""
        trial = self.new_exporter()
        if trial.surveys:
            self.survey(trial, selection)
        made: list[tuple[int, bytes]] = []
        real, talks = 0, False
        for chunk in selection.chunks():
            rows = self.rows(chunk)
            talks = talks or has_messages(rows)
            for row in _held(trial, rows):
                if row.id in self.share.made:
                    made.append((row.id, row.raw_uid))
                else:
                    real += 1

        def fits(part: Selection) -> list[ExportRow]:
            # one conversation would make lists of messages of a whole file of texts
            rows = self.rows(part)
            return _held(trial, rows if talks else [row for row in rows if not has_messages([row])])

        lacks = real_share.missing(real, len(made), self.request.real_share or real_share.LEAST)
        if lacks and self.share.seeds:
            real += real_share.add(self.connection, self.dataset.id, selection, self.share, lacks, fits)
        self.out = real_share.over(made, real, self.request.real_share)

    def _write(self, rows: list[ExportRow], parts: dict[str, Part]) -> None:
        """Convert the rows of one chunk; here, and only here, pairs are left out and counted."""
        self.hash.update(b"".join([row.hash for row in rows]))
        if self.exporter.total and not self.out and not self.share.seeds and self.renderer is None:
            kept, records = rows, [self.exporter.convert(row) for row in rows]
        else:
            kept, records = self._convert(rows)
        self._count(kept)
        found = origins(self.connection, kept) if self.request.provenance else []
        if self.splitter is None:
            parts[""].write(kept, records, found, self.sources)
            return
        sorted_out: dict[str, tuple[list[ExportRow], list[Any], list[Origin]]] = {name: ([], [], []) for name in parts}
        for number, (row, record) in enumerate(zip(kept, records, strict=True)):
            assert row.group is not None
            some = sorted_out[self.splitter.part(row.group)]
            some[0].append(row)
            some[1].append(record)
            if found:
                some[2].append(found[number])
        for name, (of_part, made, where_from) in sorted_out.items():
            parts[name].write(of_part, made, where_from, self.sources)

    def _convert(self, rows: list[ExportRow]) -> tuple[list[ExportRow], list[Any]]:
        kept, records = [], []
        for row in rows:
            record = self.convert(row)
            if type(record) is LeftOut:
                # a seed that the format cannot hold was never asked for, and is no pair left out
                (self.lost if row.id in self.share.seeds else self.left)[record.reason] += 1
            else:
                kept.append(row)
                records.append(record)
        return kept, records

    def convert(self, row: ExportRow) -> Any:
        """The record of a row, or why it is left out."""
        if row.id in self.out:
            return LeftOut(f"is generated, and beyond what a share of {self.request.real_share:g} real pairs allows")
        if row.kind not in self.exporter.kinds:
            return LeftOut(f"is of kind {row.kind}, which {self._fits}")
        record = self.exporter.convert(row)
        return record if type(record) is LeftOut else self.templates.tried(record)

    def _count(self, kept: Sequence[ExportRow]) -> None:
        self.statuses.update([row.status for row in kept])
        self.kinds.update([row.kind for row in kept])
        self.by_source.update([row.source_id for row in kept])
        self.edited += sum([row.version > 1 for row in kept])
        if self.share.made:
            self.made += sum([row.id in self.share.made for row in kept])
            self.seeds += sum([row.id in self.share.seeds for row in kept])
            self.added += sum([row.id in self.share.added for row in kept])

    @property
    def _fits(self) -> str:
        return f"{self.exporter.name} does not hold ({', '.join(sorted(self.exporter.kinds))})"

    def _commit(self, selection: Selection, files: tuple[ExportFile, ...], parts: list[Part]) -> ExportResult:
        request, snapshot_hash, places = self.request, self.hash.hexdigest(), self.places
        self._refuse_emptiness()
        written = [part.written(places.folder) for part in parts]
        open_files = [file for part in parts for file in (*part.files, part.side) if file is not None]
        beside = [str(part.side.path) for part in parts if part.side is not None]
        extras = self._extras(written)
        purpose = f"export {request.format} to {places.base}"
        with self.workspace.store.tx() as connection:
            snapshot = add_snapshot(connection, self.dataset.id, request.filter, len(selection), snapshot_hash, purpose)
        result = ExportResult(
            dataset=self.dataset.name,
            format=request.format,
            files=files,
            manifest=str(places.manifest),
            card=str(places.card),
            snapshot=snapshot,
            snapshot_hash=snapshot_hash,
            matched=len(selection),
            written=sum(file.pairs for file in files),
            statuses=dict(self.statuses.most_common()),
            kinds=dict(self.kinds.most_common()),
            sources=self._named_sources(),
            edited=self.edited,
            left_out=tuple(Left(reason=reason, pairs=count) for reason, count in self.left.most_common()),
            notes=tuple(self.notes + self.exporter.notes() + self.templates.notes() + self._remarks(files)),
            beside=(*beside, *(str(file.path) for file, _ in extras)),
            generated=self.made,
            seeds=self.seeds,
            added=self.added,
            seeds_left_out=dict(self.lost.most_common()),
        )
        self.exporter.generated = self.made
        front = self.exporter.front_matter(written)
        for path, text in (
            (places.card, card(request, result, self.exporter.about, front)),
            (places.manifest, manifest(request, result)),
        ):
            described = self._new_file(path)
            described.write(text)
            described.finish()
            open_files.append(described)
        # The manifest comes last: where it is, everything that it names is whole.
        for file, merges in [*extras, *((file, False) for file in open_files)]:
            file.commit(force=request.force or merges)
        return result

    def _refuse_emptiness(self) -> None:
        """Raise UsageError where pairs were chosen and none of them has a row in this format: a trainer would only say
        that its file is empty. (Of a bundle any file may be empty.)"""
        if self.kinds or not self.left or self.request.names is not None:
            return
        why = "; ".join(f"each of {count:,} {reason}" for reason, count in self.left.most_common(3))
        raise UsageError(
            f"no pair of {self.dataset.name} can be a row of {self.request.format} ({why}); nothing was written,"
            " choose another format (flywheel dataset export --formats)"
        )

    def _extras(self, written: Sequence[Written]) -> list[tuple[NewFile, bool]]:
        made = []
        for extra in self.exporter.beside(written, self.places.folder, self.places.stem):
            path = self.places.folder / extra.name
            check_free([path], force=self.request.force or extra.merges)
            file = self._new_file(path)
            file.write(extra.content)
            file.finish()
            made.append((file, extra.merges))
        return made

    def _named_sources(self) -> dict[str, int]:
        named: Counter[str] = Counter()
        for number, count in self.by_source.items():
            named[self.sources.get(number, "unknown") if number is not None else "made here"] += count
        return dict(named.most_common())

    def _remarks(self, files: Sequence[ExportFile]) -> list[str]:
        remarks = []
        for status in ("open", "rejected", "disputed"):
            if self.statuses[status] and not self.exporter.kinds <= {"preference", "kto", "sft"}:
                remarks.append(f"{self.statuses[status]:,} of the pairs are {status}")
        written = sum(file.pairs for file in files)
        for file in files:
            if written and not file.pairs:
                remarks.append(f"{Path(file.path).name} is empty: there are too few groups for its share")
        return remarks + real_share.remarks(
            written - self.made, self.made, self.seeds, self.added, self.lost, self.request.real_share
        )


def _held(exporter: Exporter, rows: Sequence[ExportRow]) -> list[ExportRow]:
    """The rows that a format can hold."""
    return [row for row in rows if row.kind in exporter.kinds and not isinstance(exporter.convert(row), LeftOut)]
