"""Ingest: rows of a source become pairs of a data set. Nothing is dropped in silence, nothing is taken in twice.

Rows stream through in batches: read and recognised by `stages.readers` and `stages.layouts`, hashed outside any
transaction, then written in short ones, so that a reviewer at work never waits. Stopped at any moment, the same
command goes on from there: pairs are named by their content, so what is there already is passed over.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.identity import new_uid, show_uid
from flywheel_tui.records.pair import KINDS, Draft
from flywheel_tui.stages.layouts import Notes, Recognised, recognise
from flywheel_tui.stages.readers import Batch, Reject, Source, open_source
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import pairs as pair_store
from flywheel_tui.store import sources as source_store

if TYPE_CHECKING:
    from flywheel_tui.records.task import Task
    from flywheel_tui.workspace import Workspace

TRANSACTION_ROWS = 4000
SAMPLE_ROWS = 200
PREVIEW_ROWS = 5
PLACES = 5
"""Rejected rows that are named for each reason; the file of rejects names them all."""
_FINGERPRINT_BYTES = 1 << 20


class IngestOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to take in, and how. `source` is a path or `hf://owner/name`, `name` the data set."""

    source: str
    name: str
    format: str | None = None
    kind: str | None = None
    mapping: dict[str, str] | None = None
    tags: tuple[str, ...] = ()
    limit: int | None = None
    hf_split: str | None = None
    on_error: str = "skip"
    append: bool = False


class IngestSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `known` pairs were in the data set already; `rejects` is the file with the rejected rows, and
    `places` the first lines (rows, documents) that were rejected for each of the `reasons`.
    """

    dataset: str
    source: str
    format: str
    layout: str
    rows: int
    added: int
    known: int
    rejected: int
    reasons: dict[str, int]
    places: dict[str, tuple[int, ...]] = {}
    rejects: str | None
    notes: tuple[str, ...]
    kinds: dict[str, int]
    seconds: float


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What an ingest would do, from the first rows alone."""

    source: str
    format: str
    layout: str
    mapping: dict[str, str]
    columns: tuple[str, ...]
    drafts: tuple[Draft, ...]
    looked_at: int
    kinds: dict[str, int]
    rejects: tuple[Reject, ...]
    notes: tuple[str, ...]
    size: int | None


def _check(options: IngestOptions) -> None:
    dataset_store.valid_name(options.name)
    if options.kind is not None and options.kind not in KINDS:
        raise UsageError(f"there is no kind {options.kind!r}; use one of: {', '.join(KINDS)}")
    if options.on_error not in ("skip", "stop"):
        raise UsageError(f"--on-error is skip or stop, not {options.on_error!r}")
    if options.limit is not None and options.limit < 1:
        raise UsageError("--limit takes a number from 1 up")


def _open(options: IngestOptions, workspace: Workspace | None = None) -> Source:
    extra: dict[str, Any] = {"split": options.hf_split} if options.hf_split else {}
    if options.source.startswith("hf://") and workspace is not None and workspace.settings.huggingface_token:
        extra["token"] = workspace.settings.huggingface_token.get_secret_value()
    return open_source(options.source, options.format, **extra)


def _recognise(options: IngestOptions, source: Source, batch: Batch) -> Recognised:
    return recognise(batch.rows, kind=options.kind, mapping=options.mapping, file=source.path or source.name)


def preview(options: IngestOptions, rows: int = SAMPLE_ROWS) -> Preview:
    """Recognise a source and convert its first rows; nothing is written. Raises InputError, UsageError."""
    _check(options)
    source = _open(options)
    notes = Notes()
    rejects: list[Reject] = []
    drafts: list[Draft] = []
    looked_at = 0
    layout: Recognised | None = None
    columns: dict[str, None] = {}
    for batch in source.rows():
        batch = _head(batch, rows - looked_at)
        if batch.rows:
            layout = layout or _recognise(options, source, batch)
        for row in batch.rows:
            columns |= dict.fromkeys(row)
        made, refused = layout.convert_batch(batch, notes) if layout else ([], batch.rejects)
        drafts += made
        rejects += refused
        looked_at += len(batch.rows) + len(batch.rejects)
        if looked_at >= rows:
            break
    if layout is None:
        raise _nothing_taken(source, rejects)
    return Preview(
        source=source.name, format=source.format, layout=layout.name, mapping=dict(layout.mapping or {}),
        columns=tuple(columns), drafts=tuple(drafts[:PREVIEW_ROWS]), looked_at=looked_at,
        kinds=dict(Counter(draft.kind for draft in drafts)), rejects=tuple(rejects[:PREVIEW_ROWS]),
        notes=(*notes.sentences(source.unit), *source.remarks), size=source.size,
    )  # fmt: skip


