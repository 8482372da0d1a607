"""Views of pairs for screens: open one at once, let it grow, read pages of it. Knows no screen.

A plain view (everything, as is) needs no ids: a row's number gives its position. Any other holds the ids of its pairs,
gathered in chunks of short reads by `build`, which a screen runs in a thread while it shows what is there already.
"""

from __future__ import annotations

import random
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from flywheel_tui.expressions import parse
from flywheel_tui.records.pair import PairRow, PairView
from flywheel_tui.store import datasets as dataset_store
from flywheel_tui.store import jobs as job_store
from flywheel_tui.store import search as search_store
from flywheel_tui.store import views as store
from flywheel_tui.store.datasets import DatasetRow
from flywheel_tui.store.fields import needs_pair, pair_condition
from flywheel_tui.store.views import ORDERS, Condition, FindingSpan, SavedView, SourceRow, ViewQuery

if TYPE_CHECKING:
    from flywheel_tui.workspace import Workspace

__all__ = ["ORDERS", "DatasetFigures", "DatasetSummary", "FindingSpan", "SavedView", "View", "ViewQuery"]

_AIM_SECONDS = 0.06
_FIRST_WINDOW, _SMALLEST, _LARGEST = 2_000, 64, 200_000
_BUCKETS = 256
_NO_KEY = Condition("0")


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


def build(
    workspace: Workspace,
    view: View,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    on_growth: Callable[[View], None] = lambda view: None,
) -> View:
    """Gather the ids of a view, chunk by chunk; `on_growth` after each. Stops early when `cancelled()`."""
    if view.complete or view.ids is None:
        return view
    order = view.query.order
    if view.match is None and order == "score" and not view.condition.sql:
        chunks = _by_score(workspace, view)
    elif view.match is not None:
        chunks = _hits(workspace, view)
    else:
        chunks = _windows(workspace, view)
    if order in ("as is", "score") and (order == "as is" or (view.match is None and not view.condition.sql)):
        collect: _Collector = _InOrder(view.ids)
    elif order in ("unlabelled first", "status"):
        collect = _Grouped(view.ids)
    else:
        collect = _Sorted(view.ids)
    mix = _mixer(view.query.seed) if order == "random" else None
    for chunk in chunks:
        if cancelled():
            return view
        collect.add([(found, mix(found)) for found, _ in chunk] if mix else chunk)
        view.found += len(chunk)
        on_growth(view)
    if not collect.finish(cancelled):
        return view
    view.complete = True
    on_growth(view)
    return view


def ids_of(workspace: Workspace, query: ViewQuery, cancelled: Callable[[], bool] = lambda: False) -> array[int]:
    """Every id of a view, plain ones too, in its order."""
    view = open_view(workspace, query)
    if view.ids is None:
        view.ids, view.complete = array("q"), False
    return build(workspace, view, cancelled=cancelled).ids or array("q")


# -- chunks of (id, key) ----------------------------------------------------------------------------------------------

_Chunk = Sequence[tuple[int, float]]


def _next_size(size: int, seconds: float) -> int:
    """A window that takes about as long as one may read in one go."""
    factor = min(max(_AIM_SECONDS / max(seconds, 1e-4), 0.25), 4.0)
    return min(max(int(size * factor), _SMALLEST), _LARGEST)


def _windows(workspace: Workspace, view: View, extra: Condition | None = None) -> Iterator[_Chunk]:
    connection = workspace.store.read()
    first, last = store.bounds(connection, view.dataset_id)
    key = store.sort_key(view.query) if extra is None else _NO_KEY
    size = _FIRST_WINDOW
    while first <= last:
        began = time.perf_counter()
        end = min(first + size - 1, last)
        yield store.scan_positions(connection, view.dataset_id, first, end, extra or view.condition, key)
        first = end + 1
        size = _next_size(size, time.perf_counter() - began)


def _by_score(workspace: Workspace, view: View) -> Iterator[_Chunk]:
    connection = workspace.store.read()
    after, size = (1e308, 1 << 62), _FIRST_WINDOW
    while rows := store.scan_scores(connection, view.dataset_id, after, size):
        yield [(found, 0.0) for found, _, _ in rows]
        after = (rows[-1][1], rows[-1][2])
        size = min(size * 2, 20_000)
    yield from _windows(workspace, view, Condition("c.score IS NULL"))


