"""Gathering the ids of a view: chunks of short reads, put in the order that was asked for.

Meant for a thread: no read is longer than about a tenth of a second, and no sort keeps other threads waiting.
"""

from __future__ import annotations

import random
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from flywheel_tui.store import search as search_store
from flywheel_tui.store import views as store
from flywheel_tui.store.views import Condition

if TYPE_CHECKING:
    from flywheel_tui.stages.views import View
    from flywheel_tui.workspace import Workspace

_AIM_SECONDS = 0.06
_FIRST_WINDOW, _SMALLEST, _LARGEST = 2_000, 64, 200_000
_BUCKETS = 256
_MAPPED = 1_000
"""Hits that are looked up among the pairs in one read."""
_NO_KEY = Condition("0")


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
    size = search_store.RANKED_UP_TO + 1
    versions = search_store.next_hits(connection, match, 0, size)
    if view.query.order == "as is" and len(versions) < size:
        view.note = "best match first"
        versions = search_store.best_hits(connection, match, size)
    elif view.query.order == "as is":
        view.note = "too many to rank: in the order of the file"
    while versions:
        for start in range(0, len(versions), _MAPPED):
            part = versions[start : start + _MAPPED]
            yield store.scan_versions(connection, view.dataset_id, part, view.condition, key)
        if len(versions) < size:
            return
        # Each page of hits begins the search anew, so the pages grow.
        size = min(size * 4, 10 * _LARGEST)
        versions = search_store.next_hits(connection, match, versions[-1], size)


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