def _head(batch: Batch, rows: int) -> Batch:
    if len(batch.rows) > rows:
        batch.rows, batch.lines = batch.rows[:rows], batch.lines[:rows]
    return batch


def _nothing_taken(source: Source, rejects: Sequence[Reject]) -> InputError:
    first = rejects[0]
    return InputError(
        f"no row of it can be taken; the first: {first.reason}", file=source.name, line=first.line, field=first.field,
        remedy=first.remedy,
    )  # fmt: skip


def _fingerprint(source: Source) -> str | None:
    """Names a file by its size, its first and its last megabyte: enough to know it again."""
    if source.path is None or not source.path.is_file():
        return None
    digest = blake2b(digest_size=16)
    size = source.path.stat().st_size
    with source.path.open("rb") as file:
        digest.update(str(size).encode() + file.read(_FINGERPRINT_BYTES))
        if size > 2 * _FINGERPRINT_BYTES:
            file.seek(-_FINGERPRINT_BYTES, os.SEEK_END)
            digest.update(file.read())
    return digest.hexdigest()


class _Rejects:
    """The file of rejected rows, made when the first one comes."""

    def __init__(self, workspace: Workspace, dataset: str) -> None:
        self._workspace, self._dataset = workspace, dataset
        self._file: TextIO | None = None
        self.path: Path | None = None
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self.places: dict[str, tuple[int, ...]] = {}

    def add(self, source: str, rejects: Sequence[Reject]) -> None:
        if not rejects:
            return
        if self._file is None:
            folder = self._workspace.folder("rejects")
            self.path = folder / f"{self._dataset}-{show_uid(new_uid())[:10].lower()}.jsonl"
            descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
            self._file = os.fdopen(descriptor, "w", encoding="utf-8")
        for reject in rejects:
            self.count += 1
            self.reasons[reject.reason] += 1
            if self.reasons[reject.reason] <= PLACES:
                self.places[reject.reason] = (*self.places.get(reject.reason, ()), reject.line)
            line = {"source": source, "line": reject.line, "byte_offset": reject.byte_offset, "field": reject.field,
                    "reason": reject.reason, "remedy": reject.remedy,
                    "raw": reject.raw.decode("utf-8", "backslashreplace")}  # fmt: skip
            self._file.write(msgspec.json.encode(line).decode() + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def ingest(
    workspace: Workspace,
    options: IngestOptions,
    *,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> IngestSummary:
    """Take a source into a data set; `on_progress(rows or bytes so far, all of them or None)` after each batch.

    Raises InputError where nothing of it can be taken (nothing is written then) or, with `on_error="stop"`, at the
    first bad row; ConflictError where the data set exists, was made from something else and `append` is not set.
    """
    _check(options)
    started = time.monotonic()
    source = _open(options, workspace)
    run = _Run(workspace, options, source)
    try:
        for batch in source.rows():
            if run.take(batch):
                break
            if on_progress:
                on_progress(*((batch.position, source.size) if source.size else (run.rows, None)))
        return run.finish(time.monotonic() - started)
    finally:
        run.close()


class _Run:
    """One ingest under way: recognises with the first rows, makes the data set with the first drafts."""

    def __init__(self, workspace: Workspace, options: IngestOptions, source: Source) -> None:
        self.workspace, self.options, self.source = workspace, options, source
        self.layout: Recognised | None = None
        self.notes = Notes()
        self.rejects = _Rejects(workspace, options.name)
        self.held: list[Reject] = []
        self.occurrences = pair_store.Occurrences()
        self.dataset_id = self.source_id = 0
        self.rows = self.drafts = self.added = 0
        self.kinds: Counter[str] = Counter()
        self.finished = False

    def take(self, batch: Batch) -> bool:
        """Write one batch; True when the limit is reached."""
        limit = self.options.limit
        if limit is not None:
            batch = _head(batch, limit - self.rows)
        rejects = list(batch.rejects)
        drafts: list[Draft] = []
        if batch.rows:
            self.layout = self.layout or _recognise(self.options, self.source, batch)
            drafts, rejects = self.layout.convert_batch(batch, self.notes)
        self.rows += len(batch.rows) + len(batch.rejects)
        if rejects and self.options.on_error == "stop":
            self._store(drafts[: self._before(rejects[0], drafts)])
            raise self._stopped(rejects[0])
        self._store(drafts)
        # a source of which nothing can be taken leaves no data set and no rejects file behind
        self.held += rejects
        if self.dataset_id:
            self.rejects.add(self.source.name, self.held)
            self.held = []
        return limit is not None and self.rows >= limit

    @staticmethod
    def _before(reject: Reject, drafts: Sequence[Draft]) -> int:
        return sum(1 for draft in drafts if draft.line < reject.line)

    def _stopped(self, reject: Reject) -> InputError:
        kept = f"{self.added} pairs before it are kept; mend the row and run the same command again"
        return InputError(
            reject.reason, file=self.source.name, line=reject.line, field=reject.field,
            remedy=f"{reject.remedy} ({kept}, or pass --on-error skip)",
        )  # fmt: skip

    def _store(self, drafts: list[Draft]) -> None:
        if not drafts:
            return
        if not self.dataset_id:
            self._begin(drafts[0].kind)
        if self.options.tags:
            for draft in drafts:
                draft.tags = list(dict.fromkeys([*(draft.tags or ()), *self.options.tags]))
        prepared = pair_store.prepare(drafts)
        for start in range(0, len(prepared), TRANSACTION_ROWS):
            chunk = prepared[start : start + TRANSACTION_ROWS]
            with self.workspace.store.tx(durable=False) as connection:
                self.added += pair_store.insert_drafts(
                    connection, self.dataset_id, self.source_id, chunk, self.occurrences
                )
        self.drafts += len(drafts)
        for draft in drafts:
            self.kinds[draft.kind] += 1

    def _begin(self, first_kind: str) -> None:
        assert self.layout is not None
        fingerprint = _fingerprint(self.source)
        with self.workspace.store.tx() as connection:
            found = {row.name: row for row in dataset_store.list_datasets(connection)}.get(self.options.name)
            if found is None:
                kind = self.options.kind or first_kind
                found = dataset_store.create_dataset(connection, self.options.name, kind, self.options.tags)
            elif not self.options.append and not source_store.known_source(
                connection, found.id, self.source.name, fingerprint
            ):
                raise UsageError(
                    f"there is a data set {found.name!r} already, made from something else; add to it with --append,"
                    " or choose another name"
                )
            self.dataset_id = found.id
            self.source_id = source_store.add_source(
                connection, found.id, name=self.source.name, format=self.source.format, layout=self.layout.name,
                fingerprint=fingerprint,
            )  # fmt: skip

    def finish(self, seconds: float) -> IngestSummary:
        """Write down what came of it; raises InputError where not one row could be taken."""
        if not self.dataset_id:
            raise _nothing_taken(self.source, self.held)
        assert self.layout is not None
        notes = [*self.notes.sentences(self.source.unit), *self.source.remarks]
        self._record(notes)
        return IngestSummary(
            dataset=self.options.name, source=self.source.name, format=self.source.format, layout=self.layout.name,
            rows=self.rows, added=self.added, known=self.drafts - self.added, rejected=self.rejects.count,
            reasons=dict(self.rejects.reasons), places=self.rejects.places,
            rejects=str(self.rejects.path) if self.rejects.path else None,
            notes=tuple(notes), kinds=dict(self.kinds), seconds=seconds,
        )  # fmt: skip

    def _record(self, notes: list[str]) -> None:
        self.finished = True
        with self.workspace.store.tx() as connection:
            source_store.finish_source(
                connection, self.source_id, rows=self.rows, added=self.added, rejected=self.rejects.count, notes=notes
            )

    def close(self) -> None:
        """Also when stopped half-way: what was taken in so far is written down with its source."""
        if self.dataset_id and not self.finished:
            self._record(["stopped before its end; the same command goes on from there"])
        self.rejects.close()


def run_job(workspace: Workspace, args: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """The job kind "ingest": arguments are the fields of `IngestOptions`."""

    def on_progress(done: int, total: int | None) -> None:
        task.progress(done, total, "reading")
        task.check()

    summary = ingest(workspace, msgspec.convert(dict(args), IngestOptions), on_progress=on_progress)
    found: dict[str, Any] = msgspec.to_builtins(summary)
    return found
