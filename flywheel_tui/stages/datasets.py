"""Data sets as a whole: the list, what is in one, its rows, what differs between two, removing and restoring."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.expressions import parse
from flywheel_tui.records.label import STATUSES
from flywheel_tui.records.pair import PairView
from flywheel_tui.store import dataset_diff, dataset_figures, search, views
from flywheel_tui.store import datasets as store
from flywheel_tui.store.dataset_figures import RunFigures, Shape, SnapshotFigures, SourceFigures
from flywheel_tui.store.datasets import DatasetRow
from flywheel_tui.store.selections import first_pairs, where_of

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `dataset ls`. `labelled` is a share from 0 to 1; `active`: microseconds UTC of the last happening."""

    name: str
    kind: str
    pairs: int
    labelled: float | None
    open: int
    with_findings: int
    judge_runs: int
    sources: tuple[str, ...]
    tags: tuple[str, ...]
    active: int


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """What `dataset info` tells. `indexed` is the share of the workspace's pairs that full-text search can find."""

    name: str
    kind: str
    tags: tuple[str, ...]
    created: int
    active: int
    pairs: int
    statuses: dict[str, int]
    flagged: int
    shape: Shape
    sources: tuple[SourceFigures, ...]
    labels: dict[str, dict[str, int]]
    findings: dict[str, dict[str, int]]
    judge_runs: tuple[RunFigures, ...]
    snapshots: tuple[SnapshotFigures, ...]
    indexed: float
    rejects: tuple[str, ...]


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A pair named in a comparison: its number and status in each data set (0 and '' where it is not)."""

    one: int
    other: int
    uid: str
    instruction: str
    status_one: str = ""
    status_other: str = ""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between two data sets; the same pair is the one with the same uid."""

    one: str
    other: str
    only_in_one: int
    only_in_other: int
    in_both: int
    relabelled: dict[str, int]
    changed: int
    examples: dict[str, tuple[Example, ...]]


def overview(workspace: Workspace) -> list[Listed]:
    """Every data set by name; from counters and indexes, so that it costs the same for a million pairs."""
    connection = workspace.store.read()
    lines = []
    for row in store.list_datasets(connection):
        names = dict.fromkeys(source.name for source in views.sources_of(connection, row.id))
        lines.append(
            Listed(
                name=row.name,
                kind=row.kind,
                pairs=row.pairs,
                labelled=1 - row.open / row.pairs if row.pairs else None,
                open=row.open,
                with_findings=row.counts.get("with findings", 0),
                judge_runs=views.judge_runs(connection, row.id),
                sources=tuple(reversed(names)),
                tags=row.tags,
                active=views.last_activity(connection, row.id) or row.created,
            )
        )
    return lines


def info(workspace: Workspace, name: str) -> Info:
    """Everything that is known about a data set as a whole. Raises NotFoundError."""
    connection = workspace.store.read()
    row = store.get_dataset(connection, name)
    indexed, newest = search.progress(connection)
    return Info(
        name=row.name,
        kind=row.kind,
        tags=row.tags,
        created=row.created,
        active=views.last_activity(connection, row.id) or row.created,
        pairs=row.pairs,
        statuses={status: row.counts[status] for status in STATUSES if row.counts.get(status)},
        flagged=row.counts.get("flagged", 0),
        shape=dataset_figures.shape(connection, row.id),
        sources=tuple(dataset_figures.sources(connection, row.id)),
        labels=dataset_figures.labels_by_reviewer(connection, row.id),
        findings=dataset_figures.findings_by_check(connection, row.id),
        judge_runs=tuple(dataset_figures.judge_runs(connection, row.id)),
        snapshots=tuple(dataset_figures.snapshots(connection, row.id)),
        indexed=indexed / newest if newest else 1.0,
        rejects=tuple(str(path) for path in _rejects(workspace, row.name)),
    )


def _rejects(workspace: Workspace, name: str) -> list[Path]:
    folder = workspace.root / "rejects"
    # NAME-XXXXXXXXXX.jsonl, ten letters and digits: names of data sets may hold a dash themselves
    return sorted(path for path in folder.glob(f"{name}-*.jsonl") if len(path.stem) == len(name) + 11)


def rows(
    workspace: Workspace, name: str, *, where: str | None = None, limit: int = 20, offset: int = 0
) -> tuple[list[PairView], list[str]]:
    """Pairs as a reviewer sees them, in order, and warnings about the filter. Raises NotFoundError, ExpressionError."""
    connection = workspace.store.read()
    row = store.get_dataset(connection, name)
    expression = parse(where) if where else None
    found = first_pairs(connection, row.id, where_of(expression), limit, offset)
    warnings = [str(warning) for warning in expression.warnings] if expression else []
    return [views.pair_view(connection, pair) for pair in found.roots], warnings


def diff(
    workspace: Workspace, one: str, other: str, *, on_progress: Callable[[int, int], None] | None = None
) -> Comparison:
    """Compare two data sets by uid. Raises NotFoundError."""
    connection = workspace.store.read()
    first, second = store.get_dataset(connection, one), store.get_dataset(connection, other)
    total = first.pairs + second.pairs
    found = dataset_diff.compare(
        connection, first.id, second.id, lambda done: on_progress(done, total) if on_progress else None
    )

    def example(left: int, right: int) -> Example:
        views_of = [views.pair_view(connection, pair) if pair else None for pair in (left, right)]
        shown = views_of[0] or views_of[1]
        assert shown is not None
        statuses = [view.status if view else "" for view in views_of]
        return Example(
            one=left, other=right, uid=shown.uid, instruction=shown.instruction[:240],
            status_one=statuses[0], status_other=statuses[1],
        )  # fmt: skip

    return Comparison(
        one=one,
        other=other,
        only_in_one=found.only_in_one,
        only_in_other=found.only_in_other,
        in_both=found.in_both,
        relabelled={f"{before} -> {after}": count for (before, after), count in sorted(found.relabelled.items())},
        changed=found.changed,
        examples={
            "only_in_one": tuple(example(pair, 0) for pair in found.examples_one),
            "only_in_other": tuple(example(0, pair) for pair in found.examples_other),
            "relabelled": tuple(example(*pairs) for pairs in found.examples_relabelled),
            "changed": tuple(example(*pairs) for pairs in found.examples_changed),
        },
    )


def get(workspace: Workspace, name: str) -> DatasetRow:
    """The data set of that name with its counters. Raises NotFoundError."""
    return store.get_dataset(workspace.store.read(), name)


def remove(workspace: Workspace, name: str) -> DatasetRow:
    """Hide a data set; nothing is erased, and `restore` brings it back. Raises NotFoundError."""
    with workspace.store.tx() as connection:
        return store.remove_dataset(connection, name)


def restore(workspace: Workspace, name: str) -> DatasetRow:
    """Bring back the data set of that name that was removed last. Raises NotFoundError, ConflictError."""
    with workspace.store.tx() as connection:
        return store.restore_dataset(connection, name)
