"""Exporting a data set: select, convert, split, write; nothing has its final name before everything is on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import msgspec

from flywheel_tui.expressions import parse
from flywheel_tui.stages.export.base import Exporter, LeftOut, Options, Sink, exporter_named
from flywheel_tui.stages.export.files import NewFile, Places, check_free, places
from flywheel_tui.stages.export.report import ExportFile, ExportRequest, ExportResult, Left, card, manifest
from flywheel_tui.stages.export.split import Splitter, check_split
from flywheel_tui.store.datasets import get_dataset
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
    run = _Export(workspace, request, on_progress or _silent)
    with run.stack:
        return run.go()


def check(workspace: Workspace, request: ExportRequest) -> None:
    """Raise what `export` would raise before it writes anything; for faces that queue the work as a job."""
    _Export(workspace, request, _silent)


def _silent(done: int, total: int, phase: str) -> None:
    return


class _Part:
    """One data file being written."""

    def __init__(self, name: str, file: NewFile, exporter: Exporter) -> None:
        self.name, self.file, self.pairs = name, file, 0
        self.sink: Sink = exporter.open(cast("BinaryIO", file))

    def write(self, records: Sequence[Any]) -> None:
        self.pairs += len(records)
        self.sink.write(records)

    def done(self) -> ExportFile:
        self.sink.close()
        self.file.finish()
        return ExportFile(
            path=str(self.file.path), part=self.name, pairs=self.pairs, bytes=self.file.size, sha256=self.file.sha256
        )


class _Export:
    """One run: what was asked, checked before anything is written, and what has been counted."""

    def __init__(self, workspace: Workspace, request: ExportRequest, say: Say) -> None:
        self.workspace, self.request, self.say = workspace, request, say
        self.stack = ExitStack()
        self.connection = workspace.store.read()
        self.dataset = get_dataset(self.connection, request.dataset)
        self.judge_run = judge_run_id(self.connection, self.dataset.id, request.tag) if request.tag else None
        self.where, self.notes = self._filter()
        self.splitter = Splitter(check_split(request.split), request.seed) if request.split else None
        annotated = is_annotated(self.connection, self.dataset.id)
        self.columns = Columns(annotated, bool(request.split), self.judge_run)
        self.sources = sources_of(self.connection, self.dataset.id)
        chosen = exporter_named(request.format)
        self.places = places(
            request.to, workspace.root / "exports", self.dataset.name, chosen.suffix, request.split or ()
        )
        is_array = next(iter(self.places.data.values())).suffix.lower() == ".json"
        options = Options(request.raw, request.edits_as_preferences, is_array)
        self.exporter = chosen(options, self.sources)
        check_free(self._all_paths(self.places), force=request.force)
        self.left: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.by_source: Counter[int | None] = Counter()
        self.edited = 0
        self.hash = sha256()

    def _filter(self) -> tuple[Where, list[str]]:
        if not self.request.filter:
            return Where(), []
        expression = parse(self.request.filter)
        return where_of(expression, self.judge_run), [f"filter: {warning}" for warning in expression.warnings]

    @staticmethod
    def _all_paths(places: Places) -> list[Path]:
        return [*places.data.values(), places.manifest, places.card]

    def go(self) -> ExportResult:
        selection = select_pairs(
            self.connection,
            self.dataset.id,
            self.where,
            on_progress=lambda found: self.say(found, self.dataset.pairs, "selecting"),
        )
        if self.exporter.surveys:
            self._survey(selection)
        parts = {name: self._part(name) for name in self.places.data}
        done = 0
        for chunk in selection.chunks():
            self._write(self._rows(chunk), parts)
            done += len(chunk)
            self.say(done, len(selection), "writing")
        files = tuple(part.done() for part in parts.values())
        return self._commit(selection, files, [part.file for part in parts.values()])

    def _part(self, name: str) -> _Part:
        return _Part(name, self._new_file(self.places.data[name]), self.exporter)

    def _new_file(self, path: Path) -> NewFile:
        file = NewFile(path)
        self.stack.callback(file.discard)
        return file

    def _rows(self, chunk: Selection) -> list[ExportRow]:
        rows = read_rows(self.connection, chunk, self.columns)
        if "preferences" in self.exporter.wants:
            add_preferences(self.connection, rows)
        if "originals" in self.exporter.wants:
            add_originals(self.connection, rows)
        return rows

    def _survey(self, selection: Selection) -> None:
        done = 0
        for chunk in selection.chunks():
            rows = read_rows(self.connection, chunk, self.columns)
            self.exporter.survey([row for row in rows if row.kind in self.exporter.kinds])
            done += len(chunk)
            self.say(done, len(selection), "looking")

    def _write(self, rows: list[ExportRow], parts: dict[str, _Part]) -> None:
        """Convert the rows of one chunk; here, and only here, pairs are left out and counted."""
        convert, kinds = self.exporter.convert, self.exporter.kinds
        self.hash.update(b"".join([row.hash for row in rows]))
        if self.exporter.total:
            kept, records = rows, [convert(row) for row in rows]
        else:
            kept, records = [], []
            for row in rows:
                record = convert(row) if row.kind in kinds else LeftOut(f"is of kind {row.kind}, which {self._fits}")
                if type(record) is LeftOut:
                    self.left[record.reason] += 1
                else:
                    kept.append(row)
                    records.append(record)
        self.statuses.update([row.status for row in kept])
        self.kinds.update([row.kind for row in kept])
        self.by_source.update([row.source_id for row in kept])
        self.edited += sum([row.version > 1 for row in kept])
        if self.splitter is None:
            parts[""].write(records)
            return
        sorted_out: dict[str, list[Any]] = {name: [] for name in parts}
        for row, record in zip(kept, records, strict=True):
            assert row.group is not None
            sorted_out[self.splitter.part(row.group)].append(record)
        for name, some in sorted_out.items():
            parts[name].write(some)

    @property
    def _fits(self) -> str:
        return f"{self.exporter.name} does not hold ({', '.join(sorted(self.exporter.kinds))})"

    def _commit(self, selection: Selection, files: tuple[ExportFile, ...], open_files: list[NewFile]) -> ExportResult:
        request, snapshot_hash = self.request, self.hash.hexdigest()
        purpose = f"export {request.format} to {self.places.base}"
        with self.workspace.store.tx() as connection:
            snapshot = add_snapshot(connection, self.dataset.id, request.filter, len(selection), snapshot_hash, purpose)
        result = ExportResult(
            dataset=self.dataset.name,
            format=request.format,
            files=files,
            manifest=str(self.places.manifest),
            card=str(self.places.card),
            snapshot=snapshot,
            snapshot_hash=snapshot_hash,
            matched=len(selection),
            written=sum(file.pairs for file in files),
            statuses=dict(self.statuses.most_common()),
            kinds=dict(self.kinds.most_common()),
            sources=self._named_sources(),
            edited=self.edited,
            left_out=tuple(Left(reason=reason, pairs=count) for reason, count in self.left.most_common()),
            notes=tuple(self.notes + self.exporter.notes() + self._remarks(files)),
        )
        for path, text in (
            (self.places.card, card(request, result, self.exporter.about)),
            (self.places.manifest, manifest(request, result)),
        ):
            beside = self._new_file(path)
            beside.write(text)
            beside.finish()
            open_files.append(beside)
        # The manifest comes last: where it is, everything that it names is whole.
        for file in open_files:
            file.commit(force=request.force)
        return result

    def _named_sources(self) -> dict[str, int]:
        named: Counter[str] = Counter()
        for number, count in self.by_source.items():
            named[self.sources.get(number, "unknown") if number is not None else "made here"] += count
        return dict(named.most_common())

    def _remarks(self, files: Sequence[ExportFile]) -> list[str]:
        remarks = []
        for status in ("open", "rejected", "disputed"):
            if self.statuses[status] and self.exporter.name not in ("dpo", "kto"):
                remarks.append(f"{self.statuses[status]:,} of the pairs are {status}")
        written = sum(file.pairs for file in files)
        for file in files:
            if written and not file.pairs:
                remarks.append(f"{Path(file.path).name} is empty: there are too few groups for its share")
        return remarks
