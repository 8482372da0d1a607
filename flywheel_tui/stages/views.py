"""Views of pairs for screens: open one at once, let it grow, read pages of it. Knows no screen.

A plain view (everything, as is) needs no ids: a row's number gives its position. Any other holds the ids of its pairs,
gathered in chunks of short reads by `build`, which a screen runs in a thread while it shows what is there already.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.expressions import parse
from flywheel_tui.records.pair import PairRow, PairView
from flywheel_tui.stages.gather import build
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import jobs as job_store
from flywheel_tui.store import search as search_store
from flywheel_tui.store import views as store
from flywheel_tui.store.datasets import DatasetRow
from flywheel_tui.store.fields import needs_pair, pair_condition
from flywheel_tui.store.findings import states_of
from flywheel_tui.store.views import ORDERS, Condition, FindingSpan, SavedView, SourceRow, ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

__all__ = [
    "ORDERS",
    "DatasetFigures",
    "DatasetSummary",
    "FindingSpan",
    "PairRow",
    "SavedView",
    "View",
    "ViewQuery",
    "build",
]


class View:
    """The pairs that a query stands for. Grows while `complete` is false; safe to read from another thread."""

    def __init__(self, query: ViewQuery, dataset_id: int, condition: Condition, match: str | None) -> None:
        self.query, self.dataset_id = query, dataset_id
        self.condition, self.match = condition, match
        self.ids: array[int] | None = None if query.plain else array("q")
        self.first, self.last = 1, 0
        self.complete = False
        self.found = 0
        """Matching pairs found so far; more than `len()` while an order has yet to be made."""
        self.note = ""

    def __len__(self) -> int:
        return self.last - self.first + 1 if self.ids is None else len(self.ids)


def open_view(workspace: Workspace, query: ViewQuery) -> View:
    """A view, at once: complete where it is plain, else empty until `build` fills it.

    Raises NotFoundError for an unknown data set, ExpressionError for a filter that is off.
    """
    connection = workspace.store.read()
    dataset = dataset_store.get_dataset(connection, query.dataset)
    condition = Condition()
    if query.filter:
        expression = parse(query.filter)
        sql, parameters = pair_condition(expression)
        condition = Condition(sql, tuple(parameters), needs_pair(expression))
    match = search_store.match_query(query.search) if query.search else None
    view = View(query, dataset.id, condition, match)
    if query.plain:
        view.first, view.last = store.bounds(connection, dataset.id)
        view.found, view.complete = len(view), True
    elif query.search and match is None:
        view.complete, view.note = True, "type a letter or a digit to search for"
    return view


def open_list(workspace: Workspace, dataset: str, ids: Sequence[int], note: str) -> View:
    """A view of exactly these pairs of a data set, in this order; `note` says what they are. Raises NotFoundError."""
    row = dataset_store.get_dataset(workspace.store.read(), dataset)
    view = View(ViewQuery(dataset=dataset), row.id, Condition(), None)
    view.ids, view.note = array("q", ids), note
    view.found, view.complete = len(view.ids), True
    return view


def ids_of(workspace: Workspace, query: ViewQuery, cancelled: Callable[[], bool] = lambda: False) -> array[int]:
    """Every id of a view, plain ones too, in its order."""
    view = open_view(workspace, query)
    if view.ids is None:
        view.ids, view.complete = array("q"), False
    return build(workspace, view, cancelled=cancelled).ids or array("q")


# -- pages ------------------------------------------------------------------------------------------------------------


def page(workspace: Workspace, view: View, first: int, count: int) -> list[PairRow]:
    """Rows `first` to `first` + `count` of a view (from 0): one short read."""
    connection = workspace.store.read()
    if view.ids is None:
        return store.page_at(connection, view.dataset_id, view.first + first, min(count, len(view) - first))
    return store.page_of(connection, view.ids[first : first + count])


def rows_of(workspace: Workspace, ids: Sequence[int]) -> list[PairRow]:
    """Rows of any pairs."""
    return store.page_of(workspace.store.read(), ids)


def index_of(workspace: Workspace, view: View, pair: int) -> int | None:
    """The row of a pair in a view, or None where it is not in it (yet)."""
    if view.ids is not None:
        try:
            return view.ids.index(pair)
        except ValueError:
            return None
    position = store.position_of(workspace.store.read(), view.dataset_id, pair)
    at = -1 if position is None else position - view.first
    return at if 0 <= at < len(view) else None


def ids_between(workspace: Workspace, view: View, first: int, last: int) -> Iterator[list[int]]:
    """The ids of rows `first` to `last` (from 0, both included), in chunks of short reads."""
    step = 20_000
    for start in range(first, last + 1, step):
        end = min(start + step - 1, last)
        if view.ids is not None:
            yield view.ids[start : end + 1].tolist()
        else:
            connection, base = workspace.store.read(), view.first
            rows = store.scan_positions(
                connection, view.dataset_id, base + start, base + end, Condition(), Condition("0")
            )
            yield [found for found, _ in rows]


def detail(workspace: Workspace, pair: int) -> PairView:
    """One pair whole. Raises NotFoundError."""
    return store.pair_view(workspace.store.read(), pair)


def findings(workspace: Workspace, version: int) -> list[FindingSpan]:
    """What the checks found in a version."""
    return store.findings_of(workspace.store.read(), version)


def checks_of(workspace: Workspace, dataset: str) -> list[str]:
    """The checks that have looked at a data set."""
    connection = workspace.store.read()
    return sorted(states_of(connection, dataset_store.get_dataset(connection, dataset).id))


def refreshed(workspace: Workspace, view: View) -> None:
    """Let a plain view see pairs that were added since it was opened."""
    if view.ids is None:
        view.first, view.last = store.bounds(workspace.store.read(), view.dataset_id)
        view.found = len(view)


# -- data sets --------------------------------------------------------------------------------------------------------


class DatasetSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of data sets."""

    row: DatasetRow
    judge_runs: int
    passed: float | None
    activity: int

    @property
    def labelled(self) -> float:
        """The share of pairs somebody has decided on."""
        return 1 - self.row.open / self.row.pairs if self.row.pairs else 0.0

    @property
    def findings(self) -> int:
        """Pairs in which a check found something."""
        return self.row.counts.get("with findings", 0)


class DatasetFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the side panel tells: lengths and scores are those of a sample spread over the data set."""

    sources: list[SourceRow]
    lengths: list[int]
    scores: list[float]


def list_datasets(workspace: Workspace) -> list[DatasetRow]:
    """Every data set, with its counters."""
    return dataset_store.list_datasets(workspace.store.read())


def get_dataset(workspace: Workspace, name: str) -> DatasetRow:
    """One data set. Raises NotFoundError that lists the known ones."""
    return dataset_store.get_dataset(workspace.store.read(), name)


def check_name(name: str) -> None:
    """Raises UsageError, which says what would be right, for a name that no data set can have."""
    dataset_store.valid_name(name)


def summaries(workspace: Workspace) -> list[DatasetSummary]:
    """Every data set with what its line shows; counts nothing."""
    connection = workspace.store.read()
    return [
        DatasetSummary(
            row=row,
            judge_runs=store.judge_runs(connection, row.id),
            passed=store.passed_share(connection, row.id),
            activity=store.last_activity(connection, row.id) or row.created,
        )
        for row in dataset_store.list_datasets(connection)
    ]


def figures(workspace: Workspace, dataset_id: int) -> DatasetFigures:
    """Sources and histograms of a data set: reads at most some hundred pairs."""
    connection = workspace.store.read()
    sample = store.sample_figures(connection, dataset_id)
    return DatasetFigures(
        sources=store.sources_of(connection, dataset_id),
        lengths=[length for length, _ in sample],
        scores=[score for _, score in sample if score is not None],
    )


# -- saved views ------------------------------------------------------------------------------------------------------


def saved_views(workspace: Workspace, dataset: str) -> list[SavedView]:
    """The saved views of a data set."""
    return store.saved_views(workspace.store.read(), get_dataset(workspace, dataset).id)


def save_view(workspace: Workspace, name: str, query: ViewQuery) -> None:
    """Keep a view under a name. Raises ConflictError where the name is in use."""
    dataset = get_dataset(workspace, query.dataset)
    with workspace.store.tx() as connection:
        store.save_view(connection, dataset.id, name, query)


def delete_view(workspace: Workspace, view: int) -> None:
    """Forget a saved view. Raises NotFoundError."""
    with workspace.store.tx() as connection:
        store.delete_view(connection, view)


# -- jobs -------------------------------------------------------------------------------------------------------------


def jobs_line(workspace: Workspace) -> str:
    """Jobs under way in a few words for a header, or ''."""
    jobs = job_store.list_jobs(workspace.store, states=("running", "queued", "paused"), limit=20)
    if not jobs:
        return ""
    first = jobs[0]
    done = f" {first.done / first.total:.0%}" if first.total else ""
    words = f"{first.kind} {first.state}{done}" if first.state != "running" else f"{first.kind}{done or ' under way'}"
    return words if len(jobs) == 1 else f"{words}, {len(jobs) - 1} more"