def _hits(workspace: Workspace, view: View) -> Iterator[_Chunk]:
    connection = workspace.store.read()
    match, key = view.match or "", store.sort_key(view.query)
    if view.query.order == "as is":
        if search_store.count_hits(connection, match) <= search_store.RANKED_UP_TO:
            view.note = "best match first"
            best = search_store.best_hits(connection, match)
            for start in range(0, len(best), 500):
                part = best[start : start + 500]
                yield store.scan_versions(connection, view.dataset_id, part, view.condition, key)
            return
        view.note = "too many to rank: in the order of the file"
    after = 0
    while versions := search_store.next_hits(connection, match, after, 2_000):
        yield store.scan_versions(connection, view.dataset_id, versions, view.condition, key)
        after = versions[-1]


# -- making an order of chunks ----------------------------------------------------------------------------------------


class _Collector:
    """Takes chunks, and gives the ids of the view their order."""

    def __init__(self, ids: array[int]) -> None:
        self.ids = ids

    def add(self, chunk: _Chunk) -> None:
        """A chunk, in file order (or in the order of the index)."""
        raise TypeError("a collector says how it takes a chunk")

    def finish(self, cancelled: Callable[[], bool]) -> bool:
        """The last chunk was added; false when it was cancelled."""
        return True


class _InOrder(_Collector):
    """As they come."""

    def add(self, chunk: _Chunk) -> None:
        self.ids.extend(array("q", [found for found, _ in chunk]))


class _Grouped(_Collector):
    """By a key of few values: the first group is shown while the others are gathered."""

    def __init__(self, ids: array[int]) -> None:
        super().__init__(ids)
        self._groups: dict[int, array[int]] = {0: ids}

    def add(self, chunk: _Chunk) -> None:
        for found, key in chunk:
            self._groups.setdefault(int(key), array("q")).append(found)

    def finish(self, cancelled: Callable[[], bool]) -> bool:
        for key in sorted(self._groups):
            if key:
                self.ids.extend(self._groups[key])
        return True


class _Sorted(_Collector):
    """By a number. Sorted in buckets of some thousands, so that no other thread waits long for its turn."""

    def __init__(self, ids: array[int]) -> None:
        super().__init__(ids)
        self._found, self._keys = array("q"), array("d")

    def add(self, chunk: _Chunk) -> None:
        self._found.extend(array("q", [found for found, _ in chunk]))
        self._keys.extend(array("d", [key for _, key in chunk]))

    def finish(self, cancelled: Callable[[], bool]) -> bool:
        keys, found = self._keys, self._found
        sample = sorted(random.Random(0).choices(keys, k=_BUCKETS * 8)) if len(keys) > 10_000 else []
        edges = sample[8::8]
        buckets = [array("I") for _ in range(len(edges) + 1)]
        for index, key in enumerate(keys):
            buckets[bisect_right(edges, key)].append(index)
        for bucket in buckets:
            if cancelled():
                return False
            self.ids.extend(array("q", [found[index] for index in sorted(bucket, key=keys.__getitem__)]))
        return True


def _mixer(seed: int) -> Callable[[int], float]:
    """A number for each id that looks random and is the same for the same seed (the finaliser of splitmix64)."""
    start = random.Random(seed).getrandbits(64)
    mask = (1 << 64) - 1

    def mix(number: int) -> float:
        value = (number * 0x9E3779B97F4A7C15 + start) & mask
        value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & mask
        value = (value ^ value >> 27) * 0x94D049BB133111EB & mask
        return float((value ^ value >> 31) >> 11)

    return mix


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
    rows = store.page_of(workspace.store.read(), [pair])
    at = rows[0].position - view.first if rows else -1
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
            rows = store.scan_positions(connection, view.dataset_id, base + start, base + end, Condition(), _NO_KEY)
            yield [found for found, _ in rows]


def detail(workspace: Workspace, pair: int) -> PairView:
    """One pair whole. Raises NotFoundError."""
    return store.pair_view(workspace.store.read(), pair)


def findings(workspace: Workspace, version: int) -> list[FindingSpan]:
    """What the checks found in a version."""
    return store.findings_of(workspace.store.read(), version)


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
