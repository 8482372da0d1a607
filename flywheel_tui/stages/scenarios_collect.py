"""Where failures come from: trace rows with their signals, single pairs, what a judge failed, what people rejected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from flywheel_tui.errors import InputError, UsageError
from flywheel_tui.stages.feedback import DEFAULT_PRESET, read_signals, weak_label
from flywheel_tui.stages.scenarios import Taken, take_failures
from flywheel_tui.stages.scenarios_kinds import kind_of_answer, kind_of_reasons, kind_of_scores, told_kind
from flywheel_tui.store import labels as label_store
from flywheel_tui.store import lineage
from flywheel_tui.store import scenarios as store
from flywheel_tui.store.datasets import DatasetRow, get_dataset
from flywheel_tui.store.scenarios import NewTrace
from flywheel_tui.store.selections import select_pairs, where_of
from flywheel_tui.store.versions import VersionRow, read_versions

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

CHUNK = 500


def add_file(
    workspace: Workspace, source: str, *, dataset: str = "traces", preset: str = DEFAULT_PRESET, every: bool = False
) -> Taken:
    """Take in a file of traces (as `ingest --kind trace` does), then the failures among them.

    A trace is a failure where its feedback says so (a bad score), where it was reported, where its kind of error is
    told, where nothing was answered, or where no feedback was given at all: it was handed in as one. With good feedback
    it is none; `every` takes those, too.
    """
    from flywheel_tui.stages.ingest import IngestOptions, ingest

    summary = ingest(workspace, IngestOptions(source=source, name=dataset, kind="trace", append=True))
    notes = [f"{summary.rejected:,} rows were rejected; they are in {summary.rejects}"] if summary.rejected else []
    return add_dataset(workspace, dataset, preset=preset, every=every, notes=notes)


def add_dataset(
    workspace: Workspace, name: str, *, where: str | None = None, preset: str = DEFAULT_PRESET, every: bool = False,
    notes: list[str] | None = None,
) -> Taken:  # fmt: skip
    """Take the failures among the traces of a data set. Raises UsageError where it holds no traces."""
    dataset = get_dataset(workspace.store.read(), name)
    if dataset.kind != "trace":
        raise UsageError(f"{name!r} holds pairs of kind {dataset.kind}, not traces; use --from-judge or --pair")
    failures: list[NewTrace] = []
    passed_over, said = 0, list(notes or [])
    for row in _rows(workspace, dataset, where):
        try:
            found = of_trace(row, preset=preset, every=every)
        except InputError as error:
            raise InputError(
                error.message, file=f"data set {name}, pair {row.id}", field=error.field, remedy=error.remedy
            ) from error
        passed_over += found is None
        failures += [found] if found is not None else []
    return take_failures(workspace, failures, passed_over=passed_over, notes=said)


def of_trace(row: VersionRow, *, preset: str = DEFAULT_PRESET, every: bool = False) -> NewTrace | None:
    """The failure that a trace row is; None where its feedback does not say that it failed."""
    body: Mapping[str, Any] = msgspec.json.decode(row.body) if row.body else {}
    signals = body.get("signals") if isinstance(body.get("signals"), dict) else None
    seen = read_signals(signals, answer=row.output)
    label = weak_label(seen, preset)
    said = seen.reported or told_kind(signals) or not (row.output or "").strip()
    failed = label is None or label.status == "rejected" or (label.status is None and said)
    if not failed and not every:
        return None
    return NewTrace(
        origin="trace", request=row.instruction, answer=row.output, error_kind=kind_of_answer(row.output, signals),
        pair_id=row.id, signals=signals, score=label.score if label is not None else None,
        detail=str(signals["detail"]) if signals and isinstance(signals.get("detail"), str) else None,
    )  # fmt: skip


def add_pair(workspace: Workspace, name: str, *, error_kind: str = "", detail: str = "") -> Taken:
    """Take one pair (its number or uid) as a failure; its kind is named, or that of a reviewer's reasons, or seen.

    Raises NotFoundError, UsageError where several data sets hold that uid.
    """
    connection = workspace.store.read()
    found = lineage.find_roots(connection, name)
    if len(found) > 1:
        raise UsageError(f"several data sets hold the pair {name}; give its number instead")
    root = found[0][0]
    (row,) = read_versions(connection, [label_store.place(connection, root).version])
    reasons = [reason for event in lineage.events(connection, root) if not event.undone for reason in event.reasons]
    kind = error_kind.strip() or kind_of_reasons(reasons) or kind_of_answer(row.output)
    failure = NewTrace(
        origin="pair", request=_request(row), answer=row.output, error_kind=kind, pair_id=row.id, detail=detail or None
    )
    return take_failures(workspace, [failure])


def add_from_judge(workspace: Workspace, dataset: str, tag: str, *, limit: int | None = None) -> Taken:
    """Take every pair that a judge run failed (a pair without a verdict is no failure). Raises NotFoundError."""
    from flywheel_tui.store import judging

    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    run = judging.get_run(connection, row.id, tag)
    said = [one for one in judging.said_by(connection, run.id, row.id) if one.passed is not None]
    failed = [one for one in said if not one.passed][:limit]
    scores = store.verdict_scores(connection, run.id, [one.version for one in failed])
    rows = {version.id: version for version in read_versions(connection, [one.version for one in failed])}
    failures = [
        NewTrace(
            origin="judge", request=_request(rows[one.version]), answer=rows[one.version].output, pair_id=one.version,
            error_kind=kind_of_scores(scores.get(one.version, {})) or kind_of_answer(rows[one.version].output),
            detail=f"judge {tag}" + (f", score {one.score:g}" if one.score is not None else ""),
        )
        for one in failed
    ]  # fmt: skip
    return take_failures(workspace, failures, passed_over=len(said) - len(failed))


def add_from_labels(workspace: Workspace, dataset: str, *, where: str | None = None) -> Taken:
    """Take every pair that people rejected, by their reasons."""
    connection = workspace.store.read()
    row = get_dataset(connection, dataset)
    from flywheel_tui.expressions import parse

    asked = "label == 'rejected'" + (f" and ({where})" if where else "")
    failures: list[NewTrace] = []
    selection = select_pairs(connection, row.id, where_of(parse(asked)))
    for chunk in selection.chunks(CHUNK):
        versions = {one.id: one for one in read_versions(connection, list(chunk.versions))}
        for root, version in zip(chunk.roots, chunk.versions, strict=True):
            events = [one for one in lineage.events(connection, root) if not one.undone and one.source != "judge"]
            if not events:
                continue
            found = versions[version]
            reasons = [reason for event in events for reason in event.reasons]
            failures.append(
                NewTrace(
                    origin="pair", request=_request(found), answer=found.output, pair_id=version,
                    error_kind=kind_of_reasons(reasons) or kind_of_answer(found.output),
                    detail=next((event.note for event in events if event.note), None),
                )
            )  # fmt: skip
    return take_failures(workspace, failures, passed_over=len(selection) - len(failures))


def _rows(workspace: Workspace, dataset: DatasetRow, where: str | None) -> Iterator[VersionRow]:
    from flywheel_tui.expressions import parse

    connection = workspace.store.read()
    selection = select_pairs(connection, dataset.id, where_of(parse(where)) if where else where_of(None))
    for chunk in selection.chunks(CHUNK):
        yield from read_versions(connection, list(chunk.versions))


def _request(row: VersionRow) -> str:
    return f"{row.instruction}\n\n{row.input}" if row.input else row.instruction
